package overlay

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// hotkeySection lists the keys that work in every program and lets the person
// choose others.
func (w *Window) hotkeySection() fyne.CanvasObject {
	rows := container.New(layout.NewFormLayout())
	problem := sentence("")
	problem.Importance = widget.WarningImportance
	problem.Hide()
	for _, h := range hotkeys() {
		rows.Add(center(label(h.does, w.look.bodySize(), w.look.soft, false)))
		rows.Add(w.hotkeyRow(h, func(told string) {
			problem.SetText(told)
			problem.Hidden = told == ""
			problem.Refresh()
		}))
	}
	content := container.NewVBox(rows, flush(problem))
	if advice := hotkeyAdvice(); advice != "" {
		content.Add(pad(flush(sentence(advice)), 4, 0))
	}
	return w.section("In every program", content)
}

// hotkeyRow shows the chord of a hotkey; pressing the button listens for another.
func (w *Window) hotkeyRow(h hotkey, tell func(string)) fyne.CanvasObject {
	c, on := w.settings.chordOf(h)
	text := "Off"
	if on {
		text = c.String()
	}
	change := widget.NewButton(text, nil)
	off := quietIcon(theme.CancelIcon(), func() { w.rebind(h, "", tell) })
	change.OnTapped = func() {
		tell("")
		if !w.listenForChord(func(c chord) { w.rebind(h, c.String(), tell) }) {
			return
		}
		change.SetText("Press the keys…")
	}
	row := container.NewHBox(change)
	if on {
		row.Add(off)
	}
	if err := w.hotkeyErrors[c]; on && err != nil {
		row.Add(center(label(upper(err.Error()), w.look.smallSize(), w.look.warn, false)))
	}
	return row
}

// rebind gives a hotkey another chord and shows what came of it.
func (w *Window) rebind(h hotkey, text string, tell func(string)) {
	var err error
	w.change(func(s *Settings) { err = s.bindHotkey(h, text) })
	if err != nil {
		tell(upper(err.Error()))
		return
	}
	if w.screen == helpScreen {
		w.open(helpScreen)
	}
}

// listenForChord calls got with the next keys that are pressed together, and
// gives the keyboard back. It reports false where keys cannot be listened to.
// Escape, and leaving the page, give up.
func (w *Window) listenForChord(got func(chord)) bool {
	canvas, ok := w.win.Canvas().(desktop.Canvas)
	if !ok {
		return false
	}
	var mods fyne.KeyModifier
	var pressed fyne.KeyName // until it is let go, so that it does nothing else meanwhile
	w.win.Canvas().Unfocus()
	if w.grabber != nil {
		w.grabber.grab(nil) // a chord that is ours now can be pressed too
	}
	w.listening = func() {
		canvas.SetOnKeyDown(nil)
		canvas.SetOnKeyUp(nil)
		w.listening = nil
		w.regrab()
	}
	var c chord
	canvas.SetOnKeyDown(func(e *fyne.KeyEvent) {
		if m := modifierOf(e.Name); m != 0 {
			mods |= m
		} else if pressed == "" {
			pressed, c = e.Name, chord{mods, e.Name}
		}
	})
	canvas.SetOnKeyUp(func(e *fyne.KeyEvent) {
		mods &^= modifierOf(e.Name)
		switch {
		case e.Name != pressed || pressed == "":
		case c == chord{0, fyne.KeyEscape}:
			w.open(helpScreen)
		default:
			w.listening()
			got(c)
		}
	})
	return true
}

func modifierOf(k fyne.KeyName) fyne.KeyModifier {
	switch k {
	case desktop.KeyControlLeft, desktop.KeyControlRight:
		return fyne.KeyModifierControl
	case desktop.KeyAltLeft, desktop.KeyAltRight:
		return fyne.KeyModifierAlt
	case desktop.KeyShiftLeft, desktop.KeyShiftRight:
		return fyne.KeyModifierShift
	case desktop.KeySuperLeft, desktop.KeySuperRight:
		return fyne.KeyModifierSuper
	}
	return 0
}
