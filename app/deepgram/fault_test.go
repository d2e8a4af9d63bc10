package deepgram

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"copilot/audio"
)

// What: nothing goes wrong. Why: the measure for all that follows.
func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		words := conversation(30 * time.Second)
		u := open(t, &standIn{}, nil)
		u.speak(words, 30*time.Second)
		u.close(t)
		u.checkWords(t, words)
		u.checkSamples(t, words)
		if len(u.heard()) != 1 {
			t.Errorf("%d connections", len(u.heard()))
		}
		for c := range audio.Channel(audio.Channels) {
			for _, f := range u.record.finals(c) {
				if !f.SpeechFinal && f.Text != "" && f.End < 28*time.Second {
					t.Errorf("a final without the end of its utterance: %+v", f)
				}
			}
		}
		if started := of[SpeechStarted](u.record); len(started) != len(words) || started[0].At != 300*time.Millisecond {
			t.Errorf("%d voices began, want %d, the first at 300 ms", len(started), len(words))
		}
		states := of[Status](u.record)
		if len(states) != 2 || states[0].State != Open || states[0].RequestID != "req-0" || states[1] != (Status{State: Closed}) {
			t.Errorf("states %+v", states)
		}
		if d := u.stream.Stats().Dropped; d != 0 {
			t.Errorf("%d frames dropped", d)
		}
	})
}

// What: the connection is reset while both speak, and the network is away for a
// while. Why: the ring must bring back every sample of an outage of 5 s and
// every word of one of 15 s, and reconnecting must not be waited for.
func TestN1_Reset(t *testing.T) {
	for _, outage := range []time.Duration{0, time.Second, 5 * time.Second, 15 * time.Second} {
		for _, at := range []time.Duration{4500 * time.Millisecond, 6200 * time.Millisecond, 7900 * time.Millisecond} {
			t.Run(outage.String()+" at "+at.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					total := at + 5*outage + 25*time.Second // caught up at 1.25 times
					words := conversation(total)
					u := open(t, &standIn{}, nil)
					u.speak(words, at)
					if outage > 0 {
						u.link.set(func(l *link) { l.down = syscall.ENETUNREACH })
					}
					lost := time.Now()
					u.link.reset()
					u.speak(words, outage)
					u.link.set(func(l *link) { l.down = nil })
					u.speak(words, total-at-outage) // the backlog drains meanwhile
					u.close(t)
					u.checkWords(t, words)
					u.checkSamples(t, words)
					if len(u.heard()) != 2 {
						t.Fatalf("%d connections", len(u.heard()))
					}
					limit := 250 * time.Millisecond
					if outage > 0 {
						limit = 1500 * time.Millisecond // the longest wait between attempts
					}
					if took := u.heard()[1].opened.Sub(lost) - outage; took > limit {
						t.Errorf("reconnected after %v", took)
					}
					if gaps := of[Gap](u.record); len(gaps) > 0 {
						t.Errorf("gaps %v", gaps)
					}
				})
			})
		}
	}
}

// What: an outage of 30 s. Why: what cannot be brought back must be visible, and
// the rest must still be there once.
func TestN1_LongOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		words := conversation(200 * time.Second)
		u := open(t, &standIn{}, nil)
		u.speak(words, 8*time.Second)
		u.link.set(func(l *link) { l.down = syscall.ENETUNREACH })
		u.link.reset()
		u.speak(words, 30*time.Second)
		u.link.set(func(l *link) { l.down = nil })
		for len(u.heard()) < 2 {
			u.speak(words, audio.FrameDuration)
		}
		u.link.reset() // once more: the same gap must not be told twice
		u.speak(words, 200*time.Second-time.Duration(u.sent)*audio.FrameDuration)
		time.Sleep(10 * time.Second)
		u.close(t)
		gaps := of[Gap](u.record)
		if len(gaps) == 0 || gaps[0].Start > 9*time.Second || gaps[len(gaps)-1].End-gaps[0].Start > 8*time.Second {
			t.Fatalf("gaps %v, want a few seconds from the loss on", gaps)
		}
		for i := 1; i < len(gaps); i++ {
			if gaps[i].Start < gaps[i-1].End {
				t.Errorf("gaps %v were told twice", gaps)
			}
		}
		u.checkWords(t, words, gaps...)
		if d := u.stream.Stats().Dropped; d == 0 {
			t.Error("nothing counted as dropped")
		}
	})
}

// What: the network swallows everything, without a FIN. Why: TCP would not
// notice for minutes.
func TestN2_BlackHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		words := conversation(25 * time.Second)
		u := open(t, &standIn{}, nil)
		u.speak(words, 7*time.Second)
		u.link.set(func(l *link) { l.hole = true })
		since := time.Now()
		u.speak(words, time.Second)
		u.link.set(func(l *link) { l.hole = false }) // for new connections
		u.speak(words, 17*time.Second)
		time.Sleep(3 * time.Second)
		u.close(t)
		noticed, ok := u.record.when(Reconnecting, since)
		if took := noticed.Sub(since); !ok || took > 3*time.Second {
			t.Errorf("noticed %v after %v", ok, took)
		}
		u.checkWords(t, words)
		u.checkSamples(t, words)
	})
}

// What: a consumer that does not listen until the network is full. Why: a
// blocked reader is not a dead connection, and no event may be dropped.
func TestN2_SlowConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &standIn{t: t}
		network := serve(t, d)
		s, err := Dial(t.Context(), Options{URL: "ws://deepgram.test/", Credential: key, DialContext: network.DialContext})
		if err != nil {
			t.Fatal(err)
		}
		words := conversation(120 * time.Second)
		u := &setup{standIn: d, stream: s}
		for s.Stats().Behind < 7*time.Second {
			u.speak(words, time.Second)
		}
		u.record = follow(s)
		u.speak(words, 120*time.Second-time.Duration(u.sent)*audio.FrameDuration)
		u.close(t)
		u.checkWords(t, words)
		if n := len(d.heard()); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}

// What: a server that is silent and answers no ping, over an uplink that is just
// too slow. Why: the pongs may be stuck behind our own sound; that writes go
// through shows that somebody takes it.
func TestN2_ProgressIsLife(t *testing.T) {
	for _, test := range []struct{ perSecond, connections int }{{50 << 10, 1}, {0, 2}} {
		synctest.Test(t, func(t *testing.T) {
			u := open(t, &standIn{script: func(ws *websocket.Conn) {
				ws.SetPingHandler(func(string) error { return nil })
				ws.SetReadDeadline(time.Time{})
				for {
					if _, _, err := ws.ReadMessage(); err != nil {
						return
					}
				}
			}}, nil)
			u.link.set(func(l *link) { l.perSecond = test.perSecond })
			u.speak(nil, 4*time.Second)
			if n := len(u.heard()); n != test.connections {
				t.Errorf("%d connections at %d bytes a second, want %d", n, test.perSecond, test.connections)
			}
		})
	}
}

// What: an uplink of a quarter of what the sound needs. Why: the backlog must
// stay bounded, Send must not wait, and the person must hear of it.
func TestN3_SlowUplink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		words := conversation(90 * time.Second)
		u := open(t, &standIn{}, nil)
		u.link.set(func(l *link) { l.perSecond = 16 << 10 })
		for range 90 * 50 {
			before := time.Now()
			u.stream.Send(frame(u.sent, words))
			u.sent++
			if time.Now() != before {
				t.Fatal("Send waited")
			}
			time.Sleep(audio.FrameDuration)
		}
		stats := u.stream.Stats()
		if stats.Behind > ringFrames*audio.FrameDuration || stats.Dropped < 1500 {
			t.Errorf("stats %+v", stats)
		}
		if len(u.heard()) != 1 {
			t.Errorf("%d connections; a slow one is not a dead one", len(u.heard()))
		}
		var lost time.Duration
		for _, g := range of[Gap](u.record) {
			lost += g.End - g.Start
		}
		if lost != time.Duration(stats.Dropped)*audio.FrameDuration {
			t.Errorf("gaps of %v, but %d frames dropped", lost, stats.Dropped)
		}
		told := slices.ContainsFunc(of[Status](u.record), func(s Status) bool {
			var e *Error
			return s.State == Open && errors.As(s.Err, &e) && strings.Contains(e.Sentence(), "too slow")
		})
		if !told {
			t.Error("nobody was told")
		}
		// Words come at a quarter of their speed, but none stands still.
		if c := u.heard()[0].controls; len(c) > 0 {
			t.Errorf("the watchdog asked %q", c)
		}
	})
}

// What: everything arrives one byte at a time. Why: messages are not packets.
func TestN4_Fragments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		words := conversation(6 * time.Second)
		u := open(t, &standIn{}, nil)
		u.link.set(func(l *link) { l.fragmented = true })
		u.speak(words, 6*time.Second)
		u.close(t)
		u.checkWords(t, words)
	})
}

// What: the account's streams are all in use. Why: asking on without a pause
// would make it worse, and the person must know what it is.
func TestN5_RateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &standIn{limit: 50}
		u := open(t, d, nil)
		network := u.link.dial
		dial := func() (*Stream, error) {
			s, err := Dial(t.Context(), Options{URL: "http://deepgram.test", Credential: key, DialContext: network})
			if err == nil {
				t.Cleanup(func() { s.Close(context.Background()) })
			}
			return s, err
		}
		for range d.limit - 1 {
			if _, err := dial(); err != nil {
				t.Error(err)
			}
		}
		_, err := dial() // one too many
		var e *Error
		if !errors.As(err, &e) || e.Status != 429 || e.Code != "TOO_MANY_REQUESTS" || !e.Temporary() || !strings.Contains(e.Sentence(), "in use") {
			t.Fatalf("Dial: %v", err)
		}
		// Another takes our place while we are away.
		u.link.set(func(l *link) { l.down = syscall.ENETUNREACH })
		u.link.reset()
		time.Sleep(10 * time.Millisecond)
		thief, err := dial()
		if err != nil {
			t.Fatal(err)
		}
		before := len(d.tries())
		u.link.set(func(l *link) { l.down = nil })
		time.Sleep(20 * time.Second)
		tries := d.tries()[before:]
		if len(tries) < 2 || len(tries) > 7 {
			t.Errorf("%d attempts in 20 s", len(tries))
		}
		for i := 1; i < len(tries); i++ {
			if wait := tries[i].Sub(tries[i-1]); wait < time.Second {
				t.Errorf("asked again after %v", wait)
			}
		}
		thief.Close(t.Context())
		time.Sleep(15 * time.Second)
		states := of[Status](u.record)
		if last := states[len(states)-1]; last.State != Open {
			t.Errorf("did not come back: %+v", last)
		}
	})
}

// What: the credential has expired when the connection must be opened again.
// Why: a granted token lives for seconds; exactly one new one is worth a try.
func TestN6_ExpiredCredential(t *testing.T) {
	for _, test := range []struct {
		name      string
		refusals  int
		wantAsked int
		wantEnd   State
	}{
		{"one refusal", 1, 3, Open},
		{"two refusals", 2, 3, Closed},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				d := &standIn{refuse: func(n int, w http.ResponseWriter, r *http.Request) bool {
					if n == 0 || n > test.refusals {
						return false
					}
					refuseWith(w, 401, "INVALID_AUTH", "Invalid credentials: "+r.Header.Get("Authorization"))
					return true
				}}
				u := open(t, d, func(o *Options) {
					o.Credential = func(context.Context) (Credential, error) {
						asked++
						return Credential{Scheme: "Bearer", Value: "eyJ" + strings.Repeat("x", asked)}, nil
					}
				})
				words := conversation(12 * time.Second)
				u.speak(words, 3*time.Second)
				u.link.reset()
				u.speak(words, 9*time.Second)
				states := of[Status](u.record)
				last := states[len(states)-1]
				if asked != test.wantAsked || last.State != test.wantEnd {
					t.Fatalf("asked %d times, last state %+v", asked, last)
				}
				if len(slices.Compact(slices.Clone(u.auths))) != asked {
					t.Errorf("a credential was used twice: %q", u.auths)
				}
				var e *Error
				if test.wantEnd == Open {
					u.close(t)
					u.checkWords(t, words)
				} else if !errors.As(last.Err, &e) || e.Status != 401 || strings.Contains(e.Error(), "eyJ") || !strings.Contains(e.Sentence(), "key") {
					t.Errorf("ended by %v", last.Err)
				} else if err := u.stream.Close(t.Context()); !errors.Is(err, last.Err) {
					t.Errorf("Close: %v", err)
				}
			})
		})
	}
}

// What: no sound for a minute, in the middle and before the first. Why: Deepgram
// closes after ten seconds without data, KeepAlive must be text, and the times
// must stay the capture's, though Deepgram's stand still.
func TestN7_Muted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pause = 62 * time.Second
		words := conversation(10 * time.Second)
		for _, w := range conversation(10 * time.Second) {
			shift := int((pause + 10*time.Second) / audio.FrameDuration)
			words = append(words, spoken{w.channel, w.id + 40, w.from + shift, w.to + shift})
		}
		slices.SortStableFunc(words, func(a, b spoken) int { return a.from - b.from })
		u := open(t, &standIn{}, nil)
		time.Sleep(pause)
		u.speak(words, 10*time.Second)
		time.Sleep(pause)
		u.sent += int(pause / audio.FrameDuration) // the capture's clock goes on
		u.speak(words, 10*time.Second)
		u.close(t)
		u.checkWords(t, words)
		if u.idle > 0 || len(u.heard()) != 1 {
			t.Errorf("closed for silence %d times, %d connections", u.idle, len(u.heard()))
		}
		alive := 0
		for _, c := range u.heard()[0].controls {
			if strings.HasPrefix(c, "KeepAlive") {
				alive++
			}
		}
		if alive != 14+15 { // before any sound, the first is a frame of silence
			t.Errorf("%d KeepAlives in two minutes: %q", alive, u.heard()[0].controls)
		}
	})
}

// What: finals that come twice, late, or empty, and ends without words. Why:
// what is said once must be shown once.
func TestN8_OddFinals(t *testing.T) {
	const end = `{"type":"UtteranceEnd","channel":[0,2],"last_word_end":%s}`
	result := func(channel, start, duration, flags, words string) string {
		list, texts := []string{}, []string{}
		for i, w := range strings.Fields(words) {
			at := []string{"0.1", "0.3", "0.5", "0.7"}[i]
			list = append(list, `{"word":"`+w+`","start":`+start+at[1:]+`,"end":`+start+at[1:]+`9}`)
			texts = append(texts, w)
		}
		return `{"type":"Results","channel_index":[` + channel + `,2],"start":` + start + `,"duration":` + duration + flags +
			`,"channel":{"alternatives":[{"transcript":"` + strings.Join(texts, " ") + `","words":[` + strings.Join(list, ",") + `]}]}}`
	}
	const final, speech, fromFinalize = `,"is_final":true`, `,"is_final":true,"speech_final":true`, `,"is_final":true,"from_finalize":true`
	for _, test := range []struct {
		name     string
		messages []string
		want     string // events in short
	}{
		{"duplicate", []string{result("0", "0", "1", speech, "a b"), result("0", "0", "1", speech, "a b")}, "a b."},
		{"reordered", []string{result("0", "1", "1", final, "c d"), result("0", "0", "1", final, "a b")}, "c d; a b;"},
		{"late and longer", []string{result("0", "0", "0.45", final, "a b"), result("0", "0", "2", final, "a b c d")}, "a b; c d;"},
		{"empty", []string{result("0", "0", "1", final, ""), result("1", "0", "1", speech, "")}, ""},
		{"empty after words", []string{result("0", "0", "1", final, "a"), result("0", "1", "1", final, ""), result("0", "2", "1", speech, "")}, "a; ."},
		{"speech_final without words or utterance", []string{result("0", "0", "1", speech, "a"), result("0", "1", "1", speech, "")}, "a."},
		{"empty final clears the interim", []string{result("0", "0", "1", "", "a"), result("0", "0", "1", final, "")}, "a? ;"},
		{"empty interim clears the interim", []string{result("0", "0", "1", "", "a"), result("0", "0", "1", "", ""), result("0", "0", "1", "", "")}, "a? ?"},
		{"speech_final without is_final", []string{result("0", "0", "1", `,"speech_final":true`, "a")}, "a."},
		{"the other channel's end", []string{result("0", "0", "1", final, "a"), result("1", "0", "1", speech, ""), result("0", "1", "1", speech, "")}, "a; ."},
		{"no alternatives", []string{`{"type":"Results","channel_index":[0,2],"is_final":true,"channel":{"alternatives":[]}}`, `{"type":"Results"}`}, ""},
		{"not JSON, no type, unknown, other channel", []string{`{`, `{}`, `[]`, `{"type":"New","channel":7}`, `{"type":"Results","channel_index":[7,8]}`, result("0", "0", "1", speech, "a")}, "a."},
		{"utterance end closes", []string{result("0", "0", "1", final, "a"), strings.Replace(end, "%s", "0.19", 1), strings.Replace(end, "%s", "0.19", 1)}, "a; end"},
		{"utterance end after speech_final", []string{result("0", "0", "1", speech, "a"), strings.Replace(end, "%s", "0.19", 1)}, "a."},
		{"utterance end, but more was said", []string{result("0", "0", "1", final, "a"), result("0", "1", "1", final, "b"), strings.Replace(end, "%s", "0.19", 1)}, "a; b;"},
		{"utterance end of unknown place", []string{result("0", "0", "1", final, "a"), strings.Replace(end, "%s", "-1", 1)}, "a; end"},
		{"finalized with nothing", []string{result("0", "0", "1", fromFinalize, "")}, ""},
		{"finalized after words", []string{result("0", "0", "1", final, "a"), result("0", "1", "1", fromFinalize, "")}, "a; !;"},
		{"error", []string{`{"type":"Error","code":"X","description":"bad"}`, `{"type":"Error","err_code":7,"err_msg":"worse"}`}, "error X bad error 7 worse"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := open(t, &standIn{script: func(ws *websocket.Conn) {
					for _, m := range test.messages {
						ws.WriteMessage(websocket.TextMessage, []byte(m))
					}
					time.Sleep(time.Second)
				}}, nil)
				u.speak(nil, 20*time.Millisecond)
				time.Sleep(500 * time.Millisecond)
				var got []string
				for _, e := range of[Event](u.record) {
					switch e := e.(type) {
					case Transcript:
						mark := "?"
						switch {
						case e.SpeechFinal:
							mark = "."
						case e.Final:
							mark = ";"
						}
						if e.Finalized {
							mark = "!" + mark
						}
						got = append(got, e.Text+mark)
					case UtteranceEnd:
						got = append(got, "end")
					case Status:
						var problem *Error
						if errors.As(e.Err, &problem) {
							got = append(got, "error "+problem.Code+" "+problem.Message)
						}
					}
				}
				if got := strings.Join(got, " "); got != test.want {
					t.Errorf("got %q, want %q", got, test.want)
				}
			})
		})
	}
}
