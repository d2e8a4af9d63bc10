package overlay

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// practicePage begins a mock interview.
func (w *Window) practicePage() fyne.CanvasObject {
	voice, advice := w.opts.Desk.Voice()
	how := "The questions come from the job description and your résumé, with follow-ups. Answer aloud; the next one comes when you have been silent for a moment. Stop ends it; the debrief follows."
	switch w.settings.Mode {
	case ModeRehearsal:
		how = "Without keys and account you practise with the bundled interview: its interviewer asks, you answer aloud. How long you speak is measured; your words are not transcribed."
	case ModeHosted:
		how += " It uses your minutes."
	}
	body := container.NewVBox(flush(sentence(how)), gap(4))
	if w.settings.Mode != ModeRehearsal {
		body.Add(w.section("Prepared interview", w.practiceChoice()))
		body.Add(gap(4))
	}
	start := widget.NewButtonWithIcon("Start practice", theme.MediaPlayIcon(), w.startPractice)
	start.Importance = widget.HighImportance
	if w.settings.Mode != ModeRehearsal {
		if voice == "" {
			start.Disable()
			body.Add(flush(warn(plain(advice))))
		} else {
			body.Add(flush(sentence("Asked aloud by " + plain(voice) + ". With loudspeakers the microphone hears it too: use headphones.")))
		}
	}
	done := widget.NewButton("Cancel", w.back)
	return w.sheet("Practice", body, container.NewHBox(start, done))
}

func (w *Window) practiceChoice() fyne.CanvasObject {
	if w.settings.Prepared == "" {
		return container.NewVBox(flush(sentence("None is in use: the questions will be general ones.")),
			container.NewHBox(widget.NewButton("Choose or prepare one…", func() { w.open(preparedScreen) })))
	}
	name := newBlock(w.look.bodySize(), 1, w.look.text, w.look.text)
	name.set(plain(w.settings.PreparedName), "")
	return w.card(container.NewBorder(nil, nil, nil, widget.NewButton("Change…", func() { w.open(preparedScreen) }), center(name)))
}

func (w *Window) startPractice() {
	w.hush()
	w.desk.ready = false
	w.opts.Desk.Practice(w.settings)
	w.open(prompterScreen)
}
