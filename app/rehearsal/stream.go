package rehearsal

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"net"
	"time"

	"github.com/gorilla/websocket"
)

const (
	idleLimit    = 10 * time.Second // without sound or text
	writeLimit   = 5 * time.Second
	lingerLimit  = time.Second // for the client to read the close frame
	messageLimit = 1 << 20     // bytes
)

// Close codes and reasons, from Deepgram's page on WebSocket troubleshooting.
// The reason for sound that is too fast is our own: Deepgram names none.
const (
	reasonUndecodable = "DATA-0000: the audio could not be decoded; check encoding, sample_rate and channels"
	reasonIdle        = "NET-0001: no audio or text came within the timeout window. See https://dpgr.am/net0001"
	reasonTooFast     = "RATE: audio came faster than 1.25 times real time"
)

// hearer is what hears one channel.
type hearer interface {
	hear(samples []int16)
	finalize() // what was said is to be settled now
	end()      // the client says goodbye
}

// stream is one connection to /v1/listen or /v2/listen. run's goroutine owns it, but for conn
// and heard, which Server.mu guards.
type stream struct {
	server *Server
	params params
	faults ListenFaults
	meta   resultMeta
	lanes  []hearer
	pace   pace
	conn   *websocket.Conn
	heard  *Heard

	samples int       // received, of each channel
	digest  hash.Hash // of everything received
	said    int       // messages of Flux, which numbers them
	broken  error     // the first failed write
}

// run serves the connection until it ends.
func (st *stream) run() {
	stop := context.AfterFunc(st.server.ctx, func() { _ = st.conn.Close() })
	defer stop()
	st.conn.SetReadLimit(messageLimit)
	limit, text, flux := idleLimit, st.text, st.params.flux != nil
	if flux {
		limit, text = fluxIdleLimit, st.fluxText
		pong := st.conn.PingHandler()
		st.conn.SetPingHandler(func(data string) error { // it holds a Flux stream
			_ = st.conn.SetReadDeadline(time.Now().Add(limit))
			return pong(data)
		})
		st.sayFlux("Connected", nil)
	}
	deadline := time.Now().Add(limit)
	for st.broken == nil {
		_ = st.conn.SetReadDeadline(deadline) // a dead connection fails in the read
		kind, data, err := st.conn.ReadMessage()
		if late := net.Error(nil); errors.As(err, &late) && late.Timeout() {
			st.punish("NET-0001", websocket.CloseInternalServerErr, reasonIdle)
			return
		}
		if err != nil {
			return // the client has left, or Close has come
		}
		more := true
		if kind == websocket.BinaryMessage {
			more = st.audio(data)
		} else {
			more = text(data)
		}
		if !more {
			return
		}
		// Text does not hold a stream that has had no sound yet.
		if st.samples > 0 || flux {
			deadline = time.Now().Add(limit)
		}
	}
}

// audio takes a binary message; false ends the stream.
func (st *stream) audio(data []byte) bool {
	p := st.params
	if len(data) == 0 {
		st.server.violation("EMPTY_FRAME", "an empty binary message ends the stream")
		st.end()
		return false
	}
	if !p.raw || len(data)%(2*p.channels) != 0 {
		st.punish("DATA-0000", websocket.ClosePolicyViolation, reasonUndecodable)
		return false
	}
	if data[0] == '{' && json.Valid(data) {
		st.server.violation("TEXT_AS_AUDIO", "a control message was sent as binary: it is taken for sound")
	}
	n := len(data) / (2 * p.channels)
	if p.flux != nil && timeAt(n) > fluxMessage {
		st.server.violation("CHUNK", "a message to Flux should hold 80 ms of sound")
	}
	if !st.pace.take(time.Now(), timeAt(n)) {
		st.punish("RATE", websocket.ClosePolicyViolation, reasonTooFast)
		return false
	}
	st.samples += n
	st.digest.Write(data)
	st.server.count(func(s *Stats) { s.Audio += timeAt(n) })
	st.hear(data, n)
	received := timeAt(st.samples)
	if at := st.faults.ResetAfter; at > 0 && received >= at {
		st.reset()
		return false
	}
	if at := st.faults.HoleAfter; at > 0 && received >= at {
		_ = st.conn.NetConn().SetReadDeadline(time.Time{})
		_, _ = io.Copy(io.Discard, st.conn.NetConn()) // until the client gives up
		return false
	}
	return true
}

// hear splits n samples of each channel and gives them to the lanes.
func (st *stream) hear(data []byte, n int) {
	channels := make([][]int16, st.params.channels)
	for c := range channels {
		channels[c] = make([]int16, n)
		for i := range n {
			channels[c][i] = int16(binary.LittleEndian.Uint16(data[2*(i*len(channels)+c):]))
		}
	}
	if st.heard != nil {
		st.server.mu.Lock()
		for c, samples := range channels {
			st.heard.Channels[c] = append(st.heard.Channels[c], samples...)
		}
		st.server.mu.Unlock()
	}
	if !st.params.multichannel && len(channels) > 1 { // not separated: everything is one channel
		for i := range n {
			sum := 0
			for _, samples := range channels {
				sum += int(samples[i])
			}
			channels[0][i] = int16(sum / len(channels))
		}
	}
	for c, l := range st.lanes {
		l.hear(channels[c])
	}
}

// text takes a control message; false ends the stream.
func (st *stream) text(data []byte) bool {
	var m struct {
		Type     string
		Channel  *int
		Keyterms []string
	}
	if err := json.Unmarshal(data, &m); err != nil {
		st.server.violation("INVALID_MESSAGE", "a text message that is not JSON is ignored")
		return true
	}
	switch m.Type {
	case "KeepAlive":
	case "Finalize":
		if m.Channel != nil && (*m.Channel < 0 || *m.Channel >= len(st.lanes)) {
			st.server.violation("INVALID_MESSAGE", "there is no channel %d to finalize", *m.Channel)
			break
		}
		for c, l := range st.lanes {
			if m.Channel == nil || *m.Channel == c {
				l.finalize()
			}
		}
	case "Configure":
		st.configure(m.Keyterms)
	case "CloseStream":
		st.end()
		return false
	default:
		st.server.violation("INVALID_MESSAGE", "a message of type %q is ignored", m.Type)
	}
	return true
}

func (st *stream) configure(keyterms []string) {
	reply := "ConfigureSuccess"
	if !nova3Model.MatchString(st.params.model) || tooMany(keyterms) {
		reply = "ConfigureFailure"
		st.server.violation("INVALID_MESSAGE", "Configure needs nova-3 and at most 500 tokens of keyterms")
	}
	st.send(map[string]any{"type": reply, "request_id": st.meta.RequestID})
}

// end gives the last words and says goodbye.
func (st *stream) end() {
	if st.params.flux != nil {
		st.endFlux()
		return
	}
	for _, l := range st.lanes {
		l.end()
	}
	st.send(map[string]any{
		"type": "Metadata", "transaction_key": "deprecated", "request_id": st.meta.RequestID,
		"sha256": hex.EncodeToString(st.digest.Sum(nil)), "created": time.Now().UTC().Format(time.RFC3339Nano), "duration": timeAt(st.samples).Seconds(),
		"channels": st.params.channels,
	})
	st.close(websocket.CloseNormalClosure, "")
}

// punish ends the stream for something the client did.
func (st *stream) punish(code string, status int, reason string) {
	st.server.violation(code, "%s", reason)
	st.close(status, reason)
}

// close sends a close frame and lets the client read it: a connection that is
// closed with unread sound in it would be reset, and the frame lost.
func (st *stream) close(status int, reason string) {
	until := time.Now().Add(lingerLimit)
	_ = st.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(status, reason), until)
	raw := st.conn.NetConn()
	_ = raw.SetReadDeadline(until)
	_, _ = io.Copy(io.Discard, raw)
}

// reset breaks the connection without a goodbye. Safe from any goroutine while
// Server.mu is held or from run's.
func (st *stream) reset() {
	if st.conn == nil {
		return
	}
	if tcp, ok := st.conn.NetConn().(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = st.conn.Close()
}

func (st *stream) send(message any) {
	if st.broken != nil {
		return
	}
	_ = st.conn.SetWriteDeadline(time.Now().Add(writeLimit))
	st.broken = st.conn.WriteJSON(message)
}
