package server

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"copilot/backend/api"
	"copilot/backend/supabase"
	"copilot/backend/upstream"
)

func TestReconcile(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	booked := []supabase.Receipt{
		{SessionID: "honest", StartedAt: at, EndedAt: at.Add(30 * time.Minute), MinutesCharged: 30},
		{SessionID: "longer", StartedAt: at, EndedAt: at.Add(10 * time.Minute), MinutesCharged: 10},
		{SessionID: "twice", StartedAt: at.Add(time.Hour), MinutesCharged: 20}, // still alive
		{SessionID: "flux", StartedAt: at.Add(9 * time.Hour), EndedAt: at.Add(10 * time.Hour), MinutesCharged: 60},
		{SessionID: "silent", StartedAt: at.Add(2 * time.Hour), EndedAt: at.Add(3 * time.Hour), MinutesCharged: 60},
	}
	stream := func(id string, after, audio time.Duration, tags ...string) upstream.Stream {
		return upstream.Stream{RequestID: id, Created: at.Add(after), Audio: audio, Tags: tags}
	}
	r := reconcile([]upstream.Stream{
		stream("1", 0, 20*time.Minute, "honest"),
		stream("2", 20*time.Minute, 10*time.Minute+50*time.Second, "desktop", "honest"), // sound sent twice
		stream("3", 0, 150*time.Minute, "longer"),
		stream("4", time.Hour, 20*time.Minute, "twice"),
		stream("5", time.Hour, 20*time.Minute, "twice"),
		{RequestID: "9", Created: at.Add(9 * time.Hour), Audio: time.Hour, Channels: 1, Tags: []string{"flux"}},
		{RequestID: "10", Created: at.Add(9 * time.Hour), Audio: time.Hour, Channels: 1, Tags: []string{"flux"}},
		stream("6", 10*time.Minute+20*time.Second, 5*time.Hour),                           // a token of honest or longer
		stream("7", 40*time.Minute, time.Minute, "invented"),                              // nobody was there
		{RequestID: "8", Created: at.Add(time.Hour), Open: true, Tags: []string{"twice"}}, // goes on
	}, booked)
	over := []Overdrawn{
		{"longer", 150 * time.Minute, 10, 139},
		{"twice", 40 * time.Minute, 20, 19},
	}
	if fmt.Sprint(r.Over) != fmt.Sprint(over) {
		t.Errorf("over %v, want %v", r.Over, over)
	}
	if len(r.Stray) != 2 || fmt.Sprint(r.Stray[0].Suspects) != "[honest longer]" || len(r.Stray[1].Suspects) != 0 {
		t.Errorf("stray %+v", r.Stray)
	}
	if r.Charged != 120 || r.Open != 1 || r.Streamed != 20*time.Minute+10*time.Minute+50*time.Second+150*time.Minute+40*time.Minute+2*time.Hour+5*time.Hour+time.Minute {
		t.Errorf("%+v", r)
	}
}

// The job of each hour: the streams of the last day against everybody's sessions
// in the database. What it finds is in the log, once, and in the metrics.
func TestReconcileReports(t *testing.T) {
	r := newRig(t)
	c, user := r.client(60)
	honest := r.open(c, api.SessionOptions{}).Started.SessionID
	at := r.clock.Now()
	r.pass(3 * time.Minute)
	r.balance(user)
	streamed := 180
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if !strings.HasPrefix(req.URL.Path, "/v1/projects/p/requests") || req.Header.Get("Authorization") != "Token "+deepgramKey {
			http.NotFound(w, req)
			return
		}
		from, err := time.Parse(time.RFC3339, req.URL.Query().Get("start"))
		if err != nil || at.Sub(from) > auditSpan {
			t.Errorf("asked from %s", req.URL.Query().Get("start"))
		}
		fmt.Fprintf(w, `{"requests":[{"request_id":"r1","created":%[1]q,"response":{"details":{"duration":%[2]d,"tags":[%[3]q]}}},
			{"request_id":"r2","created":%[1]q,"response":{"details":{"duration":120,"tags":[]}}}]}`,
			at.Format(time.RFC3339Nano), streamed, honest)
	}))
	defer vendor.Close()
	d := upstream.NewDeepgram(upstream.DeepgramOptions{URL: vendor.URL, Key: deepgramKey, Project: "p"})
	defer d.Close()
	r.deepgram = d
	r.now = func() time.Time { return r.clock.Now().Add(auditLag + time.Minute) }

	told := map[string]int{}
	report := func() string {
		before := len(r.logs.String())
		if err := r.auditDay(t.Context(), told); err != nil {
			t.Fatal(err)
		}
		return r.logs.String()[before:]
	}
	if log := report(); strings.Contains(log, "more than it was charged") ||
		!strings.Contains(log, `"request":"r2"`) || !strings.Contains(log, `"suspects":"`+honest+`"`) {
		t.Errorf("an honest session and a stray stream: %s", log)
	}
	if log := report(); strings.Contains(log, `"request":"r2"`) {
		t.Errorf("reported again: %s", log)
	}
	streamed = 3600
	if log := report(); !strings.Contains(log, `"session":"`+honest+`"`) || !strings.Contains(log, `"excess_minutes":56`) {
		t.Errorf("an hour on three minutes: %s", log)
	}
	resp, err := http.Get(r.http.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); !strings.Contains(string(body), "copilot_reconcile_overdrawn_minutes 56\n") {
		t.Errorf("not in the metrics: %s", body)
	}
}
