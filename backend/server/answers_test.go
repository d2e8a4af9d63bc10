package server

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"copilot/backend/api"
	"copilot/billing"
)

// An answer arrives word by word, and what the vendor sees is what was asked.
func TestAnswer(t *testing.T) {
	r := newRig(t)
	c, _ := r.client(10)
	s := r.open(c, api.SessionOptions{})
	next := make(chan struct{})
	r.vendors.answers(func(w http.ResponseWriter, req *http.Request) {
		for _, word := range []string{"One", " two"} {
			writeEvent(w, word)
			<-next
		}
		writeEnd(w)
	})
	resp := r.begin(t.Context(), c, s.Started.SessionID, ordinaryQuestion)
	defer resp.Body.Close()
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" || resp.Header.Get("X-Request-Id") == "" {
		t.Fatal(resp.StatusCode, resp.Header)
	}
	in := bufio.NewReader(resp.Body)
	for _, word := range []string{"One", " two"} {
		line, err := in.ReadString('\n')
		if err != nil || !strings.Contains(line, `"content":"`+word+`"`) {
			t.Fatalf("%q, %v", line, err)
		}
		in.ReadString('\n')
		next <- struct{}{}
	}
	rest, err := io.ReadAll(in)
	if err != nil || !strings.HasSuffix(string(rest), "data: [DONE]\n\n") {
		t.Errorf("%q, %v", rest, err)
	}
	got, want := r.vendors.lastRequest(), map[string]any{}
	json.Unmarshal([]byte(ordinaryQuestion), &want)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the vendor saw %v, want %v", got, want)
	}
}

func TestAnswerRefused(t *testing.T) {
	r := newRig(t)
	c, _ := r.client(10)
	s := r.open(c, api.SessionOptions{})
	with := func(change string) string {
		return strings.Replace(ordinaryQuestion, `"stream":true`, change, 1)
	}
	long := `{"stream":true,"messages":[{"role":"user","content":"` + strings.Repeat("x", maxRequest) + `"}]}`
	tests := []struct {
		name, body string
		header     []string
		want       api.Code
	}{
		{"not JSON", "{", nil, api.Invalid},
		{"nothing", "", nil, api.Invalid},
		{"not streamed", with(`"stream":false`), nil, api.Invalid},
		{"no messages", `{"stream":true,"messages":[]}`, nil, api.Invalid},
		{"content in parts", `{"stream":true,"messages":[{"role":"user","content":[{"type":"text"}]}]}`, nil, api.Invalid},
		{"role", `{"stream":true,"messages":[{"role":"tool","content":"x"}]}`, nil, api.Invalid},
		{"too many tokens", `{"stream":true,"max_tokens":100000,"messages":[{"role":"user","content":"x"}]}`, nil, api.Invalid},
		{"negative", `{"stream":true,"max_tokens":-1,"messages":[{"role":"user","content":"x"}]}`, nil, api.Invalid},
		{"temperature", with(`"stream":true,"temperature":3`), nil, api.Invalid},
		{"effort", `{"stream":true,"reasoning_effort":"max","messages":[{"role":"user","content":"x"}]}`, nil, api.Invalid},
		{"too long", long, nil, api.TooLarge},
		{"Pro's model", strings.Replace(ordinaryQuestion, "20b", "120b", 1), nil, api.PlanRequired},
		{"no such model", strings.Replace(ordinaryQuestion, "20b", "1b", 1), nil, api.Invalid},
		{"Pro's persona", ordinaryQuestion, []string{api.HeaderPersona, "strict"}, api.PlanRequired},
		{"no such persona", ordinaryQuestion, []string{api.HeaderPersona, "pirate"}, api.Invalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := r.ask(c, s.Started.SessionID, tt.body, tt.header...)
			var e api.ErrorBody
			if json.Unmarshal([]byte(body), &e) != nil || e.Error == nil || e.Error.Code != tt.want || resp.StatusCode != tt.want.Status() {
				t.Errorf("%d %s, want %s", resp.StatusCode, body, tt.want)
			}
		})
	}
	if n := r.vendors.asked.Load(); n != 0 {
		t.Errorf("the vendor was asked %d times", n)
	}
}

// Pro gives the better model and the stricter persona, from the moment it is paid.
func TestPro(t *testing.T) {
	r := newRig(t)
	c, user := r.client(1)
	s := r.open(c, api.SessionOptions{})
	if _, err := r.db.Super(t).Exec(t.Context(), `select private.save_subscription($1, 'sub_1', 'pro', 'active',
		private.now(), private.now() + interval '30 days', false, private.now())`, user); err != nil {
		t.Fatal(err)
	}
	r.refresh(t.Context(), user)
	if m := expect(t, s, api.TypeBalance); !m.Unlimited {
		t.Errorf("%+v", m)
	}
	if resp, body := r.ask(c, s.Started.SessionID, strings.Replace(ordinaryQuestion, "20b", "120b", 1), api.HeaderPersona, "strict"); resp.StatusCode != 200 {
		t.Fatal(body)
	}
	messages := r.vendors.lastRequest()["messages"].([]any)
	if first := messages[0].(map[string]any); len(messages) != 3 || first["role"] != "system" || first["content"] != instructions["strict"] {
		t.Errorf("messages %v", messages)
	}
	r.pass(10 * time.Minute)
	if got := r.balance(user); got != 0 {
		t.Errorf("%d minutes", got)
	}
	a, err := c.Account(t.Context())
	if err != nil || !a.Unlimited || a.Plan != billing.PlanPro || a.RenewsAt == nil || len(a.Models) != 2 || len(a.Personas) != 4 {
		t.Errorf("%+v, %v", a, err)
	}
}

// Every persona of the catalog but the first says something of its own.
func TestPersonasHaveInstructions(t *testing.T) {
	for i, name := range billing.ProPlan().Personas {
		if (instructions[name] == "") != (i == 0) {
			t.Errorf("persona %s: %q", name, instructions[name])
		}
	}
}

// A session of somebody else and one that never was are refused alike.
func TestB9_AnothersSession(t *testing.T) {
	r := newRig(t)
	alice, _ := r.client(10)
	s := r.open(alice, api.SessionOptions{})
	bob, _ := r.client(10)
	mine := r.open(bob, api.SessionOptions{})
	seen := map[string]bool{}
	for _, id := range []string{s.Started.SessionID, "00000000-0000-4000-8000-00000000ffff", "", "'"} {
		resp, body := r.ask(bob, id, ordinaryQuestion)
		if resp.StatusCode != 404 {
			t.Errorf("session %q: %d", id, resp.StatusCode)
		}
		seen[body] = true
	}
	if len(seen) != 1 {
		t.Errorf("answers differ: %v", seen)
	}
	if resp, body := r.ask(bob, mine.Started.SessionID, ordinaryQuestion); resp.StatusCode != 200 {
		t.Error(body)
	}
}

// The minutes run out while an answer streams: it is finished, the person is
// told at once, and the next one is refused.
func TestB7_OutOfMinutesInAnAnswer(t *testing.T) {
	r := newRig(t)
	c, _ := r.client(1)
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
	r.pass(70 * time.Second)
	if m := expect(t, s, api.TypeEnded); m.Reason != api.ReasonOutOfMinutes {
		t.Errorf("%+v", m)
	}
	s.Err()
	next <- struct{}{}
	body, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(body), " two") || !strings.HasSuffix(string(body), "data: [DONE]\n\n") {
		t.Errorf("%q, %v", body, err)
	}
	if resp, body := r.ask(c, s.Started.SessionID, ordinaryQuestion); resp.StatusCode != 402 {
		t.Errorf("the next: %d %s", resp.StatusCode, body)
	}
}

// What a vendor answers instead becomes our codes; its words stay here.
func TestVendorErrors(t *testing.T) {
	r := newRig(t)
	r.usage.limits.Requests = 1000
	c, _ := r.client(10)
	s := r.open(c, api.SessionOptions{})
	tests := []struct {
		status int
		code   string
		want   api.Code
		after  string
	}{
		{429, "rate_limit_exceeded", api.SlowDown, "7"},
		{498, "capacity_exceeded", api.SlowDown, "7"},
		{400, "", api.Invalid, ""},
		{413, "", api.TooLarge, ""},
		{404, "model_not_found", api.Invalid, ""},
		{401, "invalid_api_key", api.Unavailable, "7"},
		{403, "", api.Unavailable, "7"},
		{500, "", api.Unavailable, "7"},
	}
	for _, tt := range tests {
		r.vendors.answers(func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.Header().Set("X-Ratelimit-Limit-Tokens", "8000")
			w.WriteHeader(tt.status)
			fmt.Fprintf(w, `{"error":{"message":%q,"code":%q}}`, vendorWords, tt.code)
		})
		resp, body := r.ask(c, s.Started.SessionID, ordinaryQuestion)
		var e api.ErrorBody
		if json.Unmarshal([]byte(body), &e) != nil || e.Error.Code != tt.want || resp.Header.Get("Retry-After") != tt.after {
			t.Errorf("%d %s: %d %s, retry after %q", tt.status, tt.code, resp.StatusCode, body, resp.Header.Get("Retry-After"))
		}
		if strings.Contains(body, "canary") || resp.Header.Get("X-Ratelimit-Limit-Tokens") != "" {
			t.Errorf("the vendor is heard: %s %v", body, resp.Header)
		}
	}
	// Within the stream.
	for name, sent := range map[string]string{
		"object": `data: {"error":{"message":"` + vendorWords + `","code":"server_error"}}`,
		"event":  "event: error\ndata: {\"message\":\"" + vendorWords + "\"}",
		"cut":    "data: {",
	} {
		r.vendors.answers(func(w http.ResponseWriter, req *http.Request) {
			writeEvent(w, "One")
			io.WriteString(w, sent+"\n\n")
		})
		resp, body := r.ask(c, s.Started.SessionID, ordinaryQuestion)
		_, last, _ := strings.Cut(strings.TrimSpace(body), "\n\n")
		var e api.ErrorBody
		if err := json.Unmarshal([]byte(strings.TrimPrefix(last, "data: ")), &e); err != nil || e.Error.Code != api.Unavailable ||
			resp.StatusCode != 200 || strings.Contains(body, "canary") || !strings.Contains(body, "One") {
			t.Errorf("%s: %d %q", name, resp.StatusCode, body)
		}
	}
	if strings.Contains(r.logs.String(), vendorWords) {
		t.Error("the vendor's words are in the log")
	}
}

// The vendor learns within 100 ms that a client has gone. On a busy machine
// one of ten is enough.
func TestN12_ClientGone(t *testing.T) {
	r := newRig(t)
	c, _ := r.client(10)
	s := r.open(c, api.SessionOptions{})
	gone := make(chan time.Time, 1)
	r.vendors.answers(func(w http.ResponseWriter, req *http.Request) {
		writeEvent(w, "One")
		<-req.Context().Done()
		gone <- time.Now()
	})
	best := time.Hour
	for range 10 {
		ctx, cancel := context.WithCancel(t.Context())
		resp := r.begin(ctx, c, s.Started.SessionID, ordinaryQuestion)
		bufio.NewReader(resp.Body).ReadString('\n')
		left := time.Now()
		cancel()
		best = min(best, (<-gone).Sub(left))
		resp.Body.Close()
	}
	if best > 100*time.Millisecond {
		t.Errorf("after %v", best)
	}
}

// One person's flood is capped, and others are served.
func TestL2_Flood(t *testing.T) {
	r := newRig(t)
	greedy, _ := r.client(10)
	other, _ := r.client(10)
	g, o := r.open(greedy, api.SessionOptions{}), r.open(other, api.SessionOptions{})
	served, capped := 0, 0
	for range 3 * r.usage.limits.Requests {
		resp, body := r.ask(greedy, g.Started.SessionID, ordinaryQuestion)
		switch resp.StatusCode {
		case 200:
			served++
		case 429:
			capped++
			if resp.Header.Get("Retry-After") == "" || !strings.Contains(body, string(api.SlowDown)) {
				t.Fatalf("%v %s", resp.Header, body)
			}
		default:
			t.Fatal(resp.StatusCode, body)
		}
	}
	// While the test runs a few more may have been refilled.
	if served < r.usage.limits.Requests || capped < r.usage.limits.Requests {
		t.Errorf("%d served, %d capped", served, capped)
	}
	if resp, body := r.ask(other, o.Started.SessionID, ordinaryQuestion); resp.StatusCode != 200 {
		t.Errorf("the other: %s", body)
	}
}

// Tokens are capped as well: a few long prompts spend what many short ones do not.
func TestL2_Tokens(t *testing.T) {
	now := time.Now()
	u := newUsage(Limits{Requests: 100, Tokens: 1000, Parallel: 10, Opens: 1}, func() time.Time { return now })
	take := func(n int, want bool) func(int) {
		t.Helper()
		done, wait, ok := u.answer("a", n)
		if ok != want || !ok && wait <= 0 {
			t.Errorf("take %d: %v, wait %v", n, ok, wait)
		}
		return done
	}
	done := take(600, true)
	take(600, false)
	done(100) // it took less than expected
	done = take(850, true)
	done(2000) // and more: owed
	now = now.Add(time.Minute)
	take(1, false)
	now = now.Add(time.Minute)
	done = take(900, true)
	done(900)
	u.sweep()
	if len(u.people) != 1 {
		t.Error("somebody was forgotten too early")
	}
	now = now.Add(2 * time.Minute)
	u.sweep()
	if len(u.people) != 0 {
		t.Error("nobody was forgotten")
	}
	for range 10 {
		take(1, true)
	}
	take(1, false) // ten at a time
}

func TestModelsByPlanAndVendor(t *testing.T) {
	r := newRig(t)
	c, _ := r.client(10)
	list := func() string {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, c.BaseURL+api.PathModels, nil)
		token, _ := c.Token(t.Context())
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := c.HTTP.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return strings.TrimSpace(string(b))
	}
	const want = `{"object":"list","data":[{"id":"openai/gpt-oss-20b","object":"model"}]}`
	if got := list(); got != want {
		t.Error(got)
	}
	r.warm(t.Context())
	if got := list(); got != want {
		t.Error(got)
	}
	gone := []string{"openai/gpt-oss-120b"}
	r.offered.Store(&gone)
	if got := r.models(billing.ProPlan()); fmt.Sprint(got) != "[openai/gpt-oss-120b]" {
		t.Error(got)
	}
	if got := r.models(billing.Free()); fmt.Sprint(got) != "[openai/gpt-oss-20b]" {
		t.Error("nothing is left:", got)
	}
}

func TestAccountAndLedger(t *testing.T) {
	r := newRig(t)
	c, user := r.client(200)
	s := r.open(c, api.SessionOptions{})
	for range 13 {
		r.pass(10 * time.Minute)
	}
	a, err := c.Account(t.Context())
	if err != nil || a.MinutesLeft != r.balance(user) || a.Unlimited || a.Plan != billing.PlanMinutes || a.Email == "" || a.RenewsAt != nil {
		t.Errorf("%+v, %v", a, err)
	}
	sum, n := 0, 0
	for before := int64(0); ; {
		page, err := c.Ledger(t.Context(), before)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Entries {
			sum += e.Minutes
			n++
			if e.Kind == "usage" && (e.Minutes != -1 || e.SessionID != s.Started.SessionID) {
				t.Errorf("%+v", e)
			}
		}
		if before = page.Next; before == 0 {
			break
		}
	}
	if sum != r.balance(user) || n < ledgerPage {
		t.Errorf("%d entries sum up to %d", n, sum)
	}
	_, err = c.Ledger(t.Context(), -1) // as if from the newest
	if err != nil {
		t.Error(err)
	}
}
