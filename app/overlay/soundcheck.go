package overlay

import (
	"context"
	"fmt"
	"image/color"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"copilot/audio"
)

// SoundState is what the sound check hears.
type SoundState struct {
	Lanes   [audio.Channels]SoundLane
	NoWords string // why there are no live words; empty when there are

	Record  time.Duration // left of the recording; 0: none is made
	Kept    bool          // there is a recording to play
	Playing bool
}

// SoundLane is one side of the sound check.
type SoundLane struct {
	State  audio.LaneState
	Device string
	Level  float64 // 0…1
	Words  string
	Heard  bool   // enough speech to judge by
	Seen   string // what is wrong; empty: nothing
	Advice string // the one thing to do about it
}

// SoundPlace says what of the recording is played.
type SoundPlace int

const (
	PlayBoth SoundPlace = iota
	PlayYou
	PlayInterviewer
)

// soundRow shows one side.
type soundRow struct {
	look    *look
	device  *block
	track   *canvas.Rectangle
	fill    *canvas.Rectangle
	meter   *fyne.Container
	verdict *block
	words   *block
	level   float64
}

// soundPage is the sound check. It listens while it is on screen.
func (w *Window) soundPage() fyne.CanvasObject {
	l := w.look
	rows := [audio.Channels]*soundRow{newSoundRow(l, l.interviewer), newSoundRow(l, l.candidate)}
	record := widget.NewButtonWithIcon("Record 10 seconds", theme.MediaRecordIcon(), w.opts.Desk.Record)
	play := [...]*widget.Button{
		widget.NewButton("Play both", func() { w.opts.Desk.Play(PlayBoth) }),
		widget.NewButton("You", func() { w.opts.Desk.Play(PlayYou) }),
		widget.NewButton("Interviewer", func() { w.opts.Desk.Play(PlayInterviewer) }),
	}
	words := newBlock(l.smallSize(), 2, l.muted, l.muted)
	problem := newBlock(l.smallSize(), 3, l.warn, l.warn)
	show := func(s SoundState) {
		for c, row := range rows {
			row.set(s.Lanes[c], audio.Channel(c))
		}
		words.set(plain(s.NoWords), "")
		words.Hidden = s.NoWords == ""
		record.SetText("Record 10 seconds")
		if s.Record > 0 {
			record.SetText(fmt.Sprintf("Recording… %.0f s", s.Record.Seconds()))
		}
		enable(record, s.Record == 0 && !s.Playing)
		for _, b := range play {
			enable(b, s.Kept && s.Record == 0 && !s.Playing)
		}
	}
	show(SoundState{})
	problem.Hide()
	ctx, cancel := context.WithCancel(w.ctx)
	w.desk.leave = cancel
	settings := w.settings
	w.job(func(context.Context) func() {
		defer cancel()
		err := w.opts.Desk.SoundCheck(ctx, settings, func(s SoundState) {
			if ctx.Err() == nil {
				w.ui(func() {
					if ctx.Err() == nil {
						show(s)
					}
				})
			}
		})
		if err == nil {
			return nil
		}
		return func() {
			problem.set(upper(err.Error()), "")
			problem.Show()
		}
	})
	body := container.NewVBox(
		flush(sentence("Say a few words, and let the computer play something: a video, or the call's test sound. Nothing is charged, and nothing is stored.")),
		w.section("Interviewer", rows[audio.Interviewer].card(w)), gap(4),
		w.section("You", rows[audio.Candidate].card(w)), gap(4),
		words, problem,
		w.section("Listen to it yourself", container.NewVBox(
			container.NewHBox(record, play[0], play[1], play[2]),
			flush(sentence("The recording is kept in memory until you leave this page, and nowhere else.")))),
	)
	done := widget.NewButton("Done", w.back)
	done.Importance = widget.HighImportance
	return w.sheet("Sound check", body, container.NewHBox(done, widget.NewButton("Choose devices", w.back)))
}

func newSoundRow(l *look, c color.Color) *soundRow {
	r := &soundRow{look: l,
		device: newBlock(l.bodySize(), 1, l.text, l.muted), verdict: newBlock(l.smallSize(), 3, l.muted, l.text),
		words: newBlock(l.smallSize(), 1, l.soft, l.muted),
		track: canvas.NewRectangle(l.raised), fill: canvas.NewRectangle(c)}
	r.track.CornerRadius, r.fill.CornerRadius = 3, 3
	r.words.fromEnd = true
	r.meter = container.New(&meterLayout{r}, r.track, r.fill)
	return r
}

func (r *soundRow) card(w *Window) fyne.CanvasObject {
	return w.card(container.NewVBox(r.device, pad(r.meter, 3, 0), r.verdict, r.words))
}

// set shows a side.
func (r *soundRow) set(s SoundLane, c audio.Channel) {
	name := plain(s.Device)
	if name == "" {
		name = map[audio.Channel]string{audio.Interviewer: "The computer's sound", audio.Candidate: "Microphone"}[c]
	}
	r.device.set(name, map[audio.LaneState]string{audio.LaneOpening: "is being opened", audio.LaneLost: "went away", audio.LaneMissing: "is missing"}[s.State])
	verdict, tint := "Not heard enough yet.", r.look.muted
	switch {
	case s.Seen != "":
		verdict, tint = s.Seen, r.look.warn
	case s.Heard:
		verdict, tint = "Sounds good.", r.look.good
	}
	r.verdict.paint(tint)
	r.verdict.set(plain(verdict), plain(s.Advice))
	if s.Words != "" {
		r.words.set("“"+plain(s.Words)+"”", "")
	}
	if level := min(max(s.Level, 0), 1); level != r.level {
		r.level = level
		r.meter.Refresh()
	}
}

// meterLayout draws a level as a part of its track.
type meterLayout struct{ row *soundRow }

func (m *meterLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(40, 7) }

func (m *meterLayout) Layout(o []fyne.CanvasObject, size fyne.Size) {
	o[0].Move(fyne.NewPos(0, 0))
	o[0].Resize(size)
	o[1].Move(fyne.NewPos(0, 0))
	o[1].Resize(fyne.NewSize(size.Width*float32(m.row.level), size.Height))
}
