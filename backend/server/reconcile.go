package server

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"copilot/backend/supabase"
	"copilot/backend/upstream"
)

// Reconciliation compares what was streamed at Deepgram with what was charged.
// A token is only checked when a stream is opened, so a changed client can go
// on streaming after its minutes are used up, or open a second stream. That
// cannot be prevented at the socket; here it is found.
type Reconciliation struct {
	Streamed time.Duration // all live streams of the period
	Charged  int           // minutes of the sessions they belong to
	Over     []Overdrawn   // the worst first
	Stray    []Stray       // streams that name no session of ours
	Open     int           // streams whose length is not known yet
}

// Overdrawn is a session that streamed more than it was charged for.
type Overdrawn struct {
	SessionID string
	Streamed  time.Duration
	Charged   int // minutes
	Excess    int // minutes, the tolerated one not counted
}

// Stray is a stream without the tag of a session. All tokens share one account
// at Deepgram, so only its time tells whose it may be.
type Stray struct {
	RequestID string
	Created   time.Time
	Audio     time.Duration
	Suspects  []string // sessions that could have had a token then, ten at most
}

// tolerated is what one session may stream beyond its charge without being
// reported: the grain of charging, and sound that was sent twice after an outage.
const tolerated = time.Minute

const (
	auditEvery = time.Hour
	auditRetry = 10 * time.Minute
	auditLag   = time.Hour      // Deepgram lists a stream some unknown time after its end
	auditSpan  = 24 * time.Hour // the longest stream that is found for certain
)

// audit reconciles the last day each hour until ctx is cancelled, and tries
// again sooner after a failure. Each instance does, since each has its own
// metrics; what was reported once is reported again only when it has grown.
func (s *Server) audit(ctx context.Context) {
	told := map[string]int{}
	for wait := auditRetry; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = auditRetry
		func() {
			defer recovered(s.log, "reconcile")
			if err := s.auditDay(ctx, told); err != nil {
				s.log.Warn("streams not reconciled; it is tried again", "retry_in", auditRetry.String(), "err", err)
				return
			}
			wait = auditEvery
		}()
	}
}

func (s *Server) auditDay(ctx context.Context, told map[string]int) error {
	ctx, cancel := context.WithTimeout(ctx, auditRetry)
	defer cancel()
	to := s.now().Add(-auditLag)
	from := to.Add(-auditSpan)
	booked, err := stored(s, "sessions", func() ([]supabase.Receipt, error) { return s.store.SessionsBetween(ctx, from, to) })
	if err != nil {
		return err
	}
	r, err := s.Reconcile(ctx, from, to, booked, told)
	if err != nil {
		return err
	}
	return s.closeChecks(ctx, r.Over)
}

// Reconcile fetches the streams of the period, compares them with booked, and
// reports what does not fit to the log and the metrics. The streams of a
// session are expected to bear its id as a tag. booked are the sessions that
// began or lasted in the period; one that began or ended outside it is
// compared by the streams within, so that nobody is accused wrongly. Deepgram
// lists a stream some time after its end: leave the last hour out. told holds
// the minutes already reported by session or request, and is brought up to date.
func (s *Server) Reconcile(ctx context.Context, from, to time.Time, booked []supabase.Receipt, told map[string]int) (Reconciliation, error) {
	began := time.Now()
	streams, err := s.deepgram.Streams(ctx, from, to)
	s.metrics.called("deepgram", "streams", began, err)
	if err != nil {
		return Reconciliation{}, fmt.Errorf("reconcile: %w", err)
	}
	r := reconcile(streams, booked)
	over, stray := 0, time.Duration(0)
	fresh := map[string]int{} // what has left the period is forgotten
	grown := func(id string, minutes int) bool {
		fresh[id] = minutes
		return minutes > told[id]
	}
	for _, o := range r.Over {
		over += o.Excess
		if !grown(o.SessionID, o.Excess) {
			continue
		}
		s.log.Error("a session streamed more than it was charged for", "session", o.SessionID,
			"streamed", o.Streamed.String(), "charged_minutes", o.Charged, "excess_minutes", o.Excess)
	}
	for _, o := range r.Stray {
		stray += o.Audio
		if !grown(o.RequestID, 1+int(o.Audio/time.Minute)) {
			continue
		}
		s.log.Error("a stream of no known session", "request", o.RequestID, "created", o.Created,
			"audio", o.Audio.String(), "suspects", strings.Join(o.Suspects, " "))
	}
	clear(told)
	maps.Copy(told, fresh)
	s.metrics.overdrawn.Set(float64(over))
	s.metrics.stray.Set(stray.Minutes())
	s.log.Info("reconciled", "from", from, "to", to, "streams", len(streams), "streamed", r.Streamed.String(),
		"charged_minutes", r.Charged, "open", r.Open)
	return r, nil
}

func reconcile(streams []upstream.Stream, booked []supabase.Receipt) Reconciliation {
	sessions := make(map[string]supabase.Receipt, len(booked))
	for _, b := range booked {
		sessions[b.SessionID] = b
	}
	var r Reconciliation
	streamed := map[string]time.Duration{}
	for _, st := range streams {
		r.Streamed += st.Audio
		if st.Open {
			r.Open++
		}
		owner := slices.IndexFunc(st.Tags, func(tag string) bool { _, ok := sessions[tag]; return ok })
		if owner < 0 {
			r.Stray = append(r.Stray, Stray{st.RequestID, st.Created, st.Audio, suspects(st.Created, booked)})
			continue
		}
		audio := st.Audio
		if st.Channels == 1 { // Flux: a stream for each of two speakers
			audio /= 2
		}
		streamed[st.Tags[owner]] += audio
	}
	for id, audio := range streamed {
		charged := sessions[id].MinutesCharged
		r.Charged += charged
		if excess := audio - time.Duration(charged)*time.Minute - tolerated; excess > 0 {
			minutes := int((excess + time.Minute - 1) / time.Minute)
			r.Over = append(r.Over, Overdrawn{id, audio, charged, minutes})
		}
	}
	slices.SortFunc(r.Over, func(a, b Overdrawn) int {
		if a.Excess != b.Excess {
			return b.Excess - a.Excess
		}
		return strings.Compare(a.SessionID, b.SessionID)
	})
	return r
}

// suspects are the sessions that could have been granted the token a stream
// was opened with: alive at most a token's life before. Clocks differ a little.
func suspects(opened time.Time, booked []supabase.Receipt) []string {
	const skew = 5 * time.Second
	var ids []string
	for _, b := range booked {
		late := !b.EndedAt.IsZero() && opened.After(b.EndedAt.Add(grantTTL+skew))
		if !late && !opened.Before(b.StartedAt.Add(-skew)) && len(ids) < 10 {
			ids = append(ids, b.SessionID)
		}
	}
	return ids
}
