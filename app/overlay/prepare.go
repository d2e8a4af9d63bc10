package overlay

import (
	"context"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// Desk is where a person prepares interviews and looks back at them. Its methods
// are called on goroutines of the window's, whose context ends with it; errors
// are sentences for the person.
type Desk interface {
	// Prepared lists what is prepared, the last changed first. notice is a
	// sentence about what could not be read or is kept for this run only.
	Prepared(ctx context.Context) (list []Prepared, notice string, err error)
	Keep(ctx context.Context, p Prepared) (Prepared, error) // with an ID when it had none
	Discard(ctx context.Context, id string) error
	Understand(ctx context.Context, path string) (Paper, error)
	UnderstandText(ctx context.Context, text string) (Paper, error)
	KeyTerms(ctx context.Context, resume, job string) []string
	// WriteCards has likely questions answered ahead, from what is prepared.
	WriteCards(ctx context.Context, p Prepared) ([]Card, error)

	// SoundCheck listens to both lanes until ctx ends and shows what it hears.
	SoundCheck(ctx context.Context, s Settings, show func(SoundState)) error
	Record()              // begins ten seconds, kept in memory only
	Play(lane SoundPlace) // plays what was recorded

	// Practice begins an interview with a questioner instead of a person.
	Practice(Settings)
	Voice() (name string, advice string) // the system's voice; advice when there is none

	Past(ctx context.Context, search string) (list []Past, notice string, err error)
	ReadPast(ctx context.Context, p Past) (Past, error)
	ChangePast(ctx context.Context, p Past) error
	DeletePast(ctx context.Context, p Past) error
	ExportPast(ctx context.Context, p Past, format string) ([]byte, error) // "md", "pdf", "docx"
	// Debrief has the debrief's words written, handing over each piece.
	Debrief(ctx context.Context, p Past, delta func(string)) error
	Wipe(ctx context.Context) error // everything on this computer
}

// Card is a likely question with its answer, which is shown at once when it is
// asked.
type Card struct{ Question, Answer string }

// Prepared is an interview as it was prepared.
type Prepared struct {
	ID                  string
	Name, Company, Role string
	Resume, Job         Paper
	Notes               string
	Stories             []Story
	Cards               []Card
	Language            string // BCP-47
	Persona, Own        string // one of the personas; the person's own words
	Format              string
	Terms               []string // as corrected; nil: as understood
}

// Paper is a document as it was understood.
type Paper struct {
	Name, Text string
	Sections   []string // titles
	Summary    string   // one line
}

// Story is one of the candidate's own.
type Story struct{ Title, Situation, Task, Action, Result string }

// title is what a list shows.
func (p Prepared) title() string {
	if p.Name != "" {
		return p.Name
	}
	if p.Company != "" {
		return p.Company
	}
	return "Interview"
}

func (p Prepared) subtitle() string {
	var parts []string
	for _, s := range []string{p.Company, p.Role} {
		if s != "" && s != p.title() {
			parts = append(parts, s)
		}
	}
	if p.Resume.Name != "" {
		parts = append(parts, p.Resume.Name)
	}
	return plain(strings.Join(parts, " · "))
}

// The screens of the desk; the others are in screens.go.
const (
	preparedScreen screen = iota + 100
	prepareScreen
	soundScreen
	practiceScreen
	pastScreen
	pastPageScreen
)

// desk is the window's state of these screens. It belongs to Fyne's goroutine.
type desk struct {
	editing Prepared
	unsaved func() bool // says whether what is edited has changed
	gone    *Prepared   // deleted last, for Undo
	past    Past        // on its page
	ready   bool        // the interview that ended just now has a page
	leave   func()      // ends what the screen has running
	drop    func(path string, right bool)
}

// openDesk shows one of the desk's screens.
func (w *Window) openDesk(s screen) {
	switch s {
	case preparedScreen:
		w.win.SetContent(w.preparedPage())
	case prepareScreen:
		w.win.SetContent(w.preparePage())
	case soundScreen:
		w.win.SetContent(w.soundPage())
	case practiceScreen:
		w.win.SetContent(w.practicePage())
	case pastScreen:
		w.win.SetContent(w.historyPage())
	case pastPageScreen:
		w.win.SetContent(w.pastPage())
	}
}

// leaveDesk ends what a screen of the desk has running; every change of screens
// calls it.
func (w *Window) leaveDesk() {
	if w.desk.leave != nil {
		w.desk.leave()
	}
	w.desk.leave, w.desk.drop = nil, nil
}

// deskRow is the way to the desk from the set-up.
func (w *Window) deskRow() fyne.CanvasObject {
	row := container.NewGridWithColumns(4)
	for _, b := range []struct {
		name string
		icon fyne.Resource
		to   screen
	}{
		{"Prepare", theme.DocumentCreateIcon(), preparedScreen},
		{"Sound check", theme.VolumeUpIcon(), soundScreen},
		{"Practice", theme.MediaPlayIcon(), practiceScreen},
		{"History", theme.HistoryIcon(), pastScreen},
	} {
		row.Add(widget.NewButtonWithIcon(b.name, b.icon, func() { w.open(b.to) }))
	}
	return row
}

// card is a panel with content.
func (w *Window) card(o fyne.CanvasObject) fyne.CanvasObject {
	return container.NewStack(newPanel(w.look), pad(o, 9, 12))
}

// warn is a sentence that matters.
func warn(s string) *widget.Label {
	t := sentence(s)
	t.Importance = widget.WarningImportance
	return t
}

// preparedPage lists the prepared interviews.
func (w *Window) preparedPage() fyne.CanvasObject {
	rows := container.NewVBox(flush(sentence("Looking for your interviews…")))
	w.fillPrepared(rows, "")
	fresh := widget.NewButtonWithIcon("Prepare an interview", theme.ContentAddIcon(), func() {
		w.desk.editing = Prepared{Language: w.settings.Language}
		w.open(prepareScreen)
	})
	fresh.Importance = widget.HighImportance
	return w.sheet("Prepared interviews", rows, container.NewHBox(fresh, widget.NewButton("Done", w.back)))
}

// fillPrepared asks for the list and shows it, with a notice of our own.
func (w *Window) fillPrepared(rows *fyne.Container, notice string) {
	w.job(func(ctx context.Context) func() {
		list, told, err := w.opts.Desk.Prepared(ctx)
		return func() {
			rows.Objects = nil
			if notice != "" {
				undo := widget.NewButton("Undo", func() { w.undoDiscard(rows) })
				rows.Add(container.NewBorder(nil, nil, nil, undo, flush(sentence(notice))))
			}
			if err != nil {
				told = upper(err.Error())
			}
			if told != "" {
				rows.Add(flush(warn(plain(told))))
			}
			if len(list) == 0 && err == nil {
				rows.Add(flush(sentence("Prepare an interview once: who it is with, your résumé, the job, notes and stories. It is kept on this computer, encrypted, and used for every interview and practice you choose it for.")))
			}
			for _, p := range list {
				rows.Add(w.preparedRow(p, rows))
			}
			rows.Refresh()
		}
	})
}

func (w *Window) preparedRow(p Prepared, rows *fyne.Container) fyne.CanvasObject {
	l := w.look
	used := p.ID == w.settings.Prepared
	use := widget.NewButton("Use", func() {
		w.use(p)
		w.back()
	})
	if used {
		use.SetText("In use")
		use.OnTapped = func() { // a second press lets go of it
			w.change(func(s *Settings) { s.Prepared, s.PreparedName = "", "" })
			w.fillPrepared(rows, "")
		}
		use.Importance = widget.HighImportance
	}
	buttons := container.NewHBox(use,
		quietIcon(theme.DocumentCreateIcon(), func() {
			w.desk.editing = p
			w.open(prepareScreen)
		}),
		quietIcon(theme.DeleteIcon(), func() { w.discard(p, rows) }))
	name := newBlock(l.bodySize(), 1, l.text, l.text)
	name.bold = true
	name.set(plain(p.title()), "")
	below := newBlock(l.smallSize(), 1, l.muted, l.muted)
	below.set(p.subtitle(), "")
	return w.card(container.NewBorder(nil, nil, nil, center(buttons), container.NewVBox(name, below)))
}

// use makes p the interview that the next ones are held with.
func (w *Window) use(p Prepared) {
	w.change(func(s *Settings) {
		s.Prepared, s.PreparedName = p.ID, p.title()
		if p.Language != "" {
			s.Language = p.Language
		}
	})
}

// discard deletes p at once; Undo brings it back while the window is open.
func (w *Window) discard(p Prepared, rows *fyne.Container) {
	w.job(func(ctx context.Context) func() {
		err := w.opts.Desk.Discard(ctx, p.ID)
		return func() {
			if err != nil {
				w.fillPrepared(rows, "")
				w.say(upper(err.Error()))
				return
			}
			w.desk.gone = &p
			if w.settings.Prepared == p.ID {
				w.change(func(s *Settings) { s.Prepared, s.PreparedName = "", "" })
			}
			w.fillPrepared(rows, "“"+plain(p.title())+"” was deleted.")
		}
	})
}

func (w *Window) undoDiscard(rows *fyne.Container) {
	gone := w.desk.gone
	if gone == nil {
		return
	}
	w.desk.gone = nil
	w.job(func(ctx context.Context) func() {
		_, err := w.opts.Desk.Keep(ctx, *gone)
		return func() {
			if err != nil {
				w.say(upper(err.Error()))
			}
			w.fillPrepared(rows, "")
		}
	})
}

// preparedRowInSetup says in the set-up what is prepared and in use.
func (w *Window) preparedInUse() fyne.CanvasObject {
	if w.settings.Prepared == "" {
		return container.NewVBox()
	}
	name := newBlock(w.look.bodySize(), 1, w.look.text, w.look.text)
	name.set("Prepared: "+plain(w.settings.PreparedName), "")
	return container.NewBorder(nil, nil, nil, container.NewHBox(
		widget.NewButton("Change…", func() { w.open(preparedScreen) }),
		quietIcon(theme.CancelIcon(), func() {
			w.change(func(s *Settings) { s.Prepared, s.PreparedName = "", "" })
			w.open(setupScreen)
		})), center(name))
}

// form makes rows of a name and a field.
func (w *Window) form() (form *fyne.Container, row func(name string, o fyne.CanvasObject)) {
	form = container.New(layout.NewFormLayout())
	return form, func(name string, o fyne.CanvasObject) {
		form.Add(w.fieldName(name))
		form.Add(o)
	}
}

// shortDate writes a time as a list shows it.
func shortDate(t time.Time) string { return t.Local().Format("2 Jan 2006, 15:04") }
