package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"copilot/backend/api"
	"copilot/backend/supabase/litetest"
)

// asStack makes this test's program the command itself.
const asStack = "COPILOT_STACK_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(asStack); dir != "" {
		err := run(context.Background(), []string{"-dir", dir, "-free"}, os.Stdout)
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	http.DefaultClient.CloseIdleConnections()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// rig is a stack of a test.
type rig struct {
	*stack
	t     *testing.T
	mu    sync.Mutex
	mails []string
}

// tempDir is one that PostgreSQL's user can reach and whose socket's path is short.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "stack")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "s")
}

func start(t *testing.T, o options) *rig {
	t.Helper()
	r := &rig{t: t}
	o.Progress = &progress{out: t.Output()}
	o.Mail = func(text string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.mails = append(r.mails, text)
	}
	began := time.Now()
	s, err := up(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	t.Logf("up after %.1f s", time.Since(began).Seconds())
	r.stack = s
	return r
}

// The whole of what a person and the desktop program do with it: an account is
// made and used, its rows are its own, and a metered session opens.
func TestStack(t *testing.T) {
	r := start(t, options{Dir: tempDir(t)})
	r.ownRowsOnly()
	r.moneyIsNotForClients()
	r.session()
	r.purchase()
	r.close()
	expectNobody(t, r.o.Dir)
}

// signIn returns an access token.
func (r *rig) signIn(email, password string) string {
	r.t.Helper()
	got, err := r.auth(r.t.Context(), "/auth/v1/token?grant_type=password", email, password)
	if err != nil || got.AccessToken == "" || got.RefreshToken == "" {
		r.t.Fatalf("sign in: %v", err)
	}
	return got.AccessToken
}

func (r *rig) signUp(email string) string {
	r.t.Helper()
	if _, err := r.auth(r.t.Context(), "/auth/v1/signup", email, "correct horse"); err != nil {
		r.t.Fatal(err)
	}
	return r.signIn(email, "correct horse")
}

// rest makes one request of PostgREST's wire; an empty token is nobody's.
func (r *rig) rest(token, method, path string, body any) (int, []map[string]any) {
	r.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		r.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.SupabaseURL+"/rest/v1/"+path, bytes.NewReader(text))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("apikey", r.secrets.Key)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Prefer", "return=representation")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	var rows []map[string]any
	_ = json.Unmarshal(answer, &rows) // a refusal is no list
	return resp.StatusCode, rows
}

func (r *rig) balance(token string) int {
	r.t.Helper()
	status, rows := r.rest(token, http.MethodGet, "user_credits?select=balance", nil)
	if status != http.StatusOK || len(rows) != 1 {
		r.t.Fatalf("own balance: status %d, %d rows, want one", status, len(rows))
	}
	return int(rows[0]["balance"].(float64))
}

func (r *rig) ownRowsOnly() {
	r.t.Helper()
	stranger := r.signUp("stranger@example.com")
	if got := r.balance(stranger); got != 0 {
		r.t.Errorf("a new account has %d minutes, want 0", got)
	}
	if _, rows := r.rest(stranger, http.MethodGet, "credit_ledger", nil); len(rows) != 0 {
		r.t.Errorf("a stranger reads %d entries of others", len(rows))
	}
	_, rows := r.rest(r.signIn(demoEmail, r.secrets.Demo), http.MethodGet, "credit_ledger?select=minutes,created_at", nil)
	if len(rows) != 1 || rows[0]["minutes"] != float64(demoMinutes) {
		r.t.Fatalf("the demo account's ledger: %v, want one entry of %d minutes", rows, demoMinutes)
	}
	if _, err := time.Parse(time.RFC3339, fmt.Sprint(rows[0]["created_at"])); err != nil {
		r.t.Errorf("times are not as PostgREST writes them: %v", err)
	}
}

// Supabase Lite's first request grants everything on every table; that it was
// undone shows in who may write.
func (r *rig) moneyIsNotForClients() {
	r.t.Helper()
	token := r.signIn(demoEmail, r.secrets.Demo)
	for _, try := range []struct {
		method, path string
		body         any
	}{
		{http.MethodPatch, "user_credits?balance=gte.0", map[string]any{"balance": 9999}},
		{http.MethodPost, "credit_ledger", map[string]any{"kind": "purchase", "minutes": 9999}},
		{http.MethodDelete, "credit_ledger?minutes=gt.0", nil},
		{http.MethodPost, "subscriptions", map[string]any{"plan": "pro"}},
		{http.MethodPost, "rpc/post", map[string]any{}},
	} {
		for who, token := range map[string]string{"the demo account": token, "nobody": ""} {
			// Not by an empty result of row level security: the privilege itself is missing.
			if status, _ := r.rest(token, try.method, try.path, try.body); status/100 != 4 {
				r.t.Errorf("%s as %s: status %d, want a refusal", try.method+" "+try.path, who, status)
			}
		}
	}
	if status, rows := r.rest("", http.MethodGet, "user_credits", nil); status/100 != 4 {
		r.t.Errorf("nobody reads balances: status %d, %v", status, rows)
	}
	if got := r.balance(token); got > demoMinutes {
		r.t.Errorf("the balance is %d after all that, want %d", got, demoMinutes)
	}
}

// session opens a metered session, gets a grant, and has a question answered.
func (r *rig) session() {
	r.t.Helper()
	ctx := r.t.Context()
	as := func(token string) *api.Client {
		return &api.Client{BaseURL: r.BackendURL, Token: func(context.Context) (string, error) { return token, nil }}
	}
	var refused *api.Error
	if _, err := as(r.signIn("stranger@example.com", "correct horse")).OpenSession(ctx, api.SessionOptions{}); !errors.As(err, &refused) || refused.Code != api.OutOfMinutes {
		r.t.Errorf("a session without minutes: %v, want %s", err, api.OutOfMinutes)
	}
	token := r.signIn(demoEmail, r.secrets.Demo)
	session, err := as(token).OpenSession(ctx, api.SessionOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	defer session.Close()
	grant, err := session.Grant(ctx)
	if err != nil || grant.Token == "" {
		r.t.Fatalf("grant: %v", err)
	}
	if got := r.ask(token, session.Started.SessionID); !strings.Contains(got, "data: ") {
		r.t.Errorf("the answer is no stream of events: %q", got)
	}
	if err := session.Stop(); err != nil {
		r.t.Fatal(err)
	}
	for range session.Messages() { // until the server has ended it
	}
	if got := r.balance(token); got != demoMinutes-1 {
		r.t.Errorf("a session of some seconds leaves %d minutes, want %d", got, demoMinutes-1)
	}
}

// purchase pays on the stand-in's page, and the webhook brings the minutes.
func (r *rig) purchase() {
	r.t.Helper()
	token := r.signIn(demoEmail, r.secrets.Demo)
	before := r.balance(token)
	client := &api.Client{BaseURL: r.BackendURL, Token: func(context.Context) (string, error) { return token, nil }}
	page, err := client.Checkout(r.t.Context(), api.Minutes120)
	if err != nil || !strings.HasPrefix(page.URL, r.stripe.URL) {
		r.t.Fatalf("checkout: %+v, %v", page, err)
	}
	checkouts := r.stripe.Ids("checkout.session")
	if err := r.stripe.Pay(checkouts[len(checkouts)-1]); err != nil {
		r.t.Fatal(err)
	}
	for range 200 {
		if r.balance(token) == before+120 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	r.t.Errorf("after paying for 120 minutes the balance is %d, before it was %d", r.balance(token), before)
}

func (r *rig) ask(token, session string) string {
	r.t.Helper()
	body := `{"model":"openai/gpt-oss-20b","stream":true,"messages":[{"role":"user","content":"Tell me about yourself."}]}`
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.BackendURL+api.PathCompletions, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(api.HeaderSession, session)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		r.t.Fatalf("answer: status %d, %v: %s", resp.StatusCode, err, answer)
	}
	return string(answer)
}

// confirmation: an account is of use only after the link in its message.
func (r *rig) confirmation() {
	r.t.Helper()
	const email = "careful@example.com"
	if _, err := r.auth(r.t.Context(), "/auth/v1/signup", email, "correct horse"); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.auth(r.t.Context(), "/auth/v1/token?grant_type=password", email, "correct horse"); err == nil {
		r.t.Error("an address that was not confirmed may sign in")
	}
	r.mu.Lock()
	mails := strings.Join(r.mails, "\n")
	r.mu.Unlock()
	if !strings.Contains(mails, email) || confirmation.FindString(mails) == "" {
		r.t.Errorf("no message with a link to confirm: %q", mails)
	}
}

// With confirmation asked for, the demo account of new data is confirmed too.
func TestConfirmedAccounts(t *testing.T) {
	r := start(t, options{Dir: tempDir(t), Confirm: true})
	if got := r.balance(r.signIn(demoEmail, r.secrets.Demo)); got != demoMinutes {
		t.Errorf("the demo account has %d minutes, want %d", got, demoMinutes)
	}
	r.confirmation()
	// Two of them on one folder would write to one database.
	if _, err := up(t.Context(), options{Dir: r.o.Dir, Progress: r.o.Progress}); err == nil || !strings.Contains(err.Error(), "another stack") {
		t.Errorf("a second stack on the same data: %v", err)
	}
}

// Without the packages and without the registry it says what is missing.
func TestRegistryIsUnreachable(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("npm_config_registry", "http://127.0.0.1:1/")
	err := litetest.Install(t.Context())
	if err == nil || !strings.Contains(err.Error(), "npm registry must be reachable") {
		t.Errorf("error %v, want one that names the registry", err)
	}
	if left, _ := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "interview-copilot", "*")); len(left) > 0 {
		t.Errorf("half an installation was left: %v", left)
	}
}
