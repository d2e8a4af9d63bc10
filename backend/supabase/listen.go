package supabase

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
)

// Listen calls changed with the id of each person whose balance, plan or
// session was changed by anybody, until ctx ends; it then returns nil. After
// the connection was away it calls changed with "": anything may have changed.
// changed runs on Listen's own goroutine and delays the next call. It must not
// rely on being called: a transaction pooler passes no notifications, there
// Listen only waits for ctx, and the tick brings the news instead.
func (d *DB) Listen(ctx context.Context, log *slog.Logger, changed func(user string)) error {
	if d.pooler {
		log.Info("no notifications through a transaction pooler; changes come with the tick")
		<-ctx.Done()
		return nil
	}
	for wait := retryWait; ctx.Err() == nil; wait = min(2*wait, retryFor) {
		began := time.Now()
		err := d.listen(ctx, changed)
		if ctx.Err() != nil {
			break
		}
		if time.Since(began) > time.Minute {
			wait = retryWait
		}
		log.Warn("notifications interrupted", "error", err, "retry_in", wait)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return nil
}

// listen has a connection of its own: those of the pool belong to statements.
func (d *DB) listen(ctx context.Context, changed func(string)) error {
	cfg := d.pool.Config().ConnConfig
	c, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = c.Close(ctx)
	}()
	if _, err := c.Exec(ctx, "listen copilot_account"); err != nil {
		return err
	}
	changed("")
	for {
		// A connection that died without a word is noticed by asking.
		wait, cancel := context.WithTimeout(ctx, 30*time.Second)
		n, err := c.WaitForNotification(wait)
		cancel()
		switch {
		case err == nil:
			changed(n.Payload)
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, context.DeadlineExceeded) && !c.IsClosed():
			if err := c.Ping(ctx); err != nil {
				return err
			}
		default:
			return err
		}
	}
}
