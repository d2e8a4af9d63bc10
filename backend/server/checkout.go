package server

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"time"

	"copilot/backend/api"
	"copilot/backend/supabase"
	"copilot/billing"
)

// Seller is Stripe.
type Seller interface {
	NewCustomer(ctx context.Context, user, email string) (id string, err error)
	Checkout(ctx context.Context, o billing.Order) (url string, err error)
	Portal(ctx context.Context, customer string) (url string, err error)
	Verify(body []byte, header string, now time.Time) (billing.Event, error)
	Look(ctx context.Context, e billing.Event, asOf time.Time) (billing.Facts, error)
	Recent(ctx context.Context, since, asOf time.Time, save func(billing.Facts) error) error
}

// Till is the store's part in selling.
type Till interface {
	EventClock(ctx context.Context, event string) (asOf time.Time, handled bool, err error)
	Book(ctx context.Context, e billing.Event, f billing.Facts) (supabase.Outcome, error)
	SetCustomer(ctx context.Context, user, customer string) (string, error)
	CheckoutAttempt(ctx context.Context, user, price string) (string, error)
	CheckoutState(ctx context.Context, checkout string) (supabase.CheckoutState, error)
	Payments(ctx context.Context, user string, before time.Time, limit int) ([]supabase.Payment, error)
	Sessions(ctx context.Context, user string, before time.Time, limit int) ([]supabase.Receipt, error)
}

// sellLimit is how long a request may wait for Stripe and the store together:
// the client waits for 15 s.
const sellLimit = 12 * time.Second

// startCheckout makes the payment page for what a person wants to buy.
func (s *Server) startCheckout(w http.ResponseWriter, r *http.Request, p person) {
	var req api.CheckoutRequest
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		writeError(w, r, invalid("the body is not a checkout: %v", err))
		return
	}
	product, ok := billing.Lookup(string(req.Price))
	if !ok {
		writeError(w, r, invalid("%.40q is not for sale", req.Price))
		return
	}
	if wait, ok := s.usage.buy(p.ID); !ok {
		writeError(w, r, slowDown(wait))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), sellLimit)
	defer cancel()
	url, err := s.checkoutPage(ctx, p, product)
	s.metrics.checkouts.WithLabelValues(product.Price, outcomeOf(err)).Inc()
	if err != nil {
		writeError(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, api.Page{URL: url})
}

func (s *Server) checkoutPage(ctx context.Context, p person, product billing.Product) (string, error) {
	a, err := stored(s, "account", func() (supabase.Account, error) { return s.store.Account(ctx, p.ID) })
	if err != nil {
		return "", err
	}
	if product.Recurring() && a.Plan == product.Plan {
		return "", refuse(api.AlreadyPro)
	}
	customer := a.CustomerID
	if customer == "" {
		if customer, err = s.stripe.NewCustomer(ctx, p.ID, p.Email); err != nil {
			return "", err
		}
		if customer, err = stored(s, "customer", func() (string, error) { return s.store.SetCustomer(ctx, p.ID, customer) }); err != nil {
			return "", err
		}
	}
	attempt, err := stored(s, "attempt", func() (string, error) { return s.store.CheckoutAttempt(ctx, p.ID, product.Price) })
	if err != nil {
		return "", err
	}
	return s.stripe.Checkout(ctx, billing.Order{UserID: p.ID, Customer: customer, Price: product.Price, Attempt: attempt})
}

func outcomeOf(err error) string {
	switch {
	case err == nil:
		return "ok"
	case apiError(err).Code == api.Unavailable:
		return "failed"
	}
	return "refused"
}

// openPortal makes the page where a person sees invoices and cancels.
func (s *Server) openPortal(w http.ResponseWriter, r *http.Request, p person) {
	if wait, ok := s.usage.buy(p.ID); !ok {
		writeError(w, r, slowDown(wait))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), sellLimit)
	defer cancel()
	a, err := stored(s, "account", func() (supabase.Account, error) { return s.store.Account(ctx, p.ID) })
	if err != nil {
		writeError(w, r, err)
		return
	}
	if a.CustomerID == "" {
		writeError(w, r, &api.Error{Code: api.NotFound, Message: "Nothing was bought yet, so there is nothing to manage."})
		return
	}
	url, err := s.stripe.Portal(ctx, a.CustomerID)
	if err != nil {
		writeError(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, api.Page{URL: url})
}

// checkoutID is the shape of Stripe's ids of checkout sessions: long enough
// that knowing one is a right to ask.
var checkoutID = regexp.MustCompile(`^cs_[A-Za-z0-9_]{20,200}$`)

// showCheckout tells the page a browser returns to whether the payment has
// arrived. Nobody is signed in there: the id is what they know.
func (s *Server) showCheckout(w http.ResponseWriter, r *http.Request) {
	noteOf(r.Context()).quiet = true
	id := r.URL.Query().Get("session_id")
	if !checkoutID.MatchString(id) {
		writeError(w, r, refuse(api.NotFound))
		return
	}
	if wait, ok := s.usage.ask(); !ok {
		writeError(w, r, slowDown(wait))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.patience)
	defer cancel()
	c, err := stored(s, "checkout state", func() (supabase.CheckoutState, error) { return s.store.CheckoutState(ctx, id) })
	if err != nil {
		writeError(w, r, err)
		return
	}
	v := api.CheckoutStatus{Paid: c.Paid, Price: api.Price(c.Price)}
	if c.Fresh {
		v.MinutesLeft, v.Unlimited = &c.MinutesLeft, c.Pro
	}
	writeJSON(w, http.StatusOK, v)
}

const receiptsPage = 100

// showReceipts tells a page of what a person paid and used, newest first.
func (s *Server) showReceipts(w http.ResponseWriter, r *http.Request, p person) {
	var before time.Time
	if v := r.URL.Query().Get("before"); v != "" {
		var err error
		if before, err = time.Parse(time.RFC3339Nano, v); err != nil {
			writeError(w, r, invalid("before is not a time"))
			return
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.patience)
	defer cancel()
	payments, err := stored(s, "payments", func() ([]supabase.Payment, error) { return s.store.Payments(ctx, p.ID, before, receiptsPage) })
	if err != nil {
		writeError(w, r, err)
		return
	}
	sessions, err := stored(s, "sessions", func() ([]supabase.Receipt, error) { return s.store.Sessions(ctx, p.ID, before, receiptsPage) })
	if err != nil {
		writeError(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, receipts(payments, sessions))
}

// receipts merges two lists, each a page at most, into a page.
func receipts(payments []supabase.Payment, sessions []supabase.Receipt) api.Receipts {
	v := api.Receipts{Receipts: []api.Receipt{}}
	for _, p := range payments {
		v.Receipts = append(v.Receipts, api.Receipt{
			Kind: api.ReceiptPayment, ID: p.ID, At: p.PaidAt, Minutes: p.Minutes, Title: p.Title,
			AmountCents: p.AmountCents, RefundedCents: p.LostCents, Currency: p.Currency,
		})
	}
	for _, t := range sessions {
		e := api.Receipt{Kind: api.ReceiptSession, ID: t.SessionID, At: t.StartedAt, Minutes: t.MinutesCharged, Reason: api.Reason(t.End)}
		if !t.EndedAt.IsZero() {
			e.EndedAt = &t.EndedAt
		}
		v.Receipts = append(v.Receipts, e)
	}
	slices.SortStableFunc(v.Receipts, func(a, b api.Receipt) int { return b.At.Compare(a.At) })
	if len(v.Receipts) >= receiptsPage {
		v.Receipts = v.Receipts[:receiptsPage]
		v.Next = &v.Receipts[receiptsPage-1].At
	}
	return v
}

// unsold answers for every route of payment where nothing is sold.
func (s *Server) unsold(w http.ResponseWriter, r *http.Request) {
	writeError(w, r, &api.Error{Code: api.Unavailable, Message: "Nothing is for sale at this server."})
}
