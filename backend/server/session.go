package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"copilot/backend/api"
	"copilot/backend/supabase"
	"copilot/billing"
)

// openSession refuses, or upgrades to a session socket: from then on the
// session is metered. After the upgrade the socket belongs to the hub, and
// this request is over.
func (s *Server) openSession(w http.ResponseWriter, r *http.Request, p person) {
	resume, takeOver := r.URL.Query().Get("resume"), r.URL.Query().Get("takeover") == "1"
	if !websocket.IsWebSocketUpgrade(r) || r.Header.Get("Sec-WebSocket-Version") != "13" || r.Header.Get("Sec-WebSocket-Key") == "" {
		writeError(w, r, invalid("not a WebSocket handshake"))
		return
	}
	if resume != "" && uuid.Validate(resume) != nil {
		writeError(w, r, refuse(api.NoSession))
		return
	}
	if s.stopping.Load() {
		writeError(w, r, refuse(api.Unavailable))
		return
	}
	if wait, ok := s.usage.open(p.ID); !ok {
		writeError(w, r, slowDown(wait))
		return
	}
	opened, err := s.open(r.Context(), p, resume, takeOver)
	if err != nil {
		writeError(w, r, err)
		return
	}
	if resume == "" {
		s.metrics.charged.Add(float64(opened.MinutesCharged)) // the first begins at once
	}
	noteOf(r.Context()).session = opened.SessionID
	conn, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil { // the client has left; it may have the session back within its grace time
		s.disconnect(r.Context(), []supabase.Beat{{Lease: opened.Lease, Seen: time.Now()}})
		noteOf(r.Context()).err = err
		return
	}
	k := &socket{
		id: opened.SessionID, lease: opened.Number, user: p.ID, conn: conn, spawn: s.hub.spawn,
		minutes: opened.MinutesLeft, unlimited: opened.Unlimited, paused: opened.Paused, pinged: time.Now(),
		writing: true, // it is known to the hub before the client knows of it
	}
	now := time.Now()
	k.heard.Store(&now)
	s.log.Info("session connected", "session", k.id, "user", k.user)
	s.greet(k)
	added := s.hub.add(k, func() { s.serve(k) })
	if !added { // stopping since a moment ago
		k.end(api.ReasonShutdown)
	}
	k.spawn(k.write)
	if !added {
		_ = k.read(func(api.Message) {})
		conn.Close()
		s.disconnect(r.Context(), []supabase.Beat{k.beat()})
	}
}

// open asks the store for the session: a new one, the one to resume, or
// whichever another device holds.
func (s *Server) open(ctx context.Context, p person, resume string, takeOver bool) (supabase.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	switch {
	case resume != "":
		return stored(s, "resume", func() (supabase.Session, error) { return s.store.ResumeSession(ctx, p.ID, resume, s.instance) })
	case takeOver:
		return stored(s, "takeover", func() (supabase.Session, error) { return s.store.TakeOver(ctx, p.ID, s.instance) })
	}
	return stored(s, "start", func() (supabase.Session, error) { return s.store.StartSession(ctx, p.ID, s.instance) })
}

// stored counts the store's failures, which refusals are not.
func stored[T any](s *Server, operation string, call func() (T, error)) (T, error) {
	v, err := call()
	if err != nil && storeError(err) == nil {
		s.metrics.storeErrors.WithLabelValues(operation).Inc()
		err = fmt.Errorf("%s: %w", operation, err)
	}
	return v, err
}

// greet queues what a client is told first.
func (s *Server) greet(k *socket) {
	o := rights(k.unlimited)
	k.say(api.Message{
		Type: api.TypeStarted, SessionID: k.id, MinutesLeft: &k.minutes, Unlimited: k.unlimited,
		Models: s.models(o), Personas: o.Personas, GraceSeconds: int(supabase.Grace / time.Second),
	})
	if k.paused {
		k.say(api.Message{Type: api.TypePaused})
	}
}

// serve reads a socket to its end. The session keeps its grace time unless the
// store has ended it.
func (s *Server) serve(k *socket) {
	err := k.read(func(m api.Message) {
		defer recovered(s.log, "session "+k.id)
		s.take(k, m)
	})
	k.conn.Close()
	if err != errSilent { // hanging up is a sign of life, or doing so before each pong would be free
		now := time.Now()
		k.heard.Store(&now)
	}
	if s.hub.remove(k) {
		s.disconnect(context.Background(), []supabase.Beat{k.beat()})
	}
	s.log.Info("session disconnected", "session", k.id, "user", k.user, "err", err)
}

// held is the right to the session that came with the socket.
func (k *socket) held() supabase.Lease { return supabase.Lease{SessionID: k.id, Number: k.lease} }

// beat is the socket's last sign of life.
func (k *socket) beat() supabase.Beat {
	return supabase.Beat{Lease: k.held(), Seen: *k.heard.Load()}
}

// disconnect tells the store which sockets are gone: their use ends with their
// last sign of life. Should it fail, the leases run out by themselves.
func (s *Server) disconnect(ctx context.Context, gone []supabase.Beat) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, err := stored(s, "disconnect", func() (struct{}, error) { return struct{}{}, s.store.Disconnect(ctx, gone) })
	if err != nil {
		s.log.Warn("lost connections not told to the store", "sessions", len(gone), "err", err)
	}
}

// take does what a client asks for.
func (s *Server) take(k *socket, m api.Message) {
	ctx, cancel := context.WithTimeout(context.Background(), 12*time.Second)
	defer cancel()
	var err error
	switch m.Type {
	case api.TypeGrant:
		err = s.grant(ctx, k)
	case api.TypePause, api.TypeResume:
		err = s.pause(ctx, k, m.Type == api.TypePause)
	case api.TypeStop:
		err = s.stop(ctx, k)
	default:
		return // of a newer client
	}
	if err == nil {
		return
	}
	s.log.Warn("request on the session socket failed", "session", k.id, "type", m.Type, "err", err)
	if lost, ok := errors.AsType[*supabase.LostError](err); ok {
		s.end(k, lost.Reason)
		return
	}
	k.say(api.Message{Type: api.TypeError, Error: apiError(err)})
}

func (s *Server) grant(ctx context.Context, k *socket) error {
	k.mu.Lock()
	paused := k.paused
	k.mu.Unlock()
	if paused {
		return refuse(api.SessionPaused)
	}
	if wait, ok := k.grants.take(1, float64(s.usage.limits.Grants), s.now()); !ok {
		s.metrics.grants.WithLabelValues("capped").Inc()
		return slowDown(wait)
	}
	began := time.Now()
	token, err := s.deepgram.Grant(ctx, grantTTL)
	s.metrics.called("deepgram", "grant", began, err)
	if err != nil {
		s.metrics.grants.WithLabelValues("failed").Inc()
		return err
	}
	s.metrics.grants.WithLabelValues("given").Inc()
	s.log.Info("grant", "session", k.id, "user", k.user)
	k.say(api.Message{Type: api.TypeGrant, Token: token.Secret, ExpiresInSeconds: int(token.Expires / time.Second)})
	return nil
}

// grantTTL is the life of a Deepgram token: it is needed for one handshake.
const grantTTL = 30 * time.Second

func (s *Server) pause(ctx context.Context, k *socket, pause bool) error {
	operation, call, reply := "pause", s.store.Pause, api.TypePaused
	if !pause {
		operation, call, reply = "unpause", s.store.Unpause, api.TypeResumed
	}
	if _, err := stored(s, operation, func() (struct{}, error) { return struct{}{}, call(ctx, k.held()) }); err != nil {
		return err
	}
	k.mu.Lock()
	k.paused = pause
	k.mu.Unlock()
	k.say(api.Message{Type: reply})
	return nil
}

func (s *Server) stop(ctx context.Context, k *socket) error {
	m, err := stored(s, "stop", func() (supabase.Metered, error) { return s.store.Stop(ctx, k.held()) })
	if err != nil {
		return err
	}
	s.metrics.charged.Add(float64(m.Charged))
	k.balance(m.MinutesLeft, m.Unlimited)
	s.end(k, m.End)
	return nil
}

// end tells a client that its session is over. One whose session has only
// moved to another connection of the same client is cut off.
func (s *Server) end(k *socket, why supabase.EndReason) {
	if s.hub.remove(k) {
		s.metrics.ended.WithLabelValues(string(why)).Inc()
		s.log.Info("session ended", "session", k.id, "user", k.user, "reason", string(why))
	}
	switch why {
	case supabase.EndResumed:
		k.drop()
	case supabase.EndOutOfMinutes:
		k.end(api.ReasonOutOfMinutes)
	case supabase.EndTakenOver:
		k.end(api.ReasonTakenOver)
	case supabase.EndExpired, supabase.EndUnknown:
		k.end(api.ReasonExpired)
	default: // by the person, or with the account
		k.end(api.ReasonStopped)
	}
}

// liveSession is what an answer needs to know of a session.
type liveSession struct {
	ID        string
	Paused    bool
	Unlimited bool
}

// liveFor returns the person's session with this id, and notes that its client
// is there: else one that keeps silent on the socket would have answers and pay
// for no time. It knows the sessions of its own sockets; for the others, whose
// socket may be at another instance, it asks the store. Time without a socket
// is free and has no answers. Somebody else's session is not found, by the same
// way as one that never was.
func (s *Server) liveFor(ctx context.Context, p person, id string) (liveSession, error) {
	if k := s.hub.person(p.ID); k != nil && k.id == id {
		now := time.Now()
		k.heard.Store(&now)
		k.mu.Lock()
		defer k.mu.Unlock()
		return liveSession{id, k.paused, k.unlimited}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	a, err := stored(s, "account", func() (supabase.Account, error) { return s.store.Account(ctx, p.ID) })
	switch {
	case errors.Is(err, billing.ErrNoAccount):
		return liveSession{}, refuse(api.NoSession)
	case err != nil:
		return liveSession{}, err
	case id == "" || a.Session.SessionID != id:
		if a.MinutesLeft == 0 && !a.Rights.Unlimited {
			return liveSession{}, refuse(api.OutOfMinutes)
		}
		return liveSession{}, refuse(api.NoSession)
	case !a.Connected: // the client is coming back, if it is honest
		e := refuse(api.Unavailable)
		e.RetryAfter = time.Second
		return liveSession{}, e
	}
	lost, err := stored(s, "heartbeat", func() ([]supabase.Lost, error) {
		return s.store.Heartbeat(ctx, []supabase.Beat{{Lease: a.Session, Seen: time.Now()}})
	})
	if err == nil && len(lost) > 0 {
		err = refuse(api.NoSession)
	}
	return liveSession{id, a.Paused, a.Rights.Unlimited}, err
}
