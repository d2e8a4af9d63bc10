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
	size := plain.Bounds().Size()
	ink := func(img image.Image, x, y int) bool {
		r, g, b, _ := img.At(x, y).RGBA()
		return r+g+b > 0x9000
	}
	near := func(x, y int) bool { // within a pixel: texts stand between pixels
		for _, d := range []image.Point{{}, {X: -1}, {X: 1}, {Y: -1}, {Y: 1}} {
			if ink(plain, x+d.X, y+d.Y) {
				return true
			}
		}
		return false
	}
	inked, same, unturned := 0, 0, 0
	for y := range size.Y {
		for x := range size.X {
			if ink(turned, x, y) {
				inked++
				if near(size.X-1-x, y) {
					same++
				}
				if near(x, y) {
					unturned++
				}
			}
		}
	}
	if inked < 2000 || same < inked*93/100 || unturned > inked/2 {
		t.Errorf("of %d pixels with ink %d are where they would be unmirrored, turned round; %d are without turning", inked, same, unturned)
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
