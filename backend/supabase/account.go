package supabase

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"copilot/billing"
)

// Account is what a person has and what they may do now, computed when asked.
type Account struct {
	billing.Rights
	MinutesLeft int
	DebtMinutes int // settled by the next purchase
	CustomerID  string

	// Of the subscription that reaches furthest; Status is empty without one.
	Status            string
	PeriodEnd         time.Time
	CancelAtPeriodEnd bool

	// Of the session that is alive, if any; its SessionID is empty without one.
	Session   Lease
	Connected bool // as far as anybody has told
	Paused    bool
	Unlimited bool // the session's last minute was Pro's
}

// Account looks somebody up. Error: billing.ErrNoAccount.
func (d *DB) Account(ctx context.Context, user string) (Account, error) {
	var a Account
	err := d.try(ctx, "account", func(ctx context.Context) error {
		a = Account{Rights: billing.Free()}
		var pro bool
		var customer, status, session *string
		var end *time.Time
		var cancel, connected, paused, unlimited *bool
		var lease *int
		err := d.pool.QueryRow(ctx, `select balance, debt, customer_id, pro, status, period_end, cancel_at_period_end,
				session_id::text, session_lease, session_connected, session_paused, session_unlimited from private.account($1::uuid)`, user).
			Scan(&a.MinutesLeft, &a.DebtMinutes, &customer, &pro, &status, &end, &cancel, &session, &lease,
				&connected, &paused, &unlimited)
		if errors.Is(err, pgx.ErrNoRows) {
			return billing.ErrNoAccount
		}
		if err != nil {
			return err
		}
		if pro {
			a.Rights = billing.ProPlan()
		}
		a.CustomerID = value(customer)
		a.Status, a.PeriodEnd, a.CancelAtPeriodEnd = value(status), value(end), value(cancel)
		a.Session = Lease{value(session), value(lease)}
		a.Connected, a.Paused, a.Unlimited = value(connected), value(paused), value(unlimited)
		return nil
	})
	return a, err
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// Receipt is one session as its owner sees it afterwards.
type Receipt struct {
	SessionID      string
	StartedAt      time.Time
	EndedAt        time.Time // zero: it is still alive
	End            EndReason
	Used           time.Duration // connected and unpaused; of a live one, up to its last pause or reconnection
	MinutesCharged int
}

const receiptColumns = `id::text, started_at, ended_at, coalesce(end_reason, ''),
	(extract(epoch from used) * 1000000)::bigint, minutes_charged`

func scanReceipt(row pgx.CollectableRow) (r Receipt, err error) {
	var ended *time.Time
	var micros int64
	err = row.Scan(&r.SessionID, &r.StartedAt, &ended, &r.End, &micros, &r.MinutesCharged)
	r.EndedAt, r.Used = value(ended), time.Duration(micros)*time.Microsecond
	return r, err
}

// Sessions returns up to limit sessions of a person that began before an
// instant, newest first; a zero before begins at the newest.
func (d *DB) Sessions(ctx context.Context, user string, before time.Time, limit int) ([]Receipt, error) {
	return d.receipts(ctx, `select `+receiptColumns+` from private.sessions($1::uuid, $2::timestamptz, $3::integer)`,
		user, null(before), limit)
}

// mostSessions of one period; more are an error, not a silent part of them.
const mostSessions = 200_000

// SessionsBetween returns everybody's sessions that were alive at some time of
// a period, oldest first.
func (d *DB) SessionsBetween(ctx context.Context, from, to time.Time) ([]Receipt, error) {
	all, err := d.receipts(ctx, `select `+receiptColumns+` from private.sessions_between($1, $2, $3::integer)`, from, to, mostSessions+1)
	if err == nil && len(all) > mostSessions {
		return nil, fmt.Errorf("database: sessions: more than %d in one period", mostSessions)
	}
	return all, err
}

func (d *DB) receipts(ctx context.Context, sql string, args ...any) (all []Receipt, err error) {
	err = d.try(ctx, "sessions", func(ctx context.Context) error {
		rows, err := d.pool.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, scanReceipt)
		return err
	})
	return all, err
}
