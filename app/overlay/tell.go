package overlay

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"copilot/app/interview"
)

// Tell shows a sentence of the program, below what the window says already,
// until the next command. It may be called from any goroutine. While an
// interview runs it is dropped: nothing of ours may come between.
func (w *Window) Tell(sentence string) {
	w.ui(func() {
		switch w.shown.Phase {
		case interview.Idle, interview.Ended:
			w.say(strings.TrimSpace(w.pushed + "\n" + sentence))
		}
	})
}

// updatesCheck is the switch for the look after new versions.
func (w *Window) updatesCheck() fyne.CanvasObject {
	c := widget.NewCheck("Look for new versions once a day", nil)
	c.SetChecked(!w.settings.NoUpdates)
	c.OnChanged = func(on bool) { w.change(func(s *Settings) { s.NoUpdates = !on }) }
	return c
}
