package deepgram

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
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

func (s *fluxTurns) info(event, trigger string) {
	texts := []string{}
	for _, w := range s.words {
		texts = append(texts, w["word"].(string))
	}
	s.say("TurnInfo", map[string]any{"event": event, "turn_index": s.turn, "audio_window_start": float64(s.begin) * 0.02,
		"audio_window_end": float64(s.n) * 0.02, "transcript": strings.Join(texts, " "), "words": s.words, "end_of_turn_confidence": 0.5, "trigger": trigger})
}

func (s *fluxTurns) end(trigger string) {
	s.info("EndOfTurn", trigger)
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
			s.info("StartOfTurn", "")
		} else if s.eager {
			s.eager = false
			s.info("TurnResumed", "")
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
		s.info("EagerEndOfTurn", "")
	case len(s.words) > 0 && s.silent == 25:
		s.end("model")
	case s.n%12 == 0:
		s.info("Update", "")
	}
}
