package overlay

import (
	"context"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"
)

// signing is how far signing in is.
type signing struct {
	email       string
	code        bool        // a code was sent, and is asked for
	purpose     CodePurpose // of that code
	newPassword bool        // signed in by a code to choose another password
	busy        string      // what is being waited for; empty: nothing
	problem     string
	give        context.CancelFunc // up what is being waited for
	first       fyne.Focusable     // the field to type into; nil: none
}

// openSignIn begins to sign in.
func (w *Window) openSignIn() {
	w.leaveSignIn()
	w.signing = signing{email: w.signing.email}
	w.open(signInScreen)
}

// leaveSignIn gives up what is being waited for, such as the browser.
func (w *Window) leaveSignIn() {
	if w.signing.give != nil {
		w.signing.give()
		w.signing.give = nil
	}
}

// try asks for one step of the sign-in. next, on Fyne's goroutine, says what
// comes after it has succeeded.
func (w *Window) try(busy string, step func(context.Context) error, next func()) {
	w.leaveSignIn()
	w.signing.busy, w.signing.problem = busy, ""
	ctx, cancel := context.WithCancel(w.ctx)
	w.signing.give = cancel
	w.open(signInScreen)
	w.job(func(context.Context) func() {
		err := step(ctx)
		given := ctx.Err() != nil
		cancel()
		return func() {
			if given {
				return
			}
			w.signing.give, w.signing.busy = nil, ""
			if err != nil {
				w.signing.problem = upper(err.Error())
			} else {
				next()
			}
			if w.screen == signInScreen {
				w.open(signInScreen)
			}
		}
	})
}

// signInPage is the page where a person signs in.
func (w *Window) signInPage() fyne.CanvasObject {
	s := &w.signing
	s.first = nil
	title, body, foot := "Sign in", []fyne.CanvasObject(nil), fyne.CanvasObject(nil)
	switch {
	case s.busy != "":
		body = []fyne.CanvasObject{flush(sentence(s.busy))}
		foot = container.NewHBox(widget.NewButton("Cancel", func() { w.leaveSignIn(); s.busy = ""; w.open(signInScreen) }))
	case s.newPassword:
		title = "New password"
		body, foot = w.newPasswordForm()
	case s.code:
		title = map[CodePurpose]string{CodeSignIn: "Enter the code", CodeSignUp: "Confirm your address", CodeNewPassword: "Enter the code"}[s.purpose]
		body, foot = w.codeForm()
	default:
		body, foot = w.passwordForm()
	}
	all := container.NewVBox()
	if s.problem != "" {
		warning := sentence(s.problem)
		warning.Importance = widget.WarningImportance
		all.Add(flush(warning))
		all.Add(gap(4))
	}
	for _, o := range body { // in one box, or wrapped sentences get too little height
		all.Add(o)
	}
	return w.sheet(title, all, foot)
}

func (w *Window) signedIn() { w.signing = signing{}; w.back() }

// passwordForm is where everybody begins.
func (w *Window) passwordForm() (body []fyne.CanvasObject, foot fyne.CanvasObject) {
	h, s := w.opts.Hosted, &w.signing
	email := widget.NewEntry()
	email.SetText(s.email)
	email.SetPlaceHolder("you@example.com")
	s.first = email
	password := widget.NewPasswordEntry()
	password.SetPlaceHolder("at least 8 characters")
	if strings.Contains(s.email, "@") {
		s.first = password
	}
	given := func(needPassword bool) (string, string, bool) {
		s.email = strings.TrimSpace(email.Text)
		switch {
		case !strings.Contains(s.email, "@"):
			s.problem = "Enter your e-mail address first."
		case needPassword && password.Text == "":
			s.problem = "Enter a password first."
		default:
			return s.email, password.Text, true
		}
		w.open(signInScreen)
		return "", "", false
	}
	signIn := func() {
		if e, p, ok := given(true); ok {
			w.try("Signing in…", func(ctx context.Context) error { return h.SignIn(ctx, e, p) }, w.signedIn)
		}
	}
	email.OnSubmitted = func(string) { w.win.Canvas().Focus(password) }
	password.OnSubmitted = func(string) { signIn() }
	create := func() {
		e, p, ok := given(true)
		if !ok {
			return
		}
		confirm := false
		w.try("Making your account…", func(ctx context.Context) (err error) {
			confirm, err = h.SignUp(ctx, e, p)
			return err
		}, func() {
			if !confirm {
				w.signedIn()
				return
			}
			s.code, s.purpose = true, CodeSignUp
		})
	}
	send := func(purpose CodePurpose) func() {
		return func() {
			if e, _, ok := given(false); ok {
				w.sendCode(purpose, e)
			}
		}
	}
	browser := func(name, provider string) fyne.CanvasObject {
		return widget.NewButton(name, func() {
			w.try("Sign in with "+name+" in your browser, then come back here. It waits for five minutes.",
				func(ctx context.Context) error { return h.SignInWithBrowser(ctx, provider) }, w.signedIn)
		})
	}
	form := container.New(layout.NewFormLayout(), w.fieldName("E-mail"), email, w.fieldName("Password"), password)
	quiet := func(name string, do func()) fyne.CanvasObject {
		b := widget.NewButton(name, do)
		b.Importance = widget.LowImportance
		return b
	}
	body = []fyne.CanvasObject{
		flush(sentence("With an account you buy minutes and need no keys. The sound goes straight to the transcription service and is not stored.")),
		gap(4), form,
		pad(container.NewHBox(quiet("Send me a code instead", send(CodeSignIn)), quiet("I forgot my password", send(CodeNewPassword))), 0, -4),
		gap(4), w.section("Or go on with", container.NewGridWithColumns(2, browser("Google", "google"), browser("GitHub", "github"))),
		gap(4), pad(container.NewHBox(quiet("Use my own keys, without an account", func() {
			w.change(func(s *Settings) { s.Mode = ModeOwnKeys })
			w.settle()
		})), 0, -4),
	}
	ok := widget.NewButton("Sign in", signIn)
	ok.Importance = widget.HighImportance
	return body, container.NewHBox(ok, widget.NewButton("Create an account", create))
}

func (w *Window) fieldName(s string) fyne.CanvasObject {
	return container.New(layout.NewCustomPaddedLayout(0, 0, 0, 6), center(label(s, w.look.bodySize(), w.look.muted, false)))
}

func (w *Window) sendCode(purpose CodePurpose, email string) {
	w.try("Sending a message to "+plain(email)+"…",
		func(ctx context.Context) error { return w.opts.Hosted.SendCode(ctx, purpose, email) },
		func() { w.signing.code, w.signing.purpose = true, purpose })
}

// codeForm takes the code that was sent.
func (w *Window) codeForm() (body []fyne.CanvasObject, foot fyne.CanvasObject) {
	h, s := w.opts.Hosted, &w.signing
	code := widget.NewEntry()
	code.SetPlaceHolder("123456")
	s.first = code
	told := "A message was sent to " + plain(s.email) + ". Enter the code that is in it."
	if s.purpose == CodeSignUp {
		told = "A message was sent to " + plain(s.email) + ". Enter the code that is in it, or open its link and sign in afterwards. If you have an account already, none was sent: go back and sign in."
	}
	enter := func() {
		if strings.TrimSpace(code.Text) == "" {
			return
		}
		typed := code.Text
		w.try("Signing in…", func(ctx context.Context) error { return h.SignInWithCode(ctx, s.purpose, s.email, typed) }, func() {
			if s.purpose == CodeNewPassword {
				s.newPassword = true
				return
			}
			w.signedIn()
		})
	}
	code.OnSubmitted = func(string) { enter() }
	ok := widget.NewButton("Go on", enter)
	ok.Importance = widget.HighImportance
	foot = container.NewHBox(ok)
	if s.purpose != CodeSignUp {
		foot.(*fyne.Container).Add(widget.NewButton("Send another", func() { w.sendCode(s.purpose, s.email) }))
	}
	foot.(*fyne.Container).Add(widget.NewButton("Back", w.openSignIn))
	return []fyne.CanvasObject{flush(sentence(told)), gap(4),
		container.New(layout.NewFormLayout(), w.fieldName("Code"), code)}, foot
}

// newPasswordForm follows the code of a forgotten password.
func (w *Window) newPasswordForm() (body []fyne.CanvasObject, foot fyne.CanvasObject) {
	password := widget.NewPasswordEntry()
	password.SetPlaceHolder("at least 8 characters")
	w.signing.first = password
	save := func() {
		if p := password.Text; p != "" {
			w.try("Saving the password…", func(ctx context.Context) error { return w.opts.Hosted.SetPassword(ctx, p) }, w.signedIn)
		}
	}
	password.OnSubmitted = func(string) { save() }
	ok := widget.NewButton("Save", save)
	ok.Importance = widget.HighImportance
	return []fyne.CanvasObject{flush(sentence("You are signed in. Choose the password to use from now on.")), gap(4),
		container.New(layout.NewFormLayout(), w.fieldName("Password"), password)}, container.NewHBox(ok, widget.NewButton("Keep the old one", w.signedIn))
}
