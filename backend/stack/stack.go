package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"copilot/app/rehearsal"
	"copilot/backend/supabase"
	"copilot/backend/supabase/litetest"
	"copilot/backend/supabase/pgtest"
	"copilot/billing/stripetest"
)

const database = pgtest.Template // one is enough here

// options of a stack. A port that is taken, or 0, becomes a free one.
type options struct {
	Dir               string
	API, Backend      int
	Vendors, Payments int
	Confirm           bool // new accounts confirm their address
	Forget            bool // the data of earlier starts
	Progress          *progress
	Mail              func(text string) // called for each message that would be sent
}

// stack is everything that runs. Its exported fields say where.
type stack struct {
	o       options
	secrets secrets
	lock    *os.File

	pg      *pgtest.Server
	lite    *litetest.Lite
	vendors *rehearsal.Server
	backend *child
	stripe  *stripetest.Stripe
	addr    string      // of the backend
	payEnv  []string    // the backend's environment for payments
	mails   chan string // the first few, for the demo account's own confirmation

	SupabaseURL, BackendURL, VendorsURL string
}

// up starts a stack, or nothing: what had been started before an error is taken
// down again. Cancelling ctx ends the start, not a stack that is up.
func up(ctx context.Context, o options) (*stack, error) {
	s := &stack{o: o, mails: make(chan string, 4)}
	steps := []struct {
		what string
		do   func(context.Context) error
	}{
		{"The data in " + o.Dir, s.openDir},
		{"Node packages of Supabase Lite (150 MB, downloaded once)", litetest.Install},
		{"The backend's program", s.buildBackend},
		{"PostgreSQL", s.startPostgres},
		{"Supabase Lite, the migrations, the privileges", s.startLite},
		{"The stand-ins of Deepgram and Groq", s.startVendors},
		{"The stand-in of Stripe", s.startPayments},
		{"The backend", s.startBackend},
		{"The demo account", s.fillAccount},
	}
	for _, step := range steps {
		err := ctx.Err()
		if err == nil {
			err = o.Progress.step(step.what, func() error { return step.do(ctx) })
		}
		if err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

// close takes everything down, the last first, and waits for it.
func (s *stack) close() {
	if s.backend != nil {
		s.backend.stop()
	}
	if s.stripe != nil {
		s.stripe.Close()
	}
	if s.vendors != nil {
		s.vendors.Close()
	}
	if s.lite != nil {
		s.lite.Stop()
	}
	if s.pg != nil {
		_ = s.pg.Close() // what it complains of is logged beside its data
	}
	if s.lock != nil {
		_ = s.lock.Close()
	}
}

// wait returns nil when ctx is cancelled, or says what ended by itself.
func (s *stack) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.lite.Done():
		return fmt.Errorf("Supabase Lite ended: %w", s.lite.Failure())
	case <-s.backend.done:
		return fmt.Errorf("the backend ended: %w", s.backend.failure())
	}
}

// openDir makes the folder ours alone: who reaches the database's socket in it
// is trusted. Root shares it with the user that PostgreSQL runs under.
func (s *stack) openDir(context.Context) error {
	if err := os.MkdirAll(filepath.Dir(s.o.Dir), 0o755); err != nil {
		return err
	}
	if err := os.MkdirAll(s.o.Dir, 0o700); err != nil {
		return err
	}
	if err := shareWithPostgres(s.o.Dir); err != nil {
		return err
	}
	var err error
	if s.lock, err = os.OpenFile(filepath.Join(s.o.Dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	if err := syscall.Flock(int(s.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.New("another stack runs on these data; stop it, or name another folder with -dir")
	}
	pg := filepath.Join(s.o.Dir, "pg")
	if err := awaitNobody(filepath.Join(pg, "data", "postmaster.pid")); err != nil {
		return err
	}
	_, err = os.Stat(s.complete())
	if s.o.Forget || err != nil { // or what a start that was broken off has left
		if err := errors.Join(os.RemoveAll(pg), os.RemoveAll(s.complete())); err != nil {
			return err
		}
	}
	s.secrets, err = loadSecrets(filepath.Join(s.o.Dir, "secrets.json"))
	return err
}

// complete is there once the database has everything.
func (s *stack) complete() string { return filepath.Join(s.o.Dir, "complete") }

// awaitNobody waits for the database of a stack that was killed a moment ago.
func awaitNobody(pidFile string) error {
	for range 100 {
		text, err := os.ReadFile(pidFile)
		if err != nil {
			return nil // ended in order
		}
		var pid int
		if _, err := fmt.Sscan(string(text), &pid); err != nil || syscall.Kill(pid, 0) == syscall.ESRCH {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("an old database still runs on these data; name another folder with -dir")
}

func (s *stack) startPostgres(ctx context.Context) error {
	port, err := freePort(0)
	if err != nil {
		return err
	}
	s.pg, err = pgtest.Start(ctx, pgtest.Options{
		Dir: filepath.Join(s.o.Dir, "pg"), Port: port, Password: s.secrets.Database, Durable: true,
	})
	return err
}

// startLite migrates the database and brings Supabase Lite up over it.
func (s *stack) startLite(ctx context.Context) error {
	port, err := freePort(s.o.API)
	if err != nil {
		return err
	}
	owner := s.pg.URL("postgres", database)
	if _, err := supabase.Migrate(ctx, owner); err != nil {
		return err
	}
	s.lite, err = litetest.Start(ctx, litetest.Options{
		Owner: owner, Superuser: s.pg.TCP(s.pg.Superuser(), database), Port: port, Secret: s.secrets.JWT, Key: s.secrets.Key,
		Confirm: s.o.Confirm, Log: filepath.Join(s.o.Dir, "supabase.log"), Mail: s.mail, Env: []string{"LITE_STACK=" + s.o.Dir},
	})
	if err != nil {
		return err
	}
	s.SupabaseURL = s.lite.URL
	return nil
}

// recording is unpacked once in a process.
var recording = sync.OnceValues(rehearsal.Load)

func (s *stack) startVendors(ctx context.Context) error {
	interview, err := recording()
	if err != nil {
		return err
	}
	listener, err := listen(s.o.Vendors)
	if err != nil {
		return err
	}
	s.vendors, err = rehearsal.Start(context.WithoutCancel(ctx), rehearsal.Options{Interview: interview, Listener: listener})
	if err != nil {
		return err
	}
	s.VendorsURL = s.vendors.DeepgramURL()
	return nil
}

func (s *stack) buildBackend(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", s.program(), "copilot/backend")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

func (s *stack) program() string { return filepath.Join(s.o.Dir, "backend") }

func (s *stack) startBackend(ctx context.Context) error {
	var err error
	s.backend, err = startChild(filepath.Join(s.o.Dir, "backend.log"), s.program(), append(s.payEnv,
		"SUPABASE_URL="+s.SupabaseURL, "SUPABASE_JWT_SECRET="+s.secrets.JWT,
		"SUPABASE_DB_URL="+s.pg.URL("copilot_backend", database), // the socket: the role has no password
		"DEEPGRAM_URL="+s.vendors.DeepgramURL(), "DEEPGRAM_API_KEY="+s.vendors.DeepgramKey(),
		"GROQ_URL="+s.vendors.GroqURL(), "GROQ_API_KEY="+s.vendors.GroqKey(),
	))
	if err != nil {
		return err
	}
	return s.backend.ready(ctx, s.BackendURL+"/readyz")
}

// appEnv is the environment of the desktop program.
func (s *stack) appEnv() []string {
	return []string{"BACKEND_URL=" + s.BackendURL, "SUPABASE_URL=" + s.SupabaseURL,
		"SUPABASE_ANON_KEY=" + s.secrets.Key, "DEEPGRAM_URL=" + s.VendorsURL}
}

// listen takes a port, or a free one if it is taken.
func listen(port int) (net.Listener, error) {
	var problems []error
	for _, p := range slices.Compact([]int{port, 0}) {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p)))
		if err == nil {
			return l, nil
		}
		problems = append(problems, err)
	}
	return nil, errors.Join(problems...)
}

// freePort is for programs that listen themselves.
func freePort(port int) (int, error) {
	l, err := listen(port)
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
