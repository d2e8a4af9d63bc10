package overlay

import (
	"fmt"
	"image/color"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"copilot/app/interview"
)

// readAnswers are the answers that are read aloud in the interview's tests.
func readAnswers(t *testing.T) (answers []string) {
	t.Helper()
	data, err := os.ReadFile("../interview/testdata/reading.txt")
	if err != nil {
		t.Fatal(err)
	}
	for part := range strings.SplitSeq(string(data), "\n== ") {
		_, text, _ := strings.Cut(part, "\n")
		if at := strings.Index(text, "\n~ "); at >= 0 {
			answers = append(answers, strings.TrimSpace(text[:at]))
		}
	}
	if len(answers) < 20 {
		t.Fatalf("%d answers", len(answers))
	}
	return answers
}

// What: the words of an answer are counted up to a byte. Why: the voice's place
// is told in bytes, and the words on screen are the flow's.
func TestWordsAreCountedAsTheyArePlaced(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, text := range append(readAnswers(t), "1. One\n2) two\n\n## Heading\n* **B**old – dash\n- `code` x", "- a\n  - b c\n• d") {
		f := newFlow(30, 2, cell)
		f.Write(text)
		f.Finish()
		want := f.count
		f.unplaceTail()
		if got := (counter{}).to([]byte(text), len(text)); got.words != want {
			t.Errorf("%d words counted, %d placed of %q", got.words, want, text)
		}
		var c counter
		for range 50 { // in steps, and back
			end := rng.IntN(len(text) + 1)
			if c = c.to([]byte(text), end); c.words != (counter{}).to([]byte(text), end).words {
				t.Fatalf("byte %d of %q: %d words", end, text, c.words)
			}
		}
	}
}

// places are the words in sight with where they stand and their colour.
func places(p *prose) (words []string, at []fyne.Position, colors []color.Color) {
	for _, o := range p.page.Objects {
		t := o.(*canvas.Text)
		x := t.Position().X
		for i, w := range strings.Split(t.Text, " ") {
			if i > 0 {
				x += p.measure(" ", face{})
			}
			words, at, colors = append(words, w), append(at, fyne.NewPos(x, t.Position().Y)), append(colors, t.Color)
			x += fyne.MeasureText(w, t.TextSize, t.TextStyle).Width
		}
	}
	return words, at, colors
}

// What: the voice goes through an answer. Why: words said are dimmed and no word
// on screen moves by it, by a mark or by a claim's colour.
func TestWordsSaidAreDimmed(t *testing.T) {
	test.NewTempApp(t)
	p := newProse(newLook(Settings{TextSize: DefaultTextSize, Theme: ThemeDark}, true))
	test.TempWidgetRenderer(t, p)
	p.Resize(fyne.NewSize(420, 600))
	const text = "**By money flow, one** at a time.\n\n- **Split:** refunds first, because they were small and easy to roll back.\n- I ran Cassandra for years."
	p.add(text, time.Time{})
	p.finish()
	words, before, _ := places(p)
	labels := []interview.Label{
		{From: 0, To: strings.Index(text, "\n"), Ground: interview.Grounded, Rests: "x"},
		{From: strings.Index(text, "I ran"), To: len(text), Ground: interview.Unfounded, Claim: "Cassandra"},
	}
	for _, said := range []int{0, 5, 12, strings.Index(text, "one"), strings.Index(text, "because"), 20, len(text)} {
		p.read(said, labels)
		now, at, colors := places(p)
		marks, n, dimmed := "", 0, 0
		for i, w := range now {
			if (w == "?" || w == "•") && at[i].X > 400 {
				marks += w
				continue
			}
			if w != words[n] || math.Abs(float64(at[i].X-before[n].X)) > 0.6 || at[i].Y != before[n].Y {
				t.Fatalf("%d bytes said: word %d is %q at %v, was %q at %v", said, n, w, at[i], words[n], before[n])
			}
			if colors[i] == p.look.dim() {
				dimmed++
			}
			if w == "Cassandra" && said < len(text) && colors[i] != p.look.warn {
				t.Errorf("%d bytes said: the claim is %v", said, colors[i])
			}
			n++
		}
		if want := (counter{}).to([]byte(text), said).words; dimmed != want {
			t.Errorf("%d bytes said: %d words dimmed, want %d", said, dimmed, want)
		}
		if marks != "•?" {
			t.Errorf("%d bytes said: marks %q", said, marks)
		}
	}
}

// What: a long answer is read, the voice wanders, and a sentence is said again.
// Why: the next words stand at the eyes' height, and wait there.
func TestViewFollowsTheVoice(t *testing.T) {
	for _, still := range []bool{false, true} {
		p, now := newTestProse(t)
		p.look.comfort.Still = still
		text := strings.Repeat("We took it apart by money flow, one at a time. ", 30)
		p.add(text, now)
		p.finish()
		height := p.Size().Height
		moves, last := 0, p.offset
		for said := 1; said < len(text)*2/3; said += 6 {
			p.read(said, nil)
			p.follow(now.Add(time.Hour)) // the clock has no say any more
			y := p.flow.lines[p.lineOf(p.reading.said)].y*p.step() - p.offset
			if y < 0 || y+p.step() > height {
				t.Fatalf("still %v, %d bytes said: the next word is at %.0f of %.0f", still, said, y, height)
			}
			if !still && p.offset > 0 && math.Abs(float64(y-height*readingLine)) > float64(p.step()) {
				t.Fatalf("%d bytes said: the next word is at %.0f, the eyes are at %.0f", said, y, height*readingLine)
			}
			if p.offset != last {
				moves, last = moves+1, p.offset
			}
		}
		if lines := len(p.flow.lines) * 2 / 3; still && moves > lines/4 || !still && moves < lines/2 {
			t.Errorf("still %v: %d moves for %d lines", still, moves, lines)
		}
		p.follow(now.Add(2 * time.Hour)) // the voice wanders
		if p.offset != last {
			t.Error("the view did not wait")
		}
		p.read(10, nil) // from the beginning
		p.follow(now)
		if p.flow.lines[0].y*p.step() < p.offset {
			t.Error("the view did not go back")
		}
		p.lines(5) // by hand
		held := p.offset
		p.read(len(text)-1, nil)
		p.follow(now)
		if p.offset != held {
			t.Error("the view moved under the reader's hand")
		}
	}
}

// The words below are laid out once, wherever the voice is.
func TestVoiceCostsWhatIsInSight(t *testing.T) {
	p, now := newTestProse(t)
	text := strings.Repeat("We took it apart by money flow, one at a time. ", 400)
	p.add(text, now)
	p.read(1, nil)
	placed, laid, steps := p.flow.placed, p.laid, 0
	for said := 1; said < len(text); said += 6 {
		p.read(said, nil)
		p.follow(now)
		steps++
	}
	if p.flow.placed != placed {
		t.Error("words were placed again")
	}
	if n := float64(p.laid-laid) / float64(steps); n > 12 {
		t.Errorf("%.1f lines drawn for a word said", n)
	}
}

// What: an answer waits for the reader. Why: it is a button and a key, and goes
// when it is taken.
func TestNextQuestionIsAChip(t *testing.T) {
	var pressed []interview.Command
	w := newTestWindow(t, Options{Do: func(c interview.Command) { pressed = append(pressed, c) }})
	s := state(interview0)
	w.Show(s)
	if w.tele.chip.Visible() {
		t.Error("there is a chip, and nothing waits")
	}
	s.Reader.Next = 3
	w.Show(s)
	if !w.tele.chip.Visible() || !strings.Contains(onScreen(w), "Next question") {
		t.Fatal("no chip")
	}
	test.Tap(w.tele.chip)
	s.Reader.Next = 0
	w.Show(s)
	if len(pressed) != 1 || pressed[0] != interview.Next || w.tele.chip.Visible() {
		t.Errorf("pressed %v", pressed)
	}
}

func TestQuestionAsItIsShown(t *testing.T) {
	q := interview.Question{Text: "How do you use cough car here?", Unsure: []interview.Span{{From: 15, To: 20}, {From: 21, To: 24}}}
	if got := asked(q, interview.Reader{}); got != "How do you use ‹cough car?› here?" {
		t.Errorf("%q", got)
	}
	var r interview.Reader
	r.Parts.All = []interview.Part{{Text: "Why Go", Covered: true}, {Text: "and how long"}}
	if got := asked(q, r); got != "✓ Why Go · ○ and how long" {
		t.Errorf("%q", got)
	}
	w := newTestWindow(t, Options{})
	s := state("I led it.")
	change(&s, func(q *interview.Question) { q.Answer.Draft = true })
	w.Show(s)
	if w.tele.question.loud != "" || !strings.HasSuffix(w.tele.question.low, "…") {
		t.Errorf("a draft's question is %q %q", w.tele.question.loud, w.tele.question.low)
	}
	change(&s, func(q *interview.Question) {
		q.Answer.Draft = false
		q.Answer.Labels.All = []interview.Label{{From: 0, To: 9, Ground: interview.Unfounded, Claim: "Cassandra"}}
	})
	w.Show(s)
	if w.tele.question.low != "" || !strings.Contains(onScreen(w), "Not in your documents: Cassandra.") {
		t.Errorf("%q", onScreen(w))
	}
}

// What: the reading pack. Why: each of its settings changes what is drawn, and
// survives nonsense in the file.
func TestReadingPack(t *testing.T) {
	test.NewTempApp(t)
	set := func(c Comfort) *prose {
		p := newProse(newLook(Settings{TextSize: DefaultTextSize, Theme: ThemeSafe, Comfort: c}.valid(), true))
		test.TempWidgetRenderer(t, p)
		p.Resize(fyne.NewSize(900, 400))
		p.add(strings.Repeat("words that are read aloud ", 40), time.Time{})
		return p
	}
	plain, wide, narrow, wild := set(Comfort{}), set(Comfort{Spacing: 1.6}), set(Comfort{Column: 30}), set(Comfort{Spacing: 99, Column: -4})
	if wide.step() <= 1.5*plain.step() || len(narrow.flow.lines) < 2*len(plain.flow.lines) {
		t.Errorf("steps %.0f and %.0f, %d and %d lines", plain.step(), wide.step(), len(plain.flow.lines), len(narrow.flow.lines))
	}
	for _, l := range narrow.flow.lines {
		if n := len(l.runs[0].text); n > 36 {
			t.Errorf("%d letters on a line", n)
		}
	}
	if wild.step() != 2*plain.step() || wild.look.comfort.Column != minColumn {
		t.Errorf("%+v", wild.look.comfort)
	}
	easy := newLook(Settings{TextSize: 20, Theme: ThemeLight, Comfort: Comfort{EasyFont: true}}, false)
	for style, name := range map[fyne.TextStyle]string{{}: "AndikaNewBasic-R.ttf", {Bold: true}: "AndikaNewBasic-B.ttf"} {
		if got := easy.Font(style).Name(); got != name {
			t.Errorf("%+v: %s", style, got)
		}
	}
	if got := easy.Font(fyne.TextStyle{Monospace: true}).Name(); strings.Contains(got, "Andika") {
		t.Errorf("code is set in %s", got)
	}
	if near, far := sizeFor(45), sizeFor(125); near >= DefaultTextSize || far <= 1.9*DefaultTextSize || sizeFor(60) != DefaultTextSize || sizeFor(1e4) != maxTextSize {
		t.Errorf("%.0f and %.0f", near, far)
	}
}

// What: colours as people without red or green receptors see them. Why: what is
// told by colour must be told to them too.
func TestSafeColoursDifferInBrightness(t *testing.T) {
	p := safePalette()
	for name, pair := range map[string][2]color.NRGBA{
		"grounded and claim": {p.good, p.warn}, "claim and text": {p.warn, p.soft}, "sides": {p.interviewer, p.candidate}, "good and bad": {p.good, p.bad},
	} {
		for _, blind := range []string{"protan", "deutan"} {
			if d := distance(seen(pair[0], blind), seen(pair[1], blind)); d < 40 {
				t.Errorf("%s look alike to a %sope: %.0f", name, blind, d)
			}
		}
	}
	if d := distance(seen(rgb(0x84d6a4), "deutan"), seen(rgb(0xf3bd55), "deutan")); d > 200 {
		t.Errorf("the measure cannot fail: %.0f", d)
	}
}

// seen is a colour as a person with a colour vision deficiency sees it (the
// matrices of Viénot, Brettel and Mollon, 1999, in linear light).
func seen(c color.NRGBA, blind string) [3]float64 {
	m := [3][3]float64{{0.11238, 0.88762, 0}, {0.11238, 0.88762, 0}, {0.00401, -0.00401, 1}}
	if blind == "deutan" {
		m = [3][3]float64{{0.29275, 0.70725, 0}, {0.29275, 0.70725, 0}, {-0.02234, 0.02234, 1}}
	}
	var out [3]float64
	in := [3]float64{float64(c.R), float64(c.G), float64(c.B)}
	for i := range in {
		in[i] = math.Pow(in[i]/255, 2.2)
	}
	for i := range out {
		for j := range in {
			out[i] += m[i][j] * in[j]
		}
		out[i] = 255 * math.Pow(max(out[i], 0), 1/2.2)
	}
	return out
}

func distance(a, b [3]float64) (d float64) {
	for i := range a {
		d += (a[i] - b[i]) * (a[i] - b[i])
	}
	return math.Sqrt(d)
}

// BenchmarkVoice is a word said, in answers of two lengths.
func BenchmarkVoice(b *testing.B) {
	began := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for _, tokens := range []int{100, 4000} {
		b.Run(fmt.Sprintf("in %d", tokens), func(b *testing.B) {
			test.NewTempApp(b)
			p := newProse(newLook(Settings{TextSize: DefaultTextSize, Theme: ThemeDark}, true))
			test.WidgetRenderer(p)
			p.Resize(fyne.NewSize(540, 200))
			for i := range tokens {
				p.add(words[i%len(words)], began)
			}
			said := 0
			for b.Loop() {
				if said += 6; said > len(p.text) {
					said = 6
				}
				p.read(said, nil)
				p.follow(began)
			}
		})
	}
}

// What: keys and the mouse at a sentence, a question typed anew, a card. Why: each
// says what it is, and moves no line above.
func TestBasisCorrectionAndCard(t *testing.T) {
	var typed []string
	w := newTestWindow(t, Options{Ask: func(text string) { typed = append(typed, text) }})
	s := state("I split it in nine months. I ran Cassandra.")
	change(&s, func(q *interview.Question) {
		q.Answer.Labels.All = []interview.Label{
			{From: 0, To: 26, Ground: interview.Grounded, Rests: "Split payments in nine months"},
			{From: 27, To: 43, Ground: interview.Unfounded, Claim: "Cassandra"},
		}
	})
	w.Show(s)
	w.win.Canvas().Capture() // lays it out
	key := w.win.Canvas().OnTypedKey()
	key(&fyne.KeyEvent{Name: fyne.KeyR})
	if !strings.Contains(onScreen(w), "Your résumé: Split payments in nine months") {
		t.Errorf("%q", onScreen(w))
	}
	key(&fyne.KeyEvent{Name: fyne.KeyR})
	if strings.Contains(onScreen(w), "Your résumé:") {
		t.Error("the key does not hide it again")
	}
	w.tele.answer.MouseMoved(&desktop.MouseEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(20, 5)}})
	if !strings.Contains(onScreen(w), "Not in your documents: Cassandra.") || w.tele.basis == "" {
		t.Errorf("pointing shows %q", w.tele.basis)
	}
	w.tele.answer.MouseOut()
	if w.tele.basis != "" {
		t.Error("it stays when the pointer has gone")
	}

	key(&fyne.KeyEvent{Name: fyne.KeyE})
	top := w.win.Canvas().Overlays().Top()
	if top == nil {
		t.Fatal("no dialog")
	}
	for _, o := range test.LaidOutObjects(top) {
		if e, ok := o.(*multiline); ok {
			if at, text := e.CursorTextOffset(), e.Text; at != len(text) {
				t.Errorf("the cursor is at %d of %q", at, text)
			}
			e.SetText("How did Kafka go? ")
		}
	}
	for _, o := range test.LaidOutObjects(top) {
		if b, ok := o.(*widget.Button); ok && b.Text == "Ask again" {
			test.Tap(b)
		}
	}
	if len(typed) != 1 || typed[0] != "How did Kafka go?" {
		t.Errorf("asked %q", typed)
	}

	s = state("")
	change(&s, func(q *interview.Question) { q.Prepared, q.Card = "**Three reasons.**", true })
	w.Show(s)
	if text := onScreen(w); !strings.Contains(text, "Three reasons.") || !strings.Contains(text, "Prepared before the interview") {
		t.Errorf("%q", text)
	}
	change(&s, func(q *interview.Question) { q.Card, q.Answer.Text = false, q.Answer.Text.Append("Because.") })
	w.Show(s)
	if text := onScreen(w); strings.Contains(text, "Three reasons.") || !strings.Contains(text, "Because.") {
		t.Errorf("%q", text)
	}
}

// What: a question with a doubtful word, in a dialog so narrow that it wraps. Why:
// what is to be corrected is where the cursor stands.
func TestCorrectionBeginsAtTheDoubt(t *testing.T) {
	w := newTestWindow(t, Options{Ask: func(string) {}})
	w.win.Resize(fyne.NewSize(430, 460))
	s := state("I split it.")
	const asked = "Größere Systeme: how did you split the ledger between the teams and when did you use cough car there, and for how long did it run?"
	change(&s, func(q *interview.Question) {
		q.Text = asked
		at := strings.Index(asked, "cough")
		q.Unsure = []interview.Span{{From: at, To: at + 5}, {From: at + 6, To: at + 9}}
	})
	w.Show(s)
	w.correctKey()
	for _, o := range test.LaidOutObjects(w.win.Canvas().Overlays().Top()) {
		if e, ok := o.(*multiline); ok {
			if rest := string([]rune(e.Text)[e.CursorTextOffset():]); !strings.HasPrefix(rest, "cough car") || e.CursorRow == 0 {
				t.Errorf("the cursor is in row %d before %q", e.CursorRow, rest)
			}
			return
		}
	}
	t.Error("no field")
}

// What: the lowest line of an answer in each font, in a window that is just high
// enough. Why: no letter's tail is cut off.
func TestTailsAreWhole(t *testing.T) {
	for _, easy := range []bool{false, true} {
		ink := func(height float32) (pixels int) {
			a := test.NewTempApp(t)
			p := newProse(newLook(Settings{TextSize: maxTextSize, Theme: ThemeDark, Comfort: Comfort{EasyFont: easy}}, true))
			a.Settings().SetTheme(p.look)
			w := test.NewTempWindow(t, p)
			w.SetPadded(false)
			w.Resize(fyne.NewSize(300, height))
			p.add("gypqj", time.Time{})
			p.finish()
			p.newest()
			img := w.Canvas().Capture()
			for y := range img.Bounds().Dy() {
				for x := range 290 { // without the thumb
					if r, g, b, _ := img.At(x, y).RGBA(); r+g+b > 0x9000 {
						pixels++
					}
				}
			}
			return pixels
		}
		if whole, tight := ink(200), ink(61); whole < 500 || tight < whole*99/100 { // edges are smoothed otherwise
			t.Errorf("easy font %v: %d of %d pixels", easy, tight, whole)
		}
	}
}
