package interview

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
)

// Profile is what the candidate brings: plain text, as understood from files.
type Profile struct {
	Resume   string
	Job      string
	Notes    string
	Language string // BCP-47; empty means English
	Style    string // how the person wants answers to be, in their words; empty: as the rules say
}

// Options of a Session. Source, Transcribe and Answerer are required.
type Options struct {
	Mode   string
	Source Source
	// Transcribe connects. Its ctx ends when the interview is left while
	// connecting, and else only after the Transcriber was closed, so that the
	// last words can be waited for.
	Transcribe func(ctx context.Context) (Transcriber, error)
	Answerer   Answerer
	Profile    Profile
	Model      string // of the answers; empty: the Answerer's default
	Fallback   string // model tried when Model fails; empty: none
	Manual     bool   // begin without automatic answers
	Deck       *Deck  // answers prepared before; may be nil
	NoDrafts   bool   // ask only once a question is over: later answers, fewer requests
	Race       bool   // send a request twice that nothing was begun ahead for, and take the faster
	Log        *slog.Logger
	// Observe, when set, is called by Run after each event with the new state.
	// It must not block.
	Observe func(State, Event)
}

// Session is one interview. Its methods may be called from any goroutine.
type Session struct {
	options  Options
	log      *slog.Logger
	prompt   prompt
	meter    *meter
	commands chan Command
	asks     chan string
	changed  chan struct{}
	state    atomic.Pointer[State]
	began    atomic.Bool
}

// New returns a session that has not begun. It starts nothing.
func New(o Options) *Session {
	s := &Session{
		options:  o,
		log:      o.Log,
		meter:    newMeter(),
		commands: make(chan Command, 16),
		asks:     make(chan string, 4),
		changed:  make(chan struct{}, 1),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	state := newState(o)
	state.profile, state.deck = o.Profile, o.Deck
	var shortened string
	if s.prompt, shortened = newPrompt(o.Profile); shortened != "" {
		state = state.remark("profile_shortened", shortened)
	}
	s.state.Store(&state)
	return s
}

// Run holds the interview: it connects, hears, and answers until ctx is
// cancelled, the sound is over or something it needs is lost for good. Then it
// stops what it started, in the order of the sound's way: source, transcriber
// (the last words are waited for), answers. Leaving takes at most two seconds;
// at the natural end of the sound the last answer is waited for.
//
// Run returns nil at the natural end and when ctx was cancelled. The state goes
// on being readable. A Session runs once.
func (s *Session) Run(ctx context.Context) error {
	if !s.began.CompareAndSwap(false, true) {
		return errors.New("interview: run: the session was run before")
	}
	if state := s.State(); state.drafts && isEnglish(state.language) {
		foreseen() // read now, not when the first words are there
	}
	r := newRunner(s)
	return r.run(ctx)
}

// Do passes on a person's wish. It never blocks: sixteen wishes may be waiting,
// and what comes on top of them, or after Run, is dropped.
func (s *Session) Do(c Command) {
	select {
	case s.commands <- c:
	default:
	}
}

// Ask asks text, typed by the person, in place of what was heard. It never
// blocks: four may be waiting, and what comes on top of them is dropped.
func (s *Session) Ask(text string) {
	select {
	case s.asks <- text:
	default:
	}
}

// State returns the newest state.
func (s *Session) State() State { return *s.state.Load() }

// Changed is sent to after the state has changed; several changes may come as
// one. It is meant for one reader and is never closed.
func (s *Session) Changed() <-chan struct{} { return s.changed }

func (s *Session) publish(state State) {
	s.state.Store(&state)
	select {
	case s.changed <- struct{}{}:
	default:
	}
}
