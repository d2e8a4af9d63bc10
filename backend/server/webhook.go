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

// Outcomes of news from Stripe, as the metrics count them.
const (
	newsFulfilled = "fulfilled" // the books have changed
	newsKnown     = "known"     // they agreed already
	newsDuplicate = "duplicate" // the event was handled before
	newsForeign   = "foreign"   // not about anything of ours
	newsMismatch  = "mismatch"  // what was paid is not what we sell: alarm
	newsNoAccount = "no_account"
	newsUnsigned  = "unsigned"
	newsFailed    = "failed" // Stripe sends it again
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
	s.metrics.webhooks.WithLabelValues(kind, outcome).Inc()
	s.metrics.webhookSeconds.Observe(time.Since(began).Seconds())
	if err != nil {
		writeError(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, struct {
		Received bool `json:"received"`
	}{true})
}

func (s *Server) takeEvent(ctx context.Context, r *http.Request) (billing.Event, string, error) {
	header := r.Header.Get("Stripe-Signature")
	if header == "" {
		return billing.Event{}, newsUnsigned, invalid("no signature")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return billing.Event{}, newsUnsigned, fmt.Errorf("webhook: %w", err)
	}
	e, err := s.stripe.Verify(body, header, s.now())
	if err != nil {
		return e, newsUnsigned, fmt.Errorf("%w: %w", refuse(api.Invalid), err)
	}
	if !e.Known() {
		return e, newsForeign, nil
	}
	asOf, err := stored(s, "clock", func() (time.Time, error) { return s.store.Clock(ctx) })
	if err != nil {
		return e, newsFailed, err
	}
	facts, err := s.stripe.Look(ctx, e, asOf)
	if err != nil {
		return e, newsFailed, err
	}
	outcome, err := s.book(ctx, e, facts)
	if err != nil {
		return e, newsFailed, err
	}
	return e, outcome, nil
}

// book brings the books to the facts, in one transaction that also records the
// event, if there is one. Alarms are raised once it is committed.
func (s *Server) book(ctx context.Context, e billing.Event, f billing.Facts) (string, error) {
	var outcome string
	var alarm error
	_, err := stored(s, "webhook", func() (struct{}, error) {
		return struct{}{}, s.store.InTx(ctx, func(ctx context.Context, tx *supabase.Tx) error {
			outcome, alarm = newsDuplicate, nil
			if e.ID != "" {
				first, err := tx.RecordStripeEvent(ctx, e.ID, e.Type, e.Created)
				if err != nil || !first {
					return err
				}
			}
			var err error
			outcome, alarm, err = fulfil(ctx, tx, f, e.ID)
			return err
		})
	})
	if err == nil && alarm != nil {
		s.log.Error("a payment needs a person to look", "outcome", outcome, "event", e.ID, "customer", f.Customer, "err", alarm)
	}
	return outcome, err
}

// fulfil saves facts. alarm is what somebody has to look into; there the facts
// are not saved, and asking again would not help.
func fulfil(ctx context.Context, tx *supabase.Tx, f billing.Facts, event string) (outcome string, alarm, err error) {
	if f.Empty() && f.Refused == nil {
		return newsForeign, nil, nil
	}
	user, err := tx.UserOfCustomer(ctx, f.Customer)
	switch {
	case errors.Is(err, billing.ErrNoAccount) && f.Refused != nil:
		return newsForeign, nil, nil // another shop's, in the same account
	case errors.Is(err, billing.ErrNoAccount):
		return newsNoAccount, fmt.Errorf("paid by somebody who has no account: %w", err), nil
	case err != nil:
		return "", nil, err
	case f.Reference != "" && f.Reference != user:
		return newsMismatch, fmt.Errorf("%w: made for %s, paid by %s", billing.ErrMismatch, f.Reference, user), nil
	}
	outcome = newsKnown
	note := func(changed bool, e error) {
		if changed {
			outcome = newsFulfilled
		}
		if err == nil {
			err = e
		}
	}
	if f.Payment != nil {
		note(tx.SavePayment(ctx, user, *f.Payment, event))
	}
	if err == nil && f.Subscription != nil {
		f.Subscription.UserID = user
		note(tx.SaveSubscription(ctx, *f.Subscription))
	}
	if err == nil && f.Loss != nil { // also of what was refused: it may have been bought under an older price
		note(tx.SetLost(ctx, *f.Loss, f.AsOf, event))
	}
	if err == nil && f.Refused != nil {
		outcome, alarm = newsMismatch, f.Refused
	}
	return outcome, alarm, err
}

const (
	reconcilePace  = 15 * time.Minute
	reconcileLast  = 4 * 24 * time.Hour // Stripe gives a webhook up after three days
	reconcileLimit = 10 * time.Minute
)

// ReconcilePayments asks Stripe for what has happened in the last so much time
// and brings the books to it, as webhooks would have. It returns how much they
// had missed. Running it at several instances at once does no harm.
func (s *Server) ReconcilePayments(ctx context.Context, last time.Duration) (healed int, err error) {
	asOf, err := s.store.Clock(ctx)
	if err != nil {
		return 0, fmt.Errorf("reconcile payments: %w", err)
	}
	seen := 0
	err = s.stripe.Recent(ctx, asOf.Add(-last), asOf, func(f billing.Facts) error {
		seen++
		outcome, err := s.book(ctx, billing.Event{}, f)
		if err != nil {
			return err
		}
		s.metrics.reconciled.WithLabelValues(outcome).Inc()
		if outcome == newsFulfilled {
			healed++
			s.log.Warn("a lost webhook was made up for", "customer", f.Customer)
		}
		return nil
	})
	if err != nil {
		s.metrics.reconciled.WithLabelValues(newsFailed).Inc()
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
