package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// SessionOptions says which session a socket is opened for.
type SessionOptions struct {
	Resume   string // id of a session within its grace time; empty: a new one
	TakeOver bool   // end the session another device holds
}

// Session is the client's end of the session socket. It is metered while it is
// open and not paused. One goroutine of its own reads until the socket ends;
// Close waits for it.
type Session struct {
	// Started is the server's first message.
	Started Message

	conn     *websocket.Conn
	writing  sync.Mutex
	granting sync.Mutex
	grants   chan Message
	messages chan Message
	done     chan struct{} // closed when the reader has ended
	err      error         // why, readable after done
}

const (
	silence      = 25 * time.Second // the server pings every 10 s
	writeTimeout = 5 * time.Second
	maxMessage   = 64 << 10
	messageQueue = 64
)

// EndedError is how a session ends that the server ended.
type EndedError struct{ Reason Reason }

func (e *EndedError) Error() string { return "session ended: " + string(e.Reason) }

// Sentence says what a person can do.
func (e *EndedError) Sentence() string {
	switch e.Reason {
	case ReasonOutOfMinutes:
		return "The minutes are used up. Add time and the session goes on by itself."
	case ReasonTakenOver:
		return "The session was taken over by another device of yours."
	case ReasonShutdown:
		return "The server restarts. The session goes on in a moment."
	case ReasonExpired:
		return "The connection was away for too long. Start again; nothing more was charged."
	}
	return "The session was stopped."
}

// OpenSession dials the socket and waits for the started message. Refusals are
// *Error. Cancelling ctx after it returned changes nothing.
func (c *Client) OpenSession(ctx context.Context, o SessionOptions) (*Session, error) {
	q := url.Values{}
	if o.Resume != "" {
		q.Set("resume", o.Resume)
	}
	if o.TakeOver {
		q.Set("takeover", "1")
	}
	target := "ws" + strings.TrimPrefix(c.BaseURL, "http") + PathSession
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	header, err := c.authorize(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("open session: %w", err)
	}
	dialer := websocket.Dialer{HandshakeTimeout: requestTimeout, Proxy: http.ProxyFromEnvironment}
	if t, ok := c.http().Transport.(*http.Transport); ok {
		t = t.Clone() // which waits for what the transport does to itself at its first use
		dialer.NetDialContext = t.DialContext
		if dialer.TLSClientConfig = t.TLSClientConfig; t.TLSClientConfig != nil {
			dialer.TLSClientConfig.NextProtos = []string{"http/1.1"} // HTTP/2 has another handshake
		}
	}
	conn, resp, err := dialer.DialContext(ctx, target, header)
	if err != nil {
		if resp != nil {
			defer resp.Body.Close()
			return nil, fmt.Errorf("open session: %w", ReadError(resp))
		}
		return nil, fmt.Errorf("open session: %w", away(err))
	}
	s := &Session{
		conn:     conn,
		grants:   make(chan Message, 1),
		messages: make(chan Message, messageQueue),
		done:     make(chan struct{}),
	}
	conn.SetReadLimit(maxMessage)
	stop := context.AfterFunc(ctx, func() { conn.Close() }) // a server that says nothing
	first, err := s.read()
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err == nil && first.Type != TypeStarted {
		err = fmt.Errorf("the server began with %q", first.Type)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("open session: %w", err)
	}
	s.Started = first
	conn.SetPingHandler(func(data string) error {
		conn.SetReadDeadline(time.Now().Add(silence))
		err := conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(writeTimeout))
		if errors.Is(err, websocket.ErrCloseSent) {
			return nil
		}
		return err
	})
	go s.run()
	return s, nil
}

// read returns the next message, or why there is none.
func (s *Session) read() (Message, error) {
	s.conn.SetReadDeadline(time.Now().Add(silence))
	_, b, err := s.conn.ReadMessage()
	if err != nil {
		return Message{}, err
	}
	var m Message
	if err := json.Unmarshal(b, &m); err != nil {
		return Message{}, fmt.Errorf("read a message: %w", err)
	}
	return m, nil
}

// run is the one reader. Messages wait in a bounded queue; when it is full the
// oldest balance gives way, since each carries the whole truth.
func (s *Session) run() {
	defer close(s.done)
	defer close(s.messages)
	defer s.conn.Close()
	for {
		m, err := s.read()
		if err != nil {
			s.err = fmt.Errorf("session socket: %w", err)
			return
		}
		if m.Type == TypeGrant || m.Type == TypeError {
			select {
			case s.grants <- m:
			default:
			}
			continue
		}
		for sent := false; !sent; {
			select {
			case s.messages <- m:
				sent = true
			default:
				select {
				case <-s.messages:
				default:
				}
			}
		}
		if m.Type == TypeEnded {
			s.err = &EndedError{m.Reason}
			return
		}
	}
}

// Messages yields what the server says (balance, low_balance, paused, resumed,
// ended) and is closed when the session is over; Err then says why.
func (s *Session) Messages() <-chan Message { return s.messages }

// Err waits for the end of the socket and returns why it ended: *EndedError when
// the server said so, else the network's error.
func (s *Session) Err() error {
	<-s.done
	return s.err
}

// Grant asks for a short-lived Deepgram token. The server gives at most 3 a
// minute; more are refused with *Error SlowDown. A stream that is opened with it
// is to bear the session's id as its tag: usage is compared with charges by it.
func (s *Session) Grant(ctx context.Context) (Message, error) {
	s.granting.Lock()
	defer s.granting.Unlock()
	select { // an answer nobody waited for
	case <-s.grants:
	default:
	}
	if err := s.send(Message{Type: TypeGrant}); err != nil {
		return Message{}, fmt.Errorf("ask for a grant: %w", err)
	}
	select {
	case m := <-s.grants:
		if m.Error != nil {
			return Message{}, fmt.Errorf("ask for a grant: %w", m.Error)
		}
		return m, nil
	case <-s.done:
		return Message{}, fmt.Errorf("ask for a grant: %w", s.err)
	case <-ctx.Done():
		return Message{}, fmt.Errorf("ask for a grant: %w", ctx.Err())
	}
}

// Pause stops the meter; answers are refused until Resume.
func (s *Session) Pause() error { return s.send(Message{Type: TypePause}) }

// Resume starts the meter again.
func (s *Session) Resume() error { return s.send(Message{Type: TypeResume}) }

// Stop asks the server to end the session; the ended message follows.
func (s *Session) Stop() error { return s.send(Message{Type: TypeStop}) }

func (s *Session) send(m Message) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	return s.conn.WriteJSON(m)
}

// Close drops the socket and waits for the reader. The session lives on for its
// grace time unless it was stopped.
func (s *Session) Close() error {
	s.conn.Close()
	<-s.done
	return nil
}
