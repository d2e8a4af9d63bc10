package account

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"copilot/app/account/authtest"
)

// clock is a wall clock that stands until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// newAccount returns a signed-out Account whose secrets are kept in memory, and
// its clock.
func newAccount(t *testing.T, g *authtest.Server, keys *Keys) (*Account, *clock) {
	t.Helper()
	c := &clock{now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	a, err := New(Options{SupabaseURL: g.URL, Key: authtest.Key, Keys: keys, Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a, c
}

func noBus(t *testing.T) *Keys {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
	return NewKeys()
}

func signIn(t *testing.T, a *Account) {
	t.Helper()
	if err := a.SignIn(t.Context(), authtest.Email, authtest.Password); err != nil {
		t.Fatal(err)
	}
}

func mustToken(t *testing.T, a *Account) string {
	t.Helper()
	token, err := a.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestSignInAndOut(t *testing.T) {
	g := authtest.New(t)
	a, _ := newAccount(t, g, noBus(t))
	if _, err := a.Token(t.Context()); !errors.Is(err, ErrSignedOut) {
		t.Errorf("token before signing in: %v", err)
	}
	signIn(t, a)
	first := mustToken(t, a)
	if a.Email() != authtest.Email || !a.SignedIn() || mustToken(t, a) != first {
		t.Errorf("signed in as %q", a.Email())
	}
	if err := a.SignOut(t.Context()); err != nil && !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
	if _, err := a.Token(t.Context()); !errors.Is(err, ErrSignedOut) || a.Email() != "" || a.SignedIn() {
		t.Errorf("after signing out: %v, %q", err, a.Email())
	}
	if len(g.Logouts) != 1 || g.Logouts[0] != "local Bearer "+first {
		t.Errorf("the server was told %q", g.Logouts)
	}
	if g.Refreshes != 0 {
		t.Errorf("%d refreshes of a fresh token", g.Refreshes)
	}
}

// What the server and the network can answer to a sign-in, and what the person
// is told. No password, no token and no word of the server is in the error.
func TestSignInRefused(t *testing.T) {
	answer := func(status int, kind, body string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			w.Write([]byte(body))
			return true
		}
	}
	const j = "application/json"
	for name, test := range map[string]struct {
		problem func(http.ResponseWriter, *http.Request) bool
		says    string
	}{
		"wrong password": {nil, "password is wrong"},
		"unconfirmed":    {answer(400, j, `{"code":400,"error_code":"email_not_confirmed","msg":"Email not confirmed"}`), "not confirmed"},
		"new API":        {answer(403, j, `{"code":"user_banned","message":"banned"}`), "blocked"},
		"too often":      {answer(429, j, `{"code":429,"error_code":"over_request_rate_limit"}`), "too many attempts"},
		"wrong key":      {answer(401, j, `{"message":"Invalid API key"}`), "SUPABASE_ANON_KEY"},
		"wrong address":  {answer(404, j, `{}`), "SUPABASE_URL"},
		"no server":      {answer(502, "text/html", "<html>correct horse</html>"), "trouble"},
		"portal":         {answer(200, "text/html", "<html>Sign in to Hotel</html>"), "in a browser"},
		"half a reply":   {answer(200, j, `{"access_token":"eyJ`), "in a browser"},
		"no token":       {answer(200, j, `{"user":{}}`), "in a browser"},
		"wrong shape":    {answer(200, j, `{"access_token":5}`), "in a browser"},
		"led elsewhere": {func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/elsewhere" {
				t.Error("the password was taken elsewhere")
			}
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			return true
		}, "in a browser"},
	} {
		t.Run(name, func(t *testing.T) {
			g := authtest.New(t)
			g.Problem = test.problem
			a, _ := newAccount(t, g, noBus(t))
			err := a.SignIn(t.Context(), authtest.Email, "incorrect horse")
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(e.Sentence(), test.says) {
				t.Fatalf("%v", err)
			}
			for _, secret := range []string{"horse", "eyJ", "Hotel", "refresh-"} {
				if strings.Contains(err.Error()+e.Sentence(), secret) {
					t.Errorf("the error holds %q: %v", secret, err)
				}
			}
			if a.SignedIn() {
				t.Error("signed in")
			}
		})
	}
}

// Nobody waits longer than their context, though the library knows none.
func TestSignInCancelled(t *testing.T) {
	g := authtest.New(t)
	asked := make(chan struct{})
	g.Problem = func(w http.ResponseWriter, r *http.Request) bool {
		close(asked)
		<-r.Context().Done()
		return true
	}
	a, _ := newAccount(t, g, noBus(t))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if err := a.SignIn(ctx, authtest.Email, authtest.Password); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// However many need a token at once, the refresh token is used once.
func TestRefreshIsSingle(t *testing.T) {
	g := authtest.New(t)
	a, c := newAccount(t, g, noBus(t))
	signIn(t, a)
	old := mustToken(t, a)
	c.pass(59*time.Minute + 55*time.Second) // about to end
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			if token, err := a.Token(t.Context()); err != nil || token == old {
				t.Errorf("%q, %v", token, err)
			}
		})
	}
	wg.Wait()
	if g.Refreshes != 1 {
		t.Errorf("%d refreshes", g.Refreshes)
	}
}

// In the last minutes of its life a token is still handed out at once, while the
// next one is fetched.
func TestRefreshEarly(t *testing.T) {
	g := authtest.New(t)
	a, c := newAccount(t, g, noBus(t))
	signIn(t, a)
	old := mustToken(t, a)
	hold := make(chan struct{})
	g.Do(func() { g.Problem = func(http.ResponseWriter, *http.Request) bool { <-hold; return false } })
	c.pass(57 * time.Minute)
	if got := mustToken(t, a); got != old {
		t.Errorf("waited for %q", got)
	}
	close(hold)
	for deadline := time.Now().Add(20 * time.Second); mustToken(t, a) == old; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never refreshed")
		}
	}
}

// A computer that slept: the wall clock has moved, the monotonic one has not.
func TestTokenAgesInSleep(t *testing.T) {
	now := time.Now()
	slept := token{expires: now.Add(time.Hour)}
	if left := slept.left(now.Round(0).Add(2 * time.Hour)); left > 0 {
		t.Errorf("%v left after two hours", left)
	}
}

// The network is away when the token is due: the old one serves as long as it
// is good, then the error says so, and when the network is back all is well.
func TestRefreshWithoutNetwork(t *testing.T) {
	g := authtest.New(t)
	a, c := newAccount(t, g, noBus(t))
	signIn(t, a)
	old := mustToken(t, a)
	g.Do(func() {
		g.Problem = func(w http.ResponseWriter, r *http.Request) bool {
			w.WriteHeader(http.StatusBadGateway)
			return true
		}
	})
	c.pass(57 * time.Minute)
	if got := mustToken(t, a); got != old {
		t.Error("no token though it is good for minutes")
	}
	c.pass(4 * time.Minute)
	_, err := a.Token(t.Context())
	var e *Error
	if !errors.As(err, &e) || errors.Is(err, ErrSignedOut) || !a.SignedIn() {
		t.Errorf("signed in %v, %v", a.SignedIn(), err)
	}
	g.Do(func() { g.Problem = nil })
	if mustToken(t, a) == old {
		t.Error("the old token")
	}
}

// T9: someone else used the refresh token. The family is revoked; the app says
// so once, forgets it, and asks no more.
func TestT9_RefreshTokenReuse(t *testing.T) {
	d := newDesktop(t)
	d.unlock()
	g := authtest.New(t)
	a, c := newAccount(t, g, NewKeys())
	signIn(t, a)
	g.Steal()
	c.pass(2 * time.Hour)
	_, err := a.Token(t.Context())
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, ErrSignedOut) || !strings.Contains(e.Sentence(), "signed out") {
		t.Fatalf("%v", err)
	}
	before := g.Refreshes
	for range 3 {
		_, err := a.Token(t.Context())
		if !errors.Is(err, ErrSignedOut) || errors.As(err, &e) && strings.Contains(err.Error(), "used") {
			t.Errorf("told again: %v", err)
		}
	}
	if g.Refreshes != before {
		t.Error("the dead token was tried again")
	}
	a.Close()
	next, _ := newAccount(t, g, NewKeys())
	if err := next.Restore(t.Context()); !errors.Is(err, ErrSignedOut) || g.Refreshes != before {
		t.Errorf("the next run: %v, %d refreshes", err, g.Refreshes-before)
	}
	d.noPlaintext("refresh-", "eyJ")
}

// The sign-in outlives the run in the keyring, which holds the refresh token
// and nothing else; two runs side by side do not take each other for thieves.
func TestU5_SignInIsKeptInTheKeyring(t *testing.T) {
	d := newDesktop(t)
	d.unlock()
	g := authtest.New(t)
	first, firstClock := newAccount(t, g, NewKeys())
	signIn(t, first)
	second, _ := newAccount(t, g, NewKeys())
	if err := second.Restore(t.Context()); err != nil || second.Email() != authtest.Email {
		t.Fatalf("%v, %q", err, second.Email())
	}
	second.Close() // waits until the new token is kept
	firstClock.pass(2 * time.Hour)
	mustToken(t, first)
	first.Close()

	third, _ := newAccount(t, g, NewKeys())
	if err := third.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := third.SignOut(t.Context()); err != nil {
		t.Error(err)
	}
	fourth, _ := newAccount(t, g, NewKeys())
	if err := fourth.Restore(t.Context()); !errors.Is(err, ErrSignedOut) {
		t.Errorf("after signing out: %v", err)
	}
	d.noPlaintext("refresh-", "eyJ", authtest.Password)
}

// U5: without a keyring, or with a locked one, the sign-in holds for the run.
func TestU5_SignInWithoutKeyring(t *testing.T) {
	g := authtest.New(t)
	keys := noBus(t)
	a, _ := newAccount(t, g, keys)
	if err := a.Restore(t.Context()); !errors.Is(err, ErrSignedOut) {
		t.Errorf("%v", err)
	}
	signIn(t, a)
	mustToken(t, a)
	if keys.Persistent() || keys.Sentence() == "" {
		t.Error("the person is not told")
	}
}

// A refresh that comes back after the person signed out brings nobody back.
func TestSignOutDuringRefresh(t *testing.T) {
	g := authtest.New(t)
	a, c := newAccount(t, g, noBus(t))
	signIn(t, a)
	asked, hold := make(chan struct{}), make(chan struct{})
	g.Do(func() {
		g.Problem = func(_ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Get("grant_type") == "refresh_token" {
				close(asked)
				<-hold
			}
			return false
		}
	})
	c.pass(2 * time.Hour)
	got := make(chan error, 1)
	go func() {
		_, err := a.Token(t.Context())
		got <- err
	}()
	<-asked
	a.SignOut(t.Context())
	close(hold)
	if err := <-got; !errors.Is(err, ErrSignedOut) || a.SignedIn() {
		t.Errorf("signed in %v, %v", a.SignedIn(), err)
	}
}
