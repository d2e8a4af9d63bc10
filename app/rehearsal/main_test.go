package rehearsal

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorded is unpacked once for all tests: it is read only.
var recorded = sync.OnceValues(Load)

func interview(t testing.TB) *Interview {
	t.Helper()
	iv, err := recorded()
	if err != nil {
		t.Fatal(err)
	}
	return iv
}

func start(t *testing.T, opts Options) *Server {
	t.Helper()
	opts.Interview = interview(t)
	s, err := Start(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

const usualQuery = "model=nova-3&language=en&encoding=linear16&sample_rate=16000&channels=2&multichannel=true" +
	"&interim_results=true&endpointing=300&utterance_end_ms=1000&vad_events=true&smart_format=true"

func tokenAuth(key string) http.Header { return http.Header{"Authorization": {"Token " + key}} }

// dial opens a stream the usual way.
func dial(t *testing.T, s *Server, query string) *websocket.Conn {
	t.Helper()
	conn, resp, err := dialWith(s, query, tokenAuth(s.DeepgramKey()))
	if err != nil {
		t.Fatalf("dial: %v (%v)", err, resp)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func dialWith(s *Server, query string, h http.Header) (*websocket.Conn, *http.Response, error) {
	return dialTo(s, "/v1/listen?"+query, h)
}

func dialTo(s *Server, route string, h http.Header) (*websocket.Conn, *http.Response, error) {
	d := websocket.Dialer{HandshakeTimeout: 30 * time.Second}
	if p, ok := s.opts.Listener.(*pipeListener); ok {
		d.NetDialContext = p.dial
	}
	return d.Dial("ws"+s.DeepgramURL()[len("http"):]+route, h)
}

// pipeListener serves in memory, so that a test can run in virtual time.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (p *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipeListener) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (p *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
