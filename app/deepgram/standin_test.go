package deepgram

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"copilot/audio"
)

// standIn speaks Deepgram's wire for /v1/listen and is as strict as Deepgram:
// what the vendor would refuse, or close for, it refuses and closes for. It
// "recognises" the words that frame writes into the samples, so that what comes
// out depends on the sound that really arrived.
type standIn struct {
	t testing.TB
	// refuse, when set, may answer the n-th handshake (from 0) itself.
	refuse func(n int, w http.ResponseWriter, r *http.Request) bool
	// script, when set, takes the session over at its first sound.
	script func(ws *websocket.Conn)
	limit  int  // concurrent streams; 0: any
	noisy  bool // endpointing never fires, as in noise
	deaf   bool // Finalize is ignored

	mu         sync.Mutex
	handshakes []time.Time
	auths      []string
	sessions   []*heardSession
	live       int
	idle       int // closes for want of data (NET-0001)
}

// heardSession is what came over one connection.
type heardSession struct {
	opened   time.Time
	query    url.Values
	frames   [][]byte
	controls []string // text messages in order, each with the frames before it
}

func (d *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	n := len(d.handshakes)
	d.handshakes = append(d.handshakes, time.Now())
	d.auths = append(d.auths, r.Header.Get("Authorization"))
	d.live++
	full := d.limit > 0 && d.live > d.limit
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		d.live--
		d.mu.Unlock()
	}()
	w.Header().Set("dg-request-id", fmt.Sprintf("req-%d", n))
	if d.refuse != nil && d.refuse(n, w, r) {
		return
	}
	if code, text := checkRequest(r); code != 0 {
		refuseWith(w, code, "INVALID_QUERY_PARAMETER", text)
		return
	}
	if full {
		refuseWith(w, 429, "TOO_MANY_REQUESTS", "Too many requests. Please try again later")
		return
	}
	upgrader := websocket.Upgrader{ReadBufferSize: 4096}
	ws, err := upgrader.Upgrade(w, r, http.Header{"dg-request-id": {fmt.Sprintf("req-%d", n)}})
	if err != nil {
		d.t.Errorf("upgrade: %v", err)
		return
	}
	defer ws.Close()
	h := &heardSession{opened: time.Now(), query: r.URL.Query()}
	d.mu.Lock()
	d.sessions = append(d.sessions, h)
	d.mu.Unlock()
	d.listen(ws, h)
}

// heard returns the connections so far.
func (d *standIn) heard() []*heardSession {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.sessions)
}

// tries returns when a handshake was attempted.
func (d *standIn) tries() []time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.handshakes)
}

func refuseWith(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("dg-error", text)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"err_code": code, "err_msg": text, "request_id": w.Header().Get("dg-request-id")})
}

// checkRequest refuses what Deepgram refuses.
func checkRequest(r *http.Request) (status int, text string) {
	if r.URL.Path != "/v1/listen" {
		return 404, "not found"
	}
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	isJWT := strings.HasPrefix(value, "eyJ")
	if value == "" || !(scheme == "Token" && !isJWT || scheme == "Bearer" && isJWT) {
		return 401, "Invalid credentials."
	}
	if r.Header.Get("Sec-WebSocket-Extensions") != "" {
		return 400, "compression was asked for"
	}
	q := r.URL.Query()
	known := []string{"model", "language", "encoding", "sample_rate", "channels", "multichannel", "interim_results",
		"endpointing", "utterance_end_ms", "vad_events", "punctuate", "keyterm", "keywords", "mip_opt_out", "tag"}
	for name, values := range q {
		if !slices.Contains(known, name) {
			return 400, "unknown parameter " + name
		}
		if len(values) > 1 && !slices.Contains([]string{"keyterm", "keywords", "tag"}, name) {
			return 400, "repeated parameter " + name
		}
	}
	for _, name := range []string{"multichannel", "interim_results", "vad_events", "punctuate", "mip_opt_out"} {
		if v := q.Get(name); q.Has(name) && v != "true" && v != "false" {
			return 400, name + " is not a boolean"
		}
	}
	nova3 := strings.HasPrefix(q.Get("model"), "nova-3")
	switch {
	case !nova3 && !strings.HasPrefix(q.Get("model"), "nova-2"):
		return 400, "unknown model"
	case q.Has("keyterm") && !nova3:
		return 400, "keyterm needs nova-3"
	case q.Has("keywords") && nova3:
		return 400, "keywords are not for nova-3"
	case q.Get("encoding") != "linear16", q.Get("sample_rate") != "16000", q.Get("channels") != "2", q.Get("multichannel") != "true":
		return 400, "not two channels of linear16 at 16 kHz"
	case len(q["keyterm"]) > 100 || len(q["keywords"]) > 100:
		return 400, "Keyterm limit exceeded"
	}
	if q.Has("utterance_end_ms") {
		ms, err := strconv.Atoi(q.Get("utterance_end_ms"))
		if err != nil || ms < 1000 || q.Get("interim_results") != "true" {
			return 400, "utterance_end_ms needs interim_results and at least 1000"
		}
	}
	if e := q.Get("endpointing"); e != "" && e != "false" {
		if _, err := strconv.Atoi(e); err != nil {
			return 400, "endpointing is neither a number nor false"
		}
	}
	return 0, ""
}

const frameBytes = 2 * audio.FrameSamples * audio.Channels

// listen is the stream after the handshake.
func (d *standIn) listen(ws *websocket.Conn, h *heardSession) {
	rec := newRecogniser(ws, d, h)
	var (
		level    = 120 * time.Millisecond // of sound that may come at once
		levelAt  = time.Now()
		lastData = time.Now()
	)
	for {
		ws.SetReadDeadline(lastData.Add(10 * time.Second))
		kind, data, err := ws.ReadMessage()
		if err != nil {
			if !time.Now().Before(lastData.Add(10 * time.Second)) {
				d.mu.Lock()
				d.idle++
				d.mu.Unlock()
				closeWith(ws, 1011, "NET-0001: no audio or text for 10 s, https://dpgr.am/net0001")
			}
			return
		}
		if kind == websocket.TextMessage {
			if len(h.frames) > 0 { // before any sound, text does not hold the stream
				lastData = time.Now()
			}
			if !d.control(ws, h, rec, data) {
				return
			}
			continue
		}
		lastData = time.Now()
		if len(data) != frameBytes {
			d.t.Errorf("a binary message of %d bytes", len(data))
			closeWith(ws, 1008, "DATA-0000")
			return
		}
		level = min(120*time.Millisecond, level+time.Duration(1.25*float64(time.Since(levelAt))))
		levelAt = time.Now()
		if level -= audio.FrameDuration; level < 0 {
			d.t.Errorf("sound came faster than 1.25 times real time")
		}
		d.mu.Lock()
		h.frames = append(h.frames, data)
		d.mu.Unlock()
		if d.script != nil {
			d.script(ws)
			return
		}
		rec.hear(data)
	}
}

// control obeys a text message; false ends the stream.
func (d *standIn) control(ws *websocket.Conn, h *heardSession, rec *recogniser, data []byte) bool {
	var m struct {
		Type    string `json:"type"`
		Channel *int   `json:"channel"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		d.t.Errorf("text message %q: %v", data, err)
		return false
	}
	d.mu.Lock()
	h.controls = append(h.controls, fmt.Sprintf("%s@%d", m.Type, len(h.frames)))
	d.mu.Unlock()
	switch m.Type {
	case "KeepAlive":
	case "Finalize":
		for c := range rec.lanes {
			if !d.deaf && (m.Channel == nil || *m.Channel == c) {
				rec.result(c, true, false, true)
			}
		}
	case "CloseStream":
		for c := range rec.lanes {
			rec.endWord(c)
			rec.result(c, true, true, false)
		}
		ws.WriteJSON(map[string]any{"type": "Metadata", "duration": rec.seconds(rec.n), "channels": 2})
		closeWith(ws, 1000, "")
		return false
	default:
		d.t.Errorf("text message of type %q", m.Type)
	}
	return true
}

func closeWith(ws *websocket.Conn, code int, text string) {
	ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text), time.Now().Add(time.Second))
	ws.SetReadDeadline(time.Now().Add(time.Second)) // take what is under way, then the client's close
	for {
		if _, _, err := ws.ReadMessage(); err != nil {
			return
		}
	}
}

// recogniser finds the words in the sound of one connection, in its own time,
// and reports them as Deepgram does: interims each half second, a final after a
// pause (speech_final) or after four seconds, empty ones for a silent channel.
type recogniser struct {
	ws    *websocket.Conn
	d     *standIn
	pause int // endpointing, in frames
	n     int // frames heard
	lanes [audio.Channels]struct {
		begin   int // of the segment
		words   []map[string]any
		word    int // being spoken; 0: none
		wordAt  int
		silent  int
		lastEnd int // of the newest word; 0: reported as UtteranceEnd
	}
}

func newRecogniser(ws *websocket.Conn, d *standIn, h *heardSession) *recogniser {
	ms, _ := strconv.Atoi(h.query.Get("endpointing"))
	return &recogniser{ws: ws, d: d, pause: ms / 20}
}

func (r *recogniser) seconds(frames int) float64 { return float64(frames) * 0.02 }

func (r *recogniser) hear(pcm []byte) {
	r.n++
	for c := range r.lanes {
		l := &r.lanes[c]
		word := int(binary.LittleEndian.Uint16(pcm[4*20+2*c:]) >> 8)
		if word != l.word {
			r.endWord(c)
			if word != 0 {
				r.ws.WriteJSON(map[string]any{"type": "SpeechStarted", "channel": []int{c, 2}, "timestamp": r.seconds(r.n - 1)})
			}
			l.word, l.wordAt = word, r.n-1
		}
		if l.silent++; word != 0 {
			l.silent = 0
		}
		switch {
		case len(l.words) > 0 && l.silent == r.pause && !r.d.noisy:
			r.result(c, true, true, false)
		case r.n-l.begin >= 200 && l.word == 0 && !r.d.noisy:
			r.result(c, true, false, false)
		case r.n%25 == 0:
			r.result(c, false, false, false)
		}
		if l.lastEnd > 0 && r.n-l.lastEnd >= 50 && l.word == 0 && !r.d.noisy {
			r.ws.WriteJSON(map[string]any{"type": "UtteranceEnd", "channel": []int{c, 2}, "last_word_end": r.seconds(l.lastEnd)})
			l.lastEnd = 0
		}
	}
}

func (r *recogniser) endWord(c int) {
	l := &r.lanes[c]
	if l.word != 0 {
		l.words = append(l.words, r.wordJSON(l.word, l.wordAt, r.n-1))
		l.lastEnd = r.n - 1
	}
	l.word = 0
}

func (r *recogniser) wordJSON(id, from, to int) map[string]any {
	return map[string]any{
		"word": fmt.Sprintf("w%d", id), "punctuated_word": fmt.Sprintf("W%d,", id),
		"start": r.seconds(from), "end": r.seconds(to), "confidence": 0.9,
	}
}

func (r *recogniser) result(c int, final, speechFinal, fromFinalize bool) {
	l := &r.lanes[c]
	words := slices.Clone(l.words)
	if l.word != 0 && !final {
		words = append(words, r.wordJSON(l.word, l.wordAt, r.n))
	}
	texts := []string{}
	for _, w := range words {
		texts = append(texts, w["punctuated_word"].(string))
	}
	r.ws.WriteJSON(map[string]any{
		"type": "Results", "channel_index": []int{c, 2},
		"start": r.seconds(l.begin), "duration": r.seconds(r.n - l.begin),
		"is_final": final, "speech_final": speechFinal, "from_finalize": fromFinalize,
		"channel": map[string]any{"alternatives": []any{map[string]any{
			"transcript": strings.Join(texts, " "), "confidence": 0.9, "words": words}}},
		"metadata": map[string]any{"request_id": "r", "extra": map[string]any{}},
	})
	if final {
		l.begin, l.words = r.n, nil
	}
}
