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

// vendors stand for both vendors on loopback. A test says when the words of a
// question and the tokens of an answer are sent.
type vendors struct {
	listening, answering *httptest.Server

	final   chan string    // words for the transcription to send
	sent    chan time.Time // they were
	asked   chan time.Time // a request for an answer arrived
	token   chan string    // a token of the answer; "" ends it
	written chan time.Time // it was sent
	dials   atomic.Int32   // connections to the answering server
}

func newVendors(tb testing.TB) *vendors {
	v := &vendors{final: make(chan string), sent: make(chan time.Time, 1), asked: make(chan time.Time, 1),
		token: make(chan string), written: make(chan time.Time, 1)}
	v.listening = httptest.NewServer(http.HandlerFunc(v.transcribe))
	v.answering = httptest.NewUnstartedServer(http.HandlerFunc(v.answer))
	v.answering.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			v.dials.Add(1)
		}
	}
	v.answering.Start()
	tb.Cleanup(func() {
		v.listening.CloseClientConnections()
		v.listening.Close()
		v.answering.Close()
	})
	return v
}

// await returns the time of a moment that must come.
func await(tb testing.TB, moment chan time.Time, what string) time.Time {
	tb.Helper()
	select {
	case at := <-moment:
		return at
	case <-time.After(20 * time.Second):
		tb.Fatalf("%s: not after 20 s", what)
		return time.Time{}
	}
}

// ask has the interviewer ask question n and returns what it took until the
// request for its answer arrived.
func (v *vendors) ask(tb testing.TB, n int) time.Duration {
	v.final <- fmt.Sprintf("What did you learn from project number %d?", n)
	sent := await(tb, v.sent, "the question is sent")
	return await(tb, v.asked, "its answer is asked for").Sub(sent)
}

// say writes a token of the answer and returns when.
func (v *vendors) say(tb testing.TB, token string) time.Time {
	v.token <- token
	return await(tb, v.written, "a token is written")
}

// newWay runs a whole interview over the vendors, up to the state. stated says
// when the state has a token, ended when the answer is over.
func newWay(tb testing.TB) (v *vendors, stated, ended chan time.Time) {
	v, stated, ended = newVendors(tb), make(chan time.Time, 1), make(chan time.Time, 1)
	key := func(context.Context) (string, error) { return "key", nil }
	answers := groq.New(groq.Options{BaseURL: v.answering.URL, Credential: key})
	plan := &plan{answers: answers, options: interview.Options{
		Source: silent{}, Answerer: answers,
		Transcribe: func(ctx context.Context) (interview.Transcriber, error) {
			return deepgram.Dial(ctx, deepgram.Options{URL: v.listening.URL, Credential: keyOf(key)})
		},
		Profile: interview.Profile{Resume: strings.Repeat("Led the migration of a ledger. ", 200)},
		Observe: func(_ interview.State, ev interview.Event) {
			switch ev.(type) {
			case interview.DeltaCame:
				stated <- time.Now()
			case interview.AnswerEnded:
				ended <- time.Now()
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
	})
	for deadline := time.Now().Add(20 * time.Second); session.State().Phase != interview.Listening || v.dials.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("the interview is still %v with %d connections", session.State().Phase, v.dials.Load())
		}
	}
	return v, stated, ended
}

// transcribe is Deepgram, hearing what final says.
func (v *vendors) transcribe(rw http.ResponseWriter, r *http.Request) {
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
		case text := <-v.final:
			now := time.Now()
			ws.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `{"type":"Results","channel_index":[0,2],"start":%d,"duration":4,`+
				`"is_final":true,"speech_final":true,"channel":{"alternatives":[{"transcript":%q}]}}`, at, text))
			v.sent <- now
		}
	}
}

// answer is Groq, writing what token says.
func (v *vendors) answer(rw http.ResponseWriter, r *http.Request) {
	now := time.Now()
	if r.Method != http.MethodPost {
		fmt.Fprint(rw, `{"object":"list","data":[]}`)
		return
	}
	v.asked <- now
	rw.Header().Set("Content-Type", "text/event-stream")
	for text := range v.token {
		if text == "" {
			fmt.Fprint(rw, "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
			return
		}
		now := time.Now()
		fmt.Fprintf(rw, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%q}}]}\n\n", text)
		rw.(http.Flusher).Flush()
		v.written <- now
	}
}

// What (A-G2): ten questions. Why: each is asked over the connection that is
// warm already, with one request, or the answer is late by a handshake.
func TestAnswersNeedNoNewConnection(t *testing.T) {
	v, stated, ended := newWay(t)
	before := v.dials.Load()
	for n := range 10 {
		v.ask(t, n)
		v.say(t, "Plenty. ")
		await(t, stated, "the state has the token")
		v.token <- ""
		await(t, ended, "the answer is over")
	}
	if dials := v.dials.Load() - before; dials > 0 {
		t.Errorf("%d connections were opened for ten answers", dials)
	}
}

// BenchmarkWay measures the two hops inside the program that a person waits for,
// loopback and the stand-ins' own work included (A-G1).
func BenchmarkWay(b *testing.B) {
	v, stated, ended := newWay(b)
	before := v.dials.Load()
	var requests, states []time.Duration
	for n := range b.N {
		requests = append(requests, v.ask(b, n))
		written := v.say(b, "Plenty. ")
		states = append(states, await(b, stated, "the state has the token").Sub(written))
		v.token <- ""
		await(b, ended, "the answer is over")
	}
	quantiles(b, requests, "to-request")
	quantiles(b, states, "to-state")
	b.ReportMetric(float64(v.dials.Load()-before), "dials")
	b.ReportMetric(0, "ns/op")
}

func quantiles(b *testing.B, took []time.Duration, what string) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs-"+what)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs-"+what)
}
