package account

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/supabase-community/gotrue-go"
	"github.com/supabase-community/gotrue-go/types"
	supabase "github.com/supabase-community/supabase-go"
)

// Options of an Account. SupabaseURL, Key and Keys are required.
type Options struct {
	SupabaseURL string // of the project, without a trailing slash
	Key         string // the project's publishable key
	Keys        *Keys  // keeps the refresh token, and nothing else of a sign-in
	Now         func() time.Time
	Transport   http.RoundTripper // carries the requests; nil: one of our own
	// Listen opens the listener of a sign-in in the browser; nil: net.Listen.
	Listen      func(network, address string) (net.Listener, error)
	BrowserTime time.Duration // for a sign-in in the browser; 0: 5 minutes
	Log         *slog.Logger
}

// Account is one person's sign-in at Supabase. Any number of goroutines may use
// it. Its methods that ask the server end when their context does; a refresh
// that has begun goes on without them, because the server has made the old
// refresh token worthless by then. Close ends and waits for it.
type Account struct {
	o    Options
	item string // name of the refresh token in Keys
	auth gotrue.Client

	life context.Context
	end  context.CancelFunc
	work sync.WaitGroup

	mu      sync.Mutex
	login   int // counts sign-ins and sign-outs: what belongs to an older one is dropped
	refresh string
	email   string
	access  token
	pending *renewal
	after   time.Time // no refresh is begun before, following a failed one
}

// token is an access token and when it ends, by our clock.
type token struct {
	value   string
	expires time.Time
	life    time.Duration
}

// left is how long the token is good for. The wall clock counts the time that a
// computer was asleep, the monotonic one is not set back: the shorter counts.
func (t token) left(now time.Time) time.Duration {
	return min(t.expires.Sub(now), t.expires.Round(0).Sub(now.Round(0)))
}

// renewal is a refresh under way, which all who need it wait for.
type renewal struct {
	done  chan struct{}
	value string // after done
	err   error  // after done
}

// A token is refreshed at the first use in the last part of its life, while it
// is still handed out; in its last seconds its users wait for the new one.
const (
	refreshEarly = 5 * time.Minute
	refreshNow   = 20 * time.Second
	retryAfter   = 5 * time.Second
	callTimeout  = 15 * time.Second
	closeTime    = time.Second
)

// New returns an Account that is signed out; it asks nobody. Sign in with
// SignIn, or with Restore as the person of the last run.
func New(o Options) (*Account, error) {
	u, err := url.Parse(o.SupabaseURL)
	if err != nil || u.Host == "" {
		return nil, errors.New("new account: the address is not a URL with a host")
	}
	client, err := supabase.NewClient(o.SupabaseURL, o.Key, nil)
	if err != nil {
		return nil, fmt.Errorf("new account: %w", err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Transport == nil {
		o.Transport = newTransport()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	// A project of its own: trying the local stack must not sign anybody out elsewhere.
	a := &Account{o: o, item: "sign-in at " + u.Host, auth: client.Auth}
	a.life, a.end = context.WithCancel(context.Background())
	return a, nil
}

// Close waits for a refresh under way, whose new token would else be lost, for
// up to closeTime, then gives it up. The person stays signed in for the next run.
func (a *Account) Close() {
	done := make(chan struct{})
	go func() {
		a.work.Wait()
		close(done)
	}()
	limit := time.NewTimer(closeTime)
	defer limit.Stop()
	select {
	case <-done:
	case <-limit.C:
	}
	a.end()
	<-done
	if t, ok := a.o.Transport.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
}

// SignIn signs a person in with e-mail address and password. What the server
// refuses is an *Error. The refresh token goes to the keyring, which may ask the
// person for a password; where there is none they are signed in for this run.
func (a *Account) SignIn(ctx context.Context, email, password string) error {
	limit, cancel := context.WithTimeout(ctx, callTimeout)
	got, err := a.ask(limit, func(auth gotrue.Client) (*types.TokenResponse, error) {
		return auth.SignInWithEmailPassword(email, password)
	})
	cancel()
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	return a.enter(ctx, "sign in", got)
}

// Restore signs in the person of the last run. ErrSignedOut says that there is
// none, or that their sign-in is over; after any other error they are signed in
// but the server could not be asked, and Token will try again.
func (a *Account) Restore(ctx context.Context) error {
	a.mu.Lock()
	known := a.refresh != ""
	a.mu.Unlock()
	if !known {
		secret, err := a.o.Keys.Get(ctx, a.item)
		if errors.Is(err, ErrNotFound) {
			return fmt.Errorf("restore the sign-in: %w", ErrSignedOut)
		}
		if errors.Is(err, ErrUnavailable) {
			return fmt.Errorf("restore the sign-in: %w (%w)", ErrSignedOut, err)
		}
		if err != nil {
			return fmt.Errorf("restore the sign-in: %w", err)
		}
		a.mu.Lock()
		if a.refresh == "" {
			a.refresh = secret
		}
		a.mu.Unlock()
	}
	_, err := a.Token(ctx)
	return err
}

// Token returns an access token that is good for some time yet, refreshing it
// when needed: one refresh at a time, whoever asks. Once the server has ended
// the sign-in, one call returns its *Error, which is an ErrSignedOut, and all
// further ones return ErrSignedOut without asking.
func (a *Account) Token(ctx context.Context) (string, error) {
	a.mu.Lock()
	if a.refresh == "" {
		a.mu.Unlock()
		return "", fmt.Errorf("access token: %w", ErrSignedOut)
	}
	now := a.o.Now()
	held, left := a.access, a.access.left(now)
	usable := held.value != "" && left > refreshNow
	early := min(refreshEarly, held.life/4)
	if usable && (left > early || now.Before(a.after)) {
		a.mu.Unlock()
		return held.value, nil
	}
	r := a.renew()
	a.mu.Unlock()
	if usable {
		return held.value, nil
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		return "", fmt.Errorf("access token: %w", ctx.Err())
	}
	if r.err != nil {
		return "", fmt.Errorf("access token: %w", r.err)
	}
	return r.value, nil
}

// renew begins a refresh, or returns the one under way. a.mu is held.
func (a *Account) renew() *renewal {
	if a.pending != nil {
		return a.pending
	}
	r := &renewal{done: make(chan struct{})}
	a.pending = r
	login, refresh := a.login, a.refresh
	a.work.Go(func() {
		ctx, cancel := context.WithTimeout(a.life, callTimeout)
		got, err := a.ask(ctx, func(auth gotrue.Client) (*types.TokenResponse, error) {
			return auth.RefreshToken(a.newest(ctx, refresh))
		})
		cancel()
		a.settle(r, login, got, err)
	})
	return r
}

// newest returns the refresh token that is in the keyring: another window of
// this program may have refreshed since, and the server takes the use of an old
// token for theft.
func (a *Account) newest(ctx context.Context, held string) string {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if kept, err := a.o.Keys.reread(ctx, a.item); err == nil {
		return kept
	}
	return held
}

// settle takes in what a refresh brought.
func (a *Account) settle(r *renewal, login int, got session, err error) {
	a.mu.Lock()
	current := a.login == login
	over := errors.Is(err, ErrSignedOut)
	switch {
	case !current:
		err = ErrSignedOut
		if a.refresh != "" {
			err = errors.New("another person signed in")
		}
	case err == nil:
		a.keep(got)
		r.value, a.after = got.AccessToken, time.Time{}
	case over:
		a.forget()
	default:
		a.after = a.o.Now().Add(retryAfter)
	}
	if current {
		a.pending = nil
	}
	r.err = err
	a.mu.Unlock()
	close(r.done)

	switch {
	case !current:
	case over:
		a.o.Log.Warn("signed out by the server", "err", err)
		if err := a.o.Keys.Delete(a.life, a.item); err != nil {
			a.o.Log.Warn("the old sign-in may still be in the keyring", "err", err)
		}
	case err == nil:
		if err := a.o.Keys.Set(a.life, a.item, got.RefreshToken); err != nil {
			a.o.Log.Warn("signed in for this run only", "err", err)
		}
	}
}

// keep makes got the person's session. a.mu is held.
func (a *Account) keep(got session) {
	life := time.Duration(got.ExpiresIn) * time.Second
	a.refresh, a.email = got.RefreshToken, got.User.Email
	a.access = token{got.AccessToken, a.o.Now().Add(life), life}
}

// forget makes the person signed out. a.mu is held.
func (a *Account) forget() {
	a.login++
	a.refresh, a.email, a.access, a.pending, a.after = "", "", token{}, nil, time.Time{}
}

// SignOut ends this sign-in, here and at the server; the person's other devices
// stay signed in. Here it always succeeds: an error says that the server could
// not be told, or the keyring not be asked.
func (a *Account) SignOut(ctx context.Context) error { return a.signOut(ctx, "local") }

// SignOutEverywhere is SignOut on all the person's devices. Access tokens that
// are out there end within the hour, as they would have; no new one is given.
func (a *Account) SignOutEverywhere(ctx context.Context) error {
	if _, err := a.Token(ctx); err != nil && !errors.Is(err, ErrSignedOut) { // without one the server cannot be told
		return fmt.Errorf("sign out everywhere: %w", err)
	}
	return a.signOut(ctx, "global")
}

func (a *Account) signOut(ctx context.Context, scope string) error {
	a.mu.Lock()
	access := a.access.value
	a.forget()
	a.mu.Unlock()
	var told error
	if access != "" {
		told = a.tell(ctx, access, scope)
	}
	if err := errors.Join(told, a.o.Keys.Delete(ctx, a.item)); err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	return nil
}

// SignedIn reports whether there is a sign-in, as far as is known here.
func (a *Account) SignedIn() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.refresh != ""
}

// Email returns the address of the signed-in person; empty when signed out, or
// when the server has not been reached since Restore.
func (a *Account) Email() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.email
}
