package supabase

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

// The money simulator. A seed is a little world: people with a few minutes,
// their programs, instances of the backend, Stripe's messages, a clock, and
// everything that goes wrong between them. The world (world_test.go) writes a
// script of calls with what the oracle expects of each; here the script is run
// against the real schema, in one transaction on an empty database that is
// rolled back at the end, so that seeds know nothing of each other.
//
//	COPILOT_SEED=4711 go test -run TestG2_MoneyIsNeverWrong ./backend/supabase   one seed, told step by step
//	COPILOT_SOAK=1    go test -run TestG2_MoneyIsNeverWrong ./backend/supabase   until 10⁶ session-minutes (make soak)

const (
	seedsInCI   = 2000
	soakMinutes = 1_000_000
	soakStride  = 8 // every second seed is one of long interviews
)

// step is one call: what is sent, and what must come back.
type step struct {
	sql  string
	args []any
	want string
	any  bool // whatever comes back: it is rolled back, or moves the clock
}

func (s step) String() string { return fmt.Sprint(s.sql, " ", s.args) }

const simulator = `
create schema sim;
create or replace function private.now() returns timestamptz
language sql volatile security definer set search_path = '' as $$
  select 'epoch'::timestamptz + current_setting('sim.now')::bigint * interval '1 microsecond' $$;
create function sim.post(u uuid, kind text, minutes integer, key text) returns text language plpgsql as $$
declare p private.posted;
begin
  p := private.post(u, kind, minutes, key, null, null, null, null, null, null, null);
  return concat_ws(' ', p.applied, p.balance, p.debt);
exception when others then return sqlstate;
end $$;
create function sim.micros(t timestamptz) returns bigint language sql as $$ select (extract(epoch from t) * 1000000)::bigint $$;
create function sim.micros(t interval) returns bigint language sql as $$ select (extract(epoch from t) * 1000000)::bigint $$;`

// What must hold whatever the oracle says comes first; then everything there is.
const books = `select coalesce(string_agg(l, E'\n' order by l), '') from (
	select concat_ws(' ', 'WRONG', c.user_id, c.balance, c.debt) as l from public.user_credits c
		where c.balance < 0 or c.debt < 0 or (c.balance, c.debt) <> (
			select coalesce(sum(e.minutes), 0), coalesce(sum(e.debt), 0) from public.credit_ledger e where e.user_id = c.user_id)
	union all select concat_ws(' ', 'account', user_id, balance, debt) from public.user_credits
	union all select concat_ws(' ', 'plan', stripe_subscription_id, user_id, sim.micros(as_of),
		case when pro_until = '-infinity' then 'never' else sim.micros(pro_until)::text end) from public.subscriptions
	union all select concat_ws(' ', 'session', id, lease, instance, minutes_charged, sim.micros(used), sim.micros(alive_at),
		sim.micros(lease_until), connected, paused, end_reason) from public.interview_sessions
	union all select concat_ws(' ', 'minute', session_id, minute_no, minutes) from public.credit_ledger where kind = 'usage'
	union all select concat_ws(' ', 'entry', user_id, kind, minutes, debt, idempotency_key) from public.credit_ledger where kind <> 'usage'
	) x`

// simulation is a database for one seed at a time.
type simulation struct {
	c      *pgx.Conn
	played int
}

func newSimulation(t testing.TB) *simulation {
	t.Helper()
	c := server.Database(t).Super(t)
	if _, err := c.Exec(t.Context(), simulator); err != nil {
		t.Fatal(err)
	}
	return &simulation{c: c}
}

func silent(string, ...any) {}

// play plays a seed and returns the digest of all answers.
func (m *simulation) play(ctx context.Context, w *world, tell func(string, ...any)) (digest string, err error) {
	if m.played++; m.played%20 == 0 { // what is rolled back leaves its rows behind
		if _, err := m.c.Exec(ctx, "vacuum"); err != nil {
			return "", err
		}
	}
	tx, err := m.c.Begin(ctx)
	if err != nil {
		return "", err
	}
	defer tx.Rollback(ctx)
	batch := &pgx.Batch{}
	for _, s := range w.script {
		batch.Queue(s.sql, s.args...)
	}
	answers := tx.SendBatch(ctx, batch)
	defer answers.Close()
	sum := sha256.New()
	for i, s := range w.script {
		var got *string
		if s.any {
			_, err = answers.Exec()
		} else {
			err = answers.QueryRow().Scan(&got)
		}
		if err != nil {
			return "", fmt.Errorf("step %d, %v: %w", i, s, err)
		}
		tell("%4d %v\n     = %s", i, s, value(got))
		fmt.Fprintln(sum, value(got))
		if !s.any && value(got) != s.want {
			return "", fmt.Errorf("step %d, %v\ngot\n%s\nwant\n%s", i, s, value(got), s.want)
		}
	}
	return fmt.Sprintf("%x", sum.Sum(nil)), nil
}

// Goal D-G2. Balances are the ledger's sums and never below zero, each minute
// that has begun is charged once, debts are settled first, and nobody pays for
// what they did not have: whatever happens, in whatever order.
func TestG2_MoneyIsNeverWrong(t *testing.T) {
	if v := os.Getenv("COPILOT_SEED"); v != "" {
		seed, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(seed)
		if _, err := newSimulation(t).play(t.Context(), w, t.Logf); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if err := w.fair(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		return
	}
	var next, minutes, failed atomic.Uint64
	enough, stride := func() bool { return next.Load() >= seedsInCI }, uint64(1)
	if os.Getenv("COPILOT_SOAK") != "" {
		enough, stride = func() bool { return minutes.Load() >= soakMinutes }, soakStride
	}
	var seen coverage
	var players sync.WaitGroup
	for range 2 {
		m := newSimulation(t)
		players.Go(func() {
			for !enough() && failed.Load() < 3 {
				seed := stride * next.Add(1)
				w := newWorld(seed)
				_, err := m.play(t.Context(), w, silent)
				if err == nil {
					err = w.fair()
				}
				if err != nil {
					failed.Add(1)
					t.Errorf("seed %d (replay it with COPILOT_SEED=%d): %v", seed, seed, err)
				}
				if total := minutes.Add(uint64(w.minutes())); stride > 1 && seed%(500*stride) == 0 {
					t.Logf("%d seeds, %d session-minutes", seed/stride, total)
				}
				seen.add(w)
			}
		})
	}
	players.Wait()
	t.Logf("%d seeds, %d session-minutes; %s", next.Load(), minutes.Load(), &seen)
	for what, n := range seen.counts {
		if n == 0 {
			t.Errorf("%s never happened: the simulator shows less than it says", what)
		}
	}
}

// The same seed is the same world and the same answers, in any database.
func TestG2_SeedsReplay(t *testing.T) {
	var first []string
	for round := range 2 {
		m := newSimulation(t)
		for seed := range uint64(20) {
			if round == 1 {
				seed = 19 - seed
			}
			digest, err := m.play(t.Context(), newWorld(seed), silent)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if round == 0 {
				first = append(first, digest)
			} else if first[seed] != digest {
				t.Errorf("seed %d: another digest the second time", seed)
			}
		}
	}
}

// The simulator notices each of these mistakes, so its silence means something.
func TestG2_MistakesAreNoticed(t *testing.T) {
	for name, change := range map[string]struct{ old, new string }{
		"a minute begins a second late": {"extract(epoch from m.used_now) / 60", "extract(epoch from m.used_now - interval '1 second') / 60"},
		"a pause is not free":           {"case when p_paused then null else v_now end,\n        alive_at", "v_now,\n        alive_at"},
		"silence is charged":            {"else least(p_now, s.alive_at + v_silence)", "else p_now"},
		"reconnecting is free":          {"least(v_now, t.alive_at + private.silence()) - t.running_since", "t.alive_at - t.running_since"},
		"unheard minutes are kept":      {"d.ending in ('expired', 'stopped', 'taken_over') and d.minutes_charged > d.minutes_due", "false"},
		"a debt is forgotten":           {"d_debt := d_minutes - p_minutes;", "d_debt := 0;"},
		"an old lease may stop":         {"where id = p_session and lease = p_lease for update", "where id = p_session for update"},
		"old news of Stripe wins":       {"and s.as_of <= excluded.as_of", ""},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			m := newSimulation(t)
			if err := mutate(t.Context(), m.c, change.old, change.new); err != nil {
				t.Fatal(err)
			}
			for seed := range uint64(300) {
				if _, err := m.play(t.Context(), newWorld(seed), silent); err != nil {
					t.Logf("seed %d", seed)
					return
				}
			}
			t.Error("not noticed by 300 seeds")
		})
	}
}

// mutate changes the one function of the schema whose text has old.
func mutate(ctx context.Context, c *pgx.Conn, old, new string) error {
	rows, err := c.Query(ctx, `select pg_get_functiondef(p.oid) from pg_proc p
		where pronamespace = 'private'::regnamespace and strpos(prosrc, $1) > 0`, old)
	if err != nil {
		return err
	}
	def, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("%q: %w", old, err)
	}
	_, err = c.Exec(ctx, strings.Replace(def, old, new, 1))
	return err
}
