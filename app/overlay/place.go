package overlay

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
)

// The size of the first start, and how much of the window's top must be on a
// monitor for its place to be used again, in pixels.
const (
	firstWidth, firstHeight = 560, 460
	graspX, graspY          = 80, 30
)

// monitor is one screen on the desktop, in pixels.
type monitor struct{ x, y, width, height int }

// arrangement names how the monitors stand, so that each has its own place.
func arrangement(all []monitor) string {
	names := make([]string, len(all))
	for i, m := range all {
		names[i] = fmt.Sprintf("%dx%d+%d+%d", m.width, m.height, m.x, m.y)
	}
	return strings.Join(names, " ")
}

// reachable says whether a window at p can be seen and grasped.
func (p Place) reachable(all []monitor) bool {
	for _, m := range all {
		if p.X+graspX > m.x && p.X+graspX <= m.x+m.width && p.Y >= m.y && p.Y+graspY <= m.y+m.height {
			return true
		}
	}
	return false
}

// restorePlace gives the window the size and place it had with these monitors.
func (w *Window) restorePlace() {
	all := monitors()
	p, known := w.settings.Places[arrangement(all)]
	if !known || p.Width < 200 || p.Height < 150 {
		w.win.Resize(fyne.NewSize(firstWidth, firstHeight))
	} else {
		w.win.Resize(fyne.NewSize(p.Width, p.Height))
	}
	if top, ok := w.win.(desktop.Window); ok && known && p.reachable(all) {
		top.RequestPosition(p.X, p.Y)
	}
}

// keepPlace remembers where the window is. It is called when the window loses
// the focus, since moving it elsewhere does that, and when it closes.
func (w *Window) keepPlace() {
	all := monitors()
	x, y, ok := position(w.win)
	if !ok || len(all) == 0 {
		return
	}
	size := w.win.Canvas().Size()
	p := Place{X: x, Y: y, Width: size.Width, Height: size.Height}
	key := arrangement(all)
	if !p.reachable(all) || w.settings.Places[key] == p {
		return
	}
	places := maps.Clone(w.settings.Places)
	if places == nil {
		places = map[string]Place{}
	}
	places[key] = p
	w.settings.Places = places
	w.save()
}

// applyNative asks the system for what Fyne has no word for. The window exists
// some time after Show only, so it is asked again until it does.
func (w *Window) applyNative() {
	w.tryNative(20)
}

func (w *Window) tryNative(tries int) {
	if setOnTop(w.win, w.settings.OnTop) && setOpacity(w.win, w.settings.Opacity) || tries == 0 {
		return
	}
	w.job(func(ctx context.Context) func() {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(50 * time.Millisecond):
		}
		return func() { w.tryNative(tries - 1) }
	})
}

// canFade says whether the opacity can be set here.
func (w *Window) canFade() bool { return fades() }
