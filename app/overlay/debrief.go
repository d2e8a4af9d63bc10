package overlay

import (
	"context"
	"fmt"
	"image/color"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"copilot/app/interview"
)

// debriefSection shows what was counted, as figures and plots, what was asked
// and missed, and the model's words, which are asked for when there are none.
func (w *Window) debriefSection(p *Past) fyne.CanvasObject {
	d := p.Figures
	if d == nil {
		return container.NewVBox()
	}
	l := w.look
	pace, fillers := fmt.Sprintf("%.0f", d.Pace), fmt.Sprint(d.FillerCount())
	if d.Words == 0 { // nobody transcribed them
		pace, fillers = "–", "–"
	}
	box := container.NewVBox(
		container.NewGridWithColumns(4,
			w.figure(fmt.Sprintf("%.0f %%", 100*d.TalkShare()), "you spoke"),
			w.figure(pace, "words a minute"),
			w.figure(fillers, "filler words"),
			w.figure(clock(d.Longest), "longest answer")))
	if d.Words > 0 {
		box.Add(gap(2))
		box.Add(w.card(container.NewVBox(
			label("Pace, words a minute", l.smallSize(), l.muted, true), newPlot(l, l.accent, pacesOf(d), 110, 175),
			gap(2),
			label("Filler words by minute", l.smallSize(), l.muted, true), newPlot(l, l.warn, fillersOf(d), 0, 0))))
	}
	if len(d.Fillers) > 0 {
		var said []string
		for _, f := range d.Fillers[:min(4, len(d.Fillers))] {
			said = append(said, fmt.Sprintf("“%s” %d×", f.Text, f.Count))
		}
		box.Add(flush(sentence("Fillers: " + plain(strings.Join(said, ", ")) + ". The transcription may leave out an “um” or “uh”.")))
	}
	practise := container.NewVBox()
	for i, s := range d.Practise() {
		t := sentence(fmt.Sprintf("%d.  %s", i+1, plain(s)))
		t.Importance = widget.MediumImportance
		practise.Add(flush(t))
	}
	box.Add(gap(4))
	box.Add(w.section("Three things to practise", practise))
	box.Add(gap(4))
	box.Add(w.section("Coach", w.coach(p)))
	if len(d.Questions) > 0 {
		box.Add(gap(4))
		box.Add(w.section("Questions", w.reviewed(d.Questions)))
	}
	return box
}

// figure is a number and what it is.
func (w *Window) figure(number, what string) fyne.CanvasObject {
	n, t := label(number, w.look.size(20), w.look.text, true), label(what, w.look.smallSize(), w.look.muted, false)
	return w.card(container.NewVBox(n, t))
}

// coach is the model's words; a button asks for them.
func (w *Window) coach(p *Past) fyne.CanvasObject {
	words := container.NewVBox()
	text := p.Words
	show := func() {
		words.Objects = nil
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			rich := widget.NewRichTextFromMarkdown(plain(line))
			rich.Wrapping = fyne.TextWrapWord
			words.Add(flush(rich))
		}
		words.Refresh()
	}
	show()
	if text != "" {
		return words
	}
	problem := warn("")
	problem.Hide()
	var ask *widget.Button
	ask = widget.NewButtonWithIcon("Ask for feedback", theme.MailComposeIcon(), func() {
		ask.Disable()
		ask.SetText("Writing…")
		problem.Hide()
		w.job(func(ctx context.Context) func() {
			err := w.opts.Desk.Debrief(ctx, *p, func(delta string) {
				w.ui(func() {
					text += delta
					show()
				})
			})
			return func() {
				if err != nil {
					problem.SetText(upper(err.Error()))
					problem.Show()
					ask.SetText("Try again")
					ask.Enable()
					return
				}
				ask.Hide()
				p.Words = text
				w.desk.past.Words = text
			}
		})
	})
	return container.NewVBox(words, flush(problem), container.NewHBox(ask))
}

// reviewed lists the questions with what was not said.
func (w *Window) reviewed(all []interview.Reviewed) fyne.CanvasObject {
	box := container.NewVBox()
	for i, q := range all {
		title := sentence(fmt.Sprintf("%d. %s", i+1, plain(q.Question)))
		title.Importance, title.TextStyle.Bold = widget.MediumImportance, true
		how := "Nothing of yours was heard."
		if q.Length > 0 {
			how = fmt.Sprintf("You began after %.1f s and spoke for %s.", q.Delay.Seconds(), clock(q.Length))
		}
		content := container.NewVBox(flush(title), label(how, w.look.smallSize(), w.look.muted, false))
		if q.Said != "" && q.Points > 0 {
			content.Add(label(fmt.Sprintf("%d of %d suggested points said.", q.Points-len(q.Missed), q.Points), w.look.smallSize(), w.look.muted, false))
		}
		for _, m := range q.Missed {
			content.Add(flush(warn("Not said: " + plain(m))))
		}
		box.Add(w.card(content))
	}
	return box
}

func pacesOf(d *interview.Debrief) (v []float64) {
	for _, m := range d.Minutes {
		v = append(v, m.Pace)
	}
	return v
}

func fillersOf(d *interview.Debrief) (v []float64) {
	for _, m := range d.Minutes {
		v = append(v, m.Fillers)
	}
	return v
}

// plot draws one value a minute as bars, with a band of good values behind.
type plot struct {
	widget.BaseWidget
	values  []float64
	top     float64
	band    *canvas.Rectangle
	low     float64
	high    float64
	floor   *canvas.Line
	bars    []*canvas.Rectangle
	most    *canvas.Text
	minutes *canvas.Text
	objects []fyne.CanvasObject
}

func newPlot(l *look, c color.Color, values []float64, low, high float64) *plot {
	p := &plot{values: values, low: low, high: high, top: high * 1.15,
		band: canvas.NewRectangle(l.raised), floor: canvas.NewLine(l.edge),
		minutes: label(fmt.Sprintf("minute 1 to %d", len(values)), l.size(10.5), l.muted, false)}
	biggest := 0.0
	for _, v := range values {
		biggest = max(biggest, v)
	}
	p.top = max(p.top, biggest*1.1, 1)
	p.most = label(fmt.Sprintf("at most %.0f", biggest), l.size(10.5), l.muted, false)
	if high > 0 {
		p.most.Text += fmt.Sprintf("; %.0f to %.0f is easy to follow", low, high)
		p.objects = append(p.objects, p.band)
	}
	for range values {
		bar := canvas.NewRectangle(c)
		bar.CornerRadius = 2
		p.bars = append(p.bars, bar)
		p.objects = append(p.objects, bar)
	}
	p.objects = append(p.objects, p.floor, p.most, p.minutes)
	p.ExtendBaseWidget(p)
	return p
}

func (p *plot) CreateRenderer() fyne.WidgetRenderer { return &plotRenderer{p} }

type plotRenderer struct{ *plot }

func (r *plotRenderer) MinSize() fyne.Size {
	return fyne.NewSize(120, 84)
}

func (r *plotRenderer) Layout(size fyne.Size) {
	foot := r.minutes.MinSize().Height
	height := size.Height - foot - 2
	y := func(v float64) float32 { return height - float32(v/r.top)*height }
	r.band.Move(fyne.NewPos(0, y(r.high)))
	r.band.Resize(fyne.NewSize(size.Width, y(r.low)-y(r.high)))
	step := size.Width / float32(max(len(r.bars), 1))
	width := min(step*0.7, 26)
	for i, b := range r.bars {
		top := min(y(r.values[i]), height-1)
		b.Move(fyne.NewPos(float32(i)*step+(step-width)/2, top))
		b.Resize(fyne.NewSize(width, height-top))
	}
	r.floor.Position1, r.floor.Position2 = fyne.NewPos(0, height), fyne.NewPos(size.Width, height)
	r.minutes.Move(fyne.NewPos(0, height+2))
	r.most.Move(fyne.NewPos(size.Width-r.most.MinSize().Width, height+2))
}

func (r *plotRenderer) Refresh()                     { canvas.Refresh(r.plot) }
func (r *plotRenderer) Objects() []fyne.CanvasObject { return r.objects }
func (r *plotRenderer) Destroy()                     {}
