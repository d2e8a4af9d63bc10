package server

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
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
