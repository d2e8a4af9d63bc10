package overlay

import (
	"fmt"
	"io"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// The parts of the settings, in the order of the page.
const (
	partAudio      = "Audio"
	partAnswers    = "Answers"
	partAppearance = "Appearance"
	partKeys       = "Keys"
	partAccount    = "Account"
	partPrivacy    = "Privacy"
)

// settingsPart is a part of the settings and what makes its page.
type settingsPart struct {
	name string
	page func() fyne.CanvasObject
}

// settingsParts are those that there is something to set in.
func (w *Window) settingsParts() (parts []settingsPart) {
	if w.opts.Devices != nil {
		parts = append(parts, settingsPart{partAudio, w.audioSettings})
	}
	parts = append(parts, settingsPart{partAnswers, w.answerSettings},
		settingsPart{partAppearance, w.appearance}, settingsPart{partKeys, w.keySettings})
	if w.opts.Hosted != nil {
		parts = append(parts, settingsPart{partAccount, w.accountSettings})
	}
	return append(parts, settingsPart{partPrivacy, w.privacySettings})
}

// settingsPage is one part of the settings, below the names of all.
func (w *Window) settingsPage() fyne.CanvasObject {
	parts := w.settingsParts()
	at := slices.IndexFunc(parts, func(p settingsPart) bool { return p.name == w.part })
	if at < 0 {
		at = slices.IndexFunc(parts, func(p settingsPart) bool { return p.name == partAppearance })
	}
	names := container.NewHBox()
	for i, p := range parts {
		b := widget.NewButton(p.name, func() {
			w.part = p.name
			w.open(settingsScreen)
			w.refocus("button " + p.name)
		})
		if b.Importance = widget.LowImportance; i == at {
			b.Importance = widget.MediumImportance
		}
		names.Add(b)
	}
	done := widget.NewButton("Done", w.back)
	done.Importance = widget.HighImportance
	return w.sheet("Settings", container.NewVBox(container.NewHScroll(names), gap(6), parts[at].page()), container.NewHBox(done))
}

func (w *Window) audioSettings() fyne.CanvasObject {
	form, row := w.form()
	w.deviceRows(row)
	row("Captions by", selectOf([]named{{"", "Nova-3, the usual way"}, {ListenFlux, "Flux: sooner, over two connections"}},
		w.settings.Listen, func(v string) { w.change(func(s *Settings) { s.Listen = v }) }))
	body := container.NewVBox(form, flush(sentence("Changes hold from the next interview on. “System default” follows what the system's own settings say.")))
	if w.opts.Desk != nil {
		body.Add(container.NewHBox(widget.NewButtonWithIcon("Sound check", theme.VolumeUpIcon(), func() { w.open(soundScreen) })))
	}
	return body
}

func (w *Window) answerSettings() fyne.CanvasObject {
	form, row := w.form()
	w.answerRows(row)
	body := container.NewVBox(form)
	if w.opts.Desk != nil {
		body.Add(flush(sentence("Form, persona and notes belong to each prepared interview.")))
		body.Add(container.NewHBox(widget.NewButton("Prepared interviews", func() { w.open(preparedScreen) })))
	}
	return body
}

// keySettings are the keys of the vendors, and the way to those of the keyboard.
func (w *Window) keySettings() fyne.CanvasObject {
	return container.NewVBox(
		w.section("Your own keys", w.keySection()), gap(6),
		w.section("Keyboard", container.NewVBox(
			flush(sentence("What can be done from the keyboard, and the keys that work in every program.")),
			container.NewHBox(widget.NewButton("Keyboard and hotkeys", func() { w.open(helpScreen) })))))
}

func (w *Window) accountSettings() fyne.CanvasObject {
	a := w.account
	if !a.SignedIn {
		return container.NewVBox(flush(sentence("You are signed out. With an account you buy minutes and need no keys.")),
			container.NewHBox(widget.NewButton("Sign in or create an account", w.openSignIn)))
	}
	return container.NewVBox(label(plain(a.Email)+" · "+a.plan(), w.look.bodySize(), w.look.text, false),
		container.NewHBox(widget.NewButton("Time, receipts, sign out", func() { w.open(accountScreen) })))
}

// privacySettings say what is kept and what is asked for, and move the settings
// to another computer.
func (w *Window) privacySettings() fyne.CanvasObject {
	body := container.NewVBox()
	if w.opts.Desk != nil {
		form, row := w.form()
		row("Past interviews", selectOf(retentions(), w.settings.Retain, func(v string) { w.change(func(s *Settings) { s.Retain = v }) }))
		body.Add(form)
		body.Add(container.NewHBox(widget.NewButtonWithIcon("Delete everything…", theme.DeleteIcon(), w.askWipe)))
	}
	if w.opts.Updates {
		body.Add(w.updatesCheck())
	}
	body.Add(flush(sentence("No sound is ever stored, and nothing is reported to us.")))
	body.Add(gap(4))
	told := "They hold no keys, no documents and no interviews."
	if path := w.opts.SettingsPath; path != "" {
		told = "Settings are kept in " + path + ". " + told
	}
	body.Add(w.section("Take your settings along", container.NewVBox(flush(sentence(told)),
		container.NewHBox(widget.NewButton("Export…", func() {
			w.saveFile("interview-copilot-settings.json", exportSettings(w.settings))
		}), widget.NewButton("Import…", w.importFile)))))
	return body
}

// importFile asks for a file and takes over what it says.
func (w *Window) importFile() {
	d := dialog.NewFileOpen(func(f fyne.URIReadCloser, err error) {
		if err != nil || f == nil {
			return
		}
		defer f.Close()
		w.takeSettings(f)
	}, w.win)
	d.SetFilter(storage.NewExtensionFileFilter([]string{".json"}))
	d.Show()
	d.Resize(w.win.Canvas().Size())
}

func (w *Window) takeSettings(r io.Reader) {
	data, err := io.ReadAll(io.LimitReader(r, maxSettings+1))
	if err != nil {
		w.tell("Nothing was imported", "The file could not be read.")
		return
	}
	s, err := importSettings(data, w.settings)
	if err != nil {
		w.tell("Nothing was imported", upper(err.Error()))
		return
	}
	w.change(func(now *Settings) { *now = s })
	w.open(w.screen)
	w.tell("Imported", fmt.Sprintf("The settings of the file hold now: %s, text size %.0f.", s.Theme, s.TextSize))
}
