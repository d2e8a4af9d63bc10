// Command backend is the companion server of Interview Copilot: it meters
// sessions in Supabase's Postgres, hands out Deepgram's short-lived tokens and
// passes Groq's answers on. Any number of instances may share a database.
//
// This package only wires: environment → config, database, vendors, server, and
// an end in order. On SIGTERM the session sockets are closed first (their
// clients come back by themselves, to whichever instance is there), answers
// being written have ten seconds to end, and the database is closed last.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"

	"copilot/backend/server"
	"copilot/backend/supabase"
	"copilot/backend/upstream"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	err := run(ctx, os.Args[1:], os.Getenv, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "backend:", err)
		os.Exit(1)
	}
}

const usage = `Backend of Interview Copilot.

usage: backend [-migrate | -stripe-setup | -reconcile]

  -migrate        bring the database's schema up to date, print what was applied, and end
  -stripe-setup   make at Stripe what is sold, the customers' portal and, when PUBLIC_URL is
                  public, the webhook endpoint; print the environment to set, and end.
                  It needs STRIPE_SECRET_KEY and changes nothing that is right already
  -reconcile      ask Stripe for the payments of the last 30 days, make up for webhooks that
                  were lost, and end. A server does the same each 15 minutes for the last seven
`

// run does what the arguments ask for, and serves until ctx is cancelled.
func run(ctx context.Context, args []string, getenv func(string) string, stderr io.Writer) error {
	flags := flag.NewFlagSet("backend", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage); explain(stderr) }
	migrate := flags.Bool("migrate", false, "")
	stripeSetup := flags.Bool("stripe-setup", false, "")
	reconcile := flags.Bool("reconcile", false, "")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unknown argument %q; see backend -h", flags.Arg(0))
	}
	if *stripeSetup {
		return setUpStripe(ctx, getenv, os.Stdout)
	}
	c, err := loadConfig(getenv)
	if err != nil {
		return fmt.Errorf("the environment is not complete; see backend -h\n%w", err)
	}
	log := slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: c.LogLevel}))
	if *migrate {
		applied, err := supabase.Migrate(ctx, c.MigrateURL)
		log.Info("migrations", "applied", applied)
		return err
	}
	if *reconcile {
		return reconcilePayments(ctx, c, log)
	}
	return serve(ctx, c, log)
}

const (
	openLimit  = 15 * time.Second // for the database at the start
	drainLimit = 10 * time.Second // for answers being written at the end
	maxConns   = 20_000           // a listener's; further clients wait to be accepted
)

// serve runs one instance until ctx is cancelled or something it needs fails.
func serve(ctx context.Context, c config, log *slog.Logger) error {
	opening, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	db, err := supabase.Open(opening, c.DatabaseURL)
	if err != nil {
		return err
	}
	defer db.Close()
	groq := upstream.NewGroq(upstream.GroqOptions{URL: c.GroqURL, Key: c.GroqKey})
	defer groq.Close()
	deepgram := upstream.NewDeepgram(upstream.DeepgramOptions{URL: c.DeepgramURL, Key: c.DeepgramKey, Project: c.DeepgramProject})
	defer deepgram.Close()

	s, err := server.New(server.Options{
		Store: db, Groq: groq, Deepgram: deepgram, Stripe: newStripe(c), Instance: instanceName(),
		Issuer: c.SupabaseURL + "/auth/v1", Secret: c.JWTSecret, MetricsToken: c.MetricsToken, Log: log,
	})
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	log.Info("listening", "addr", listener.Addr().String(), "config", c)
	if c.JWTSecret != "" {
		log.Warn("access tokens are verified with a shared secret: for development only")
	}

	front := server.HTTP(s.Handler(), log)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Run(ctx) })
	g.Go(func() error {
		if err := front.Serve(netutil.LimitListener(listener, maxConns)); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		return drain(front, log)
	})
	err = g.Wait()
	log.Info("stopped", "err", err)
	return err
}

// drain stops accepting and waits for the answers that are being written.
func drain(front *http.Server, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainLimit)
	defer cancel()
	log.Info("stopping")
	err := front.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		log.Warn("answers were cut off", "after", drainLimit.String())
		err = front.Close()
	}
	return err
}

// instanceName is one that no other process has, nor this one after a restart.
func instanceName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "backend"
	}
	b := make([]byte, 6)
	rand.Read(b)
	return host + "-" + hex.EncodeToString(b)
}
