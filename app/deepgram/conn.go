package deepgram

import (
	"encoding/binary"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"copilot/audio"
)

const (
	keepAliveEvery = 4 * time.Second // Deepgram closes after 10 s without data
	pingEvery      = time.Second
	// patience is how long a connection may show no sign of life: a message, a
	// pong, or a write that had to wait and then went through. Until the first
	// pong has shown that pings are answered at all, it is firstPatience.
	patience      = 2500 * time.Millisecond
	firstPatience = 10 * time.Second
	blockedWrite  = 20 * time.Millisecond
	readLimit     = 1 << 20 // bytes of one message; real ones have a few thousand
)

// conn is one connection. Its reader and its writer are goroutines of a
// Stream's owner, which waits for both in leave.
//
// gorilla/websocket does the handshake and the reading. Messages are framed
// here, each with one Write of the connection: gorilla's client allocates for
// every message, and 50 times a second for hours that is the only garbage the
// sound would make.
type conn struct {
	ws        *websocket.Conn
	net       net.Conn
	requestID string
	secret    string // to be kept out of messages

	messages chan message  // from the reader; closed by it at the end
	pongs    chan string   // pings to be answered by the writer
	gone     chan struct{} // closed by leave
	running  sync.WaitGroup
	readErr  error // why the reader ended; valid after messages is closed

	patience atomic.Int64 // time.Duration; negative: none, CloseStream was sent

	// The writer's.
	buf      []byte
	lastData time.Time // when something other than a ping was written
	pingAt   time.Time
	pace     pace
	spoken   bool // sound was sent, without which KeepAlive holds nothing
	ending   bool // CloseStream was sent
	forced   bool // the turn was ended before it (Flux)

	turnEnd  time.Duration // of the newest Flux turn; the owner's
	timeline timeline      // guarded by Stream.mu
	opened   time.Time
}

func newConn(ws *websocket.Conn, requestID, secret string) *conn {
	now := time.Now()
	c := &conn{
		ws:        ws,
		net:       ws.NetConn(),
		requestID: requestID,
		secret:    secret,
		messages:  make(chan message),
		pongs:     make(chan string, 1),
		gone:      make(chan struct{}),
		buf:       make([]byte, 0, maxHeader+audio.FrameSamples*audio.Channels*2),
		lastData:  now,
		pingAt:    now,
		pace:      pace{credit: paceBurst, at: now},
		opened:    now,
	}
	c.patience.Store(int64(firstPatience))
	ws.SetReadLimit(readLimit)
	ws.SetPongHandler(func(string) error {
		c.patience.CompareAndSwap(int64(firstPatience), int64(patience))
		c.alive()
		return nil
	})
	ws.SetPingHandler(func(data string) error {
		c.alive()
		select {
		case c.pongs <- data:
		default: // the newest unanswered ping is enough of a question
		}
		return nil
	})
	return c
}

// alive extends the time until the connection counts as dead.
func (c *conn) alive() {
	deadline := time.Time{}
	if p := time.Duration(c.patience.Load()); p > 0 {
		deadline = time.Now().Add(p)
	}
	c.ws.SetReadDeadline(deadline)
}

// finishing says that CloseStream was sent.
func (c *conn) finishing() bool { return c.patience.Load() < 0 }

// read is the reader: it hands over every message in order until the connection
// ends. While nobody takes a message it waits, and that time does not count
// against the connection.
func (c *conn) read(log *slog.Logger) {
	defer c.running.Done()
	defer close(c.messages)
	for {
		c.alive()
		_, text, err := c.ws.ReadMessage()
		if err != nil {
			c.readErr = err
			return
		}
		m, err := parse(text)
		if err != nil {
			log.Warn("deepgram: message ignored", "error", clean(err.Error(), c.secret))
			continue
		}
		select {
		case c.messages <- m:
		case <-c.gone:
			c.readErr = net.ErrClosed
			return
		}
	}
}

// leave closes the connection and waits for its goroutines.
func (c *conn) leave() {
	close(c.gone)
	c.ws.Close()
	c.running.Wait()
}

// The opcodes of RFC 6455 and what a client's header needs at most here: two
// bytes, two of length, four of mask. Nothing we send has 64 KiB.
const (
	opText    = websocket.TextMessage
	opBinary  = websocket.BinaryMessage
	opPing    = websocket.PingMessage
	opPong    = websocket.PongMessage
	maxHeader = 8
	finalBit  = 0x80
	maskBit   = 0x80
)

// put makes a text or control message the next to be flushed.
func (c *conn) put(opcode int, payload string) {
	c.buf = append(appendHeader(c.buf[:0], opcode, len(payload)), payload...)
	mask(c.buf, len(payload))
}

// putFrame makes a frame of sound the next message to be flushed.
func (c *conn) putFrame(f *audio.Frame) {
	c.buf = appendHeader(c.buf[:0], opBinary, 2*len(f.Samples))
	c.buf = f.AppendPCM(c.buf)
	mask(c.buf, 2*len(f.Samples))
}

// flush writes what was put. A write that had to wait and went through shows
// that the other side takes data, slow as it may be.
func (c *conn) flush() error {
	begun := time.Now()
	if _, err := c.net.Write(c.buf); err != nil {
		return err
	}
	if time.Since(begun) > blockedWrite {
		c.alive()
	}
	return nil
}

func appendHeader(dst []byte, opcode, n int) []byte {
	dst = append(dst, finalBit|byte(opcode))
	if n <= 125 {
		dst = append(dst, maskBit|byte(n))
	} else {
		dst = append(dst, maskBit|126)
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	}
	return binary.LittleEndian.AppendUint32(dst, rand.Uint32())
}

// mask masks the last n bytes of a message with the key that lies before them.
func mask(message []byte, n int) {
	payload := message[len(message)-n:]
	key := message[len(message)-n-4 : len(message)-n]
	for i := range payload {
		payload[i] ^= key[i&3]
	}
}

// Sound may be sent at 1.25 times real time (Deepgram's rule for catching up),
// of which a pause earns at most a tenth of a second in advance.
const (
	paceRate  = 1.25
	paceBurst = 100 * time.Millisecond
)

// pace is a token bucket over the duration of sound.
type pace struct {
	credit time.Duration
	at     time.Time
}

// take allows one frame, or returns how long it has to wait.
func (p *pace) take(now time.Time) time.Duration { return p.takeN(now, 1) }

// takeN allows n frames at once, at most the burst's.
func (p *pace) takeN(now time.Time, n int) time.Duration {
	p.credit = min(paceBurst, p.credit+time.Duration(paceRate*float64(now.Sub(p.at))))
	p.at = now
	want := time.Duration(n) * audio.FrameDuration
	if p.credit >= want {
		p.credit -= want
		return 0
	}
	return time.Duration(float64(want-p.credit)/paceRate) + 1
}
