package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"copilot/backend/api"
	"copilot/backend/supabase"
	"copilot/backend/supabase/pgtest"
)

// instance is a backend in a process of its own: this test's program.
type instance struct {
	url string
	cmd *exec.Cmd
	log bytes.Buffer
}

// environment of an instance, with one address for all that is not the database.
func environment(vendor, database string) []string {
	return []string{
		"SUPABASE_URL=" + vendor, "SUPABASE_DB_URL=" + database,
		"DEEPGRAM_API_KEY=k", "DEEPGRAM_URL=" + vendor, "GROQ_API_KEY=k", "GROQ_URL=" + vendor + "/openai/v1",
		"STRIPE_SECRET_KEY=sk_test_k", "STRIPE_WEBHOOK_SECRET=whsec_of_the_tests", "STRIPE_URL=" + vendor,
	}
}

// freeAddress is one that nobody listens on at the moment.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// launch starts an instance and waits until it is ready.
func launch(t testing.TB, addr string, env ...string) *instance {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	i := &instance{url: "http://" + addr, cmd: exec.Command(exe)}
	i.cmd.Stderr = &i.log
	i.cmd.Env = append(append(os.Environ(), asBackend+"=1", "ADDR="+addr), env...)
	if _, err := i.cmd.StdinPipe(); err != nil { // its end tells the child that we are gone
		t.Fatal(err)
	}
	if err := i.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for range 1500 {
		if resp, err := client.Get(i.url + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return i
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	i.kill()
	t.Fatalf("the backend is not ready:\n%s", i.log.String())
	return nil
}

func (i *instance) kill() {
	i.cmd.Process.Kill()
	i.cmd.Wait()
}

// candidate opens sessions, leaves, comes back and stops, at whichever instance
// is there, until ctx ends.
func candidate(ctx context.Context, urls []string, token string, opened func()) {
	last := ""
	for ctx.Err() == nil {
		transport := &http.Transport{}
		c := &api.Client{BaseURL: urls[rand.IntN(len(urls))], HTTP: &http.Client{Transport: transport},
			Token: func(context.Context) (string, error) { return token, nil }}
		o := api.SessionOptions{TakeOver: rand.IntN(25) == 0}
		if last != "" && rand.IntN(12) > 0 {
			o = api.SessionOptions{Resume: last}
		}
		s, err := c.OpenSession(ctx, o)
		if err != nil {
			if refused, ok := errors.AsType[*api.Error](err); ok && refused.Code == api.NoSession {
				last = ""
			}
			time.Sleep(50 * time.Millisecond)
			continue
		}
		opened()
		last = s.Started.SessionID
		pause(ctx, time.Duration(rand.IntN(900))*time.Millisecond)
		switch rand.IntN(24) {
		case 0:
			s.Pause()
			pause(ctx, time.Duration(rand.IntN(300))*time.Millisecond)
			s.Resume()
		case 1:
			s.Stop()
			pause(ctx, 50*time.Millisecond)
		}
		s.Close()
		transport.CloseIdleConnections()
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// Goal D-G2. Instances are killed with kill -9 while people come and go, 8 times
// here and 200 times in the long run. Nothing is charged twice or left out, no
// session outlives its lease, and the books are right.
func TestG2_KilledBackends(t *testing.T) {
	kills := 8
	if os.Getenv("COPILOT_SOAK") != "" {
		kills = 200
	}
	pg, err := pgtest.Start(t.Context(), pgtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pg.Close() })
	db := pg.Database(t)
	if _, err := supabase.Migrate(t.Context(), db.URL("postgres")); err != nil {
		t.Fatal(err)
	}
	clock := db.Clock(t, time.Now())
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, `{"data":[]}`) }))
	defer vendor.Close()
	const secret = "a-secret-of-more-than-32-characters"
	env := append(environment(vendor.URL, db.URL("copilot_backend")), "SUPABASE_JWT_SECRET="+secret)
	var urls, addrs []string
	var instances []*instance
	for range 2 {
		addrs = append(addrs, freeAddress(t))
		instances = append(instances, launch(t, addrs[len(addrs)-1], env...))
		urls = append(urls, instances[len(instances)-1].url)
	}

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var working sync.WaitGroup
	var mu sync.Mutex
	opened := 0
	for i := range 12 {
		user := fmt.Sprintf("00000000-0000-4000-8000-%012d", i+1)
		if _, err := db.Super(t).Exec(ctx, "insert into auth.users (id) values ($1)", user); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Super(t).Exec(ctx, "select private.post($1::uuid, 'purchase', 600, $1::uuid::text, null, null, null, null, null, null, null)", user); err != nil {
			t.Fatal(err)
		}
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"iss": vendor.URL + "/auth/v1", "aud": "authenticated",
			"role": "authenticated", "sub": user, "exp": time.Now().Add(time.Hour).Unix()}).SignedString([]byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		working.Go(func() { candidate(ctx, urls, token, func() { mu.Lock(); opened++; mu.Unlock() }) })
	}
	working.Go(func() { // three times as fast as the world
		for ctx.Err() == nil {
			time.Sleep(100 * time.Millisecond)
			clock.Advance(300 * time.Millisecond)
		}
	})
	for n := range kills {
		pause(ctx, time.Duration(200+rand.IntN(800))*time.Millisecond)
		i := n % 2
		instances[i].kill()
		instances[i] = launch(t, addrs[i], env...)
		clock.Advance(15 * time.Second) // less than a silence, so that minutes begin in between
	}
	stop()
	working.Wait()
	for _, i := range instances {
		i.kill()
	}

	// Nobody is left: what still runs, runs out.
	clock.Advance(2 * time.Minute)
	d, err := supabase.Open(t.Context(), db.URL("copilot_backend"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for range 2 {
		if _, err := d.Tick(t.Context(), "last"); err != nil {
			t.Fatal(err)
		}
	}
	db.Audit(t)
	var live, late, sessions, minutes int
	if err := db.Super(t).QueryRow(t.Context(), `select count(*) filter (where ended_at is null),
		count(*) filter (where ended_at > alive_at + private.silence() + private.grace()), count(*),
		(select count(*) from public.credit_ledger where kind = 'usage') from public.interview_sessions`).Scan(&live, &late, &sessions, &minutes); err != nil {
		t.Fatal(err)
	}
	if live != 0 || late != 0 {
		t.Errorf("%d sessions live on, %d ended after their lease", live, late)
	}
	if opened < kills || minutes <= sessions {
		t.Errorf("only %d connections, %d sessions and %d minutes: the kills show nothing", opened, sessions, minutes)
	}
	t.Logf("%d kills, %d connections, %d sessions, %d minutes", kills, opened, sessions, minutes)
}
