package supabase

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"copilot/backend/supabase/pgtest"
	"copilot/billing"
)

// server is the private PostgreSQL of this run. Its template has the
// migrations; what tests change, they change in a copy.
var server *pgtest.Server

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if job := os.Getenv("SUPABASE_TEST_CHILD"); job != "" {
		return child(job)
	}
	s, err := pgtest.Start(context.Background(), pgtest.Options{Template: func(ctx context.Context, url string) error {
		_, err := Migrate(ctx, url)
		return err
	}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer s.Close()
	server = s
	code := m.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

var epoch = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// bench is one test's database with its own clock, seen as the backend sees it
// (db) and from behind (super).
type bench struct {
	t     testing.TB
	ctx   context.Context
	pg    *pgtest.Database
	clock *pgtest.Clock
	db    *DB
	super *pgx.Conn
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t, ctx: context.Background(), pg: server.Database(t)}
	b.clock = b.pg.Clock(t, epoch)
	b.super = b.pg.Super(t)
	b.db = b.open(nil)
	return b
}

// open is another process's view of the database, on the same clock.
func (b *bench) open(change func(*pgxpool.Config)) *DB {
	b.t.Helper()
	cfg, err := pgxpool.ParseConfig(b.pg.URL("copilot_backend"))
	b.must(err)
	if change != nil {
		change(cfg)
	}
	d, err := open(b.ctx, cfg)
	b.must(err)
	d.now = b.clock.Now
	b.must(d.Ping(b.ctx))
	b.t.Cleanup(d.Close)
	return d
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) exec(sql string, args ...any) {
	b.t.Helper()
	_, err := b.super.Exec(b.ctx, sql, args...)
	b.must(err)
}

func one[T any](b *bench, sql string, args ...any) T {
	b.t.Helper()
	rows, err := b.super.Query(b.ctx, sql, args...)
	b.must(err)
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	b.must(err)
	return v
}

// person makes a user with minutes.
func (b *bench) person(minutes int) string {
	b.t.Helper()
	id := uuid.NewString()
	b.exec("insert into auth.users (id) values ($1)", id)
	if minutes > 0 {
		b.buy(id, minutes)
	}
	return id
}

func (b *bench) buy(user string, minutes int) {
	b.t.Helper()
	_, err := b.db.Post(b.ctx, Posting{UserID: user, Kind: billing.Purchase, Minutes: minutes, Key: uuid.NewString()})
	b.must(err)
}

func (b *bench) subscribe(user, status string, end time.Time) {
	b.t.Helper()
	b.must(b.bookPlan(user, status, end))
}

// bookPlan books what Stripe says of a person's subscription.
func (b *bench) bookPlan(user, status string, end time.Time) error {
	customer, err := b.db.SetCustomer(b.ctx, user, "cus_"+user)
	if err != nil {
		return err
	}
	_, err = b.db.Book(b.ctx, billing.Event{}, billing.Facts{AsOf: b.clock.Now(), Customer: customer, Subscription: &billing.Subscription{
		ID: "sub_" + user, Plan: billing.PlanPro, Status: status, PeriodStart: end.AddDate(0, -1, 0), PeriodEnd: end, CancelAtPeriodEnd: true}})
	return err
}

func (b *bench) start(user, instance string) Session {
	b.t.Helper()
	s, err := b.db.StartSession(b.ctx, user, instance)
	b.must(err)
	return s
}

func (b *bench) tick(instance string) []Metered {
	b.t.Helper()
	m, err := b.db.Tick(b.ctx, instance)
	b.must(err)
	return m
}

// beat says that the sessions' clients are there now.
func (b *bench) beat(sessions ...Session) []Lost {
	b.t.Helper()
	var beats []Beat
	for _, s := range sessions {
		beats = append(beats, Beat{s.Lease, b.clock.Now()})
	}
	lost, err := b.db.Heartbeat(b.ctx, beats)
	b.must(err)
	return lost
}

// run lets time pass with everything in order: a heartbeat each five seconds
// and a tick each second.
func (b *bench) run(instance string, d time.Duration, sessions ...Session) []Metered {
	b.t.Helper()
	var all []Metered
	for end := b.clock.Now().Add(d); b.clock.Now().Before(end); {
		b.clock.Advance(min(time.Second, end.Sub(b.clock.Now())))
		if b.clock.Now().Second()%5 == 0 {
			b.beat(sessions...)
		}
		all = append(all, b.tick(instance)...)
	}
	return all
}

func (b *bench) balance(user string) int {
	b.t.Helper()
	a, err := b.db.Account(b.ctx, user)
	b.must(err)
	return a.MinutesLeft
}

// audit proves the books.
func (b *bench) audit() {
	b.t.Helper()
	b.pg.Audit(b.t)
}
