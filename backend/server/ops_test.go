package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"copilot/backend/api"
)

func (r *rig) get(path string, header ...string) (int, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.http.URL+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := r.http.Client().Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

// Without a token every route of a person says the same and nothing more.
func TestT1_EveryRouteWantsAToken(t *testing.T) {
	r := newRig(t)
	expired := r.authority.sign(t, "ec1", r.authority.with(map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}), nil)
	const want = `{"error":{"code":"unauthenticated","message":"Please sign in again."}}`
	for _, path := range []string{api.PathSession, api.PathModels, api.PathAccount, api.PathLedger} {
		for _, header := range []string{"", "Bearer", "Bearer x", "Basic YTpi", "Bearer " + expired, "Bearer " + strings.Repeat("x", maxToken+1)} {
			status, body := r.get(path, "Authorization", header)
			if status != 401 || strings.TrimSpace(body) != want {
				t.Errorf("%s with %.20q: %d %s", path, header, status, body)
			}
		}
	}
	if strings.Contains(r.logs.String(), expired[:40]) {
		t.Error("a token is in the log")
	}
}

// The sign-in service is away and its keys were never seen: come back later.
func TestT8_KeysUnknownIsNotUnauthenticated(t *testing.T) {
	r := newRig(t)
	r.authority.down.Store(true)
	r.tokens.keys.keys = nil
	c, _ := r.client(1)
	_, err := c.Account(t.Context())
	if e := code(t, err, api.Unavailable); e.RetryAfter == 0 {
		t.Error("no Retry-After")
	}
	if status, body := r.get("/readyz"); status != 503 || !strings.Contains(body, "not known") {
		t.Errorf("%d %s", status, body)
	}
}

func TestHealthReadyMetrics(t *testing.T) {
	r := newRig(t)
	c, _ := r.client(10)
	s := r.open(c, api.SessionOptions{})
	r.ask(c, s.Started.SessionID, ordinaryQuestion)
	s.Grant(t.Context())
	r.pass(61 * time.Second)
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := r.get(path); status != 200 || !strings.Contains(body, "ok") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	_, body := r.get("/metrics")
	for _, line := range []string{
		"copilot_sessions_live 1", "copilot_session_goroutines 1", "copilot_minutes_charged_total 2",
		`copilot_answers_total{outcome="whole"} 1`, `copilot_tokens_total{kind="completion"} 4`,
		`copilot_upstream_seconds_count{operation="answer",vendor="groq"} 1`, `copilot_grants_total{outcome="given"} 1`,
		"copilot_charge_lag_seconds_count 1", `copilot_requests_total{route="POST /v1/chat/completions",status="200"} 1`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("no %q in the metrics", line)
		}
	}
	if strings.Contains(body, s.Started.SessionID) {
		t.Error("a session is named in the metrics")
	}
	if status, _ := r.get("/metrics", "X-Forwarded-For", "203.0.113.7"); status != 404 {
		t.Errorf("through a proxy: %d", status)
	}
	r.metricsToken = "secret"
	if status, _ := r.get("/metrics"); status != 404 {
		t.Errorf("without the token: %d", status)
	}
	if status, _ := r.get("/metrics", "Authorization", "Bearer secret"); status != 200 {
		t.Errorf("with the token: %d", status)
	}
	if status, body := r.get("/nothing"); status != 404 || !strings.Contains(body, "not_found") {
		t.Errorf("unknown path: %d %s", status, body)
	}
}

// The database hangs: what needs it is refused within a second or so, with a
// time to come back, and answers that need it not go on.
func TestB6_DatabaseHangs(t *testing.T) {
	r := newRig(t)
	c, _ := r.client(10)
	s := r.open(c, api.SessionOptions{})
	waiting, user := r.client(10)
	next := make(chan struct{})
	r.vendors.answers(func(w http.ResponseWriter, req *http.Request) {
		writeEvent(w, "One")
		<-next
		writeEvent(w, " two")
		writeEnd(w)
	})
	resp := r.begin(t.Context(), c, s.Started.SessionID, ordinaryQuestion)
	defer resp.Body.Close()

	tx, err := r.db.Super(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	if _, err := tx.Exec(t.Context(), "lock table public.user_credits, public.interview_sessions in access exclusive mode"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, err = waiting.OpenSession(t.Context(), api.SessionOptions{})
	if e := code(t, err, api.Unavailable); e.RetryAfter == 0 || time.Since(began) > 3*time.Second {
		t.Errorf("after %v, retry after %v", time.Since(began), e.RetryAfter)
	}
	_, err = waiting.Account(t.Context())
	code(t, err, api.Unavailable)
	next <- struct{}{}
	if body, err := io.ReadAll(resp.Body); err != nil || !strings.HasSuffix(string(body), "[DONE]\n\n") {
		t.Errorf("the answer under way: %q, %v", body, err)
	}
	go func() { next <- struct{}{} }()
	if resp, body := r.ask(c, s.Started.SessionID, ordinaryQuestion); resp.StatusCode != 200 {
		t.Errorf("a new answer: %d %s", resp.StatusCode, body)
	}
	tx.Rollback(t.Context())
	r.open(waiting, api.SessionOptions{})
	if got := r.balance(user); got != 9 {
		t.Errorf("%d minutes: a refused start was charged", got)
	}
}

// A rolling restart: the answer under way is finished, the session goes on at
// the other instance without a second charge.
func TestN14_RollingRestart(t *testing.T) {
	r := newRig(t)
	stop := r.running()
	c, user := r.client(10)
	s := r.open(c, api.SessionOptions{})
	next := make(chan struct{})
	r.vendors.answers(func(w http.ResponseWriter, req *http.Request) {
		writeEvent(w, "One")
		<-next
		writeEvent(w, " two")
		writeEnd(w)
	})
	resp := r.begin(t.Context(), c, s.Started.SessionID, ordinaryQuestion)
	defer resp.Body.Close()

	two := r.another("two")
	stopped := make(chan error, 1)
	go func() {
		stop()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		stopped <- r.http.Config.Shutdown(ctx)
	}()
	if m := expect(t, s, api.TypeEnded); m.Reason != api.ReasonShutdown {
		t.Errorf("%+v", m)
	}
	c2 := two.clientOf(user)
	again := two.open(c2, api.SessionOptions{Resume: s.Started.SessionID})
	if *again.Started.MinutesLeft != 9 {
		t.Errorf("%d minutes after the move", *again.Started.MinutesLeft)
	}
	next <- struct{}{}
	if body, err := io.ReadAll(resp.Body); err != nil || !strings.HasSuffix(string(body), "[DONE]\n\n") {
		t.Errorf("the answer under way: %q, %v", body, err)
	}
	resp.Body.Close()
	r.http.Client().CloseIdleConnections()
	if err := <-stopped; err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

// The store knows at once that the sockets of a stopped instance are gone.
func TestN14_HandedOver(t *testing.T) {
	r := newRig(t)
	stop := r.running()
	c, _ := r.client(10)
	s := r.open(c, api.SessionOptions{})
	stop()
	var gone bool
	err := r.db.Super(t).QueryRow(t.Context(), `select not connected and ended_at is null and lease_until <= private.now() + interval '30 s'
		from public.interview_sessions where id = $1`, s.Started.SessionID).Scan(&gone)
	if err != nil || !gone {
		t.Errorf("handed over %v, %v", gone, err)
	}
}

// While an instance stops it takes nobody in, and says so.
func TestN14_StoppingTakesNobodyIn(t *testing.T) {
	r := newRig(t)
	r.running()()
	c, user := r.client(10)
	if status, body := r.get("/readyz"); status != 503 || !strings.Contains(body, "stopping") {
		t.Errorf("%d %s", status, body)
	}
	_, err := c.OpenSession(t.Context(), api.SessionOptions{})
	code(t, err, api.Unavailable)
	if got := r.balance(user); got != 10 {
		t.Errorf("%d minutes", got)
	}
}

// Requests that never end, headers without end, bodies without end: each is cut
// off while others are served.
func TestL1_GreedyClients(t *testing.T) {
	r := newRig(t)
	r.serve(r.Handler(), func(h *http.Server) { h.ReadHeaderTimeout = 300 * time.Millisecond }) // else the test takes 5 s
	c, _ := r.client(10)
	s := r.open(c, api.SessionOptions{})
	token, _ := c.Token(t.Context())
	addr := strings.TrimPrefix(r.http.URL, "http://")
	send := func(text string) net.Conn {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		io.WriteString(conn, text)
		return conn
	}
	var slow []net.Conn
	for range 300 {
		slow = append(slow, send("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "))
	}
	bomb := send("GET /healthz HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-Bomb: "+strings.Repeat("b", 1000)+"\r\n", 40))
	big := send(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nX-Session: %s\r\nContent-Length: 104857600\r\n\r\n%s",
		api.PathCompletions, token, s.Started.SessionID, strings.Repeat("x", maxRequest+10)))
	if resp, body := r.ask(c, s.Started.SessionID, ordinaryQuestion); resp.StatusCode != 200 {
		t.Errorf("an honest client: %s", body)
	}
	for want, conn := range map[string]net.Conn{" 431 ": bomb, " 413 ": big} {
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		line, _ := bufio.NewReader(conn).ReadString('\n')
		if !strings.Contains(line, want) {
			t.Errorf("%q, want%s", line, want)
		}
	}
	for _, conn := range slow {
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, errTimeout(err)) {
			t.Fatal("a slow request is still being waited for")
		}
	}
}

// errTimeout is err if it is a time-out, for errors.Is.
func errTimeout(err error) error {
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return err
	}
	return errors.New("none")
}

func TestL1_Limits(t *testing.T) {
	h := HTTP(nil, newRig(t).log)
	if h.ReadHeaderTimeout <= 0 || h.ReadHeaderTimeout > 10*time.Second || h.IdleTimeout <= 0 || h.MaxHeaderBytes > 64<<10 || h.MaxHeaderBytes <= 0 {
		t.Errorf("%+v", h)
	}
}

// Nothing secret, and nothing that forges a line, gets into the log.
func TestL3_LogIsClean(t *testing.T) {
	r := newRig(t)
	c, _ := r.client(10)
	s := r.open(c, api.SessionOptions{})
	s.Grant(t.Context())
	const resume = "canary of a résumé"
	r.ask(c, s.Started.SessionID, strings.Replace(ordinaryQuestion, "Why Go?", resume, 1))
	r.ask(c, "x\" level=ERROR msg=\"forged", ordinaryQuestion)
	forged := r.authority.sign(t, "ec1", r.authority.good(alice), map[string]any{"kid": "a\n{\"level\":\"ERROR\",\"msg\":\"forged\"}"})
	r.get(api.PathAccount, "Authorization", "Bearer "+forged)
	r.vendors.Close() // the vendors are away: errors with addresses
	r.ask(c, s.Started.SessionID, ordinaryQuestion)
	s.Grant(t.Context())
	token, _ := c.Token(t.Context())
	logs := r.logs.String()
	for _, secret := range []string{groqKey, deepgramKey, "jwt-1", token, token[len(token)-40:], forged[:60], resume, "@example.org", "/openai/v1"} {
		if strings.Contains(logs, secret) {
			t.Errorf("the log holds %.20q", secret)
		}
	}
	lines := strings.Split(strings.TrimSpace(logs), "\n")
	for _, line := range lines {
		if !strings.HasPrefix(line, `{"time":`) || strings.Contains(line, `"msg":"forged"`) {
			t.Errorf("forged: %s", line)
		}
	}
	if len(lines) < 6 || !strings.Contains(logs, s.Started.SessionID) || !strings.Contains(logs, `"request":"`) {
		t.Error("the log tells too little")
	}
}

// A panic ends one request: with an answer where none had begun, and else with
// a cut connection, so that half an answer is not taken for a whole.
func TestPanicEndsOneRequest(t *testing.T) {
	r := newRig(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/early", r.handle("/early", 10, func(http.ResponseWriter, *http.Request) { panic("a bug") }))
	mux.HandleFunc("/late", r.handle("/late", 10, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "half")
		http.NewResponseController(w).Flush()
		panic("another bug")
	}))
	r.serve(mux, func(*http.Server) {})
	if status, body := r.get("/early"); status != 503 || !strings.Contains(body, "unavailable") {
		t.Errorf("%d %s", status, body)
	}
	resp, err := r.http.Client().Get(r.http.URL + "/late")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("%q was taken for the whole", b)
	}
	if logs := r.logs.String(); !strings.Contains(logs, "a bug") || !strings.Contains(logs, "another bug") {
		t.Error("the log is silent")
	}
}

// The loops and the sessions go on after a panic in one step of theirs.
func TestPanicEndsOneStep(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	steps := 0
	r.every(ctx, time.Millisecond, func(context.Context) {
		if steps++; steps == 3 {
			cancel()
		}
		panic("a bug")
	})
	if steps != 3 {
		t.Errorf("%d steps", steps)
	}
	c, _ := r.client(10)
	s := r.open(c, api.SessionOptions{})
	store := r.store
	r.store = nil // a pause now panics
	s.Pause()
	waitFor(t, func() bool { return strings.Contains(r.logs.String(), "session "+s.Started.SessionID) })
	r.store = store
	s.Pause()
	expect(t, s, api.TypePaused)
}
