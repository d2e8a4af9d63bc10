package supabase

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"pgregory.net/rapid"

	"copilot/billing"
)

// rounds is how often a fault is repeated: a few times here, and as often as
// the goal says in the long runs.
func rounds(here, long int) int {
	if os.Getenv("COPILOT_SOAK") != "" {
		return long
	}
	return here
}

// B1: signs of life may be repeated, reordered, late and in any parts: what
// counts is the last of them. A day later they bring nothing back to life.
func TestB1_HeartbeatsRepeatedAndReordered(t *testing.T) {
	b := newBench(t)
	rapid.Check(t, func(t *rapid.T) {
		user := b.person(10)
		s := b.start(user, "a")
		began := b.clock.Now()
		b.clock.Advance(50 * time.Second)
		// Some are from before the session, and some claim to be of the future.
		moments := rapid.SliceOfN(rapid.Int64Range(-10_000, 60_000), 1, 12).Draw(t, "milliseconds after the start")
		last := began
		var beats []Beat
		for _, ms := range moments {
			at := began.Add(time.Duration(ms) * time.Millisecond)
			beats = append(beats, Beat{s.Lease, at}, Beat{s.Lease, at}, Beat{Lease{s.SessionID, 7}, at})
			last = later(last, earlier(at, b.clock.Now()))
		}
		beats = rapid.Permutation(beats).Draw(t, "order")
		for len(beats) > 0 {
			n := rapid.IntRange(1, len(beats)).Draw(t, "at once")
			if _, err := b.db.Heartbeat(b.ctx, beats[:n]); err != nil {
				t.Fatal(err)
			}
			beats = beats[n:]
		}
		alive := one[time.Time](b, "select alive_at from public.interview_sessions where id = $1", s.SessionID)
		until := one[time.Time](b, "select lease_until from public.interview_sessions where id = $1", s.SessionID)
		if !alive.Equal(last) || !until.Equal(last.Add(Silence+Grace)) {
			t.Fatalf("alive at %v until %v, the last sign was at %v", alive, until, last)
		}
		b.clock.Advance(24 * time.Hour)
		if lost := b.beat(s); len(lost) != 1 {
			t.Fatalf("a day later: %+v", lost)
		}
		b.tick("a")
		if got, want := b.balance(user), 10-billing.MinutesDue(last.Sub(began)); got != want {
			t.Fatalf("%d left, want %d", got, want)
		}
	})
	b.audit()
}

// child is this program as another process of the same instance's name: it
// ticks once for each line it reads, and writes how many minutes it charged.
func child(url string) int {
	ctx := context.Background()
	d, err := Open(ctx, url)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer d.Close()
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		all, err := d.Tick(ctx, "a")
		charged := 0
		for _, m := range all {
			charged += m.Charged
		}
		fmt.Println(charged, err)
	}
	return 0
}

// B3: two processes meter the same due minutes at the same moment, while
// clients come back and are settled by that too. Each minute is charged once.
func TestB3_TwoProcessesOneMinute(t *testing.T) {
	b := newBench(t)
	const people = 150
	var sessions []Session
	var users []string
	for range people {
		users = append(users, b.person(20))
		sessions = append(sessions, b.start(users[len(users)-1], "a"))
	}
	exe, err := os.Executable()
	b.must(err)
	var tell []func()
	var answers []*bufio.Scanner
	for range 2 {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), "SUPABASE_TEST_CHILD="+b.pg.URL("copilot_backend"))
		in, err := cmd.StdinPipe()
		b.must(err)
		out, err := cmd.StdoutPipe()
		b.must(err)
		b.must(cmd.Start())
		t.Cleanup(func() { in.Close(); cmd.Wait() })
		tell = append(tell, func() { fmt.Fprintln(in, "tick") })
		answers = append(answers, bufio.NewScanner(out))
	}
	charged := people
	for round := range 12 {
		b.clock.Advance(30 * time.Second)
		b.beat(sessions...)
		tell[0]()
		tell[1]()
		for i := round % 3; i < people; i += 3 {
			s, err := b.db.ResumeSession(b.ctx, users[i], sessions[i].SessionID, "a")
			b.must(err)
			sessions[i] = s
		}
		for _, a := range answers {
			a.Scan()
			var n int
			var failure string
			if fmt.Sscan(a.Text(), &n, &failure); failure != "<nil>" {
				t.Fatal(a.Text())
			}
			charged += n
		}
	}
	for len(b.tick("a")) > 0 { // what was locked in the last round
	}
	ledger := one[int](b, "select count(*) from public.credit_ledger where kind = 'usage'")
	if want := people * billing.MinutesDue(6*time.Minute); ledger != want || charged > ledger {
		t.Errorf("%d minutes in the ledger, want %d; the processes charged %d", ledger, want, charged)
	}
	b.audit()
}

// B11: ten thousand minutes begin in the same second and are charged by one
// statement, whose time grows no faster than they do. (On two free cores it
// takes a third of a second, of the two that a charge may be late.)
func TestB11_TenThousandAtOnce(t *testing.T) {
	b := newBench(t)
	many := map[string]int{"few": 1000, "many": 10_000}
	for instance, n := range many {
		b.exec("with u as (insert into auth.users (id, email) select gen_random_uuid(), $1 || n from generate_series(1, $2) n) select", instance, n)
	}
	b.exec("insert into public.credit_ledger (user_id, kind, minutes, idempotency_key, created_at) select id, 'purchase', 60, id, now() from auth.users")
	b.exec("update public.user_credits set balance = 60")
	b.exec(`insert into public.interview_sessions (id, user_id, instance, started_at, alive_at, lease_until, running_since, tick_at)
		select gen_random_uuid(), id, rtrim(email, '0123456789'), $1::timestamptz, $1, $1::timestamptz + interval '55 seconds', $1, '-infinity' from auth.users`, b.clock.Now())
	b.exec("analyze")
	b.clock.Advance(time.Second)
	b.tick("few") // the first minutes
	b.tick("many")
	rows, err := b.super.Query(b.ctx, "select id::text from public.interview_sessions")
	b.must(err)
	var beats []Beat
	for rows.Next() {
		var id string
		b.must(rows.Scan(&id))
		beats = append(beats, Beat{Lease: Lease{id, 1}})
	}
	b.must(rows.Err())
	took := map[string]time.Duration{"few": time.Hour, "many": time.Hour, "heartbeat": time.Hour}
	for range 3 {
		for range 2 {
			b.clock.Advance(30 * time.Second)
			for i := range beats {
				beats[i].Seen = b.clock.Now()
			}
			began := time.Now()
			lost, err := b.db.Heartbeat(b.ctx, beats)
			if err != nil || len(lost) != 0 {
				t.Fatalf("%d lost, %v", len(lost), err)
			}
			took["heartbeat"] = min(took["heartbeat"], time.Since(began))
		}
		b.clock.Advance(time.Second)
		for instance, n := range many {
			began := time.Now()
			m := b.tick(instance)
			took[instance] = min(took[instance], time.Since(began))
			if len(m) != n {
				t.Fatalf("%d of %d charged", len(m), n)
			}
		}
	}
	t.Logf("one tick charged 1000 minutes in %v and 10000 in %v; one heartbeat of all took %v", took["few"], took["many"], took["heartbeat"])
	if took["many"] > 30*took["few"] {
		t.Error("ten times the sessions take more than thirty times as long")
	}
	b.audit()
}

// N17: the clock of the database steps within a minute, and that of an instance
// is an hour wrong. A step forward ends the session and is not charged; after a
// step back the meter waits until the time has come again.
func TestN17_ClockSteps(t *testing.T) {
	b := newBench(t)
	forward, back, wrong := b.person(10), b.person(10), b.person(10)
	s := b.start(forward, "a")
	b.run("a", 90*time.Second, s)
	b.clock.Advance(5 * time.Minute)
	if m := b.tick("a"); len(m) != 1 || m[0].End != EndExpired || b.balance(forward) != 8 {
		t.Errorf("a step forward: %+v, %d left", m, b.balance(forward))
	}

	s = b.start(back, "a")
	b.run("a", 90*time.Second, s)
	b.clock.Advance(-5 * time.Minute)
	b.run("a", 5*time.Minute, s)
	if got := b.balance(back); got != 8 {
		t.Errorf("%d left when the clock has caught up", got)
	}
	b.run("a", 31*time.Second, s)
	if got := b.balance(back); got != 7 {
		t.Errorf("%d left half a minute later", got)
	}

	s = b.start(wrong, "a")
	b.db.now = func() time.Time { return b.clock.Now().Add(time.Hour) }
	b.must(b.db.Ping(b.ctx)) // as an instance does at its start
	for range 9 {
		b.clock.Advance(20 * time.Second)
		if lost, err := b.db.Heartbeat(b.ctx, []Beat{{s.Lease, b.db.now()}}); err != nil || len(lost) > 0 {
			t.Fatalf("%v, %v", lost, err)
		}
		b.tick("a")
	}
	if got := b.balance(wrong); got != 7 {
		t.Errorf("%d left after three minutes at an instance whose clock is wrong", got)
	}
	b.audit()
}
