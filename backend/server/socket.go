package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"copilot/backend/api"
	"copilot/backend/supabase"
	"copilot/billing"
)

// socket is our end of one session socket. Its reader is a goroutine of its
// own; what is to be sent waits in a bounded queue, and a writer runs only
// while there is something in it, so that an idle session costs one goroutine.
type socket struct {
	id    string // of the session
	lease int    // the right to it; whoever takes the session up next has the next
	user  string
	conn  *websocket.Conn
	spawn func(func())              // runs the writer as a goroutine that is waited for
	heard atomic.Pointer[time.Time] // the client's last sign of life, with the monotonic clock

	mu        sync.Mutex
	queue     []outgoing
	writing   bool
	ended     bool // the last message is queued or was never to be sent
	paused    bool
	unlimited bool
	minutes   int
	pinged    time.Time

	// Only the reader uses these.
	grants   bucket
	messages bucket
}

// outgoing is one message for the client.
type outgoing struct {
	data  []byte
	ping  bool
	close int // the code to close with after data
}

const (
	pingEvery    = 10 * time.Second
	silence      = supabase.Silence // then a client is gone
	writeLimit   = 5 * time.Second
	queueLimit   = 16 // a client that reads nothing is cut off
	messageLimit = 4 << 10
	messageRate  = 120 // a minute
)

// say queues a message. A client whose queue is full is cut off: it may resume,
// and is then told everything that counts.
func (k *socket) say(m api.Message) {
	data, _ := json.Marshal(m) // strings and numbers: it cannot fail
	k.push(outgoing{data: data})
}

// end says why the session ended and closes, once.
func (k *socket) end(reason api.Reason) {
	data, _ := json.Marshal(api.Message{Type: api.TypeEnded, Reason: reason})
	k.push(outgoing{data: data, close: reason.CloseCode()})
}

// drop cuts the connection without a word. The session keeps its grace time.
func (k *socket) drop() {
	k.mu.Lock()
	k.ended, k.queue = true, nil
	k.mu.Unlock()
	k.conn.Close()
}

// ping queues a ping when one is due.
func (k *socket) ping(now time.Time) {
	k.mu.Lock()
	due := now.Sub(k.pinged) >= pingEvery
	if due {
		k.pinged = now
	}
	k.mu.Unlock()
	if due {
		k.push(outgoing{ping: true})
	}
}

func (k *socket) push(o outgoing) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended {
		return
	}
	if len(k.queue) >= queueLimit && o.close == 0 {
		k.ended, k.queue = true, nil
		k.conn.Close()
		return
	}
	k.queue = append(k.queue, o)
	k.ended = o.close != 0
	if !k.writing {
		k.writing = true
		k.spawn(k.write)
	}
}

// write sends what is queued and ends when nothing is.
func (k *socket) write() {
	for {
		k.mu.Lock()
		if len(k.queue) == 0 {
			k.writing, k.queue = false, nil
			k.mu.Unlock()
			return
		}
		o := k.queue[0]
		k.queue = k.queue[1:]
		k.mu.Unlock()
		if err := k.send(o); err != nil {
			k.drop() // the reader notices
		}
	}
}

func (k *socket) send(o outgoing) error {
	deadline := time.Now().Add(writeLimit)
	if o.ping {
		return k.conn.WriteControl(websocket.PingMessage, nil, deadline)
	}
	k.conn.SetWriteDeadline(deadline)
	if o.data != nil {
		if err := k.conn.WriteMessage(websocket.TextMessage, o.data); err != nil || o.close == 0 {
			return err
		}
	}
	err := k.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(o.close, ""), deadline)
	k.conn.SetReadDeadline(time.Now().Add(time.Second)) // for the client's own close
	return err
}

// balance tells the client what is left when that has changed, with a warning
// at five minutes and at one.
func (k *socket) balance(minutes int, unlimited bool) {
	k.mu.Lock()
	before, same := k.minutes, k.minutes == minutes && k.unlimited == unlimited
	k.minutes, k.unlimited = minutes, unlimited
	k.mu.Unlock()
	if same {
		return
	}
	k.say(api.Message{Type: api.TypeBalance, MinutesLeft: &minutes, Unlimited: unlimited})
	if _, low := billing.LowBalance(before, minutes); low && !unlimited {
		k.say(api.Message{Type: api.TypeLowBalance, MinutesLeft: &minutes})
	}
}

// read hands the client's messages to take until the socket ends, and says why.
func (k *socket) read(take func(api.Message)) error {
	k.conn.SetReadLimit(messageLimit)
	k.conn.SetPongHandler(func(string) error { k.alive(); return nil })
	k.alive()
	for {
		_, data, err := k.conn.ReadMessage()
		if err != nil {
			return gone(err)
		}
		if !k.alive() {
			continue
		}
		var m api.Message
		if _, ok := k.messages.take(1, messageRate, time.Now()); !ok || json.Unmarshal(data, &m) != nil {
			k.push(outgoing{close: websocket.ClosePolicyViolation})
			continue
		}
		take(m)
	}
}

// alive notes a sign of life. It reports false once the end was told: from then
// on the writer has set how long the close may take.
func (k *socket) alive() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended {
		return false
	}
	now := time.Now()
	k.heard.Store(&now)
	k.conn.SetReadDeadline(now.Add(silence))
	return true
}

var errSilent = errors.New("silent")

// gone makes a short reason of a read's error, without addresses.
func gone(err error) error {
	if e, ok := errors.AsType[*websocket.CloseError](err); ok && e.Code != websocket.CloseAbnormalClosure {
		return fmt.Errorf("closed by the client with %d", e.Code)
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return errSilent
	}
	return errors.New("connection lost")
}
