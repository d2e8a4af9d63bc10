package server

import (
	"context"
	"fmt"
	"net/http"
	"strings"
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
	k.mu.Lock()
	ended, waiting := k.ended, len(k.queue)
	k.mu.Unlock()
	if !ended || waiting > queueLimit {
		t.Errorf("cut off %v, %d messages wait", ended, waiting)
	}
	waitFor(t, func() bool { return r.hub.person(user) == nil })
}
