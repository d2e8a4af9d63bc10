package supabase

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"copilot/billing"
)

// Entry is one line of the ledger. Minutes changes the balance and Debt the
// debt; Minutes - Debt is what was bought, taken back or given.
type Entry struct {
	ID             int64
	UserID         string
	Kind           billing.Kind
	Minutes        int
	Debt           int
	IdempotencyKey string // empty for usage, whose key is session and minute
	SessionID      string
	MinuteNo       int
	AmountCents    int64
	Currency       string
	CheckoutID     string // Stripe's checkout session
	PaymentID      string // Stripe's payment intent
	EventID        string // Stripe's event
	Note           string
	CreatedAt      time.Time
}

const entryColumns = `id, user_id::text, kind, minutes, debt, coalesce(idempotency_key, ''),
	coalesce(session_id::text, ''), coalesce(minute_no, 0), coalesce(amount_cents, 0), coalesce(currency, ''),
	coalesce(stripe_checkout_id, ''), coalesce(stripe_payment_id, ''), coalesce(stripe_event_id, ''),
	coalesce(note, ''), created_at`

func scanEntry(row pgx.CollectableRow) (e Entry, err error) {
	err = row.Scan(&e.ID, &e.UserID, &e.Kind, &e.Minutes, &e.Debt, &e.IdempotencyKey, &e.SessionID, &e.MinuteNo,
		&e.AmountCents, &e.Currency, &e.CheckoutID, &e.PaymentID, &e.EventID, &e.Note, &e.CreatedAt)
	return e, err
}

// Ledger returns up to limit entries of a person, newest first, with ids below
// before; before 0 begins at the newest.
func (d *DB) Ledger(ctx context.Context, user string, before int64, limit int) ([]Entry, error) {
	var from *int64
	if before > 0 {
		from = &before
	}
	var all []Entry
	err := d.try(ctx, "ledger", func(ctx context.Context) error {
		rows, err := d.pool.Query(ctx, `select `+entryColumns+` from private.ledger($1::uuid, $2::bigint, $3::integer)`,
			user, from, limit)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, scanEntry)
		return err
	})
	return all, err
}

// Posting is an entry to be added by hand or by Stripe's word.
type Posting struct {
	UserID  string
	Kind    billing.Kind // Purchase, Refund or Adjustment
	Minutes int          // bought or given: above zero; taken: below
	// Key makes the posting happen once, however often it is asked for. Use
	// what the world calls the thing: "checkout:cs_...", "refund:re_...".
	Key         string
	SessionID   string // an adjustment's, when it concerns one
	AmountCents int64
	Currency    string
	CheckoutID  string
	PaymentID   string
	EventID     string
	Note        string // for the person's receipts
}

// Posted is what a posting came to.
type Posted struct {
	Applied bool // false: it was there already
	Balance int
	Debt    int
}

// Post adds an entry. What is taken and is not in the balance becomes a debt;
// what comes in settles the debt first. The person's open session hears of it.
// Errors: billing.ErrNoAccount, billing.ErrKeyReused; after either the
// transaction is void.
func (t *Tx) Post(ctx context.Context, p Posting) (Posted, error) {
	var r Posted
	err := t.tx.QueryRow(ctx, `select applied, balance, debt from private.post($1::uuid, $2, $3::integer, $4, $5::uuid,
			$6::integer, $7, $8, $9, $10, $11)`,
		p.UserID, string(p.Kind), p.Minutes, p.Key, null(p.SessionID), null(p.AmountCents), null(p.Currency),
		null(p.CheckoutID), null(p.PaymentID), null(p.EventID), null(p.Note)).
		Scan(&r.Applied, &r.Balance, &r.Debt)
	return r, translate(err)
}

func null[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// Post is Tx.Post in a transaction of its own.
func (d *DB) Post(ctx context.Context, p Posting) (Posted, error) {
	var r Posted
	err := d.InTx(ctx, func(ctx context.Context, t *Tx) (err error) {
		r, err = t.Post(ctx, p)
		return err
	})
	return r, err
}

// PaymentEntries returns the purchase made with a payment intent and what was
// taken back of it, oldest first.
func (t *Tx) PaymentEntries(ctx context.Context, payment string) ([]Entry, error) {
	rows, err := t.tx.Query(ctx, `select `+entryColumns+` from private.ledger_of_payment($1)`, payment)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanEntry)
}

// RecordStripeEvent reports whether an event is seen for the first time. Record
// and fulfil in one transaction: then the record means that it is fulfilled.
func (t *Tx) RecordStripeEvent(ctx context.Context, id, kind string, created time.Time) (first bool, err error) {
	err = t.tx.QueryRow(ctx, `select private.record_stripe_event($1, $2, $3)`, id, kind, created).Scan(&first)
	return first, err
}

// Subscription is what Stripe said of a subscription, and when.
type Subscription = billing.Subscription

// SaveSubscription keeps the newest word about a subscription and reports
// whether it was news. Error: billing.ErrNoAccount.
func (t *Tx) SaveSubscription(ctx context.Context, s Subscription) (changed bool, err error) {
	err = t.tx.QueryRow(ctx, `select private.save_subscription($1::uuid, $2, $3, $4, $5, $6, $7, $8)`, s.UserID, s.ID,
		s.Plan, s.Status, s.PeriodStart, s.PeriodEnd, s.CancelAtPeriodEnd, s.AsOf).Scan(&changed)
	return changed, translate(err)
}

// SetCustomer remembers the person's Stripe customer and returns the one to
// use: the first that was set. Error: billing.ErrNoAccount.
func (t *Tx) SetCustomer(ctx context.Context, user, customer string) (string, error) {
	var kept *string
	err := t.tx.QueryRow(ctx, `select private.set_customer($1::uuid, $2)`, user, customer).Scan(&kept)
	if err == nil && kept == nil {
		err = billing.ErrNoAccount
	}
	if err != nil {
		return "", err
	}
	return *kept, nil
}

// UserOfCustomer finds the person a Stripe customer belongs to. Error:
// billing.ErrNoAccount.
func (t *Tx) UserOfCustomer(ctx context.Context, customer string) (string, error) {
	var user *string
	err := t.tx.QueryRow(ctx, `select private.user_of_customer($1)::text`, customer).Scan(&user)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && user == nil {
		err = billing.ErrNoAccount
	}
	if err != nil {
		return "", err
	}
	return *user, nil
}
