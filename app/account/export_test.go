package account

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"

	"github.com/yuin/goldmark"
)

var zone = time.FixedZone("CET", 3600)

func examplePast() Past {
	began := time.Date(2026, 11, 25, 9, 30, 0, 0, time.UTC)
	return Past{
		ID: "x", Title: "Brückenbank – Staff engineer", Started: began, Ended: began.Add(42 * time.Minute),
		Notes:   "Ask about <on-call>\n\n# not a heading *or* markup",
		Debrief: "You were clear.\n\n**What you did well**\n- You gave **numbers** twice.\n- 1. April is not a list",
		Turns: []Said{
			{SpeakerInterviewer, "Why Postgres, and not “MySQL”?", 65 * time.Second},
			{SpeakerAnswer, "**Locks** I know.\n\n- **Row** level: `select … for update skip locked`.", 66 * time.Second},
			{SpeakerCandidate, "Żółć & naïve façade: Ελληνικά, Кириллица, ß. 100 % <b>bold</b>\u202e\x07", 70 * time.Second},
			{SpeakerCandidate, "- 1) no list", 80 * time.Second},
		},
	}
}

func TestExportMarkdown(t *testing.T) {
	var b bytes.Buffer
	if err := ExportMarkdown(&b, examplePast(), []string{"You spoke 62 % of the time."}, zone); err != nil {
		t.Fatal(err)
	}
	var html bytes.Buffer
	if err := goldmark.Convert(b.Bytes(), &html); err != nil {
		t.Fatal(err)
	}
	page := html.String()
	for _, want := range []string{
		"<h1>Brückenbank – Staff engineer</h1>", "25 November 2026, 10:30, 42 minutes", "<li>You spoke 62 % of the time.</li>",
		"<li>You gave <strong>numbers</strong> twice.</li>", "1. April is not a list",
		"<p># not a heading *or* markup</p>", "Ask about &lt;on-call&gt;",
		"<strong>1:05  Interviewer:</strong> Why Postgres", "<blockquote>", "<strong>Row</strong> level",
		"100 % &lt;b&gt;bold&lt;/b&gt;", "- 1) no list",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s\nfrom\n%s", want, page, b.String())
		}
	}
	for _, bad := range []string{"\u202e", "\x07", "<ol", "<b>"} {
		if strings.Contains(page, bad) {
			t.Errorf("%q is in\n%s", bad, page)
		}
	}
}

func TestExportDOCX(t *testing.T) {
	var b bytes.Buffer
	if err := ExportDOCX(&b, examplePast(), []string{"You spoke 62 % of the time."}, zone); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	targets := map[string]bool{}
	for _, f := range z.File {
		targets[f.Name] = true
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		d := xml.NewDecoder(r)
		inText := false
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", f.Name, err)
			}
			switch e := token.(type) {
			case xml.StartElement:
				inText = e.Name.Local == "t"
				if e.Name.Local == "p" {
					text.WriteByte('\n')
				}
			case xml.EndElement:
				inText = false
			case xml.CharData:
				if inText && f.Name == "word/document.xml" {
					text.Write(e)
				}
			}
		}
	}
	for _, name := range []string{"[Content_Types].xml", "_rels/.rels", "word/document.xml", "word/styles.xml", "word/numbering.xml"} {
		if !targets[name] {
			t.Errorf("no %s", name)
		}
	}
	for _, want := range []string{"\nBrückenbank – Staff engineer\n", "\nYou gave numbers twice.\n", "Żółć & naïve façade: Ελληνικά, Кириллица, ß. 100 % <b>bold</b>", "\nSuggested: Locks I know."} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
}

// dejavu is what the tests set PDFs in; fonts-dejavu-core is needed.
func dejavu(t *testing.T) Fonts {
	t.Helper()
	f := Fonts{Cache: t.TempDir()}
	for name, to := range map[string]*[]byte{"DejaVuSans.ttf": &f.Regular, "DejaVuSans-Bold.ttf": &f.Bold} {
		data, err := os.ReadFile(filepath.Join("/usr/share/fonts/truetype/dejavu", name))
		if err != nil {
			t.Fatal(err)
		}
		*to = data
	}
	return f
}

// pdfText is what another reader of PDF finds in a file, of which it must not
// complain; poppler-utils is needed.
func pdfText(t *testing.T, file []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "interview.pdf")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("pdftotext", "-layout", "-enc", "UTF-8", path, "-")
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil || complaints.Len() > 0 {
		t.Fatalf("pdftotext: %v\n%s", err, complaints.String())
	}
	return strings.Join(strings.Fields(out.String()), " ")
}

func TestExportPDF(t *testing.T) {
	var b bytes.Buffer
	if err := ExportPDF(&b, examplePast(), []string{"You spoke 62 % of the time."}, zone, dejavu(t)); err != nil {
		t.Fatal(err)
	}
	text := pdfText(t, b.Bytes())
	for _, want := range []string{
		"Brückenbank – Staff engineer 25 November 2026, 10:30, 42 minutes", "You spoke 62 % of the time.",
		"You gave numbers twice.", "1:05 Interviewer: Why Postgres, and not “MySQL”?", "select … for update skip locked",
		"Żółć & naïve façade: Ελληνικά, Кириллица, ß. 100 % <b>bold</b>",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if b.Len() > 120_000 { // two whole fonts have 1.4 MB
		t.Errorf("%d bytes: the fonts were not cut down", b.Len())
	}
}

// Characters that the given fonts lack come from the computer's; those that
// nobody has are still copied right. Arabic is shaped and reads from the right.
func TestExportPDFInEveryScript(t *testing.T) {
	const arabic, hebrew, hindi, han, emoji = "مرحبا بالعالم", "שלום עולם", "नमस्ते", "你好世界", "👩‍💻🙂"
	p := Past{Title: hebrew, Turns: []Said{
		{SpeakerCandidate, arabic, 0}, {SpeakerCandidate, hindi + " in the middle", 0}, {SpeakerCandidate, han, 0}, {SpeakerCandidate, emoji, 0},
		{SpeakerCandidate, "office efficient ffi", 0}, {SpeakerCandidate, "e\u0301 and a\u0308\u0304", 0},
	}}
	var b bytes.Buffer
	fonts := Fonts{Regular: goregular.TTF, Bold: gobold.TTF, Cache: t.TempDir()}
	if err := ExportPDF(&b, p, nil, zone, fonts); err != nil {
		t.Fatal(err)
	}
	text := pdfText(t, b.Bytes())
	for _, want := range []string{han, "in the middle", "office efficient ffi", "🙂"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, letters := range []string{arabic, hebrew, hindi} { // readers disagree on order and joining
		for _, r := range letters {
			if !strings.ContainsRune(text, r) {
				t.Errorf("no %q in\n%s", r, text)
			}
		}
	}
}

func TestExportPDFOfALongInterview(t *testing.T) {
	p := examplePast()
	for i := range 400 {
		p.Turns = append(p.Turns, Said{SpeakerCandidate, fmt.Sprintf("turn-%d %s", i, strings.Repeat("many words follow one another ", i%12)), time.Minute})
	}
	p.Turns = append(p.Turns, Said{SpeakerCandidate, strings.Repeat("withoutanyspace", 200), time.Minute}, Said{SpeakerCandidate, "", 0})
	var b bytes.Buffer
	if err := ExportPDF(&b, p, nil, zone, dejavu(t)); err != nil {
		t.Fatal(err)
	}
	text := pdfText(t, b.Bytes())
	for i := range 400 {
		if !strings.Contains(text, fmt.Sprintf("turn-%d ", i)) {
			t.Fatalf("turn %d is missing", i)
		}
	}
	if !strings.Contains(text, "1 / ") || strings.Count(strings.ReplaceAll(text, " ", ""), "withoutanyspace") < 190 {
		t.Error("page numbers or the end of a long word are missing")
	}
}

// A damaged font is an error, also where the font library panics.
func TestExportPDFWithADamagedFont(t *testing.T) {
	damaged := bytes.Clone(goregular.TTF)
	damaged[166] = 'a'
	for name, data := range map[string][]byte{"lies": damaged, "cut": goregular.TTF[:5000], "none": nil, "text": []byte("no font at all")} {
		var b bytes.Buffer
		if err := ExportPDF(&b, Past{Title: "äé"}, nil, zone, Fonts{Regular: data, Bold: gobold.TTF}); err == nil || b.Len() > 0 {
			t.Errorf("%s: %v, %d bytes written", name, err, b.Len())
		}
	}
}

func FuzzOutlines(f *testing.F) {
	f.Add([]byte{0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x21, 0, 7, 1, 2, 3, 4, 0, 0, 0, 9, 5, 6}, []byte{0, 0, 0, 1}, []byte{0, 1, 0, 0, 0, 1}, true)
	f.Fuzz(func(t *testing.T, outline, loca, maxp []byte, long bool) {
		parts := 0
		components(outline, func(int) error { parts++; return nil })
		if parts > len(outline)/6 {
			t.Errorf("%d parts in %d bytes", parts, len(outline))
		}
		head := make([]byte, 54)
		if long {
			head[51] = 1
		}
		offsets := outlineOffsets(head, loca, maxp, len(outline))
		if !slices.IsSorted(offsets) || len(offsets) > 0 && offsets[len(offsets)-1] > len(outline) {
			t.Errorf("%v of %d bytes", offsets, len(outline))
		}
	})
}
