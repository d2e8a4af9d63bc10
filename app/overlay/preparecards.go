package overlay

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// writing stands in place of a problem while cards are being written.
const writing = "Writing…"

// showCards draws the answers that are prepared ahead, below them the way to
// more. told is what went wrong, writing, or nothing.
func (f *preparing) showCards(told string) {
	f.cards.Objects = nil
	for i, c := range f.p.Cards {
		question := newBlock(f.look.bodySize(), 1, f.look.text, f.look.text)
		question.set(plain(c.Question), "")
		answer := newBlock(f.look.smallSize(), 1, f.look.muted, f.look.muted)
		first, _, _ := strings.Cut(c.Answer, "\n")
		answer.set(plain(strings.ReplaceAll(first, "**", "")), "")
		f.cards.Add(f.card(container.NewBorder(nil, nil, nil, center(container.NewHBox(
			quietIcon(theme.DocumentCreateIcon(), func() { f.editCard(i) }),
			quietIcon(theme.DeleteIcon(), func() {
				f.p.Cards = slices.Delete(slices.Clone(f.p.Cards), i, i+1)
				f.showCards("")
			}))), container.NewVBox(question, answer))))
	}
	text, lines := "Likely questions are answered now, in one request. In the interview such an answer is there at once, marked as prepared, also without a network.", 3
	name, colour := "Prepare answers", f.look.muted
	if n := len(f.p.Cards); n > 0 {
		text, lines = fmt.Sprintf("%d answers, kept encrypted with this interview. New ones take their place.", n), 2
		name = "Prepare anew"
	}
	write := widget.NewButton(name, f.writeCards)
	switch {
	case told == writing:
		write.Disable()
		text, lines = "Writing a dozen answers; this takes some seconds…", 1
	case told != "":
		text, lines, colour = told, 3, f.look.warn
	}
	note := newBlock(f.look.bodySize(), lines, colour, colour)
	note.set(text, "")
	buttons := container.NewHBox(write)
	if len(f.p.Cards) > 0 {
		all := widget.NewButton("Delete all", func() {
			f.p.Cards = nil
			f.showCards("")
		})
		all.Importance = widget.LowImportance
		buttons.Add(all)
	}
	f.cards.Add(note)
	f.cards.Add(buttons)
	f.cards.Refresh()
}

func (f *preparing) writeCards() {
	p := f.p
	f.showCards(writing)
	f.job(func(ctx context.Context) func() {
		got, err := f.opts.Desk.WriteCards(ctx, p)
		return func() {
			if err != nil {
				f.showCards(upper(err.Error()))
				return
			}
			f.p.Cards = got
			f.showCards("")
		}
	})
}

// editCard shows a card whole and takes another wording.
func (f *preparing) editCard(i int) {
	c := f.p.Cards[i]
	form, row := f.form()
	row("Question", area(&c.Question, "As it is asked", 2))
	answer := area(&c.Answer, "As you want to say it", 7)
	row("Answer", answer)
	d := dialog.NewCustomConfirm("Prepared answer", "Keep", "Cancel", container.NewVScroll(form), func(ok bool) {
		if !ok || strings.TrimSpace(c.Question) == "" || strings.TrimSpace(c.Answer) == "" {
			return
		}
		f.p.Cards = slices.Clone(f.p.Cards)
		f.p.Cards[i] = c
		f.showCards("")
	}, f.win)
	size := f.win.Canvas().Size()
	d.Resize(fyne.NewSize(size.Width*0.94, size.Height*0.92))
	d.Show()
	f.win.Canvas().Focus(answer)
}
