// Package rehearsal is a recorded interview and the servers to hold it with,
// so that the whole program runs without an account or a network. [Load]
// unpacks the interview, [Recording] plays it as a source of sound, and [Start]
// serves Deepgram's and Groq's own wire on loopback.
//
// The servers are as strict as the vendors: they refuse what those refuse, with
// their codes, and count it ([Stats]); where the vendors' behaviour is known
// only from their documentation, the notes in the code name it. They do not
// pretend either. The captions come only as the recorded words really arrive,
// recognised in the sound itself, on whichever channel they are heard and after
// whatever delay; other sound gives none. The answer follows from the question
// found in the request, and a question that was not recorded is told so.
//
// Every connection has one goroutine, which [Server.Close] ends and waits for.
// [Faults] make the servers fail the way vendors fail, for tests. The package
// knows nothing of the program's clients, which is why it may judge them.
package rehearsal

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Options of the servers. The zero value is a rehearsal.
type Options struct {
	Interview *Interview // from Load; nil: Load is called
	// Listener to serve on, closed by Close; nil: a free port of 127.0.0.1.
	Listener net.Listener
	// The keys that are accepted; empty: one is generated.
	DeepgramKeys, GroqKeys []string
	FirstToken             time.Duration // of an answer; 0: 150 ms
	TokensPerSecond        float64       // of an answer; 0: 400
	Burst                  time.Duration // sound that may come at once after a stall; 0: 2 s
	KeepAudio              bool          // for Heard; holds all sound, for tests only
	Faults                 Faults
	Log                    *slog.Logger // nil: silent
}

// Server serves both vendors on one port.
type Server struct {
	interview *Interview
	answers   *answerBook
	opts      Options
	log       *slog.Logger
	grants    *grants
	base      string // http://host:port

	ctx    context.Context
	cancel context.CancelFunc
	http   *http.Server
	wg     sync.WaitGroup // the accept loop and every handler

	mu      sync.Mutex
	closed  bool
	faults  Faults
	stats   Stats
	streams map[*stream]struct{} // live
	heard   []*Heard
	prompts []prompt // the newest last, for the prompt cache
}

// Stats is what has happened so far.
type Stats struct {
	Streams     int           // Deepgram connections accepted
	LiveStreams int           // of which are open
	Audio       time.Duration // of sound received on all
	Grants      int           // tokens handed out
	Answers     int           // completions begun
	Cancelled   int           // completions that the client did not wait for
	// Violations counts what a vendor would punish: refused requests, sound
	// too fast, silence too long, empty frames, unknown messages.
	Violations int
	Notes      []Violation // the first hundred of them
}

// Violation is something a client should not have done. It holds no secret.
type Violation struct {
	Code    string // the vendor's, such as INVALID_QUERY_PARAMETER or NET-0001
	Message string
}

// Heard is the sound that came over one connection.
type Heard struct {
	Channels [][]int16
	Closed   bool
}

// Start serves until Close or until ctx is done; after either, Close must be
// called to wait for the end.
func Start(ctx context.Context, opts Options) (*Server, error) {
	var err error
	if opts.Interview == nil {
		if opts.Interview, err = Load(); err != nil {
			return nil, err
		}
	}
	if opts.Listener == nil {
		if opts.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return nil, fmt.Errorf("start rehearsal: %w", err)
		}
	}
	if len(opts.DeepgramKeys) == 0 {
		opts.DeepgramKeys = []string{rand.Text()}
	}
	if len(opts.GroqKeys) == 0 {
		opts.GroqKeys = []string{"gsk_" + rand.Text()}
	}
	if opts.FirstToken == 0 {
		opts.FirstToken = 150 * time.Millisecond
	}
	if opts.TokensPerSecond == 0 {
		opts.TokensPerSecond = 400
	}
	if opts.Burst == 0 {
		opts.Burst = 2 * time.Second
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	opts.Interview.reference() // now: a busy machine takes longer than a client waits for its handshake
	s := &Server{
		interview: opts.Interview, answers: newAnswerBook(opts.Interview.Questions),
		opts: opts, log: opts.Log, grants: newGrants(), faults: opts.Faults,
		base: "http://" + opts.Listener.Addr().String(), streams: map[*stream]struct{}{},
	}
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.http = &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(opts.Log.Handler(), slog.LevelDebug),
	}
	s.wg.Go(func() { _ = s.http.Serve(opts.Listener) }) // ends with http.ErrServerClosed
	s.wg.Go(func() {
		<-s.ctx.Done()
		_ = s.http.Close()
	})
	return s, nil
}

// Close ends all connections at once and waits for their goroutines.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.wg.Wait()
}

// DeepgramURL is what DEEPGRAM_URL would be.
func (s *Server) DeepgramURL() string { return s.base }

// GroqURL is what GROQ_URL would be.
func (s *Server) GroqURL() string { return s.base + "/openai/v1" }

// DeepgramKey is a key that Deepgram's side accepts.
func (s *Server) DeepgramKey() string { return s.opts.DeepgramKeys[0] }

// GroqKey is a key that Groq's side accepts.
func (s *Server) GroqKey() string { return s.opts.GroqKeys[0] }

// Interview is the recording that is served.
func (s *Server) Interview() *Interview { return s.interview }

// Stats returns what has happened so far.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.LiveStreams = len(s.streams)
	st.Notes = append([]Violation(nil), st.Notes...)
	return st
}

// Heard returns a copy of the sound of every connection so far, oldest first;
// nothing without Options.KeepAudio.
func (s *Server) Heard() []Heard {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Heard
	for _, h := range s.heard {
		c := Heard{Closed: h.Closed}
		for _, lane := range h.Channels {
			c.Channels = append(c.Channels, append([]int16(nil), lane...))
		}
		all = append(all, c)
	}
	return all
}

// Drop resets every open Deepgram connection, as a broken network does.
func (s *Server) Drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for st := range s.streams {
		st.reset()
	}
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/listen", func(w http.ResponseWriter, r *http.Request) { s.listen(w, r, parseParams) })
	mux.HandleFunc("GET /v2/listen", func(w http.ResponseWriter, r *http.Request) { s.listen(w, r, parseFlux) })
	mux.HandleFunc("POST /v1/auth/grant", s.grant)
	mux.HandleFunc("POST /openai/v1/chat/completions", s.chat)
	mux.HandleFunc("GET /openai/v1/models", s.models)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return
		}
		s.wg.Add(1)
		s.mu.Unlock()
		defer s.wg.Done()
		mux.ServeHTTP(w, r)
	})
}

func (s *Server) violation(code, format string, args ...any) {
	v := Violation{code, fmt.Sprintf(format, args...)}
	s.log.Warn("rehearsal: a vendor would not have had this", "code", v.Code, "problem", v.Message)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Violations++
	if len(s.stats.Notes) < 100 {
		s.stats.Notes = append(s.stats.Notes, v)
	}
}

func (s *Server) count(add func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	add(&s.stats)
}
