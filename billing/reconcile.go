package billing

import (
	"context"
	"time"

	"github.com/stripe/stripe-go/v76"
	checkout "github.com/stripe/stripe-go/v76/checkout/session"
	"github.com/stripe/stripe-go/v76/dispute"
	"github.com/stripe/stripe-go/v76/refund"
	"github.com/stripe/stripe-go/v76/subscription"
)

// disputesLast is how long after its beginning a dispute may still be decided.
const disputesLast = 120 * 24 * time.Hour

// Recent tells save of everything at Stripe that a lost webhook could have been
// about: checkout sessions made since, money that went back since, disputes
// that may have been decided, and every subscription. asOf is a moment before
// the call. It ends with the first error of Stripe's or of save's.
func (s *Stripe) Recent(ctx context.Context, since, asOf time.Time, save func(Facts) error) error {
	tell := func(f Facts, err error) error {
		if err != nil || f.Empty() && f.Refused == nil {
			return err
		}
		return save(f)
	}
	for _, list := range []func(context.Context, time.Time, time.Time, func(Facts, error) error) error{
		s.recentCheckouts, s.recentSubscriptions, s.recentRefunds, s.recentDisputes,
	} {
		if err := list(ctx, since, asOf, tell); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stripe) recentCheckouts(ctx context.Context, since, asOf time.Time, tell func(Facts, error) error) error {
	p := &stripe.CheckoutSessionListParams{CreatedRange: after(since), Status: stripe.String(string(stripe.CheckoutSessionStatusComplete))}
	p.Context, p.Limit = ctx, stripe.Int64(100)
	p.AddExpand("data.line_items")
	p.AddExpand("data.payment_intent.latest_charge")
	i := checkout.Client{B: s.backend, Key: s.key}.List(p)
	for i.Next() {
		if err := tell(s.checkoutFacts(ctx, i.CheckoutSession(), asOf)); err != nil {
			return err
		}
	}
	return failed("list checkout sessions", i.Err())
}

func (s *Stripe) recentSubscriptions(ctx context.Context, _, asOf time.Time, tell func(Facts, error) error) error {
	p := &stripe.SubscriptionListParams{Status: stripe.String("all")}
	p.Context, p.Limit = ctx, stripe.Int64(100)
	p.AddExpand("data.latest_invoice.charge")
	i := subscription.Client{B: s.backend, Key: s.key}.List(p)
	for i.Next() {
		sub := i.Subscription()
		if err := tell(s.planFacts(ctx, sub, sub.LatestInvoice, "", asOf)); err != nil {
			return err
		}
	}
	return failed("list subscriptions", i.Err())
}

func (s *Stripe) recentRefunds(ctx context.Context, since, asOf time.Time, tell func(Facts, error) error) error {
	p := &stripe.RefundListParams{CreatedRange: after(since)}
	p.Context, p.Limit = ctx, stripe.Int64(100)
	i := refund.Client{B: s.backend, Key: s.key}.List(p)
	for i.Next() {
		if r := i.Refund(); r.PaymentIntent != nil {
			if err := tell(s.lookAtPayment(ctx, r.PaymentIntent.ID, asOf)); err != nil {
				return err
			}
		}
	}
	return failed("list refunds", i.Err())
}

func (s *Stripe) recentDisputes(ctx context.Context, _, asOf time.Time, tell func(Facts, error) error) error {
	p := &stripe.DisputeListParams{CreatedRange: after(asOf.Add(-disputesLast))}
	p.Context, p.Limit = ctx, stripe.Int64(100)
	i := dispute.Client{B: s.backend, Key: s.key}.List(p)
	for i.Next() {
		if d := i.Dispute(); d.PaymentIntent != nil {
			if err := tell(s.lookAtPayment(ctx, d.PaymentIntent.ID, asOf)); err != nil {
				return err
			}
		}
	}
	return failed("list disputes", i.Err())
}

func after(t time.Time) *stripe.RangeQueryParams {
	return &stripe.RangeQueryParams{GreaterThanOrEqual: t.Unix()}
}
