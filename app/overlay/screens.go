package overlay

import (
	"maps"
	"strings"

	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"

	"copilot/app/interview"
)

// screen is what fills the window.
type screen int

const (
	blankScreen   screen = iota // until it is known what to start with
	welcomeScreen               // the notice of the first start
	setupScreen
	prompterScreen
	settingsScreen
	helpScreen
	signInScreen
	accountScreen
	receiptsScreen
)

// settle shows the screen to start with.
func (w *Window) settle() {
	switch {
	case !w.settings.NoticeSeen:
		w.open(welcomeScreen)
	case w.tele.view.phase != interview.Idle:
		w.open(prompterScreen)
	default:
		w.open(setupScreen)
	}
}

// open shows a screen.
func (w *Window) open(s screen) {
	w.screen = s
	w.win.Canvas().Unfocus()
	if w.listening != nil {
		w.listening()
	}
	w.leaveDesk()
	w.parts = sheetParts{}
	switch s {
	case blankScreen:
		w.win.SetContent(canvas.NewRectangle(w.look.ground))
	case welcomeScreen:
		w.win.SetContent(w.welcome())
	case setupScreen:
		w.win.SetContent(w.setup())
	case prompterScreen:
		w.win.SetContent(w.withDebrief(w.prompter()))
	case settingsScreen:
		w.win.SetContent(w.settingsPage())
	case helpScreen:
		w.win.SetContent(w.helpPage())
	case signInScreen:
		w.win.SetContent(w.signInPage())
		if w.signing.first != nil {
			w.win.Canvas().Focus(w.signing.first)
		}
	case accountScreen:
		w.win.SetContent(w.accountPage())
	case receiptsScreen:
		w.win.SetContent(w.receiptsPage())
	default:
		w.openDesk(s)
	}
}

// back leaves the settings or the help for what was there before.
func (w *Window) back() {
	w.leaveSignIn()
	if w.tele.view.running() || w.tele.view.id != 0 {
		w.open(prompterScreen)
		return
	}
	w.settle()
}

// restyle makes the look anew, and with it every screen.
func (w *Window) restyle() {
	dark := w.app.Settings().ThemeVariant() == theme.VariantDark
	w.look = newLook(w.settings, dark)
	w.app.Settings().SetTheme(w.look)
	old := w.tele
	w.tele = newTeleprompter(w.look, press{
		start: w.start, stop: w.stop, copy: w.copyAnswer, do: w.do,
		setup:    func() { w.open(setupScreen) },
		settings: func() { w.open(settingsScreen) },
		help:     func() { w.open(helpScreen) },
	})
	w.offers, w.offered = w.strip(), ""
	w.draw(w.shown, viewOf(w.shown))
	if old != nil {
		w.tele.answer.goOn(old.answer)
	}
	on := w.focusOn()
	w.open(w.screen)
	w.refocus(on)
}

// draw shows a state.
func (w *Window) draw(s interview.State, v view) {
	was := w.tele.view
	w.shown = s
	v = w.dress(v)
	if v.notice.Message == "" && w.pushed != "" {
		v.notice = interview.Notice{Code: "window", Message: w.pushed}
	}
	text, anew := w.news(s, v)
	w.tele.show(v, text, anew, w.now())
	w.tele.read(s)
	w.refreshStrip()
	w.refreshTray()
	begun := v.running() && !was.running() || v.phase != interview.Idle && was.phase == interview.Idle
	if begun && (w.screen == setupScreen || w.screen == helpScreen) {
		w.open(prompterScreen)
	}
}

// news is what the answer on screen lacks: its newest words or, where it is
// another answer or one begun anew, all of it.
func (w *Window) news(s interview.State, v view) (text string, anew bool) {
	q, ok := s.Current()
	if !ok {
		return "", true
	}
	shown, _ := q.Shown()
	const overlap = 24 // enough to tell an answer begun anew from one that went on
	have := w.tele.answer.text
	from := max(0, len(have)-overlap)
	if v.id != w.tele.view.id || shown.Len() < len(have) {
		return shown.String(), true
	}
	rest, on := strings.CutPrefix(shown.From(from), string(have[from:]))
	if !on {
		return shown.String(), true
	}
	return rest, false
}

// say shows a sentence of the window itself until the next command.
func (w *Window) say(sentence string) {
	w.pushed = sentence
	w.draw(w.shown, viewOf(w.shown))
	w.refreshSetup()
}

func (w *Window) hush() {
	if w.pushed != "" {
		w.say("")
	}
}

func (w *Window) start() {
	w.hush()
	w.desk.ready = false
	if w.opts.Start != nil {
		w.opts.Start(w.settings)
	}
	w.open(prompterScreen)
}

func (w *Window) stop() {
	w.hush()
	if w.opts.Stop != nil && w.tele.view.running() {
		w.opts.Stop()
	}
}

func (w *Window) do(c interview.Command) {
	w.hush()
	w.win.Canvas().Unfocus() // the plain keys work again
	if w.tele.view.phase == interview.Ended {
		w.leaf(c)
		return
	}
	if w.opts.Do != nil {
		w.opts.Do(c)
	}
}

// leaf shows another answer of an interview that is over: its session is gone,
// so the window goes through them by itself.
func (w *Window) leaf(c interview.Command) {
	s := w.shown
	switch c {
	case interview.Previous:
		s.Shown = max(s.Shown-1, 0)
	case interview.Next:
		s.Shown = min(s.Shown+1, s.Questions.Len()-1)
	}
	w.draw(s, viewOf(s))
}

// copyAnswer puts the answer on screen on the clipboard.
func (w *Window) copyAnswer() {
	w.win.Canvas().Unfocus()
	if text := string(w.tele.answer.text); text != "" {
		w.app.Clipboard().SetContent(plain(text))
	}
}

// change applies other settings, saves them and tells the program.
func (w *Window) change(edit func(*Settings)) {
	old := w.settings
	edit(&w.settings)
	w.settings = w.settings.valid()
	w.save()
	if old.TextSize != w.settings.TextSize || old.Theme != w.settings.Theme || old.Comfort != w.settings.Comfort {
		w.restyle()
	}
	if old.OnTop != w.settings.OnTop || old.Opacity != w.settings.Opacity {
		w.applyNative()
	}
	if !maps.Equal(old.Hotkeys, w.settings.Hotkeys) {
		w.regrab()
	}
	w.refreshTray()
	if w.opts.Changed != nil {
		w.opts.Changed(w.settings)
	}
}

func (w *Window) save() {
	w.saver.save(w.settings, w.job, func(error) {
		w.say("Your settings could not be saved; they hold until you close the program. Is the disk full or read-only?")
	})
}

// closeAsked is the person closing the window.
func (w *Window) closeAsked() {
	if w.settings.KeepRunning && w.tray != nil && w.tele.view.running() {
		w.conceal()
		return
	}
	w.quit()
}

// quit ends the program, and with it the interview.
func (w *Window) quit() {
	w.keepPlace()
	if w.opts.Closed == nil {
		w.leave()
		return
	}
	if !w.closing {
		w.closing = true
		w.win.Hide()
		w.opts.Closed()
	}
}
