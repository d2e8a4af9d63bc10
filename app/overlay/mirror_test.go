package overlay

import (
	"image"
	"os"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
)

// What: the same answer, mirrored and not. Why: what is seen in a beam-splitter is
// what would be on screen, word for word at the same height.
func TestMirroredAnswer(t *testing.T) {
	shot := func(mirrored bool) (*prose, image.Image) {
		a := test.NewTempApp(t)
		p := newProse(newLook(Settings{TextSize: DefaultTextSize, Theme: ThemeDark, Comfort: Comfort{Mirrored: mirrored}}, true))
		a.Settings().SetTheme(p.look)
		w := test.NewTempWindow(t, p)
		w.SetPadded(false)
		w.Resize(fyne.NewSize(560, 240))
		p.add("**By money flow, one at a time.**\n\n- **Refunds** first: they were small and easy to roll back.\n- I ran `Cassandra` for years.", time.Time{})
		p.finish()
		p.read(12, nil)
		return p, w.Canvas().Capture()
	}
	_, plain := shot(false)
	p, turned := shot(true)
	if dir := os.Getenv("STATES"); dir != "" {
		picture(t, fyne.CurrentApp().Driver().CanvasForObject(p), dir+"/mirrored.png")
	}
	if got := likeness(plain, turned, 0, plain.Bounds().Dy()); got < 0.93 {
		t.Errorf("%.0f %% of the ink is where it would be, turned round", 100*got)
	}
	if got := likeness(plain, plain, 0, plain.Bounds().Dy()); got > 0.5 {
		t.Errorf("the measure cannot fail: %.2f", got)
	}
}

// What: a mirrored answer grows by tokens. Why: a line that is full is never
// painted again, however long the answer.
func TestMirrorCostIsFlat(t *testing.T) {
	cost := func(before int) int {
		test.NewTempApp(t)
		p := newProse(newLook(Settings{TextSize: DefaultTextSize, Theme: ThemeDark, Comfort: Comfort{Mirrored: true}}, true))
		test.TempWidgetRenderer(t, p)
		p.Resize(fyne.NewSize(540, 200))
		for i := range before {
			p.add(words[i%len(words)], time.Time{})
		}
		p.newest()
		from := p.painted
		for i := range 200 {
			p.add(words[i%len(words)], time.Time{})
			p.newest()
		}
		return p.painted - from
	}
	few, many := cost(100), cost(1000)
	t.Logf("200 tokens: %d texts painted after 100, %d after 1,000", few, many)
	if many > few*3/2 || few > 3*200 {
		t.Errorf("200 tokens: %d texts painted after 100, %d after 1,000", few, many)
	}
}

// What: the whole window, mirrored and not, with a question that waits. Why: what
// is read in a beam-splitter is turned as a whole; only the two rows that are
// worked with stay, at the top and at the bottom.
func TestMirroredWindow(t *testing.T) {
	shot := func(mirrored bool) (*testWindow, image.Image) {
		s := DefaultSettings()
		s.NoticeSeen, s.Theme, s.Comfort.Mirrored = true, ThemeDark, mirrored
		w := newTestWindow(t, Options{Settings: s})
		w.open(prompterScreen)
		w.Show(readingStates()["waiting"]())
		img := w.win.Canvas().Capture()
		if dir := os.Getenv("STATES"); dir != "" && mirrored {
			picture(t, w.win.Canvas(), dir+"/mirrored-window.png")
		}
		return w, img
	}
	_, plain := shot(false)
	w, turned := shot(true)
	from, to := int(w.tele.question.Position().Y), int(w.tele.bottom.Position().Y)
	if got := likeness(plain, turned, from, to); got < 0.93 {
		t.Errorf("%.0f %% of the ink is where it would be, turned round", 100*got)
	}
	if w.tele.chip.Text != "" || !w.tele.chipBox.Visible() {
		t.Error("the chip is not turned, or not there")
	}
	for _, name := range []string{"question", "caption"} {
		b := map[string]*block{"question": w.tele.question, "caption": w.tele.lanes[0].caption}[name]
		before := b.mirror.painted
		for range 50 {
			w.Show(readingStates()["waiting"]())
		}
		if b.mirror.painted != before {
			t.Errorf("the %s is painted again though it stays", name)
		}
	}
}

// likeness is the share of the ink in turned, between two rows, that plain has
// too when left and right are changed. Texts stand between pixels: one beside it
// is as good.
func likeness(plain, turned image.Image, from, to int) float64 {
	width := plain.Bounds().Dx()
	ink := func(img image.Image, x, y int) bool {
		r, g, b, _ := img.At(x, y).RGBA()
		return r+g+b > 0x9000
	}
	inked, same := 0, 0
	for y := from; y < to; y++ {
		for x := range width {
			if !ink(turned, x, y) {
				continue
			}
			inked++
			for _, d := range []image.Point{{}, {X: -1}, {X: 1}, {Y: -1}, {Y: 1}} {
				if ink(plain, width-1-x+d.X, y+d.Y) {
					same++
					break
				}
			}
		}
	}
	return float64(same) / float64(max(inked, 1))
}
