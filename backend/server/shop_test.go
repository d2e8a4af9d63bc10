package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"copilot/backend/api"
	"copilot/backend/supabase"
	"copilot/billing"
	"copilot/billing/stripetest"
)

const hookSecret = "whsec_of_the_tests"

// shop is a backend that sells, with Stripe's stand-in behind it. Webhooks are
// held until a test delivers them, unless it says otherwise.
type shop struct {
	*rig
	stripe  *stripetest.Stripe
	handler http.Handler
}

func newShop(t testing.TB) *shop {
	t.Helper()
	s := &shop{rig: newRig(t)}
	var err error
	if s.stripe, err = stripetest.Start(stripetest.Options{Retry: 20 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stripe.Close)
	s.stripe.Deliver(stripetest.Delivery{Hold: true})
	s.rig.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }), func(*http.Server) {})
	seller := s.seller(hookSecret)
	s.rig.Server.stripe = seller
	s.handler = s.Handler()
	if _, err := seller.Setup(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	s.stripe.Endpoint(s.http.URL+api.PathWebhook, hookSecret)
	return s
}

func (s *shop) seller(secrets ...string) *billing.Stripe {
	return billing.New(billing.Options{
		Key: s.stripe.Key, URL: s.stripe.URL, WebhookSecrets: secrets, PublicURL: s.http.URL, HTTP: s.stripe.Client(),
	})
}

// order clicks on "buy" and returns the payment page's id.
func (s *shop) order(c *api.Client, p api.Price) string {
	s.t.Helper()
	page, err := c.Checkout(s.t.Context(), p)
	if err != nil {
		s.t.Fatal(err)
	}
	id := page.URL[strings.LastIndex(page.URL, "/")+1:]
	if !checkoutID.MatchString(id) {
		s.t.Fatalf("%s is not a payment page", page.URL)
	}
	return id
}

// send delivers an event by hand and returns the status.
func (s *shop) send(e stripetest.Event) int { return s.sendTo(s.handler, e) }

func (s *shop) sendTo(h http.Handler, e stripetest.Event) int {
	r := httptest.NewRequest(http.MethodPost, api.PathWebhook, bytes.NewReader(e.Body))
	r.Header.Set("Stripe-Signature", stripetest.Signature(e.Body, time.Now(), hookSecret))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

// sendAll delivers everything that happened, in order.
func (s *shop) sendAll() {
	s.t.Helper()
	for _, e := range s.stripe.Events() {
		if code := s.send(e); code != http.StatusOK {
			s.t.Fatalf("%s: %d\n%s", e.Type, code, s.logs)
		}
	}
}

func (s *shop) account(user string) supabase.Account {
	s.t.Helper()
	a, err := s.pool.Account(s.t.Context(), user)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// intent is the payment intent of a paid checkout session.
func (s *shop) intent(checkout string) string {
	s.t.Helper()
	id, ok := s.stripe.Get(checkout)["payment_intent"].(string)
	if !ok {
		s.t.Fatalf("%s has no payment", checkout)
	}
	return id
}

// From the click to the minutes, and what the person and the browser are told.
func TestPurchase(t *testing.T) {
	s := newShop(t)
	c, user := s.client(0)
	id := s.order(c, api.Minutes120)
	if st := s.status(id); st.Paid || st.MinutesLeft != nil {
		t.Errorf("before it is paid: %+v", st)
	}
	if err := s.stripe.Pay(id); err != nil {
		t.Fatal(err)
	}
	if a := s.account(user); a.MinutesLeft != 0 {
		t.Errorf("%d minutes before the webhook", a.MinutesLeft)
	}
	s.sendAll()
	if a := s.account(user); a.MinutesLeft != 120 || a.Plan != billing.PlanMinutes {
		t.Errorf("%+v", a)
	}
	if st := s.status(id); !st.Paid || st.MinutesLeft == nil || *st.MinutesLeft != 120 || st.Unlimited || st.Price != api.Minutes120 {
		t.Errorf("after: %+v", st)
	}
	l, err := c.Ledger(t.Context(), 0)
	if err != nil || len(l.Entries) != 1 || l.Entries[0].Kind != "purchase" || l.Entries[0].Minutes != 120 {
		t.Errorf("%+v, %v", l, err)
	}
	r, err := c.Receipts(t.Context(), time.Time{})
	if err != nil || len(r.Receipts) != 1 || r.Next != nil {
		t.Fatalf("%+v, %v", r, err)
	}
	if p := r.Receipts[0]; p.Kind != api.ReceiptPayment || p.AmountCents != 500 || p.Currency != "usd" || p.Minutes != 120 || p.Title == "" {
		t.Errorf("%+v", p)
	}
	// The next click is another purchase, at once.
	if again := s.order(c, api.Minutes120); again == id {
		t.Error("the paid page is offered again")
	}
}

func (s *shop) status(id string) api.CheckoutStatus {
	s.t.Helper()
	var v api.CheckoutStatus
	resp, err := http.Get(s.http.URL + api.PathCheckoutStatus + "?session_id=" + id)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		s.t.Fatalf("status of %s: %d", id, resp.StatusCode)
	}
	readJSON(s.t, resp, &v)
	return v
}

func readJSON(t testing.TB, resp *http.Response, v any) {
	t.Helper()
	if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
		t.Fatal(err)
	}
}

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

func (s *shop) pay(id string) {
	s.t.Helper()
	if err := s.stripe.Pay(id); err != nil {
		s.t.Fatal(err)
	}
}

// metric reads one from the page that Prometheus reads.
func (s *shop) metric(name string) float64 {
	s.t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.RemoteAddr = "127.0.0.1:1"
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	for line := range strings.SplitSeq(w.Body.String(), "\n") {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseFloat(v, 64)
			if err != nil {
				s.t.Fatal(err)
			}
			return n
		}
	}
	return 0
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

// S8: clicking twice, and twenty times at once, is one payment page; another
// minute or another price is another.
func TestS8DoubleClick(t *testing.T) {
	s := newShop(t)
	c, _ := s.client(0)
	pages := make([]string, 8)
	var all sync.WaitGroup
	for i := range pages {
		all.Go(func() {
			p, err := c.Checkout(t.Context(), api.Minutes120)
			if err != nil {
				t.Error(err)
			}
			pages[i] = p.URL
		})
	}
	all.Wait()
	slices.Sort(pages)
	if pages = slices.Compact(pages); len(pages) != 1 {
		t.Errorf("%d pages: %v", len(pages), pages)
	}
	if n := len(s.stripe.Ids("customer")); n != 1 {
		t.Errorf("%d customers", n)
	}
	pro := s.order(c, api.ProMonthly)
	s.clock.Advance(31 * time.Second)
	if later := s.order(c, api.ProMonthly); later == pro {
		t.Error("the page of half a minute ago")
	}
	for range 9 {
		_, _ = c.Checkout(t.Context(), api.Minutes120)
	}
	if _, err := c.Checkout(t.Context(), api.Minutes120); !isCode(err, api.SlowDown) {
		t.Errorf("more than %d pages a minute: %v", buysAMinute, err)
	}
}

func isCode(err error, code api.Code) bool {
	e, ok := errors.AsType[*api.Error](err)
	return ok && e.Code == code
}

// Pro, once paid, is not sold a second time; the portal is for who has bought.
func TestProIsBoughtOnce(t *testing.T) {
	s := newShop(t)
	c, user := s.client(0)
	if _, err := c.Portal(t.Context()); !isCode(err, api.NotFound) {
		t.Errorf("a portal before anything was bought: %v", err)
	}
	if _, err := c.Checkout(t.Context(), "minutes_1000000"); !isCode(err, api.Invalid) {
		t.Errorf("%v", err)
	}
	id := s.order(c, api.ProMonthly)
	s.pay(id)
	s.sendAll()
	if a, err := c.Account(t.Context()); err != nil || !a.Unlimited || a.Plan != "pro" || a.RenewsAt == nil {
		t.Errorf("%+v, %v", a, err)
	}
	if st := s.status(id); !st.Paid || !st.Unlimited || st.Price != api.ProMonthly {
		t.Errorf("%+v", st)
	}
	if _, err := c.Checkout(t.Context(), api.ProMonthly); !isCode(err, api.AlreadyPro) {
		t.Errorf("sold twice: %v", err)
	}
	if p, err := c.Portal(t.Context()); err != nil || !strings.Contains(p.URL, "/p/session/") {
		t.Errorf("%+v, %v", p, err)
	}
	s.stripe.Cancel(s.stripe.Get(id)["subscription"].(string), false)
	s.sendAll()
	if a, err := c.Account(t.Context()); err != nil || !a.Unlimited || a.EndsAt == nil {
		t.Errorf("cancelled: %+v, %v", a, err)
	}
	s.stripe.Advance(32 * 24 * time.Hour)
	s.clock.Advance(32 * 24 * time.Hour)
	s.sendAll()
	if a := s.account(user); a.Plan != billing.PlanMinutes {
		t.Errorf("after the period: %+v", a)
	}
}

// The status of a payment page says nothing to who does not know its id, and
// nothing of the account an hour later.
func TestCheckoutStatusLeaksNothing(t *testing.T) {
	s := newShop(t)
	c, _ := s.client(0)
	id := s.order(c, api.Minutes120)
	s.pay(id)
	s.sendAll()
	for _, guess := range []string{"", "cs_1", "pi_0123456789012345678901234", "cs_test_' or true --012345678901234567890", id + "%00"} {
		resp, err := http.Get(s.http.URL + api.PathCheckoutStatus + "?session_id=" + url.QueryEscape(guess))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("%q: %d", guess, resp.StatusCode)
		}
	}
	if st := s.status("cs_test_0123456789012345678901234567"); st.Paid || st.MinutesLeft != nil || st.Price != "" {
		t.Errorf("an id nobody has: %+v", st)
	}
	s.clock.Advance(61 * time.Minute)
	if st := s.status(id); !st.Paid || st.MinutesLeft != nil {
		t.Errorf("an hour later: %+v", st)
	}
}

// Where nothing is sold, the routes say so, and the rest works.
func TestNothingForSale(t *testing.T) {
	r := newRig(t)
	c, _ := r.client(0)
	if _, err := c.Checkout(t.Context(), api.Minutes120); !isCode(err, api.Unavailable) {
		t.Errorf("%v", err)
	}
	resp, err := http.Post(r.http.URL+api.PathWebhook, "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable { // so that Stripe keeps the event
		t.Errorf("%d", resp.StatusCode)
	}
}

// The pages load nothing from elsewhere, and their address is told to nobody.
func TestPages(t *testing.T) {
	r := newRig(t)
	for path, kind := range map[string]string{
		api.PathCheckoutDone: "text/html", api.PathCheckoutCancelled: "text/html", api.PathPortalDone: "text/html",
		"/checkout/style.css": "text/css", "/checkout/done.js": "text/javascript", "/checkout/app.svg": "image/svg+xml",
	} {
		resp, err := http.Get(r.http.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		h := resp.Header
		if resp.StatusCode != http.StatusOK || !strings.HasPrefix(h.Get("Content-Type"), kind) || h.Get("Content-Security-Policy") != pagePolicy ||
			h.Get("Referrer-Policy") != "no-referrer" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", path, resp.StatusCode, h)
		}
		if strings.Contains(strings.ReplaceAll(string(b), "http://www.w3.org/2000/svg", ""), "//") && kind == "text/html" || strings.Contains(string(b), "style=") {
			t.Errorf("%s loads something from elsewhere, or has style of its own", path)
		}
	}
}

// Receipts hold payments and sessions in order of time, page by page.
func TestReceiptPages(t *testing.T) {
	at := func(i int) time.Time { return time.Unix(int64(1_000_000-i), 0) }
	var payments []supabase.Payment
	var sessions []supabase.Receipt
	for i := range 90 {
		payments = append(payments, supabase.Payment{Payment: billing.Payment{ID: fmt.Sprint("p", i), PaidAt: at(2 * i)}})
		sessions = append(sessions, supabase.Receipt{SessionID: fmt.Sprint("s", i), StartedAt: at(2*i + 1), EndedAt: at(2 * i)})
	}
	v := receipts(payments, sessions)
	if len(v.Receipts) != receiptsPage || v.Receipts[0].ID != "p0" || v.Receipts[1].ID != "s0" || v.Next == nil || !v.Next.Equal(v.Receipts[99].At) {
		t.Errorf("%d receipts, next %v", len(v.Receipts), v.Next)
	}
	if v := receipts(payments[:2], nil); len(v.Receipts) != 2 || v.Next != nil {
		t.Errorf("%+v", v)
	}
	if v := receipts(nil, nil); v.Receipts == nil {
		t.Error("no receipts are null")
	}
}
