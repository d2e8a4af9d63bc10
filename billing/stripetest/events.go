package stripetest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"
)

// Event is one that happened, as it is sent.
type Event struct {
	ID, Type string
	Body     []byte

	created int64
	object  object
}

func (e Event) encode() []byte {
	b, _ := json.Marshal(object{
		"id": e.ID, "object": "event", "type": e.Type, "api_version": Version, "created": e.created, "livemode": false,
		"pending_webhooks": 1, "request": object{"id": nil, "idempotency_key": nil}, "data": object{"object": e.object},
	})
	return b
}

// Delivery is how webhooks are sent from now on.
type Delivery struct {
	Hold   bool          // not at all: see Release and Events
	Copies int           // each so often; 0: once
	Delay  time.Duration // each after a random time up to this, so that their order changes
}

// Deliver changes how webhooks are sent.
func (s *Stripe) Deliver(d Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.Copies = max(d.Copies, 1)
	s.delivery = d
}

// Endpoint adds a webhook endpoint for all events, without the API. With
// several secrets each delivery is signed with all, as while one is replaced.
func (s *Stripe) Endpoint(url string, secrets ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.put("we_", "webhook_endpoint", object{"url": url, "status": "enabled", "enabled_events": []any{"*"}, "api_version": Version})
	s.hidden[o["id"].(string)] = object{"secrets": secrets}
}

// Events are all that happened so far, oldest first.
func (s *Stripe) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// Release sends every event again that there ever was: what was held, and the
// rest a second time.
func (s *Stripe) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delivery.Hold = false
	for _, e := range s.events {
		s.deliver(e)
	}
}

// deliver sends an event to every endpoint that wants it. The caller holds mu.
func (s *Stripe) deliver(e Event) {
	if s.delivery.Hold {
		return
	}
	for id, o := range s.objects {
		if o["object"] != "webhook_endpoint" || o["status"] != "enabled" {
			continue
		}
		wanted := o["enabled_events"].([]any)
		if !slices.Contains(wanted, any("*")) && !slices.Contains(wanted, any(e.Type)) {
			continue
		}
		url, secrets := o["url"].(string), s.hidden[id]["secrets"].([]string)
		for range s.delivery.Copies {
			var delay time.Duration
			if s.delivery.Delay > 0 {
				delay = rand.N(s.delivery.Delay)
			}
			s.sending.Go(func() { s.send(e, url, secrets, delay) })
		}
	}
}

// send tries until the endpoint takes the event, or Close.
func (s *Stripe) send(e Event, url string, secrets []string, delay time.Duration) {
	for wait := s.opt.Retry; ; wait = min(2*wait, time.Hour) {
		select {
		case <-s.ctx.Done():
			return
		case <-time.After(delay):
		}
		if s.post(e, url, secrets) {
			return
		}
		delay = wait
	}
}

func (s *Stripe) post(e Event, url string, secrets []string) (taken bool) {
	req, err := http.NewRequestWithContext(s.ctx, http.MethodPost, url, bytes.NewReader(e.Body))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("Stripe-Signature", Signature(e.Body, time.Now(), secrets...))
	resp, err := s.client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16))
	return resp.StatusCode/100 == 2
}

// Signature is the header Stripe-Signature for a body sent at a time.
func Signature(body []byte, at time.Time, secrets ...string) string {
	header := fmt.Sprintf("t=%d", at.Unix())
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
		header += ",v1=" + hex.EncodeToString(mac.Sum(nil))
	}
	return header + ",v0=" + hex.EncodeToString(make([]byte, 32)) // of test mode; means nothing
}
