package billing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stripe/stripe-go/v76"
	checkout "github.com/stripe/stripe-go/v76/checkout/session"
	"github.com/stripe/stripe-go/v76/dispute"
	"github.com/stripe/stripe-go/v76/invoice"
	"github.com/stripe/stripe-go/v76/paymentintent"
	"github.com/stripe/stripe-go/v76/subscription"
)

// ErrMismatch: what was paid is not what is for sale, or not by whom it should
// be. Nothing is granted for it, and a person has to look.
var ErrMismatch = errors.New("the payment does not fit the catalog")

// Facts are what Stripe says at one moment about one payment or subscription.
// The same facts saved twice, or after newer ones, change nothing.
type Facts struct {
	AsOf     time.Time // the moment, before Stripe was asked, by the database's clock
	Customer string    // Stripe's; whose it is, our books know
	// Reference is the person the payment page was made for; empty when Stripe
	// does not say. It must be the customer's.
	Reference string

	Payment      *Payment      // nil: nothing is paid
	Loss         *Loss         // nil: not about a payment
	Subscription *Subscription // nil: not about one
	Refused      error         // ErrMismatch, and why; then Payment and Subscription are nil
}

// Empty reports whether there is nothing to save.
func (f Facts) Empty() bool { return f.Payment == nil && f.Loss == nil && f.Subscription == nil }

// Payment is something that was paid.
type Payment struct {
	ID          string // Stripe's, of a pack's checkout session or of a Pro month's invoice
	Price       string // of the catalog
	Title       string
	Minutes     int // granted; 0 for a plan
	AmountCents int64
	Currency    string
	CheckoutID  string // empty for a renewal
	IntentID    string // of the payment intent that moved the money
	PaidAt      time.Time
}

// Loss is the part of a payment's money that is refunded, or held by a dispute
// that is open or lost. Minutes go with it, by [TakenBack].
type Loss struct {
	PaymentID string
	Cents     int64
	Disputed  bool
}

// Subscription is a plan as Stripe knows it.
type Subscription struct {
	ID                string // Stripe's
	Plan              string // PlanPro
	Status            string // Stripe's word: active, trialing, past_due, canceled, ...
	PeriodStart       time.Time
	PeriodEnd         time.Time
	CancelAtPeriodEnd bool
}

// TakenBack says how many of a pack's minutes go with lost of its amount: the
// same share, rounded in the person's favour.
func TakenBack(minutes int, amount, lost int64) int {
	if amount <= 0 {
		return 0
	}
	return int(int64(minutes) * min(max(lost, 0), amount) / amount)
}

// Look asks Stripe what the subject of an event is like now. asOf is a moment
// before the call. No facts: the event is not about anything of ours.
func (s *Stripe) Look(ctx context.Context, e Event, asOf time.Time) (Facts, error) {
	switch e.subject.kind {
	case aCheckout:
		return s.lookAtCheckout(ctx, e.subject.id, asOf)
	case anInvoice:
		return s.lookAtInvoice(ctx, e.subject.id, "", asOf)
	case aSubscription:
		return s.lookAtSubscription(ctx, e.subject.id, asOf)
	case aPayment:
		return s.lookAtPayment(ctx, e.subject.id, asOf)
	}
	return Facts{}, nil
}

func (s *Stripe) lookAtCheckout(ctx context.Context, id string, asOf time.Time) (Facts, error) {
	p := &stripe.CheckoutSessionParams{}
	p.Context = ctx
	p.AddExpand("line_items")
	p.AddExpand("payment_intent.latest_charge")
	session, err := checkout.Client{B: s.backend, Key: s.key}.Get(id, p)
	if err != nil {
		return Facts{}, failed("ask for a checkout session", err)
	}
	return s.checkoutFacts(ctx, session, asOf)
}

func (s *Stripe) lookAtPayment(ctx context.Context, id string, asOf time.Time) (Facts, error) {
	p := &stripe.CheckoutSessionListParams{PaymentIntent: &id}
	p.Context, p.Limit, p.Single = ctx, stripe.Int64(1), true
	p.AddExpand("data.line_items")
	p.AddExpand("data.payment_intent.latest_charge")
	i := checkout.Client{B: s.backend, Key: s.key}.List(p)
	if i.Next() {
		return s.checkoutFacts(ctx, i.CheckoutSession(), asOf)
	}
	if err := i.Err(); err != nil {
		return Facts{}, failed("find the checkout session of a payment", err)
	}
	q := &stripe.PaymentIntentParams{}
	q.Context = ctx
	intent, err := paymentintent.Client{B: s.backend, Key: s.key}.Get(id, q)
	if err != nil {
		return Facts{}, failed("ask for a payment", err)
	}
	if intent.Invoice == nil {
		return Facts{}, nil // not a payment page's
	}
	return s.lookAtInvoice(ctx, intent.Invoice.ID, "", asOf)
}

// checkoutFacts is given a session with its line items and its payment.
func (s *Stripe) checkoutFacts(ctx context.Context, c *stripe.CheckoutSession, asOf time.Time) (Facts, error) {
	if c.Mode == stripe.CheckoutSessionModeSubscription {
		if c.Status != stripe.CheckoutSessionStatusComplete || c.Invoice == nil {
			return Facts{}, nil
		}
		f, err := s.lookAtInvoice(ctx, c.Invoice.ID, c.ID, asOf)
		f.Reference = c.ClientReferenceID
		return f, err
	}
	if c.Mode != stripe.CheckoutSessionModePayment || c.PaymentStatus != stripe.CheckoutSessionPaymentStatusPaid {
		return Facts{}, nil
	}
	id, err := s.priceIDs(ctx)
	if err != nil {
		return Facts{}, err
	}
	f := packFacts(c, id, asOf)
	if f.Loss != nil && f.Loss.Disputed {
		held, err := s.disputed(ctx, c.PaymentIntent.ID)
		if err != nil {
			return Facts{}, err
		}
		f.Loss.Cents += held
		f.Loss.Disputed = held > 0
	}
	return f, nil
}

// priceIDs are Stripe's ids of everything for sale, by our name.
func (s *Stripe) priceIDs(ctx context.Context) (map[string]string, error) {
	ids := map[string]string{}
	for _, product := range Catalog() {
		id, err := s.priceID(ctx, product.Price)
		if err != nil && !errors.Is(err, ErrNothingForSale) {
			return nil, err
		}
		ids[product.Price] = id
	}
	return ids, nil
}

// packFacts reads a paid session in the light of our table. Metadata counts for
// nothing, and so does every amount that is not the catalog's.
func packFacts(c *stripe.CheckoutSession, ids map[string]string, asOf time.Time) Facts {
	f := Facts{AsOf: asOf, Customer: idOf(c.Customer), Reference: c.ClientReferenceID}
	paid := time.Unix(c.Created, 0)
	payment := ""
	if c.PaymentIntent != nil {
		payment = c.PaymentIntent.ID
		f.Loss = &Loss{PaymentID: c.ID}
		if charge := c.PaymentIntent.LatestCharge; charge != nil {
			f.Loss.Cents, f.Loss.Disputed = charge.AmountRefunded, charge.Disputed
			paid = time.Unix(charge.Created, 0)
		}
	}
	var items []*stripe.LineItem
	if c.LineItems != nil {
		items = c.LineItems.Data
	}
	if len(items) != 1 || items[0].Price == nil || items[0].Quantity != 1 {
		f.Refused = fmt.Errorf("%w: checkout %s has not one item of ours", ErrMismatch, c.ID)
		return f
	}
	product, ok := productOf(items[0].Price.ID, ids)
	switch {
	case !ok || product.Recurring():
		f.Refused = fmt.Errorf("%w: checkout %s is for price %s", ErrMismatch, c.ID, items[0].Price.ID)
	case c.AmountTotal != product.AmountCents || string(c.Currency) != product.Currency:
		f.Refused = fmt.Errorf("%w: checkout %s is %d %s, %s costs %d %s", ErrMismatch, c.ID,
			c.AmountTotal, c.Currency, product.Price, product.AmountCents, product.Currency)
	default:
		f.Payment = &Payment{
			ID: c.ID, Price: product.Price, Title: product.Name, Minutes: product.Minutes, AmountCents: product.AmountCents,
			Currency: product.Currency, CheckoutID: c.ID, IntentID: payment, PaidAt: paid,
		}
	}
	return f
}

func productOf(priceID string, ids map[string]string) (Product, bool) {
	for name, id := range ids {
		if id == priceID && id != "" {
			return Lookup(name)
		}
	}
	return Product{}, false
}

// disputed adds up what disputes hold of a payment. An inquiry holds nothing,
// and what was won came back.
func (s *Stripe) disputed(ctx context.Context, payment string) (cents int64, err error) {
	p := &stripe.DisputeListParams{PaymentIntent: &payment}
	p.Context, p.Limit = ctx, stripe.Int64(100)
	i := dispute.Client{B: s.backend, Key: s.key}.List(p)
	for i.Next() {
		switch d := i.Dispute(); d.Status {
		case stripe.DisputeStatusNeedsResponse, stripe.DisputeStatusUnderReview, stripe.DisputeStatusLost:
			cents += d.Amount
		}
	}
	return cents, failed("ask for disputes", i.Err())
}

func (s *Stripe) lookAtInvoice(ctx context.Context, id, checkoutID string, asOf time.Time) (Facts, error) {
	p := &stripe.InvoiceParams{}
	p.Context = ctx
	p.AddExpand("subscription")
	p.AddExpand("charge")
	in, err := invoice.Client{B: s.backend, Key: s.key}.Get(id, p)
	if err != nil {
		return Facts{}, failed("ask for an invoice", err)
	}
	if in.Subscription == nil {
		return Facts{}, nil // not a plan's
	}
	return s.planFacts(ctx, in.Subscription, in, checkoutID, asOf)
}

func (s *Stripe) lookAtSubscription(ctx context.Context, id string, asOf time.Time) (Facts, error) {
	p := &stripe.SubscriptionParams{}
	p.Context = ctx
	p.AddExpand("latest_invoice.charge")
	sub, err := subscription.Client{B: s.backend, Key: s.key}.Get(id, p)
	if err != nil {
		return Facts{}, failed("ask for a subscription", err)
	}
	return s.planFacts(ctx, sub, sub.LatestInvoice, "", asOf)
}

// planFacts is given a subscription and an invoice of it with its charge.
func (s *Stripe) planFacts(ctx context.Context, sub *stripe.Subscription, in *stripe.Invoice, checkoutID string, asOf time.Time) (Facts, error) {
	ids, err := s.priceIDs(ctx)
	if err != nil {
		return Facts{}, err
	}
	f := subscriptionFacts(sub, in, ids, asOf)
	if f.Payment != nil {
		f.Payment.CheckoutID = checkoutID
	}
	if f.Loss != nil && f.Loss.Disputed {
		held, err := s.disputed(ctx, idOfPayment(in))
		if err != nil {
			return Facts{}, err
		}
		f.Loss.Cents += held
		f.Loss.Disputed = held > 0
	}
	return f, nil
}

// subscriptionFacts reads a subscription in the light of our table. The invoice
// becomes a purchase for the receipts once it is paid; it grants nothing by
// itself, what grants is the subscription's state.
func subscriptionFacts(sub *stripe.Subscription, in *stripe.Invoice, ids map[string]string, asOf time.Time) Facts {
	f := Facts{AsOf: asOf, Customer: idOf(sub.Customer)}
	if sub.Items == nil || len(sub.Items.Data) != 1 || sub.Items.Data[0].Price == nil || sub.Items.Data[0].Quantity != 1 {
		f.Refused = fmt.Errorf("%w: subscription %s has not one item of ours", ErrMismatch, sub.ID)
		return f
	}
	price := sub.Items.Data[0].Price
	product, ok := productOf(price.ID, ids)
	if !ok || !product.Recurring() || price.UnitAmount != product.AmountCents || string(price.Currency) != product.Currency {
		f.Refused = fmt.Errorf("%w: subscription %s is for price %s of %d %s", ErrMismatch, sub.ID, price.ID, price.UnitAmount, price.Currency)
		return f
	}
	f.Subscription = &Subscription{
		ID: sub.ID, Plan: product.Plan, Status: string(sub.Status), CancelAtPeriodEnd: sub.CancelAtPeriodEnd,
		PeriodStart: time.Unix(sub.CurrentPeriodStart, 0), PeriodEnd: time.Unix(sub.CurrentPeriodEnd, 0),
	}
	if in == nil || in.Status != stripe.InvoiceStatusPaid || in.AmountPaid <= 0 {
		return f
	}
	f.Payment = &Payment{
		ID: in.ID, Price: product.Price, Title: product.Name, AmountCents: in.AmountPaid, Currency: string(in.Currency),
		IntentID: idOfPayment(in), PaidAt: time.Unix(in.Created, 0),
	}
	f.Loss = &Loss{PaymentID: in.ID}
	if in.Charge != nil {
		f.Loss.Cents, f.Loss.Disputed = in.Charge.AmountRefunded, in.Charge.Disputed
	}
	return f
}

func idOf(c *stripe.Customer) string {
	if c == nil {
		return ""
	}
	return c.ID
}

func idOfPayment(in *stripe.Invoice) string {
	if in == nil || in.PaymentIntent == nil {
		return ""
	}
	return in.PaymentIntent.ID
}
