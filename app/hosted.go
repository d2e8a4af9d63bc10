package main

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

	"copilot/app/account"
	"copilot/app/overlay"
	"copilot/backend/api"
)

// hosted is the hosted mode of one run of the program: the person's sign-in, the
// backend's client, what is known of the account, and the lease of the running
// interview. It implements overlay.Hosted.
type hosted struct {
	account *account.Account
	client  *api.Client
	browse  func(page string) error // opens the system's browser
	log     *slog.Logger
	again   func()        // begins the last interview anew, taking the session over
	poke    chan struct{} // cap 1: look at the account now

	mu    sync.Mutex
	show  func(overlay.Account) // the screen; called with mu held, so that states come in order
	view  overlay.Account
	lease *lease    // of the running interview; nil: none
	watch time.Time // a purchase is awaited until then
	had   overlay.Account
}

// Waiting for a payment.
const (
	lookEvery = 2 * time.Second  // while a purchase is awaited
	buyTime   = 30 * time.Minute // Stripe's payment pages live for longer, but who has left has left
)

// newHosted returns the hosted mode, or nil where the environment names no
// server.
func newHosted(c config, keys *account.Keys, log *slog.Logger) (*hosted, error) {
	if c.BackendURL == "" || c.SupabaseURL == "" || c.SupabaseKey == "" {
		return nil, nil
	}
	a, err := account.New(account.Options{SupabaseURL: c.SupabaseURL, Key: c.SupabaseKey, Keys: keys, Log: log})
	if err != nil {
		return nil, err
	}
	h := &hosted{account: a, log: log, poke: make(chan struct{}, 1), show: func(overlay.Account) {}, again: func() {}}
	h.client = &api.Client{BaseURL: c.BackendURL, Token: a.Token, HTTP: &http.Client{
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: 4 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
			TLSHandshakeTimeout: 4 * time.Second, ForceAttemptHTTP2: true, IdleConnTimeout: 90 * time.Second,
		},
		// A redirect is a captive portal or a wrong address; the token stays here.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	return h, nil
}

// attach connects the mode with a window: where to show the account, how to
// begin the last interview anew with another device's session, and the browser.
func (h *hosted) attach(show func(overlay.Account), again func(), browse func(page string) error) {
	h.again, h.browse = again, browse
	h.mu.Lock()
	defer h.mu.Unlock()
	h.show = show
	if h.view != (overlay.Account{}) {
		show(h.view)
	}
}

// Run looks at the account whenever there is reason to, until ctx is cancelled.
// Without reason it asks nobody.
func (h *hosted) Run(ctx context.Context) {
	for {
		var due <-chan time.Time
		if h.waiting(time.Now()) {
			due = time.After(lookEvery)
		}
		select {
		case <-due:
		case <-h.poke:
		case <-ctx.Done():
			h.account.Close()
			h.client.HTTP.CloseIdleConnections()
			return
		}
		h.look(ctx)
	}
}

// waiting reports whether a purchase is awaited: the person has gone to pay, or
// the running interview stands still for want of minutes.
func (h *hosted) waiting(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.view.Buying && now.After(h.watch) {
		h.set(func(v *overlay.Account) { v.Buying = false })
	}
	return h.view.Buying || h.lease != nil && h.view.Hold == overlay.HoldMinutes
}

// look asks for the account and shows it.
func (h *hosted) look(ctx context.Context) {
	if !h.account.SignedIn() {
		if err := h.account.Restore(ctx); errors.Is(err, account.ErrSignedOut) {
			h.change(func(v *overlay.Account) { *v = overlay.Account{Hold: v.Hold} })
			return
		}
	}
	got, err := h.client.Account(ctx)
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, account.ErrSignedOut):
		h.change(func(v *overlay.Account) { *v = overlay.Account{Hold: v.Hold, Problem: sentence(err)} })
	case err != nil:
		h.log.Info("the account could not be asked for", "err", err)
		h.change(func(v *overlay.Account) {
			v.SignedIn, v.Email = h.account.SignedIn(), h.account.Email()
			if !v.Buying {
				v.Problem = sentence(err)
			}
		})
	default:
		h.take(got)
	}
}

// take shows the account. When there is more than before, what waited for it
// goes on.
func (h *hosted) take(a api.Account) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.set(func(v *overlay.Account) {
		v.SignedIn, v.Known, v.Problem, v.Email = true, true, "", a.Email
		if v.Email == "" {
			v.Email = h.account.Email()
		}
		v.Pro = a.Plan == "pro"
		v.Unlimited = a.Unlimited
		v.Minutes = a.MinutesLeft
		v.Until = until(a)
		if v.Buying && (a.MinutesLeft > h.had.Minutes || a.Unlimited && !h.had.Unlimited) {
			v.Buying = false
		}
		if v.Hold == overlay.HoldMinutes && h.lease == nil && (a.MinutesLeft > 0 || a.Unlimited) {
			v.Hold = overlay.HoldNone
		}
	})
	if h.lease != nil && h.view.Hold == overlay.HoldMinutes && (a.MinutesLeft > 0 || a.Unlimited) {
		h.lease.ask(wishAgain)
	}
}

func until(a api.Account) string {
	switch {
	case a.EndsAt != nil:
		return "ends on " + a.EndsAt.Local().Format("2 January 2006")
	case a.RenewsAt != nil:
		return "renews on " + a.RenewsAt.Local().Format("2 January 2006")
	}
	return ""
}

// leaseChanged shows what a running interview's lease has to tell.
func (h *hosted) leaseChanged(s leaseState) {
	h.change(func(v *overlay.Account) {
		v.Hold, v.Away, v.Low = s.Hold, s.Away, s.Low
		if s.Known {
			if v.Buying && (s.Minutes > h.had.Minutes || s.Unlimited && !h.had.Unlimited) {
				v.Buying = false
			}
			v.SignedIn, v.Known, v.Minutes, v.Unlimited = true, true, s.Minutes, s.Unlimited
		}
	})
	if s.Hold == overlay.HoldMinutes {
		h.Refresh() // and from then on every two seconds
	}
}

// begun and ended frame an interview.
func (h *hosted) begun(l *lease) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lease = l
}

func (h *hosted) ended() {
	h.mu.Lock()
	h.lease = nil
	h.set(func(v *overlay.Account) { v.Hold, v.Away, v.Low = overlay.HoldNone, false, false })
	h.mu.Unlock()
	h.Refresh()
}

// notBegun shows what would help when an interview could not begin.
func (h *hosted) notBegun(err error) {
	hold := overlay.HoldNone
	switch {
	case code(err) == api.OutOfMinutes:
		hold = overlay.HoldMinutes
	case code(err) == api.SessionElsewhere:
		hold = overlay.HoldElsewhere
	case code(err) == api.Unauthenticated, errors.Is(err, account.ErrSignedOut):
		hold = overlay.HoldSignedOut
	}
	h.change(func(v *overlay.Account) { v.Hold = hold })
}

// change edits what is shown.
func (h *hosted) change(edit func(*overlay.Account)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.set(edit)
}

// set is change with mu held.
func (h *hosted) set(edit func(*overlay.Account)) {
	was := h.view
	if edit(&h.view); h.view != was {
		h.show(h.view)
	}
}

// Refresh implements overlay.Hosted.
func (h *hosted) Refresh() {
	select {
	case h.poke <- struct{}{}:
	default:
	}
}

// TakeOver implements overlay.Hosted.
func (h *hosted) TakeOver() {
	h.mu.Lock()
	l := h.lease
	h.mu.Unlock()
	if l != nil {
		l.ask(wishTakeOver)
		return
	}
	h.again()
}

// Buy implements overlay.Hosted.
func (h *hosted) Buy(ctx context.Context, what overlay.Purchase) error {
	price := map[overlay.Purchase]api.Price{overlay.Minutes: api.Minutes120, overlay.Pro: api.ProMonthly}[what]
	page, err := h.client.Checkout(ctx, price)
	if err == nil {
		err = h.openPage(page.URL)
	}
	if err != nil {
		return said(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.had, h.watch = h.view, time.Now().Add(buyTime)
	h.set(func(v *overlay.Account) { v.Buying = true })
	h.Refresh()
	return nil
}

// Manage implements overlay.Hosted.
func (h *hosted) Manage(ctx context.Context) error {
	page, err := h.client.Portal(ctx)
	if err == nil {
		err = h.openPage(page.URL)
	}
	if err != nil {
		return said(err)
	}
	return nil
}

// openPage opens a page that the backend names, which must be one that a browser
// loads safely: another scheme could start a program.
func (h *hosted) openPage(page string) error {
	u, err := url.Parse(page)
	if err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return &sayError{"The server named a page that cannot be opened. Please update the program.", errors.New("open the browser: not a web page")}
	}
	if err := h.browse(page); err != nil {
		return &sayError{"The browser could not be opened. Open " + u.Scheme + "://" + u.Host + " yourself, or set a default browser in the system's settings.", fmt.Errorf("open the browser: %w", err)}
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// sayError is an error with a sentence for the person.
type sayError struct {
	sentence string
	err      error
}

func (e *sayError) Error() string    { return e.err.Error() }
func (e *sayError) Unwrap() error    { return e.err }
func (e *sayError) Sentence() string { return e.sentence }

// said makes err read as the window's callbacks want it: as a sentence.
func said(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(sentence(err))
}
