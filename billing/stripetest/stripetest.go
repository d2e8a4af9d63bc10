// Package stripetest is a stand-in for Stripe that remembers: what the backend
// asks of Stripe's API, a page to pay on, a portal to cancel in, and signed
// webhooks. It is for tests and for the local stack; the backend never imports
// it.
//
// [New] makes one, which is an [http.Handler]; [Start] also listens on loopback.
// People press buttons on its pages, tests call [Stripe.Pay], [Stripe.Refund],
// [Stripe.Dispute] and the like; either way the objects change as Stripe's do
// and events go to the endpoints. [Stripe.Advance] lets time pass, so that
// subscriptions renew or end.
//
// It is as strict as Stripe about what it is sent: another key, another version
// of the API, an unknown parameter, one that is missing, an idempotency key used
// twice for different requests are refused in Stripe's own shape.
//
// Close waits for the goroutines that deliver events.
package stripetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"
)

// Version is the only version of the API that is spoken here.
const Version = "2023-10-16"

// Options of a stand-in. The zero value suits tests.
type Options struct {
	Key  string // empty: "sk_test_standin"
	Addr string // for Start; empty: a free port on loopback
	HTTP *http.Client
	// Retry is how long a webhook that was not taken waits for its next try; it
	// doubles each time, up to an hour. 0: a tenth of a second.
	Retry time.Duration
}

// object is one of Stripe's, as JSON has it. What it refers to is an id in it.
type object = map[string]any

// Stripe is the stand-in. Its methods may be called concurrently.
type Stripe struct {
	Key string
	URL string // of its pages and its API; set by Start

	opt     Options
	handler http.Handler
	client  *http.Client
	server  *http.Server

	mu       sync.Mutex
	skew     time.Duration
	objects  map[string]object
	hidden   map[string]object // line items, by their session: shown when asked for
	order    []string          // ids, oldest first
	replies  map[string]reply  // by idempotency key
	requests []Request
	events   []Event
	delivery Delivery
	down     int  // requests that fail before the next succeeds; -1: all
	broke    bool // cards are refused from now on

	ctx     context.Context
	cancel  context.CancelFunc
	sending sync.WaitGroup
}

// Request is one call of the API, for a test to look at.
type Request struct {
	Method, Path string
	Body         string
	Status       int
	Replayed     bool
}

// New returns a stand-in that is reached at url, by whoever mounts it there.
func New(url string, o Options) *Stripe {
	if o.Key == "" {
		o.Key = "sk_test_standin"
	}
	if o.Retry == 0 {
		o.Retry = 100 * time.Millisecond
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{}}
	}
	s := &Stripe{
		Key: o.Key, URL: url, opt: o, client: o.HTTP, delivery: Delivery{Copies: 1},
		objects: map[string]object{}, hidden: map[string]object{}, replies: map[string]reply{},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	mux := http.NewServeMux()
	s.routes(mux)
	s.pages(mux)
	s.handler = mux
	return s
}

// Start returns a stand-in that listens.
func Start(o Options) (*Stripe, error) {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("stripe's stand-in: %w", err)
	}
	s := New("http://"+l.Addr().String(), o)
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second}
	s.sending.Go(func() { _ = s.server.Serve(l) }) // ends with Close
	return s, nil
}

// Close stops listening, gives undelivered webhooks up, and waits.
func (s *Stripe) Close() {
	s.cancel()
	if s.server != nil {
		_ = s.server.Close()
	}
	s.sending.Wait()
	s.client.CloseIdleConnections()
}

func (s *Stripe) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Client is one whose requests come here without a network.
func (s *Stripe) Client() *http.Client { return &http.Client{Transport: direct{s}} }

// Requests are the calls of the API so far.
func (s *Stripe) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Fail lets the next n calls of the API fail as when Stripe is away; -1: all,
// until it is called with 0.
func (s *Stripe) Fail(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = n
}

// RefuseCards lets payments fail from now on, renewals among them.
func (s *Stripe) RefuseCards(refuse bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broke = refuse
}

// Get is an object as it is now; nil: there is none.
func (s *Stripe) Get(id string) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.objects[id])
}

// Ids are those of all objects of a kind ("checkout.session"), oldest first.
func (s *Stripe) Ids(kind string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for _, id := range s.order {
		if s.objects[id]["object"] == kind {
			ids = append(ids, id)
		}
	}
	return ids
}

// Tamper changes a field of an object, as nobody should be able to.
func (s *Stripe) Tamper(id, field string, value any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if field == "line_items" {
		s.hidden[id] = value.(object)
		return
	}
	s.objects[id][field] = value
}

// now is the stand-in's clock, which Advance moves.
func (s *Stripe) now() time.Time { return time.Now().Add(s.skew) }

// put keeps an object under a new id. The caller holds mu.
func (s *Stripe) put(prefix, kind string, o object) object {
	id, _ := o["id"].(string)
	if id == "" {
		id = prefix + unguessable()
	}
	o["id"], o["object"], o["livemode"] = id, kind, false
	if o["created"] == nil {
		o["created"] = s.now().Unix()
	}
	s.objects[id] = o
	s.order = append(s.order, id)
	return o
}

func unguessable() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// direct is a transport that calls a handler.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := &recorder{header: http.Header{}}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	d.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.response(r), nil
}
