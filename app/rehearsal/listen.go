package rehearsal

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/websocket"
)

// The statuses that a handshake can be refused with, as Deepgram words them.
var handshakeErrors = map[int][2]string{
	http.StatusBadRequest:      {"INVALID_QUERY_PARAMETER", "Bad Request: failed to process the parameters."},
	http.StatusUnauthorized:    {"INVALID_AUTH", "Invalid credentials."},
	http.StatusPaymentRequired: {"ASR_PAYMENT_REQUIRED", "Project does not have enough credits for an ASR request and does not have an overage agreement."},
	http.StatusForbidden:       {"INSUFFICIENT_PERMISSIONS", "Project does not have access to the requested model."},
	http.StatusTooManyRequests: {"TOO_MANY_REQUESTS", "Too many requests. Please try again later."},
}

// listen is GET /v1/listen, where parse is parseParams, and /v2/listen, where it
// is parseFlux. The handler's goroutine is the connection's.
func (s *Server) listen(w http.ResponseWriter, r *http.Request, parse func(url.Values) (params, error)) {
	subprotocol, ok := s.listenAuth(r)
	if !ok {
		s.refuse(w, http.StatusUnauthorized, "INVALID_AUTH", "Invalid credentials.")
		return
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		s.refuse(w, http.StatusBadRequest, "INVALID_QUERY_PARAMETER", "the query cannot be read")
		return
	}
	p, err := parse(query)
	if bad := (*paramError)(nil); errors.As(err, &bad) {
		s.refuse(w, http.StatusBadRequest, bad.code, bad.message)
		return
	}
	if !websocket.IsWebSocketUpgrade(r) {
		s.refuse(w, http.StatusBadRequest, "BAD_REQUEST", "a WebSocket upgrade was expected")
		return
	}
	faults := s.listenFaults()
	if faults.Status != 0 {
		e, ok := handshakeErrors[faults.Status]
		if !ok {
			e = [2]string{"INTERNAL_SERVER_ERROR", http.StatusText(faults.Status)}
		}
		refuseQuietly(w, faults.Status, e[0], e[1])
		return
	}
	st := newStream(s, p, faults)
	if !s.admit(st) {
		e := handshakeErrors[http.StatusTooManyRequests]
		refuseQuietly(w, http.StatusTooManyRequests, e[0], e[1])
		return
	}
	defer s.leave(st)
	header := http.Header{"Dg-Request-Id": {st.meta.RequestID}}
	up := websocket.Upgrader{}
	if subprotocol != "" {
		header.Set("Sec-WebSocket-Protocol", subprotocol)
	}
	conn, err := up.Upgrade(w, r, header)
	if err != nil {
		s.violation("BAD_REQUEST", "%v", err)
		return
	}
	defer conn.Close()
	if s.opened(st, conn) {
		s.log.Info("rehearsal: stream", "route", r.URL.Path, "model", p.model)
		st.run()
	}
}

// admit counts the stream, unless there are too many.
func (s *Server) admit(st *stream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if limit := st.faults.MaxStreams; limit > 0 && len(s.streams) >= limit {
		return false
	}
	s.streams[st] = struct{}{}
	return true
}

// opened lets Close and Drop reach the connection; false after Close.
func (s *Server) opened(st *stream, conn *websocket.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return false
	}
	st.conn = conn
	s.stats.Streams++
	if s.opts.KeepAudio {
		st.heard = &Heard{Channels: make([][]int16, st.params.channels)}
		s.heard = append(s.heard, st.heard)
	}
	return true
}

func (s *Server) leave(st *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.streams, st)
	if st.heard != nil {
		st.heard.Closed = true
	}
}

func newStream(s *Server, p params, faults ListenFaults) *stream {
	st := &stream{server: s, params: p, faults: faults, digest: sha256.New(), pace: pace{burst: s.opts.Burst, room: s.opts.Burst}}
	st.meta = resultMeta{
		RequestID: requestID(),
		ModelUUID: "00000000-0000-4000-8000-000000000003",
		ModelInfo: modelInfo{Name: "rehearsal-" + p.model, Version: "recorded", Arch: p.model},
	}
	lanes := 1
	if p.multichannel {
		lanes = p.channels
	}
	if p.flux != nil {
		st.lanes = []hearer{newTurns(s.interview.reference(), p, faults, st.sayFlux)}
		return st
	}
	for c := range lanes {
		st.lanes = append(st.lanes, newLane(s.interview.reference(), [2]int{c, lanes}, p, st.meta, faults, st.send))
	}
	return st
}

// requestID is a random UUID, as Deepgram's are.
func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	x := hex.EncodeToString(b[:])
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}

// pace is a token bucket for sound: it fills at 1.25 times real time.
type pace struct {
	burst, room time.Duration
	last        time.Time
}

// take says whether sound of that length may come now.
func (p *pace) take(now time.Time, sound time.Duration) bool {
	if !p.last.IsZero() {
		p.room = min(p.burst, p.room+now.Sub(p.last)*5/4)
	}
	p.last = now
	p.room -= sound
	return p.room >= 0
}
