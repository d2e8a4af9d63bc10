package stripetest

import (
	"errors"
	"fmt"
	"maps"
	"time"
)

// Pay pays an open checkout session with a card that works.
func (s *Stripe) Pay(id string) error { return s.pay(id, false) }

// PayLater pays by a method whose money comes days later, or not: see Settle.
func (s *Stripe) PayLater(id string) error { return s.pay(id, true) }

var errDeclined = errors.New("the card was declined")

func (s *Stripe) pay(id string, later bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.objects[id]
	switch {
	case c == nil || c["status"] != "open":
		return fmt.Errorf("stripe's stand-in: %s cannot be paid", id)
	case s.broke:
		return errDeclined
	}
	c["status"] = "complete"
	if c["mode"] == "subscription" {
		s.subscribe(c)
	} else {
		intent := s.put("pi_", "payment_intent", object{"amount": c["amount_total"], "currency": c["currency"],
			"customer": c["customer"], "status": "processing", "latest_charge": nil, "invoice": nil, "metadata": object{}})
		c["payment_intent"] = intent["id"]
		if !later {
			s.charge(intent)
			c["payment_status"] = "paid"
		}
	}
	s.emit("checkout.session.completed", c)
	return nil
}

// Settle ends a payment made by PayLater: the money came, or it did not.
func (s *Stripe) Settle(id string, came bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.objects[id]
	intent := s.objects[c["payment_intent"].(string)]
	if !came {
		intent["status"] = "requires_payment_method"
		s.emit("checkout.session.async_payment_failed", c)
		return
	}
	s.charge(intent)
	c["payment_status"] = "paid"
	s.emit("checkout.session.async_payment_succeeded", c)
}

// Expire ends a checkout session that was not paid.
func (s *Stripe) Expire(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.objects[id]; c["status"] == "open" {
		c["status"], c["url"] = "expired", nil
		s.emit("checkout.session.expired", c)
	}
}

// charge moves an intent's money. The caller holds mu.
func (s *Stripe) charge(intent object) object {
	ch := s.put("ch_", "charge", object{"amount": intent["amount"], "amount_refunded": int64(0), "currency": intent["currency"],
		"customer": intent["customer"], "payment_intent": intent["id"], "invoice": intent["invoice"], "disputed": false,
		"paid": true, "captured": true, "refunded": false, "status": "succeeded", "metadata": object{}})
	intent["status"], intent["latest_charge"] = "succeeded", ch["id"]
	return ch
}

// Refund gives a part of a payment back; 0: all that is left of it. payment is
// a payment intent's id.
func (s *Stripe) Refund(payment string, cents int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.objects[s.objects[payment]["latest_charge"].(string)]
	amount, refunded := ch["amount"].(int64), ch["amount_refunded"].(int64)
	if cents == 0 {
		cents = amount - refunded
	}
	s.put("re_", "refund", object{"amount": cents, "charge": ch["id"], "payment_intent": payment, "currency": ch["currency"], "status": "succeeded"})
	ch["amount_refunded"], ch["refunded"] = refunded+cents, refunded+cents == amount
	s.emit("charge.refunded", ch)
}

// Dispute is a customer's complaint at their bank about so much of a payment;
// 0: all of it. It returns its id for CloseDispute.
func (s *Stripe) Dispute(payment string, cents int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.objects[s.objects[payment]["latest_charge"].(string)]
	if cents == 0 {
		cents = ch["amount"].(int64)
	}
	d := s.put("dp_", "dispute", object{"amount": cents, "currency": ch["currency"], "charge": ch["id"], "payment_intent": payment,
		"reason": "fraudulent", "status": "needs_response", "metadata": object{}})
	ch["disputed"] = true
	s.emit("charge.dispute.created", d)
	return d["id"].(string)
}

// CloseDispute decides a dispute, for us (won) or against.
func (s *Stripe) CloseDispute(id string, won bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.objects[id]
	d["status"] = "lost"
	if won {
		d["status"] = "won"
	}
	s.emit("charge.dispute.closed", d)
}

// subscribe begins what a checkout session in subscription mode sells. The
// caller holds mu.
func (s *Stripe) subscribe(c object) {
	item := s.hidden[c["id"].(string)]["data"].([]any)[0].(object)
	start := s.now()
	sub := s.put("sub_", "subscription", object{
		"customer": c["customer"], "status": "active", "cancel_at_period_end": false, "canceled_at": nil, "latest_invoice": nil,
		"currency": c["currency"], "metadata": object{}, "current_period_start": start.Unix(), "current_period_end": month(start).Unix(),
		"items": object{"object": "list", "has_more": false, "data": []any{
			object{"id": "si_" + unguessable(), "object": "subscription_item", "price": item["price"], "quantity": item["quantity"]}}},
	})
	c["subscription"], c["payment_status"] = sub["id"], "paid"
	in := s.invoice(sub, true)
	c["invoice"] = in["id"]
	s.emit("customer.subscription.created", sub)
	s.emit("invoice.paid", in)
}

func month(t time.Time) time.Time { return t.AddDate(0, 1, 0) }

// invoice bills a period of a subscription. The caller holds mu.
func (s *Stripe) invoice(sub object, paid bool) object {
	item := sub["items"].(object)["data"].([]any)[0].(object)
	amount := item["price"].(object)["unit_amount"].(int64) * item["quantity"].(int64)
	in := s.put("in_", "invoice", object{"customer": sub["customer"], "subscription": sub["id"], "amount_due": amount,
		"amount_paid": int64(0), "currency": sub["currency"], "status": "open", "paid": false, "charge": nil, "payment_intent": nil})
	intent := s.put("pi_", "payment_intent", object{"amount": amount, "currency": sub["currency"], "customer": sub["customer"],
		"status": "requires_payment_method", "latest_charge": nil, "invoice": in["id"], "metadata": object{}})
	in["payment_intent"], sub["latest_invoice"] = intent["id"], in["id"]
	if paid {
		in["charge"], in["status"], in["paid"], in["amount_paid"] = s.charge(intent)["id"], "paid", true, amount
	}
	return in
}

// Cancel is what the portal does: a subscription ends with its period. now:
// at once, as the account's owner may do.
func (s *Stripe) Cancel(id string, now bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.objects[id]
	if now {
		s.end(sub)
		return
	}
	sub["cancel_at_period_end"] = true
	s.emit("customer.subscription.updated", sub)
}

func (s *Stripe) end(sub object) {
	sub["status"], sub["canceled_at"], sub["ended_at"] = "canceled", s.now().Unix(), s.now().Unix()
	s.emit("customer.subscription.deleted", sub)
}

// Advance moves the clock, renews what is due and ends what was cancelled.
func (s *Stripe) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skew += d
	for _, id := range append([]string(nil), s.order...) {
		sub := s.objects[id]
		for sub["object"] == "subscription" && sub["status"] != "canceled" {
			end := time.Unix(sub["current_period_end"].(int64), 0)
			if end.After(s.now()) {
				break
			}
			if sub["cancel_at_period_end"] == true {
				s.end(sub)
				break
			}
			sub["current_period_start"], sub["current_period_end"] = end.Unix(), month(end).Unix()
			in := s.invoice(sub, !s.broke)
			if s.broke {
				sub["status"] = "past_due"
				s.emit("invoice.payment_failed", in)
			} else {
				s.emit("invoice.paid", in)
			}
			s.emit("customer.subscription.updated", sub)
		}
	}
}

// Now is the stand-in's time.
func (s *Stripe) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

// emit makes an event of an object as it is now and sends it on its way. The
// caller holds mu.
func (s *Stripe) emit(kind string, o object) {
	e := Event{ID: "evt_" + unguessable(), Type: kind, created: s.now().Unix(), object: maps.Clone(o)}
	e.Body = e.encode()
	s.events = append(s.events, e)
	s.deliver(e)
}
