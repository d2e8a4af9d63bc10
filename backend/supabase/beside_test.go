package supabase

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"copilot/billing"
)

// What may be used beside the minutes is limited by the minute and by the day,
// also when it is asked for a hundred times at once; it moves no minutes.
func TestUseBesideIsLimited(t *testing.T) {
	b := newBench(t)
	user := b.person(10)
	take := func(kind UseKind) error {
		_, err := b.db.UseBeside(b.ctx, user, kind, 2, 6)
		return err
	}
	wait := func(err error) time.Duration {
		t.Helper()
		often, ok := errors.AsType[*TooOftenError](err)
		if !ok {
			t.Fatalf("%v", err)
		}
		return often.Wait
	}
	var mu sync.Mutex
	taken := 0
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if take(UseCheck) == nil {
				mu.Lock()
				defer mu.Unlock()
				taken++
			}
		})
	}
	wg.Wait()
	if taken != 2 {
		t.Errorf("%d at once", taken)
	}
	if w := wait(take(UseCheck)); w != time.Minute {
		t.Errorf("wait %v", w)
	}
	if err := take(UseAnswer); err != nil {
		t.Errorf("of another kind: %v", err)
	}
	for range 2 {
		b.clock.Advance(time.Minute)
		b.must(take(UseCheck))
		b.must(take(UseCheck))
	}
	b.clock.Advance(time.Minute)
	if w := wait(take(UseCheck)); w != 24*time.Hour-3*time.Minute {
		t.Errorf("wait %v", w)
	}
	b.clock.Advance(24*time.Hour - 3*time.Minute - time.Microsecond)
	wait(take(UseCheck))
	b.clock.Advance(time.Microsecond)
	b.must(take(UseCheck))
	if got := b.balance(user); got != 10 {
		t.Errorf("%d minutes left", got)
	}
	b.audit()
}

// A use needs minutes or Pro; who has just used their last minute up may still
// look back at that interview, but not begin another check.
func TestUseBesideNeedsMinutes(t *testing.T) {
	b := newBench(t)
	use := func(user string, kind UseKind) error {
		_, err := b.db.UseBeside(b.ctx, user, kind, 10, 10)
		return err
	}
	if err := use(uuid.NewString(), UseCheck); !errors.Is(err, billing.ErrNoAccount) {
		t.Errorf("nobody: %v", err)
	}
	user := b.person(0)
	for _, kind := range []UseKind{UseCheck, UseAnswer} {
		if err := use(user, kind); !errors.Is(err, billing.ErrOutOfMinutes) {
			t.Errorf("%s without minutes: %v", kind, err)
		}
	}
	b.buy(user, 1)
	s := b.start(user, "a")
	b.must(use(user, UseAnswer)) // while it runs
	b.run("a", 61*time.Second, s)
	if err := use(user, UseCheck); !errors.Is(err, billing.ErrOutOfMinutes) {
		t.Errorf("a check after the last minute: %v", err)
	}
	b.must(use(user, UseAnswer))
	b.clock.Advance(25 * time.Hour)
	if err := use(user, UseAnswer); !errors.Is(err, billing.ErrOutOfMinutes) {
		t.Errorf("the day after: %v", err)
	}
	b.subscribe(user, "active", b.clock.Now().Add(time.Hour))
	u, err := b.db.UseBeside(b.ctx, user, UseCheck, 10, 10)
	if err != nil || !u.Unlimited {
		t.Errorf("Pro: %+v, %v", u, err)
	}
	b.audit()
}

// What came to nothing is given back, by its owner only; a check appears among
// the sessions that streams are compared with; one that was overdrawn closes
// checks for 30 days, and answers not at all.
func TestUseBesideReturnedAndOverdrawn(t *testing.T) {
	b := newBench(t)
	user, other := b.person(10), b.person(10)
	first, err := b.db.UseBeside(b.ctx, user, UseCheck, 1, 1)
	b.must(err)
	b.must(b.db.ReturnBeside(b.ctx, other, first.ID))
	if _, err := b.db.UseBeside(b.ctx, user, UseCheck, 1, 1); err == nil {
		t.Error("somebody else gave it back")
	}
	b.must(b.db.ReturnBeside(b.ctx, user, first.ID))
	u, err := b.db.UseBeside(b.ctx, user, UseCheck, 1, 10)
	b.must(err)
	r, err := b.db.SessionsBetween(b.ctx, b.clock.Now().Add(-time.Hour), b.clock.Now().Add(time.Hour))
	b.must(err)
	if len(r) != 1 || r[0].SessionID != u.ID || r[0].End != EndCheck || r[0].MinutesCharged != 1 || !r[0].EndedAt.Equal(b.clock.Now().Add(time.Minute)) {
		t.Errorf("%+v", r)
	}
	s := b.start(other, "a")
	b.must(b.db.Overdrawn(b.ctx, []string{u.ID, s.SessionID}))
	b.clock.Advance(29 * 24 * time.Hour)
	if _, err := b.db.UseBeside(b.ctx, user, UseCheck, 1, 10); err == nil {
		t.Error("a check after one was overdrawn")
	}
	if _, err := b.db.UseBeside(b.ctx, user, UseAnswer, 1, 10); err != nil {
		t.Errorf("an answer: %v", err)
	}
	if _, err := b.db.UseBeside(b.ctx, other, UseCheck, 1, 10); err != nil {
		t.Errorf("somebody else's check: %v", err)
	}
	b.clock.Advance(24 * time.Hour)
	if _, err := b.db.UseBeside(b.ctx, user, UseCheck, 1, 10); err != nil {
		t.Errorf("30 days later: %v", err)
	}
}
