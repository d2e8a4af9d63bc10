package overlay

import (
	"fmt"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"
)

func newPanel(l *look) *canvas.Rectangle {
	p := canvas.NewRectangle(l.panel)
	p.CornerRadius = 8
	p.StrokeColor, p.StrokeWidth = l.rule, 1
	return p
}

// askSentence is what the person can say to the interviewer.
const askSentence = "Before we start: I would like to use a live transcription and notes assistant on my side during our conversation. Is that all right with you?"

// welcome is the notice of the first start, shown once.
func (w *Window) welcome() fyne.CanvasObject {
	l := w.look
	paragraph := func(s string) fyne.CanvasObject {
		t := sentence(s)
		t.Importance = widget.MediumImportance
		return flush(t)
	}
	copied := widget.NewButton("Copy the sentence", nil)
	copied.OnTapped = func() {
		w.app.Clipboard().SetContent(askSentence)
		copied.SetText("Copied")
	}
	quote := widget.NewLabel("“" + askSentence + "”")
	quote.Wrapping = fyne.TextWrapWord
	body := container.NewVBox(
		paragraph("This program listens to both sides of your interview and sends the sound to a transcription service. No sound is stored."),
		paragraph("In many places you need everyone's consent to record or transcribe a conversation. Many employers forbid help during an interview, or ask you to say so. You are the one who must follow the law and their rules."),
		paragraph("The window is visible when you share your screen. It does not hide, on purpose."),
		gap(4),
		container.NewStack(newPanel(l), pad(container.NewVBox(
			label("Say this first", l.bodySize(), l.text, true), pad(quote, -2, -7),
			container.NewHBox(copied)), 10, 12)),
	)
	ok := widget.NewButton("I understand", func() {
		w.change(func(s *Settings) { s.NoticeSeen = true })
		w.settle()
	})
	ok.Importance = widget.HighImportance
	return w.sheet("Before your first interview", body, container.NewHBox(ok))
}

// appearance is the settings' part for how everything looks.
func (w *Window) appearance() fyne.CanvasObject {
	form, row := w.form()
	row("Text size", w.textSizeRow())
	row("Colours", w.themeRow())
	w.comfortRows(row)
	if w.canFade() {
		row("Opacity", w.opacityRow())
	}
	top := widget.NewCheck("Keep the window above others", nil)
	top.SetChecked(w.settings.OnTop)
	top.OnChanged = func(on bool) { w.change(func(s *Settings) { s.OnTop = on }) }
	row("", top)
	if w.opts.Tray {
		keep := widget.NewCheck("Closing the window keeps a running interview, in the tray", nil)
		keep.SetChecked(w.settings.KeepRunning)
		keep.OnChanged = func(on bool) { w.change(func(s *Settings) { s.KeepRunning = on }) }
		row("", keep)
	}
	body := container.NewVBox(form)
	if advice := nativeAdvice(); advice != "" {
		body.Add(flush(sentence(advice)))
	}
	return body
}

func (w *Window) textSizeRow() fyne.CanvasObject {
	size := widget.NewLabel(fmt.Sprintf("%.0f", w.settings.TextSize))
	return container.NewHBox(
		widget.NewButton("A –", func() { w.resizeText(-2) }), size,
		widget.NewButton("A +", func() { w.resizeText(2) }))
}

// resizeText makes the answer's letters larger or smaller.
func (w *Window) resizeText(by float32) {
	w.change(func(s *Settings) { s.TextSize += by })
}

func (w *Window) themeRow() fyne.CanvasObject {
	names := []string{"Like the system", "Light", "Dark", "High contrast", "Colour-blind safe"}
	values := []string{ThemeSystem, ThemeLight, ThemeDark, ThemeContrast, ThemeSafe}
	c := widget.NewSelect(names, nil)
	c.SetSelectedIndex(slices.Index(values, w.settings.Theme))
	c.OnChanged = func(string) {
		if i := c.SelectedIndex(); i >= 0 {
			w.change(func(s *Settings) { s.Theme = values[i] })
		}
	}
	return c
}

func (w *Window) opacityRow() fyne.CanvasObject {
	c := widget.NewSlider(minOpacity, 1)
	c.Step = 0.05
	c.SetValue(w.settings.Opacity)
	c.OnChangeEnded = func(v float64) { w.change(func(s *Settings) { s.Opacity = v }) }
	return c
}

// helpPage lists the keys.
func (w *Window) helpPage() fyne.CanvasObject {
	form := container.New(layout.NewFormLayout())
	for _, k := range keys() {
		form.Add(label(k.label(), w.look.bodySize(), w.look.text, true))
		form.Add(label(k.does, w.look.bodySize(), w.look.soft, false))
	}
	body := container.NewVBox(w.hotkeySection(), gap(6), w.section("In this window", form), gap(4),
		flush(sentence("Tab goes from one thing to the next and Shift Tab back; Space presses it. No mouse is needed.")),
		flush(sentence("The answer follows at the pace of speech and stays put as soon as you scroll it yourself.")))
	done := widget.NewButton("Done", w.back)
	done.Importance = widget.HighImportance
	return w.sheet("Keys", body, container.NewHBox(done))
}

// key is one thing that can be done from the keyboard.
type key struct {
	name fyne.KeyName
	mod  fyne.KeyModifier // 0: works while no field has the focus
	does string
	do   func(*Window)
}

func (k key) label() string {
	name := strings.TrimPrefix(string(k.name), "Key")
	names := map[fyne.KeyName]string{
		fyne.KeyReturn: "Enter", fyne.KeyPageUp: "Page up", fyne.KeyPageDown: "Page down",
		fyne.KeyLeft: "←", fyne.KeyRight: "→", fyne.KeyUp: "↑", fyne.KeyDown: "↓", fyne.KeyEqual: "+", fyne.KeyMinus: "–",
	}
	if n, ok := names[k.name]; ok {
		name = n
	}
	switch {
	case k.mod == 0:
		return name
	case fyne.KeyModifierShortcutDefault == fyne.KeyModifierSuper:
		return "⌘ " + name
	case k.mod&fyne.KeyModifierShift != 0:
		return "Ctrl Shift " + name
	}
	return "Ctrl " + name
}
