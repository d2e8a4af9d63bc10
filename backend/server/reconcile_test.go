package server

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"copilot/backend/supabase"
	"copilot/backend/upstream"
)

func TestReconcile(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	booked := []supabase.Receipt{
		{SessionID: "honest", StartedAt: at, EndedAt: at.Add(30 * time.Minute), MinutesCharged: 30},
		{SessionID: "longer", StartedAt: at, EndedAt: at.Add(10 * time.Minute), MinutesCharged: 10},
		{SessionID: "twice", StartedAt: at.Add(time.Hour), MinutesCharged: 20}, // still alive
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
	if r.Charged != 60 || r.Open != 1 || r.Streamed != 20*time.Minute+10*time.Minute+50*time.Second+150*time.Minute+40*time.Minute+5*time.Hour+time.Minute {
		t.Errorf("%+v", r)
	}
}

// What is found is in the log and in the metrics, whoever reads them.
func TestReconcileReports(t *testing.T) {
	at := time.Now().Add(-2 * time.Hour)
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/v1/projects/p/requests") || r.Header.Get("Authorization") != "Token "+deepgramKey {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, `{"requests":[{"request_id":"r1","created":%[1]q,"response":{"details":{"duration":3600,"tags":["s1"]}}},
			{"request_id":"r2","created":%[1]q,"response":{"details":{"duration":120,"tags":[]}}}]}`, at.Format(time.RFC3339))
	}))
	defer vendor.Close()
	d := upstream.NewDeepgram(upstream.DeepgramOptions{URL: vendor.URL, Key: deepgramKey, Project: "p"})
	defer d.Close()
	var logs logBuffer
	s := &Server{deepgram: d, metrics: newMetrics(), log: slog.New(slog.NewJSONHandler(io.Writer(&logs), nil))}
	booked := []supabase.Receipt{{SessionID: "s1", StartedAt: at, MinutesCharged: 5}}
	r, err := s.Reconcile(context.Background(), at, at.Add(time.Hour), booked)
	if err != nil || len(r.Over) != 1 || r.Over[0].Excess != 54 || len(r.Stray) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, want := range []string{`"session":"s1"`, `"excess_minutes":54`, `"request":"r2"`, `"suspects":"s1"`} {
		if !strings.Contains(logs.String(), want) {
			t.Errorf("no %s in the log", want)
		}
	}
}
