//go:build !linux

package overlay

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
)

// fynePanel is Fyne's own tray.
type fynePanel struct {
	app  desktop.App
	menu *fyne.Menu
}

func (w *Window) openPanel() panel {
	if a, ok := w.app.(desktop.App); ok {
		return &fynePanel{app: a}
	}
	return nil
}

func (p *fynePanel) show(items []trayItem) {
	var all []*fyne.MenuItem
	for _, i := range items {
		m := fyne.NewMenuItemSeparator()
		if i.label != "" {
			m = fyne.NewMenuItem(i.label, i.do)
			m.Disabled, m.IsQuit = i.do == nil, i.quits
		}
		all = append(all, m)
	}
	if p.menu == nil {
		p.menu = fyne.NewMenu("Interview Copilot", all...)
		p.app.SetSystemTrayMenu(p.menu)
		return
	}
	p.menu.Items = all
	p.menu.Refresh()
}
