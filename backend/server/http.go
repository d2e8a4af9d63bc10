package server

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"copilot/backend/api"
)

// note collects what one request's line in the log will say.
type note struct {
	id      string // of the request
	user    string
	session string
	err     error
	code    api.Code
	quiet   bool // logged only when it failed
}

type noteKey struct{}

func noteOf(ctx context.Context) *note {
	n, _ := ctx.Value(noteKey{}).(*note)
	return n
}

// recorder remembers the status. It passes through to what is beneath it by
// Unwrap, as http.ResponseController wants.
type recorder struct {
	http.ResponseWriter
	status int
	cut    bool // a panic came after the response had begun
}

func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack is there for the WebSocket library, which knows no Unwrap.
func (w *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.status = http.StatusSwitchingProtocols
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// ordinary is how long reading a request and writing its answer may take; a
// streamed answer and the session socket set their own limits.
const ordinary = 15 * time.Second

// handle wraps a route: a request id, limits of time and size, one line in the
// log, one count in the metrics, and a panic that ends only this request.
func (s *Server) handle(route string, maxBody int64, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		n := &note{id: newID()}
		rec := &recorder{ResponseWriter: w}
		control := http.NewResponseController(w)
		control.SetReadDeadline(began.Add(ordinary))
		control.SetWriteDeadline(began.Add(ordinary))
		r = r.WithContext(context.WithValue(r.Context(), noteKey{}, n))
		r.Body = http.MaxBytesReader(rec, r.Body, maxBody)
		w.Header().Set("X-Request-Id", n.id)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		defer func() {
			p := recover()
			if p != nil && p != http.ErrAbortHandler {
				logPanic(s.log, "request "+n.id, p)
				writeErrorOnce(rec, r, fmt.Errorf("panic: %v", p))
			}
			s.account(r, route, rec.status, n, time.Since(began))
			if p == http.ErrAbortHandler || rec.cut {
				panic(http.ErrAbortHandler) // what was sent is not the whole: the client must see that
			}
		}()
		h(rec, r)
	}
}

// writeErrorOnce answers with an error where nothing was answered yet.
func writeErrorOnce(rec *recorder, r *http.Request, err error) {
	if rec.cut = rec.status != 0; !rec.cut {
		writeError(rec, r, err)
	}
}

// recovered is deferred by work that is to go on after a panic in one step.
func recovered(log *slog.Logger, where string) {
	if p := recover(); p != nil {
		logPanic(log, where, p)
	}
}

func logPanic(log *slog.Logger, where string, p any) {
	log.Error("panic", "where", where, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
}

// account writes the request's line and counts it.
func (s *Server) account(r *http.Request, route string, status int, n *note, took time.Duration) {
	s.metrics.requests.WithLabelValues(route, fmt.Sprint(status)).Inc()
	level := slog.LevelInfo
	if n.quiet {
		level = slog.LevelDebug
	}
	if n.err != nil && fault(r.Context(), n.err) {
		level = slog.LevelError
	}
	attrs := []slog.Attr{
		slog.String("request", n.id), slog.String("route", route), slog.Int("status", status),
		slog.Int64("took_ms", took.Milliseconds()),
	}
	if n.user != "" {
		attrs = append(attrs, slog.String("user", n.user))
	}
	if n.session != "" {
		attrs = append(attrs, slog.String("session", n.session))
	}
	if n.err != nil {
		attrs = append(attrs, slog.String("code", string(n.code)), slog.String("err", n.err.Error()))
	}
	s.log.LogAttrs(context.WithoutCancel(r.Context()), level, "request", attrs...)
}

// signedIn lets only requests with a valid access token pass, and tells h whose.
func (s *Server) signedIn(h func(http.ResponseWriter, *http.Request, person)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, err := s.tokens.person(r)
		switch {
		case err == errNoKeys || r.Context().Err() != nil:
			writeError(w, r, err)
		case err != nil:
			w.Header().Set("WWW-Authenticate", "Bearer")
			writeError(w, r, fmt.Errorf("%w: %w", refuse(api.Unauthenticated), err))
		default:
			noteOf(r.Context()).user = p.ID
			h(w, r, p)
		}
	}
}

// newID returns 64 random bits for a request.
func newID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
