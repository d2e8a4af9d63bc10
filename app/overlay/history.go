package overlay

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"copilot/app/interview"
)

// Past is an interview that was held.
type Past struct {
	ID             string
	Title          string
	Started, Ended time.Time
	Online         bool // saved at Supabase; else on this computer
	Turns          []Said
	Notes          string
	Words          string // of the debrief, light Markdown
	Figures        *interview.Debrief
}

// Said is one turn of a Past, or a suggested answer.
type Said struct {
	Who  string // "interviewer", "candidate" or "answer"
	Text string
	At   time.Duration
}

// The retentions a person can choose.
const (
	RetainNothing = "never"
	RetainMonth   = "30 days"
	RetainAll     = "until deleted"
)

func retentions() []named {
	return []named{{RetainNothing, "Keep none"}, {RetainMonth, "Keep 30 days"}, {RetainAll, "Until deleted"}}
}

// historyPage lists the interviews that were held.
func (w *Window) historyPage() fyne.CanvasObject {
	rows := container.NewVBox(flush(sentence("Looking for your interviews…")))
	search := widget.NewEntry()
	search.SetPlaceHolder("Search in everything that was said")
	search.ActionItem = widget.NewIcon(theme.SearchIcon())
	search.OnSubmitted = func(text string) { w.fillHistory(rows, text) }
	keep := selectOf(retentions(), w.settings.Retain, func(v string) {
		w.change(func(s *Settings) { s.Retain = v })
		w.fillHistory(rows, search.Text)
	})
	w.fillHistory(rows, "")
	body := container.NewVBox(container.NewBorder(nil, nil, nil, container.NewGridWrap(fyne.NewSize(w.look.size(146), w.look.size(34)), keep), search), gap(2), rows)
	done := widget.NewButton("Done", w.back)
	done.Importance = widget.HighImportance
	wipe := widget.NewButtonWithIcon("Delete everything…", theme.DeleteIcon(), w.askWipe)
	return w.sheet("History", body, container.NewBorder(nil, nil, done, wipe))
}

// fillHistory asks for the list and shows it.
func (w *Window) fillHistory(rows *fyne.Container, search string) {
	w.job(func(ctx context.Context) func() {
		list, notice, err := w.opts.Desk.Past(ctx, search)
		return func() {
			rows.Objects = nil
			if err != nil {
				notice = upper(err.Error())
			}
			if notice != "" {
				rows.Add(flush(warn(plain(notice))))
			}
			switch {
			case len(list) > 0 || err != nil:
			case search != "":
				rows.Add(flush(sentence("Nothing was found.")))
			case w.settings.Retain == RetainNothing:
				rows.Add(flush(sentence("Interviews are not kept. The debrief is shown after each one, and is gone when you close it.")))
			default:
				rows.Add(flush(sentence("There are none yet. Each interview you hold is listed here, with its debrief.")))
			}
			for _, p := range list {
				rows.Add(w.pastRow(p))
			}
			rows.Refresh()
		}
	})
}

func (w *Window) pastRow(p Past) fyne.CanvasObject {
	l := w.look
	name := newBlock(l.bodySize(), 1, l.text, l.text)
	name.bold = true
	name.set(plain(p.Title), "")
	where := "on this computer"
	if p.Online {
		where = "online"
	}
	below := newBlock(l.smallSize(), 1, l.muted, l.muted)
	below.set(fmt.Sprintf("%s · %s · %s", shortDate(p.Started), lasted(p), where), "")
	return w.card(container.NewBorder(nil, nil, nil, center(widget.NewButton("Open", func() { w.openPast(p) })), container.NewVBox(name, below)))
}

func lasted(p Past) string {
	if d := p.Ended.Sub(p.Started); d >= time.Minute {
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return "under a minute"
}

// openPast reads an interview and shows its page.
func (w *Window) openPast(p Past) {
	w.job(func(ctx context.Context) func() {
		whole, err := w.opts.Desk.ReadPast(ctx, p)
		return func() {
			if err != nil {
				w.say(upper(err.Error()))
				return
			}
			w.desk.past = whole
			w.open(pastPageScreen)
		}
	})
}

// pastPage is one interview: its debrief, notes and transcript.
func (w *Window) pastPage() fyne.CanvasObject {
	p := w.desk.past
	body := container.NewVBox(flush(sentence(shortDate(p.Started) + " · " + lasted(p))))
	body.Add(w.debriefSection(&p))
	body.Add(gap(4))
	notes := area(&p.Notes, "Your notes on this interview", 3)
	keep := widget.NewButton("Save the notes", nil)
	keep.Disable()
	notes.OnChanged = func(text string) { p.Notes = text; enable(keep, true) }
	keep.OnTapped = func() { w.keepPast(p, keep) }
	body.Add(w.section("Notes", container.NewVBox(notes, container.NewHBox(keep))))
	if len(p.Turns) > 0 {
		body.Add(gap(4))
		body.Add(w.section("Transcript", w.transcript(p.Turns)))
	}
	done := widget.NewButton("Done", func() { w.open(pastScreen) })
	done.Importance = widget.HighImportance
	foot := container.NewHBox(done)
	for _, f := range []named{{"pdf", "PDF"}, {"docx", "Word"}, {"md", "Markdown"}} {
		foot.Add(widget.NewButton(f.name, func() { w.exportPast(p, f.value) }))
	}
	remove := widget.NewButtonWithIcon("Delete", theme.DeleteIcon(), func() { w.deletePast(p) })
	return w.sheet(plain(p.Title), body, container.NewBorder(nil, nil, foot, remove))
}

func (w *Window) keepPast(p Past, b *widget.Button) {
	b.Disable()
	w.job(func(ctx context.Context) func() {
		err := w.opts.Desk.ChangePast(ctx, p)
		return func() {
			if err != nil {
				b.Enable()
				w.tell("The notes were not saved", upper(err.Error()))
				return
			}
			w.desk.past.Notes = p.Notes
		}
	})
}

// transcript is who said what, with suggestions set apart. Of long ones the
// beginning is shown: the exports have all.
func (w *Window) transcript(turns []Said) fyne.CanvasObject {
	const most = 400
	l := w.look
	box := container.NewVBox()
	for _, t := range turns[:min(len(turns), most)] {
		who, tint := "Interviewer", l.interviewer
		switch t.Who {
		case "candidate":
			who, tint = "You", l.candidate
		case "answer":
			who, tint = "Suggested", l.muted
		}
		text := sentence(plain(strings.ReplaceAll(strings.TrimSpace(t.Text), "**", "")))
		text.Importance = widget.MediumImportance
		if t.Who == "answer" {
			text.Importance = widget.LowImportance
		}
		head := label(clock(t.At)+"  "+who, l.smallSize(), tint, true)
		box.Add(container.NewVBox(head, pad(text, -7, -7)))
	}
	if len(turns) > most {
		box.Add(flush(sentence(fmt.Sprintf("%d further turns are in the exports.", len(turns)-most))))
	}
	return box
}

// exportPast asks where to, and writes the file.
func (w *Window) exportPast(p Past, format string) {
	w.job(func(ctx context.Context) func() {
		data, err := w.opts.Desk.ExportPast(ctx, p, format)
		return func() {
			if err != nil {
				w.tell("The file was not made", upper(err.Error()))
				return
			}
			w.saveFile(fileName(p)+"."+format, data)
		}
	})
}

// saveFile asks where to, and writes a file there.
func (w *Window) saveFile(name string, data []byte) {
	d := dialog.NewFileSave(func(f fyne.URIWriteCloser, err error) {
		if err != nil || f == nil {
			return
		}
		_, err = f.Write(data)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			w.tell("The file was not saved", "Is the disk full or read-only?")
		}
	}, w.win)
	d.SetFileName(name)
	d.Show()
	d.Resize(w.win.Canvas().Size())
}

// fileName is a name for a file that every system takes.
func fileName(p Past) string {
	name := []rune("interview " + p.Started.Local().Format("2006-01-02"))
	if p.Title != "" {
		name = append([]rune(p.Title+" "), name[len("interview "):]...)
	}
	for i, r := range name {
		if slices.Contains([]rune(`/\:*?"<>|`), r) || r < ' ' {
			name[i] = '-'
		}
	}
	return string(name)
}

// deletePast deletes at once, and says so only when it is proven.
func (w *Window) deletePast(p Past) {
	w.job(func(ctx context.Context) func() {
		err := w.opts.Desk.DeletePast(ctx, p)
		return func() {
			if err != nil {
				w.tell("It was not deleted", upper(err.Error()))
				return
			}
			w.open(pastScreen)
			w.tell("Deleted", "It was looked for again, and nothing of it is left.")
		}
	})
}

func (w *Window) askWipe() {
	const loses = "All prepared interviews and all kept ones are deleted, and the key that opens them. This cannot be undone."
	w.confirm("Delete everything on this computer?", loses, "Delete everything", "Keep it", func() {
		w.job(func(ctx context.Context) func() {
			err := w.opts.Desk.Wipe(ctx)
			return func() {
				w.change(func(s *Settings) { s.Prepared, s.PreparedName = "", "" })
				w.open(pastScreen)
				if err != nil {
					w.tell("Not everything was deleted", upper(err.Error()))
				}
			}
		})
	})
}

// confirm asks before something is lost. Fyne's own question has a picture, into
// which the text runs.
func (w *Window) confirm(title, loses, yes, no string, do func()) {
	text := widget.NewLabel(loses)
	text.Wrapping = fyne.TextWrapWord
	d := dialog.NewCustomConfirm(title, yes, no, text, func(sure bool) {
		if sure {
			do()
		}
	}, w.win)
	d.SetConfirmImportance(widget.DangerImportance)
	d.Resize(fyne.NewSize(w.win.Canvas().Size().Width*0.92, 0))
	d.Show()
}

func (w *Window) tell(title, sentence string) { dialog.ShowInformation(title, sentence, w.win) }

// PastReady shows that the interview which ended just now can be looked back at.
// It may be called from any goroutine.
func (w *Window) PastReady(p Past) {
	w.ui(func() {
		w.desk.past, w.desk.ready = p, true
		if w.screen == prompterScreen {
			w.open(prompterScreen)
		}
	})
}

// withDebrief puts the way to the debrief of the interview that ended below the
// teleprompter.
func (w *Window) withDebrief(o fyne.CanvasObject) fyne.CanvasObject {
	if !w.desk.ready {
		return o
	}
	b := widget.NewButtonWithIcon("Debrief", theme.ListIcon(), func() {
		w.desk.ready = false
		w.open(pastPageScreen)
	})
	b.Importance = widget.HighImportance
	text := newBlock(w.look.bodySize(), 1, w.look.soft, w.look.soft)
	text.set("How did it go?", "")
	return container.NewBorder(nil, pad(container.NewBorder(nil, nil, nil, b, center(text)), 8, margin), nil, nil, o)
}
