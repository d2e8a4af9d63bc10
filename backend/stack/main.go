// Command stack is the whole hosted product on one computer, for developing and
// for trying it out: a private PostgreSQL, Supabase Lite over it (sign-in and
// tables), stand-ins for Deepgram, Groq and Stripe, and the backend as it is
// shipped, as a process of its own. Nothing of it needs an account, and
// nothing listens on another address than 127.0.0.1.
//
//	make stack
//
// It prints a demo account with minutes and the environment for the desktop
// program, serves until Ctrl-C, and takes everything down again; its processes
// also end when this one is killed. The data stay for the next start.
//
// The command is part of no program that is shipped. That is why it may import
// app/rehearsal, which no other part of the backend knows: the stand-ins must
// be the same ones that the rest of the program is judged by.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "stack:", err)
		os.Exit(1)
	}
}

// run brings the stack up and keeps it up until ctx is cancelled or a part of
// it ends.
func run(ctx context.Context, args []string, out io.Writer) error {
	o := options{Progress: &progress{out: out}, API: 54321, Backend: 8000, Vendors: 8001, Payments: 8002, Mail: func(text string) {
		fmt.Fprintf(out, "\n--- mail\n%s\n---\n", strings.TrimSpace(text))
	}}
	flags := flag.NewFlagSet("stack", flag.ContinueOnError)
	flags.StringVar(&o.Dir, "dir", dataDir(), "where the data are kept between starts")
	flags.BoolVar(&o.Confirm, "confirm", false, "new accounts have to confirm their e-mail address, as on a real project")
	flags.BoolVar(&o.Forget, "forget", false, "begin with an empty database")
	free := flags.Bool("free", false, "listen on free ports instead of 8000, 8001, 8002 and 54321")
	env := flags.String("env", "", "write the environment for the desktop program, and the demo account, to this file once the stack is up")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *free {
		o.API, o.Backend, o.Vendors, o.Payments = 0, 0, 0, 0
	}
	began := time.Now()
	s, err := up(ctx, o)
	if err != nil {
		return err
	}
	defer s.close()
	if *env != "" {
		lines := append(s.appEnv(), "DEMO_EMAIL="+demoEmail, "DEMO_PASSWORD="+s.secrets.Demo, "")
		if err := os.WriteFile(*env, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "\nThe stack is up after %.1f s. Ctrl-C takes it down.\n\n%s\n", time.Since(began).Seconds(), s.describe())
	defer fmt.Fprintln(out, "\nTaking it down.")
	return s.wait(ctx)
}

// dataDir is the person's cache, or for root, under whom PostgreSQL does not
// run, a place that its user can reach.
func dataDir() string {
	if os.Geteuid() == 0 {
		return "/var/cache/interview-copilot/stack"
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "interview-copilot", "stack")
}

// describe is what a person needs to know of a stack that is up.
func (s *stack) describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "  demo account   %s   password %s   (%d minutes)\n\n", demoEmail, s.secrets.Demo, demoMinutes)
	fmt.Fprintf(&b, "  backend        %s\n  Supabase       %s\n  vendors        %s (stand-ins: they know the rehearsal's recording)\n",
		s.BackendURL, s.SupabaseURL, s.VendorsURL)
	fmt.Fprintf(&b, "  payments       %s (a stand-in: its pages charge no card)\n", s.stripe.URL)
	fmt.Fprintf(&b, "  database       psql '%s'\n  logs           %s\n", s.pg.URL("postgres", database), s.o.Dir)
	fmt.Fprintf(&b, "\nThe desktop program on it:\n\n  make build\n  export %s\n  bin/interview-copilot\n", strings.Join(s.appEnv(), " "))
	return b.String()
}

// progress says which step is under way and how long it took.
type progress struct {
	out io.Writer
}

func (p *progress) step(what string, do func() error) error {
	began := time.Now()
	fmt.Fprintf(p.out, "==> %s ... ", what)
	if err := do(); err != nil {
		fmt.Fprintln(p.out, "failed")
		return fmt.Errorf("%s: %w", strings.ToLower(what[:1])+what[1:], err)
	}
	fmt.Fprintf(p.out, "%.1f s\n", time.Since(began).Seconds())
	return nil
}
