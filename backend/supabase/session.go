package supabase

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"copilot/billing"
)

// What the migrations hold a session to; a test compares the two.
const (
	Silence = 25 * time.Second // without a sign of life a client is gone
	Grace   = 30 * time.Second // then a session may still be resumed
)

// ErrNoSession: there is no such session of this person that is still alive.
var ErrNoSession = errors.New("no such session")

// LeaseHeldError: another device has the person's session.
type LeaseHeldError struct {
	SessionID string
	Expires   time.Time // unless that device gives more signs of life
}

func (e *LeaseHeldError) Error() string { return "session is held by another device" }

// LostError: the lease is worth nothing any more.
type LostError struct{ Reason EndReason }

func (e *LostError) Error() string { return "lease lost: " + string(e.Reason) }

// EndReason says why a session, or one lease of it, ended.
type EndReason string

const (
	EndOutOfMinutes   EndReason = "out_of_minutes"
	EndStopped        EndReason = "stopped"
	EndTakenOver      EndReason = "taken_over" // another device started a session
	EndExpired        EndReason = "expired"    // the lease ran out
	EndAccountDeleted EndReason = "account_deleted"
	EndResumed        EndReason = "resumed"    // only the lease: its device came back on another connection
	EndUnknown        EndReason = "no_session" // there is no such session
)

// Lease is the right to run a session: the session's id and a number that
// grows with each connection that takes it up.
type Lease struct {
	SessionID string
	Number    int
}

// Session is a session that this instance holds from now on.
type Session struct {
	Lease
	Paused         bool // resumed while paused, and still so
	MinutesCharged int
	MinutesLeft    int
	Unlimited      bool
}

// StartSession opens a session and charges its first minute. instance is a name
// that no other process has, nor this one after a restart. Errors:
// billing.ErrOutOfMinutes, billing.ErrNoAccount, *LeaseHeldError.
func (d *DB) StartSession(ctx context.Context, user, instance string) (Session, error) {
	return d.openSession(ctx, user, uuid.NewString(), instance, "start")
}

// TakeOver is StartSession that first ends the person's session elsewhere, if
// there is one; that device learns it from its instance's next heartbeat, or at
// once where notifications pass.
func (d *DB) TakeOver(ctx context.Context, user, instance string) (Session, error) {
	return d.openSession(ctx, user, uuid.NewString(), instance, "take_over")
}

// ResumeSession continues a session whose lease has not run out: nothing is
// charged twice, and the connection that had it before has lost it. Errors:
// ErrNoSession (also for somebody else's session), billing.ErrOutOfMinutes.
func (d *DB) ResumeSession(ctx context.Context, user, session, instance string) (Session, error) {
	if uuid.Validate(session) != nil {
		return Session{}, ErrNoSession
	}
	return d.openSession(ctx, user, session, instance, "resume")
}

func (d *DB) openSession(ctx context.Context, user, session, instance, mode string) (Session, error) {
	var s Session
	err := d.try(ctx, mode+" session", func(ctx context.Context) error {
		var outcome string
		var id *string
		var until *time.Time
		var lease, charged, left *int
		var paused, unlimited *bool
		err := d.pool.QueryRow(ctx, `select outcome, session_id::text, lease, paused, minutes_charged, minutes_left, unlimited, lease_until
			from private.open_session($1::uuid, $2::uuid, $3, $4)`, user, session, instance, mode).
			Scan(&outcome, &id, &lease, &paused, &charged, &left, &unlimited, &until)
		if err != nil {
			return err
		}
		switch outcome {
		case "started", "resumed":
			s = Session{Lease{*id, *lease}, *paused, *charged, *left, *unlimited}
			return nil
		case "no_account":
			return billing.ErrNoAccount
		case "out_of_minutes":
			return billing.ErrOutOfMinutes
		case "session_elsewhere":
			return &LeaseHeldError{*id, *until}
		case "no_session", "expired":
			return ErrNoSession
		}
		return fmt.Errorf("unknown outcome %q", outcome)
	})
	return s, err
}

// Pause stops the meter. Pausing twice does no harm. The error is a *LostError
// when the lease is not held any more.
func (d *DB) Pause(ctx context.Context, l Lease) error { return d.setPaused(ctx, l, true) }

// Unpause goes on metering, under the same rules.
func (d *DB) Unpause(ctx context.Context, l Lease) error { return d.setPaused(ctx, l, false) }

func (d *DB) setPaused(ctx context.Context, l Lease, paused bool) error {
	return d.try(ctx, "pause session", func(ctx context.Context) error {
		var lost *string
		err := d.pool.QueryRow(ctx, `select private.set_paused($1::uuid, $2::integer, $3)`,
			l.SessionID, l.Number, paused).Scan(&lost)
		if err == nil && lost != nil {
			return &LostError{EndReason(*lost)}
		}
		return err
	})
}

// Stop ends a session and settles it. Stopping twice gives the same answer. A
// session that had ended by itself answers with its own reason; the error is a
// *LostError when another lease has the session.
func (d *DB) Stop(ctx context.Context, l Lease) (Metered, error) {
	var m Metered
	err := d.try(ctx, "stop session", func(ctx context.Context) error {
		all, err := d.metered(ctx, `select `+meteredColumns+` from private.stop_session($1::uuid, $2::integer)`,
			l.SessionID, l.Number)
		switch {
		case err != nil:
			return err
		case len(all) == 0:
			return &LostError{EndResumed}
		}
		m = all[0]
		return nil
	})
	return m, err
}
