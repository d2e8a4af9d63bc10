// Package supabase is the Postgres of a Supabase project, reached through pgx:
// the schema (migrations/*.sql) and the queries over it.
//
// [Open] connects as the role copilot_backend, which may call functions and
// touch no table. A session is opened with [DB.StartSession], kept alive by
// [DB.Heartbeat], charged by [DB.Tick], and ended by [DB.Stop] or by itself;
// minutes come in through [DB.Book], from what Stripe says, or [DB.Post].
// [Migrate] applies the schema, as `supabase db push` does.
//
// Charging happens in SQL, in one statement for all sessions of an instance;
// the migrations say by which rules. Every call that changes something may be
// repeated: when the connection fails in the middle, the package tries again
// for up to three seconds, and what was done already is not done twice. Time is
// the database's; instants of this process are translated to it.
//
// The package starts no goroutines besides those of the pool, which Close ends.
// It knows nothing of sockets, of Stripe's objects or of access tokens.
package supabase

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"copilot/billing"
)

const (
	poolerPort = 6543 // Supabase's pooler in transaction mode
	retryFor   = 3 * time.Second
	retryWait  = 20 * time.Millisecond // doubles up to 16 times itself
)

// DB is the database. Its methods may be called concurrently. A cancelled ctx
// ends a call with its error; the database may or may not have done the work.
type DB struct {
	pool   *pgxpool.Pool
	pooler bool // no LISTEN, no prepared statements

	now    func() time.Time // this process's clock, with its monotonic part
	mu     sync.Mutex
	offset time.Duration // database's clock minus now
}

// Open connects and checks the connection. Through a transaction pooler (port
// 6543) it keeps no state on connections; there Listen has nothing to say.
func Open(ctx context.Context, url string) (*DB, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("database url: not understood") // the cause quotes the url
	}
	return open(ctx, cfg)
}

func open(ctx context.Context, cfg *pgxpool.Config) (*DB, error) {
	d := &DB{now: time.Now, pooler: cfg.ConnConfig.Port == poolerPort}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = 2 * time.Second
	}
	// A connection that has died is got over by trying again; asking before each
	// tick would double the statements.
	cfg.ShouldPing = func(_ context.Context, p pgxpool.ShouldPingParams) bool { return p.IdleDuration > time.Minute }
	if d.pooler {
		cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	var err error
	if d.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := d.Ping(ctx); err != nil {
		d.pool.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	return d, nil
}

// Close ends every connection and waits for those in use.
func (d *DB) Close() { d.pool.Close() }

// Ping asks the database for the time: it is there, and the schema is too.
func (d *DB) Ping(ctx context.Context) error {
	return d.try(ctx, "ping", func(ctx context.Context) error {
		before := d.now()
		var now time.Time
		if err := d.pool.QueryRow(ctx, "select private.now()").Scan(&now); err != nil {
			return err
		}
		d.synchronise(before, now)
		return nil
	})
}

// synchronise notes what the database's clock said to a question asked at
// before. The answer's delay makes our instants early rather than late.
func (d *DB) synchronise(before, database time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.offset = database.Sub(before)
	if wait := d.now().Sub(before); wait > 0 {
		d.offset -= wait
	}
}

// at translates an instant of this process to the database's clock.
func (d *DB) at(t time.Time) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return t.Add(d.offset).Round(0)
}

// try runs f until it succeeds, fails for good, or three seconds are over. f
// must be something that may be done twice.
func (d *DB) try(ctx context.Context, what string, f func(context.Context) error) error {
	deadline := time.Now().Add(retryFor)
	for wait := retryWait; ; wait = min(2*wait, 16*retryWait) {
		err := f(ctx)
		if err == nil {
			return nil
		}
		err = translate(err)
		if !passing(err) || ctx.Err() != nil || time.Now().Add(wait).After(deadline) {
			return fmt.Errorf("database: %s: %w", what, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("database: %s: %w", what, ctx.Err())
		case <-time.After(wait):
		}
	}
}

// translate gives the schema's own SQLSTATEs their names in Go.
func translate(err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	switch pg.Code {
	case "CP001":
		return billing.ErrNoAccount
	case "CP002":
		return billing.ErrKeyReused
	}
	return err
}

// passing tells a failure that another attempt may get over: the server went
// away or restarts, or two transactions stood in each other's way.
func passing(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pg.Code {
		case "40001", "40P01", "55P03", // serialization, deadlock, lock timeout
			"57P01", "57P02", "57P03", // shut down, crashed, starting
			"53300": // too many connections
			return true
		}
		return strings.HasPrefix(pg.Code, "08")
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return true
	}
	return pgconn.SafeToRetry(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed)
}

// Tx is a transaction.
type Tx struct {
	tx pgx.Tx
}

// InTx runs f in one transaction and commits it; when f or the commit fails,
// nothing has happened. It may run f again after a failure of the connection,
// so f must not do anything else that counts.
func (d *DB) InTx(ctx context.Context, f func(context.Context, *Tx) error) error {
	return d.try(ctx, "transaction", func(ctx context.Context) error {
		return pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error { return f(ctx, &Tx{tx}) })
	})
}
