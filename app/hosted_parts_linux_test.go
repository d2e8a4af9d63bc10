package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"copilot/app/account"
	"copilot/app/interview"
	"copilot/app/overlay"
	"copilot/audio"
	"copilot/backend/api"
)

// Only pages that a browser shows safely are opened, whatever the server names.
func TestOnlyWebPagesAreOpened(t *testing.T) {
	var opened []string
	h := &hosted{browse: func(page string) error { opened = append(opened, page); return nil }}
	for page, ok := range map[string]bool{
		"https://checkout.stripe.com/c/pay/cs_1": true, "http://127.0.0.1:8000/pay": true, "http://[::1]:8000/pay": true, "http://localhost/pay": true,
		"http://example.com/pay": false, "file:///etc/passwd": false, "javascript:alert(1)": false, "ssh://host": false,
		"": false, "/relative": false, "https:///nohost": false, "-flag": false,
	} {
		opened = nil
		err := h.openPage(page)
		if (err == nil) != ok || (len(opened) == 1) != ok {
			t.Errorf("%q: %v, opened %q", page, err, opened)
		}
		if err != nil && !strings.Contains(sentence(err), "update the program") {
			t.Errorf("%q: %s", page, sentence(err))
		}
	}
	h.browse = func(string) error { return errors.New("exec: xdg-open: not found") }
	err := h.openPage("https://checkout.stripe.com/c/pay/cs_secret")
	if err == nil || !strings.Contains(sentence(err), "browser") || strings.Contains(sentence(err), "cs_secret") {
		t.Errorf("no browser: %v, %s", err, sentence(err))
	}
}

// Why an interview stands still follows from how the session ended, or from why
// the next one was refused.
func TestWhyAnInterviewStandsStill(t *testing.T) {
	ended := func(r api.Reason) error { return &api.EndedError{Reason: r} }
	refused := func(c api.Code) error { return fmt.Errorf("open session: %w", &api.Error{Code: c}) }
	network := errors.New("connection reset by peer")
	now, long := time.Now(), time.Now().Add(-time.Minute)
	for name, tc := range map[string]struct {
		why    error
		lost   time.Time
		resume string
		paused bool
		held   overlay.Hold
		want   overlay.Hold
	}{
		"used up":               {ended(api.ReasonOutOfMinutes), now, "", false, overlay.HoldNone, overlay.HoldMinutes},
		"still used up":         {refused(api.OutOfMinutes), long, "", false, overlay.HoldMinutes, overlay.HoldMinutes},
		"taken over":            {ended(api.ReasonTakenOver), now, "", false, overlay.HoldNone, overlay.HoldElsewhere},
		"held elsewhere":        {refused(api.SessionElsewhere), now, "s", false, overlay.HoldNone, overlay.HoldElsewhere},
		"signed out":            {fmt.Errorf("open: %w", account.ErrSignedOut), now, "s", false, overlay.HoldNone, overlay.HoldSignedOut},
		"token refused":         {refused(api.Unauthenticated), now, "s", false, overlay.HoldNone, overlay.HoldSignedOut},
		"network, in grace":     {network, now, "s", false, overlay.HoldNone, overlay.HoldNone},
		"network, after grace":  {network, long, "s", false, overlay.HoldNone, overlay.HoldServer},
		"network, while held":   {network, now, "", false, overlay.HoldMinutes, overlay.HoldServer},
		"restart":               {ended(api.ReasonShutdown), now, "s", false, overlay.HoldNone, overlay.HoldNone},
		"restart, paused":       {ended(api.ReasonShutdown), now, "s", true, overlay.HoldNone, overlay.HoldNone},
		"expired (N16)":         {ended(api.ReasonExpired), now, "", false, overlay.HoldNone, overlay.HoldNone},
		"expired while paused":  {ended(api.ReasonExpired), now, "", true, overlay.HoldNone, overlay.HoldPaused},
		"slow down, in grace":   {refused(api.SlowDown), now, "s", false, overlay.HoldNone, overlay.HoldNone},
		"unavailable, too long": {refused(api.Unavailable), long, "s", false, overlay.HoldNone, overlay.HoldServer},
	} {
		l := &lease{resume: tc.resume, paused: tc.paused, grace: 30 * time.Second, state: leaseState{Hold: tc.held}}
		if got := l.reason(tc.why, tc.lost); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
}

// However long the server is away, it is asked no more than the twenty times a
// minute that it allows, and as late as it says.
func TestServerIsNotPressed(t *testing.T) {
	var first time.Duration
	for n := range 20 {
		first += wait(n, nil)
	}
	if first < 45*time.Second {
		t.Errorf("twenty attempts in %v", first)
	}
	if wait(0, nil) != 0 || wait(1000, nil) != 3*time.Second {
		t.Errorf("%v, %v", wait(0, nil), wait(1000, nil))
	}
	if got := wait(0, &api.Error{Code: api.SlowDown, RetryAfter: 17 * time.Second}); got != 17*time.Second {
		t.Errorf("retry after %v", got)
	}
}

// A closed gate closes the source, an open one runs it again; the end of the
// sound and its failure pass through.
func TestGate(t *testing.T) {
	p := &tape{frames: make([]audio.Frame, 10)}
	g := newGate(p)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- g.Run(ctx, func(audio.Frame) {}, func(audio.LaneStatus) {}) }()
	for n := range 3 {
		soon(t, "the source runs", p.running)
		g.open(true) // is already
		g.open(false)
		g.open(false)
		soon(t, "the source is closed", func() bool { return !p.running() })
		p.mu.Lock()
		if p.runs != n+1 {
			t.Errorf("opened %d times", p.runs)
		}
		p.mu.Unlock()
		g.open(true)
	}
	soon(t, "the source runs", p.running)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	g.open(false)
	if err := g.Run(ctx, nil, nil); err != nil { // closed and left
		t.Error(err)
	}
	var none *gate
	none.open(false)
	broken := errors.New("no sound")
	for _, want := range []error{nil, broken} {
		if err := newGate(endOf{want}).Run(t.Context(), nil, nil); err != want {
			t.Errorf("%v, want %v", err, want)
		}
	}
}

// endOf is a source that is over at once.
type endOf struct{ err error }

func (e endOf) Run(context.Context, func(audio.Frame), func(audio.LaneStatus)) error { return e.err }

var _ interview.Source = endOf{}
