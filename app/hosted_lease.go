package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"copilot/app/account"
	"copilot/app/interview"
	"copilot/app/overlay"
	"copilot/backend/api"
)

// lease is the right to run one hosted interview. It keeps a session socket
// open: after a lost connection it resumes the same session within its grace
// time, while sound and captions go on; after the end of a session it holds the
// interview up until there can be another one, and then lets it go on with its
// transcript. Run is the only goroutine that opens and reads sockets; grants and
// the session's id may be asked for from any.
type lease struct {
	client *api.Client
	log    *slog.Logger
	tell   func(leaseState) // called after each change, by one goroutine; must not block
	sound  *gate            // closed while the interview is held up; nil: goes on, unheard
	redial atomic.Value     // func(): gives the connections to Deepgram up, for the next session needs its own
	wishes chan wish

	// Of Run.
	do       func(interview.Command)
	resume   string        // id of the session to resume; empty: another one is needed
	grace    time.Duration // of that session
	takeOver bool
	paused   bool // as the person wants it
	state    leaseState

	mu     sync.Mutex
	socket *api.Session  // nil while there is none
	id     string        // of the newest session
	ready  chan struct{} // closed once there is a socket
	grant  api.Message   // the newest one
	until  time.Time     // when it ends
}

// leaseState is what is known of a lease, for the screen.
type leaseState struct {
	Hold      overlay.Hold
	Away      bool // the connection is lost, within its grace time: the interview goes on
	Known     bool // Minutes and Unlimited are
	Minutes   int
	Unlimited bool
	Low       bool // the server has warned that few minutes are left
}

// wish is what a lease is asked from outside.
type wish int

const (
	wishPause wish = iota
	wishResume
	wishTakeOver
	wishAgain // something has changed: try at once
)

func newLease(client *api.Client, log *slog.Logger, tell func(leaseState)) *lease {
	return &lease{client: client, log: log, tell: tell, wishes: make(chan wish, 8), ready: make(chan struct{}),
		do: func(interview.Command) {}}
}

// begin opens the first session, as Run's caller. Its error says why there is
// none: an *api.Error, account.ErrSignedOut, or the network's.
func (l *lease) begin(ctx context.Context, takeOver bool) error {
	s, err := l.client.OpenSession(ctx, api.SessionOptions{TakeOver: takeOver})
	if err == nil {
		l.adopt(s)
	}
	return err
}

// ask passes on a wish. It never blocks: eight may be waiting, the next is dropped.
func (l *lease) ask(w wish) {
	select {
	case l.wishes <- w:
	default:
	}
}

// Run keeps the right until ctx is cancelled and then gives it back, for which
// it takes a second at most. do passes commands to the interview.
func (l *lease) Run(ctx context.Context, do func(interview.Command)) error {
	l.do = do
	for {
		why := l.follow(ctx)
		if ctx.Err() != nil {
			l.giveBack()
			return nil
		}
		if s := l.drop(); s != nil {
			s.Close()
		}
		l.log.Info("session socket ended", "err", why)
		if !l.again(ctx, why) {
			return nil
		}
	}
}

// giveBack stops the session, if there is a way to say so: else its grace time
// ends it.
func (l *lease) giveBack() {
	s := l.drop()
	if s == nil {
		return
	}
	defer s.Close()
	if s.Stop() != nil {
		return
	}
	limit := time.NewTimer(time.Second)
	defer limit.Stop()
	for {
		select {
		case _, open := <-s.Messages():
			if !open {
				return
			}
		case <-limit.C:
			return
		}
	}
}

// follow takes in what the server says until the socket ends, and returns why.
func (l *lease) follow(ctx context.Context) error {
	l.mu.Lock()
	s := l.socket
	l.mu.Unlock()
	for {
		select {
		case m, open := <-s.Messages():
			if !open {
				return s.Err()
			}
			l.heard(s, m)
		case w := <-l.wishes:
			if w == wishPause || w == wishResume {
				l.pause(w == wishPause)
				l.sendPause(s)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (l *lease) heard(s *api.Session, m api.Message) {
	switch {
	case m.Type == api.TypePaused && !l.paused: // a resumed session is as it was left
		l.sendPause(s)
	case m.MinutesLeft != nil:
		l.change(func(st *leaseState) { st.count(m) })
	}
}

// lowMinutes is when the server warns first; again it does at one.
const lowMinutes = 5

func (st *leaseState) count(m api.Message) {
	st.Known, st.Minutes, st.Unlimited = true, *m.MinutesLeft, m.Unlimited
	st.Low = !st.Unlimited && st.Minutes <= lowMinutes && (st.Low || m.Type == api.TypeLowBalance)
}

// pause notes what the person wants and, unless the interview stands still
// anyway, passes it on.
func (l *lease) pause(yes bool) {
	l.paused = yes
	if l.state.Hold != overlay.HoldNone {
		return
	}
	if yes {
		l.do(interview.Pause)
	} else {
		l.do(interview.Resume)
	}
}

// sendPause tells the server what the person wants. That a socket fails is
// found out by its reader, and the next one is told again.
func (l *lease) sendPause(s *api.Session) {
	send := s.Resume
	if l.paused {
		send = s.Pause
	}
	if err := send(); err != nil {
		l.log.Info("the session was not told of a pause", "err", err)
	}
}

// again opens a socket after one has ended, however long it takes, and reports
// whether it did before ctx was cancelled.
func (l *lease) again(ctx context.Context, why error) bool {
	if ended, ok := errors.AsType[*api.EndedError](why); ok && ended.Reason != api.ReasonShutdown {
		l.resume = "" // nothing is left to resume
	}
	lost := time.Now()
	for attempt := 0; ; attempt++ {
		if code(why) == api.NoSession && l.resume != "" {
			l.resume, attempt, why = "", 0, nil
		}
		l.standStill(l.reason(why, lost), attempt)
		if !l.await(ctx, wait(attempt, why)) {
			return false
		}
		s, err := l.client.OpenSession(ctx, api.SessionOptions{Resume: l.resume, TakeOver: l.takeOver})
		if err == nil {
			l.adopt(s)
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		l.log.Info("session not opened", "err", err)
		why = err
	}
}

// reason says why the interview must stand still, or HoldNone while the grace
// time of the lost session covers it.
func (l *lease) reason(why error, lost time.Time) overlay.Hold {
	ended, _ := errors.AsType[*api.EndedError](why)
	switch {
	case ended != nil && ended.Reason == api.ReasonOutOfMinutes, code(why) == api.OutOfMinutes:
		return overlay.HoldMinutes
	case ended != nil && ended.Reason == api.ReasonTakenOver, code(why) == api.SessionElsewhere:
		return overlay.HoldElsewhere
	case errors.Is(why, account.ErrSignedOut), code(why) == api.Unauthenticated:
		return overlay.HoldSignedOut
	case l.resume == "" && l.paused:
		return overlay.HoldPaused
	case l.state.Hold != overlay.HoldNone, time.Since(lost) > l.grace:
		return overlay.HoldServer
	}
	return overlay.HoldNone
}

// standStill shows what goes on and, when the interview is to stand still, stops
// the sound. An answer being written is finished.
func (l *lease) standStill(h overlay.Hold, attempt int) {
	if h != overlay.HoldNone && l.state.Hold == overlay.HoldNone {
		l.sound.open(false)
		if redial, ok := l.redial.Load().(func()); ok {
			redial() // which waits for the next session's grant
		}
		if !l.paused {
			l.do(interview.Pause)
		}
	}
	l.change(func(st *leaseState) {
		st.Hold, st.Away = h, h == overlay.HoldNone && attempt > 0
		if h == overlay.HoldMinutes {
			st.Known, st.Minutes, st.Unlimited, st.Low = true, 0, false, false
		}
	})
}

// wait returns how long to wait before an attempt.
func wait(attempt int, why error) time.Duration {
	if e, ok := errors.AsType[*api.Error](why); ok && e.RetryAfter > 0 {
		return e.RetryAfter
	}
	if attempt == 0 {
		return 0
	}
	return min(3*time.Second, 200*time.Millisecond<<min(attempt-1, 8)) // the server takes twenty a minute
}

// await waits before the next attempt: for so long, or where only somebody else
// can help until they have. It reports false when ctx was cancelled.
func (l *lease) await(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	due := timer.C
	if h := l.state.Hold; h != overlay.HoldNone && h != overlay.HoldServer {
		due = nil
	}
	for {
		select {
		case <-due:
			return true
		case w := <-l.wishes:
			switch w {
			case wishPause, wishResume:
				l.pause(w == wishPause)
				if w == wishResume { // it may be worth another try
					return true
				}
			case wishTakeOver:
				l.takeOver = true
				return true
			case wishAgain:
				return true
			}
		case <-ctx.Done():
			return false
		}
	}
}

// adopt makes s the session and lets the interview go on.
func (l *lease) adopt(s *api.Session) {
	held := l.state.Hold != overlay.HoldNone
	l.resume, l.takeOver = s.Started.SessionID, false
	l.grace = time.Duration(s.Started.GraceSeconds) * time.Second
	l.mu.Lock()
	l.socket, l.id = s, s.Started.SessionID
	close(l.ready)
	l.mu.Unlock()
	if l.paused {
		l.sendPause(s)
	}
	l.change(func(st *leaseState) {
		st.Hold, st.Away = overlay.HoldNone, false
		if s.Started.MinutesLeft != nil {
			st.count(s.Started)
		}
	})
	if held {
		l.sound.open(true)
		if !l.paused {
			l.do(interview.Resume)
		}
	}
}

// drop takes the socket away.
func (l *lease) drop() *api.Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.socket
	if s != nil {
		l.socket, l.ready = nil, make(chan struct{})
	}
	return s
}

func (l *lease) change(edit func(*leaseState)) {
	was := l.state
	if edit(&l.state); l.state != was && l.tell != nil {
		l.tell(l.state)
	}
}

// code is the backend's code in err; empty when there is none.
func code(err error) api.Code {
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e.Code
	}
	return ""
}
