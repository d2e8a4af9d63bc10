package server

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"copilot/backend/api"
	"copilot/billing/stripetest"
	"copilot/billing/stripetest/chromium"
)

// browser is a real one, ended with the test.
func browser(t *testing.T) (*chromium.Browser, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	b, err := chromium.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b, ctx
}

// A session runs out of minutes and drops with 4402; the person adds time on
// Stripe's page in a real browser; the webhook arrives, twice; the session opens
// again, and the ledger sums to the balance.
func TestPayInTheBrowser(t *testing.T) {
	s := newShop(t)
	s.stripe.Deliver(stripetest.Delivery{Copies: 2, Delay: 100 * time.Millisecond})
	c, user := s.client(1)
	session, err := c.OpenSession(t.Context(), api.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.pass(time.Minute + time.Second) // the only minute is over
	if ended, ok := errors.AsType[*api.EndedError](session.Err()); !ok || ended.Reason != api.ReasonOutOfMinutes || ended.Reason.CloseCode() != 4402 {
		t.Fatalf("the session ended with %v", session.Err())
	}
	if _, err := c.OpenSession(t.Context(), api.SessionOptions{}); !isCode(err, api.OutOfMinutes) {
		t.Fatalf("without minutes: %v", err)
	}

	page, err := c.Checkout(t.Context(), api.Minutes120)
	if err != nil {
		t.Fatal(err)
	}
	b, ctx := browser(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(b.Open(ctx, page.URL))
	must(b.Click(ctx, "#decline")) // the first card is refused
	must(b.Wait(ctx, "document.querySelector('#error')?.innerText.includes('declined')"))
	must(b.Click(ctx, "#pay"))
	must(b.Wait(ctx, "location.pathname === '/checkout/done' && document.querySelector('#head')?.innerText === '120 minutes'"))
	if violations, err := b.Eval(ctx, "document.querySelector('#state').className + ' ' + getComputedStyle(document.querySelector('main')).borderRadius"); err != nil ||
		!strings.Contains(violations, "ready") || strings.HasSuffix(violations, " 0px") {
		t.Errorf("the page has no style, or does not say that it is done: %q, %v", violations, err)
	}

	session, err = c.OpenSession(t.Context(), api.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if session.Started.MinutesLeft == nil || *session.Started.MinutesLeft != 119 {
		t.Errorf("%+v", session.Started)
	}
	must(session.Close())
	l, err := c.Ledger(t.Context(), 0)
	must(err)
	sum, kinds := 0, map[string]int{}
	for _, e := range l.Entries {
		sum += e.Minutes
		kinds[e.Kind]++
	}
	if a := s.account(user); sum != a.MinutesLeft || sum != 119 || kinds["purchase"] != 2 || kinds["usage"] != 2 {
		t.Errorf("the ledger sums to %d of %v, the balance is %d", sum, kinds, a.MinutesLeft)
	}
	r, err := c.Receipts(t.Context(), time.Time{})
	must(err)
	var reasons []string
	for _, e := range r.Receipts {
		if e.Kind == api.ReceiptSession {
			reasons = append(reasons, string(e.Reason))
		}
	}
	if len(reasons) != 2 || reasons[1] != "out_of_minutes" {
		t.Errorf("receipts tell the sessions' ends as %v", reasons)
	}
}

// Pro: subscribed in the browser, unlimited; cancelled in the portal with two
// clicks; back to minutes when the paid month is over.
func TestProInTheBrowser(t *testing.T) {
	s := newShop(t)
	s.stripe.Deliver(stripetest.Delivery{Delay: 50 * time.Millisecond}) // in any order
	c, _ := s.client(0)
	b, ctx := browser(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	until := func(what string, ok func(api.Account) bool) {
		t.Helper()
		for {
			a, err := c.Account(ctx)
			must(err)
			if ok(a) {
				return
			}
			select {
			case <-ctx.Done():
				t.Fatalf("%s: %+v", what, a)
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	page, err := c.Checkout(t.Context(), api.ProMonthly)
	must(err)
	must(b.Open(ctx, page.URL))
	must(b.Click(ctx, "#pay"))
	must(b.Wait(ctx, "location.pathname === '/checkout/done' && document.querySelector('#head')?.innerText === 'Pro is active'"))
	until("subscribed", func(a api.Account) bool { return a.Unlimited && a.RenewsAt != nil })

	session, err := c.OpenSession(t.Context(), api.SessionOptions{})
	must(err)
	if !session.Started.Unlimited {
		t.Errorf("%+v", session.Started)
	}
	must(session.Close())

	portal, err := c.Portal(t.Context())
	must(err)
	must(b.Open(ctx, portal.URL))
	must(b.Click(ctx, "#cancel"))
	must(b.Click(ctx, "#confirm"))
	must(b.Wait(ctx, "document.body.innerText.includes('cancelled to the end')"))
	must(b.Click(ctx, "#return"))
	must(b.Wait(ctx, "location.pathname === '/checkout/portal' && document.body.innerText.includes('go back to the app')"))
	until("cancelled", func(a api.Account) bool { return a.Unlimited && a.EndsAt != nil })

	s.stripe.Advance(32 * 24 * time.Hour)
	s.clock.Advance(32 * 24 * time.Hour)
	until("over", func(a api.Account) bool { return !a.Unlimited && a.Plan == "minutes" })
	if _, err := c.OpenSession(t.Context(), api.SessionOptions{}); !isCode(err, api.OutOfMinutes) {
		t.Errorf("after Pro, without minutes: %v", err)
	}
}

// Leaving the payment page charges nothing and says so.
func TestLeaveInTheBrowser(t *testing.T) {
	s := newShop(t)
	c, user := s.client(0)
	b, ctx := browser(t)
	page, err := c.Checkout(t.Context(), api.Minutes120)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		b.Open(ctx, page.URL), b.Click(ctx, "#close"),
		b.Wait(ctx, "location.pathname === '/checkout/cancelled' && document.body.innerText.includes('Nothing was paid')"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if a := s.account(user); a.MinutesLeft != 0 {
		t.Errorf("%d minutes", a.MinutesLeft)
	}
}
