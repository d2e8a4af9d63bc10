package overlay

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// setup makes the screen before an interview.
func (w *Window) setup() fyne.CanvasObject {
	w.cards = container.NewGridWithColumns(2)
	w.problem = newBlock(w.look.smallSize(), 2, w.look.warn, w.look.warn)
	w.refreshSetup()
	body := container.NewVBox(w.modeSection(), gap(6))
	if w.opts.Desk != nil {
		body.Add(w.deskRow())
		body.Add(gap(2))
	}
	if w.opts.Desk != nil && w.settings.Prepared != "" {
		body.Add(w.section("Interview", w.preparedInUse()))
	} else {
		body.Add(w.section("Your documents", w.cards))
	}
	body.Add(gap(6))
	body.Add(w.section("Sound and answers", w.choices()))
	start := widget.NewButton("Start", w.start)
	start.Importance = widget.HighImportance
	return w.sheet("Set up", body, container.NewBorder(nil, nil, start, nil, pad(w.problem, 0, 10)))
}

// refreshSetup shows what became of the documents, and the window's own notice.
func (w *Window) refreshSetup() {
	if w.cards == nil {
		return
	}
	w.cards.Objects = []fyne.CanvasObject{w.documentCard(Resume), w.documentCard(Job)}
	w.cards.Refresh()
	w.problem.set(w.pushed, "")
}

// sheet is a screen with a title, a scrolling middle and a foot.
func (w *Window) sheet(title string, body, foot fyne.CanvasObject) fyne.CanvasObject {
	l := w.look
	head := container.NewHBox(center(label(title, l.size(20), l.text, true)), layout.NewSpacer())
	switch w.screen {
	case setupScreen:
		head.Add(quietIcon(theme.SettingsIcon(), func() { w.open(settingsScreen) }))
		head.Add(quietIcon(theme.QuestionIcon(), func() { w.open(helpScreen) }))
	case settingsScreen, helpScreen, accountScreen, receiptsScreen, signInScreen,
		preparedScreen, soundScreen, practiceScreen, pastScreen, pastPageScreen:
		head.Add(quietIcon(theme.CancelIcon(), w.back))
	}
	scroll := container.NewVScroll(pad(body, 4, margin+2))
	w.parts = sheetParts{scroll, []fyne.CanvasObject{head, foot}}
	return container.NewBorder(pad(head, 8, margin), pad(foot, 10, margin), nil, nil, scroll)
}

func pad(o fyne.CanvasObject, v, h float32) fyne.CanvasObject {
	return container.New(layout.NewCustomPaddedLayout(v, v, h, h), o)
}

func gap(height float32) fyne.CanvasObject {
	return container.New(layout.NewCustomPaddedLayout(height, 0, 0, 0))
}

func (w *Window) section(title string, content fyne.CanvasObject) fyne.CanvasObject {
	return container.NewVBox(pad(label(title, w.look.bodySize(), w.look.text, true), 2, 0), content)
}

// flush takes away the space that Fyne's labels keep round themselves.
func flush(o fyne.CanvasObject) fyne.CanvasObject { return pad(o, -5, -7) }

// sentence is wrapped text in the quiet colour.
func sentence(s string) *widget.Label {
	t := widget.NewLabel(s)
	t.Wrapping = fyne.TextWrapWord
	t.Importance = widget.LowImportance
	return t
}

const (
	rehearsalChoice = "Rehearsal"
	ownKeysChoice   = "Own keys"
	hostedChoice    = "Account"
)

// modeSection chooses between rehearsal, own keys and minutes, and takes what
// the mode needs.
func (w *Window) modeSection() fyne.CanvasObject {
	names, modes := []string{rehearsalChoice, ownKeysChoice}, []string{ModeRehearsal, ModeOwnKeys}
	if w.opts.Hosted != nil {
		names, modes = append(names, hostedChoice), append(modes, ModeHosted)
	}
	below := container.NewVBox()
	show := func() {
		w.hostedRow = nil
		switch w.settings.Mode {
		case ModeOwnKeys:
			below.Objects = []fyne.CanvasObject{w.keySection()}
		case ModeHosted:
			below.Objects = []fyne.CanvasObject{w.hostedSection()}
		default:
			below.Objects = []fyne.CanvasObject{flush(sentence("A recorded interview plays through the whole program. No account, no keys, no network."))}
		}
		below.Refresh()
	}
	if !slices.Contains(modes, w.settings.Mode) { // no server is known any more
		w.settings.Mode = ModeRehearsal
	}
	mode := widget.NewRadioGroup(names, nil)
	mode.Horizontal, mode.Required = true, true
	mode.SetSelected(names[slices.Index(modes, w.settings.Mode)])
	mode.OnChanged = func(choice string) {
		w.change(func(s *Settings) { s.Mode = modes[slices.Index(names, choice)] })
		show()
	}
	show()
	return container.NewVBox(pad(mode, 0, -8), below)
}

// keySection is one row for each of the person's own keys.
func (w *Window) keySection() fyne.CanvasObject {
	if w.opts.Keys == nil {
		return flush(sentence("Keys are taken from the environment."))
	}
	rows := container.NewVBox(flush(sentence("Looking for your keys…")))
	var load func(problem string)
	load = func(problem string) {
		w.job(func(ctx context.Context) func() {
			state := w.opts.Keys(ctx)
			return func() {
				rows.Objects = nil
				for _, k := range state.Keys {
					rows.Add(w.keyRow(k, load))
				}
				if problem != "" {
					warning := sentence(problem)
					warning.Importance = widget.WarningImportance
					rows.Add(flush(warning))
				}
				rows.Add(flush(sentence(state.Where)))
			}
		})
	}
	load("")
	return rows
}

// keyRow shows where a key comes from and takes another.
func (w *Window) keyRow(k Key, reload func(problem string)) fyne.CanvasObject {
	change := func(work func(context.Context) error) {
		w.job(func(ctx context.Context) func() {
			problem := ""
			if err := work(ctx); err != nil {
				problem = upper(err.Error())
			}
			return func() { reload(problem) }
		})
	}
	name := container.NewGridWrap(fyne.NewSize(w.look.size(92), w.look.size(34)), center(label(k.Label, w.look.bodySize(), w.look.text, false)))
	if k.Set {
		state := widget.NewLabel("Set, from the " + k.From)
		if k.From == "this run" {
			state.SetText("Set, for this run only")
		}
		remove := widget.NewButton("Remove", func() {
			change(func(ctx context.Context) error { return w.opts.DeleteKey(ctx, k.Name) })
		})
		if k.Fixed || w.opts.DeleteKey == nil {
			return container.NewBorder(nil, nil, name, nil, state)
		}
		return container.NewBorder(nil, nil, name, remove, state)
	}
	entry := widget.NewPasswordEntry()
	entry.SetPlaceHolder(k.Use)
	save := func() {
		secret := strings.TrimSpace(entry.Text)
		entry.SetText("")
		if secret != "" && w.opts.SaveKey != nil {
			change(func(ctx context.Context) error { return w.opts.SaveKey(ctx, k.Name, secret) })
		}
	}
	entry.OnSubmitted = func(string) { save() }
	return container.NewBorder(nil, nil, name, widget.NewButton("Save", save), entry)
}

// upper makes an error read as a sentence.
func upper(s string) string {
	if s == "" {
		return s
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return plain(s)
}

// choices are the devices, the language, the model and when to answer.
func (w *Window) choices() fyne.CanvasObject {
	form, row := w.form()
	if w.opts.Devices != nil {
		w.deviceRows(row)
	}
	w.answerRows(row)
	return form
}

// deviceRows choose what is heard.
func (w *Window) deviceRows(row func(name string, o fyne.CanvasObject)) {
	mic := w.deviceSelect(func(s *Settings) *string { return &s.Microphone })
	out := w.deviceSelect(func(s *Settings) *string { return &s.Output })
	row("Your microphone", mic)
	row("Interviewer heard on", out)
	w.job(func(ctx context.Context) func() {
		d, err := w.opts.Devices(ctx)
		if err != nil {
			return nil // main says so in a notice when it matters
		}
		return func() {
			mic.SetOptions(append([]string{systemDefault}, d.Microphones...))
			out.SetOptions(append([]string{systemDefault}, d.Outputs...))
		}
	})
}

// answerRows choose how answers are had.
func (w *Window) answerRows(row func(name string, o fyne.CanvasObject)) {
	row("Language", w.languageSelect())
	if w.opts.Models != nil {
		row("Answers by", w.modelSelect())
	}
	auto := widget.NewCheck("Answer questions by itself", nil)
	auto.SetChecked(w.settings.Auto)
	auto.OnChanged = func(on bool) { w.change(func(s *Settings) { s.Auto = on }) }
	row("", auto)
}

const systemDefault = "System default"

func (w *Window) deviceSelect(field func(*Settings) *string) *widget.Select {
	return w.choice(systemDefault, field)
}

// choice is a list whose first entry, standing for none, is the program's choice.
func (w *Window) choice(none string, field func(*Settings) *string) *widget.Select {
	c := widget.NewSelect([]string{none}, nil)
	now := none
	if name := *field(&w.settings); name != "" {
		now = name
		c.Options = append(c.Options, name)
	}
	c.SetSelected(now)
	c.OnChanged = func(name string) {
		if name == none {
			name = ""
		}
		w.change(func(s *Settings) { *field(s) = name })
	}
	return c
}

func (w *Window) modelSelect() fyne.CanvasObject {
	c := w.choice("Recommended model", func(s *Settings) *string { return &s.Model })
	w.job(func(ctx context.Context) func() {
		models, err := w.opts.Models(ctx)
		if err != nil {
			return nil
		}
		return func() { c.SetOptions(append([]string{"Recommended model"}, models...)) }
	})
	return c
}

func (w *Window) languageSelect() fyne.CanvasObject {
	all := languages()
	names := make([]string, len(all))
	now := fmt.Sprintf("Other (%s)", w.settings.Language)
	for i, l := range all {
		names[i] = l.name
		if l.tag == w.settings.Language {
			now = l.name
		}
	}
	c := widget.NewSelect(names, nil)
	c.SetSelected(now)
	c.OnChanged = func(string) {
		if i := c.SelectedIndex(); i >= 0 {
			w.change(func(s *Settings) { s.Language = all[i].tag })
		}
	}
	return c
}

type language struct{ tag, name string }

// languages are those that both the transcription and the answers handle well.
func languages() []language {
	return []language{
		{"en", "English"}, {"en-US", "English (United States)"}, {"en-GB", "English (United Kingdom)"},
		{"en-IN", "English (India)"}, {"de", "German"}, {"fr", "French"}, {"es", "Spanish"}, {"it", "Italian"},
		{"pt", "Portuguese"}, {"pt-BR", "Portuguese (Brazil)"}, {"nl", "Dutch"}, {"hi", "Hindi"},
		{"ja", "Japanese"}, {"multi", "Several languages, mixed"},
	}
}
