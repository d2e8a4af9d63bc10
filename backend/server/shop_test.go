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
