package billing

import (
	"context"
	"fmt"
	"slices"

	"github.com/stripe/stripe-go/v76"
	portalconfig "github.com/stripe/stripe-go/v76/billingportal/configuration"
	"github.com/stripe/stripe-go/v76/price"
	"github.com/stripe/stripe-go/v76/product"
	"github.com/stripe/stripe-go/v76/webhookendpoint"
)

// Installed is what the set-up found or made at Stripe.
type Installed struct {
	Prices map[string]string // Stripe's ids, by our name
	Portal string            // id of the portal's configuration
	// Endpoint is the webhook endpoint's id; empty when none was asked for.
	// Secret signs its events; Stripe tells it once, to who makes the endpoint.
	Endpoint string
	Secret   string
	Made     []string // what was not there before
}

// Setup brings an account to what this package expects: products, prices, the
// portal's configuration and, unless webhookURL is empty, the endpoint that
// Stripe sends events to. What is there and right stays as it is, so that it
// may be run again at any time.
func (s *Stripe) Setup(ctx context.Context, webhookURL string) (Installed, error) {
	in := Installed{Prices: map[string]string{}}
	for _, p := range Catalog() {
		if err := s.setupProduct(ctx, p, &in); err != nil {
			return in, err
		}
		if err := s.setupPrice(ctx, p, &in); err != nil {
			return in, err
		}
	}
	if err := s.setupPortal(ctx, &in); err != nil {
		return in, err
	}
	if webhookURL == "" {
		return in, nil
	}
	return in, s.setupEndpoint(ctx, webhookURL, &in)
}

// productID is one that we choose, so that a product is made once.
func productID(p Product) string { return ours + "_" + p.Price }

func (s *Stripe) setupProduct(ctx context.Context, p Product, in *Installed) error {
	c := product.Client{B: s.backend, Key: s.key}
	q := &stripe.ProductParams{}
	q.Context = ctx
	_, err := c.Get(productID(p), q)
	if err = failed("ask for a product", err); err == nil || !missing(err) {
		return err
	}
	q = &stripe.ProductParams{ID: stripe.String(productID(p)), Name: stripe.String(p.Name)}
	q.Context = ctx
	if _, err := c.New(q); err != nil {
		return failed("make a product", err)
	}
	in.Made = append(in.Made, "product "+productID(p))
	return nil
}

// setupPrice keeps a price with our lookup key and the catalog's amount, or
// makes one. The lookup key moves from an older price; who subscribed to that
// goes on paying it.
func (s *Stripe) setupPrice(ctx context.Context, p Product, in *Installed) error {
	found, err := s.priceByKey(ctx, p.Price)
	if err != nil {
		return err
	}
	if found != nil && found.UnitAmount == p.AmountCents && string(found.Currency) == p.Currency &&
		(found.Recurring != nil) == p.Recurring() {
		in.Prices[p.Price] = found.ID
		return nil
	}
	q := &stripe.PriceParams{
		Product: stripe.String(productID(p)), UnitAmount: stripe.Int64(p.AmountCents), Currency: stripe.String(p.Currency),
		LookupKey: stripe.String(p.Price), TransferLookupKey: stripe.Bool(true), Nickname: stripe.String(p.Name),
	}
	if p.Recurring() {
		q.Recurring = &stripe.PriceRecurringParams{Interval: stripe.String(string(stripe.PriceRecurringIntervalMonth))}
	}
	q.Context = ctx
	made, err := price.Client{B: s.backend, Key: s.key}.New(q)
	if err != nil {
		return failed("make a price", err)
	}
	in.Prices[p.Price] = made.ID
	in.Made = append(in.Made, "price "+made.ID)
	return nil
}

// setupPortal: cancelling is at the period's end and takes two clicks.
func (s *Stripe) setupPortal(ctx context.Context, in *Installed) error {
	id, err := s.portalConfiguration(ctx)
	if err != nil {
		return err
	}
	q := &stripe.BillingPortalConfigurationParams{
		BusinessProfile:  &stripe.BillingPortalConfigurationBusinessProfileParams{Headline: stripe.String("Interview Copilot")},
		DefaultReturnURL: stripe.String(s.publicURL + "/checkout/portal"),
		Features: &stripe.BillingPortalConfigurationFeaturesParams{
			InvoiceHistory:      &stripe.BillingPortalConfigurationFeaturesInvoiceHistoryParams{Enabled: stripe.Bool(true)},
			PaymentMethodUpdate: &stripe.BillingPortalConfigurationFeaturesPaymentMethodUpdateParams{Enabled: stripe.Bool(true)},
			SubscriptionCancel: &stripe.BillingPortalConfigurationFeaturesSubscriptionCancelParams{
				Enabled: stripe.Bool(true), Mode: stripe.String("at_period_end"),
			},
		},
		Metadata: map[string]string{ours: "1"},
	}
	q.Context = ctx
	c := portalconfig.Client{B: s.backend, Key: s.key}
	if id != "" {
		in.Portal = id
		_, err = c.Update(id, q)
		return failed("change the portal's configuration", err)
	}
	made, err := c.New(q)
	if err != nil {
		return failed("make the portal's configuration", err)
	}
	in.Portal = made.ID
	in.Made = append(in.Made, "portal configuration "+made.ID)
	return nil
}

// setupEndpoint keeps the endpoint with this address, or makes it. One of
// another version stays too: only ids are read from events.
func (s *Stripe) setupEndpoint(ctx context.Context, url string, in *Installed) error {
	c := webhookendpoint.Client{B: s.backend, Key: s.key}
	l := &stripe.WebhookEndpointListParams{}
	l.Context, l.Limit = ctx, stripe.Int64(100)
	i := c.List(l)
	for i.Next() {
		e := i.WebhookEndpoint()
		if e.URL != url {
			continue
		}
		in.Endpoint = e.ID
		if slices.Equal(slices.Sorted(slices.Values(e.EnabledEvents)), slices.Sorted(slices.Values(EventTypes()))) && e.Status == "enabled" {
			return nil
		}
		q := &stripe.WebhookEndpointParams{EnabledEvents: stripe.StringSlice(EventTypes()), Disabled: stripe.Bool(false)}
		q.Context = ctx
		_, err := c.Update(e.ID, q)
		return failed("change the webhook endpoint", err)
	}
	if err := i.Err(); err != nil {
		return failed("list webhook endpoints", err)
	}
	q := &stripe.WebhookEndpointParams{
		URL: &url, EnabledEvents: stripe.StringSlice(EventTypes()), APIVersion: stripe.String(APIVersion),
	}
	q.Context = ctx
	made, err := c.New(q)
	if err != nil {
		return failed("make the webhook endpoint", err)
	}
	in.Endpoint, in.Secret = made.ID, made.Secret
	in.Made = append(in.Made, fmt.Sprintf("webhook endpoint %s", made.ID))
	return nil
}
