package overlay

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"
)

// accountPage shows who is signed in, what they have, and what can be done.
func (w *Window) accountPage() fyne.CanvasObject {
	a := w.account
	form := container.New(layout.NewFormLayout())
	row := func(name, value string) {
		form.Add(center(label(name, w.look.bodySize(), w.look.muted, false)))
		form.Add(label(plain(value), w.look.bodySize(), w.look.text, false))
	}
	row("Signed in as", a.Email)
	row("You have", a.plan())
	if a.Until != "" {
		row("Pro", a.Until)
	}
	body := container.NewVBox(form, gap(4))
	if a.Problem != "" {
		warning := sentence(a.Problem)
		warning.Importance = widget.WarningImportance
		body.Add(flush(warning))
	}
	if a.Buying {
		body.Add(flush(sentence("Your browser shows the payment page. What you buy is here a moment after you have paid.")))
	}
	body.Add(w.section("More time", w.priceButtons()))
	body.Add(flush(sentence("A minute is charged when it begins, while you are connected and not paused. Minutes do not expire.")))
	body.Add(gap(4))
	body.Add(w.section("Your account", container.NewHBox(
		widget.NewButton("Receipts", func() { w.open(receiptsScreen) }),
		widget.NewButton("Sign out", func() { w.signOut(false) }),
		widget.NewButton("Sign out everywhere", func() { w.signOut(true) }),
	)))
	done := widget.NewButton("Done", w.back)
	done.Importance = widget.HighImportance
	return w.sheet("Account", body, container.NewHBox(done))
}

func (w *Window) priceButtons() fyne.CanvasObject {
	time := widget.NewButton("120 minutes, $5", func() { w.buy(Minutes) })
	if w.account.Pro {
		return container.NewHBox(widget.NewButton("Manage or cancel the subscription", w.manage))
	}
	return container.NewHBox(time, widget.NewButton("Pro, $15 a month", func() { w.buy(Pro) }))
}

func (w *Window) manage() {
	w.hosted(func(ctx context.Context, h Hosted) error { return h.Manage(ctx) })
}

func (w *Window) signOut(everywhere bool) {
	w.job(func(ctx context.Context) func() {
		err := w.opts.Hosted.SignOut(ctx, everywhere)
		return func() {
			w.settle()
			if err != nil {
				w.say(upper(err.Error()))
			}
		}
	})
}

// hostedSection is the set-up's part for the hosted mode.
func (w *Window) hostedSection() fyne.CanvasObject {
	w.hostedRow = container.NewVBox()
	w.fillHostedRow()
	w.opts.Hosted.Refresh()
	return w.hostedRow
}

func (w *Window) fillHostedRow() {
	a := w.account
	w.hostedRow.Objects = nil
	if !a.SignedIn {
		b := widget.NewButton("Sign in or create an account", w.openSignIn)
		w.hostedRow.Add(flush(sentence("Everything is set up for you: buy minutes and press Start. 120 minutes are $5.")))
		w.hostedRow.Add(container.NewHBox(b))
	} else {
		who := label(plain(a.Email)+" · "+a.plan(), w.look.bodySize(), w.look.text, false)
		buttons := container.NewHBox()
		if a.Known && !a.Pro {
			buttons.Add(widget.NewButton("Add time…", func() { w.buy(Minutes) }))
			buttons.Add(widget.NewButton("Go Pro…", func() { w.buy(Pro) }))
		}
		buttons.Add(widget.NewButton("More", func() { w.open(accountScreen) }))
		w.hostedRow.Add(who)
		w.hostedRow.Add(buttons)
		if a.Buying {
			w.hostedRow.Add(flush(sentence("Your browser shows the payment page. What you buy is here a moment after you have paid.")))
		}
	}
	if a.Problem != "" {
		warning := sentence(a.Problem)
		warning.Importance = widget.WarningImportance
		w.hostedRow.Add(flush(warning))
	}
	w.hostedRow.Refresh()
}
