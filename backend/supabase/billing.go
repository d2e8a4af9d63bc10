package supabase

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"copilot/billing"
)

// EventClock asks the database for its time, which is when Stripe is asked about
// an event: what several instances put in order by time, they must put in order
// by one clock. handled: the event was booked before, and nothing need be asked.
// An empty event is none, and never handled.
func (d *DB) EventClock(ctx context.Context, event string) (asOf time.Time, handled bool, err error) {
	err = d.try(ctx, "event clock", func(ctx context.Context) error {
		var now *time.Time
		err := d.pool.QueryRow(ctx, "select private.event_clock($1)", event).Scan(&now)
		asOf, handled = value(now), now == nil
		return err
	})
	return asOf, handled, err
}

// Outcome is what came of news from Stripe.
type Outcome string

const (
	Fulfilled Outcome = "fulfilled"  // the books have changed
	Known     Outcome = "known"      // they agreed already
	Duplicate Outcome = "duplicate"  // the event was handled before
	Mismatch  Outcome = "mismatch"   // not what we sell, or paid by another person than it was made for
	NoAccount Outcome = "no_account" // paid by a customer whom nobody here is
)

// Book brings the books to the facts and records the event they are known by,
// in one transaction: an event that is recorded is fulfilled. An event without
// an id is not recorded. Error: billing.ErrKeyReused.
func (d *DB) Book(ctx context.Context, e billing.Event, f billing.Facts) (Outcome, error) {
	var outcome Outcome
	facts, err := json.Marshal(newsOf(f))
	if err != nil {
		return "", fmt.Errorf("book: %w", err)
	}
	err = d.try(ctx, "book", func(ctx context.Context) error {
		return d.pool.QueryRow(ctx, `select private.book($1, $2, $3, $4::jsonb)`, null(e.ID), e.Type, e.Created, string(facts)).Scan(&outcome)
	})
	return outcome, err
}

// news is what private.book reads.
type news struct {
	AsOf         time.Time         `json:"as_of"`
	Customer     string            `json:"customer"`
	Reference    string            `json:"reference,omitempty"`
	Refused      bool              `json:"refused"`
	Payment      *newsPayment      `json:"payment,omitempty"`
	Subscription *newsSubscription `json:"subscription,omitempty"`
	Loss         *newsLoss         `json:"loss,omitempty"`
}

type newsPayment struct {
	ID          string    `json:"id"`
	Price       string    `json:"price"`
	Title       string    `json:"title"`
	Minutes     int       `json:"minutes"`
	AmountCents int64     `json:"amount_cents"`
	Currency    string    `json:"currency"`
	CheckoutID  string    `json:"checkout_id,omitempty"`
	IntentID    string    `json:"intent_id,omitempty"`
	PaidAt      time.Time `json:"paid_at"`
}

type newsSubscription struct {
	ID                string    `json:"id"`
	Plan              string    `json:"plan"`
	Status            string    `json:"status"`
	PeriodStart       time.Time `json:"period_start"`
	PeriodEnd         time.Time `json:"period_end"`
	CancelAtPeriodEnd bool      `json:"cancel_at_period_end"`
}

type newsLoss struct {
	PaymentID string `json:"payment_id"`
	Cents     int64  `json:"cents"`
	Disputed  bool   `json:"disputed"`
}

func newsOf(f billing.Facts) news {
	n := news{AsOf: f.AsOf, Customer: f.Customer, Reference: f.Reference, Refused: f.Refused != nil,
		Payment: (*newsPayment)(f.Payment), Loss: (*newsLoss)(f.Loss)}
	if s := f.Subscription; s != nil {
		n.Subscription = &newsSubscription{s.ID, s.Plan, s.Status, s.PeriodStart, s.PeriodEnd, s.CancelAtPeriodEnd}
	}
	return n
}

// SetCustomer remembers the person's Stripe customer and returns the one to
// use: the first that was set. Error: billing.ErrNoAccount.
func (d *DB) SetCustomer(ctx context.Context, user, customer string) (string, error) {
	var kept *string
	err := d.try(ctx, "set customer", func(ctx context.Context) error {
		err := d.pool.QueryRow(ctx, `select private.set_customer($1::uuid, $2)`, user, customer).Scan(&kept)
		if err == nil && kept == nil {
			return billing.ErrNoAccount
		}
		return err
	})
	return value(kept), err
}

// CheckoutAttempt names the click that a person's wish to pay a price belongs
// to: two clicks within 30 seconds are one. Error: billing.ErrNoAccount.
func (d *DB) CheckoutAttempt(ctx context.Context, user, price string) (attempt string, err error) {
	err = d.try(ctx, "checkout attempt", func(ctx context.Context) error {
		return d.pool.QueryRow(ctx, `select private.checkout_attempt($1::uuid, $2)::text`, user, price).Scan(&attempt)
	})
	return attempt, err
}

// CheckoutState is what has become of a checkout session.
type CheckoutState struct {
	Paid  bool
	Price string // our name of what was paid
	// What the account has now, for an hour after the payment; Fresh is false after.
	Fresh       bool
	MinutesLeft int
	Pro         bool
}

// CheckoutState looks a checkout session up by Stripe's id; one that is not
// known is not paid.
func (d *DB) CheckoutState(ctx context.Context, checkout string) (CheckoutState, error) {
	var c CheckoutState
	err := d.try(ctx, "checkout state", func(ctx context.Context) error {
		c = CheckoutState{Paid: true}
		err := d.pool.QueryRow(ctx, `select price, fresh, balance, pro from private.checkout_state($1)`, checkout).
			Scan(&c.Price, &c.Fresh, &c.MinutesLeft, &c.Pro)
		if errors.Is(err, pgx.ErrNoRows) {
			c = CheckoutState{}
			return nil
		}
		return err
	})
	return c, err
}

// Payment is a payment as its owner sees it afterwards.
type Payment struct {
	billing.Payment
	LostCents int64 // refunded, or held by a dispute
}

// Payments returns up to limit payments of a person from before an instant,
// newest first; a zero before begins at the newest.
func (d *DB) Payments(ctx context.Context, user string, before time.Time, limit int) ([]Payment, error) {
	var all []Payment
	err := d.try(ctx, "payments", func(ctx context.Context) error {
		rows, err := d.pool.Query(ctx, `select id, price, title, minutes, amount_cents, currency, coalesce(checkout_id, ''),
				coalesce(intent_id, ''), paid_at, lost_cents
			from private.payments_of($1::uuid, $2::timestamptz, $3::integer)`, user, null(before), limit)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p Payment, err error) {
			err = row.Scan(&p.ID, &p.Price, &p.Title, &p.Minutes, &p.AmountCents, &p.Currency, &p.CheckoutID,
				&p.IntentID, &p.PaidAt, &p.LostCents)
			return p, err
		})
		return err
	})
	return all, err
}
