package overlay

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// documentFiles are the endings of the files that can be chosen.
func documentFiles() []string {
	return []string{".pdf", ".docx", ".txt", ".md", ".PDF", ".DOCX", ".TXT", ".MD"}
}

// documents is what the person brings, as the set-up shows it.
type documents [2]struct {
	doc     Document
	problem string
	busy    bool
}

// documentCard shows one document and takes another.
func (w *Window) documentCard(kind DocumentKind) fyne.CanvasObject {
	d := w.docs[kind]
	title, what := "Résumé", "Choose, paste or drop a PDF, Word or text file."
	if kind == Job {
		title, what = "Job description", "Optional. The file, or the text of the advertisement."
	}
	text := sentence(what)
	switch {
	case d.busy:
		text.SetText("Reading…")
	case d.problem != "":
		text.SetText(d.problem)
		text.Importance = widget.WarningImportance
	case d.doc.Name != "":
		text.SetText(d.doc.Name + "\n" + d.doc.Summary)
		text.Importance = widget.MediumImportance
	}
	buttons := container.NewHBox(
		widget.NewButton("Choose…", func() { w.choose(kind) }),
		widget.NewButton("Paste…", func() { w.paste(kind, title) }),
	)
	if d.doc.Name != "" {
		buttons.Add(quietIcon(theme.DeleteIcon(), func() { w.useText(kind, "") }))
	}
	card := container.NewBorder(label(title, w.look.bodySize(), w.look.soft, true), buttons, nil, nil, pad(text, -2, -7))
	return container.NewStack(newPanel(w.look), pad(card, 10, 12))
}

func (w *Window) choose(kind DocumentKind) {
	w.chooseFile(func(path string) { w.read(kind, path) })
}

// chooseFile lets the person choose a document.
func (w *Window) chooseFile(chosen func(path string)) {
	open := dialog.NewFileOpen(func(file fyne.URIReadCloser, err error) {
		if err != nil || file == nil {
			return
		}
		file.Close()
		chosen(file.URI().Path())
	}, w.win)
	open.SetFilter(storage.NewExtensionFileFilter(documentFiles()))
	open.Show()
	open.Resize(w.win.Canvas().Size()) // before Show it would panic (Fyne 2.8.1)
}

func (w *Window) paste(kind DocumentKind, title string) {
	entry := newMultiline()
	entry.SetPlaceHolder(pasteHere)
	d := dialog.NewCustomConfirm(title, "Use this text", "Cancel", entry, func(ok bool) {
		if path, is := pastedFile(entry.Text); ok && is {
			w.read(kind, path)
		} else if ok && strings.TrimSpace(entry.Text) != "" {
			w.useText(kind, entry.Text)
		}
	}, w.win)
	size := w.win.Canvas().Size()
	d.Resize(fyne.NewSize(size.Width*0.92, size.Height*0.85))
	d.Show()
	w.win.Canvas().Focus(entry)
}

const pasteHere = "Paste the text here, or the path of a file."

// pastedFile is the file that a pasted text names, and nothing else: as file
// managers copy it, or as it was typed.
func pastedFile(text string) (path string, ok bool) {
	path = strings.Trim(strings.TrimSpace(text), `"'`)
	if u, err := url.Parse(path); err == nil && u.Scheme == "file" {
		path = filepath.FromSlash(u.Path)
	}
	if strings.ContainsAny(path, "\r\n") || !filepath.IsAbs(path) {
		return "", false
	}
	info, err := os.Stat(path)
	return path, err == nil && info.Mode().IsRegular()
}

// read hands a file to the program and shows what became of it.
func (w *Window) read(kind DocumentKind, path string) {
	if w.opts.ReadDocument == nil {
		return
	}
	w.understand(kind, path, func(ctx context.Context) (Document, error) {
		return w.opts.ReadDocument(ctx, kind, path)
	})
}

func (w *Window) useText(kind DocumentKind, text string) {
	if w.opts.UseText == nil {
		return
	}
	w.understand(kind, "", func(ctx context.Context) (Document, error) {
		return w.opts.UseText(ctx, kind, text)
	})
}

func (w *Window) understand(kind DocumentKind, path string, work func(context.Context) (Document, error)) {
	w.docs[kind].busy = true
	w.refreshSetup()
	w.job(func(ctx context.Context) func() {
		doc, err := work(ctx)
		return func() {
			d := &w.docs[kind]
			d.busy, d.problem = false, ""
			if err != nil {
				d.problem = upper(err.Error())
			} else {
				d.doc = Document{Name: plain(doc.Name), Summary: plain(doc.Summary)}
				w.remember(kind, path)
			}
			w.refreshSetup()
		}
	})
}

func (w *Window) remember(kind DocumentKind, path string) {
	last := &w.settings.Resume
	if kind == Job {
		last = &w.settings.Job
	}
	if *last != path {
		*last = path
		w.save()
	}
}

// restoreDocuments reads the files of the last time again.
func (w *Window) restoreDocuments() {
	for kind, path := range []string{w.settings.Resume, w.settings.Job} {
		if path != "" {
			w.read(DocumentKind(kind), path)
		}
	}
}

// dropped takes a file that was dropped on the window: on the right half it is
// the job description, on the left the résumé.
func (w *Window) dropped(at fyne.Position, files []fyne.URI) {
	if len(files) == 0 || w.tele.view.running() {
		return
	}
	if w.desk.drop != nil {
		w.desk.drop(filepath.FromSlash(files[0].Path()), at.X > w.win.Canvas().Size().Width/2)
		return
	}
	if w.screen != setupScreen {
		w.open(setupScreen)
	}
	for i, file := range files[:min(len(files), 2)] {
		kind := Resume
		if at.X > w.win.Canvas().Size().Width/2 {
			kind = Job
		}
		if i == 1 {
			kind = 1 - kind
		}
		w.read(kind, filepath.FromSlash(file.Path()))
	}
}
