package deepgram

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/websocket"
)

// attemptTimeout bounds one attempt to connect, credential included, so that a
// person hears within five seconds that there is no way through.
const attemptTimeout = 4500 * time.Millisecond

// connect opens a connection. A refused credential may just have run out, so it
// is asked for once more.
func (s *Stream) connect(ctx context.Context) (*conn, *Error) {
	c, err := s.attempt(ctx)
	if err != nil && err.Status == http.StatusUnauthorized {
		s.opts.Log.Info("deepgram: credential refused, asking for another", "request_id", err.RequestID)
		c, err = s.attempt(ctx)
	}
	return c, err
}

func (s *Stream) attempt(ctx context.Context) (*conn, *Error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	cred, err := s.opts.Credential(ctx)
	if err != nil {
		return nil, &Error{Code: CodeCredential, Message: clean(err.Error(), ""), cause: err}
	}
	if !cred.valid() {
		return nil, &Error{
			Code:    CodeCredential,
			Message: "the key or token is empty or malformed",
			cause:   ErrNoCredential,
		}
	}
	dialer, err := s.dialer()
	if err != nil {
		return nil, dialError(err, cred.Value)
	}
	// gorilla/websocket heeds the deadline of ctx but not its cancelling.
	stop, netDial := func() bool { return true }, dialer.NetDialContext
	dialer.NetDialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := netDial(ctx, network, addr)
		if err == nil {
			stop = context.AfterFunc(ctx, func() { nc.Close() })
		}
		return nc, err
	}
	address := *s.url
	if cred.Tag != "" {
		q := address.Query()
		q.Set("tag", cred.Tag)
		address.RawQuery = q.Encode()
	}
	ws, resp, err := dialer.DialContext(ctx, address.String(), http.Header{
		"Authorization": {cred.Scheme + " " + cred.Value},
		"User-Agent":    {"interview-copilot"},
	})
	stop()
	switch {
	case errors.Is(err, websocket.ErrBadHandshake):
		return nil, refusal(resp, cred.Value)
	case err != nil && ctx.Err() != nil:
		return nil, dialError(context.Cause(ctx), cred.Value)
	case err != nil:
		return nil, dialError(err, cred.Value)
	}
	return newConn(ws, clean(resp.Header.Get("dg-request-id"), cred.Value), cred.Value), nil
}

// dialer returns a dialer for one attempt. HTTP proxies are spoken to here and
// not by gorilla/websocket, which hides a proxy's status; SOCKS is left to it.
func (s *Stream) dialer() (*websocket.Dialer, error) {
	d := &websocket.Dialer{
		NetDialContext: s.netDial,
		ReadBufferSize: 8 << 10,
	}
	target := *s.url
	target.Scheme = map[string]string{"ws": "http", "wss": "https"}[target.Scheme]
	proxy, err := s.opts.Proxy(&http.Request{Method: http.MethodGet, URL: &target, Host: target.Host})
	switch {
	case err != nil: // the text may hold the proxy's password
		return nil, &Error{Code: CodeProxy, Message: "the proxy's address cannot be read"}
	case proxy == nil:
	case proxy.Scheme == "http" || proxy.Scheme == "https":
		d.NetDialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			return s.dialThrough(ctx, proxy, network, addr)
		}
	default:
		d.Proxy = http.ProxyURL(proxy)
	}
	return d, nil
}

// sendBuffer is what the system may hold of our sound. It is small, so that on
// a slow uplink the sound waits in the ring, where the oldest can be left out,
// and a blocked write shows that nothing moves. At a round trip of 300 ms it
// still carries the 80 kB/s of a replay.
const sendBuffer = 32 << 10

// netDial opens a network connection with a small send buffer.
func (s *Stream) netDial(ctx context.Context, network, addr string) (net.Conn, error) {
	nc, err := s.opts.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		// Without it everything works, only less promptly.
		_ = tcp.SetWriteBuffer(sendBuffer)
	}
	return nc, nil
}

// dialThrough opens a tunnel through an HTTP proxy (CONNECT).
func (s *Stream) dialThrough(ctx context.Context, proxy *url.URL, network, addr string) (net.Conn, error) {
	port := proxy.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[proxy.Scheme]
	}
	nc, err := s.netDial(ctx, network, net.JoinHostPort(proxy.Hostname(), port))
	if err != nil {
		return nil, &Error{Code: CodeProxy, Message: clean(err.Error(), ""), cause: err}
	}
	if proxy.Scheme == "https" {
		nc = tls.Client(nc, &tls.Config{ServerName: proxy.Hostname()})
	}
	if deadline, ok := ctx.Deadline(); ok {
		nc.SetDeadline(deadline)
	}
	if err := tunnel(nc, proxy.User, addr); err != nil {
		nc.Close()
		return nil, err
	}
	return nc, nil
}

func tunnel(nc net.Conn, user *url.Userinfo, addr string) error {
	req := &http.Request{
		Method: http.MethodConnect,
		URL:    &url.URL{Opaque: addr},
		Host:   addr,
		Header: http.Header{},
	}
	if user != nil {
		password, _ := user.Password()
		basic := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		req.Header.Set("Proxy-Authorization", "Basic "+basic)
	}
	if err := req.Write(nc); err != nil {
		return fmt.Errorf("write to the proxy: %w", err)
	}
	// Nothing of the tunnel is lost with the buffer: the server is silent until
	// it is spoken to.
	resp, err := http.ReadResponse(bufio.NewReader(nc), req)
	if err != nil {
		return &Error{Code: CodeProxy, Message: clean(err.Error(), ""), cause: err}
	}
	if resp.StatusCode != http.StatusOK {
		return &Error{Code: CodeProxy, Status: resp.StatusCode, Message: clean(resp.Status, "")}
	}
	return nil
}
