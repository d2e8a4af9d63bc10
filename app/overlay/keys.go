package overlay

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"copilot/app/interview"
)

// keys lists what can be done from the keyboard, in the order of the help page.
// Keys with a modifier work everywhere; plain ones while no field has the focus.
func keys() []key {
	const ctrl = fyne.KeyModifierShortcutDefault
	do := func(c interview.Command) func(*Window) { return func(w *Window) { w.doRunning(c) } }
	return []key{
		{fyne.KeySpace, 0, "Answer now", do(interview.AnswerNow)},
		{fyne.KeyReturn, ctrl, "Answer now, from anywhere", do(interview.AnswerNow)},
		{fyne.KeyS, ctrl, "Start", (*Window).startKey},
		{fyne.KeyP, ctrl, "Pause, go on", (*Window).pauseKey},
		{fyne.KeyPeriod, ctrl, "Stop", (*Window).stop},
		{fyne.KeyEscape, 0, "Stop the answer; leave this page", (*Window).escapeKey},
		{fyne.KeyC, ctrl, "Copy the answer", (*Window).copyAnswer},
		{fyne.KeyL, ctrl, "Clear the screen", do(interview.Clear)},
		{fyne.KeyLeft, ctrl, "Answer before", do(interview.Previous)},
		{fyne.KeyRight, ctrl, "Answer after", do(interview.Next)},
		{fyne.KeyE, 0, "Correct the question and ask again", (*Window).correctKey},
		{fyne.KeyR, 0, "What this sentence rests on", (*Window).basisKey},
		{fyne.KeyUp, 0, "Scroll up", scroll(func(p *prose) { p.lines(-1) })},
		{fyne.KeyDown, 0, "Scroll down", scroll(func(p *prose) { p.lines(1) })},
		{fyne.KeyPageUp, 0, "A page up", scroll(func(p *prose) { p.pages(-1) })},
		{fyne.KeyPageDown, 0, "A page down", scroll(func(p *prose) { p.pages(1) })},
		{fyne.KeyEnd, 0, "Newest words", scroll((*prose).newest)},
		{fyne.KeyEqual, ctrl, "Larger text", func(w *Window) { w.resizeText(2) }},
		{fyne.KeyMinus, ctrl, "Smaller text", func(w *Window) { w.resizeText(-2) }},
		{fyne.KeyT, ctrl, "Always on top, on or off", func(w *Window) { w.change(func(s *Settings) { s.OnTop = !s.OnTop }) }},
		{fyne.KeyComma, ctrl, "Settings", func(w *Window) { w.open(settingsScreen) }},
		{fyne.KeyF1, 0, "This page", func(w *Window) { w.open(helpScreen) }},
		{fyne.KeyQ, ctrl, "Quit", (*Window).quit},
	}
}

func scroll(by func(*prose)) func(*Window) {
	return func(w *Window) {
		if w.screen == prompterScreen {
			by(w.tele.answer)
		}
	}
}

// bindKeys makes the keys work.
func (w *Window) bindKeys() {
	canvas := w.win.Canvas()
	plain := map[fyne.KeyName]func(*Window){}
	unlessDialog := func(do func(*Window)) {
		if canvas.Overlays().Top() == nil && w.listening == nil {
			do(w)
		}
	}
	for _, k := range keys() {
		if k.mod == 0 {
			plain[k.name] = k.do
			continue
		}
		canvas.AddShortcut(&desktop.CustomShortcut{KeyName: k.name, Modifier: k.mod},
			func(fyne.Shortcut) { unlessDialog(k.do) })
	}
	canvas.AddShortcut(&fyne.ShortcutCopy{}, func(fyne.Shortcut) { unlessDialog((*Window).copyAnswer) })
	canvas.SetOnTypedKey(func(e *fyne.KeyEvent) {
		if e.Name == fyne.KeyEscape && w.closeDialog() {
			return
		}
		if do := plain[e.Name]; do != nil {
			unlessDialog(do)
		}
	})
}

// closeDialog closes the dialog or menu on top, whose question is not answered
// then, and reports whether there was one.
func (w *Window) closeDialog() bool {
	overlays := w.win.Canvas().Overlays()
	top := overlays.Top()
	if top != nil {
		overlays.Remove(top)
	}
	return top != nil
}

// escapeFocused does what Escape does while something has the focus, which Fyne
// would leave to that, and a button does nothing. It reports false when nothing
// has the focus.
func (w *Window) escapeFocused() bool {
	if w.win.Canvas().Focused() == nil {
		return false
	}
	if !w.closeDialog() {
		w.escapeKey()
	}
	return true
}

// doRunning does what makes sense only during an interview.
func (w *Window) doRunning(c interview.Command) {
	if w.screen == prompterScreen {
		w.do(c)
	}
}

func (w *Window) startKey() {
	if w.settings.NoticeSeen && !w.tele.view.running() {
		w.start()
	}
}

func (w *Window) pauseKey() {
	if w.tele.view.phase == interview.Paused {
		w.doRunning(interview.Resume)
		return
	}
	w.doRunning(interview.Pause)
}

func (w *Window) escapeKey() {
	switch w.screen {
	case prompterScreen:
		if w.tele.view.status <= interview.AnswerStreaming && w.tele.view.id != 0 {
			w.do(interview.CancelAnswer)
		}
	case settingsScreen, helpScreen, accountScreen, receiptsScreen, signInScreen,
		preparedScreen, soundScreen, practiceScreen, pastScreen, pastPageScreen:
		w.back()
	case prepareScreen:
		w.leavePreparing()
	}
}
