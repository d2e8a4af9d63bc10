package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"copilot/backend/api"
	"copilot/billing"
)

// A session from its start to its last minute, on the wire of package api.
func TestSessionToItsLastMinute(t *testing.T) {
	r := newRig(t)
	c, user := r.client(7)
	s := r.open(c, api.SessionOptions{})
	m := s.Started
	if *m.MinutesLeft != 6 || m.Unlimited || m.GraceSeconds != 30 || len(m.Models) != 1 || len(m.Personas) != 1 || m.SessionID == "" {
		t.Errorf("started %+v", m)
	}
	r.pass(50 * time.Second)
	if got := r.balance(user); got != 6 {
		t.Errorf("after 50 s: %d minutes", got)
	}
	for left := 5; left >= 0; left-- {
		r.pass(time.Minute)
		if m := expect(t, s, api.TypeBalance); *m.MinutesLeft != left {
			t.Errorf("balance %d, want %d", *m.MinutesLeft, left)
		}
		if left == 5 || left == 1 {
			if m := expect(t, s, api.TypeLowBalance); *m.MinutesLeft != left {
				t.Errorf("low_balance at %d, want %d", *m.MinutesLeft, left)
			}
		}
	}
	r.pass(time.Minute)
	if m := expect(t, s, api.TypeEnded); m.Reason != api.ReasonOutOfMinutes {
		t.Errorf("ended because %s", m.Reason)
	}
	if r.balance(user) != 0 {
		t.Error("minutes left")
	}
	_, err := c.OpenSession(t.Context(), api.SessionOptions{})
	code(t, err, api.OutOfMinutes)
	_, err = c.OpenSession(t.Context(), api.SessionOptions{Resume: m.SessionID})
	code(t, err, api.NoSession)
}

// The close codes are those of the design, seen by a plain WebSocket client.
func TestCloseCodes(t *testing.T) {
	r := newRig(t)
	for name, row := range map[string]struct {
		end  func(c *api.Client, conn *websocket.Conn)
		code int
	}{
		"out of minutes": {func(*api.Client, *websocket.Conn) { r.pass(2 * time.Minute) }, 4402},
		"taken over": {func(c *api.Client, _ *websocket.Conn) {
			r.post(userOf(r, c), billing.Purchase, 1)
			r.open(c, api.SessionOptions{TakeOver: true})
		}, 4409},
		"stopped":        {func(_ *api.Client, conn *websocket.Conn) { conn.WriteJSON(api.Message{Type: api.TypeStop}) }, 1000},
		"not understood": {func(_ *api.Client, conn *websocket.Conn) { conn.WriteMessage(websocket.TextMessage, []byte("{")) }, 1008},
		"too long": {func(_ *api.Client, conn *websocket.Conn) {
			conn.WriteMessage(websocket.TextMessage, []byte(strings.Repeat(" ", messageLimit+1)))
		}, 1009},
	} {
		c, _ := r.client(1)
		conn := dial(t, c, "")
		row.end(c, conn)
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		var err error
		for err == nil {
			_, _, err = conn.ReadMessage()
		}
		if !websocket.IsCloseError(err, row.code) {
			t.Errorf("%s: %v, want %d", name, err, row.code)
		}
		conn.Close()
	}
	// The instance stops: 1001.
	c, _ := r.client(1)
	conn := dial(t, c, "")
	defer conn.Close()
	go r.handOver()
	var err error
	for err == nil {
		_, _, err = conn.ReadMessage()
	}
	if !websocket.IsCloseError(err, 1001) {
		t.Errorf("shutdown: %v", err)
	}
}

func userOf(r *rig, c *api.Client) string {
	token, _ := c.Token(context.Background())
	p, err := r.tokens.verify(context.Background(), token)
	if err != nil {
		r.t.Fatal(err)
	}
	return p.ID
}

// dial opens a socket without package api, to see the bare wire.
func dial(t testing.TB, c *api.Client, query string) *websocket.Conn {
	t.Helper()
	token, _ := c.Token(t.Context())
	conn, resp, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(c.BaseURL, "http")+api.PathSession+query,
		http.Header{"Authorization": {"Bearer " + token}})
	if err != nil {
		t.Fatal(err, resp)
	}
	resp.Body.Close()
	return conn
}

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
		s.Close()
		waitFor(t, func() bool {
			return strings.Count(r.logs.String(), "session disconnected") > 0 && r.hub.person(user) == nil
		})
		time.Sleep(20 * time.Millisecond) // the store is told after that
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

func TestRefusedBeforeTheUpgrade(t *testing.T) {
	r := newRig(t)
	c, _ := r.client(10)
	held := r.open(c, api.SessionOptions{})
	none, _ := r.client(0)
	stranger, _ := r.client(10)
	deleted := r.clientOf("99999999-9999-4999-8999-999999999999")
	bad := &api.Client{BaseURL: r.http.URL, Token: func(context.Context) (string, error) { return "x.y.z", nil }}
	tests := []struct {
		name string
		c    *api.Client
		o    api.SessionOptions
		want api.Code
	}{
		{"no token", &api.Client{BaseURL: r.http.URL}, api.SessionOptions{}, api.Unauthenticated},
		{"bad token", bad, api.SessionOptions{}, api.Unauthenticated},
		{"deleted person", deleted, api.SessionOptions{}, api.Unauthenticated},
		{"out of minutes", none, api.SessionOptions{}, api.OutOfMinutes},
		{"held elsewhere", c, api.SessionOptions{}, api.SessionElsewhere},
		{"another's session", stranger, api.SessionOptions{Resume: held.Started.SessionID}, api.NoSession},
		{"unknown session", stranger, api.SessionOptions{Resume: "00000000-0000-4000-8000-00000000ffff"}, api.NoSession},
		{"not an id", stranger, api.SessionOptions{Resume: "' or 1=1 --"}, api.NoSession},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.c.OpenSession(t.Context(), tt.o)
			code(t, err, tt.want)
		})
	}
	var err error
	for range DefaultLimits().Opens + 1 {
		_, err = none.OpenSession(t.Context(), api.SessionOptions{})
	}
	if e := code(t, err, api.SlowDown); e.RetryAfter < time.Second {
		t.Errorf("retry after %v", e.RetryAfter)
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

// Minutes bought, through whichever instance, are on the socket within 2 s.
func TestBalanceChangedElsewhere(t *testing.T) {
	r := newRig(t)
	c, user := r.client(2)
	s := r.open(c, api.SessionOptions{})
	r.running()
	waitFor(t, func() bool { // LISTEN is up once the first news arrives
		r.post(user, billing.Purchase, 1)
		select {
		case m := <-s.Messages():
			return m.Type == api.TypeBalance
		case <-time.After(100 * time.Millisecond):
			return false
		}
	})
	drain(s)
	began := time.Now()
	before := r.balance(user)
	r.post(user, billing.Purchase, 120)
	m := expect(t, s, api.TypeBalance)
	if *m.MinutesLeft != before+120 || time.Since(began) > 2*time.Second {
		t.Errorf("%d minutes after %v, want %d", *m.MinutesLeft, time.Since(began), before+120)
	}
}

// Without notifications, as behind a transaction pooler, the tick brings them.
func TestBalanceByTheTick(t *testing.T) {
	r := newRig(t)
	c, user := r.client(2)
	s := r.open(c, api.SessionOptions{})
	r.post(user, billing.Purchase, 120)
	r.tick(t.Context())
	if m := expect(t, s, api.TypeBalance); *m.MinutesLeft != 121 {
		t.Errorf("%d minutes", *m.MinutesLeft)
	}
}

func drain(s *api.Session) {
	for {
		select {
		case <-s.Messages():
		case <-time.After(50 * time.Millisecond):
			return
		}
	}
}

// Paused time is free, and gives neither answers nor grants.
func TestPause(t *testing.T) {
	r := newRig(t)
	c, user := r.client(10)
	s := r.open(c, api.SessionOptions{})
	s.Pause()
	expect(t, s, api.TypePaused)
	r.pass(10 * time.Minute)
	if got := r.balance(user); got != 9 {
		t.Errorf("%d minutes after a pause", got)
	}
	resp, body := r.ask(c, s.Started.SessionID, ordinaryQuestion)
	if resp.StatusCode != 409 || !strings.Contains(body, string(api.SessionPaused)) {
		t.Errorf("answer while paused: %d %s", resp.StatusCode, body)
	}
	_, err := s.Grant(t.Context())
	code(t, err, api.SessionPaused)

	s.Close() // the pause outlives a reconnection
	s = r.open(c, api.SessionOptions{Resume: s.Started.SessionID})
	expect(t, s, api.TypePaused)
	s.Resume()
	expect(t, s, api.TypeResumed)
	if resp, _ := r.ask(c, s.Started.SessionID, ordinaryQuestion); resp.StatusCode != 200 {
		t.Errorf("answer after the pause: %d", resp.StatusCode)
	}
	r.pass(70 * time.Second)
	if got := r.balance(user); got != 8 {
		t.Errorf("%d minutes after 70 s of use", got)
	}
	s.Stop()
	for m := expectAny(t, s); m.Type != api.TypeEnded; m = expectAny(t, s) {
	}
	_, err = c.OpenSession(t.Context(), api.SessionOptions{Resume: s.Started.SessionID})
	code(t, err, api.NoSession)
}

func expectAny(t testing.TB, s *api.Session) api.Message {
	t.Helper()
	select {
	case m, ok := <-s.Messages():
		if !ok {
			t.Fatal(s.Err())
		}
		return m
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was said")
	}
	return api.Message{}
}

func TestGrantsAreCapped(t *testing.T) {
	r := newRig(t)
	c, _ := r.client(10)
	s := r.open(c, api.SessionOptions{})
	for i := range 3 {
		m, err := s.Grant(t.Context())
		if err != nil || m.Token != fmt.Sprint("jwt-", i+1) || m.ExpiresInSeconds < 1 || m.ExpiresInSeconds > 30 {
			t.Fatalf("grant %d: %+v, %v", i+1, m, err)
		}
	}
	_, err := s.Grant(t.Context())
	code(t, err, api.SlowDown)
	if n := r.vendors.grants.Load(); n != 3 {
		t.Errorf("%d tokens were asked for", n)
	}
	if strings.Contains(r.logs.String(), "jwt-") {
		t.Error("a token is in the log")
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

// Pings are sent and answered; an idle session costs one goroutine.
func TestPings(t *testing.T) {
	r := newRig(t)
	c, user := r.client(10)
	conn := dial(t, c, "")
	defer conn.Close()
	pings := make(chan struct{}, 10)
	conn.SetPingHandler(func(data string) error {
		pings <- struct{}{}
		return conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(time.Second))
	})
	go func() {
		for {
			if _, _, err := conn.ReadMessage(); err != nil {
				return
			}
		}
	}()
	waitFor(t, func() bool { return r.hub.person(user) != nil })
	k := r.hub.person(user)
	before := *k.heard.Load()
	r.hub.ping(time.Now().Add(pingEvery / 2))
	r.hub.ping(time.Now().Add(pingEvery))
	r.hub.ping(time.Now().Add(pingEvery))
	<-pings
	waitFor(t, func() bool { return k.heard.Load().After(before) })
	if len(pings) != 0 {
		t.Error("more than one ping")
	}
	waitFor(t, func() bool { k.mu.Lock(); defer k.mu.Unlock(); return !k.writing })
}

// A client that reads nothing while much is said to it is cut off.
func TestSlowReader(t *testing.T) {
	r := newRig(t)
	c, user := r.client(10)
	conn := dial(t, c, "")
	defer conn.Close()
	waitFor(t, func() bool { return r.hub.person(user) != nil })
	k := r.hub.person(user)
	big := api.Message{Type: "x", Token: strings.Repeat("x", 1<<20)}
	for range 64 {
		k.say(big)
	}
	waitFor(t, func() bool { return r.hub.person(user) == nil })
}
