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
		text := newBlock(f.look.bodySize(), 2, f.look.text, f.look.muted)
		first, _, _ := strings.Cut(c.Answer, "\n")
		text.set(plain(c.Question), plain(strings.ReplaceAll(first, "**", "")))
		f.cards.Add(f.card(container.NewBorder(nil, nil, nil, center(container.NewHBox(
			quietIcon(theme.DocumentCreateIcon(), func() { f.editCard(i) }),
			quietIcon(theme.DeleteIcon(), func() {
				f.p.Cards = slices.Delete(slices.Clone(f.p.Cards), i, i+1)
				f.showCards("")
			}))), center(text))))
	}
	text := "Likely questions are answered now, in one request with your own Groq key. In the interview such an answer is there at once, marked as prepared, also without a network."
	name := "Prepare answers"
	if n := len(f.p.Cards); n > 0 {
		text, name = fmt.Sprintf("%d answers, kept encrypted with this interview. New ones take their place.", n), "Prepare anew"
	}
	write := widget.NewButton(name, f.writeCards)
	note := sentence(text)
	switch {
	case told == writing:
		write.Disable()
		note.SetText("Writing a dozen answers; this takes a few seconds…")
	case told != "":
		note.SetText(told)
		note.Importance = widget.WarningImportance
	}
	buttons := container.NewHBox(write)
	if len(f.p.Cards) > 0 {
		all := widget.NewButton("Delete all", func() {
			f.p.Cards = nil
			f.showCards("")
		})
		all.Importance = widget.LowImportance
		buttons.Add(all)
	}
	f.cards.Add(flush(note))
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
