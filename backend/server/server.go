// Package server is the backend's HTTP side: it verifies access tokens, holds
// the session sockets in which being connected means being metered, hands out
// Deepgram's short-lived tokens, passes Groq's answers on, and shows accounts,
// ledgers, health and metrics.
//
// [New] wires a Server, [Server.Handler] serves its routes, and [Server.Run]
// does the work that no request does: the metering tick, signs of life, pings,
// news of accounts, fresh signing keys, streams compared with charges. Run owns every goroutine of the package
// but those of net/http; when its context ends it closes all sockets, waits for
// them, and leaves the sessions to whichever instance their clients find.
//
// Which minute is due and what it costs, the [Store] decides by the database's
// clock. What is kept here is a copy for speed, and any number of instances may
// share one store. The package never sees a vendor's key and knows no SQL.
package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"

	"copilot/backend/api"
	"copilot/backend/supabase"
	"copilot/backend/upstream"
)

// Store is the database: accounts, the ledger and the leases of sessions.
type Store interface {
	StartSession(ctx context.Context, user, instance string) (supabase.Session, error)
	ResumeSession(ctx context.Context, user, session, instance string) (supabase.Session, error)
	TakeOver(ctx context.Context, user, instance string) (supabase.Session, error)
	Pause(ctx context.Context, l supabase.Lease) error
	Unpause(ctx context.Context, l supabase.Lease) error
	Stop(ctx context.Context, l supabase.Lease) (supabase.Metered, error)
	Heartbeat(ctx context.Context, beats []supabase.Beat) ([]supabase.Lost, error)
	Disconnect(ctx context.Context, beats []supabase.Beat) error
	Tick(ctx context.Context, instance string) ([]supabase.Metered, error)
	Listen(ctx context.Context, log *slog.Logger, changed func(user string)) error
	Account(ctx context.Context, user string) (supabase.Account, error)
	Ledger(ctx context.Context, user string, before int64, limit int) ([]supabase.Entry, error)
	UseBeside(ctx context.Context, user string, kind supabase.UseKind, aMinute, aDay int) (supabase.Use, error)
	ReturnBeside(ctx context.Context, user, id string) error
	Overdrawn(ctx context.Context, ids []string) error
	SessionsBetween(ctx context.Context, from, to time.Time) ([]supabase.Receipt, error)
	Ping(ctx context.Context) error
	Till
}

// Answerer is Groq.
type Answerer interface {
	Answer(ctx context.Context, request []byte) (*upstream.Answer, error)
	Models(ctx context.Context) ([]string, error)
}

// Grantor is Deepgram.
type Grantor interface {
	Grant(ctx context.Context, ttl time.Duration) (upstream.Token, error)
	Streams(ctx context.Context, from, to time.Time) ([]upstream.Stream, error)
}

// Options of a Server. All but those said to be optional are required.
type Options struct {
	Store    Store
	Groq     Answerer
	Deepgram Grantor
	Stripe   Seller // nil: nothing is sold, and the routes of payment say so
	Instance string // names this process among those that share the store
	// Issuer signs the access tokens: the project's URL with /auth/v1. Its keys
	// are fetched from there, unless Secret is set: then, for development only,
	// tokens are signed with it by HS256.
	Issuer string
	Secret string

	MetricsToken string       // bearer token for /metrics; empty: only this machine may read them
	Limits       Limits       // zero: DefaultLimits
	Log          *slog.Logger // nil: nothing is logged
	HTTP         *http.Client // fetches signing keys; nil: one with a time limit

	Patience time.Duration // how long a request waits for the store; 0: a second
}

// Server is one instance of the backend. Its zero value is not usable: see New.
type Server struct {
	store        Store
	groq         Answerer
	deepgram     Grantor
	stripe       Seller
	instance     string
	metricsToken string
	patience     time.Duration
	log          *slog.Logger
	now          func() time.Time

	tokens   *verifier
	hub      *hub
	usage    *usage
	metrics  *metrics
	upgrader websocket.Upgrader
	stopping atomic.Bool
	offered  atomic.Pointer[[]string] // models that the vendor has; nil: not known yet
	news     chan string              // people whose accounts changed
}

// New returns a server that does nothing yet.
func New(o Options) (*Server, error) {
	if o.Store == nil || o.Groq == nil || o.Deepgram == nil || o.Instance == "" || o.Issuer == "" {
		return nil, errors.New("server: an option is missing")
	}
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: fetchTimeout}
	}
	if o.Patience == 0 {
		o.Patience = time.Second
	}
	s := &Server{
		store: o.Store, groq: o.Groq, deepgram: o.Deepgram, stripe: o.Stripe, instance: o.Instance,
		metricsToken: o.MetricsToken, patience: o.Patience, log: o.Log, now: time.Now,
		usage: newUsage(o.Limits, time.Now), metrics: newMetrics(),
		upgrader: websocket.Upgrader{
			// Messages are small and few: what a session holds on to is not.
			ReadBufferSize: 512, WriteBufferSize: 1024, WriteBufferPool: &sync.Pool{},
			HandshakeTimeout: writeLimit,
		},
		news: make(chan string, 1024),
	}
	s.hub = newHub(s.metrics)
	var keys *keySet
	if o.Secret == "" {
		keys = &keySet{url: o.Issuer + "/.well-known/jwks.json", http: o.HTTP, now: time.Now, log: o.Log}
	}
	s.tokens = newVerifier(o.Issuer, keys, []byte(o.Secret), time.Now)
	if keys != nil {
		keys.changed = s.tokens.forget
	}
	return s, nil
}

// Handler serves the routes of package api and the operator's.
func (s *Server) Handler() *http.ServeMux {
	mux := http.NewServeMux()
	route := func(pattern string, maxBody int64, h http.HandlerFunc) {
		mux.HandleFunc(pattern, s.handle(pattern, maxBody, h))
	}
	const small = 4 << 10
	route("GET "+api.PathSession, small, s.signedIn(s.openSession))
	route("POST "+api.PathCompletions, maxRequest, s.signedIn(s.complete))
	route("POST "+api.PathCheck, small, s.signedIn(s.check))
	route("GET "+api.PathModels, small, s.signedIn(s.listModels))
	route("GET "+api.PathAccount, small, s.signedIn(s.showAccount))
	route("GET "+api.PathLedger, small, s.signedIn(s.showLedger))
	route("GET "+api.PathReceipts, small, s.signedIn(s.showReceipts))
	for _, sold := range []struct {
		pattern string
		maxBody int64
		serve   http.HandlerFunc
	}{
		{"POST " + api.PathCheckout, small, s.signedIn(s.startCheckout)},
		{"POST " + api.PathPortal, small, s.signedIn(s.openPortal)},
		{"POST " + api.PathWebhook, maxWebhook, s.webhook},
		{"GET " + api.PathCheckoutStatus, small, s.showCheckout},
	} {
		if s.stripe == nil {
			sold.serve = s.unsold
		}
		route(sold.pattern, sold.maxBody, sold.serve)
	}
	route("GET "+api.PathCheckoutDone, small, s.page("pages/done.html"))
	route("GET "+api.PathCheckoutCancelled, small, s.page("pages/cancelled.html"))
	route("GET "+api.PathPortalDone, small, s.page("pages/portal.html"))
	for _, file := range []string{"pages/style.css", "pages/done.js", "icons/app.svg"} {
		route("GET /checkout/"+path.Base(file), small, s.page(file))
	}
	route("GET /healthz", small, s.health)
	route("GET /readyz", small, s.ready)
	route("GET /metrics", small, s.showMetrics)
	route("/", small, func(w http.ResponseWriter, r *http.Request) { writeError(w, r, refuse(api.NotFound)) })
	return mux
}

// HTTP returns an http.Server around handler that a slow or greedy client
// cannot keep busy: headers within 5 s and 16 KiB, idle connections for 90 s.
func HTTP(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 90 * time.Second,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// Run works until ctx is cancelled, closes all session sockets and returns nil
// when they are gone. It is called once.
func (s *Server) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	if s.tokens.keys != nil {
		g.Go(func() error { s.tokens.keys.run(ctx); return nil })
	}
	for _, job := range []struct {
		every time.Duration
		do    func(context.Context)
	}{
		{tickEvery, s.tick},
		{beatEvery, s.beat},
		{time.Second, func(context.Context) { s.hub.ping(s.now()) }},
		{time.Minute, func(ctx context.Context) { s.usage.sweep(); s.warm(ctx) }},
	} {
		g.Go(func() error { s.every(ctx, job.every, job.do); return nil })
	}
	if s.stripe != nil {
		g.Go(func() error {
			s.reconcilePayments(ctx)
			s.every(ctx, reconcilePace, s.reconcilePayments)
			return nil
		})
	}
	g.Go(func() error { return s.store.Listen(ctx, s.log, s.heardOf) })
	g.Go(func() error { s.tell(ctx); return nil })
	g.Go(func() error { s.warm(ctx); return nil })
	g.Go(func() error { s.audit(ctx); return nil })
	g.Go(func() error {
		<-ctx.Done()
		s.stopping.Store(true)
		s.handOver()
		return nil
	})
	return g.Wait()
}

// every calls do at that pace until ctx is cancelled. A call that takes longer
// delays the next; one that panics is logged.
func (s *Server) every(ctx context.Context, pace time.Duration, do func(context.Context)) {
	t := time.NewTicker(pace)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			func() {
				defer recovered(s.log, "loop")
				do(ctx)
			}()
		}
	}
}
