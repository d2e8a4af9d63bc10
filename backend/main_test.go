package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"copilot/backend/api"
	"copilot/backend/supabase"
	"copilot/backend/supabase/pgtest"
)

// lines are what was logged, readable while it is written.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// find returns the value of key in the first line that has it.
func (l *lines) find(key string) string {
	for line := range strings.SplitSeq(l.String(), "\n") {
		var v map[string]any
		if json.Unmarshal([]byte(line), &v) == nil && v[key] != nil {
			return fmt.Sprint(v[key])
		}
	}
	return ""
}

// The whole program, from an empty database to a charged minute and an orderly end.
func TestProgram(t *testing.T) {
	known := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, known) })
	pg, err := pgtest.Start(t.Context(), pgtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pg.Close() })
	db := pg.Database(t)
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/openai/v1/models":
			io.WriteString(w, `{"data":[{"id":"openai/gpt-oss-20b"}]}`)
		case "/openai/v1/chat/completions":
			io.WriteString(w, `data: {"choices":[{"delta":{"content":"Yes."},"finish_reason":"stop"}]}`+"\n\ndata: [DONE]\n\n")
		case "/v1/auth/grant":
			io.WriteString(w, `{"access_token":"jwt","expires_in":30}`)
		default:
			http.NotFound(w, r)
		}
	}))
	defer vendor.Close()
	const secret = "a-secret-of-more-than-32-characters"
	env := from(map[string]string{
		"SUPABASE_URL": vendor.URL, "SUPABASE_DB_URL": db.URL("copilot_backend"), "SUPABASE_MIGRATE_URL": db.URL("postgres"),
		"SUPABASE_JWT_SECRET": secret, "DEEPGRAM_API_KEY": "k", "DEEPGRAM_URL": vendor.URL,
		"GROQ_API_KEY": "k", "GROQ_URL": vendor.URL + "/openai/v1", "ADDR": "127.0.0.1:0",
		"STRIPE_SECRET_KEY": "sk_test_k", "STRIPE_WEBHOOK_SECRET": "whsec_of_the_tests", "STRIPE_URL": vendor.URL,
	})
	var log lines
	for range 2 { // the second time there is nothing to do
		if err := run(t.Context(), []string{"-migrate"}, env, &log); err != nil {
			t.Fatal(err)
		}
	}

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, nil, env, &log) }()
	for log.find("addr") == "" {
		select {
		case err := <-ended:
			t.Fatal(err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	user := "00000000-0000-4000-8000-000000000001"
	if _, err := db.Super(t).Exec(t.Context(), "insert into auth.users (id, email) values ($1, 'a@example.org')", user); err != nil {
		t.Fatal(err)
	}
	store, err := supabase.Open(t.Context(), db.URL("copilot_backend"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.Post(t.Context(), supabase.Posting{UserID: user, Kind: "purchase", Minutes: 120, Key: "x"})
	store.Close()
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": vendor.URL + "/auth/v1", "aud": "authenticated", "role": "authenticated", "sub": user, "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	c := &api.Client{BaseURL: "http://" + log.find("addr"), HTTP: &http.Client{Transport: &http.Transport{}},
		Token: func(context.Context) (string, error) { return token, nil }}
	s, err := c.OpenSession(t.Context(), api.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if g, err := s.Grant(t.Context()); err != nil || g.Token != "jwt" {
		t.Errorf("%+v, %v", g, err)
	}
	if a, err := c.Account(t.Context()); err != nil || a.MinutesLeft != 119 {
		t.Errorf("%+v, %v", a, err)
	}
	cancel()
	if err := s.Err(); !strings.Contains(err.Error(), "shutdown") {
		t.Errorf("the session ended with %v", err)
	}
	c.HTTP.CloseIdleConnections()
	if err := <-ended; err != nil {
		t.Errorf("run: %v\n%s", err, log.String())
	}
	if strings.Contains(log.String(), secret) || strings.Contains(log.String(), token) {
		t.Error("a secret is in the log")
	}
}
