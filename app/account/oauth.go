package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// Provider is another service that knows the person.
type Provider string

const (
	Google Provider = "google"
	GitHub Provider = "github"
)

// browserTime is how long a person has in the browser. Supabase's codes live as
// long.
const browserTime = 5 * time.Minute

// SignInWithBrowser signs in with another service, in the system's browser, as
// RFC 8252 has it: browse opens the page, and the answer comes to a listener on
// a loopback address which lives for one good request and five minutes at most.
// PKCE (S256) makes the code worthless to whoever else sees it, and a state that
// only this call knows tells its answer from others. The error is an *Error,
// ctx's, or browse's.
func (a *Account) SignInWithBrowser(ctx context.Context, provider Provider, browse func(page string) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, a.browserTime(), &Error{Code: "flow_state_expired"})
	defer cancel()
	verifier := rand.Text() + rand.Text() // 52 characters of 5 bits; RFC 7636 wants 43 to 128
	callback, err := listenForCode(a.o.Listen, a.o.Log)
	if err != nil {
		return fmt.Errorf("sign in with %s: %w", provider, err)
	}
	defer callback.close()
	if err := browse(a.signInPage(string(provider), callback.address(), challenge(verifier))); err != nil {
		return fmt.Errorf("sign in with %s: open the browser: %w", provider, err)
	}
	var code string
	select {
	case code = <-callback.code:
	case err := <-callback.refused:
		return fmt.Errorf("sign in with %s: %w", provider, err)
	case <-ctx.Done():
		return fmt.Errorf("sign in with %s: %w", provider, context.Cause(ctx))
	}
	var got session
	in := map[string]any{"auth_code": code, "code_verifier": verifier}
	if err := a.call(ctx, http.MethodPost, "/token?grant_type=pkce", "", in, &got); err != nil {
		return fmt.Errorf("sign in with %s: %w", provider, err)
	}
	return a.enter(ctx, "sign in with "+string(provider), got)
}

func (a *Account) browserTime() time.Duration {
	if a.o.BrowserTime > 0 {
		return a.o.BrowserTime
	}
	return browserTime
}

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// callback waits for the browser to bring the code. It takes one answer with the
// right state, at the right path and host, and nothing else.
type callback struct {
	listener net.Listener
	host     string
	state    string
	server   *http.Server
	serving  sync.WaitGroup
	code     chan string // cap 1
	refused  chan error  // cap 1: the service said no

	mu   sync.Mutex
	over bool
}

const callbackPath = "/signed-in"

// listenForCode begins to listen on a loopback address: IPv4's or, where there
// is none, IPv6's. A name is not used: "localhost" may lead elsewhere.
func listenForCode(listen func(network, address string) (net.Listener, error), log *slog.Logger) (*callback, error) {
	if listen == nil {
		listen = net.Listen
	}
	l, err := listen("tcp4", "127.0.0.1:0")
	if err != nil {
		var err6 error
		if l, err6 = listen("tcp6", "[::1]:0"); err6 != nil {
			return nil, &Error{Code: codeLoopback, Err: errors.Join(err, err6)}
		}
	}
	c := &callback{
		listener: l, host: l.Addr().String(), state: rand.Text(),
		code: make(chan string, 1), refused: make(chan error, 1),
	}
	c.server = &http.Server{
		Handler: c, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second,
		MaxHeaderBytes: 16 << 10,
	}
	c.serving.Go(func() { _ = c.server.Serve(l) }) // ends with http.ErrServerClosed
	return c, nil
}

// address is where the browser is sent back to.
func (c *callback) address() string {
	u := url.URL{Scheme: "http", Host: c.host, Path: callbackPath, RawQuery: url.Values{"state": {c.state}}.Encode()}
	return u.String()
}

// close ends the listener, after an answer being written.
func (c *callback) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if c.server.Shutdown(ctx) != nil {
		c.server.Close()
	}
	c.serving.Wait()
}

// ServeHTTP refuses what is not the one answer. The Host is checked because a
// web page may have its own name lead to 127.0.0.1 (DNS rebinding).
func (c *callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Connection", "close")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	q := r.URL.Query()
	switch {
	case r.Host != c.host:
		c.say(w, http.StatusMisdirectedRequest, "This address is not for you.")
	case r.Method != http.MethodGet || r.URL.Path != callbackPath || r.ContentLength != 0:
		c.say(w, http.StatusNotFound, "There is nothing here.")
	case subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(c.state)) != 1:
		c.say(w, http.StatusBadRequest, "This answer belongs to another sign-in. Go back to the program and try again.")
	case q.Get("code") == "" && q.Get("error") == "" && q.Get("error_code") == "":
		c.say(w, http.StatusBadRequest, "The answer has no code. Go back to the program and try again.")
	case !c.first():
		c.say(w, http.StatusGone, "This sign-in is over already.")
	case q.Get("code") == "":
		code := q.Get("error_code")
		if code == "" {
			code = q.Get("error")
		}
		c.refused <- &Error{Code: safeCode(code)}
		c.say(w, http.StatusOK, "You were not signed in. Go back to the program; it says what to do.")
	default:
		c.code <- q.Get("code")
		c.say(w, http.StatusOK, "You are signed in. You can close this tab and go back to the program.")
	}
}

// first reports whether this is the one answer that counts.
func (c *callback) first() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := !c.over
	c.over = true
	return first
}

func (c *callback) say(w http.ResponseWriter, status int, sentence string) {
	page := `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Interview Copilot</title><style>:root{color-scheme:light dark}
body{font:17px/1.5 system-ui,sans-serif;max-width:32em;margin:18vh auto;padding:0 1.5em}</style>
<h1>Interview Copilot</h1><p>` + sentence + "</p></html>\n" // our own words only
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(page)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, page)
}
