package billing

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/stripe/stripe-go/v76"
	portalconfig "github.com/stripe/stripe-go/v76/billingportal/configuration"
	portal "github.com/stripe/stripe-go/v76/billingportal/session"
	checkout "github.com/stripe/stripe-go/v76/checkout/session"
	"github.com/stripe/stripe-go/v76/customer"
	"github.com/stripe/stripe-go/v76/price"
)

// APIVersion is the version of Stripe's API that this package speaks, and the
// one that webhook endpoints are made with.
const APIVersion = stripe.APIVersion

// ErrNothingForSale: the account at Stripe has no price for the product. Run
// the set-up, or name the price in the environment.
var ErrNothingForSale = errors.New("stripe has no price for this product")

// Options of Stripe. Key is required.
type Options struct {
	Key string // secret key, of test or live mode
	URL string // empty: Stripe itself
	// WebhookSecrets sign the webhooks; several while one is being replaced.
	WebhookSecrets []string
	// PriceIDs are Stripe's ids of our prices, by our name. One that is not
	// here is found by its lookup key, which is our name.
	PriceIDs map[string]string
	// PublicURL is where people's browsers reach the backend: Stripe sends
	// them back to its pages.
	PublicURL string
	HTTP      *http.Client // nil: one with a time limit
}

// Stripe is an account at Stripe. Its methods may be called concurrently; each
// makes a few requests, tried again twice when Stripe is away for a moment, and
// gives up with its ctx.
type Stripe struct {
	key       string
	backend   stripe.Backend
	secrets   []string
	publicURL string

	mu           sync.Mutex
	prices       map[string]string // Stripe's id by our name
	portalConfig string            // empty: not known yet
}

// New returns a client that has not asked anything yet. It keeps its key to
// itself: stripe-go's global one is not touched.
func New(o Options) *Stripe {
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: 10 * time.Second}
	}
	config := &stripe.BackendConfig{
		EnableTelemetry: stripe.Bool(false), HTTPClient: o.HTTP, MaxNetworkRetries: stripe.Int64(2),
		LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
	}
	if o.URL != "" {
		config.URL = stripe.String(o.URL)
	}
	s := &Stripe{
		key: o.Key, backend: stripe.GetBackendWithConfig(stripe.APIBackend, config),
		secrets: o.WebhookSecrets, publicURL: strings.TrimRight(o.PublicURL, "/"), prices: map[string]string{},
	}
	for name, id := range o.PriceIDs {
		if id != "" {
			s.prices[name] = id
		}
	}
	return s
}

// NewCustomer makes somebody a customer at Stripe. For one person it makes one,
// however often it is asked within a day: remember the first.
func (s *Stripe) NewCustomer(ctx context.Context, user, email string) (id string, err error) {
	p := &stripe.CustomerParams{Metadata: map[string]string{"user_id": user}}
	p.Context = ctx
	if email != "" {
		p.Email = &email
	}
	p.SetIdempotencyKey("customer:" + user)
	c, err := customer.Client{B: s.backend, Key: s.key}.New(p)
	if err != nil {
		return "", failed("make a customer", err)
	}
	return c.ID, nil
}

// Order is what somebody wants to buy.
type Order struct {
	UserID   string
	Customer string // Stripe's
	Price    string // of the catalog
	Attempt  string // the same for a second click on the same button: one page
}

// Checkout returns the address of Stripe's page where the order can be paid.
// Paying sends the browser back to our page for it.
func (s *Stripe) Checkout(ctx context.Context, o Order) (url string, err error) {
	product, ok := Lookup(o.Price)
	if !ok {
		return "", fmt.Errorf("checkout: %q is not for sale", o.Price)
	}
	id, err := s.priceID(ctx, product.Price)
	if err != nil {
		return "", err
	}
	mode := stripe.CheckoutSessionModePayment
	if product.Recurring() {
		mode = stripe.CheckoutSessionModeSubscription
	}
	p := &stripe.CheckoutSessionParams{
		Mode: stripe.String(string(mode)), Customer: &o.Customer, ClientReferenceID: &o.UserID,
		LineItems:  []*stripe.CheckoutSessionLineItemParams{{Price: &id, Quantity: stripe.Int64(1)}},
		SuccessURL: stripe.String(s.publicURL + "/checkout/done?session_id={CHECKOUT_SESSION_ID}"),
		CancelURL:  stripe.String(s.publicURL + "/checkout/cancelled"),
	}
	p.Context = ctx
	p.SetIdempotencyKey("checkout:" + o.Attempt)
	session, err := checkout.Client{B: s.backend, Key: s.key}.New(p)
	if err != nil {
		return "", failed("make a checkout session", err)
	}
	return session.URL, nil
}

// Portal returns the address of Stripe's page where a customer sees invoices,
// changes the card, and cancels.
func (s *Stripe) Portal(ctx context.Context, customer string) (url string, err error) {
	p := &stripe.BillingPortalSessionParams{Customer: &customer, ReturnURL: stripe.String(s.publicURL + "/checkout/portal")}
	p.Context = ctx
	config, err := s.portalConfiguration(ctx)
	if err != nil {
		return "", err
	}
	if config != "" {
		p.Configuration = &config
	}
	session, err := portal.Client{B: s.backend, Key: s.key}.New(p)
	if err != nil {
		return "", failed("open the portal", err)
	}
	return session.URL, nil
}

// priceID is Stripe's id of a price of ours, asked for once.
func (s *Stripe) priceID(ctx context.Context, name string) (string, error) {
	s.mu.Lock()
	id := s.prices[name]
	s.mu.Unlock()
	if id != "" {
		return id, nil
	}
	p, err := s.priceByKey(ctx, name)
	if err != nil {
		return "", err
	}
	if p == nil {
		return "", fmt.Errorf("%s: %w", name, ErrNothingForSale)
	}
	s.mu.Lock()
	s.prices[name] = p.ID
	s.mu.Unlock()
	return p.ID, nil
}

// priceByKey finds the active price with a lookup key; nil: there is none.
func (s *Stripe) priceByKey(ctx context.Context, name string) (*stripe.Price, error) {
	p := &stripe.PriceListParams{LookupKeys: []*string{&name}, Active: stripe.Bool(true)}
	p.Context, p.Single = ctx, true
	i := price.Client{B: s.backend, Key: s.key}.List(p)
	if i.Next() {
		return i.Price(), nil
	}
	return nil, failed("look a price up", i.Err())
}

// ours marks the portal configuration that the set-up makes.
const ours = "interview_copilot"

// portalConfiguration finds the configuration that the set-up made; without one
// the account's default is used.
func (s *Stripe) portalConfiguration(ctx context.Context) (string, error) {
	s.mu.Lock()
	id := s.portalConfig
	s.mu.Unlock()
	if id != "" {
		return id, nil
	}
	p := &stripe.BillingPortalConfigurationListParams{Active: stripe.Bool(true)}
	p.Context, p.Limit = ctx, stripe.Int64(100)
	i := portalconfig.Client{B: s.backend, Key: s.key}.List(p)
	for i.Next() {
		if c := i.BillingPortalConfiguration(); c.Metadata[ours] != "" {
			s.mu.Lock()
			s.portalConfig = c.ID
			s.mu.Unlock()
			return c.ID, nil
		}
	}
	return "", failed("find the portal's configuration", i.Err())
}

// failed names what was asked of Stripe, and what it answered. Its words about
// a wrong key hold a part of it and stay here.
func failed(what string, err error) error {
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*stripe.Error](err)
	if !ok {
		return fmt.Errorf("stripe: %s: %w", what, err)
	}
	msg := e.Msg
	if e.HTTPStatusCode == http.StatusUnauthorized {
		msg = "the key is not accepted"
	}
	return &StripeError{What: what, Status: e.HTTPStatusCode, Code: string(e.Code), Param: e.Param, Msg: msg}
}

// StripeError is a refusal of Stripe.
type StripeError struct {
	What   string // that was asked
	Status int
	Code   string // Stripe's word, such as resource_missing; may be empty
	Param  string
	Msg    string // for the operator, never for a client
}

func (e *StripeError) Error() string {
	return fmt.Sprintf("stripe: %s: status %d %s %s: %s", e.What, e.Status, e.Code, e.Param, e.Msg)
}

// missing reports whether Stripe does not know what it was asked for.
func missing(err error) bool {
	e, ok := errors.AsType[*StripeError](err)
	return ok && e.Status == http.StatusNotFound
}
