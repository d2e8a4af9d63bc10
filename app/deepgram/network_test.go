package deepgram

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// memory is a listener without a network, for synctest.
type memory struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error   { m.once.Do(func() { close(m.closed) }); return nil }
func (m *memory) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

func (m *memory) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case m.conns <- theirs:
		return ours, nil
	case <-m.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// serve runs a handler on a listener without a network until the test ends.
func serve(t testing.TB, h http.Handler) *memory {
	m := &memory{conns: make(chan net.Conn), closed: make(chan struct{})}
	srv := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() { defer close(done); srv.Serve(m) }()
	t.Cleanup(func() { srv.Close(); <-done })
	return m
}

// link is a proxy between the client and a server with the faults of a network.
type link struct {
	dial func(ctx context.Context, network, addr string) (net.Conn, error)

	mu         sync.Mutex
	down       error // connecting fails with it
	hole       bool  // nothing passes any more, and nobody is told
	perSecond  int   // bytes upwards; 0: any
	fragmented bool  // downwards one byte at a time
	open       []net.Conn
	copying    sync.WaitGroup
}

func (l *link) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	l.mu.Lock()
	down, dial := l.down, l.dial
	l.mu.Unlock()
	if down != nil {
		return nil, down
	}
	server, err := dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	client, inside := net.Pipe()
	l.mu.Lock()
	l.open = append(l.open, inside, server)
	l.mu.Unlock()
	l.copying.Add(2)
	go l.copy(server, inside, true)
	go l.copy(inside, server, false)
	return client, nil
}

func (l *link) copy(dst, src net.Conn, up bool) {
	defer l.copying.Done()
	defer dst.Close()
	defer src.Close()
	buf := make([]byte, 4096)
	for {
		n, err := src.Read(buf)
		if err != nil {
			return
		}
		l.mu.Lock()
		hole, perSecond, fragmented := l.hole, l.perSecond, l.fragmented
		l.mu.Unlock()
		if hole { // what was read is gone; nothing more is
			untilClosed(src)
			return
		}
		if up && perSecond > 0 {
			time.Sleep(time.Duration(n) * time.Second / time.Duration(perSecond))
		}
		step := n
		if fragmented && !up {
			step = 1
		}
		for i := 0; i < n; i += step {
			if _, err := dst.Write(buf[i : i+step]); err != nil {
				return
			}
		}
	}
}

// untilClosed waits until either end of a pipe is closed, which is when it
// refuses a deadline.
func untilClosed(pipe net.Conn) {
	for pipe.SetReadDeadline(time.Time{}) == nil {
		time.Sleep(100 * time.Millisecond)
	}
}

// set changes the link's faults.
func (l *link) set(change func(*link)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

// reset cuts all connections.
func (l *link) reset() {
	l.mu.Lock()
	open := l.open
	l.open = nil
	l.mu.Unlock()
	for _, c := range open {
		c.Close()
	}
}
