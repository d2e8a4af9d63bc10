package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"copilot/backend/api"
	"copilot/backend/supabase"
	"copilot/backend/supabase/pgtest"
	"copilot/backend/upstream"
	"copilot/billing"
)

var postgres *pgtest.Server // of the whole run

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	postgres, err = pgtest.Start(context.Background(), pgtest.Options{Template: func(ctx context.Context, url string) error {
		_, err := supabase.Migrate(ctx, url)
		return err
	}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer postgres.Close()
	if code := m.Run(); code != 0 {
		return code
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

const (
	groqKey     = "gsk_canary_key"
	deepgramKey = "dg_canary_key"
	vendorWords = "canary words of a vendor"
)

// rig is a backend with all it needs, on loopback: Postgres, the sign-in
// service, and the vendors' stand-ins.
type rig struct {
	*Server
	t         testing.TB
	db        *pgtest.Database
	clock     *pgtest.Clock
	dbURL     string
	pool      *supabase.DB
	authority *authority
	vendors   *vendors
	http      *httptest.Server
	logs      *logBuffer
}

// newRig brings one instance up. Its loops do not run: a test calls them, or Run.
func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, db: postgres.Database(t), authority: newAuthority(t, "ec1"), vendors: newVendors(t), logs: &logBuffer{}}
	r.dbURL = r.db.URL("copilot_backend")
	r.clock = r.db.Clock(t, time.Now())
	r.start("one")
	return r
}

// another is a second instance on the same database and vendors.
func (r *rig) another(name string) *rig {
	r.t.Helper()
	o := *r
	o.Server = nil
	o.start(name)
	return &o
}

func (r *rig) start(name string) {
	r.t.Helper()
	var err error
	if r.pool, err = supabase.Open(r.t.Context(), r.dbURL); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(r.pool.Close)
	groq := upstream.NewGroq(upstream.GroqOptions{URL: r.vendors.URL + "/openai/v1", Key: groqKey})
	deepgram := upstream.NewDeepgram(upstream.DeepgramOptions{URL: r.vendors.URL, Key: deepgramKey})
	r.t.Cleanup(groq.Close)
	r.t.Cleanup(deepgram.Close)
	r.Server, err = New(Options{
		Store: r.pool, Groq: groq, Deepgram: deepgram, Instance: name, Issuer: r.authority.issuer(),
		Log:  slog.New(slog.NewJSONHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		HTTP: r.authority.Client(),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.tokens.keys.refresh(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	r.serve(r.Handler(), func(*http.Server) {})
	r.t.Cleanup(func() { r.hub.close() })
}

// serve listens, with a setting changed.
func (r *rig) serve(h http.Handler, change func(*http.Server)) {
	srv := httptest.NewUnstartedServer(nil)
	srv.Config = HTTP(h, r.log)
	change(srv.Config)
	srv.Start()
	r.t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	r.http = srv
}

// running runs the instance's loops until the test ends or stop is called.
func (r *rig) running() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.Run(ctx); err != nil {
			r.t.Errorf("run: %v", err)
		}
	}()
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); <-done }) }
	r.t.Cleanup(stop)
	return stop
}

// client signs a person in who has so many minutes.
func (r *rig) client(minutes int) (*api.Client, string) {
	r.t.Helper()
	user := r.person(minutes)
	return r.clientOf(user), user
}

var people atomic.Int64

func (r *rig) person(minutes int) string {
	r.t.Helper()
	user := fmt.Sprintf("00000000-0000-4000-8000-%012d", people.Add(1))
	c := r.db.Super(r.t)
	if _, err := c.Exec(r.t.Context(), "insert into auth.users (id, email) values ($1, $2)", user, user+"@example.org"); err != nil {
		r.t.Fatal(err)
	}
	if minutes > 0 {
		r.post(user, billing.Purchase, minutes)
	}
	return user
}

func (r *rig) post(user string, kind billing.Kind, minutes int) {
	r.t.Helper()
	p := supabase.Posting{UserID: user, Kind: kind, Minutes: minutes, Key: fmt.Sprint("test:", people.Add(1))}
	if _, err := r.pool.Post(r.t.Context(), p); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) clientOf(user string) *api.Client {
	token := r.authority.sign(r.t, "ec1", r.authority.with(map[string]any{"sub": user}), nil)
	return &api.Client{BaseURL: r.http.URL, HTTP: r.http.Client(), Token: func(context.Context) (string, error) { return token, nil }}
}

// pass lets the database's time go by, with signs of life and ticks as in Run.
func (r *rig) pass(d time.Duration, others ...*rig) {
	r.t.Helper()
	for d > 0 {
		step := min(d, 10*time.Second)
		d -= step
		r.clock.Advance(step)
		for _, o := range append(others, r) {
			now := time.Now()
			for _, k := range o.hub.all() {
				k.heard.Store(&now)
			}
			o.beat(r.t.Context()) // learns the database's clock
			o.beat(r.t.Context())
			o.tick(r.t.Context())
		}
	}
}

// balance is what the store says, after a look at the ledger's sum.
func (r *rig) balance(user string) int {
	r.t.Helper()
	var balance, sum int
	err := r.db.Super(r.t).QueryRow(r.t.Context(), `select balance, (select coalesce(sum(minutes), 0) from public.credit_ledger l
		where l.user_id = c.user_id) from public.user_credits c where user_id = $1`, user).Scan(&balance, &sum)
	if err != nil || balance != sum || balance < 0 {
		r.t.Fatalf("balance %d, ledger %d, %v", balance, sum, err)
	}
	return balance
}

// open opens a session socket and closes it at the test's end.
func (r *rig) open(c *api.Client, o api.SessionOptions) *api.Session {
	r.t.Helper()
	s, err := c.OpenSession(r.t.Context(), o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { s.Close() })
	return s
}

// expect waits for the next message and checks its type.
func expect(t testing.TB, s *api.Session, want string) api.Message {
	t.Helper()
	select {
	case m, ok := <-s.Messages():
		if !ok {
			t.Fatalf("the socket ended (%v), want %s", s.Err(), want)
		}
		if m.Type != want {
			t.Fatalf("got %+v, want %s", m, want)
		}
		return m
	case <-time.After(10 * time.Second):
		t.Fatalf("no %s", want)
	}
	return api.Message{}
}

// code checks the code of an error of api.
func code(t testing.TB, err error, want api.Code) *api.Error {
	t.Helper()
	e, ok := errors.AsType[*api.Error](err)
	if !ok || e.Code != want || e.Message == "" {
		t.Fatalf("got %v (%+v), want %s", err, e, want)
	}
	return e
}

// ask asks for an answer over HTTP.
func (r *rig) ask(c *api.Client, session, body string, header ...string) (*http.Response, string) {
	r.t.Helper()
	resp := r.begin(r.t.Context(), c, session, body, header...)
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp, string(b)
}

func (r *rig) begin(ctx context.Context, c *api.Client, session, body string, header ...string) *http.Response {
	r.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.BaseURL+api.PathCompletions, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	token, _ := c.Token(ctx)
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(api.HeaderSession, session)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp
}

const ordinaryQuestion = `{"model":"openai/gpt-oss-20b","stream":true,"max_completion_tokens":400,"reasoning_effort":"low",
	"include_reasoning":false,"messages":[{"role":"system","content":"s"},{"role":"user","content":"Why Go?"}]}`

// vendors are the stand-ins of Groq and Deepgram, as strict as they are about
// what they are sent.
type vendors struct {
	*httptest.Server
	answer atomic.Pointer[http.HandlerFunc] // of chat completions, after the checks
	grants atomic.Int64
	asked  atomic.Int64 // answers

	mu   sync.Mutex
	last map[string]any // the last request for an answer
}

func newVendors(t testing.TB) *vendors {
	v := &vendors{}
	v.answers(func(w http.ResponseWriter, r *http.Request) { writeAnswer(w, "Because", " it", " is", " plain.") })
	mux := http.NewServeMux()
	mux.HandleFunc("GET /openai/v1/models", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"object":"list","data":[{"id":"openai/gpt-oss-20b"},{"id":"openai/gpt-oss-120b"},{"id":"whisper-large-v3"}]}`)
	})
	mux.HandleFunc("POST /openai/v1/chat/completions", func(w http.ResponseWriter, r *http.Request) {
		v.asked.Add(1)
		var req map[string]any
		dec := json.NewDecoder(r.Body)
		known := map[string]bool{"model": true, "stream": true, "messages": true, "max_completion_tokens": true, "temperature": true,
			"top_p": true, "seed": true, "stop": true, "reasoning_effort": true, "include_reasoning": true}
		if r.Header.Get("Authorization") != "Bearer "+groqKey || dec.Decode(&req) != nil || req["stream"] != true {
			http.Error(w, `{"error":{"message":"no"}}`, http.StatusBadRequest)
			return
		}
		for name := range req {
			if !known[name] {
				http.Error(w, `{"error":{"message":"property unsupported"}}`, http.StatusBadRequest)
				return
			}
		}
		v.mu.Lock()
		v.last = req
		v.mu.Unlock()
		(*v.answer.Load())(w, r)
	})
	mux.HandleFunc("POST /v1/auth/grant", func(w http.ResponseWriter, r *http.Request) {
		var req struct {
			TTL int `json:"ttl_seconds"`
		}
		if r.Header.Get("Authorization") != "Token "+deepgramKey || json.NewDecoder(r.Body).Decode(&req) != nil || req.TTL < 1 || req.TTL > 30 {
			http.Error(w, `{"err_code":"INVALID","err_msg":"`+vendorWords+`"}`, http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, `{"access_token":"jwt-%d","expires_in":%d}`, v.grants.Add(1), req.TTL)
	})
	v.Server = httptest.NewServer(mux)
	t.Cleanup(v.Close)
	return v
}

func (v *vendors) answers(h http.HandlerFunc) { v.answer.Store(&h) }

func (v *vendors) lastRequest() map[string]any {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.last
}

func writeEvent(w http.ResponseWriter, text string) {
	b, _ := json.Marshal(text)
	fmt.Fprintf(w, `data: {"id":"c","choices":[{"index":0,"delta":{"content":%s},"finish_reason":null}]}`+"\n\n", b)
	w.(http.Flusher).Flush()
}

func writeEnd(w http.ResponseWriter) {
	io.WriteString(w, `data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"x_groq":{"usage":{"prompt_tokens":30,"completion_tokens":4}}}`+
		"\n\ndata: [DONE]\n\n")
}

func writeAnswer(w http.ResponseWriter, words ...string) {
	for _, word := range words {
		writeEvent(w, word)
	}
	writeEnd(w)
}

// logBuffer keeps what was logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
