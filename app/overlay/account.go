package overlay

import (
	"context"
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"copilot/app/interview"
)

// Hosted is what the hosted mode can be asked for. The methods with a context
// are called on goroutines of the window's, whose context ends with it; their
// errors are sentences for the person. The others are called on Fyne's goroutine
// and must not block. What comes of it all is told by Window.ShowAccount.
type Hosted interface {
	SignIn(ctx context.Context, email, password string) error
	SignUp(ctx context.Context, email, password string) (confirm bool, err error)
	SignInWithBrowser(ctx context.Context, provider string) error // "google", "github"
	SendCode(ctx context.Context, purpose CodePurpose, email string) error
	SignInWithCode(ctx context.Context, purpose CodePurpose, email, code string) error
	SetPassword(ctx context.Context, password string) error
	SignOut(ctx context.Context, everywhere bool) error

	Buy(ctx context.Context, what Purchase) error // opens the payment page in the browser
	Manage(ctx context.Context) error             // opens the page where a subscription is changed
	Receipts(ctx context.Context) ([]Receipt, error)

	Refresh()  // ask for the account anew
	TakeOver() // take the session from the other device, and go on or begin here
}

// CodePurpose says what a code is sent for.
type CodePurpose int

const (
	CodeSignIn CodePurpose = iota
	CodeSignUp
	CodeNewPassword
)

// Purchase is what is for sale.
type Purchase int

const (
	Minutes Purchase = iota
	Pro
)

// Hold is why a hosted interview stands still, or did not begin.
type Hold int

const (
	HoldNone      Hold = iota
	HoldMinutes        // used up; goes on by itself once there are some
	HoldElsewhere      // another device has the session; goes on when it is taken over
	HoldSignedOut      // goes on once the person has signed in
	HoldServer         // away for longer than the grace time; goes on by itself
	HoldPaused         // the pause outlived the session; goes on with Resume
)

// Account is what the window shows of the hosted mode. It is comparable: where
// two are equal there is nothing to draw.
type Account struct {
	SignedIn  bool
	Email     string
	Known     bool // the plan and the minutes are
	Minutes   int
	Unlimited bool
	Pro       bool
	Until     string // of Pro: "renews on 3 May 2026", "ends on …"

	Hold    Hold
	Away    bool   // the server is, and the interview goes on
	Low     bool   // few minutes are left of a running interview
	Buying  bool   // a payment page is open and its purchase awaited
	Problem string // a sentence; why the account could not be asked for
}

// plan is the plan and what is left of it, in a few words.
func (a Account) plan() string {
	switch {
	case !a.SignedIn:
		return "Signed out"
	case !a.Known:
		return "Looking for your minutes…"
	case a.Pro || a.Unlimited:
		return "Pro, unlimited minutes"
	}
	return minutesLeft(a.Minutes)
}

func minutesLeft(n int) string {
	switch n {
	case 0:
		return "No minutes left"
	case 1:
		return "1 minute left"
	}
	return fmt.Sprintf("%d minutes left", n)
}

// notice is the sentence that the teleprompter shows, if any, and its code.
func (a Account) notice() interview.Notice {
	switch {
	case a.Hold == HoldMinutes && a.Buying:
		return interview.Notice{Code: "out_of_minutes", Message: "Waiting for your payment. The interview goes on by itself as soon as it has arrived."}
	case a.Hold == HoldMinutes:
		return interview.Notice{Code: "out_of_minutes", Message: "Your minutes are used up; nothing is heard or charged. Add time and the interview goes on where it was."}
	case a.Hold == HoldElsewhere:
		return interview.Notice{Code: "session_elsewhere", Message: "Your session runs on another device. Take it over to go on here."}
	case a.Hold == HoldSignedOut:
		return interview.Notice{Code: "signed_out", Message: "You were signed out. Sign in and the interview goes on where it was."}
	case a.Hold == HoldServer:
		return interview.Notice{Code: "server_away", Message: "The server is away; nothing is heard or charged. The interview goes on by itself when it is back."}
	case a.Away:
		return interview.Notice{Code: "server_away", Message: "The server is away for a moment. Captions go on; answers are back with it."}
	case a.Low:
		return interview.Notice{Code: "low_balance", Message: minutesLeft(a.Minutes) + ". Add time now and nothing is interrupted."}
	}
	return interview.Notice{}
}

// Sentence is what a person who sees no window is told; empty: nothing.
func (a Account) Sentence() string { return a.notice().Message }

// offer is the one thing that helps: its button's text, empty when there is none.
func (a Account) offer() string {
	switch {
	case a.Hold == HoldMinutes, a.Low && a.Hold == HoldNone:
		return "Add time…"
	case a.Hold == HoldElsewhere:
		return "Take over"
	case a.Hold == HoldSignedOut:
		return "Sign in…"
	}
	return ""
}

// ShowAccount brings the window and the tray to a. It may be called from any
// goroutine and never blocks.
func (w *Window) ShowAccount(a Account) {
	w.ui(func() {
		if a == w.account || w.gone() {
			return
		}
		was := w.account
		w.account = a
		w.draw(w.shown, viewOf(w.shown))
		w.refreshAccount(was)
	})
}

// gone reports whether the window is: Fyne runs what comes late anyway.
func (w *Window) gone() bool {
	w.mailbox.Lock()
	defer w.mailbox.Unlock()
	return w.mailbox.closed
}

// refreshAccount redraws what shows the account, wherever that is.
func (w *Window) refreshAccount(was Account) {
	switch {
	case w.screen == setupScreen && w.hostedRow != nil:
		w.fillHostedRow()
	case (w.screen == accountScreen || w.screen == settingsScreen && w.part == partAccount) && was != w.account:
		w.open(w.screen)
	case w.screen == signInScreen && w.account.SignedIn && !w.signing.newPassword:
		w.back()
	}
	w.refreshTray()
}

// dress adds to a view what the hosted mode has to say.
func (w *Window) dress(v view) view {
	if v.mode != ModeHosted {
		return v
	}
	a := w.account
	if a.Known && a.SignedIn {
		left := fmt.Sprintf("%d min left", a.Minutes)
		if a.Unlimited || a.Pro {
			left = "Pro"
		}
		v.mode = left
	}
	if n := a.notice(); n.Code != "" {
		v.notice = n
	}
	return v
}

// prompter is the teleprompter and, where there is something to offer, the strip
// below it.
func (w *Window) prompter() fyne.CanvasObject {
	if w.opts.Hosted == nil {
		return w.tele.root
	}
	return container.NewBorder(nil, w.offers, nil, nil, w.tele.root)
}

// strip is the line with the one thing to do, below the teleprompter.
func (w *Window) strip() *fyne.Container {
	s := container.NewStack()
	s.Hide()
	return s
}

// refreshStrip shows the offer or takes it away.
func (w *Window) refreshStrip() {
	text := ""
	if w.opts.Hosted != nil && w.shown.Mode == ModeHosted {
		text = w.account.offer()
	}
	if w.offers == nil || text == w.offered {
		return
	}
	w.offered = text
	w.offers.Objects = nil
	if w.offers.Hidden = text == ""; text != "" {
		b := widget.NewButton(text, w.takeOffer)
		b.Importance = widget.HighImportance
		row := container.NewHBox(b)
		if text == "Add time…" {
			row.Add(widget.NewButton("Go Pro…", func() { w.buy(Pro) }))
		}
		// The ground goes up to the row above, over the gap that Fyne leaves.
		ground := container.New(layout.NewCustomPaddedLayout(-theme.Padding(), 0, 0, 0), canvas.NewRectangle(w.look.panel))
		w.offers.Objects = []fyne.CanvasObject{ground, container.New(layout.NewCustomPaddedLayout(0, 10, margin, margin), row)}
	}
	w.offers.Refresh()
	if c := w.win.Content(); c != nil && w.screen == prompterScreen {
		c.Refresh()
	}
}

func (w *Window) takeOffer() {
	switch {
	case w.account.Hold == HoldElsewhere:
		w.opts.Hosted.TakeOver()
	case w.account.Hold == HoldSignedOut:
		w.openSignIn()
	default:
		w.buy(Minutes)
	}
}

// buy opens the payment page.
func (w *Window) buy(what Purchase) {
	w.hosted(func(ctx context.Context, h Hosted) error { return h.Buy(ctx, what) })
}

// hosted asks the hosted mode for something and tells what went wrong.
func (w *Window) hosted(ask func(context.Context, Hosted) error) {
	if w.opts.Hosted == nil {
		return
	}
	if !w.account.SignedIn {
		w.openSignIn()
		return
	}
	w.job(func(ctx context.Context) func() {
		if err := ask(ctx, w.opts.Hosted); err != nil {
			return func() { w.say(upper(err.Error())) }
		}
		return w.hush
	})
}
