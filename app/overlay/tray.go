package overlay

import (
	"os"
	"runtime"
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"copilot/app/interview"
)

// tray is the menu at the system's tray. It is made anew when one of its lines
// reads otherwise, which happens about once a minute.
type tray struct {
	app  desktop.App
	menu *fyne.Menu
	view trayView
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
	a, ok := w.app.(desktop.App)
	if !ok || !w.opts.Tray || !trayReachable() {
		return
	}
	w.tray = &tray{app: a}
	w.refreshTray()
}

// trayReachable keeps Fyne's tray from starting a session bus of its own.
func trayReachable() bool {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return true
	}
	if os.Getenv("DBUS_SESSION_BUS_ADDRESS") != "" {
		return true
	}
	_, err := os.Stat("/run/user/" + strconv.Itoa(os.Getuid()) + "/bus")
	return err == nil
}

// refreshTray brings the menu up to date, if anything in it has changed.
func (w *Window) refreshTray() {
	if w.tray == nil {
		return
	}
	v := w.trayView()
	if w.tray.menu != nil && v == w.tray.view {
		return
	}
	w.tray.view = v
	items := w.trayItems(v)
	if w.tray.menu == nil {
		w.tray.menu = fyne.NewMenu("Interview Copilot", items...)
		w.tray.app.SetSystemTrayMenu(w.tray.menu)
		return
	}
	w.tray.menu.Items = items
	w.tray.menu.Refresh()
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

func (w *Window) trayItems(v trayView) []*fyne.MenuItem {
	told := func(s string) *fyne.MenuItem {
		i := fyne.NewMenuItem(s, nil)
		i.Disabled = true
		return i
	}
	item := func(s string, do func()) *fyne.MenuItem { return fyne.NewMenuItem(s, do) }
	line := fyne.NewMenuItemSeparator
	items := []*fyne.MenuItem{told(v.state)}
	if v.plan != "" {
		items = append(items, told(v.plan))
	}
	items = append(items, line())
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
		items = append(items, line())
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
	items = append(items, line())
	if w.opts.Desk != nil {
		items = append(items, item("Prepared interviews…", func() { w.reveal(); w.open(preparedScreen) }))
	}
	quit := item("Quit", w.quit)
	quit.IsQuit = true
	return append(items, item("Settings…", func() { w.reveal(); w.open(settingsScreen) }), quit)
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
