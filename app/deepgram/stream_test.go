package deepgram

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"copilot/audio"
)

// What: Close in the middle of a word. Why: the official SDK loses the finals
// that come after it.
func TestCloseDeliversTheLastWords(t *testing.T) {
	for _, reader := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			words := []spoken{{0, 1, 10, 30}, {1, 2, 20, 30}, {0, 3, 35, 50}}
			d := &standIn{t: t}
			network := serve(t, d)
			s, err := Dial(t.Context(), Options{URL: "http://deepgram.test", Credential: key, DialContext: network.DialContext})
			if err != nil {
				t.Fatal(err)
			}
			u := &setup{standIn: d, stream: s}
			if reader {
				u.record = follow(s)
			}
			u.speak(words, 40*audio.FrameDuration)
			for ; u.sent < 44; u.sent++ { // a burst right before Close: CloseStream must not overtake it
				s.Send(frame(u.sent, words))
			}
			if err := s.Close(t.Context()); err != nil {
				t.Errorf("Close: %v", err)
			}
			s.Send(frame(44, words)) // ignored
			if !reader {
				u.record = follow(s) // only now, in the same goroutine as Close
			}
			<-u.record.done
			if got := text(u.record.finals(0)); got != "W1, W3," {
				t.Errorf("interviewer's finals %q", got)
			}
			if got := text(u.record.finals(1)); !strings.Contains(got, "W2,") {
				t.Errorf("candidate's finals %q", got)
			}
			if c := d.heard()[0].controls; !slices.Equal(c, []string{"CloseStream@44"}) {
				t.Errorf("controls %q", c)
			}
			if err := s.Close(t.Context()); err != nil {
				t.Errorf("second Close: %v", err)
			}
		})
	}
}

// What: a server that never answers CloseStream, and one that is away. Why:
// leaving must not take longer than five seconds, or than its ctx.
func TestCloseIsBounded(t *testing.T) {
	for _, test := range []struct {
		name    string
		timeout time.Duration
		prepare func(*setup)
		want    time.Duration
	}{
		{"silent server", time.Hour, func(u *setup) { u.link.set(func(l *link) { l.hole = true }) }, 5 * time.Second},
		{"silent server, short ctx", time.Second, func(u *setup) { u.link.set(func(l *link) { l.hole = true }) }, time.Second},
		{"reconnecting", time.Hour, func(u *setup) {
			u.link.set(func(l *link) { l.down = errors.New("away") })
			u.link.reset()
			time.Sleep(time.Second)
		}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := open(t, &standIn{}, nil)
				u.speak(nil, time.Second)
				test.prepare(u)
				ctx, cancel := context.WithTimeout(t.Context(), test.timeout)
				defer cancel()
				begun := time.Now()
				if err := u.stream.Close(ctx); err == nil {
					t.Error("Close was silent about it")
				}
				if took := time.Since(begun); took > test.want {
					t.Errorf("Close took %v", took)
				}
				<-u.record.done
			})
		})
	}
}

// What: Metadata came, but the server forgets to close. Why: all words are
// there, so that is no failure.
func TestCloseWithoutServersClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := open(t, &standIn{script: func(ws *websocket.Conn) {
			for {
				if kind, _, err := ws.ReadMessage(); err != nil {
					return
				} else if kind == websocket.TextMessage {
					ws.WriteMessage(websocket.TextMessage, []byte(`{"type":"Metadata"}`))
				}
			}
		}}, nil)
		u.speak(nil, time.Second)
		begun := time.Now()
		u.close(t)
		if took := time.Since(begun); took > 1500*time.Millisecond {
			t.Errorf("Close took %v", took)
		}
	})
}

// What: endpointing that never fires, with and without an answer to Finalize.
// Why: in noise Deepgram may never end an utterance, and the answer would wait.
func TestWatchdog(t *testing.T) {
	words := []spoken{{0, 1, 10, 20}, {0, 2, 25, 35}, {0, 3, 300, 310}}
	for _, deaf := range []bool{false, true} {
		t.Run(fmt.Sprintf("deaf=%v", deaf), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := open(t, &standIn{noisy: true, deaf: deaf}, nil)
				u.speak(words, 3500*time.Millisecond)
				finals := u.record.finals(0)
				if len(finals) != 1 || finals[0].Text != "W1, W2," || !finals[0].SpeechFinal || finals[0].Finalized == deaf {
					t.Fatalf("finals after 3.5 s: %+v", finals)
				}
				if got := u.record.finals(1); len(got) > 0 {
					t.Errorf("the silent channel has finals: %+v", got)
				}
				u.speak(words, 6500*time.Millisecond)
				u.close(t) // the stand-in settles everything now, again
				u.checkWords(t, words)
				asked := slices.DeleteFunc(slices.Clone(u.heard()[0].controls), func(c string) bool { return !strings.HasPrefix(c, "Finalize") })
				if len(asked) != 2 {
					t.Errorf("asked %q, want once for each utterance", asked)
				}
			})
		})
	}
}

// What: Finalize called by hand. Why: our own ear may be ahead of Deepgram's.
func TestFinalize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		words := []spoken{{0, 1, 10, 20}, {1, 2, 10, 20}}
		u := open(t, &standIn{}, nil)
		for range 100 {
			u.stream.Finalize(audio.Candidate) // before any sound, and too often: must do no harm
		}
		u.speak(words, 22*audio.FrameDuration)
		u.stream.Finalize(audio.Interviewer)
		time.Sleep(time.Millisecond)
		if f := u.record.finals(0); text(f) != "W1," || !f[0].Finalized {
			t.Errorf("finals %+v", f)
		}
		if f := u.record.finals(1); len(f) > 0 {
			t.Errorf("the other channel's finals %+v", f)
		}
		u.speak(words, time.Second)
		for range 20 { // a burst, which the pace holds back
			u.stream.Send(frame(u.sent, words))
			u.sent++
		}
		u.stream.Finalize(audio.Interviewer)
		u.close(t)
		u.checkWords(t, words)
		want := []string{"Finalize@22", "Finalize@92", "CloseStream@92"}
		if got := u.heard()[0].controls; !slices.Equal(got[len(got)-3:], want) {
			t.Errorf("controls %q, want at their end %q", got, want)
		}
	})
}

// What: where the replay begins. Why: a channel that never gets a final must
// not make every loss cost the whole ring.
func TestReplayBegins(t *testing.T) {
	endless := func(ws *websocket.Conn) { // one channel is settled, the other speaks on and on
		ws.SetReadDeadline(time.Time{})
		for n := 1; ; n++ {
			if _, _, err := ws.ReadMessage(); err != nil {
				return
			}
			at := time.Duration(n) * audio.FrameDuration
			for _, m := range []string{
				`{"type":"Results","channel_index":[0,2],"is_final":true,"start":0,"duration":%[1]f,"channel":{}}`,
				`{"type":"Results","channel_index":[1,2],"start":0,"duration":%[1]f,"channel":{"alternatives":[{"transcript":"a%[2]d"}]}}`,
			} {
				ws.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, m, at.Seconds(), n))
			}
		}
	}
	for _, test := range []struct {
		name    string
		standIn *standIn
		want    time.Duration
	}{
		{"silence without finals", &standIn{noisy: true}, 18 * time.Second},
		{"a channel without finals", &standIn{script: endless}, 10 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := open(t, test.standIn, nil)
				u.stream.Send(frame(0, nil))
				u.sent++
				u.speak(nil, 20*time.Second-audio.FrameDuration)
				u.link.reset()
				u.speak(nil, time.Second)
				h := u.heard()
				if len(h) != 2 {
					t.Fatalf("%d connections", len(h))
				}
				first := time.Duration(frameNumber(h[1].frames[0])) * audio.FrameDuration
				if (first - test.want).Abs() > 50*time.Millisecond {
					t.Errorf("the replay begins at %v, want %v", first, test.want)
				}
			})
		})
	}
}

// What: two losses, the second while the backlog of the first is being caught
// up. Why: what was sent twice must not be heard twice, nor left out.
func TestLossWhileCatchingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		words := conversation(100 * time.Second)
		u := open(t, &standIn{}, nil)
		u.speak(words, 5*time.Second)
		for range 3 {
			u.link.set(func(l *link) { l.down = errors.New("away") })
			u.link.reset()
			u.speak(words, 3*time.Second)
			u.link.set(func(l *link) { l.down = nil })
			u.speak(words, 2500*time.Millisecond)
		}
		u.speak(words, 100*time.Second-time.Duration(u.sent)*audio.FrameDuration)
		u.close(t)
		u.checkWords(t, words)
		u.checkSamples(t, words)
	})
}

// What: a loss while the capture is paused. Why: the new connection must be held
// though there is no sound, and the words after the pause must be in their place.
func TestLossWhilePaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		words := []spoken{{0, 1, 10, 20}, {0, 2, 2000, 2010}}
		u := open(t, &standIn{}, nil)
		u.speak(words, 2*time.Second)
		u.link.reset()
		time.Sleep(38 * time.Second)
		u.sent = 2000
		u.speak(words, 2*time.Second)
		u.close(t)
		u.checkWords(t, words)
		if u.idle > 0 || len(u.heard()) != 2 {
			t.Errorf("%d connections, %d closed for silence", len(u.heard()), u.idle)
		}
	})
}

// What: a real network, on which the server's side sends a reset in the middle
// of a word. Why: synctest's pipes have no buffers, no RST, and our framing must
// be read by another implementation.
func TestN1_ResetOverTCP(t *testing.T) {
	d := &standIn{t: t}
	var mu sync.Mutex
	var accepted []net.Conn
	srv := httptest.NewUnstartedServer(d)
	srv.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateNew {
			mu.Lock()
			accepted = append(accepted, c)
			mu.Unlock()
		}
	}
	srv.Start()
	defer srv.Close()
	s, err := Dial(t.Context(), Options{URL: srv.URL, Credential: key})
	if err != nil {
		t.Fatal(err)
	}
	u := &setup{standIn: d, stream: s, record: follow(s)}
	words := []spoken{{0, 1, 5, 15}, {1, 2, 8, 20}, {0, 3, 40, 60}, {1, 4, 70, 80}}
	u.speak(words, time.Second)
	mu.Lock()
	accepted[0].(*net.TCPConn).SetLinger(0)
	accepted[0].Close()
	mu.Unlock()
	u.speak(words, time.Second)
	u.close(t)
	u.checkWords(t, words)
	u.checkSamples(t, words)
	if n := len(d.heard()); n != 2 {
		t.Errorf("%d connections", n)
	}
}
