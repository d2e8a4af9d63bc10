package supabase

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"copilot/billing"
)

// Kind of a use beside the minutes, without a session.
type UseKind string

const (
	UseCheck  UseKind = "check"  // a sound check, with a grant
	UseAnswer UseKind = "answer" // an answer before or after an interview
)

// EndCheck is the reason by which SessionsBetween tells a sound check from a
// session: one minute, charged to nobody.
const EndCheck EndReason = "check"

// Use is one that was taken.
type Use struct {
	ID        string // the tag of a check's stream
	Unlimited bool   // the person is Pro
}

// TooOftenError: the limit of a minute or of a day is reached.
type TooOftenError struct{ Wait time.Duration }

func (e *TooOftenError) Error() string { return "used too often" }

// UseBeside takes one use of so many a minute and a day (24 hours), for all
// instances together. Errors: billing.ErrOutOfMinutes, billing.ErrNoAccount,
// *TooOftenError.
func (d *DB) UseBeside(ctx context.Context, user string, kind UseKind, aMinute, aDay int) (Use, error) {
	u := Use{ID: uuid.NewString()}
	err := d.try(ctx, "use beside", func(ctx context.Context) error {
		var outcome string
		var micros int64
		err := d.pool.QueryRow(ctx, `select outcome, (extract(epoch from wait) * 1000000)::bigint, pro
			from private.use_beside($1::uuid, $2::uuid, $3, $4::integer, $5::integer)`, user, u.ID, string(kind), aMinute, aDay).
			Scan(&outcome, &micros, &u.Unlimited)
		if err != nil {
			return err
		}
		switch outcome {
		case "used":
			return nil
		case "no_account":
			return billing.ErrNoAccount
		case "out_of_minutes":
			return billing.ErrOutOfMinutes
		case "too_often":
			return &TooOftenError{time.Duration(micros) * time.Microsecond}
		}
		return fmt.Errorf("unknown outcome %q", outcome)
	})
	return u, err
}

// ReturnBeside gives a use back that came to nothing.
func (d *DB) ReturnBeside(ctx context.Context, user, id string) error {
	return d.try(ctx, "return a use", func(ctx context.Context) error {
		_, err := d.pool.Exec(ctx, `select private.return_beside($1::uuid, $2::uuid)`, user, id)
		return err
	})
}

// Overdrawn closes the checks of the people to whom these checks belong, for 30
// days. Ids of sessions among them do no harm.
func (d *DB) Overdrawn(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	return d.try(ctx, "overdrawn checks", func(ctx context.Context) error {
		_, err := d.pool.Exec(ctx, `select private.overdrawn_beside($1::uuid[])`, ids)
		return err
	})
}
