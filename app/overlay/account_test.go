package overlay

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"copilot/app/interview"
)

// fakeHosted notes what it is asked for and fails when told to.
type fakeHosted struct {
	mu     sync.Mutex
	asked  []string
	fail   error
	browse chan struct{} // a sign-in in the browser takes until this is closed
}

func (h *fakeHosted) note(format string, args ...any) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, fmt.Sprintf(format, args...))
	return h.fail
}

func (h *fakeHosted) last() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.asked) == 0 {
		return ""
	}
	return h.asked[len(h.asked)-1]
}

func (h *fakeHosted) SignIn(_ context.Context, email, password string) error {
	return h.note("sign in %s %s", email, password)
}

func (h *fakeHosted) SignUp(_ context.Context, email, password string) (bool, error) {
	return true, h.note("sign up %s %s", email, password)
}

func (h *fakeHosted) SignInWithBrowser(ctx context.Context, provider string) error {
	if err := h.note("browser %s", provider); err != nil {
		return err
	}
	select {
	case <-h.browse:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *fakeHosted) SendCode(_ context.Context, p CodePurpose, email string) error {
	return h.note("send code %d %s", p, email)
}

func (h *fakeHosted) SignInWithCode(_ context.Context, p CodePurpose, email, code string) error {
	return h.note("code %d %s %s", p, email, code)
}
func (h *fakeHosted) SetPassword(_ context.Context, p string) error { return h.note("password %s", p) }
func (h *fakeHosted) SignOut(_ context.Context, everywhere bool) error {
	return h.note("sign out %v", everywhere)
}
func (h *fakeHosted) Buy(_ context.Context, p Purchase) error { return h.note("buy %d", p) }
func (h *fakeHosted) Manage(context.Context) error            { return h.note("manage") }
func (h *fakeHosted) Refresh()                                { h.note("refresh") }
func (h *fakeHosted) TakeOver()                               { h.note("take over") }

func (h *fakeHosted) Receipts(context.Context) ([]Receipt, error) {
	at := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	return []Receipt{
		{ID: "s2", At: at.Add(50 * time.Hour), Minutes: 0},
		{ID: "cs_1", At: at.Add(2 * time.Hour), Payment: true, Title: "120 minutes", Minutes: 120, Cents: 500, Currency: "usd"},
		{ID: "s1", At: at, End: at.Add(42 * time.Minute), Minutes: 42, Why: "The minutes were used up"},
		{ID: "cs_0", At: at.Add(-time.Hour), Payment: true, Title: "=120 minutes", Minutes: 120, Cents: 500, Refunded: 250, Currency: "eur"},
	}, h.note("receipts")
}

func hostedWindow(t *testing.T, change func(*Options)) (*testWindow, *fakeHosted) {
	t.Helper()
	h := &fakeHosted{browse: make(chan struct{})}
	o := Options{Settings: DefaultSettings(), Hosted: h}
	o.Settings.NoticeSeen, o.Settings.Mode = true, ModeHosted
	if change != nil {
		change(&o)
	}
	return newTestWindow(t, o), h
}

func (w *testWindow) showAccount(a Account) { w.ShowAccount(a); w.run() }

// fields are the text fields on screen, from top to bottom.
func fields(w *testWindow) (all []*widget.Entry) {
	for _, o := range test.LaidOutObjects(w.win.Content()) {
		if e, ok := o.(*widget.Entry); ok {
			all = append(all, e)
		}
	}
	return all
}

func mustShow(t *testing.T, w *testWindow, texts ...string) {
	t.Helper()
	seen := onScreen(w)
	for _, text := range texts {
		if !strings.Contains(seen, text) {
			t.Errorf("%q is not on screen: %s", text, seen)
		}
	}
}

var ada = Account{SignedIn: true, Email: "ada@example.com", Known: true, Minutes: 87}

func TestSigningIn(t *testing.T) {
	w, h := hostedWindow(t, nil)
	mustShow(t, w, "Sign in or create an account")
	if h.last() != "refresh" {
		t.Error("the account was not asked for")
	}
	tapText(t, w, "Sign in or create an account")
	tapText(t, w, "Sign in")
	mustShow(t, w, "Enter your e-mail address first")
	fields(w)[0].SetText("ada@example.com")
	tapText(t, w, "Sign in")
	mustShow(t, w, "Enter a password first")
	if f := fields(w); f[0].Text != "ada@example.com" || !f[1].Password {
		t.Error("the address was forgotten, or the password can be read")
	}
	h.fail = errors.New("the e-mail address or the password is wrong")
	fields(w)[1].SetText("correct horse")
	tapText(t, w, "Sign in")
	w.work()
	mustShow(t, w, "The e-mail address or the password is wrong.")
	h.fail = nil
	fields(w)[1].SetText("correct horse")
	tapText(t, w, "Sign in")
	w.work()
	if h.last() != "refresh" || w.screen != setupScreen {
		t.Errorf("screen %d after %q", w.screen, h.last())
	}
	w.showAccount(ada)
	mustShow(t, w, "ada@example.com · 87 minutes left", "Add time…", "Go Pro…")
}

func TestSigningUpAndForgetting(t *testing.T) {
	w, h := hostedWindow(t, nil)
	w.openSignIn()
	fields(w)[0].SetText("new@example.com")
	fields(w)[1].SetText("long enough")
	tapText(t, w, "Create an account")
	w.work()
	mustShow(t, w, "Confirm your address", "A message was sent to new@example.com")
	fields(w)[0].SetText("123456")
	tapText(t, w, "Go on")
	w.work()
	if h.asked[len(h.asked)-2] != "code 1 new@example.com 123456" || w.screen != setupScreen {
		t.Errorf("%q, screen %d", h.asked, w.screen)
	}
	w.openSignIn()
	fields(w)[0].SetText("ada@example.com")
	tapText(t, w, "I forgot my password")
	w.work()
	mustShow(t, w, "Enter the code", "Send another")
	fields(w)[0].SetText("654321")
	tapText(t, w, "Go on")
	w.work()
	mustShow(t, w, "New password")
	w.showAccount(ada) // does not take the page away
	fields(w)[0].SetText("another horse")
	tapText(t, w, "Save")
	w.work()
	if !strings.Contains(strings.Join(h.asked, ","), "password another horse") || w.screen != setupScreen {
		t.Errorf("%q, screen %d", h.asked, w.screen)
	}
}

// Leaving the page gives up a sign-in that waits for the browser.
func TestSigningInWithTheBrowser(t *testing.T) {
	w, h := hostedWindow(t, nil)
	w.openSignIn()
	tapText(t, w, "Google")
	mustShow(t, w, "in your browser")
	tapText(t, w, "Cancel")
	w.work() // ends, since the wait was given up
	mustShow(t, w, "Create an account")
	tapText(t, w, "GitHub")
	close(h.browse)
	w.work()
	if w.screen != setupScreen {
		t.Errorf("screen %d", w.screen)
	}
	w.openSignIn()
	tapText(t, w, "Use my own keys, without an account")
	if w.settings.Mode != ModeOwnKeys || w.screen != setupScreen {
		t.Errorf("mode %q", w.settings.Mode)
	}
}

// What a hosted interview may have to tell, and what is offered.
func TestHoldsAreToldAndHelped(t *testing.T) {
	for _, tc := range []struct {
		change func(*Account)
		says   string
		offer  string
		asks   string
	}{
		{func(a *Account) { a.Hold, a.Minutes = HoldMinutes, 0 }, "Add time and the interview goes on", "Add time…", "buy 0"},
		{func(a *Account) { a.Hold, a.Minutes = HoldMinutes, 0 }, "used up", "Go Pro…", "buy 1"},
		{func(a *Account) { a.Hold, a.Buying = HoldMinutes, true }, "Waiting for your payment", "Add time…", "buy 0"},
		{func(a *Account) { a.Hold = HoldElsewhere }, "another device", "Take over", "take over"},
		{func(a *Account) { *a = Account{Hold: HoldSignedOut} }, "signed out", "Sign in…", ""},
		{func(a *Account) { a.Hold = HoldServer }, "goes on by itself when it is back", "", ""},
		{func(a *Account) { a.Away = true }, "Captions go on", "", ""},
		{func(a *Account) { a.Low, a.Minutes = true, 5 }, "5 minutes left. Add time now", "Add time…", "buy 0"},
		{func(a *Account) { a.Low, a.Minutes = true, 1 }, "1 minute left", "Add time…", "buy 0"},
	} {
		w, h := hostedWindow(t, nil)
		s := state(interview0)
		s.Mode = ModeHosted
		w.Show(s)
		w.showAccount(ada)
		mustShow(t, w, "87 min left")
		top := w.tele.answer.Position()
		a := ada
		tc.change(&a)
		w.showAccount(a)
		mustShow(t, w, tc.says)
		if tc.offer == "" {
			if w.offers.Visible() {
				t.Errorf("%s: something is offered", tc.says)
			}
			continue
		}
		if w.tele.answer.Position() != top {
			t.Errorf("%s: the answer moved", tc.says)
		}
		tapText(t, w, tc.offer)
		w.work()
		if tc.asks != "" && h.last() != tc.asks || tc.asks == "" && w.screen != signInScreen {
			t.Errorf("%s: asked for %q", tc.says, h.last())
		}
		w.showAccount(ada)
		if w.offers.Visible() && w.screen == prompterScreen {
			t.Errorf("%s: still offered", tc.says)
		}
	}
}

// What held a hosted interview up does not concern the next one without.
func TestHoldsConcernHostedInterviewsOnly(t *testing.T) {
	w, _ := hostedWindow(t, nil)
	a := ada
	a.Hold = HoldMinutes
	w.showAccount(a)
	w.Show(state(interview0)) // with own keys
	if seen := onScreen(w); strings.Contains(seen, "used up") || w.offers.Visible() {
		t.Errorf("the screen says: %s", seen)
	}
}

func TestAccountPage(t *testing.T) {
	w, h := hostedWindow(t, nil)
	w.showAccount(ada)
	tapText(t, w, "More")
	mustShow(t, w, "ada@example.com", "87 minutes left", "120 minutes, $5", "Pro, $15 a month")
	tapText(t, w, "120 minutes, $5")
	w.work()
	if h.last() != "buy 0" {
		t.Error(h.last())
	}
	pro := ada
	pro.Pro, pro.Unlimited, pro.Until = true, true, "renews on 1 April 2026"
	w.showAccount(pro)
	mustShow(t, w, "Pro, unlimited minutes", "renews on 1 April 2026")
	tapText(t, w, "Manage or cancel the subscription")
	w.work()
	if h.last() != "manage" {
		t.Error(h.last())
	}
	tapText(t, w, "Sign out everywhere")
	w.work()
	if !strings.Contains(strings.Join(h.asked, ","), "sign out true") || w.screen != setupScreen {
		t.Errorf("%q, screen %d", h.asked, w.screen)
	}
	w.showAccount(Account{})
	mustShow(t, w, "Sign in or create an account")
}

func TestReceipts(t *testing.T) {
	w, h := hostedWindow(t, nil)
	w.showAccount(ada)
	w.open(receiptsScreen)
	w.work()
	mustShow(t, w, "Payment · 120 minutes", "$5.00", "Session · The minutes were used up", "42 minutes", "Session · Running", "2.50 EUR given back")
	all, _ := h.Receipts(t.Context())
	var b bytes.Buffer
	if err := WriteReceipts(&b, all); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 5 {
		t.Fatalf("%v, %q", err, rows)
	}
	for i, want := range []string{
		"kind,begun_or_paid,ended,what,minutes,amount,refunded,currency,id",
		"session,2026-03-03T11:30:00Z,,,0,,,,s2",
		"payment,2026-03-01T11:30:00Z,,120 minutes,120,5.00,0.00,USD,cs_1",
		"session,2026-03-01T09:30:00Z,2026-03-01T10:12:00Z,The minutes were used up,42,,,,s1",
		"payment,2026-03-01T08:30:00Z,,'=120 minutes,120,5.00,2.50,EUR,cs_0",
	} {
		if got := strings.Join(rows[i], ","); got != want {
			t.Errorf("row %d: %s", i, got)
		}
	}
	h.fail = errors.New("the server cannot be reached")
	w.open(receiptsScreen)
	w.work()
	mustShow(t, w, "The server cannot be reached.")
}

// What the tray's menu holds in each state.
func TestTrayItems(t *testing.T) {
	labels := func(w *testWindow) string {
		var all []string
		for _, i := range w.trayItems(w.trayView()) {
			if i.label != "" {
				all = append(all, i.label)
			}
		}
		return strings.Join(all, " | ")
	}
	w, _ := hostedWindow(t, nil)
	const signedOut = "No interview | Signed out | Start | Hide the window | Sign in… | Settings… | Quit"
	if got := labels(w); got != signedOut {
		t.Error(got)
	}
	w.showAccount(ada)
	s := state("")
	s.Mode = ModeHosted
	w.Show(s)
	if got := labels(w); got != "Listening | 87 minutes left | Pause | Stop | Hide the window | Add time… | Go Pro… | Receipts… | Settings… | Quit" {
		t.Error(got)
	}
	s.Phase = interview.Paused
	w.Show(s)
	a := ada
	a.Pro, a.Unlimited = true, true
	w.showAccount(a)
	if got := labels(w); got != "Paused | Pro, unlimited minutes | Resume | Stop | Hide the window | Add time… | Manage subscription… | Receipts… | Settings… | Quit" {
		t.Error(got)
	}
	a = ada
	a.Hold, a.Minutes = HoldMinutes, 0
	w.showAccount(a)
	if got := labels(w); !strings.HasPrefix(got, "Out of minutes | No minutes left | ") {
		t.Error(got)
	}
	alone := newTestWindow(t, Options{})
	if got := labels(alone); got != "No interview | Start | Hide the window | Settings… | Quit" {
		t.Error(got)
	}
}

type fakeTray struct{ items []trayItem }

func (f *fakeTray) show(items []trayItem) { f.items = items }

// Closing the window keeps a running interview only if the person said so, and
// only where there is a tray to find it again.
func TestClosingTheWindow(t *testing.T) {
	for _, tc := range []struct{ keep, tray, running, ends bool }{
		{false, true, true, true}, {true, true, true, false}, {true, false, true, true}, {true, true, false, true},
	} {
		closed := 0
		w, _ := hostedWindow(t, func(o *Options) {
			o.Settings.KeepRunning = tc.keep
			o.Closed = func() { closed++ }
		})
		f := &fakeTray{}
		if tc.tray {
			w.tray = &tray{panel: f}
			w.refreshTray()
		}
		if tc.running {
			w.Show(state(""))
		}
		w.closeAsked()
		if (closed == 1) != tc.ends || w.hidden == tc.ends {
			t.Errorf("%+v: closed %d times, hidden %v", tc, closed, w.hidden)
		}
		if !tc.ends {
			if show := f.items[5]; show.label != "Show the window" {
				t.Errorf("the tray says %q", show.label)
			} else if show.do(); w.hidden {
				t.Error("the window is not shown again")
			}
			w.quit()
			if closed != 1 {
				t.Error("quit did not end it")
			}
		}
	}
}
