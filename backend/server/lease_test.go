package server

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"copilot/backend/api"
)

// Reconnecting within the grace time goes on with the same session and the
// minutes already paid; after it, the session is over.
func TestResume(t *testing.T) {
	r := newRig(t)
	c, user := r.client(10)
	s := r.open(c, api.SessionOptions{})
	for range 3 {
		hangUp(r, s)
		r.pass(5 * time.Second)
		s = r.open(c, api.SessionOptions{Resume: s.Started.SessionID})
		if *s.Started.MinutesLeft != 9 {
			t.Errorf("%d minutes after a reconnection", *s.Started.MinutesLeft)
		}
	}
	// The client comes back before its loss was noticed.
	again := r.open(c, api.SessionOptions{Resume: s.Started.SessionID})
	if err := s.Err(); errors.As(err, new(*api.EndedError)) {
		t.Errorf("the old connection was told %v", err)
	}
	r.pass(20 * time.Second)
	if got := r.balance(user); got != 9 {
		t.Errorf("%d minutes after the second resume", got)
	}
	hangUp(r, again)
	r.pass(31 * time.Second)
	_, err := c.OpenSession(t.Context(), api.SessionOptions{Resume: s.Started.SessionID})
	code(t, err, api.NoSession)
	if got := r.balance(user); got != 9 {
		t.Errorf("%d minutes at the end", got)
	}
}

// Whoever hangs up before each pong and comes back pays like everybody else.
func TestReconnectingIsNotFree(t *testing.T) {
	r := newRig(t)
	c, user := r.client(10)
	o := api.SessionOptions{}
	for range 10 {
		s := r.open(c, o)
		o.Resume = s.Started.SessionID
		r.clock.Advance(9 * time.Second)
		if err := r.pool.Ping(t.Context()); err != nil { // learns the database's clock
			t.Fatal(err)
		}
		pong := time.Now().Add(-9 * time.Second) // the last one
		r.hub.person(user).heard.Store(&pong)
		hangUp(r, s)
	}
	r.tick(t.Context())
	if got := r.balance(user); got != 8 {
		t.Errorf("%d minutes left of ten after 90 s", got)
	}
}

// hangUp closes a session's socket and waits until the store knows.
func hangUp(r *rig, s *api.Session) {
	r.t.Helper()
	seen := func() int { return strings.Count(r.logs.String(), `"msg":"session disconnected"`) }
	before := seen()
	s.Close()
	waitFor(r.t, func() bool { return seen() > before })
}

func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited for nothing")
		}
	}
}

func TestB8_TwoDevicesStartAtOnce(t *testing.T) {
	r := newRig(t)
	r.usage.limits.Opens = 1000
	c, user := r.client(10)
	var mu sync.Mutex
	var won []*api.Session
	var wait sync.WaitGroup
	for range 40 {
		wait.Go(func() {
			s, err := c.OpenSession(t.Context(), api.SessionOptions{})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won = append(won, s)
			} else if e, ok := errors.AsType[*api.Error](err); !ok || e.Code != api.SessionElsewhere {
				t.Errorf("refused with %v", err)
			}
		})
	}
	wait.Wait()
	if len(won) != 1 || r.balance(user) != 9 {
		t.Errorf("%d sessions, %d minutes left", len(won), r.balance(user))
	}
	for _, s := range won {
		s.Close()
	}
}

// Taking over ends the session another device holds, on whichever instance.
func TestTakeOver(t *testing.T) {
	for _, elsewhere := range []bool{false, true} {
		t.Run(fmt.Sprintf("another instance %v", elsewhere), func(t *testing.T) {
			r := newRig(t)
			to := r
			if elsewhere {
				to = r.another("two")
				r.running()
			}
			c, user := r.client(10)
			old := r.open(c, api.SessionOptions{})
			c2 := to.clientOf(user)
			fresh := to.open(c2, api.SessionOptions{TakeOver: true})
			if m := expect(t, old, api.TypeEnded); m.Reason != api.ReasonTakenOver {
				t.Errorf("the old one ended because %s", m.Reason)
			}
			if *fresh.Started.MinutesLeft != 8 {
				t.Errorf("%d minutes", *fresh.Started.MinutesLeft)
			}
			if resp, body := to.ask(c2, fresh.Started.SessionID, ordinaryQuestion); resp.StatusCode != 200 {
				t.Errorf("answer in the new session: %s", body)
			}
			if resp, body := to.ask(c2, old.Started.SessionID, ordinaryQuestion); resp.StatusCode != 404 {
				t.Errorf("answer in the old session: %d %s", resp.StatusCode, body)
			}
		})
	}
}

// A backend that is killed leaves its sessions to others: nothing is charged
// for the time nobody was there, and a client has its session back within grace.
func TestN13_BackendGone(t *testing.T) {
	r := newRig(t)
	c, user := r.client(10)
	s := r.open(c, api.SessionOptions{})
	r.pass(30 * time.Second)
	killed(r)
	two := r.another("two")
	two.pass(20 * time.Second)
	c2 := two.clientOf(user)
	if resp, body := two.ask(c2, s.Started.SessionID, ordinaryQuestion); resp.StatusCode != 200 {
		t.Errorf("answer while the socket is away: %d %s", resp.StatusCode, body)
	}
	again := two.open(c2, api.SessionOptions{Resume: s.Started.SessionID})
	if *again.Started.MinutesLeft != 9 {
		t.Errorf("%d minutes after the move", *again.Started.MinutesLeft)
	}
	killed(two)
	three := r.another("three")
	three.pass(10 * time.Minute)
	if got := r.balance(user); got != 8 && got != 9 {
		t.Errorf("%d minutes after nobody was there for ten", got)
	}
	_, err := three.clientOf(user).OpenSession(t.Context(), api.SessionOptions{Resume: s.Started.SessionID})
	code(t, err, api.NoSession)
}

// killed cuts an instance off without a word to the store, as kill -9 does.
func killed(r *rig) {
	for _, k := range r.hub.all() {
		r.hub.remove(k) // so that its reader tells the store nothing
		k.drop()
	}
	r.http.CloseClientConnections()
	r.http.Close()
}

// A client that answers no ping is not metered beyond its silence.
func TestSilentClient(t *testing.T) {
	r := newRig(t)
	c, user := r.client(10)
	conn := dial(t, c, "")
	defer conn.Close() // it reads nothing, so it answers no ping
	waitFor(t, func() bool { return r.hub.person(user) != nil })
	k := r.hub.person(user)
	for step := range 12 {
		r.clock.Advance(10 * time.Second)
		r.beat(t.Context()) // learns the database's clock
		silent := time.Now().Add(-time.Duration(step+1) * 10 * time.Second)
		k.heard.Store(&silent)
		r.beat(t.Context())
		r.tick(t.Context())
	}
	waitFor(t, func() bool { return r.hub.person(user) == nil })
	if got := r.balance(user); got != 9 {
		t.Errorf("%d minutes left of ten", got)
	}
}

// An answer is a sign of life: who keeps silent on the socket and asks over
// HTTP pays for the time, at this instance and at another. Without a socket,
// which costs nothing, there are no answers.
func TestAnswersAreNotFree(t *testing.T) {
	for _, elsewhere := range []bool{false, true} {
		r := newRig(t)
		c, user := r.client(10)
		asked := r
		if elsewhere {
			asked = r.another("two")
		}
		asker := asked.clientOf(user)
		s := r.open(c, api.SessionOptions{})
		k := r.hub.person(user)
		began := time.Now()
		k.heard.Store(&began)
		for range 13 { // two minutes and ten seconds
			silent := *k.heard.Load()
			r.clock.Advance(10 * time.Second)
			asked.beat(t.Context())
			if elsewhere {
				if err := asked.pool.Ping(t.Context()); err != nil { // as each beat of a busy instance does
					t.Fatal(err)
				}
			} else {
				r.beat(t.Context())
			}
			if resp, body := asked.ask(asker, s.Started.SessionID, ordinaryQuestion); resp.StatusCode != 200 {
				t.Fatalf("%d %s", resp.StatusCode, body)
			}
			if elsewhere {
				k.heard.Store(&silent)
			}
			r.beat(t.Context())
			r.tick(t.Context())
		}
		if got := r.balance(user); got != 7 {
			t.Errorf("%d minutes left of ten (asked elsewhere: %v)", got, elsewhere)
		}
		s.Close()
		waitFor(t, func() bool { return r.hub.person(user) == nil })
		waitFor(t, func() bool {
			resp, body := asked.ask(asker, s.Started.SessionID, ordinaryQuestion)
			return resp.StatusCode == 503 && strings.Contains(body, `"unavailable"`) && resp.Header.Get("Retry-After") == "1"
		})
	}
}
