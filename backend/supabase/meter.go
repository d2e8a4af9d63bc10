package supabase

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"copilot/billing"
)

// Beat is a sign of life of one session's client.
type Beat struct {
	Lease
	Seen time.Time // when, by time.Now of this process (its monotonic part counts)
}

// Lost is a lease that is held no more.
type Lost struct {
	Lease
	Reason EndReason
}

// Heartbeat renews the leases of all beats in one statement and answers with
// those that are lost: their sockets must be closed. A session that sends none
// for Silence stops being metered, and loses its lease Grace later; one flush
// each five seconds is plenty. Late, repeated and reordered beats do no harm.
func (d *DB) Heartbeat(ctx context.Context, beats []Beat) ([]Lost, error) {
	if len(beats) == 0 {
		return nil, nil
	}
	sessions, numbers, seen := d.columns(beats)
	var lost []Lost
	err := d.try(ctx, "heartbeat", func(ctx context.Context) error {
		before := d.now()
		rows, err := d.pool.Query(ctx, `select n.now, h.session_id::text, h.lease, h.reason
			from (select private.now() as now) n
			left join private.heartbeat($1::uuid[], $2::integer[], $3::timestamptz[]) h on true`, sessions, numbers, seen)
		if err != nil {
			return err
		}
		lost = nil
		var now time.Time
		var id, reason *string
		var number *int
		_, err = pgx.ForEachRow(rows, []any{&now, &id, &number, &reason}, func() error {
			if id != nil {
				lost = append(lost, Lost{Lease{*id, *number}, EndReason(*reason)})
			}
			return nil
		})
		if err == nil {
			d.synchronise(before, now)
		}
		return err
	})
	return lost, err
}

// Disconnect says that the sockets of these sessions are gone: closed, silent,
// or given up because the instance shuts down. Use ends when each was last
// seen, and the grace time begins. What is not held any more is left alone.
func (d *DB) Disconnect(ctx context.Context, beats []Beat) error {
	if len(beats) == 0 {
		return nil
	}
	sessions, numbers, seen := d.columns(beats)
	return d.try(ctx, "disconnect", func(ctx context.Context) error {
		_, err := d.pool.Exec(ctx, `select private.disconnect($1::uuid[], $2::integer[], $3::timestamptz[])`,
			sessions, numbers, seen)
		return err
	})
}

func (d *DB) columns(beats []Beat) (sessions []string, numbers []int32, seen []time.Time) {
	for _, b := range beats {
		sessions = append(sessions, b.SessionID)
		numbers = append(numbers, int32(b.Number))
		seen = append(seen, d.at(b.Seen))
	}
	return sessions, numbers, seen
}

// Metered is what the meter found out about one session.
type Metered struct {
	Lease
	UserID         string
	Instance       string    // that holds it; another one's was swept
	Charged        int       // minutes that began since the last time
	Returned       int       // minutes given back at the end: nobody was there when they began
	MinutesCharged int       // of the session, in all
	MinutesLeft    int       // of the account
	Unlimited      bool      // Pro: minutes are recorded and cost nothing
	End            EndReason // empty: the session goes on
}

// LowBalance is the threshold, 5 or 1 minutes, that this charge has brought the
// balance down to.
func (m Metered) LowBalance() (threshold int, low bool) {
	if m.Unlimited {
		return 0, false
	}
	return billing.LowBalance(m.MinutesLeft+m.Charged, m.MinutesLeft)
}

const meteredColumns = `session_id::text, user_id::text, instance, lease, charged, returned,
	minutes_charged, minutes_left, unlimited, coalesce(end_reason, '')`

// Tick meters, in one statement: it charges the minutes that have begun in the
// sessions of this instance, ends those without minutes left, and ends the
// sessions of any instance whose lease has run out. It answers with the
// sessions that were charged or ended and those whose account has changed.
// Call it each second; sessions that are locked by another transaction wait for
// the next call. After an error, a later heartbeat tells which sessions ended.
func (d *DB) Tick(ctx context.Context, instance string) ([]Metered, error) {
	var all []Metered
	err := d.try(ctx, "tick", func(ctx context.Context) (err error) {
		all, err = d.metered(ctx, `select `+meteredColumns+` from private.tick($1)`, instance)
		return err
	})
	return all, err
}

func (d *DB) metered(ctx context.Context, sql string, args ...any) ([]Metered, error) {
	rows, err := d.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (m Metered, err error) {
		err = row.Scan(&m.SessionID, &m.UserID, &m.Instance, &m.Number, &m.Charged, &m.Returned,
			&m.MinutesCharged, &m.MinutesLeft, &m.Unlimited, &m.End)
		return m, err
	})
}
