package resume

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// slack is what a busy machine may add to the three seconds before the parent
// has seen its child die.
const slack = 4 * time.Second

// try parses data as a file and holds Parse to its promises whatever comes out:
// an answer or a typed error, in time.
func try(t testing.TB, name string, data []byte) (Document, error) {
	t.Helper()
	began := time.Now()
	d, err := Parse(t.Context(), document(t, data))
	if took := time.Since(began); took > parseDeadline+slack {
		t.Errorf("%s took %v", name, took)
	}
	var e *Error
	if err != nil && (!errors.As(err, &e) || e.Problem == Internal || e.Sentence() == "") {
		t.Errorf("%s: %v is no error for a person", name, err)
	}
	if err == nil && strings.TrimSpace(d.Text) == "" {
		t.Errorf("%s: neither text nor error", name)
	}
	return d, err
}

// document is the path of a new file.
func document(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "document")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// warm gets the compiling done before anything is timed.
func warm(t testing.TB) {
	t.Helper()
	if err := Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// survive parses one of D10's files, and then a good one.
func survive(t *testing.T, id string) {
	t.Helper()
	warm(t)
	_, err := try(t, id, d10(id))
	t.Logf("outcome: %v", err)
	d, err := try(t, "good", goodPDF())
	if err != nil || d.Text != "Hello hostile world" || d.Pages != 1 {
		t.Errorf("after %s a good file gives %+v, %v", id, d, err)
	}
}

// What/why: each of these hangs or kills ledongthuc/pdf in-process; here each
// ends in time and leaves the program alive.
func TestF1_UnterminatedHexString(t *testing.T) { survive(t, "F1") }
func TestF2_PageTreeCycle(t *testing.T)         { survive(t, "F2") }
func TestF3_ParentCycle(t *testing.T)           { survive(t, "F3") }
func TestF4_OutlineCycle(t *testing.T)          { survive(t, "F4") }
func TestF5_CountOfAThousandMillion(t *testing.T) {
	survive(t, "F5")
}
func TestF6_PrevCycle(t *testing.T)      { survive(t, "F6") }
func TestF7_HugeAllocation(t *testing.T) { survive(t, "F7") }

// What/why: a document that would keep the reader busy for years is given up at
// the deadline, and its child is dead.
func TestDeadlineKillsTheChild(t *testing.T) {
	warm(t)
	_, err := try(t, "slow", slowPDF())
	var e *Error
	if !errors.As(err, &e) || e.Problem != TimedOut {
		t.Fatalf("got %v, want a time-out", err)
	}
}

// What/why: when the person cancels, the child goes at once.
func TestCancelKillsTheChild(t *testing.T) {
	warm(t)
	path := document(t, slowPDF())
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := Parse(ctx, path)
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > parseDeadline {
		t.Errorf("got %v after %v", err, time.Since(began))
	}
	if _, err := Parse(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a dead context gives %v", err)
	}
}

// What/why: bombs, endless depth, document type declarations and the like are
// refused with a sentence, quickly, and nothing is written anywhere.
func TestF8_HostileDOCX(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, data := range hostileDOCXs(t) {
		began := time.Now()
		d, err := try(t, name, data)
		t.Logf("%v %s: %v", time.Since(began).Round(time.Millisecond), name, err)
		if err == nil {
			t.Errorf("%s was read: %.80q", name, d.Text)
		}
	}
	escaping := docxFile(t, "<w:p><w:r><w:t>Hello</w:t></w:r></w:p>",
		entry{name: "../../escaped.xml", content: []byte("x")}, entry{name: "/tmp/escaped.xml", content: []byte("x")},
		entry{name: "word/header1.xml", content: []byte("/etc/passwd"), mode: os.ModeSymlink | 0o777},
		entry{name: "word/nested.docx", content: docxFile(t, "<w:p/>")})
	if d, err := try(t, "escaping names", escaping); err == nil && d.Text != "Hello" {
		t.Errorf("escaping names: %q", d.Text)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("written: %v, %v", left, err)
	}
}

// What/why: what is no document is refused before it is read, and what a file is
// shows in its bytes, not in its name.
func TestF9_NoDocument(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	huge := file("huge.pdf", goodPDF())
	if err := os.Truncate(huge, 200<<20); err != nil {
		t.Fatal(err)
	}
	word, err := os.ReadFile("testdata/handmade.docx")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path string
		want       Problem // "" when it is read
		sentence   string
	}{
		{"200 MB", huge, TooLarge, "20 MB"},
		{"no bytes", file("empty.pdf", nil), Empty, "empty"},
		{"directory", dir, NotAFile, "not a file"},
		{"missing", filepath.Join(dir, "gone.pdf"), Missing, "not there"},
		{"PDF called .docx", file("a.docx", goodPDF()), "", ""},
		{"DOCX called .pdf", file("a.pdf", word), "", ""},
		{"picture called .txt", file("a.txt", []byte("\x89PNG\r\n\x1a\n12345")), UnknownType, "picture"},
		{"noise called .txt", file("b.txt", []byte("ab\x00\x01\x02\x03cd\x05\x06")), UnknownType, "PDF, DOCX"},
		{"old Word", file("a.doc", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and more")), UnknownType, "Export it as PDF or DOCX"},
		{"RTF", file("a.rtf", []byte(`{\rtf1 hello}`)), UnknownType, "Export"},
		{"OpenDocument", file("a.odt", zipFile(t, entry{name: "mimetype"})), UnknownType, "zip"},
		{"Pages", file("a.pages", zipFile(t, entry{name: "Index/Document.iwa", content: []byte("x")})), UnknownType, "Pages"},
		{"web page", file("a.html", []byte("<!DOCTYPE html><p>hello")), UnknownType, "web page"},
		{"white space", file("blank.txt", []byte(" \n\t ")), NoText, "no text"},
		{"scan", file("scan.pdf", pdfFile("", pdfCatalog, pdfPages, pdfPage, stream("", "0 0 100 100 re f"), pdfFont)), NoText, "This PDF has no text"},
		{"protected", file("locked.pdf", encryptedPDF()), Encrypted, "password"},
		{"damaged", file("cut.pdf", []byte("%PDF-1.7\n")), Damaged, "damaged"},
	} {
		_, err := Parse(t.Context(), c.path)
		var e *Error
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (!errors.As(err, &e) || e.Problem != c.want):
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		case c.want != "" && !strings.Contains(e.Sentence(), c.sentence):
			t.Errorf("%s: %q does not speak of %q", c.name, e.Sentence(), c.sentence)
		}
	}
}

// outcome of one hostile file.
type outcome struct {
	name string
	err  error
	took time.Duration
	rss  int64 // bytes, of the child at its largest
}

// What/why: D-G4's count: of all hostile files none hangs beyond the deadline, none
// takes a child beyond 256 MiB, none ends the program.
func TestHostileCorpus(t *testing.T) {
	// A child's peak begins at the parent's, which exec hands on: keep ours small.
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(64 << 20))
	warm(t)
	files := hostilePDFs()
	maps.Copy(files, hostileDOCXs(t))
	maps.Copy(files, truncated(t, "groff.pdf", 64))
	maps.Copy(files, truncated(t, "handmade.docx", 64))
	maps.Copy(files, truncated(t, "libreoffice.docx", 64))
	good := goodPDF()
	for n := 1; n < len(good); n += 16 {
		files[fmt.Sprintf("small PDF cut at %d", n)] = good[:n]
	}
	if len(files) < 300 {
		t.Fatalf("only %d files", len(files))
	}
	names := make(chan string)
	var mu sync.Mutex
	var all []outcome
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for name := range names {
				o := measure(t.Context(), name, files[name])
				mu.Lock()
				all = append(all, o)
				mu.Unlock()
			}
		})
	}
	for name := range files {
		names <- name
	}
	close(names)
	wg.Wait()
	report(t, all)
}

// measure is runChild with an eye on the child.
func measure(ctx context.Context, name string, data []byte) outcome {
	o := outcome{name: name}
	kind, err := sniff(data)
	if err != nil {
		o.err = err
		return o
	}
	began := time.Now()
	_, state, err := runChild(ctx, kind, data)
	o.took, o.err = time.Since(began), err
	if state != nil {
		o.rss = peak(state)
	}
	return o
}

func report(t *testing.T, all []outcome) {
	kinds := map[string]int{}
	var worst time.Duration
	var largest int64
	for _, o := range all {
		var e *Error
		switch {
		case o.err == nil:
			kinds["read"]++
		case errors.As(o.err, &e) && e.Problem != Internal:
			kinds[string(e.Problem)]++
		default:
			t.Errorf("%s: %v", o.name, o.err)
		}
		if o.took > parseDeadline+slack {
			t.Errorf("%s took %v", o.name, o.took)
		}
		if o.rss > max(256<<20, ownPeak()) {
			t.Errorf("%s took %d MiB", o.name, o.rss>>20)
		}
		worst, largest = max(worst, o.took), max(largest, o.rss)
	}
	slices.SortFunc(all, func(a, b outcome) int { return int(b.rss - a.rss) })
	for _, o := range all[:5] {
		t.Logf("%4d MiB %v %s", o.rss>>20, o.took.Round(time.Millisecond), o.name)
	}
	t.Logf("%d files: %v; longest %v, largest child %d MiB (%s)", len(all), kinds, worst.Round(time.Millisecond), largest>>20, runtime.GOOS)
}

// What/why: the limits leave room for an honest file of nearly 20 MB, text and
// pictures.
func TestLargePDF(t *testing.T) {
	warm(t)
	picture := strings.Repeat("\x00\x7f\xff picture ", 19<<20/12)
	d, err := try(t, "large", pdfFile("", pdfCatalog, pdfPages, pdfPage, stream("", pdfText), pdfFont, stream("/Type /XObject /Subtype /Image", picture)))
	if err != nil || d.Text != "Hello hostile world" {
		t.Errorf("got %q, %v", d.Text, err)
	}
}

// What/why: machine code in the cache that is broken, or cannot be written, costs
// time and nothing else.
func TestBrokenCache(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", home)
	t.Setenv("LocalAppData", home)
	good := document(t, goodPDF())
	read := func(state string) {
		if d, err := Parse(t.Context(), good); err != nil || d.Pages != 1 {
			t.Errorf("%s: %+v, %v", state, d, err)
		}
	}
	read("cold cache")
	broken := 0
	err := filepath.WalkDir(home, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		broken++
		return os.WriteFile(path, []byte("nonsense"), 0o600)
	})
	if err != nil || broken == 0 {
		t.Fatalf("broke %d files: %v", broken, err)
	}
	read("broken cache")
	if cold(cacheDir()) {
		t.Error("the broken cache was not made anew")
	}
	t.Setenv("XDG_CACHE_HOME", good) // a file, not a directory
	t.Setenv("LocalAppData", good)
	read("no cache")
}
