package groq

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// canned answers every chat request with n tokens, written in one go.
func canned(n int) http.HandlerFunc {
	rec := httptest.NewRecorder()
	w := &reply{ResponseWriter: rec, model: DefaultModel}
	w.open()
	for range n {
		w.say(" token")
	}
	w.end()
	wire := rec.Body.Bytes()
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Write(wire)
	}
}

// BenchmarkCompleteToWire measures from the call of Complete to the request
// being written, with a prompt of 30 kB over a warm connection.
func BenchmarkCompleteToWire(b *testing.B) {
	srv := httptest.NewServer(canned(1))
	defer srv.Close()
	c := New(optionsFor(srv.URL))
	defer c.Close()
	c.Warm(b.Context())
	var called time.Time
	var took atomic.Int64
	ctx := httptrace.WithClientTrace(b.Context(), &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { took.Store(int64(time.Since(called))) },
	})
	r := Request{Messages: []Message{{"system", strings.Repeat("Led the migration of a ledger. ", 1000)}, {"user", "Why?"}}}
	var all []int64
	b.ReportAllocs()
	for b.Loop() {
		called = time.Now()
		if _, err := c.Complete(ctx, r, func(string) {}); err != nil {
			b.Fatal(err)
		}
		all = append(all, took.Load())
	}
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2])/1e3, "p50-µs-to-wire")
	b.ReportMetric(float64(all[len(all)*99/100])/1e3, "p99-µs-to-wire")
}

// BenchmarkCompletePerEvent measures a whole answer, and its cost per token.
func BenchmarkCompletePerEvent(b *testing.B) {
	for name, n := range map[string]int{"100": 100, "4000": 4000} {
		b.Run(name, func(b *testing.B) {
			c := New(inMemory(canned(n)))
			r := Request{Messages: []Message{{"user", "Why?"}}}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Complete(context.Background(), r, func(string) {}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/event")
		})
	}
}

// inMemory answers without a connection, so that only our own cost is counted.
func inMemory(h http.Handler) Options {
	o := optionsFor("http://groq.test")
	o.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		return rec.Result(), nil
	})
	return o
}

// The cost of a token does not grow with the answer: counted in allocations,
// which no busy machine changes.
func TestCostPerTokenIsFlat(t *testing.T) {
	perToken := func(n int) float64 {
		c := New(inMemory(canned(n)))
		return testing.AllocsPerRun(5, func() {
			c.Complete(context.Background(), Request{Messages: []Message{{"user", "?"}}}, func(string) {})
		}) / float64(n)
	}
	short, long := perToken(100), perToken(4000)
	if long > 1.5*short || long > 16 {
		t.Errorf("%.1f allocations per token in 100, %.1f in 4,000", short, long)
	}
}
