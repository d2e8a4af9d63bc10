package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"copilot/app/account"
	"copilot/app/account/authtest"
	"copilot/app/interview"
	"copilot/app/overlay"
	"copilot/app/rehearsal"
	"copilot/audio"
	"copilot/backend/api"
	"copilot/backend/supabase"
	"copilot/backend/supabase/litetest"
	"copilot/backend/supabase/pgtest"
	"copilot/billing"
	"copilot/billing/stripetest"
)

// backendBinary is the server as it is shipped: a program of its own.
var backendBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "copilot-backend")
	if err != nil {
		return "", err
	}
	built = append(built, dir)
	path := filepath.Join(dir, "backend")
	cmd := exec.Command("go", "build", "-o", path, "../backend")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the backend: %w\n%s", err, out)
	}
	return path, nil
})

// service is the hosted product on this machine: the backend's program over a
// real Postgres, the sign-in service, and the vendors' stand-ins.
type service struct {
	t       *testing.T
	person  string // the user whose books are looked at
	auth    *authtest.Server
	signIn  string  // URL of the sign-in: auth's, or Supabase Lite's
	lite    func()  // waits until that is up; nil: it is auth
	mails   mailbox // of Supabase Lite
	vendors *rehearsal.Server
	stripe  *stripetest.Stripe
	db      *pgtest.Database
	clock   *pgtest.Clock
	pool    *supabase.DB
	addr    string
	env     []string
	backend *exec.Cmd
	log     lockedBuffer
}

func newService(t *testing.T) *service { return serviceOf(t, nil, false) }

// serviceOf is newService whose vendors know an interview, nil being the bundled
// one, and whose sign-in is Supabase Lite rather than the strict stand-in.
func serviceOf(t *testing.T, iv *rehearsal.Interview, lite bool) *service {
	t.Helper()
	s := &service{t: t, person: authtest.UserID, auth: authtest.New(t)}
	s.signIn = s.auth.URL
	var err error
	if s.vendors, err = rehearsal.Start(t.Context(), rehearsal.Options{Interview: iv}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.vendors.Close)
	if s.stripe, err = stripetest.Start(stripetest.Options{Retry: 50 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stripe.Close)
	port := 0
	if lite {
		port = freePort(t)
	}
	postgres, err := pgtest.Start(t.Context(), pgtest.Options{Port: port, Template: func(ctx context.Context, url string) error {
		_, err := supabase.Migrate(ctx, url)
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { postgres.Close() })
	s.db = postgres.Database(t)
	db := s.db
	s.clock = db.Clock(t, time.Now())
	secret := ""
	if lite {
		secret = "SUPABASE_JWT_SECRET=" + s.startLite()
	} else {
		s.register(authtest.UserID, authtest.Email)
	}
	if s.pool, err = supabase.Open(t.Context(), db.URL("copilot_backend")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.pool.Close)
	s.addr = freeAddress(t)
	s.env = []string{
		"PATH=" + os.Getenv("PATH"), "ADDR=" + s.addr, "LOG_LEVEL=debug",
		"SUPABASE_URL=" + s.signIn, secret, "SUPABASE_DB_URL=" + db.URL("copilot_backend"),
		"DEEPGRAM_URL=" + s.vendors.DeepgramURL(), "DEEPGRAM_API_KEY=" + s.vendors.DeepgramKey(),
		"GROQ_URL=" + s.vendors.GroqURL(), "GROQ_API_KEY=" + s.vendors.GroqKey(),
		"STRIPE_URL=" + s.stripe.URL, "STRIPE_SECRET_KEY=" + s.stripe.Key, "STRIPE_WEBHOOK_SECRET=" + hookSecret,
		"PUBLIC_URL=" + s.url(),
	}
	shop := billing.New(billing.Options{Key: s.stripe.Key, URL: s.stripe.URL, WebhookSecrets: []string{hookSecret}, PublicURL: s.url(), HTTP: s.stripe.Client()})
	if _, err := shop.Setup(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	s.stripe.Endpoint(s.url()+api.PathWebhook, hookSecret)
	s.start()
	return s
}

// startLite begins to bring Supabase Lite up, and returns what its tokens are
// signed with; s.lite waits for it.
func (s *service) startLite() (secret string) {
	s.t.Helper()
	port, ctx := freePort(s.t), s.t.Context()
	s.signIn = fmt.Sprintf("http://127.0.0.1:%d", port)
	o := litetest.Options{Owner: s.db.URL("postgres"), Superuser: s.db.Server.TCP(s.db.Server.Superuser(), s.db.Name), Port: port,
		Secret: strings.Repeat("canary-of-the-tokens-", 2), Key: authtest.Key, Confirm: true,
		Log: filepath.Join(s.t.TempDir(), "lite.log"), Mail: s.mails.add}
	started := make(chan error, 1)
	var l *litetest.Lite
	go func() {
		err := litetest.Install(ctx)
		if err == nil {
			l, err = litetest.Start(ctx, o)
		}
		started <- err
	}()
	var failed error
	wait := sync.OnceFunc(func() { failed = <-started })
	s.t.Cleanup(func() {
		if wait(); failed == nil {
			l.Stop()
		}
	})
	s.lite = func() {
		s.t.Helper()
		if wait(); failed != nil {
			s.t.Fatalf("Supabase Lite: %v", failed)
		}
	}
	return o.Secret
}

// mailbox is the messages that Supabase Lite would have sent.
type mailbox struct {
	mu  sync.Mutex
	all []string
}

func (m *mailbox) add(text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = append(m.all, text)
}

var mailedCode = regexp.MustCompile(`\b\d{6}\b`)

// code returns the code in the newest message to an address; empty: none yet.
func (m *mailbox) code(to string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, text := range slices.Backward(m.all) {
		if strings.Contains(text, to) {
			return mailedCode.FindString(text)
		}
	}
	return ""
}

// idOf is the id that the sign-in service gave to a person.
func (s *service) idOf(email string) (id string) {
	s.t.Helper()
	if err := s.db.Super(s.t).QueryRow(s.t.Context(), "select id::text from auth.users where email = $1", email).Scan(&id); err != nil {
		s.t.Fatalf("%s: %v", email, err)
	}
	return id
}

// register makes a person known to the database, as the sign-in service does.
func (s *service) register(id, email string) {
	s.t.Helper()
	if _, err := s.db.Super(s.t).Exec(s.t.Context(), "insert into auth.users (id, email) values ($1, $2)", id, email); err != nil {
		s.t.Fatal(err)
	}
}

const hookSecret = "whsec_of_the_tests"

// pay pays on a payment page, as a person does in the browser.
func (s *service) pay(page string) {
	s.t.Helper()
	if err := s.stripe.Pay(page[strings.LastIndex(page, "/")+1:]); err != nil {
		s.t.Fatalf("%s: %v", page, err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", freePort(t))
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// start runs the backend until kill or the end of the test.
func (s *service) start() {
	s.t.Helper()
	path, err := backendBinary()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(path)
	cmd.Env, cmd.Stderr = s.env, &s.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.backend = cmd
	s.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if s.t.Failed() {
			s.t.Logf("log of the backend:\n%s", s.log.String())
		}
	})
	soon(s.t, "the backend is up", func() bool {
		resp, err := http.Get(s.url() + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// kill ends the backend as a crash does.
func (s *service) kill() {
	s.backend.Process.Kill()
	s.backend.Wait()
}

func (s *service) url() string { return "http://" + s.addr }

// credit gives minutes without a payment.
func (s *service) credit(minutes int) {
	s.t.Helper()
	p := supabase.Posting{UserID: s.person, Kind: billing.Purchase, Minutes: minutes, Key: fmt.Sprint("test:", time.Now().UnixNano())}
	if _, err := s.pool.Post(s.t.Context(), p); err != nil {
		s.t.Fatal(err)
	}
}

// books returns the balance, which must be the ledger's sum, and how many
// minutes were charged in all.
func (s *service) books() (balance, charged int) {
	s.t.Helper()
	a := s.account()
	entries, err := s.pool.Ledger(s.t.Context(), s.person, 0, 1000)
	if err != nil {
		s.t.Fatal(err)
	}
	sum := 0
	for _, e := range entries {
		sum += e.Minutes
		if e.Kind == billing.Usage {
			charged -= e.Minutes
		}
	}
	if sum != a.MinutesLeft || sum < 0 {
		s.t.Fatalf("balance %d, ledger %d", a.MinutesLeft, sum)
	}
	return sum, charged
}

func (s *service) account() supabase.Account {
	s.t.Helper()
	a, err := s.pool.Account(s.t.Context(), s.person)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// alive says whether the person has a session at the backend.
func (s *service) alive() bool {
	s.t.Helper()
	return s.account().Session.SessionID != ""
}

// pass lets the database's time go by, faster than ours but not faster than the
// backend's heartbeats allow (each five seconds; 25 of silence are gone), until
// done.
func (s *service) pass(what string, done func() bool) {
	s.t.Helper()
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		if done() {
			return
		}
		s.clock.Advance(1500 * time.Millisecond)
	}
	s.t.Fatalf("never: %s", what)
}

// program is the desktop program, signed out, with keys in memory.
func (s *service) program() *program {
	s.t.Helper()
	s.t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
	p := &program{getenv: func(string) string { return "" }, stdout: io.Discard, stderr: io.Discard,
		keys: account.NewKeys(), log: slog.New(slog.NewTextHandler(s.t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))}
	p.config = config{BackendURL: s.url(), SupabaseURL: s.signIn, SupabaseKey: authtest.Key, DeepgramURL: s.vendors.DeepgramURL()}
	var err error
	if p.hosted, err = newHosted(p.config, p.keys, p.log); err != nil {
		s.t.Fatal(err)
	}
	return p
}

// lockedBuffer may be written to and read at a time.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// soon waits until something is so.
func soon(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(45 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not yet: %s", what)
		}
	}
}

// tape is the recorded interview as devices would give it: it goes on where it
// was stopped, on one timeline.
type tape struct {
	mu     sync.Mutex
	frames []audio.Frame
	at     int
	runs   int // how often it was opened
	open   bool
}

func newTape(t *testing.T, iv *rehearsal.Interview) *tape {
	t.Helper()
	var frames []audio.Frame
	r := &rehearsal.Recording{Interview: iv, Speed: 1000}
	if err := r.Run(t.Context(), func(f audio.Frame) { frames = append(frames, f) }, func(audio.LaneStatus) {}); err != nil {
		t.Fatal(err)
	}
	return &tape{frames: frames}
}

func (p *tape) Run(ctx context.Context, emit func(audio.Frame), status func(audio.LaneStatus)) error {
	p.set(true)
	defer p.set(false)
	for c := range audio.Channel(audio.Channels) {
		status(audio.LaneStatus{Channel: c, State: audio.LaneLive, Device: "tape"})
	}
	tick := time.NewTicker(audio.FrameDuration)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.mu.Lock()
			f := p.frames[p.at%len(p.frames)]
			f.Start, f.Captured = time.Duration(p.at)*audio.FrameDuration, time.Now()
			p.at++
			p.mu.Unlock()
			emit(f)
		case <-ctx.Done():
			return nil
		}
	}
}

func (p *tape) set(open bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open = open; open {
		p.runs++
	}
}

func (p *tape) running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open
}

// screen is what a window would show.
type screenOf struct {
	mu      sync.Mutex
	account overlay.Account
	state   interview.State
}

func (s *screenOf) showAccount(a overlay.Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.account = a
}

func (s *screenOf) show(st interview.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = st
}

func (s *screenOf) now() (overlay.Account, interview.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.account, s.state
}
