package account

import (
	"errors"
	"strings"
	"testing"
	"time"

	"copilot/app/account/authtest"
)

// says fails unless err is an *Error whose sentence has these words.
func says(t *testing.T, err error, words string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(e.Sentence(), words) {
		t.Errorf("%v does not say %q", err, words)
	}
}

func TestSignUp(t *testing.T) {
	g := authtest.New(t)
	a, _ := newAccount(t, g, noBus(t))
	const email, password = "new@example.com", "long enough"
	_, err := a.SignUp(t.Context(), email, "short")
	says(t, err, "longer")
	_, err = a.SignUp(t.Context(), "nobody", password)
	says(t, err, "not an e-mail address")

	confirm, err := a.SignUp(t.Context(), email, password)
	if err != nil || !confirm || a.SignedIn() {
		t.Fatalf("confirm %v, signed in %v, %v", confirm, a.SignedIn(), err)
	}
	says(t, a.SignIn(t.Context(), email, password), "not confirmed")
	says(t, a.SignInWithCode(t.Context(), ForSignUp, email, "000000"), "wrong or too old")
	code := g.Sent(email, "signup")
	if err := a.SignInWithCode(t.Context(), ForSignUp, email, " "+code[:3]+" "+code[3:]+"\n"); err != nil || a.Email() != email {
		t.Fatalf("%q, %v", a.Email(), err)
	}
	says(t, a.SignInWithCode(t.Context(), ForSignUp, email, code), "wrong or too old")

	// Who has an account is not told.
	confirm, err = a.SignUp(t.Context(), authtest.Email, password)
	if err != nil || !confirm || g.Sent(authtest.Email, "signup") != "" {
		t.Errorf("of a known address: %v, %v", confirm, err)
	}
}

// The link in the message does as well as its code.
func TestSignUpConfirmedByLink(t *testing.T) {
	g := authtest.New(t)
	a, _ := newAccount(t, g, noBus(t))
	if _, err := a.SignUp(t.Context(), "new@example.com", "long enough"); err != nil {
		t.Fatal(err)
	}
	g.Confirm("new@example.com")
	if err := a.SignIn(t.Context(), "new@example.com", "long enough"); err != nil {
		t.Error(err)
	}
}

func TestOneTimeCode(t *testing.T) {
	g := authtest.New(t)
	a, c := newAccount(t, g, noBus(t))
	if err := a.SendCode(t.Context(), "passing@example.com"); err != nil {
		t.Fatal(err)
	}
	code := g.Sent("passing@example.com", "email")
	if err := a.SignInWithCode(t.Context(), ForSignIn, "passing@example.com", code); err != nil {
		t.Fatal(err)
	}
	first := mustToken(t, a)
	c.pass(2 * time.Hour)
	if mustToken(t, a) == first {
		t.Error("not refreshed")
	}
}

func TestResetPassword(t *testing.T) {
	g := authtest.New(t)
	a, _ := newAccount(t, g, noBus(t))
	if err := a.ResetPassword(t.Context(), "nobody@example.com"); err != nil {
		t.Errorf("of an unknown address: %v", err) // who has an account is not told
	}
	if err := a.SetPassword(t.Context(), "another horse"); !errors.Is(err, ErrSignedOut) {
		t.Errorf("signed out: %v", err)
	}
	if err := a.ResetPassword(t.Context(), authtest.Email); err != nil {
		t.Fatal(err)
	}
	if err := a.SignInWithCode(t.Context(), ForAnother, authtest.Email, g.Sent(authtest.Email, "recovery")); err != nil {
		t.Fatal(err)
	}
	says(t, a.SetPassword(t.Context(), authtest.Password), "the password you had")
	says(t, a.SetPassword(t.Context(), "short"), "too easy to guess")
	if err := a.SetPassword(t.Context(), "another horse"); err != nil {
		t.Fatal(err)
	}
	says(t, a.SignIn(t.Context(), authtest.Email, authtest.Password), "password is wrong")
	if err := a.SignIn(t.Context(), authtest.Email, "another horse"); err != nil {
		t.Error(err)
	}
}

func TestSignOutEverywhere(t *testing.T) {
	g := authtest.New(t)
	keys := noBus(t)
	here, _ := newAccount(t, g, keys)
	there, thereClock := newAccount(t, g, NewKeys())
	signIn(t, here)
	signIn(t, there)
	if err := here.SignOutEverywhere(t.Context()); err != nil && !errors.Is(err, ErrUnavailable) {
		t.Fatal(err)
	}
	if here.SignedIn() || len(g.Logouts) != 1 || !strings.HasPrefix(g.Logouts[0], "global ") {
		t.Errorf("signed in %v, told %q", here.SignedIn(), g.Logouts)
	}
	thereClock.pass(2 * time.Hour)
	if _, err := there.Token(t.Context()); !errors.Is(err, ErrSignedOut) {
		t.Errorf("the other device: %v", err)
	}
}

// T9: an administrator ended the sign-in; the person is asked once.
func TestT9_Revoked(t *testing.T) {
	g := authtest.New(t)
	a, c := newAccount(t, g, noBus(t))
	signIn(t, a)
	g.Revoke()
	c.pass(2 * time.Hour)
	_, err := a.Token(t.Context())
	says(t, err, "signed out")
	if !errors.Is(err, ErrSignedOut) || a.SignedIn() {
		t.Errorf("%v", err)
	}
	before := g.Refreshes
	if _, err := a.Token(t.Context()); !errors.Is(err, ErrSignedOut) || g.Refreshes != before {
		t.Errorf("asked again: %v", err)
	}
}
