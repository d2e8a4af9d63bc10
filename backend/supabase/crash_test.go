package supabase

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"copilot/backend/supabase/pgtest"
	"copilot/billing"
)

// failpoints makes each row that is written to any table a place where the
// connection is cut, as by a crash of the server process.
const failpoints = `
create sequence private.writes;
create table private.failpoint (at bigint, how text);
insert into private.failpoint values (0, 'cut');
create function private.fail() returns trigger language plpgsql security definer set search_path = '' as $$
declare f private.failpoint;
begin
  select * into f from private.failpoint;
  if f.at > 0 and nextval('private.writes') = f.at then
    if f.how <> 'cut' then
      raise exception 'failpoint' using errcode = f.how;
    end if;
    perform pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid());
    perform pg_catalog.pg_sleep(5);
  end if;
  return new;
end $$;
do $$ declare t text; begin
  foreach t in array array['public.user_credits', 'public.credit_ledger', 'public.interview_sessions', 'public.subscriptions'] loop
    execute 'create trigger zz_fail after insert or update on ' || t || ' for each row execute function private.fail()';
    -- Once more when everything is written, at the commit.
    execute 'create constraint trigger zz_fail_late after insert or update on ' || t || ' deferrable initially deferred for each row execute function private.fail()';
  end loop;
end $$;`

// operation is something that moves money, and what goes before it.
type operation struct {
	name    string
	prepare func(b *bench, user string) Session
	do      func(b *bench, user string, s Session) error
}

func running(minutes time.Duration) func(*bench, string) Session {
	return func(b *bench, user string) Session {
		s := b.start(user, "a")
		for range int(minutes / (30 * time.Second)) {
			b.clock.Advance(30 * time.Second)
			b.beat(s)
		}
		return s
	}
}

func nothing(*bench, string) Session { return Session{} }

func posting(kind billing.Kind, minutes int) func(*bench, string, Session) error {
	return func(b *bench, user string, _ Session) error {
		_, err := b.db.Post(b.ctx, Posting{UserID: user, Kind: kind, Minutes: minutes, Key: "b4:" + user})
		return err
	}
}

var operations = []operation{
	{"start", nothing, func(b *bench, user string, _ Session) error {
		_, err := b.db.StartSession(b.ctx, user, "a")
		return err
	}},
	{"take over", running(3 * time.Minute), func(b *bench, user string, _ Session) error {
		_, err := b.db.TakeOver(b.ctx, user, "b")
		return err
	}},
	{"resume", running(3 * time.Minute), func(b *bench, user string, s Session) error {
		_, err := b.db.ResumeSession(b.ctx, user, s.SessionID, "b")
		return err
	}},
	{"tick", running(3 * time.Minute), func(b *bench, _ string, _ Session) error {
		_, err := b.db.Tick(b.ctx, "a")
		return err
	}},
	{"tick to the last minute", running(8 * time.Minute), func(b *bench, _ string, _ Session) error {
		_, err := b.db.Tick(b.ctx, "a")
		return err
	}},
	{"give back", func(b *bench, user string) Session {
		s := b.start(user, "a")
		b.clock.Advance(50 * time.Second)
		b.beat(s)
		b.clock.Advance(20 * time.Second)
		b.tick("a")
		b.clock.Advance(time.Minute)
		return s
	}, func(b *bench, _ string, _ Session) error {
		_, err := b.db.Tick(b.ctx, "a")
		return err
	}},
	{"stop", running(3 * time.Minute), func(b *bench, _ string, s Session) error {
		_, err := b.db.Stop(b.ctx, s.Lease)
		return err
	}},
	{"pause", running(time.Minute), func(b *bench, _ string, s Session) error { return b.db.Pause(b.ctx, s.Lease) }},
	{"disconnect", running(time.Minute), func(b *bench, _ string, s Session) error {
		return b.db.Disconnect(b.ctx, []Beat{{s.Lease, b.clock.Now()}})
	}},
	{"purchase", nothing, posting(billing.Purchase, 120)},
	{"refund beyond the balance", running(2 * time.Minute), posting(billing.Refund, -120)},
	{"purchase after a debt", func(b *bench, user string) Session {
		s := running(2*time.Minute)(b, user)
		_, err := b.db.Post(b.ctx, Posting{UserID: user, Kind: billing.Refund, Minutes: -50, Key: "debt:" + user})
		b.must(err)
		return s
	}, posting(billing.Purchase, 120)},
	{"subscription", running(time.Minute), func(b *bench, user string, _ Session) error {
		return b.bookPlan(user, "active", b.clock.Now().Add(time.Hour))
	}},
}

// traces is what is left of a person's operation, without names and times.
func (b *bench) traces(user string) string {
	return one[string](b, `select string_agg(l, E'\n' order by l) from (
		select concat_ws(' ', 'account', balance, debt) as l from public.user_credits where user_id = $1::uuid
		union all select concat_ws(' ', 'entry', kind, minutes, debt, minute_no) from public.credit_ledger where user_id = $1::uuid
		union all select concat_ws(' ', 'plan', status) from public.subscriptions where user_id = $1::uuid
		union all select concat_ws(' ', 'session', lease, minutes_charged, used, connected, paused, end_reason)
			from public.interview_sessions where user_id = $1::uuid) x`, user)
}

// afterFault does an operation of a new person with a failure at the n-th row
// that is written; n = 0: without. It reports whether the failure came.
func (b *bench) afterFault(o operation, n int, how string) (traces string, failed bool) {
	b.t.Helper()
	user := b.person(5)
	s := o.prepare(b, user)
	b.exec("update private.failpoint set at = $1, how = $2", n, how)
	b.exec("alter sequence private.writes restart")
	if err := o.do(b, user, s); err != nil {
		b.t.Errorf("%s with a failure at write %d: %v", o.name, n, err)
	}
	failed = n > 0 && one[int64](b, "select last_value from private.writes") >= int64(n)
	b.exec("update private.failpoint set at = 0")
	traces = b.traces(user)
	b.exec("delete from auth.users where id = $1", user) // the next tick sees only the next person
	return traces, failed
}

// B4: the connection is cut at each row that an operation writes, and at each
// again when it commits. It is done whole, once, or not at all; as the store
// asks again, whole and once.
func TestB4_CutAtEachWrite(t *testing.T) {
	for _, o := range operations {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.exec(failpoints)
			want, _ := b.afterFault(o, 0, "cut")
			cuts := 0
			for n := 1; ; n++ {
				got, failed := b.afterFault(o, n, "cut")
				if got != want {
					t.Errorf("cut at write %d:\n%s\nwant\n%s", n, got, want)
				}
				if !failed {
					break
				}
				cuts++
			}
			if cuts < 2 {
				t.Errorf("only %d places to cut", cuts)
			}
			b.audit()
		})
	}
}

// B5: serialization failures, lock timeouts and a server about to shut down are
// got over, once.
func TestB5_PassingFailures(t *testing.T) {
	b := newBench(t)
	b.exec(failpoints)
	for _, how := range []string{"40001", "40P01", "55P03", "57P01", "53300"} {
		for _, o := range operations {
			want, _ := b.afterFault(o, 0, how)
			if got, failed := b.afterFault(o, 1, how); got != want || !failed {
				t.Errorf("%s with %s (came: %v):\n%s\nwant\n%s", o.name, how, failed, got, want)
			}
		}
	}
	b.audit()
}

// B5: a true deadlock: two transactions that pay the same two people in
// opposite orders. One is chosen to fail, and is done again.
func TestB5_Deadlock(t *testing.T) {
	b := newBench(t)
	x, y := b.person(0), b.person(0)
	var tries atomic.Int64
	var both, done sync.WaitGroup
	both.Add(2)
	for i, order := range [][]string{{x, y}, {y, x}} {
		done.Go(func() {
			first := true
			err := b.db.InTx(b.ctx, func(ctx context.Context, tx *Tx) error {
				tries.Add(1)
				for _, user := range order {
					if _, err := tx.Post(ctx, Posting{UserID: user, Kind: billing.Purchase, Minutes: 1, Key: fmt.Sprint(user, i)}); err != nil {
						return err
					}
					if first {
						first = false
						both.Done()
						both.Wait()
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	if tries.Load() < 3 || b.balance(x) != 2 || b.balance(y) != 2 {
		t.Errorf("%d tries, balances %d and %d", tries.Load(), b.balance(x), b.balance(y))
	}
	b.audit()
}

// B5: the server crashes and comes back, again and again, under load. What was
// said to be done is done; what is asked again is done once.
func TestB5_PostgresRestarts(t *testing.T) {
	ctx := t.Context()
	// Durable: without fsync a crash may lose what was committed, by design.
	pg, err := pgtest.Start(ctx, pgtest.Options{Durable: true, Template: func(ctx context.Context, url string) error {
		_, err := Migrate(ctx, url)
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pg.Close() })
	db := pg.Database(t)
	d, err := Open(ctx, db.URL("copilot_backend"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var users []string
	setup := db.Super(t)
	for range 8 {
		users = append(users, uuid.NewString())
		if _, err := setup.Exec(ctx, "insert into auth.users (id) values ($1)", users[len(users)-1]); err != nil {
			t.Fatal(err)
		}
	}
	load, stop := context.WithCancel(ctx)
	defer stop()
	var working sync.WaitGroup
	var bought, failures atomic.Int64
	// insist asks until it is done or refused, as Stripe and people do.
	insist := func(f func() error) error {
		for {
			err := f()
			if _, lost := errors.AsType[*LostError](err); err == nil || lost || errors.Is(err, billing.ErrOutOfMinutes) {
				return err
			}
			failures.Add(1)
		}
	}
	for _, user := range users {
		working.Go(func() {
			for load.Err() == nil {
				key := uuid.NewString()
				insist(func() error {
					_, err := d.Post(ctx, Posting{UserID: user, Kind: billing.Purchase, Minutes: 1, Key: key})
					return err
				})
				bought.Add(1)
				var s Session
				if insist(func() (err error) { s, err = d.TakeOver(ctx, user, "a"); return err }) != nil {
					continue // the minute went to one whose answer was lost for too long
				}
				insist(func() error { return d.Pause(ctx, s.Lease) })
				insist(func() error { _, err := d.Stop(ctx, s.Lease); return err })
			}
		})
	}
	working.Go(func() {
		for load.Err() == nil {
			insist(func() error { _, err := d.Tick(ctx, "a"); return err })
			time.Sleep(20 * time.Millisecond)
		}
	})
	slow := 0
	for range rounds(4, 50) {
		time.Sleep(time.Duration(100+rand.IntN(300)) * time.Millisecond)
		began := time.Now()
		if err := pg.Restart(ctx); err != nil {
			t.Fatal(err)
		}
		if time.Since(began) > retryFor/2 {
			slow++
		}
	}
	stop()
	working.Wait()
	if n := failures.Load(); n > 0 && slow == 0 {
		t.Errorf("%d operations failed although each restart was shorter than they are tried", n)
	}
	var purchases int64
	if err := db.Super(t).QueryRow(ctx, "select count(*) from public.credit_ledger where kind = 'purchase'").Scan(&purchases); err != nil {
		t.Fatal(err)
	}
	if purchases != bought.Load() {
		t.Errorf("%d purchases in the ledger, %d were made", purchases, bought.Load())
	}
	db.Audit(t)
	t.Logf("%d purchases and sessions, %d failures, %d slow restarts", purchases, failures.Load(), slow)
}
