package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"copilot/app/deepgram"
	"copilot/app/groq"
	"copilot/app/interview"
	"copilot/audio"
)

// silent is a source without sound, at the pace of real time.
type silent struct{}

func (silent) Run(ctx context.Context, emit func(audio.Frame), status func(audio.LaneStatus)) error {
	for c := range audio.Channel(audio.Channels) {
		status(audio.LaneStatus{Channel: c, State: audio.LaneLive})
	}
	tick := time.NewTicker(audio.FrameDuration)
	defer tick.Stop()
	for at := time.Duration(0); ; at += audio.FrameDuration {
		select {
		case now := <-tick.C:
			emit(audio.Frame{Start: at, Captured: now})
		case <-ctx.Done():
			return nil
		}
	}
}

// way is a whole interview whose vendors are on loopback, and whose moments can
// be seen: when a final transcript was sent, when the request for an answer
// arrived, when its first word was sent and when the state had it.
type way struct {
	final   chan string    // words for the transcription to send
	sent    chan time.Time // they were
	asked   chan time.Time // a request arrived
	token   chan string    // a token for the answer; "" ends it
	written chan time.Time // it was sent
	stated  chan time.Time // the state has it
	dials   atomic.Int32   // connections to the answering server
}

func newWay(tb testing.TB) *way {
	w := &way{final: make(chan string), sent: make(chan time.Time, 1), asked: make(chan time.Time, 1),
		token: make(chan string), written: make(chan time.Time, 1), stated: make(chan time.Time, 1)}
	listening := httptest.NewServer(http.HandlerFunc(w.transcribe))
	answering := httptest.NewUnstartedServer(http.HandlerFunc(w.answer))
	answering.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			w.dials.Add(1)
		}
	}
	answering.Start()
	key := func(context.Context) (string, error) { return "key", nil }
	answers := groq.New(groq.Options{BaseURL: answering.URL, Credential: key})
	plan := &plan{answers: answers, options: interview.Options{
		Source: silent{}, Answerer: answers,
		Transcribe: func(ctx context.Context) (interview.Transcriber, error) {
			return deepgram.Dial(ctx, deepgram.Options{URL: listening.URL, Credential: keyOf(key)})
		},
		Profile: interview.Profile{Resume: strings.Repeat("Led the migration of a ledger. ", 200)},
		Observe: func(_ interview.State, ev interview.Event) {
			if _, ok := ev.(interview.DeltaCame); ok {
				w.stated <- time.Now()
			}
		},
	}}
	session := interview.New(plan.options)
	ctx, cancel := context.WithCancel(tb.Context())
	done := make(chan error, 1)
	go func() { done <- plan.Run(ctx, session) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Error(err)
		}
		listening.Close()
		answering.Close()
	})
	for deadline := time.Now().Add(10 * time.Second); session.State().Phase != interview.Listening || w.dials.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("the interview is still %v with %d connections", session.State().Phase, w.dials.Load())
		}
	}
	return w
}

// transcribe is Deepgram, hearing what final says.
func (w *way) transcribe(rw http.ResponseWriter, r *http.Request) {
	up := websocket.Upgrader{Subprotocols: websocket.Subprotocols(r)}
	ws, err := up.Upgrade(rw, r, nil)
	if err != nil {
		return
	}
	defer ws.Close()
	left := make(chan struct{})
	go func() {
		defer close(left)
		for {
			kind, data, err := ws.ReadMessage()
			if err != nil || kind == websocket.TextMessage && strings.Contains(string(data), "CloseStream") {
				return
			}
		}
	}()
	for at := 0; ; at += 10 { // each question ten seconds after the one before, in the sound's time
		select {
		case <-left:
			return
		case text := <-w.final:
			now := time.Now()
			ws.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `{"type":"Results","channel_index":[0,2],"start":%d,"duration":4,`+
				`"is_final":true,"speech_final":true,"channel":{"alternatives":[{"transcript":%q}]}}`, at, text))
			w.sent <- now
		}
	}
}

// answer is Groq, writing what token says.
func (w *way) answer(rw http.ResponseWriter, r *http.Request) {
	now := time.Now()
	if r.Method != http.MethodPost {
		fmt.Fprint(rw, `{"object":"list","data":[]}`)
		return
	}
	w.asked <- now
	rw.Header().Set("Content-Type", "text/event-stream")
	for text := range w.token {
		if text == "" {
			fmt.Fprint(rw, "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
			return
		}
		now := time.Now()
		fmt.Fprintf(rw, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%q}}]}\n\n", text)
		rw.(http.Flusher).Flush()
		w.written <- now
	}
}

// ask goes the way once and returns what it took.
func (w *way) ask(tb testing.TB, n int) (toRequest, toState time.Duration) {
	wait := func(moment chan time.Time, what string) time.Time {
		select {
		case at := <-moment:
			return at
		case <-time.After(20 * time.Second):
			tb.Fatalf("question %d: %s after 20 s", n, what)
			return time.Time{}
		}
	}
	w.final <- fmt.Sprintf("What did you learn from project number %d?", n)
	sent := wait(w.sent, "no transcript was sent")
	toRequest = wait(w.asked, "no answer was asked for").Sub(sent)
	w.token <- "Plenty. "
	written := wait(w.written, "no token was written")
	toState = wait(w.stated, "the token is not in the state").Sub(written)
	w.token <- ""
	return toRequest, toState
}

// What (A-G2): ten questions. Why: each is asked over the connection that is
// warm already, with one request, or the answer is late by a handshake.
func TestAnswersNeedNoNewConnection(t *testing.T) {
	w := newWay(t)
	before := w.dials.Load()
	for n := range 10 {
		w.ask(t, n)
	}
	if dials := w.dials.Load() - before; dials > 0 {
		t.Errorf("%d connections were opened for ten answers", dials)
	}
}

// BenchmarkWay measures the two hops inside the program that a person waits for,
// loopback and the stand-ins' own work included (A-G1).
func BenchmarkWay(b *testing.B) {
	w := newWay(b)
	before := w.dials.Load()
	var requests, states []time.Duration
	for n := range b.N {
		toRequest, toState := w.ask(b, n)
		requests, states = append(requests, toRequest), append(states, toState)
	}
	report := func(took []time.Duration, what string) {
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs-"+what)
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs-"+what)
	}
	report(requests, "to-request")
	report(states, "to-state")
	b.ReportMetric(float64(w.dials.Load()-before), "dials")
	b.ReportMetric(0, "ns/op")
}
