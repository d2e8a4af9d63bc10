package server

import (
	"context"
	"slices"
	"time"

	"copilot/backend/supabase"
	"copilot/billing"
)

const (
	tickEvery  = time.Second
	beatEvery  = 5 * time.Second
	storeLimit = 5 * time.Second // for what no request waits for
)

// tick has the store charge what is due and tells the clients.
func (s *Server) tick(ctx context.Context) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	metered, err := stored(s, "tick", func() ([]supabase.Metered, error) { return s.store.Tick(ctx, s.instance) })
	took := time.Since(began)
	s.metrics.tick.Observe(took.Seconds())
	if err != nil {
		if ctx.Err() == nil || took >= storeLimit {
			s.log.Error("metering failed; it is repeated", "err", err)
		}
		return
	}
	for _, m := range metered {
		s.metrics.returned.Add(float64(m.Returned))
		if m.Charged > 0 {
			s.metrics.charged.Add(float64(m.Charged))
			s.metrics.lag.Observe((took + tickEvery).Seconds()) // at most: it was not due at the last tick
		}
		k := s.hub.session(m.SessionID)
		if k == nil || k.lease != m.Number {
			continue
		}
		k.balance(m.MinutesLeft, m.Unlimited)
		if m.End != "" {
			s.end(k, m.End)
		}
	}
}

// beat tells the store which clients gave a sign of life, and ends the sockets
// whose leases hold no longer.
func (s *Server) beat(ctx context.Context) {
	sockets := s.hub.all()
	if len(sockets) == 0 {
		return
	}
	beats := make([]supabase.Beat, len(sockets))
	for i, k := range sockets {
		beats[i] = k.beat()
	}
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	lost, err := stored(s, "heartbeat", func() ([]supabase.Lost, error) { return s.store.Heartbeat(ctx, beats) })
	if err != nil {
		s.log.Warn("signs of life not noted; they are repeated", "err", err)
		return
	}
	for _, l := range lost {
		if k := s.hub.session(l.SessionID); k != nil && k.lease == l.Number {
			s.end(k, l.Reason)
		}
	}
}

// handOver closes all sockets and tells the store so: the grace times begin.
func (s *Server) handOver() {
	sockets := s.hub.close()
	if len(sockets) == 0 {
		return
	}
	beats := make([]supabase.Beat, len(sockets))
	for i, k := range sockets {
		beats[i] = k.beat()
	}
	s.disconnect(context.Background(), beats)
	s.log.Info("sessions handed over", "sessions", len(sockets))
}

// heardOf queues a person whose account has changed. What does not fit into
// the queue, or was not heard of at all, the tick brings.
func (s *Server) heardOf(user string) {
	if s.hub.person(user) == nil {
		return
	}
	select {
	case s.news <- user:
	default:
	}
}

// tell looks at the accounts that there is news of, each once for all the news
// of it that has come.
func (s *Server) tell(ctx context.Context) {
	for {
		var people []string
		select {
		case <-ctx.Done():
			return
		case user := <-s.news:
			people = append(people, user)
		}
		for more := true; more; {
			select {
			case user := <-s.news:
				people = append(people, user)
			default:
				more = false
			}
		}
		slices.Sort(people)
		for _, user := range slices.Compact(people) {
			s.refresh(ctx, user)
		}
	}
}

// refresh brings a person's socket up to date with the store.
func (s *Server) refresh(ctx context.Context, user string) {
	k := s.hub.person(user)
	if k == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	a, err := stored(s, "account", func() (supabase.Account, error) { return s.store.Account(ctx, user) })
	switch {
	case err != nil:
		s.log.Warn("news of an account not read; the tick brings it", "user", user, "err", err)
	case a.Session.SessionID == k.id && a.Session.Number > k.lease:
		s.end(k, supabase.EndResumed)
	case a.Session.SessionID != k.id && a.Session.SessionID != "":
		s.end(k, supabase.EndTakenOver)
	default:
		k.balance(a.MinutesLeft, a.Rights.Unlimited)
	}
}

// warm asks the vendor for its models: what is gone there is not offered here,
// and a connection stays open.
func (s *Server) warm(ctx context.Context) {
	began := time.Now()
	ids, err := s.groq.Models(ctx)
	if ctx.Err() != nil {
		return
	}
	s.metrics.called("groq", "models", began, err)
	if err != nil {
		s.log.Warn("models not listed", "err", err)
		return
	}
	s.offered.Store(&ids)
}

// models are those of the rights that the vendor still has: all of them while
// that is not known, or when it would leave none.
func (s *Server) models(r billing.Rights) []string {
	known := s.offered.Load()
	if known == nil {
		return r.Models
	}
	left := slices.DeleteFunc(slices.Clone(r.Models), func(m string) bool { return !slices.Contains(*known, m) })
	if len(left) == 0 {
		return r.Models
	}
	return left
}
