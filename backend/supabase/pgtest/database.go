package pgtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Database is one test's own copy of the template.
type Database struct {
	Name   string
	Server *Server
}

// Database copies the template for this test and drops the copy at its end.
func (s *Server) Database(t testing.TB) *Database {
	t.Helper()
	d := &Database{Name: fmt.Sprintf("t%d", s.names.Add(1)), Server: s}
	ctx := context.Background()
	if err := s.exec(ctx, s.owner(), "template1", "create database "+d.Name+" template "+template+" owner postgres"); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if err := s.exec(ctx, s.owner(), "template1", "drop database "+d.Name+" with (force)"); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return d
}

// URL is the database's connection string for a role.
func (d *Database) URL(role string) string { return d.Server.URL(role, d.Name) }

// Connect opens a connection for a role and closes it at the test's end.
func (d *Database) Connect(t testing.TB, role string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(context.Background(), d.URL(role))
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// Super opens a superuser's connection, for looking behind the curtain.
func (d *Database) Super(t testing.TB) *pgx.Conn { return d.Connect(t, d.Server.Superuser()) }

// Clock is the time a database believes in. It is a file that the database's
// private.now() reads, so that a jump is seen by every connection at once, in
// the middle of transactions too, as with a real clock. Safe for concurrent use.
type Clock struct {
	mu   sync.Mutex
	now  time.Time
	file *os.File
}

// Clock replaces private.now() in this database by a clock that stands at
// start until it is set. Production has no switch that could do this: the
// function belongs to the schema's owner, and nothing reads a setting.
func (d *Database) Clock(t testing.TB, start time.Time) *Clock {
	t.Helper()
	name := filepath.Join(d.Server.dir, d.Name+".clock")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		t.Fatalf("pgtest: clock: %v", err)
	}
	t.Cleanup(func() { _ = f.Close() })
	c := &Clock{file: f}
	c.Set(start)
	sql := fmt.Sprintf(`create or replace function private.now() returns timestamptz language sql volatile
		security definer set search_path = '' as $$
		select 'epoch'::timestamptz + pg_read_file('%s')::bigint * interval '1 microsecond' $$;
		alter function private.now() owner to %s;
		grant execute on function private.now() to postgres`, name, d.Server.Superuser())
	conn := d.Super(t)
	if _, err := conn.Exec(context.Background(), sql); err != nil {
		t.Fatalf("pgtest: clock: %v", err)
	}
	return c
}

// Set moves the clock, also backwards.
func (c *Clock) Set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now.Truncate(time.Microsecond)
	// A fixed width, in place: a reader sees the old time or the new one.
	if _, err := c.file.WriteAt(fmt.Appendf(nil, "%020d", c.now.UnixMicro()), 0); err != nil {
		panic(fmt.Sprintf("pgtest: clock: %v", err))
	}
}

// Advance moves the clock by d and returns the new time.
func (c *Clock) Advance(d time.Duration) time.Time {
	now := c.Now().Add(d)
	c.Set(now)
	return now
}

// Now is where the clock stands.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}
