package overlay

import (
	"fmt"
	"image/color"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"copilot/app/interview"
	"copilot/audio"
)

// teleprompter is the screen during an interview. From top to bottom: what is
// going on, the question, the answer, a sentence when there is one to say, both
// sides' captions, the buttons. Nothing above the answer changes its height, so
// that a line being read stays where it is.
type teleprompter struct {
	look *look
	root *fyne.Container
	view view // what is on screen

	basis           string // stands in place of the note
	dot             *canvas.Circle
	phase, clock    *canvas.Text
	mode            *canvas.Text
	count, latency  *canvas.Text
	question        *block
	answer          *prose
	note, banner    *block
	lanes           [audio.Channels]*lane
	start, pause    *widget.Button
	stop, answerNow *widget.Button
	copy, clear     *widget.Button
	previous, next  *widget.Button
	newest, chip    *widget.Button
	chipBox         fyne.CanvasObject // the chip, or what holds it
	settings, help  *widget.Button
	setup           *widget.Button
	top, bottom     *fyne.Container
	rules           [2]*canvas.Rectangle
	panel           *canvas.Rectangle
}

// press is what the teleprompter's buttons and keys do.
type press struct {
	start, stop, copy, setup, settings, help func()
	do                                       func(interview.Command)
}

func newTeleprompter(l *look, p press) *teleprompter {
	t := &teleprompter{
		look:     l,
		dot:      canvas.NewCircle(l.muted),
		phase:    label("", l.bodySize(), l.text, true),
		clock:    label("", l.smallSize(), l.muted, false),
		mode:     label("", l.smallSize(), l.muted, false),
		count:    label("", l.smallSize(), l.muted, false),
		latency:  label("", l.smallSize(), l.muted, false),
		question: newBlock(l.questionSize(), 2, l.text, l.muted),
		answer:   newProse(l),
		note:     newBlock(l.size(15), 3, l.muted, l.muted),
		banner:   newBlock(l.smallSize(), 2, l.muted, l.muted),
		panel:    canvas.NewRectangle(l.panel),
	}
	t.question.bold = true
	l.mirrorIf(t.question, t.note, t.banner)
	t.lanes[audio.Interviewer] = newLane(l, "Interviewer", l.interviewer, 2)
	t.lanes[audio.Candidate] = newLane(l, "You", l.candidate, 1)
	t.makeButtons(p)
	for i := range t.rules {
		t.rules[i] = canvas.NewRectangle(l.rule)
	}
	t.arrange()
	t.answer.onScroll, t.answer.onPoint = t.showNewest, t.tellBasis
	t.show(view{phase: interview.Idle, auto: true}, "", true, time.Time{})
	return t
}

func label(s string, size float32, c color.Color, bold bool) *canvas.Text {
	t := canvas.NewText(s, c)
	t.TextSize, t.TextStyle.Bold = size, bold
	return t
}

func (t *teleprompter) makeButtons(p press) {
	do := func(c interview.Command) func() { return func() { p.do(c) } }
	t.start = widget.NewButton("Start", p.start)
	t.start.Importance = widget.HighImportance
	t.setup = widget.NewButton("Set up…", p.setup)
	t.pause = widget.NewButton("Pause", func() {
		if t.view.phase == interview.Paused {
			p.do(interview.Resume)
			return
		}
		p.do(interview.Pause)
	})
	t.answerNow = widget.NewButton("Answer now", do(interview.AnswerNow))
	t.answerNow.Importance = widget.HighImportance
	t.stop = widget.NewButton("Stop", p.stop)
	t.copy = widget.NewButton("Copy", p.copy)
	t.clear = widget.NewButton("Clear", do(interview.Clear))
	t.copy.Importance, t.clear.Importance = widget.LowImportance, widget.LowImportance
	t.previous = quietIcon(theme.NavigateBackIcon(), do(interview.Previous))
	t.next = quietIcon(theme.NavigateNextIcon(), do(interview.Next))
	t.settings = quietIcon(theme.SettingsIcon(), p.settings)
	t.help = quietIcon(theme.QuestionIcon(), p.help)
	t.newest = widget.NewButtonWithIcon("Newest", theme.MoveDownIcon(), t.answer.newest)
	t.newest.Hide()
	t.chip = widget.NewButtonWithIcon("Next question", theme.NavigateNextIcon(), do(interview.Next))
	t.chip.Importance = widget.HighImportance
}

func quietIcon(icon fyne.Resource, tapped func()) *widget.Button {
	b := widget.NewButtonWithIcon("", icon, tapped)
	b.Importance = widget.LowImportance
	return b
}

// arrange puts everything into the root container.
func (t *teleprompter) arrange() {
	dot := container.NewCenter(container.NewGridWrap(fyne.NewSquareSize(t.look.size(9)), t.dot))
	t.top = container.NewHBox(dot, center(t.phase), center(t.clock), center(t.mode), layout.NewSpacer(),
		center(t.latency), t.previous, center(t.count), t.next, t.settings, t.help)
	t.chipBox = t.chip
	if t.look.comfort.Mirrored {
		t.chipBox = t.turnChip()
	}
	t.chipBox.Hide()
	t.bottom = container.New(layout.NewCustomPaddedHBoxLayout(8), t.start, t.setup, t.pause, t.answerNow, layout.NewSpacer(), t.chipBox, t.newest, t.copy, t.clear, t.stop)
	t.root = container.New(t, t.panel, t.rules[0], t.rules[1], t.top, t.question, t.answer, t.note,
		t.banner, t.lanes[0], t.lanes[1], t.bottom)
}

func center(o fyne.CanvasObject) fyne.CanvasObject {
	return container.NewVBox(layout.NewSpacer(), o, layout.NewSpacer())
}

// margin is the space at the window's edges.
const margin = 14

// Layout implements fyne.Layout for the root container.
func (t *teleprompter) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	width := size.Width - 2*margin
	put := func(o fyne.CanvasObject, y, height float32) float32 {
		o.Move(fyne.NewPos(margin, y))
		o.Resize(fyne.NewSize(width, height))
		return y + height
	}
	t.latency.Hidden = false
	t.latency.Hidden = t.top.MinSize().Width > width
	y := put(t.top, 3, t.top.MinSize().Height)
	t.rules[0].Move(fyne.NewPos(0, y+3))
	t.rules[0].Resize(fyne.NewSize(size.Width, 1))
	y = put(t.question, y+12, t.question.MinSize().Height) + 14

	bottom := size.Height - 8 - t.bottom.MinSize().Height
	put(t.bottom, bottom, t.bottom.MinSize().Height)
	bottom -= 6
	for _, l := range []*lane{t.lanes[1], t.lanes[0]} {
		bottom -= l.MinSize().Height + 5
		put(l, bottom, l.MinSize().Height)
	}
	t.panel.Move(fyne.NewPos(0, bottom-8))
	t.panel.Resize(fyne.NewSize(size.Width, size.Height-bottom+8))
	t.rules[1].Move(fyne.NewPos(0, bottom-9))
	t.rules[1].Resize(fyne.NewSize(size.Width, 1))
	bottom -= 9
	if h := t.banner.heightFor(width); h > 0 {
		bottom -= h + 6
		put(t.banner, bottom, h)
	}
	t.layAnswer(y, max(bottom-6-y, t.answer.MinSize().Height), put)
}

// layAnswer divides the middle between the answer and the sentence that stands
// in its place or below it.
func (t *teleprompter) layAnswer(y, height float32, put func(fyne.CanvasObject, float32, float32) float32) {
	note := t.note.heightFor(t.root.Size().Width - 2*margin)
	switch {
	case t.view.id == 0:
		put(t.note, t.question.Position().Y, note)
	case t.view.length == 0:
		put(t.note, y, note)
	case note > 0:
		height -= note + 4
		put(t.note, y+height+4, note)
	}
	put(t.answer, y, height)
}

// MinSize implements fyne.Layout.
func (t *teleprompter) MinSize([]fyne.CanvasObject) fyne.Size {
	height := t.top.MinSize().Height + t.question.MinSize().Height +
		t.lanes[0].MinSize().Height + t.lanes[1].MinSize().Height + t.bottom.MinSize().Height
	return fyne.NewSize(t.look.size(420)+2*margin, height+2*t.answer.step()+60)
}

// show brings the screen up to date. text is what was appended to the answer or,
// when it is anew, all of it.
func (t *teleprompter) show(v view, text string, anew bool, now time.Time) {
	old := t.view
	t.view = v
	if v.id != old.id {
		t.basis = ""
	}
	t.showStatus(v)
	t.question.set(v.spoken(), v.unsettled())
	if anew && len(t.answer.text) > 0 {
		t.answer.reset()
	}
	if text != "" {
		t.answer.add(text, now)
	}
	if v.status > interview.AnswerStreaming && (old.status != v.status || old.id != v.id) {
		t.answer.finish()
	}
	for c, l := range t.lanes {
		l.set(v.lanes[c], v.captions[c], v.running())
	}
	t.showButtons(v)
	if t.showSentences(v) || (v.length == 0) != (old.length == 0) || (v.id == 0) != (old.id == 0) {
		t.Layout(nil, t.root.Size())
	}
	t.answer.follow(now)
	t.showNewest()
}

func (t *teleprompter) showStatus(v view) {
	colors := map[interview.Phase]color.Color{
		interview.Listening: t.look.good, interview.Thinking: t.look.accent, interview.Answering: t.look.accent,
		interview.Starting: t.look.warn, interview.Paused: t.look.warn, interview.Offline: t.look.bad,
	}
	c, ok := colors[v.phase]
	if !ok {
		c = t.look.muted
	}
	if t.dot.FillColor != c {
		t.dot.FillColor = c
		t.dot.Refresh()
	}
	elapsed := ""
	if v.running() || v.elapsed > 0 {
		elapsed = clock(v.elapsed)
	}
	changed := setText(t.phase, v.phaseWord())
	changed = setText(t.clock, elapsed) || changed
	changed = setText(t.mode, modeWord(v)) || changed
	count, latency := "", ""
	if v.total > 1 && v.number > 0 {
		count = fmt.Sprintf("%d / %d", v.number, v.total)
	}
	if v.latency > 0 {
		latency = fmt.Sprintf("first words after %.1f s", v.latency.Seconds())
	}
	changed = setText(t.count, count) || changed
	changed = setText(t.latency, latency) || changed
	changed = show(t.previous, v.total > 1) || changed
	if changed = show(t.next, v.total > 1) || changed; changed {
		relayout(t.top)
	}
}

// modeWord is how the mode stands in the status line.
func modeWord(v view) string {
	if v.mode == "" {
		return ""
	}
	return "· " + strings.ToUpper(v.mode[:1]) + v.mode[1:]
}

// setText changes a text and reports whether it did.
func setText(t *canvas.Text, s string) bool {
	if t.Text == s {
		return false
	}
	t.Text = s
	t.Resize(t.MinSize())
	t.Refresh()
	return true
}

func relayout(c *fyne.Container) { c.Layout.Layout(c.Objects, c.Size()) }

// showSentences sets the banner and the note and reports whether either is
// another than before.
func (t *teleprompter) showSentences(v view) bool {
	banner, serious := v.banner()
	note := v.note()
	if t.basis != "" && v.problem == "" {
		note = t.basis
	}
	changed := banner != t.banner.loud || note != t.note.loud
	t.banner.paint(pick(serious, t.look.warn, t.look.muted))
	t.note.paint(pick(v.problem != "" || v.status == interview.AnswerFailed || v.wild != "" && note == plain(v.wild), t.look.warn, t.look.muted))
	t.banner.set(banner, "")
	t.note.set(note, "")
	return changed
}

func pick(yes bool, a, b color.Color) color.Color {
	if yes {
		return a
	}
	return b
}

func (t *teleprompter) showButtons(v view) {
	pause := "Pause"
	if v.phase == interview.Paused {
		pause = "Resume"
	}
	if t.pause.Text != pause {
		t.pause.SetText(pause)
	}
	hearing := v.running() && v.phase != interview.Starting && v.phase != interview.Paused
	changed := show(t.start, !v.running())
	changed = show(t.setup, !v.running()) || changed
	changed = show(t.pause, v.running()) || changed
	changed = show(t.answerNow, v.running()) || changed
	changed = show(t.stop, v.running()) || changed
	enable(t.answerNow, hearing)
	enable(t.copy, v.length > 0)
	enable(t.clear, v.id != 0 && v.running())
	enable(t.previous, v.number > 1)
	enable(t.next, v.number > 0 && v.number < v.total)
	if changed {
		relayout(t.bottom)
	}
}

// show makes something visible or not, and reports whether that is a change.
func show(b fyne.CanvasObject, yes bool) bool {
	if b.Visible() == yes {
		return false
	}
	if yes {
		b.Show()
	} else {
		b.Hide()
	}
	return true
}

func enable(b *widget.Button, yes bool) {
	if b.Disabled() == yes {
		if yes {
			b.Enable()
		} else {
			b.Disable()
		}
	}
}

// showNewest offers a way down while there are words below the view.
func (t *teleprompter) showNewest() {
	if show(t.newest, !t.answer.atEnd()) {
		relayout(t.bottom)
	}
}
