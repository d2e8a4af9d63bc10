package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"copilot/backend/api"
	"copilot/backend/upstream"
	"copilot/billing"
)

// A sound check has a short token and costs nothing; two a minute and six a day
// are all, at any instance; without minutes there is none.
func TestCheck(t *testing.T) {
	r := newRig(t)
	c, user := r.client(1)
	two := r.another("two")
	elsewhere := two.clientOf(user)
	k, err := c.Check(t.Context())
	if err != nil || !strings.HasPrefix(k.Token, "jwt-") || k.ExpiresInSeconds != 10 || k.Seconds != 60 || k.Tag == "" {
		t.Fatalf("%+v, %v", k, err)
	}
	if again, err := elsewhere.Check(t.Context()); err != nil || again.Tag == k.Tag {
		t.Errorf("%+v, %v", again, err)
	}
	_, err = elsewhere.Check(t.Context())
	if e := code(t, err, api.SlowDown); e.RetryAfter < 50*time.Second || e.RetryAfter > time.Minute {
		t.Errorf("come back in %v", e.RetryAfter)
	}
	for n := range 4 {
		r.clock.Advance(time.Minute)
		if _, err := c.Check(t.Context()); err != nil {
			t.Fatalf("check %d: %v", n+3, err)
		}
	}
	r.clock.Advance(time.Minute)
	_, err = c.Check(t.Context())
	if e := code(t, err, api.DayUsed); e.RetryAfter != time.Hour || !strings.Contains(e.Message, "tomorrow") { // the client believes an hour
		t.Errorf("%+v", e)
	}
	r.clock.Advance(24 * time.Hour)
	if _, err := c.Check(t.Context()); err != nil {
		t.Errorf("the day after: %v", err)
	}
	if got := r.balance(user); got != 1 {
		t.Errorf("%d minutes", got)
	}
	poor, _ := r.client(0)
	_, err = poor.Check(t.Context())
	if e := code(t, err, api.OutOfMinutes); !strings.Contains(e.Message, "Add time") {
		t.Errorf("%+v", e)
	}
	nobody := *c
	nobody.Token = nil
	_, err = nobody.Check(t.Context())
	code(t, err, api.Unauthenticated)
	if strings.Contains(r.logs.String(), k.Token) {
		t.Error("a token is in the log")
	}
}

// While Deepgram gives no token, no check is used up.
func TestCheckWithoutAVendor(t *testing.T) {
	r := newRig(t)
	c, _ := r.client(1)
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	here := r.deepgram
	broken := upstream.NewDeepgram(upstream.DeepgramOptions{URL: away.URL, Key: deepgramKey})
	defer broken.Close()
	r.deepgram = broken
	for range 5 {
		_, err := c.Check(t.Context())
		code(t, err, api.Unavailable)
	}
	r.deepgram = here
	for range 2 {
		if _, err := c.Check(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// Answers before and after interviews: a few, without a session, by the plan's
// rules; what came to nothing is not counted.
func TestAnswersOutsideASession(t *testing.T) {
	r := newRig(t)
	r.usage.limits.Asides, r.usage.limits.AsidesADay = 100, 3
	c, user := r.client(1)
	ask := func(body string, header ...string) (int, api.Code) {
		t.Helper()
		resp, text := r.ask(c, "", body, header...)
		var e api.ErrorBody
		if resp.StatusCode != 200 && (json.Unmarshal([]byte(text), &e) != nil || e.Error == nil) {
			t.Fatalf("%d %s", resp.StatusCode, text)
		}
		if resp.StatusCode == 200 {
			return 200, ""
		}
		return resp.StatusCode, e.Error.Code
	}
	prepare := []string{api.HeaderPurpose, api.PurposePrepare}
	for name, tt := range map[string]struct {
		body   string
		header []string
		want   api.Code
	}{
		"no purpose":         {ordinaryQuestion, nil, api.NoSession},
		"an unknown purpose": {ordinaryQuestion, []string{api.HeaderPurpose, "interview"}, api.Invalid},
		"not understood":     {"{", prepare, api.Invalid},
		"Pro's model":        {strings.Replace(ordinaryQuestion, "20b", "120b", 1), prepare, api.PlanRequired},
		"Pro's persona":      {ordinaryQuestion, append(prepare, api.HeaderPersona, "strict"), api.PlanRequired},
	} {
		if _, got := ask(tt.body, tt.header...); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
	r.vendors.answers(func(w http.ResponseWriter, req *http.Request) { http.Error(w, "{}", http.StatusInternalServerError) })
	if status, _ := ask(ordinaryQuestion, prepare...); status != 503 {
		t.Errorf("the vendor is away: %d", status)
	}
	r.vendors.answers(func(w http.ResponseWriter, req *http.Request) { writeAnswer(w, "## Card") })
	for n := range 2 {
		if status, code := ask(ordinaryQuestion, prepare...); status != 200 {
			t.Errorf("answer %d: %s", n, code)
		}
	}
	// The last minute goes into an interview; it can still be looked back at.
	s := r.open(c, api.SessionOptions{})
	s.Close()
	if status, code := ask(ordinaryQuestion, api.HeaderPurpose, api.PurposeDebrief); status != 200 {
		t.Errorf("the debrief: %s", code)
	}
	if status, code := ask(ordinaryQuestion, prepare...); status != 429 || code != api.DayUsed {
		t.Errorf("one too many: %d %s", status, code)
	}
	r.clock.Advance(25 * time.Hour)
	r.tick(t.Context())
	r.clock.Advance(25 * time.Hour)
	if status, code := ask(ordinaryQuestion, prepare...); status != 402 || code != api.OutOfMinutes {
		t.Errorf("without minutes: %d %s", status, code)
	}
	r.post(user, billing.Purchase, 1)
	if status, code := ask(ordinaryQuestion, prepare...); status != 200 {
		t.Errorf("after a purchase: %s", code)
	}
	if got := r.balance(user); got != 1 {
		t.Errorf("%d minutes", got)
	}
}

// A check that is found to have streamed for an hour closes its person's checks.
func TestCheckIsNoInterview(t *testing.T) {
	r := newRig(t)
	c, _ := r.client(10)
	honest, err := c.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	streamed, at := 70, r.clock.Now()
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		fmt.Fprintf(w, `{"requests":[{"request_id":"r1","created":%q,"response":{"details":{"duration":%d,"tags":[%q]}}}]}`,
			at.Format(time.RFC3339Nano), streamed, honest.Tag)
	}))
	defer vendor.Close()
	usual := r.deepgram
	d := upstream.NewDeepgram(upstream.DeepgramOptions{URL: vendor.URL, Key: deepgramKey, Project: "p"})
	defer d.Close()
	r.now = func() time.Time { return r.clock.Now().Add(auditLag + time.Minute) }
	audit := func() {
		t.Helper()
		r.deepgram = d
		defer func() { r.deepgram = usual }()
		if err := r.auditDay(t.Context(), map[string]int{}); err != nil {
			t.Fatal(err)
		}
	}
	audit()
	if log := r.logs.String(); strings.Contains(log, "more than it was charged") || strings.Contains(log, "no known session") {
		t.Error("an honest check is reported")
	}
	if _, err := c.Check(t.Context()); err != nil {
		t.Error(err)
	}
	streamed = 3600
	audit()
	if !strings.Contains(r.logs.String(), "more than it was charged") {
		t.Error("an hour is not reported")
	}
	r.clock.Advance(25 * time.Hour)
	_, err = c.Check(t.Context())
	code(t, err, api.DayUsed)
}
