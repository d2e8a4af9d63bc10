package billing

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"copilot/billing/stripetest"
)

// account is one at the stand-in that is set up, and a customer in it.
type account struct {
	*Stripe
	t        testing.TB
	remote   *stripetest.Stripe
	customer string
}

func newAccount(t testing.TB) *account {
	t.Helper()
	remote := stripetest.New("http://stripe.test", stripetest.Options{})
	t.Cleanup(remote.Close)
	remote.Deliver(stripetest.Delivery{Hold: true})
	a := &account{t: t, remote: remote, Stripe: at(remote)}
	if _, err := a.Setup(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	var err error
	if a.customer, err = a.NewCustomer(t.Context(), "user-1", "a@example.org"); err != nil {
		t.Fatal(err)
	}
	return a
}

func at(remote *stripetest.Stripe) *Stripe {
	return New(Options{Key: remote.Key, URL: remote.URL, PublicURL: "https://copilot.test/", HTTP: remote.Client()})
}

// order makes a payment page and returns its id.
func (a *account) order(price, attempt string) string {
	a.t.Helper()
	url, err := a.Checkout(a.t.Context(), Order{UserID: "user-1", Customer: a.customer, Price: price, Attempt: attempt})
	if err != nil {
		a.t.Fatal(err)
	}
	return url[strings.LastIndex(url, "/")+1:]
}

// look asks about the last event that happened.
func (a *account) look() Facts {
	a.t.Helper()
	events := a.remote.Events()
	e, err := parseEvent(events[len(events)-1].Body)
	if err != nil {
		a.t.Fatal(err)
	}
	f, err := a.Look(a.t.Context(), e, sentAt)
	if err != nil {
		a.t.Fatal(err)
	}
	return f
}

func (a *account) pay(id string) {
	a.t.Helper()
	if err := a.remote.Pay(id); err != nil {
		a.t.Fatal(err)
	}
}

// What a checkout session is made with.
func TestCheckoutRequest(t *testing.T) {
	a := newAccount(t)
	c := a.remote.Get(a.order(PriceMinutes120, "1"))
	if c["mode"] != "payment" || c["customer"] != a.customer || c["client_reference_id"] != "user-1" || c["amount_total"] != int64(500) ||
		c["success_url"] != "https://copilot.test/checkout/done?session_id={CHECKOUT_SESSION_ID}" || c["cancel_url"] != "https://copilot.test/checkout/cancelled" {
		t.Errorf("%+v", c)
	}
	if c := a.remote.Get(a.order(PriceProMonthly, "2")); c["mode"] != "subscription" || c["amount_total"] != int64(1500) {
		t.Errorf("%+v", c)
	}
	if _, err := a.Checkout(t.Context(), Order{Price: "minutes_1000000"}); err == nil {
		t.Error("sold what is not for sale")
	}
	if url, err := a.Portal(t.Context(), a.customer); err != nil || !strings.HasPrefix(url, "http://stripe.test/p/session/") {
		t.Errorf("%s, %v", url, err)
	}
}

// S8: a second click is the same page, and the same customer.
func TestS8SecondClick(t *testing.T) {
	a := newAccount(t)
	if one, two := a.order(PriceMinutes120, "click"), a.order(PriceMinutes120, "click"); one != two {
		t.Errorf("%s and %s", one, two)
	}
	if again, err := a.NewCustomer(t.Context(), "user-1", "a@example.org"); err != nil || again != a.customer {
		t.Errorf("%s, %v", again, err)
	}
	if n := len(a.remote.Ids("checkout.session")); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

// A pack is granted when it is paid, and what goes back takes its share along.
func TestPackFacts(t *testing.T) {
	a := newAccount(t)
	id := a.order(PriceMinutes120, "1")
	if err := a.remote.PayLater(id); err != nil {
		t.Fatal(err)
	}
	if f := a.look(); !f.Empty() || f.Refused != nil {
		t.Errorf("completed and not paid: %+v", f)
	}
	a.remote.Settle(id, true)
	f := a.look()
	intent := a.remote.Get(id)["payment_intent"].(string)
	if f.Payment == nil || f.Payment.Minutes != 120 || f.Payment.ID != id || f.Payment.IntentID != intent || f.Customer != a.customer ||
		f.Reference != "user-1" || !f.AsOf.Equal(sentAt) || f.Loss.Cents != 0 {
		t.Fatalf("paid: %+v", f)
	}
	for _, step := range []struct {
		name     string
		do       func()
		cents    int64
		disputed bool
	}{
		{"a part is refunded", func() { a.remote.Refund(intent, 125) }, 125, false},
		{"another part", func() { a.remote.Refund(intent, 125) }, 250, false},
	} {
		step.do()
		if f := a.look(); f.Payment == nil || f.Loss == nil || f.Loss.PaymentID != id || f.Loss.Cents != step.cents || f.Loss.Disputed != step.disputed {
			t.Errorf("%s: %+v", step.name, f.Loss)
		}
	}
	d := a.remote.Dispute(intent, 200)
	if f := a.look(); f.Loss.Cents != 450 || !f.Loss.Disputed {
		t.Errorf("disputed: %+v", f.Loss)
	}
	a.remote.CloseDispute(d, true)
	if f := a.look(); f.Loss.Cents != 250 || f.Loss.Disputed {
		t.Errorf("won: %+v", f.Loss)
	}
	a.remote.Tamper(d, "status", "warning_needs_response")
	if f := a.look(); f.Loss.Cents != 250 {
		t.Errorf("an inquiry: %+v", f.Loss)
	}
	a.remote.Tamper(d, "status", "lost")
	if f := a.look(); f.Loss.Cents != 450 {
		t.Errorf("lost: %+v", f.Loss)
	}
}

// A subscription grants by its state; each paid month is a payment.
func TestProFacts(t *testing.T) {
	a := newAccount(t)
	id := a.order(PriceProMonthly, "1")
	a.pay(id)
	f := a.look() // of the checkout session
	if f.Subscription == nil || f.Subscription.Status != "active" || f.Subscription.Plan != PlanPro || f.Subscription.CancelAtPeriodEnd ||
		!f.Subscription.PeriodEnd.After(f.Subscription.PeriodStart) || f.Customer != a.customer || f.Reference != "user-1" {
		t.Fatalf("%+v", f)
	}
	if p := f.Payment; p == nil || p.Minutes != 0 || p.AmountCents != 1500 || p.CheckoutID != id || !strings.HasPrefix(p.ID, "in_") {
		t.Errorf("%+v", p)
	}
	sub := f.Subscription.ID
	a.remote.Advance(32 * 24 * time.Hour)
	if next := a.look(); next.Payment == nil || next.Payment.ID == f.Payment.ID || next.Payment.CheckoutID != "" || next.Subscription.Status != "active" {
		t.Errorf("renewed: %+v", next.Payment)
	}
	a.remote.Refund(a.look().Payment.IntentID, 1500)
	if f := a.look(); f.Loss == nil || f.Loss.Cents != 1500 || f.Payment == nil || f.Loss.PaymentID != f.Payment.ID {
		t.Errorf("a refunded month: %+v", f)
	}
	a.remote.RefuseCards(true)
	a.remote.Advance(31 * 24 * time.Hour)
	if f := a.look(); f.Subscription.Status != "past_due" || f.Payment != nil {
		t.Errorf("not renewed: %+v", f)
	}
	a.remote.Cancel(sub, false)
	if f := a.look(); !f.Subscription.CancelAtPeriodEnd {
		t.Errorf("cancelled: %+v", f.Subscription)
	}
	a.remote.Cancel(sub, true)
	if f := a.look(); f.Subscription.Status != "canceled" {
		t.Errorf("ended: %+v", f.Subscription)
	}
}

// S7: neither metadata nor another amount, currency, quantity or price makes us
// give anything: the table decides, and a person is called.
func TestS7Tampering(t *testing.T) {
	item := func(price any, quantity int64) map[string]any {
		return map[string]any{"object": "list", "data": []any{
			map[string]any{"id": "li", "object": "item", "price": price, "quantity": quantity, "amount_total": int64(500), "currency": "usd"}}}
	}
	for name, tamper := range map[string]func(a *account, id string){
		"amount":   func(a *account, id string) { a.remote.Tamper(id, "amount_total", int64(1)) },
		"currency": func(a *account, id string) { a.remote.Tamper(id, "currency", "idr") },
		"more of it": func(a *account, id string) {
			a.remote.Tamper(id, "line_items", item(a.remote.Get(a.remote.Ids("price")[0]), 2))
		},
		"another price": func(a *account, id string) {
			a.remote.Tamper(id, "line_items", item(map[string]any{"id": "price_cheap", "object": "price", "unit_amount": int64(500), "currency": "usd"}, 1))
		},
		"Pro's price in a pack": func(a *account, id string) {
			a.remote.Tamper(id, "line_items", item(a.remote.Get(a.remote.Ids("price")[1]), 1))
		},
		"nothing": func(a *account, id string) {
			a.remote.Tamper(id, "line_items", map[string]any{"object": "list", "data": []any{}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t)
			id := a.order(PriceMinutes120, "1")
			tamper(a, id)
			a.pay(id)
			if f := a.look(); f.Payment != nil || !errors.Is(f.Refused, ErrMismatch) {
				t.Errorf("%+v", f)
			}
		})
	}
	t.Run("metadata", func(t *testing.T) {
		a := newAccount(t)
		id := a.order(PriceMinutes120, "1")
		a.remote.Tamper(id, "metadata", map[string]any{"minutes": "1000000", "user_id": "somebody"})
		a.pay(id)
		if f := a.look(); f.Payment == nil || f.Payment.Minutes != 120 || f.Reference != "user-1" {
			t.Errorf("%+v", f)
		}
	})
	t.Run("a subscription to something else", func(t *testing.T) {
		a := newAccount(t)
		a.pay(a.order(PriceProMonthly, "1"))
		a.remote.Tamper(a.look().Subscription.ID, "items", item(map[string]any{"id": "price_x", "object": "price", "unit_amount": int64(1), "currency": "usd"}, 1))
		if f := a.look(); f.Subscription != nil || f.Payment != nil || !errors.Is(f.Refused, ErrMismatch) {
			t.Errorf("%+v", f)
		}
	})
}

// Minutes go in the share of the money, in the person's favour, and all with all.
func TestTakenBack(t *testing.T) {
	for _, c := range []struct {
		lost int64
		want int
	}{{0, 0}, {1, 0}, {4, 0}, {5, 1}, {250, 60}, {499, 119}, {500, 120}, {501, 120}, {-1, 0}} {
		if got := TakenBack(120, 500, c.lost); got != c.want {
			t.Errorf("%d cents take %d minutes, want %d", c.lost, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		minutes, amount := rapid.IntRange(0, 10_000).Draw(t, "minutes"), rapid.Int64Range(0, 1_000_000).Draw(t, "amount")
		a, more := rapid.Int64Range(-10, 1_000_000).Draw(t, "lost"), rapid.Int64Range(0, 1000).Draw(t, "more")
		if x, y := TakenBack(minutes, amount, a), TakenBack(minutes, amount, a+more); x < 0 || x > y || y > minutes {
			t.Fatalf("%d, then %d of %d", x, y, minutes)
		}
	})
}

// S3: reconciliation finds what webhooks would have told.
func TestS3Recent(t *testing.T) {
	a := newAccount(t)
	pack := a.order(PriceMinutes120, "1")
	a.pay(pack)
	a.remote.Refund(a.look().Payment.IntentID, 250)
	plan := a.order(PriceProMonthly, "2")
	a.pay(plan)
	a.order(PriceMinutes120, "3") // never paid
	var payments, subscriptions, losses int
	seen := map[string]bool{}
	err := a.Recent(t.Context(), time.Now().Add(-time.Hour), sentAt, func(f Facts) error {
		if f.Payment != nil {
			seen[f.Payment.CheckoutID], payments = true, payments+1
		}
		if f.Subscription != nil {
			subscriptions++
		}
		if f.Loss != nil && f.Loss.Cents > 0 {
			losses++
		}
		return nil
	})
	if err != nil || !seen[pack] || !seen[plan] || subscriptions == 0 || losses == 0 || payments == 0 {
		t.Errorf("%v, %d payments, %d subscriptions, %d losses, %v", seen, payments, subscriptions, losses, err)
	}
	stop := errors.New("enough")
	if err := a.Recent(t.Context(), time.Now().Add(-time.Hour), sentAt, func(Facts) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("went on: %v", err)
	}
}

// The set-up makes everything once, tells the webhook's secret once, and mends
// what is not right.
func TestSetup(t *testing.T) {
	remote := stripetest.New("http://stripe.test", stripetest.Options{})
	t.Cleanup(remote.Close)
	const hook = "https://copilot.test/webhook"
	first, err := at(remote).Setup(t.Context(), hook)
	if err != nil || len(first.Made) != 6 || first.Secret == "" || first.Endpoint == "" || len(first.Prices) != 2 || first.Portal == "" {
		t.Fatalf("%+v, %v", first, err)
	}
	again, err := at(remote).Setup(t.Context(), hook)
	if err != nil || len(again.Made) != 0 || again.Secret != "" || again.Endpoint != first.Endpoint || again.Portal != first.Portal ||
		again.Prices[PriceMinutes120] != first.Prices[PriceMinutes120] {
		t.Fatalf("%+v, %v", again, err)
	}
	remote.Tamper(first.Prices[PriceMinutes120], "unit_amount", int64(400)) // last year's price
	remote.Tamper(first.Endpoint, "enabled_events", []any{"invoice.paid"})
	third, err := at(remote).Setup(t.Context(), hook)
	if err != nil || len(third.Made) != 1 || third.Prices[PriceMinutes120] == first.Prices[PriceMinutes120] || third.Endpoint != first.Endpoint {
		t.Fatalf("%+v, %v", third, err)
	}
	if n := len(remote.Get(first.Endpoint)["enabled_events"].([]any)); n != len(EventTypes()) {
		t.Errorf("%d events are sent", n)
	}
}

// What Stripe refuses is told without the key, and an account that is not set
// up is named as such.
func TestStripeErrors(t *testing.T) {
	remote := stripetest.New("http://stripe.test", stripetest.Options{})
	t.Cleanup(remote.Close)
	if _, err := at(remote).Checkout(t.Context(), Order{Price: PriceMinutes120}); !errors.Is(err, ErrNothingForSale) {
		t.Errorf("nothing is set up: %v", err)
	}
	wrong := New(Options{Key: "sk_test_canary1234", URL: remote.URL, HTTP: remote.Client()})
	_, err := wrong.NewCustomer(t.Context(), "u", "")
	e, ok := errors.AsType[*StripeError](err)
	if !ok || e.Status != http.StatusUnauthorized || strings.Contains(err.Error(), "1234") {
		t.Errorf("%v", err)
	}
	if _, err := at(remote).Portal(t.Context(), "cus_none"); err == nil {
		t.Error("a portal for nobody")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := at(remote).NewCustomer(ctx, "u", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
