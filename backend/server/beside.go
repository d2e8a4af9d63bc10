package server

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"copilot/backend/api"
	"copilot/backend/supabase"
)

// What a person may use beside their minutes: sound checks and answers before
// and after interviews. The store counts both, for all instances together.

const (
	checkTime = time.Minute      // of live words in one sound check
	checkTTL  = 10 * time.Second // of its token: less than a session's, since nobody pays
)

// check gives a Deepgram token for a sound check, which is charged to nobody.
//
// Our program ends the stream after checkTime, so that a day's checks are six
// minutes. A changed client need not: Deepgram looks at a token when a stream is
// opened, and never again. What it can take is the streams that it opens within
// checkTTL of six tokens a day, each for as long as Deepgram lets it live, until
// the hourly comparison has seen one end (about two hours later at the latest);
// then its person has no check for 30 days. That needs an account with minutes,
// and the tokens of two paid minutes can be misused in the same way: it is no
// new way to cheat. A stream without its tag is reported with the checks and
// sessions it may belong to, for a person to judge.
func (s *Server) check(w http.ResponseWriter, r *http.Request, p person) {
	use, err := s.useBeside(r.Context(), p, supabase.UseCheck, "check")
	if err != nil {
		writeError(w, r, err)
		return
	}
	began := time.Now()
	token, err := s.deepgram.Grant(r.Context(), checkTTL)
	s.metrics.called("deepgram", "grant", began, err)
	if err != nil {
		s.giveBack(r.Context(), p, use.ID) // no token, no stream
		s.metrics.grants.WithLabelValues("failed").Inc()
		writeError(w, r, err)
		return
	}
	s.metrics.grants.WithLabelValues("given").Inc()
	s.log.Info("grant", "check", use.ID, "user", p.ID)
	writeJSON(w, http.StatusOK, api.Check{Token: token.Secret, ExpiresInSeconds: int(token.Expires / time.Second),
		Tag: use.ID, Seconds: int(checkTime / time.Second)})
}

// admitAside takes one of the answers that are to be had outside a session. An
// account with minutes costs us at most twelve a day of maxRequest bytes and
// mostTokens, which is about 0.8 million tokens; it cannot carry an interview,
// which has more questions than that, and drafts. With a vendor's usual price it
// is some cents, and has a day's end.
func (s *Server) admitAside(ctx context.Context, p person, purpose string) (supabase.Use, error) {
	if purpose != api.PurposePrepare && purpose != api.PurposeDebrief {
		return supabase.Use{}, invalid("no such purpose")
	}
	return s.useBeside(ctx, p, supabase.UseAnswer, purpose)
}

func (s *Server) useBeside(ctx context.Context, p person, kind supabase.UseKind, purpose string) (supabase.Use, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	aMinute, aDay := s.usage.limits.Checks, s.usage.limits.ChecksADay
	if kind == supabase.UseAnswer {
		aMinute, aDay = s.usage.limits.Asides, s.usage.limits.AsidesADay
	}
	use, err := stored(s, "use_beside", func() (supabase.Use, error) { return s.store.UseBeside(ctx, p.ID, kind, aMinute, aDay) })
	outcome := "taken"
	if err != nil {
		outcome = string(apiError(err).Code)
	}
	s.metrics.beside.WithLabelValues(purpose, outcome).Inc()
	return use, err
}

// giveBack returns a use that came to nothing; an empty id is none. Should it
// fail, the person has one less that day.
func (s *Server) giveBack(ctx context.Context, p person, use string) {
	if use == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.patience)
	defer cancel()
	_, err := stored(s, "return_beside", func() (struct{}, error) { return struct{}{}, s.store.ReturnBeside(ctx, p.ID, use) })
	if err != nil {
		s.log.Warn("a use was not given back", "user", p.ID, "err", err)
	}
}

// closeChecks ends the sound checks of those who streamed far beyond one.
func (s *Server) closeChecks(ctx context.Context, over []Overdrawn) error {
	var ids []string
	for _, o := range over {
		ids = append(ids, o.SessionID)
	}
	if _, err := stored(s, "overdrawn", func() (struct{}, error) { return struct{}{}, s.store.Overdrawn(ctx, ids) }); err != nil {
		return fmt.Errorf("close sound checks: %w", err)
	}
	return nil
}
