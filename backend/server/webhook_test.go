package server

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"copilot/backend/api"
	"copilot/backend/supabase"
	"copilot/billing"
	"copilot/billing/stripetest"
)

// S1: the same event three times, also at the same moment, is one grant.
func TestS1Duplicates(t *testing.T) {
	s := newShop(t)
	c, user := s.client(0)
	id := s.order(c, api.Minutes120)
	s.pay(id)
	e := s.stripe.Events()[0]
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if code := s.send(e); code != http.StatusOK {
				t.Errorf("%d", code)
			}
		})
	}
	all.Wait()
	if a := s.account(user); a.MinutesLeft != 120 {
		t.Errorf("%d minutes", a.MinutesLeft)
	}
	if n := s.metric(`copilot_webhooks_total{outcome="duplicate",type="checkout.session.completed"}`); n != 7 {
		t.Errorf("%v duplicates counted", n)
	}
	asked := len(s.stripe.Requests())
	if code := s.send(e); code != http.StatusOK || len(s.stripe.Requests()) != asked {
		t.Errorf("a late duplicate: %d, and Stripe was asked %d times", code, len(s.stripe.Requests())-asked)
	}
}

// S2: news of a refund before news of the payment, and of the expiry after it.
func TestS2OutOfOrder(t *testing.T) {
	s := newShop(t)
	c, user := s.client(0)
	id := s.order(c, api.Minutes120)
	s.pay(id)
	s.stripe.Refund(s.intent(id), 0)
	events := s.stripe.Events()
	for i := len(events) - 1; i >= 0; i-- {
		s.send(events[i])
	}
	if a := s.account(user); a.MinutesLeft != 0 || a.DebtMinutes != 0 {
		t.Errorf("%+v", a)
	}
	second := s.order(c, api.Minutes120)
	s.pay(second)
	s.sendAll()
	expired := stripetest.Event{Type: "checkout.session.expired", Body: fmt.Appendf(nil,
		`{"id":"evt_x","object":"event","type":"checkout.session.expired","created":1,"data":{"object":{"id":%q}}}`, second)}
	if code := s.send(expired); code != http.StatusOK {
		t.Errorf("%d", code)
	}
	if a := s.account(user); a.MinutesLeft != 120 {
		t.Errorf("%d minutes", a.MinutesLeft)
	}
}

// S2: two instances that asked Stripe at different times and save in the wrong
// order keep what was asked last.
func TestS2StaleNewsLoses(t *testing.T) {
	s := newShop(t)
	c, user := s.client(0)
	id := s.order(c, api.ProMonthly)
	s.pay(id)
	s.sendAll()
	sub := s.stripe.Get(id)["subscription"].(string)
	asOf, _, err := s.pool.EventClock(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	ask := func(after time.Duration) billing.Facts {
		events := s.stripe.Events()
		e, err := s.seller(hookSecret).Verify(events[len(events)-1].Body, stripetest.Signature(events[len(events)-1].Body, time.Now(), hookSecret), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		f, err := s.Server.stripe.Look(t.Context(), e, asOf.Add(after))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	s.stripe.Cancel(sub, false)
	early := ask(time.Second)
	s.stripe.Cancel(sub, true)
	late := ask(2 * time.Second)
	for _, f := range []billing.Facts{late, early, late, early} {
		if _, err := s.book(t.Context(), billing.Event{}, f); err != nil {
			t.Fatal(err)
		}
		if a := s.account(user); a.Plan != billing.PlanMinutes || a.Status != "canceled" {
			t.Errorf("%+v", a)
		}
	}
}

// S3: an event of three days ago still counts, and where none ever came, the
// reconciliation finds what is missing, once.
func TestS3LateAndLost(t *testing.T) {
	s := newShop(t)
	c, user := s.client(0)
	late := s.order(c, api.Minutes120)
	s.pay(late)
	e := s.stripe.Events()[0]
	s.stripe.Advance(72 * time.Hour)
	if code := s.send(e); code != http.StatusOK {
		t.Errorf("%d", code)
	}
	lost := s.order(c, api.Minutes120)
	s.pay(lost)
	s.stripe.Refund(s.intent(late), 250)
	pro := s.order(c, api.ProMonthly)
	s.pay(pro)
	healed, err := s.ReconcilePayments(t.Context(), reconcileLast)
	if err != nil || healed < 3 {
		t.Errorf("%d healed, %v", healed, err)
	}
	if a := s.account(user); a.MinutesLeft != 180 || a.Plan != billing.PlanPro {
		t.Errorf("%+v", a)
	}
	if healed, err := s.ReconcilePayments(t.Context(), reconcileLast); err != nil || healed != 0 {
		t.Errorf("the second time: %d healed, %v", healed, err)
	}
	s.sendAll() // the webhooks come after all
	if a := s.account(user); a.MinutesLeft != 180 {
		t.Errorf("%d minutes", a.MinutesLeft)
	}
	// One payment that contradicts the books does not hold up the others.
	if _, err := s.db.Super(t).Exec(t.Context(), "update private.payments set price = 'another' where id = $1", late); err != nil {
		t.Fatal(err)
	}
	s.clock.Advance(time.Minute)
	next := s.order(c, api.Minutes120)
	s.pay(next)
	if healed, err := s.ReconcilePayments(t.Context(), reconcileLast); err != nil || healed != 1 || !strings.Contains(s.logs.String(), "contradicts") {
		t.Errorf("past a contradiction: %d healed, %v", healed, err)
	}
	s.stripe.Fail(-1)
	if _, err := s.ReconcilePayments(t.Context(), reconcileLast); err == nil {
		t.Error("Stripe is away, and nothing is said")
	}
}

// S3: while Stripe or the database is away, a webhook is not acknowledged, and
// the retry does it.
func TestS3Away(t *testing.T) {
	s := newShop(t)
	c, user := s.client(0)
	id := s.order(c, api.Minutes120)
	s.pay(id)
	e := s.stripe.Events()[0]
	s.stripe.Fail(1)
	if code := s.send(e); code != http.StatusServiceUnavailable {
		t.Errorf("%d", code)
	}
	if code := s.send(e); code != http.StatusOK {
		t.Errorf("%d", code)
	}
	if a := s.account(user); a.MinutesLeft != 120 {
		t.Errorf("%d minutes", a.MinutesLeft)
	}
}

// S4: over HTTP, what is not signed is refused, and no more than 1 MiB is read.
func TestS4Unsigned(t *testing.T) {
	s := newShop(t)
	body := []byte(`{"id":"evt_1","object":"event","type":"invoice.paid","data":{"object":{"id":"in_1"}}}`)
	big := bytes.Repeat([]byte(" "), maxWebhook+1)
	for name, c := range map[string]struct {
		body   []byte
		header string
		want   int
	}{
		"no header":    {body, "", http.StatusBadRequest},
		"wrong secret": {body, stripetest.Signature(body, time.Now(), "whsec_wrong"), http.StatusBadRequest},
		"stale":        {body, stripetest.Signature(body, time.Now().Add(-6*time.Minute), hookSecret), http.StatusBadRequest},
		"future":       {body, stripetest.Signature(body, time.Now().Add(6*time.Minute), hookSecret), http.StatusBadRequest},
		"too long":     {big, stripetest.Signature(big, time.Now(), hookSecret), http.StatusRequestEntityTooLarge},
		"no event":     {[]byte(`{}`), stripetest.Signature([]byte(`{}`), time.Now(), hookSecret), http.StatusBadRequest},
	} {
		read := &counted{Reader: bytes.NewReader(append(c.body, bytes.Repeat([]byte(" "), 4<<20)...))}
		r := httptest.NewRequest(http.MethodPost, api.PathWebhook, read)
		if name != "too long" {
			read.Reader = bytes.NewReader(c.body)
		}
		if c.header != "" {
			r.Header.Set("Stripe-Signature", c.header)
		}
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s: %d, want %d", name, w.Code, c.want)
		}
		if read.n > maxWebhook+1 {
			t.Errorf("%s: %d bytes were read", name, read.n)
		}
	}
	for _, unknown := range []string{"customer.created", "something.new"} {
		e := stripetest.Event{Body: fmt.Appendf(nil, `{"id":"evt_2","object":"event","type":%q,"data":{"object":{"id":"x"}}}`, unknown)}
		if code := s.send(e); code != http.StatusOK {
			t.Errorf("%s: %d", unknown, code)
		}
	}
	if n := s.metric(`copilot_webhooks_total{outcome="foreign",type="other"}`); n != 2 {
		t.Errorf("%v unknown events counted", n)
	}
}

type counted struct {
	io.Reader
	n int
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += n
	return n, err
}

// S5: a commit whose answer was lost is a retry that does nothing; what was not
// committed is never acknowledged.
func TestS5Crash(t *testing.T) {
	s := newShop(t)
	c, user := s.client(0)
	stores := failpoints(t, s.rig)
	for i, step := range []string{"before the commit", "after the commit"} {
		id := s.order(c, api.Minutes120)
		s.pay(id)
		e := s.stripe.Events()[i]
		crashing, err := New(Options{Store: stores[step], Groq: s.groq, Deepgram: s.deepgram, Stripe: s.seller(hookSecret), Instance: step, Issuer: "x"})
		if err != nil {
			t.Fatal(err)
		}
		if code := s.sendTo(crashing.Handler(), e); code == http.StatusOK {
			t.Errorf("%s: acknowledged", step)
		}
		if a, want := s.account(user), 120+120*i; step == "after the commit" && a.MinutesLeft != want || step == "before the commit" && a.MinutesLeft != 0 {
			t.Errorf("%s: %d minutes", step, a.MinutesLeft)
		}
		if code := s.send(e); code != http.StatusOK {
			t.Errorf("%s: the retry: %d", step, code)
		}
		if a := s.account(user); a.MinutesLeft != 120*(i+1) {
			t.Errorf("%s, retried: %d minutes", step, a.MinutesLeft)
		}
	}
}

// S6: a payment that fails days later gives nothing. What is refunded or
// disputed is taken back, what was used already is a debt, and the next
// purchase settles it first.
func TestS6ClawBack(t *testing.T) {
	s := newShop(t)
	c, user := s.client(0)
	failed := s.order(c, api.Minutes120)
	if err := s.stripe.PayLater(failed); err != nil {
		t.Fatal(err)
	}
	s.stripe.Settle(failed, false)
	s.sendAll()
	if a := s.account(user); a.MinutesLeft != 0 || a.DebtMinutes != 0 {
		t.Fatalf("after a payment that failed: %+v", a)
	}
	if st := s.status(failed); st.Paid {
		t.Error("it is shown as paid")
	}
	s.clock.Advance(time.Minute) // the next click is another one

	id := s.order(c, api.Minutes120)
	s.pay(id)
	s.sendAll()
	if _, err := s.pool.Post(t.Context(), supabase.Posting{UserID: user, Kind: billing.Adjustment, Minutes: -100, Key: "used"}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name          string
		do            func()
		balance, debt int
	}{
		{"a tenth is refunded", func() { s.stripe.Refund(s.intent(id), 50) }, 8, 0},
		{"the rest is", func() { s.stripe.Refund(s.intent(id), 0) }, 0, 100},
		{"a new purchase", func() { s.pay(s.order(c, api.Minutes120)) }, 20, 0},
	} {
		step.do()
		s.sendAll()
		if a := s.account(user); a.MinutesLeft != step.balance || a.DebtMinutes != step.debt {
			t.Errorf("%s: balance %d, debt %d", step.name, a.MinutesLeft, a.DebtMinutes)
		}
	}
	ids := s.stripe.Ids("checkout.session")
	dispute := s.stripe.Dispute(s.intent(ids[len(ids)-1]), 0)
	s.sendAll()
	if a := s.account(user); a.MinutesLeft != 0 || a.DebtMinutes != 100 {
		t.Errorf("disputed: %+v", a)
	}
	s.stripe.CloseDispute(dispute, true)
	s.sendAll()
	if a := s.account(user); a.MinutesLeft != 20 || a.DebtMinutes != 0 {
		t.Errorf("won: %+v", a)
	}
	r, err := c.Receipts(t.Context(), time.Time{})
	for _, e := range r.Receipts {
		if want := map[bool]int64{true: 500}[e.ID == id]; e.RefundedCents != want {
			t.Errorf("%+v", e)
		}
	}
	if err != nil || len(r.Receipts) != 2 {
		t.Errorf("%+v, %v", r, err)
	}
}

// S7: a payment that is not what we sell grants nothing and raises an alarm;
// nor does one that names another person than its customer is.
func TestS7Alarm(t *testing.T) {
	s := newShop(t)
	c, user := s.client(0)
	_, other := s.client(0)
	for field, value := range map[string]any{"amount_total": int64(1), "currency": "jpy", "client_reference_id": other} {
		id := s.order(c, api.Minutes120)
		s.stripe.Tamper(id, field, value)
		s.pay(id)
		events := s.stripe.Events()
		before := strings.Count(s.logs.String(), "needs a person to look")
		if code := s.send(events[len(events)-1]); code != http.StatusOK { // it would not help to send it again
			t.Errorf("%s: %d", field, code)
		}
		if strings.Count(s.logs.String(), "needs a person to look") != before+1 {
			t.Errorf("%s: no alarm", field)
		}
		if _, err := s.db.Super(t).Exec(t.Context(), "delete from private.checkout_attempts"); err != nil { // the next click is another
			t.Fatal(err)
		}
	}
	if a, b := s.account(user), s.account(other); a.MinutesLeft+b.MinutesLeft != 0 {
		t.Errorf("%d and %d minutes", a.MinutesLeft, b.MinutesLeft)
	}
	if n := s.metric(`copilot_webhooks_total{outcome="mismatch",type="checkout.session.completed"}`); n != 3 {
		t.Errorf("%v mismatches counted", n)
	}
}
