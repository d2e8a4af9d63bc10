package overlay

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// preparing is the page on which one interview is prepared.
type preparing struct {
	*Window
	p       Prepared
	papers  *fyne.Container
	terms   *multiline
	termsIn *widget.Label // how many there are
	stories *fyne.Container
	cards   *fyne.Container
	problem *block
	own     *multiline
	busy    [2]bool
	wrong   [2]string // a paper's problem
}

// preparePage is the page of w.desk.editing.
func (w *Window) preparePage() fyne.CanvasObject {
	f := &preparing{Window: w, p: w.desk.editing, problem: newBlock(w.look.smallSize(), 2, w.look.warn, w.look.warn)}
	f.papers = container.NewGridWithColumns(2)
	f.stories, f.cards = container.NewVBox(), container.NewVBox()
	w.desk.drop = func(path string, right bool) {
		kind := Resume
		if right {
			kind = Job
		}
		f.read(kind, path)
	}
	body := container.NewVBox(
		f.who(), gap(6),
		w.section("Documents", f.papers), gap(6),
		w.section("Key terms", f.keyTerms()), gap(6),
		w.section("Notes and stories", f.notes()), gap(6),
		w.section("Answers", f.answers()), gap(6),
		w.section("Answers prepared ahead", f.cards), gap(6),
	)
	f.showPapers()
	f.showStories()
	f.showCards("")
	f.understoodAgain()
	save := widget.NewButton("Save and use", f.save)
	save.Importance = widget.HighImportance
	was := f.p
	w.desk.unsaved = func() bool { return !reflect.DeepEqual(was, f.p) }
	cancel := widget.NewButton("Cancel", w.leavePreparing)
	title := "Prepare an interview"
	if f.p.ID != "" {
		title = f.p.title()
	}
	return w.sheet(plain(title), body, container.NewBorder(nil, nil, container.NewHBox(save, cancel), nil, pad(f.problem, 0, 10)))
}

// leavePreparing goes back to the list; what would be lost by it is asked about.
func (w *Window) leavePreparing() {
	if w.desk.unsaved == nil || !w.desk.unsaved() {
		w.open(preparedScreen)
		return
	}
	w.confirm("Leave without saving?", "What you changed on this page will be lost.", "Leave", "Stay", func() { w.open(preparedScreen) })
}

// entry is a field of one line over a text.
func entry(text *string, placeholder string) *widget.Entry {
	e := widget.NewEntry()
	e.SetText(*text)
	e.SetPlaceHolder(placeholder)
	e.OnChanged = func(s string) { *text = s }
	return e
}

// area is a field of several lines over a text.
func area(text *string, placeholder string, lines int) *multiline {
	e := newMultiline()
	e.SetMinRowsVisible(lines)
	e.SetText(*text)
	e.SetPlaceHolder(placeholder)
	e.OnChanged = func(s string) { *text = s }
	return e
}

func (f *preparing) who() fyne.CanvasObject {
	form, row := f.form()
	row("Name", entry(&f.p.Name, "Second round, payments team"))
	row("Company", entry(&f.p.Company, "Who invites you"))
	row("Role", entry(&f.p.Role, "What they are looking for"))
	return form
}

func (f *preparing) paper(kind DocumentKind) *Paper {
	if kind == Job {
		return &f.p.Job
	}
	return &f.p.Resume
}

// showPapers draws the two documents' cards.
func (f *preparing) showPapers() {
	f.papers.Objects = []fyne.CanvasObject{f.paperCard(Resume), f.paperCard(Job)}
	f.papers.Refresh()
}

func (f *preparing) paperCard(kind DocumentKind) fyne.CanvasObject {
	p := f.paper(kind)
	title, what := "Résumé", "Drop a PDF, Word or text file here, choose it, or paste the text."
	if kind == Job {
		title, what = "Job description", "The file or the text of the advertisement."
	}
	text := sentence(what)
	buttons := container.NewHBox(
		widget.NewButton("Choose…", func() { f.choose(kind) }),
		widget.NewButton("Paste…", func() { f.edit(kind, title, "") }),
	)
	switch {
	case f.busy[kind]:
		text.SetText("Reading…")
	case f.wrong[kind] != "":
		text.SetText(f.wrong[kind])
		text.Importance = widget.WarningImportance
	case p.Text != "":
		text.SetText(plain(p.Name) + "\n" + plain(p.Summary))
		text.Importance = widget.MediumImportance
		buttons = container.NewHBox(
			widget.NewButton("Correct…", func() { f.edit(kind, title, p.Text) }),
			quietIcon(theme.FolderOpenIcon(), func() { f.choose(kind) }),
			quietIcon(theme.DeleteIcon(), func() {
				*p = Paper{}
				f.showPapers()
				f.understoodAgain()
			}))
	}
	content := container.NewVBox(pad(text, -2, -7))
	if len(p.Sections) > 0 && !f.busy[kind] {
		found := newBlock(f.look.smallSize(), 3, f.look.muted, f.look.muted)
		found.set(plain("Understood: "+strings.Join(p.Sections, " · ")), "")
		content.Add(found)
	}
	return f.card(container.NewBorder(label(title, f.look.bodySize(), f.look.soft, true), buttons, nil, nil, content))
}

func (f *preparing) choose(kind DocumentKind) {
	f.chooseFile(func(path string) { f.read(kind, path) })
}

// edit takes a pasted text, or corrects what was understood.
func (f *preparing) edit(kind DocumentKind, title, text string) {
	e := area(&text, pasteHere, 8)
	d := dialog.NewCustomConfirm(title, "Use this text", "Cancel", e, func(ok bool) {
		if path, is := pastedFile(e.Text); ok && is {
			f.read(kind, path)
		} else if ok && strings.TrimSpace(e.Text) != "" {
			name := f.paper(kind).Name
			if name == "" {
				name = "Pasted text"
			}
			f.understand(kind, name, func(ctx context.Context) (Paper, error) { return f.opts.Desk.UnderstandText(ctx, e.Text) })
		}
	}, f.win)
	size := f.win.Canvas().Size()
	d.Resize(fyne.NewSize(size.Width*0.94, size.Height*0.9))
	d.Show()
	f.win.Canvas().Focus(e)
}

func (f *preparing) read(kind DocumentKind, path string) {
	f.understand(kind, "", func(ctx context.Context) (Paper, error) { return f.opts.Desk.Understand(ctx, path) })
}

func (f *preparing) understand(kind DocumentKind, name string, work func(context.Context) (Paper, error)) {
	f.busy[kind] = true
	f.showPapers()
	f.job(func(ctx context.Context) func() {
		got, err := work(ctx)
		return func() {
			f.busy[kind], f.wrong[kind] = false, ""
			if err != nil {
				f.wrong[kind] = upper(err.Error())
			} else {
				if name != "" {
					got.Name = name
				}
				*f.paper(kind) = got
			}
			f.showPapers()
			f.understoodAgain()
		}
	})
}

// keyTerms are what the transcription is told to listen for.
func (f *preparing) keyTerms() fyne.CanvasObject {
	f.terms = newMultiline()
	f.terms.SetMinRowsVisible(3)
	f.terms.SetPlaceHolder("Names, products and words that must be heard right, with commas between them.")
	f.termsIn = sentence("")
	reset := widget.NewButton("As understood", func() {
		f.p.Terms = nil
		f.understoodAgain()
	})
	f.terms.OnChanged = func(text string) {
		f.p.Terms = splitTerms(text)
		f.countTerms()
	}
	return container.NewVBox(f.terms, container.NewBorder(nil, nil, nil, reset, flush(f.termsIn)))
}

// splitTerms reads what the person wrote. It never returns nil: an empty list is
// a correction, too.
func splitTerms(text string) []string {
	terms := []string{}
	for t := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == '\n' || r == ';' }) {
		if t = strings.Join(strings.Fields(t), " "); t != "" && !slices.Contains(terms, t) {
			terms = append(terms, t)
		}
	}
	return terms
}

func (f *preparing) countTerms() {
	f.termsIn.SetText(fmt.Sprintf("%d terms are sent to the transcription with the sound, and nowhere else.", len(splitTerms(f.terms.Text))))
}

// understoodAgain works out the key terms, unless the person corrected them.
func (f *preparing) understoodAgain() {
	show := func(terms []string) {
		on := f.terms.OnChanged
		f.terms.OnChanged = nil
		f.terms.SetText(plain(strings.Join(terms, ", ")))
		f.terms.OnChanged = on
		f.countTerms()
	}
	if f.p.Terms != nil {
		show(f.p.Terms)
		return
	}
	resume, job := f.p.Resume.Text, f.p.Job.Text
	f.job(func(ctx context.Context) func() {
		terms := f.opts.Desk.KeyTerms(ctx, resume, job)
		return func() {
			if f.p.Terms == nil {
				show(terms)
			}
		}
	})
}

func (f *preparing) notes() fyne.CanvasObject {
	add := widget.NewButtonWithIcon("Add a story", theme.ContentAddIcon(), func() { f.story(-1) })
	return container.NewVBox(
		area(&f.p.Notes, "What you want to mention, what you want to ask, what they told you before.", 3),
		f.stories, container.NewHBox(add))
}

func (f *preparing) showStories() {
	f.stories.Objects = nil
	for i, s := range f.p.Stories {
		title := newBlock(f.look.bodySize(), 1, f.look.text, f.look.muted)
		title.set(plain(s.Title), plain(s.Result))
		f.stories.Add(f.card(container.NewBorder(nil, nil, nil, container.NewHBox(
			quietIcon(theme.DocumentCreateIcon(), func() { f.story(i) }),
			quietIcon(theme.DeleteIcon(), func() {
				f.p.Stories = slices.Delete(slices.Clone(f.p.Stories), i, i+1)
				f.showStories()
			})), center(title))))
	}
	f.stories.Refresh()
}

// story edits a story, or adds one.
func (f *preparing) story(i int) {
	var s Story
	if i >= 0 {
		s = f.p.Stories[i]
	}
	form, row := f.form()
	title := entry(&s.Title, "The time the payments failed")
	row("Title", title)
	row("Situation", area(&s.Situation, "Where and when it was", 2))
	row("Task", area(&s.Task, "What you had to do", 2))
	row("Action", area(&s.Action, "What you did, not the team", 2))
	row("Result", area(&s.Result, "What came of it, with a number", 2))
	d := dialog.NewCustomConfirm("A story of yours", "Keep", "Cancel", container.NewVScroll(form), func(ok bool) {
		if !ok || strings.TrimSpace(s.Title+s.Situation+s.Action+s.Result) == "" {
			return
		}
		if strings.TrimSpace(s.Title) == "" {
			s.Title = "Story"
		}
		if f.p.Stories = slices.Clone(f.p.Stories); i >= 0 {
			f.p.Stories[i] = s
		} else {
			f.p.Stories = append(f.p.Stories, s)
		}
		f.showStories()
	}, f.win)
	size := f.win.Canvas().Size()
	d.Resize(fyne.NewSize(size.Width*0.94, size.Height*0.92))
	d.Show()
	f.win.Canvas().Focus(title)
}

func (f *preparing) save() {
	p := f.p
	f.job(func(ctx context.Context) func() {
		kept, err := f.opts.Desk.Keep(ctx, p)
		return func() {
			if err != nil {
				f.problem.set(upper(err.Error()), "")
				return
			}
			f.use(kept)
			f.open(preparedScreen)
		}
	})
}
