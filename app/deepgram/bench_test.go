package deepgram

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"copilot/audio"
)

// socket is a network connection that takes everything and notes the frames.
type socket struct {
	net.Conn
	wrote func()
}

func (s *socket) Write(p []byte) (int, error) {
	if len(p) > frameBytes {
		s.wrote()
	}
	return len(p), nil
}

// writing runs a stream's writer over a socket that calls wrote for each frame.
func writing(tb testing.TB, wrote func()) *Stream {
	network := serve(tb, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ws, err := new(websocket.Upgrader).Upgrade(w, r, nil); err == nil {
			defer ws.Close()
			ws.ReadMessage()
		}
	}))
	dialer := websocket.Dialer{NetDialContext: network.DialContext}
	ws, _, err := dialer.Dial("ws://deepgram.test", nil)
	if err != nil {
		tb.Fatal(err)
	}
	c := newConn(ws, "", "")
	c.net = &socket{c.net, wrote}
	s := &Stream{ring: newRing(), wake: make(chan struct{}, 1), news: make(chan struct{}, 1)}
	c.running.Add(1)
	go s.write(c)
	tb.Cleanup(c.leave)
	return s
}

// BenchmarkSend measures a frame's way from Send to the socket, the queue, the
// writer's awakening and the framing included, at 1.2 times the real rate. The
// promise (A-G1) is 1 ms at p99.
func BenchmarkSend(b *testing.B) {
	arrived := make(chan time.Time, 1)
	s := writing(b, func() { arrived <- time.Now() })
	f := audio.Frame{Captured: time.Now()}
	took := make([]time.Duration, 0, b.N)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		time.Sleep(17 * time.Millisecond) // never made to wait by the pace
		b.StartTimer()
		f.Start += audio.FrameDuration
		sent := time.Now()
		s.Send(f)
		took = append(took, (<-arrived).Sub(sent))
	}
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkQueue measures Send alone.
func BenchmarkQueue(b *testing.B) {
	s := &Stream{ring: newRing(), wake: make(chan struct{}, 1), news: make(chan struct{}, 1)}
	f := audio.Frame{}
	b.ReportAllocs()
	for b.Loop() {
		s.Send(f)
	}
}

// What: sound on its way for a second. Why: the path of the sound must not make
// garbage (A-G6); the writer is counted, not only Send.
func TestNoAllocationPerFrame(t *testing.T) {
	var frames atomic.Int64
	s := writing(t, func() { frames.Add(1) })
	f := audio.Frame{}
	allocs := testing.AllocsPerRun(50, func() {
		want := frames.Load() + 1
		f.Start += audio.FrameDuration
		s.Send(f)
		for frames.Load() < want {
			time.Sleep(time.Millisecond)
		}
	})
	// A ping each second allocates nothing either.
	if allocs != 0 {
		t.Errorf("%v allocations for each frame", allocs)
	}
}

// BenchmarkResult measures a message's way from JSON to an event.
func BenchmarkResult(b *testing.B) {
	text := []byte(`{"type":"Results","channel_index":[0,2],"start":1.02,"duration":1.98,"is_final":false,"channel":{"alternatives":[{"transcript":"hello there how are you","words":[{"word":"hello","start":1.1,"end":1.4,"confidence":0.99,"punctuated_word":"Hello"},{"word":"there","start":1.5,"end":1.7,"confidence":0.99},{"word":"how","start":1.8,"end":1.9},{"word":"are","start":1.9,"end":2.0},{"word":"you","start":2.0,"end":2.2}]}]}}`)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	s := &Stream{events: make(chan Event, 1), ctx: ctx}
	c := &conn{}
	b.ReportAllocs()
	for b.Loop() {
		m, err := parse(text)
		if err != nil {
			b.Fatal(err)
		}
		s.hear(c, m)
		<-s.events
	}
}
