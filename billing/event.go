package billing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Tolerance is how far a webhook's time may be from ours, in either direction.
const Tolerance = 300 * time.Second

// ErrSignature: a webhook was not signed by Stripe, or too long ago.
var ErrSignature = errors.New("webhook: the signature is not valid")

// Event is one verified webhook of Stripe. Only what it is about is taken from
// it; what that looks like now, Stripe is asked again ([Stripe.Look]), because
// events come late, twice and in any order.
type Event struct {
	ID      string
	Type    string
	Created time.Time
	// Version of the API that the endpoint was made with, for a warning: only
	// ids are read from events, and those have kept their places.
	Version string

	subject subject
}

// Known reports whether events of this type mean anything to us.
func (e Event) Known() bool { return e.subject.kind != nothing }

// EventTypes are the events that a webhook endpoint has to send.
func EventTypes() []string {
	return []string{
		"checkout.session.completed", "checkout.session.async_payment_succeeded",
		"checkout.session.async_payment_failed", "checkout.session.expired",
		"invoice.paid", "invoice.payment_failed",
		"customer.subscription.created", "customer.subscription.updated", "customer.subscription.deleted",
		"charge.refunded", "charge.dispute.created", "charge.dispute.closed",
	}
}

// subject is the object of Stripe's that an event is about.
type subject struct {
	kind kind
	id   string
}

type kind int

const (
	nothing kind = iota // of ours
	aCheckout
	anInvoice
	aSubscription
	aPayment
)

// Verify checks a webhook's signature (the header Stripe-Signature) against the
// body exactly as it came, by Stripe's scheme: HMAC-SHA256 of "t.body" with the
// endpoint's secret, one of which must fit. now is this process's time. Errors:
// ErrSignature, or a body that is not an event.
func (s *Stripe) Verify(body []byte, header string, now time.Time) (Event, error) {
	if !signed(body, header, s.secrets, now) {
		return Event{}, ErrSignature
	}
	return parseEvent(body)
}

func signed(body []byte, header string, secrets []string, now time.Time) bool {
	var stamp string
	var signatures []string
	for part := range strings.SplitSeq(header, ",") {
		name, value, ok := strings.Cut(part, "=")
		switch {
		case !ok || name == "t" && stamp != "":
			return false
		case name == "t":
			stamp = value
		case name == "v1":
			signatures = append(signatures, value)
		}
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || len(signatures) > 16 {
		return false
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > Tolerance || age < -Tolerance {
		return false
	}
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(stamp + ".")) // as it was written: another spelling is another signature
		mac.Write(body)
		want := hex.EncodeToString(mac.Sum(nil))
		for _, got := range signatures {
			if hmac.Equal([]byte(want), []byte(got)) {
				return true
			}
		}
	}
	return false
}

// reference is an id, or an object that was put in its place.
type reference string

func (r *reference) UnmarshalJSON(b []byte) error {
	var id string
	if json.Unmarshal(b, &id) != nil {
		var o struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(b, &o); err != nil {
			return err
		}
		id = o.ID
	}
	*r = reference(id)
	return nil
}

func parseEvent(body []byte) (Event, error) {
	var e struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		Type    string `json:"type"`
		Created int64  `json:"created"`
		Version string `json:"api_version"`
		Data    struct {
			Object struct {
				ID            string    `json:"id"`
				PaymentIntent reference `json:"payment_intent"`
			} `json:"object"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return Event{}, fmt.Errorf("webhook: %w", err)
	}
	if e.Object != "event" || e.ID == "" || e.Type == "" {
		return Event{}, errors.New("webhook: the body is not an event")
	}
	ev := Event{ID: e.ID, Type: e.Type, Created: time.Unix(e.Created, 0), Version: e.Version}
	switch {
	case strings.HasPrefix(e.Type, "checkout.session."):
		ev.subject = subject{aCheckout, e.Data.Object.ID}
	case e.Type == "invoice.paid", e.Type == "invoice.payment_failed":
		ev.subject = subject{anInvoice, e.Data.Object.ID}
	case e.Type == "customer.subscription.created", e.Type == "customer.subscription.updated",
		e.Type == "customer.subscription.deleted":
		ev.subject = subject{aSubscription, e.Data.Object.ID}
	case e.Type == "charge.refunded", e.Type == "charge.dispute.created", e.Type == "charge.dispute.closed":
		ev.subject = subject{aPayment, string(e.Data.Object.PaymentIntent)}
	}
	if ev.Known() && ev.subject.id == "" { // a charge that no payment page of ours made
		ev.subject = subject{}
	}
	return ev, nil
}
