package supabase

import (
	"context"
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
