package deepgram

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"copilot/audio"
)

// fluxStandIn speaks Flux's wire for /v2/listen, as strictly as Deepgram: one
// channel, its own parameters, messages of 80 ms, no KeepAlive and no Finalize, a
// close without a status that leaves an open turn open.
type fluxStandIn struct {
	t       testing.TB
	untimed bool // words come without their times
	deaf    bool // ForceEndTurn is not known here

	mu       sync.Mutex
	sessions []*fluxSession
	refuse   func(n int) int // a status for the n-th handshake
}

type fluxSession struct {
	frames   int
	controls []string
	tag      string
	cut      func()
}

func (d *fluxStandIn) heard() []*fluxSession {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.sessions)
}

func checkFlux(r *http.Request) (status int, text string) {
	q := r.URL.Query()
	known := []string{"model", "encoding", "sample_rate", "eager_eot_threshold", "eot_threshold", "eot_timeout_ms", "keyterm", "language_hint", "mip_opt_out", "tag"}
	for name, values := range q {
		if !slices.Contains(known, name) || len(values) > 1 && name != "keyterm" && name != "language_hint" && name != "tag" {
			return 400, "parameter " + name
		}
	}
	eager, err := strconv.ParseFloat(q.Get("eager_eot_threshold"), 64)
	switch {
	case r.URL.Path != "/v2/listen":
		return 404, "not found"
	case r.Header.Get("Authorization") != "Token "+testKey:
		return 401, "Invalid credentials."
	case q.Get("model") != "flux-general-en" && q.Get("model") != "flux-general-multi":
		return 400, "unknown model"
	case q.Has("language_hint") && q.Get("model") != "flux-general-multi":
		return 400, "language_hint is for the multilingual model"
	case q.Get("encoding") != "linear16" || q.Get("sample_rate") != "16000":
		return 400, "encoding"
	case err != nil || eager < 0.3 || eager > 0.7:
		return 400, "eager_eot_threshold"
	}
	return 0, ""
}

func (d *fluxStandIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	n := len(d.sessions)
	h := &fluxSession{tag: r.URL.Query().Get("tag")}
	d.sessions = append(d.sessions, h)
	refuse := d.refuse
	d.mu.Unlock()
	if refuse != nil {
		if status := refuse(n); status != 0 {
			refuseWith(w, status, "REFUSED", "refused")
			return
		}
	}
	if status, text := checkFlux(r); status != 0 {
		refuseWith(w, status, "INVALID_QUERY_PARAMETER", text)
		return
	}
	ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		d.t.Errorf("upgrade: %v", err)
		return
	}
	defer ws.Close()
	d.mu.Lock()
	h.cut = func() { ws.NetConn().Close() }
	d.mu.Unlock()
	s := &fluxTurns{d: d, ws: ws}
	s.say("Connected", nil)
	for {
		kind, data, err := ws.ReadMessage()
		if err != nil {
			return
		}
		if kind == websocket.BinaryMessage {
			if len(data) == 0 || len(data) > 2560 || len(data)%640 != 0 {
				d.t.Errorf("a message of %d bytes", len(data))
			}
			for ; len(data) > 0; data = data[640:] {
				d.mu.Lock()
				h.frames++
				d.mu.Unlock()
				s.hear(data[:640])
			}
			continue
		}
		var m struct{ Type string }
		if err := json.Unmarshal(data, &m); err != nil {
			d.t.Errorf("text %q", data)
		}
		d.mu.Lock()
		h.controls = append(h.controls, m.Type)
		d.mu.Unlock()
		switch m.Type {
		case "ForceEndTurn":
			if d.deaf {
				s.say("Error", map[string]any{"code": "UNKNOWN_MESSAGE", "description": "not known"})
			} else if len(s.words) > 0 {
				s.end("manual")
			}
		case "CloseStream":
			return // without a status, an open turn stays open
		default:
			d.t.Errorf("text of type %q", m.Type)
		}
	}
}

// fluxTurns recognises the words that frame writes into the samples, in turns.
type fluxTurns struct {
	d        *fluxStandIn
	ws       *websocket.Conn
	sequence int
	turn     int
	begin, n int // frames
	words    []map[string]any
	word     int
	wordAt   int
	silent   int
	eager    bool
}

func (s *fluxTurns) say(kind string, more map[string]any) {
	m := map[string]any{"type": kind, "request_id": "r", "sequence_id": s.sequence}
	for k, v := range more {
		m[k] = v
	}
	s.sequence++
	s.ws.WriteJSON(m)
}

func (s *fluxTurns) info(event string) {
	texts := []string{}
	for _, w := range s.words {
		texts = append(texts, w["word"].(string))
	}
	s.say("TurnInfo", map[string]any{"event": event, "turn_index": s.turn, "audio_window_start": float64(s.begin) * 0.02,
		"audio_window_end": float64(s.n) * 0.02, "transcript": strings.Join(texts, " "), "words": s.words, "end_of_turn_confidence": 0.5})
}

func (s *fluxTurns) end(string) {
	s.info("EndOfTurn")
	s.turn++
	s.begin, s.words, s.eager = s.n, nil, false
}

func (s *fluxTurns) hear(pcm []byte) {
	s.n++
	word := int(binary.LittleEndian.Uint16(pcm[2*20:]) >> 8)
	if word != s.word {
		if s.word != 0 {
			w := map[string]any{"word": fmt.Sprintf("W%d,", s.word), "confidence": 0.9}
			if !s.d.untimed {
				w["start"], w["end"] = float64(s.wordAt)*0.02, float64(s.n-1)*0.02
			}
			s.words = append(s.words, w)
		} else if len(s.words) == 0 {
			s.info("StartOfTurn")
		} else if s.eager {
			s.eager = false
			s.info("TurnResumed")
		}
		s.word, s.wordAt = word, s.n-1
	}
	s.silent++
	if word != 0 {
		s.silent = 0
	}
	switch {
	case len(s.words) > 0 && s.silent == 10:
		s.eager = true
		s.info("EagerEndOfTurn")
	case len(s.words) > 0 && s.silent == 25:
		s.end("model")
	case s.n%12 == 0:
		s.info("Update")
	}
}

func openFlux(t *testing.T, d *fluxStandIn, change func(*Options)) (*Flux, *record) {
	t.Helper()
	d.t = t
	net := serve(t, d)
	opts := Options{URL: "http://deepgram.test", Model: "flux-general-en", Credential: key, DialContext: net.DialContext}
	if change != nil {
		change(&opts)
	}
	f, err := DialFlux(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	r := &record{done: make(chan struct{})}
	go func() {
		defer close(r.done)
		for e := range f.Events() {
			r.mu.Lock()
			r.events, r.times = append(r.events, e), append(r.times, time.Now())
			r.mu.Unlock()
		}
	}()
	t.Cleanup(func() { f.Close(context.Background()); <-r.done })
	return f, r
}

func speakFlux(f *Flux, words []spoken, from, to int) {
	for i := from; i < to; i++ {
		f.Send(frame(i, words))
		time.Sleep(audio.FrameDuration)
	}
}

// wantWords wants each channel's words told once, in order.
func (r *record) wantWords(t *testing.T, words []spoken) {
	t.Helper()
	for c := range audio.Channel(audio.Channels) {
		var want, got []string
		for _, w := range words {
			if w.channel == c {
				want = append(want, w.String())
			}
		}
		for _, w := range r.finalWords(c) {
			got = append(got, w.Text)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v", c, got, want)
		}
	}
}

// Both channels over a connection each: turns are told once, whole, in order and
// in their place; the guess at a turn's end is marked.
func TestFlux(t *testing.T) {
	for _, untimed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			d := &fluxStandIn{untimed: untimed}
			f, r := openFlux(t, d, func(o *Options) { o.Keyterms, o.OptOut = []string{"Kubernetes"}, true })
			words := conversation(20 * time.Second)
			speakFlux(f, words, 0, 1000)
			if err := f.Close(t.Context()); err != nil {
				t.Error(err)
			}
			<-r.done
			r.wantWords(t, words)
			eager := 0
			for _, tr := range of[Transcript](r) {
				if tr.Eager {
					eager++
					if tr.Final {
						t.Error("a guess is final")
					}
				}
				if tr.Final && !tr.SpeechFinal {
					t.Error("a final that ends no turn")
				}
			}
			if eager == 0 {
				t.Error("no end of turn was guessed")
			}
			status := of[Status](r)
			if last := status[len(status)-1]; last.State != Closed || last.Err != nil {
				t.Errorf("the end is %+v", last)
			}
			sessions := d.heard()
			if len(sessions) != 2 || sessions[0].frames != 1000 || sessions[1].frames != 1000 {
				t.Errorf("%d connections", len(sessions))
			}
		})
	}
}

// Finalize forces the turn's end; where that is not known, the watchdog ends it.
func TestFluxForcedEnd(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			d := &fluxStandIn{deaf: deaf}
			f, r := openFlux(t, d, nil)
			words := []spoken{{0, 1, 10, 22}, {0, 2, 25, 37}}
			speakFlux(f, words, 0, 49)
			f.Finalize(audio.Interviewer)
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			if n := len(r.finals(0)); n != 1 && !deaf || n != 0 && deaf {
				t.Errorf("deaf %v: %d finals at once", deaf, n)
			}
			time.Sleep(4 * time.Second)
			synctest.Wait()
			if got := r.finalWords(0); len(got) != 2 {
				t.Errorf("deaf %v: %v", deaf, got)
			}
			if got := d.heard(); !slices.Contains(append(got[0].controls, got[1].controls...), "ForceEndTurn") {
				t.Error("nothing was forced")
			}
		})
	}
}

// A lost connection is opened again on its own, and its turn is heard again.
func TestFluxReconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fluxStandIn{}
		f, r := openFlux(t, d, nil)
		words := conversation(12 * time.Second)
		speakFlux(f, words, 0, 200)
		for _, h := range d.heard()[:1] {
			h.cut()
		}
		speakFlux(f, words, 200, 650)
		f.Close(t.Context())
		<-r.done
		r.wantWords(t, words)
		if _, ok := r.when(Reconnecting, time.Time{}); !ok {
			t.Error("the loss was not told")
		}
		if len(d.heard()) != 3 {
			t.Errorf("%d connections", len(d.heard()))
		}
	})
}

// When one channel cannot be had, neither is; the reason is told.
func TestFluxRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fluxStandIn{t: t, refuse: func(n int) int {
			if n == 1 {
				return 402
			}
			return 0
		}}
		net := serve(t, d)
		_, err := DialFlux(t.Context(), Options{URL: "http://deepgram.test", Model: "flux-general-en", Credential: key, DialContext: net.DialContext})
		var e *Error
		if !errors.As(err, &e) || e.Status != 402 {
			t.Errorf("%v", err)
		}
	})
	if _, err := Dial(t.Context(), Options{Model: "flux-general-en", Credential: key}); err == nil {
		t.Error("a Stream takes a flux model")
	}
}

// One credential opens both connections, and is used no third time: each may
// cost a grant, of which there are few. After Redial nothing of before is used.
func TestFluxSharesACredential(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fluxStandIn{}
		asked := 0
		f, _ := openFlux(t, d, func(o *Options) {
			o.Credential = func(ctx context.Context) (Credential, error) {
				time.Sleep(300 * time.Millisecond) // the server's time
				asked++
				c, err := key(ctx)
				c.Tag = strconv.Itoa(asked)
				return c, err
			}
		})
		tags := func() (all []string) {
			time.Sleep(2 * time.Second)
			synctest.Wait()
			for _, h := range d.heard() {
				all = append(all, h.tag)
			}
			return all
		}
		if got := tags(); !slices.Equal(got, []string{"1", "1"}) {
			t.Errorf("opened with %v", got)
		}
		for _, h := range d.heard() {
			h.cut()
		}
		if got := tags(); !slices.Equal(got[2:], []string{"2", "2"}) {
			t.Errorf("opened again with %v", got)
		}
		d.heard()[2].cut()
		if got := tags(); !slices.Equal(got[4:], []string{"3"}) {
			t.Errorf("one was opened again with %v", got)
		}
		f.Redial()
		if got := tags(); !slices.Equal(got[5:], []string{"4", "4"}) || asked != 4 {
			t.Errorf("after Redial with %v, asked %d times", got, asked)
		}
		for _, h := range d.heard()[5:] {
			h.cut()
			time.Sleep(15 * time.Second) // a credential is not kept
		}
		if got := tags(); !slices.Equal(got[7:], []string{"5", "6"}) {
			t.Errorf("one after the other with %v", got)
		}
	})
}
