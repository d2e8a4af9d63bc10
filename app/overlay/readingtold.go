package overlay

import (
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/driver/desktop"

	"copilot/app/interview"
)

// basis returns what the sentence that holds a word rests on; empty: nothing is known.
func (r *reading) basis(word int) string {
	i := sort.Search(len(r.spans), func(i int) bool { return r.spans[i].to > word })
	if i < len(r.spans) && r.spans[i].from <= word {
		return r.spans[i].basis
	}
	return ""
}

// MouseIn implements desktop.Hoverable: pointing at a sentence shows what it rests on.
func (p *prose) MouseIn(e *desktop.MouseEvent) { p.MouseMoved(e) }

// MouseMoved implements desktop.Hoverable.
func (p *prose) MouseMoved(e *desktop.MouseEvent) {
	if p.flow == nil || p.onPoint == nil || len(p.reading.spans) == 0 {
		return
	}
	y := (e.Position.Y + p.offset) / p.step()
	i := sort.Search(len(p.flow.lines), func(i int) bool { return p.flow.lines[i].y+1 > y })
	if i == len(p.flow.lines) || p.flow.lines[i].y > y {
		p.onPoint("")
		return
	}
	p.onPoint(p.reading.basis(p.flow.lines[i].words - 1)) // the sentence that its mark is of
}

// MouseOut implements desktop.Hoverable.
func (p *prose) MouseOut() {
	if p.onPoint != nil {
		p.onPoint("")
	}
}

// tellBasis shows a sentence about the answer below it, in place of the note;
// empty: the note again.
func (t *teleprompter) tellBasis(sentence string) {
	if t.basis == sentence {
		return
	}
	t.basis = sentence
	if t.showSentences(t.view) {
		t.Layout(nil, t.root.Size())
	}
}

// basisKey shows what the sentence at the voice rests on, and hides it again.
func (w *Window) basisKey() {
	if w.screen != prompterScreen {
		return
	}
	r := &w.tele.answer.reading
	if w.tele.basis != "" {
		w.tele.tellBasis("")
	} else if told := r.basis(r.said); told != "" {
		w.tele.tellBasis(told)
	} else {
		w.tele.tellBasis("This sentence rests on no line of your résumé.")
	}
}

// correctKey lets the person type the question as it was meant.
func (w *Window) correctKey() {
	q, ok := w.shown.Current()
	if w.screen != prompterScreen || w.opts.Ask == nil || !ok || !w.tele.view.running() {
		return
	}
	entry := newMultiline()
	entry.SetText(plain(q.Text))
	ask := func(text string) {
		if text = strings.TrimSpace(text); text != "" {
			w.hush()
			w.opts.Ask(text)
		}
	}
	d := dialog.NewCustomConfirm("What was asked?", "Ask again", "Cancel", entry, func(ok bool) {
		if ok {
			ask(entry.Text)
		}
	}, w.win)
	size := w.win.Canvas().Size()
	d.Resize(fyne.NewSize(size.Width*0.92, min(size.Height*0.6, 260)))
	d.Show()
	w.win.Canvas().Focus(entry)
	entry.goTo(doubtful(q))
}

// doubtful is where correcting a question begins: before the first word that may
// be misheard, else at the end; in letters of what is shown of it.
func doubtful(q interview.Question) int {
	text := q.Text
	if len(q.Unsure) > 0 && q.Unsure[0].From <= len(text) {
		text = text[:q.Unsure[0].From]
	}
	return utf8.RuneCountInString(plain(text))
}

// asked is the question as it is shown: with a tick or a ring before each part
// of several, and a question mark behind words that may be misheard.
func asked(q interview.Question, r interview.Reader) string {
	if parts := r.Parts.All; len(parts) > 1 {
		var all []string
		for _, p := range parts {
			mark := "○ "
			if p.Covered {
				mark = "✓ "
			}
			all = append(all, mark+plain(p.Text))
		}
		return strings.Join(all, " · ")
	}
	text := q.Text
	for _, u := range slices.Backward(q.Unsure) {
		if u.To <= len(text) {
			text = text[:u.From] + "‹" + text[u.From:u.To] + "?›" + text[u.To:]
		}
	}
	return plain(strings.ReplaceAll(text, "?› ‹", " "))
}

// unfounded is a sentence for the person when the answer claims what no
// document holds.
func unfounded(labels []interview.Label) string {
	var claims []string
	for _, l := range labels {
		if l.Ground == interview.Unfounded && !slices.Contains(claims, l.Claim) && len(claims) < 3 {
			claims = append(claims, l.Claim)
		}
	}
	if len(claims) == 0 {
		return ""
	}
	return "Not in your documents: " + strings.Join(claims, ", ") + ". Say it only if it is true."
}

// spoken and unsettled divide the question: while its answer is a draft, the
// question may go on and is shown quietly.
func (v view) spoken() string {
	if v.draft {
		return ""
	}
	return v.question
}

func (v view) unsettled() string {
	if v.draft {
		return v.question + " …"
	}
	return ""
}
