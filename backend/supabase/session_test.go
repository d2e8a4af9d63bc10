package supabase

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"copilot/billing"
)

// The whole life of a session: minutes begin, a pause is free, stop settles.
func TestSessionIsChargedByTheMinute(t *testing.T) {
	b := newBench(t)
	user := b.person(10)
	s := b.start(user, "a")
	if s.MinutesLeft != 9 || s.MinutesCharged != 1 || s.Number != 1 {
		t.Fatalf("started: %+v", s)
	}
	if n := len(b.run("a", 60*time.Second, s)); n > 1 { // the tick right after the start may report it
		t.Errorf("%d reports within the first minute", n)
	}
	if got := b.balance(user); got != 9 {
		t.Errorf("after exactly one minute: %d left", got)
	}
	if m := b.run("a", time.Second, s); len(m) != 1 || m[0].Charged != 1 || m[0].MinutesLeft != 8 {
		t.Errorf("the second minute: %+v", m)
	}
	b.must(b.db.Pause(b.ctx, s.Lease))
	b.must(b.db.Pause(b.ctx, s.Lease))
	if m := b.run("a", 10*time.Minute, s); len(m) != 0 {
		t.Errorf("while paused: %+v", m)
	}
	b.must(b.db.Unpause(b.ctx, s.Lease))
	b.run("a", 59*time.Second, s)
	if got := b.balance(user); got != 8 {
		t.Errorf("at 2:00 of use: %d left", got)
	}
	m, err := b.db.Stop(b.ctx, s.Lease)
	if err != nil || m.End != EndStopped || m.MinutesCharged != 2 || m.MinutesLeft != 8 {
		t.Errorf("stop: %+v, %v", m, err)
	}
	again, err := b.db.Stop(b.ctx, s.Lease)
	if err != nil || again.End != EndStopped || again.MinutesCharged != 2 {
		t.Errorf("stop again: %+v, %v", again, err)
	}
	b.audit()
}

// Without minutes nothing starts; the last minute is delivered whole, then the
// session ends; bought minutes are heard of by the next tick.
func TestOutOfMinutes(t *testing.T) {
	b := newBench(t)
	user := b.person(0)
	if _, err := b.db.StartSession(b.ctx, user, "a"); !errors.Is(err, billing.ErrOutOfMinutes) {
		t.Fatalf("start: %v", err)
	}
	if _, err := b.db.StartSession(b.ctx, uuid.NewString(), "a"); !errors.Is(err, billing.ErrNoAccount) {
		t.Fatalf("a stranger: %v", err)
	}
	b.buy(user, 2)
	s := b.start(user, "a")
	b.run("a", 61*time.Second, s)
	if m := b.run("a", 59*time.Second, s); len(m) != 0 {
		t.Errorf("ended before the last minute was over: %+v", m)
	}
	m := b.run("a", 2*time.Second, s)
	if len(m) != 1 || m[0].End != EndOutOfMinutes || m[0].MinutesLeft != 0 || m[0].MinutesCharged != 2 {
		t.Fatalf("at the end: %+v", m)
	}
	if lost := b.beat(s); len(lost) != 1 || lost[0].Reason != EndOutOfMinutes {
		t.Errorf("heartbeat after the end: %+v", lost)
	}
	if _, err := b.db.ResumeSession(b.ctx, user, s.SessionID, "a"); !errors.Is(err, ErrNoSession) {
		t.Errorf("resume after the end: %v", err)
	}
	b.buy(user, 5)
	s = b.start(user, "a")
	b.tick("a")
	b.buy(user, 7)
	if m := b.tick("a"); len(m) != 1 || m[0].Charged != 0 || m[0].MinutesLeft != 11 {
		t.Errorf("the tick after a purchase: %+v", m)
	}
	b.audit()
}

// Pro is recorded with zero minutes; when it ends in a session, minutes count.
func TestProIsRecordedAndFree(t *testing.T) {
	b := newBench(t)
	user := b.person(3)
	b.subscribe(user, "active", epoch.Add(150*time.Second))
	s := b.start(user, "a")
	if !s.Unlimited || s.MinutesLeft != 3 {
		t.Fatalf("started: %+v", s)
	}
	b.run("a", 241*time.Second, s)
	if got := b.balance(user); got != 1 { // minutes 4 and 5 began after Pro's end
		t.Errorf("%d left", got)
	}
	if n := one[int](b, "select count(*) from public.credit_ledger where kind = 'usage' and minutes = 0"); n != 3 {
		t.Errorf("%d free minutes", n)
	}
	a, err := b.db.Account(b.ctx, user)
	if err != nil || a.Plan != billing.PlanMinutes || a.Rights.Unlimited || a.Session != s.Lease {
		t.Errorf("account: %+v, %v", a, err)
	}
	b.audit()
}

// Resume within the grace time charges nothing twice; another person's session,
// an unknown one, and one beyond its lease cannot be resumed.
func TestResume(t *testing.T) {
	b := newBench(t)
	user, other := b.person(10), b.person(10)
	s := b.start(user, "a")
	b.run("a", 30*time.Second, s)
	b.must(b.db.Disconnect(b.ctx, []Beat{{s.Lease, b.clock.Now()}}))
	b.run("a", 29*time.Second)
	for _, c := range []struct{ user, session string }{{other, s.SessionID}, {user, uuid.NewString()}, {user, "nonsense"}} {
		if _, err := b.db.ResumeSession(b.ctx, c.user, c.session, "b"); !errors.Is(err, ErrNoSession) {
			t.Errorf("resume %+v: %v", c, err)
		}
	}
	r, err := b.db.ResumeSession(b.ctx, user, s.SessionID, "b")
	if err != nil || r.Number != 2 || r.MinutesLeft != 9 || r.MinutesCharged != 1 {
		t.Fatalf("resumed: %+v, %v", r, err)
	}
	var lost *LostError
	if err := b.db.Pause(b.ctx, s.Lease); !errors.As(err, &lost) || lost.Reason != EndResumed {
		t.Errorf("the old lease can still pause: %v", err)
	}
	if _, err := b.db.Stop(b.ctx, s.Lease); !errors.As(err, &lost) {
		t.Errorf("the old lease can still stop: %v", err)
	}
	b.run("b", 30*time.Second, r)
	if got := b.balance(user); got != 9 {
		t.Errorf("at 1:00 of use: %d left", got)
	}
	b.run("b", time.Second, r)
	if got := b.balance(user); got != 8 {
		t.Errorf("at 1:01 of use: %d left", got)
	}
	b.audit()
}

// Reconnecting faster than heartbeats are written is not free.
func TestReconnectingIsNotFree(t *testing.T) {
	b := newBench(t)
	user := b.person(10)
	s := b.start(user, "a")
	for range 100 { // 300 s, without a single heartbeat
		b.clock.Advance(3 * time.Second)
		r, err := b.db.ResumeSession(b.ctx, user, s.SessionID, "a")
		b.must(err)
		s = r
	}
	if got := b.balance(user); got != 5 {
		t.Errorf("%d left after five minutes", got)
	}
	b.audit()
}

// A takeover ends the other device's session for good: it cannot come back and
// take it over in turn without being asked to.
func TestTakeOver(t *testing.T) {
	b := newBench(t)
	user := b.person(10)
	s := b.start(user, "a")
	var held *LeaseHeldError
	if _, err := b.db.StartSession(b.ctx, user, "b"); !errors.As(err, &held) || held.SessionID != s.SessionID {
		t.Fatalf("a second start: %v", err)
	}
	n, err := b.db.TakeOver(b.ctx, user, "b")
	if err != nil || n.SessionID == s.SessionID || n.MinutesLeft != 8 {
		t.Fatalf("taken over: %+v, %v", n, err)
	}
	if lost := b.beat(s, n); len(lost) != 1 || lost[0].Reason != EndTakenOver {
		t.Errorf("heartbeat: %+v", lost)
	}
	if _, err := b.db.ResumeSession(b.ctx, user, s.SessionID, "a"); !errors.Is(err, ErrNoSession) {
		t.Errorf("the first device resumes: %v", err)
	}
	b.audit()
}

// N16: a laptop sleeps for ten minutes. The lease ends at its term, and a
// minute that began in the silence before anybody knew is given back.
func TestN16_LaptopSleeps(t *testing.T) {
	b := newBench(t)
	user := b.person(10)
	s := b.start(user, "a")
	b.run("a", 50*time.Second, s)
	asleep := b.clock.Now()
	b.run("a", Silence) // nobody knows yet; minute 2 begins
	if got := b.balance(user); got != 8 {
		t.Errorf("%d left before the silence is noticed", got)
	}
	b.must(b.db.Disconnect(b.ctx, []Beat{{s.Lease, asleep}}))
	b.run("a", 9*time.Minute)
	if got := b.balance(user); got != 9 {
		t.Errorf("%d left after the sleep", got)
	}
	r, err := b.db.Sessions(b.ctx, user, time.Time{}, 10)
	b.must(err)
	if len(r) != 1 || r[0].End != EndExpired || r[0].Used != 50*time.Second || r[0].MinutesCharged != 1 ||
		!r[0].EndedAt.Equal(asleep.Add(Silence+Grace)) {
		t.Errorf("receipt: %+v", r)
	}
	b.audit()
}

// B2: without signs of life a lease holds to the end of its term and no longer,
// to the microsecond, whether the socket is known to be gone or not.
func TestB2_HeartbeatsLost(t *testing.T) {
	b := newBench(t)
	for _, known := range []bool{false, true} {
		term := Silence + Grace
		if known {
			term = Grace
		}
		for _, c := range []struct {
			after time.Duration
			alive bool
		}{{term - time.Second, true}, {term, true}, {term + time.Microsecond, false}, {term + time.Second, false}} {
			user := b.person(10)
			s := b.start(user, "a")
			if known {
				b.must(b.db.Disconnect(b.ctx, []Beat{{s.Lease, b.clock.Now()}}))
			}
			b.clock.Advance(c.after)
			b.tick("someone else")
			_, err := b.db.ResumeSession(b.ctx, user, s.SessionID, "a")
			if alive := err == nil; alive != c.alive {
				t.Errorf("known=%v, %v after the last sign of life: alive %v (%v)", known, c.after, alive, err)
			}
			if !c.alive {
				end := one[time.Time](b, "select ended_at from public.interview_sessions where id = $1", s.SessionID)
				if want := b.clock.Now().Add(term - c.after); !end.Equal(want) {
					t.Errorf("ended at %v, want %v", end, want)
				}
			}
		}
	}
	b.audit()
}

// B8: a hundred devices start at once; one has the session, one minute is paid.
func TestB8_ParallelStarts(t *testing.T) {
	b := newBench(t)
	for round := range rounds(5, 1000) {
		user := b.person(100)
		var mu sync.Mutex
		won, held := 0, 0
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				_, err := b.db.StartSession(b.ctx, user, fmt.Sprint(i))
				var elsewhere *LeaseHeldError
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won++
				case errors.As(err, &elsewhere):
					held++
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won != 1 || held != 99 || b.balance(user) != 99 {
			t.Errorf("round %d: %d won, %d refused, balance %d", round, won, held, b.balance(user))
		}
	}
	b.audit()
}

// B10: stop at each second around a minute's boundary, ticked or not: the
// charge is the published rule's and nothing else.
func TestB10_StopAtTheMinuteBoundary(t *testing.T) {
	b := newBench(t)
	offsets := []time.Duration{59*time.Second + 999999*time.Microsecond, time.Minute, time.Minute + time.Microsecond}
	for i := range 60 {
		offsets = append(offsets, time.Minute+time.Duration(i)*time.Second)
	}
	for _, used := range offsets {
		for _, ticked := range []bool{false, true} {
			user := b.person(10)
			s := b.start(user, "a")
			for left := used; left > 0; left -= 20 * time.Second {
				b.clock.Advance(min(left, 20*time.Second))
				b.beat(s)
			}
			if ticked {
				b.tick("a")
			}
			m, err := b.db.Stop(b.ctx, s.Lease)
			b.must(err)
			b.clock.Advance(time.Hour)
			b.tick("a")
			if want := billing.MinutesDue(used); m.MinutesCharged != want || b.balance(user) != 10-want {
				t.Errorf("stopped at %v (ticked %v): %d minutes, %d left, want %d", used, ticked, m.MinutesCharged, b.balance(user), want)
			}
		}
	}
	b.audit()
}

// Asking again for a session whose answer was lost starts nothing twice.
func TestStartIsIdempotent(t *testing.T) {
	b := newBench(t)
	user, id := b.person(10), uuid.NewString()
	for range 3 {
		s, err := b.db.openSession(b.ctx, user, id, "a", "start")
		if err != nil || s.SessionID != id || s.MinutesLeft != 9 || s.Number != 1 {
			t.Fatalf("%+v, %v", s, err)
		}
	}
	b.audit()
}

// Somebody deletes their account in the middle of a session.
func TestAccountDeleted(t *testing.T) {
	b := newBench(t)
	user := b.person(10)
	s := b.start(user, "a")
	b.exec("delete from auth.users where id = $1", user)
	if lost := b.beat(s); len(lost) != 1 || lost[0].Reason != EndAccountDeleted {
		t.Errorf("heartbeat: %+v", lost)
	}
	b.run("a", 2*time.Minute)
	if m, err := b.db.Stop(b.ctx, s.Lease); err != nil || m.End != EndAccountDeleted {
		t.Errorf("stop: %+v, %v", m, err)
	}
	if n := one[int](b, "select count(*) from public.credit_ledger where user_id = $1", user); n != 2 {
		t.Errorf("%d entries are left of the books", n)
	}
}

// The constants of the Go side are those of the schema.
func TestTermsAgree(t *testing.T) {
	b := newBench(t)
	for name, want := range map[string]time.Duration{"silence": Silence, "grace": Grace} {
		if got := one[time.Duration](b, "select private."+name+"()"); got != want {
			t.Errorf("%s: %v in SQL, %v in Go", name, got, want)
		}
	}
	for used := time.Duration(0); used < 5*time.Minute; used += 7777 * time.Millisecond {
		if got := one[int](b, "select greatest(1, ceil(extract(epoch from $1::interval) / 60)::integer)", used); got != billing.MinutesDue(used) {
			t.Errorf("%v: %d in SQL, %d in Go", used, got, billing.MinutesDue(used))
		}
	}
}

// Through a transaction pooler nothing may rest on the connection: everything
// works in the mode that is used there, in which types are told by Go's alone.
func TestPoolerMode(t *testing.T) {
	b := newBench(t)
	b.db = b.open(func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec })
	for _, o := range operations {
		user := b.person(5)
		s := o.prepare(b, user)
		if err := o.do(b, user, s); err != nil {
			t.Errorf("%s: %v", o.name, err)
		}
	}
	user := b.person(5)
	s := b.start(user, "a")
	b.must(b.db.Pause(b.ctx, s.Lease))
	b.must(b.db.Unpause(b.ctx, s.Lease))
	if a, err := b.db.Account(b.ctx, user); err != nil || a.Session != s.Lease || !a.Connected || a.Paused {
		t.Errorf("account: %+v, %v", a, err)
	}
	if l, err := b.db.Ledger(b.ctx, user, 0, 10); err != nil || len(l) != 2 {
		t.Errorf("ledger: %+v, %v", l, err)
	}
	if r, err := b.db.Sessions(b.ctx, user, b.clock.Now().Add(time.Hour), 10); err != nil || len(r) != 1 {
		t.Errorf("sessions: %+v, %v", r, err)
	}
	if r, err := b.db.SessionsBetween(b.ctx, epoch, b.clock.Now().Add(time.Hour)); err != nil || len(r) < 5 {
		t.Errorf("sessions between: %+v, %v", r, err)
	}
	b.audit()
}

// What is in the ledger stays: not even the schema's owner changes a row.
func TestLedgerIsAppendOnly(t *testing.T) {
	b := newBench(t)
	b.person(5)
	owner := b.pg.Connect(t, "postgres")
	for _, sql := range []string{"update public.credit_ledger set minutes = 500", "delete from public.credit_ledger", "truncate public.credit_ledger"} {
		if _, err := owner.Exec(b.ctx, sql); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for _, sql := range []string{"update public.user_credits set balance = -1", "update public.user_credits set debt = 1"} {
		if _, err := owner.Exec(b.ctx, sql); err == nil || !strings.Contains(err.Error(), "check constraint") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	b.audit()
}

// The owner may greet new people with minutes; nobody is greeted twice.
func TestWelcome(t *testing.T) {
	b := newBench(t)
	before := b.person(0)
	b.exec("update private.settings set welcome_minutes = 10")
	if got := b.balance(b.person(0)); got != 10 {
		t.Errorf("a new person has %d minutes", got)
	}
	if got := b.balance(before); got != 0 {
		t.Errorf("an old one has %d", got)
	}
	b.audit()
}
