package billing

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"copilot/billing/stripetest"
)

var sentAt = time.Unix(1_764_000_000, 0)

const someSecret = "whsec_0123456789abcdef"

func someEvent(t testing.TB) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{
		"id": "evt_1", "object": "event", "type": "checkout.session.completed", "created": sentAt.Unix(), "api_version": APIVersion,
		"data": map[string]any{"object": map[string]any{"id": "cs_test_1", "object": "checkout.session", "payment_intent": "pi_1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// S4: what Stripe signed is accepted, up to 300 s away, and by either secret
// while one replaces the other; everything else is refused.
func TestS4Signatures(t *testing.T) {
	body := someEvent(t)
	old, replacing := New(Options{WebhookSecrets: []string{someSecret}}), New(Options{WebhookSecrets: []string{"whsec_the_new_one_00", someSecret}})
	header := stripetest.Signature(body, sentAt, someSecret)
	for name, c := range map[string]struct {
		stripe *Stripe
		body   []byte
		header string
		after  time.Duration
		ok     bool
	}{
		"at once":                      {old, body, header, 0, true},
		"300 s late":                   {old, body, header, 300 * time.Second, true},
		"300 s early":                  {old, body, header, -300 * time.Second, true},
		"stale":                        {old, body, header, 301 * time.Second, false},
		"from the future":              {old, body, header, -301 * time.Second, false},
		"the old secret, of two":       {replacing, body, header, 0, true},
		"two signatures, one secret":   {old, body, stripetest.Signature(body, sentAt, "whsec_the_new_one_00", someSecret), 0, true},
		"two signatures, none of ours": {old, body, stripetest.Signature(body, sentAt, "whsec_a", "whsec_b"), 0, false},
		"wrong secret":                 {old, body, stripetest.Signature(body, sentAt, "whsec_wrong"), 0, false},
		"no secret here":               {New(Options{WebhookSecrets: []string{""}}), body, stripetest.Signature(body, sentAt, ""), 0, false},
		"no secrets here":              {New(Options{}), body, header, 0, false},
		"another body":                 {old, append([]byte(" "), body...), header, 0, false},
		"missing header":               {old, body, "", 0, false},
		"no signature":                 {old, body, "t=1764000000", 0, false},
		"no time":                      {old, body, header[strings.Index(header, "v1="):], 0, false},
		"two times":                    {old, body, "t=1764000000," + header, 0, false},
		"only the old scheme":          {old, body, strings.ReplaceAll(header, "v1=", "v0="), 0, false},
		"a time that overflows":        {old, body, "t=99999999999999999999,v1=00", 0, false},
		"rubbish":                      {old, body, "t=,v1=,=,", 0, false},
	} {
		e, err := c.stripe.Verify(c.body, c.header, sentAt.Add(c.after))
		if c.ok != (err == nil) || !c.ok && !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
		if c.ok && (e.ID != "evt_1" || e.subject != subject{aCheckout, "cs_test_1"}) {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// S4: not one of more than 10,000 changes of a signed webhook passes: every bit
// of header and body flipped, bytes cut, added and swapped.
func TestS4SignatureMutants(t *testing.T) {
	body := someEvent(t)
	s := New(Options{WebhookSecrets: []string{someSecret}})
	mac := stripetest.Signature(body, sentAt, someSecret)
	header, _, _ := strings.Cut(mac, ",v0=") // what follows means nothing and may be anything
	mutants := 0
	try := func(b []byte, h string) {
		mutants++
		if _, err := s.Verify(b, h, sentAt); !errors.Is(err, ErrSignature) {
			t.Fatalf("accepted, or not refused as unsigned: %v\n%s\n%s", err, h, b)
		}
	}
	for i := range 8 * len(header) {
		h := []byte(header)
		h[i/8] ^= 1 << (i % 8)
		try(body, string(h))
	}
	for i := range 8 * len(body) {
		b := append([]byte(nil), body...)
		b[i/8] ^= 1 << (i % 8)
		try(b, header)
	}
	for i := range body {
		try(body[:i], header)
	}
	for i := range header {
		try(body, header[:i])
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for mutants < 20_000 {
		b, h := append([]byte(nil), body...), []byte(header)
		switch target := &b; rng.IntN(4) {
		case 0:
			*target = append(*target, byte(rng.IntN(256)))
		case 1:
			i := rng.IntN(len(b))
			*target = append(b[:i:i], append([]byte{byte(rng.IntN(256))}, b[i:]...)...)
		case 2: // the time alone: another second, another spelling of the same
			spellings := []string{fmt.Sprint(sentAt.Unix() + 1 + rng.Int64N(250)), "0" + fmt.Sprint(sentAt.Unix()), "+" + fmt.Sprint(sentAt.Unix())}
			h = []byte(strings.Replace(header, fmt.Sprint(sentAt.Unix()), spellings[rng.IntN(3)], 1))
		case 3:
			i, c := rng.IntN(len(h)), byte(rng.IntN(256))
			if h[i] == c {
				continue
			}
			h[i] = c
		}
		try(b, string(h))
	}
	if _, err := s.Verify(body, header, sentAt); err != nil {
		t.Errorf("the original: %v", err)
	}
}

// Whatever is sent, reading it does not panic, and unsigned is never accepted.
func FuzzVerify(f *testing.F) {
	body := someEvent(f)
	f.Add(body, stripetest.Signature(body, sentAt, someSecret))
	f.Add([]byte(`{"data":{"object":{"payment_intent":{"id":"pi"}}}}`), "t=1,v1=2")
	s := New(Options{WebhookSecrets: []string{someSecret}})
	f.Fuzz(func(t *testing.T, b []byte, header string) {
		if _, err := s.Verify(b, header, sentAt); err == nil && string(b) != string(body) {
			t.Errorf("accepted %q with %q", b, header)
		}
		_, _ = parseEvent(b)
	})
}

// Which object each event is about.
func TestEventSubjects(t *testing.T) {
	for kind, want := range map[string]subject{
		"checkout.session.completed":               {aCheckout, "x_1"},
		"checkout.session.async_payment_succeeded": {aCheckout, "x_1"},
		"checkout.session.async_payment_failed":    {aCheckout, "x_1"},
		"checkout.session.expired":                 {aCheckout, "x_1"},
		"invoice.paid":                             {anInvoice, "x_1"},
		"invoice.payment_failed":                   {anInvoice, "x_1"},
		"customer.subscription.created":            {aSubscription, "x_1"},
		"customer.subscription.updated":            {aSubscription, "x_1"},
		"customer.subscription.deleted":            {aSubscription, "x_1"},
		"charge.refunded":                          {aPayment, "pi_1"},
		"charge.dispute.created":                   {aPayment, "pi_1"},
		"charge.dispute.closed":                    {aPayment, "pi_1"},
		"customer.created":                         {},
		"invoice.created":                          {},
	} {
		for _, intent := range []string{`"pi_1"`, `{"id":"pi_1","object":"payment_intent"}`} {
			e, err := parseEvent(fmt.Appendf(nil, `{"id":"evt","object":"event","type":%q,"data":{"object":{"id":"x_1","payment_intent":%s}}}`, kind, intent))
			if err != nil || e.subject != want {
				t.Errorf("%s: %+v, %v", kind, e.subject, err)
			}
		}
	}
	for _, kind := range EventTypes() {
		e, err := parseEvent(fmt.Appendf(nil, `{"id":"evt","object":"event","type":%q,"data":{"object":{"id":"x_1","payment_intent":"pi"}}}`, kind))
		if err != nil || !e.Known() {
			t.Errorf("%s is sent for nothing: %v", kind, err)
		}
	}
	if e, err := parseEvent([]byte(`{"id":"evt","object":"event","type":"charge.refunded","data":{"object":{"id":"ch","payment_intent":null}}}`)); err != nil || e.Known() {
		t.Errorf("a charge without a payment: %+v, %v", e, err)
	}
	for _, bad := range []string{``, `{}`, `[]`, `{"object":"event"}`, `{"id":"cs","object":"checkout.session","type":"x"}`} {
		if _, err := parseEvent([]byte(bad)); err == nil {
			t.Errorf("%s is an event", bad)
		}
	}
}
