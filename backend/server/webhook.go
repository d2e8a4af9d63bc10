package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"copilot/backend/api"
	"copilot/backend/supabase"
	"copilot/billing"
)

const maxWebhook = 1 << 20

// Outcomes of news from Stripe that never reach the store, as the metrics count
// them beside supabase.Outcome.
const (
	foreign  supabase.Outcome = "foreign"  // not about anything of ours
	unsigned supabase.Outcome = "unsigned" // not from Stripe
	failed   supabase.Outcome = "failed"   // Stripe sends it again
)

// webhook takes an event of Stripe. What it is about is asked for before the
// transaction, in which the event is recorded and fulfilled; only then is it
// acknowledged. A crash in between is a retry of Stripe's, and a retry of what
// was done does nothing.
func (s *Server) webhook(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(r.Context(), sellLimit)
	defer cancel()
	e, outcome, err := s.takeEvent(ctx, r)
	kind := "other"
	if e.Known() {
		kind = e.Type
	}
	s.metrics.webhooks.WithLabelValues(kind, string(outcome)).Inc()
	s.metrics.webhookSeconds.Observe(time.Since(began).Seconds())
	if err != nil {
		writeError(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, struct {
		Received bool `json:"received"`
	}{true})
}

func (s *Server) takeEvent(ctx context.Context, r *http.Request) (billing.Event, supabase.Outcome, error) {
	header := r.Header.Get("Stripe-Signature")
	if header == "" {
		return billing.Event{}, unsigned, invalid("no signature")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return billing.Event{}, unsigned, fmt.Errorf("webhook: %w", err)
	}
	e, err := s.stripe.Verify(body, header, s.now())
	if err != nil {
		return e, unsigned, fmt.Errorf("%w: %w", refuse(api.Invalid), err)
	}
	if !e.Known() {
		return e, foreign, nil
	}
	if e.Version != billing.APIVersion {
		s.log.Warn("the webhook endpoint was made with another version of Stripe's API", "version", e.Version)
	}
	handled := false
	asOf, err := stored(s, "event clock", func() (asOf time.Time, err error) {
		asOf, handled, err = s.store.EventClock(ctx, e.ID)
		return asOf, err
	})
	if err != nil {
		return e, failed, err
	}
	if handled {
		return e, supabase.Duplicate, nil
	}
	facts, err := s.stripe.Look(ctx, e, asOf)
	if err != nil {
		return e, failed, err
	}
	outcome, err := s.book(ctx, e, facts)
	return e, outcome, err
}

// book brings the books to the facts, in one transaction that also records the
// event, if there is one, and raises an alarm where a person has to look: there
// nothing is granted, and asking again would not help.
func (s *Server) book(ctx context.Context, e billing.Event, f billing.Facts) (supabase.Outcome, error) {
	if f.Empty() && f.Refused == nil {
		return foreign, nil
	}
	outcome, err := stored(s, "book", func() (supabase.Outcome, error) { return s.store.Book(ctx, e, f) })
	switch {
	case err != nil:
		return failed, err
	case outcome == supabase.NoAccount && f.Refused != nil:
		return foreign, nil // another shop's, in the same account at Stripe
	case outcome == supabase.Mismatch || outcome == supabase.NoAccount:
		s.log.Error("a payment needs a person to look", "outcome", outcome, "event", e.ID, "customer", f.Customer,
			"made_for", f.Reference, "err", f.Refused)
	}
	return outcome, nil
}

const (
	reconcilePace  = 15 * time.Minute
	reconcileLast  = 7 * 24 * time.Hour // Stripe gives a webhook up after three days; some money takes days
	reconcileLimit = 10 * time.Minute
)

// ReconcilePayments asks Stripe for what has happened in the last so much time
// and brings the books to it, as webhooks would have. It returns how much they
// had missed. Running it at several instances at once does no harm.
func (s *Server) ReconcilePayments(ctx context.Context, last time.Duration) (healed int, err error) {
	asOf, _, err := s.store.EventClock(ctx, "")
	if err != nil {
		return 0, fmt.Errorf("reconcile payments: %w", err)
	}
	seen := 0
	err = s.stripe.Recent(ctx, asOf.Add(-last), asOf, func(f billing.Facts) error {
		seen++
		outcome, err := s.book(ctx, billing.Event{}, f)
		if errors.Is(err, billing.ErrKeyReused) { // one that cannot be saved must not hold up the others
			s.log.Error("a payment contradicts the books", "customer", f.Customer, "err", err)
		} else if err != nil {
			return err
		}
		s.metrics.reconciled.WithLabelValues(string(outcome)).Inc()
		if outcome == supabase.Fulfilled {
			healed++
			s.log.Warn("a lost webhook was made up for", "customer", f.Customer)
		}
		return nil
	})
	if err != nil {
		s.metrics.reconciled.WithLabelValues(string(failed)).Inc()
		return healed, fmt.Errorf("reconcile payments: %w", err)
	}
	s.log.Info("payments reconciled", "last", last.String(), "seen", seen, "healed", healed)
	return healed, nil
}

// reconcilePayments is ReconcilePayments as a loop's step.
func (s *Server) reconcilePayments(ctx context.Context) {
	defer recovered(s.log, "reconcile payments")
	ctx, cancel := context.WithTimeout(ctx, reconcileLimit)
	defer cancel()
	if _, err := s.ReconcilePayments(ctx, reconcileLast); err != nil && ctx.Err() == nil {
		s.log.Error("reconciling payments failed", "err", err)
	}
}
