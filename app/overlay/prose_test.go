package overlay

import (
	"fmt"
	"image/color"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
)

func newTestProse(t *testing.T) (*prose, time.Time) {
	t.Helper()
	test.NewTempApp(t)
	p := newProse(newLook(Settings{TextSize: DefaultTextSize, Theme: ThemeDark}, true))
	test.TempWidgetRenderer(t, p)
	p.Resize(fyne.NewSize(540, 200))
	return p, time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
}

// sight is the text in sight, line by line, with where its first line stands.
func sight(p *prose) (text string, top float32) {
	var b strings.Builder
	for i, o := range p.page.Objects {
		if i == 0 {
			top = o.Position().Y
		}
		b.WriteString(o.(*canvas.Text).Text + "|")
	}
	return b.String(), top
}

// However fast an answer comes, its first line stays until it can have been said.
func TestReadingLineStays(t *testing.T) {
	p, now := newTestProse(t)
	for range 400 {
		p.add("word ", now)
	}
	first, top := sight(p)
	for s := range 8 { // 8 s of speech are 18 words, two lines
		p.follow(now.Add(time.Duration(s) * time.Second))
		if text, y := sight(p); text != first || y != top {
			t.Fatalf("after %d s the lines in sight changed", s)
		}
	}
	p.follow(now.Add(60 * time.Second))
	if p.offset == 0 {
		t.Error("the view never follows")
	}
	if frac := p.offset / p.step(); frac-float32(int(frac+0.5)) > 0.01 {
		t.Errorf("a line is cut: %.2f lines out of sight", frac)
	}
	p.follow(now.Add(time.Hour))
	if !p.atEnd() {
		t.Error("the end does not come into sight")
	}
}

// A reader who has scrolled is left alone, until they ask for the newest words.
func TestScrollingByHandHolds(t *testing.T) {
	p, now := newTestProse(t)
	for range 400 {
		p.add("word ", now)
	}
	p.lines(3)
	p.lines(-1)
	held := p.offset
	if held != 2*p.step() {
		t.Fatalf("two lines are %.1f, scrolled %.1f", 2*p.step(), held)
	}
	before, top := sight(p)
	for range 400 {
		p.add("more ", now)
		p.follow(now.Add(time.Hour))
	}
	if after, y := sight(p); p.offset != held || after != before || y != top {
		t.Error("what the reader looks at moved")
	}
	p.newest()
	if !p.atEnd() {
		t.Error("newest does not show the end")
	}
	p.add(strings.Repeat("even more ", 50), now)
	p.follow(now.Add(time.Hour))
	if !p.atEnd() {
		t.Error("newest does not follow")
	}
	p.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.Delta{DY: 1e6}})
	if p.offset != 0 {
		t.Errorf("scrolled to %.1f", p.offset)
	}
}

func TestPagesOverlapByNothingAndSkipNothing(t *testing.T) {
	p, now := newTestProse(t)
	for i := range 200 {
		p.add(strings.Repeat(string(rune('a'+i%26)), 5)+"\n", now)
	}
	seen := map[int]bool{}
	for range 100 {
		for i := range p.drawn {
			seen[i] = true
		}
		p.pages(1)
	}
	if len(seen) != len(p.flow.lines) {
		t.Errorf("%d of %d lines were shown", len(seen), len(p.flow.lines))
	}
}

// Only lines in sight have objects, so that a frame costs what it shows.
func TestOnlyLinesInSightAreDrawn(t *testing.T) {
	p, now := newTestProse(t)
	for range 4000 {
		p.add("word ", now)
	}
	if n := len(p.page.Objects); n > 10 {
		t.Errorf("%d objects for 7 lines", n)
	}
	if n := len(p.drawn); n > 10 {
		t.Errorf("%d lines are kept", n)
	}
}

// What makes Fyne paint a new line is there, and not hidden, for an answer of any
// length; else the line would be seen with the next thing that moves.
func TestShortAnswersArePaintedToo(t *testing.T) {
	p, now := newTestProse(t)
	for _, text := range []string{"A short answer. ", strings.Repeat("And a long one. ", 200)} {
		p.add(text, now)
		if !p.thumb.Visible() || (p.thumb.FillColor != color.Transparent) != (p.limit() > 0) {
			t.Errorf("%d lines: the thumb is %v and shown: %v", len(p.flow.lines), p.thumb.FillColor, p.thumb.Visible())
		}
	}
}

func TestOtherWidthLaysOutAnew(t *testing.T) {
	p, now := newTestProse(t)
	p.add(strings.Repeat("word ", 40), now)
	wide := len(p.flow.lines)
	p.Resize(fyne.NewSize(270, 200))
	if narrow := len(p.flow.lines); narrow < 2*wide-1 {
		t.Errorf("%d lines at 540, %d at 270", wide, narrow)
	}
}

// Another width or text size moves the lines, not the reader.
func TestReaderKeepsTheirPlace(t *testing.T) {
	p, now := newTestProse(t)
	for i := range 1000 {
		p.add(fmt.Sprintf("w%d ", i), now)
	}
	p.lines(30)
	word := p.topWord()
	text, _ := sight(p)
	p.Resize(fyne.NewSize(270, 200))
	first, _, _ := strings.Cut(text, " ")
	if now, _ := sight(p); !strings.Contains(strings.SplitN(now, "|", 2)[0], first) {
		t.Errorf("the view began with %q, now with %.40q", first, now)
	}
	larger := newProse(newLook(Settings{TextSize: 30, Theme: ThemeDark}, true))
	test.TempWidgetRenderer(t, larger)
	larger.add(string(p.text), now)
	larger.goOn(p)
	larger.Resize(fyne.NewSize(540, 200))
	if got := larger.topWord(); got > word || got < word-10 || !larger.held {
		t.Errorf("%d words were above, now %d; held %v", word, got, larger.held)
	}
}

func TestBlockShowsItsEndOrItsBeginning(t *testing.T) {
	test.NewTempApp(t)
	look := newLook(Settings{TextSize: DefaultTextSize, Theme: ThemeDark}, true)
	text := "first " + strings.Repeat("word ", 60) + "last"
	for _, fromEnd := range []bool{false, true} {
		b := newBlock(14, 2, look.text, look.muted)
		b.fromEnd = fromEnd
		test.TempWidgetRenderer(t, b)
		b.Resize(fyne.NewSize(300, 40))
		b.set(text, "")
		var got string
		for _, x := range b.texts {
			got += x.Text + " "
			if x.Position().X+x.MinSize().Width > 301 {
				t.Errorf("%q is too wide", x.Text)
			}
		}
		if strings.Contains(got, "first") == fromEnd || strings.Contains(got, "last") != fromEnd || strings.Contains(got, "…") == fromEnd {
			t.Errorf("fromEnd %v shows %q", fromEnd, got)
		}
	}
}
