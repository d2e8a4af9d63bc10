package supabase

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"copilot/billing"
)

// Clock asks the database for its time. What several instances put in order by
// time, they must put in order by one clock.
func (d *DB) Clock(ctx context.Context) (now time.Time, err error) {
	err = d.try(ctx, "clock", func(ctx context.Context) error {
		return d.pool.QueryRow(ctx, "select private.now()").Scan(&now)
	})
	return now, err
}

// SavePayment keeps a payment of a person's and posts what it bought. It reports
// whether it is new; a payment that is there already stays as it is. event is
// the Stripe event it is known by, if any. Errors: billing.ErrNoAccount,
// billing.ErrKeyReused; after either the transaction is void.
func (t *Tx) SavePayment(ctx context.Context, user string, p billing.Payment, event string) (fresh bool, err error) {
	err = t.tx.QueryRow(ctx, `select private.save_payment($1::uuid, $2, $3, $4, $5::integer, $6::integer, $7, $8, $9, $10, $11)`,
		user, p.ID, p.Price, p.Title, p.Minutes, p.AmountCents, p.Currency, null(p.CheckoutID), null(p.IntentID), p.PaidAt, null(event)).
		Scan(&fresh)
	return fresh, translate(err)
}

// SetLost makes the ledger agree with what is lost of a payment at the moment
// asOf. It reports whether that is news: not when it was known, when newer is
// known, or when the payment is not.
func (t *Tx) SetLost(ctx context.Context, l billing.Loss, asOf time.Time, event string) (changed bool, err error) {
	note := "Refunded"
	if l.Disputed {
		note = "Disputed"
	}
	err = t.tx.QueryRow(ctx, `select private.set_lost($1, $2::integer, $3, $4, $5)`,
		l.PaymentID, l.Cents, note, asOf, null(event)).Scan(&changed)
	return changed, translate(err)
}

// SetCustomer is Tx.SetCustomer in a transaction of its own.
func (d *DB) SetCustomer(ctx context.Context, user, customer string) (kept string, err error) {
	err = d.InTx(ctx, func(ctx context.Context, t *Tx) (err error) {
		kept, err = t.SetCustomer(ctx, user, customer)
		return err
	})
	return kept, err
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
