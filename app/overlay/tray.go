package overlay

import (
	"copilot/app/interview"
)

// tray is the menu at the system's tray. It is made anew when one of its lines
// reads otherwise, which happens about once a minute.
type tray struct {
	panel panel
	view  trayView
	shown bool
}

// panel is where the system shows the menu.
type panel interface {
	// show puts the items in place of those before, and never blocks. What is
	// pressed is done on Fyne's goroutine.
	show(items []trayItem)
}

// trayItem is one line of the menu.
type trayItem struct {
	label string // empty: a line between others
	do    func() // nil: it only tells
	quits bool
}

// trayView is what the tray's menu shows; comparable.
type trayView struct {
	state, plan     string
	running, paused bool
	hidden          bool
	hosted          bool
	signedIn, pro   bool
}

// startTray puts the menu up, before the app runs: later Fyne shows none.
func (w *Window) startTray() {
	if !w.opts.Tray {
		return
	}
	if p := w.openPanel(); p != nil {
		w.tray = &tray{panel: p}
		w.refreshTray()
	}
}

// refreshTray brings the menu up to date, if anything in it has changed.
func (w *Window) refreshTray() {
	if w.tray == nil {
		return
	}
	v := w.trayView()
	if w.tray.shown && v == w.tray.view {
		return
	}
	w.tray.view, w.tray.shown = v, true
	w.tray.panel.show(w.trayItems(v))
}

func (w *Window) trayView() trayView {
	phase := w.shown.Phase
	v := trayView{hidden: w.hidden, signedIn: w.account.SignedIn, pro: w.account.Pro}
	v.hosted = w.opts.Hosted != nil && (w.settings.Mode == ModeHosted || w.shown.Mode == ModeHosted)
	v.running = phase != interview.Idle && phase != interview.Ended
	v.paused = phase == interview.Paused
	switch {
	case w.account.Hold == HoldMinutes && v.running:
		v.state = "Out of minutes"
	case w.account.Hold != HoldNone && v.running:
		v.state = "Held up"
	case v.paused:
		v.state = "Paused"
	case phase == interview.Offline:
		v.state = "Offline"
	case phase == interview.Starting:
		v.state = "Starting"
	case v.running:
		v.state = "Listening"
	default:
		v.state = "No interview"
	}
	if v.hosted {
		v.plan = w.account.plan()
	}
	return v
}

func (w *Window) trayItems(v trayView) []trayItem {
	item := func(s string, do func()) trayItem { return trayItem{label: s, do: do} }
	items := []trayItem{{label: v.state}}
	if v.plan != "" {
		items = append(items, trayItem{label: v.plan})
	}
	items = append(items, trayItem{})
	switch {
	case !v.running:
		items = append(items, item("Start", func() { w.reveal(); w.startKey() }))
	case v.paused:
		items = append(items, item("Resume", func() { w.do(interview.Resume) }), item("Stop", w.stop))
	default:
		items = append(items, item("Pause", func() { w.do(interview.Pause) }), item("Stop", w.stop))
	}
	if v.hidden {
		items = append(items, item("Show the window", w.reveal))
	} else {
		items = append(items, item("Hide the window", w.conceal))
	}
	if v.hosted {
		items = append(items, trayItem{})
		if !v.signedIn {
			items = append(items, item("Sign in…", func() { w.reveal(); w.openSignIn() }))
		} else {
			items = append(items, item("Add time…", func() { w.buy(Minutes) }))
			if v.pro {
				items = append(items, item("Manage subscription…", w.manage))
			} else {
				items = append(items, item("Go Pro…", func() { w.buy(Pro) }))
			}
			items = append(items, item("Receipts…", func() { w.reveal(); w.open(receiptsScreen) }))
		}
	}
	items = append(items, trayItem{})
	if w.opts.Desk != nil {
		items = append(items, item("Prepared interviews…", func() { w.reveal(); w.open(preparedScreen) }))
	}
	return append(items, item("Settings…", func() { w.reveal(); w.open(settingsScreen) }),
		trayItem{label: "Quit", do: w.quit, quits: true})
}

// reveal shows the window, wherever it was.
func (w *Window) reveal() {
	w.hidden = false
	w.win.Show()
	w.win.RequestFocus()
	w.refreshTray()
}

// conceal hides the window; the interview goes on.
func (w *Window) conceal() {
	w.keepPlace()
	w.hidden = true
	w.win.Hide()
	w.refreshTray()
}

// Reveal brings the window to the front. It may be called from any goroutine.
func (w *Window) Reveal() {
	w.ui(func() {
		if !w.gone() {
			w.reveal()
		}
	})
}
