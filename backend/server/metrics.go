package server

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"copilot/backend/upstream"
)

// metrics are what Prometheus reads. No label holds a user, a session or
// anything else without bound.
type metrics struct {
	registry *prometheus.Registry

	requests        *prometheus.CounterVec // route, status
	sessions        prometheus.Gauge
	goroutines      prometheus.Gauge // that serve sessions
	ended           *prometheus.CounterVec
	charged         prometheus.Counter
	returned        prometheus.Counter
	lag             prometheus.Histogram
	tick            prometheus.Histogram
	storeErrors     *prometheus.CounterVec
	streaming       prometheus.Gauge
	answers         *prometheus.CounterVec
	tokens          *prometheus.CounterVec
	firstToken      prometheus.Histogram
	upstreamSeconds *prometheus.HistogramVec
	upstreamErrors  *prometheus.CounterVec
	grants          *prometheus.CounterVec
	beside          *prometheus.CounterVec
	checkouts       *prometheus.CounterVec
	webhooks        *prometheus.CounterVec // type, outcome
	webhookSeconds  prometheus.Histogram
	reconciled      *prometheus.CounterVec
	overdrawn       prometheus.Gauge
	stray           prometheus.Gauge
}

func newMetrics() *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "copilot", Name: name, Help: help}, labels)
		m.registry.MustRegister(c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "copilot", Name: name, Help: help})
		m.registry.MustRegister(g)
		return g
	}
	seconds := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "copilot", Name: name, Help: help, Buckets: buckets}, labels)
		m.registry.MustRegister(h)
		return h
	}
	one := func(h *prometheus.HistogramVec) prometheus.Histogram {
		return h.WithLabelValues().(prometheus.Histogram)
	}
	short := prometheus.ExponentialBuckets(0.001, 2, 14) // 1 ms to 8 s

	m.requests = counter("requests_total", "Requests by route and status.", "route", "status")
	m.sessions = gauge("sessions_live", "Session sockets that are open.")
	m.goroutines = gauge("session_goroutines", "Goroutines that serve session sockets.")
	m.ended = counter("sessions_ended_total", "Sessions that ended here, by reason.", "reason")
	m.charged = counter("minutes_charged_total", "Minutes charged by this instance.").WithLabelValues()
	m.returned = counter("minutes_returned_total", "Minutes given back: nobody was there when they began.").WithLabelValues()
	m.lag = one(seconds("charge_lag_seconds", "From the beginning of a minute to its charge.", short))
	m.tick = one(seconds("tick_seconds", "How long the metering statement took.", short))
	m.storeErrors = counter("store_errors_total", "Failures of the database, by what was asked.", "operation")
	m.streaming = gauge("answers_streaming", "Answers being passed on.")
	m.answers = counter("answers_total", "Answers by how they ended.", "outcome")
	m.tokens = counter("tokens_total", "Tokens as the vendor counts them.", "kind")
	m.firstToken = one(seconds("first_token_seconds", "From the request to the first event of its answer.", short))
	m.upstreamSeconds = seconds("upstream_seconds", "Until a vendor accepted or refused.", short, "vendor", "operation")
	m.upstreamErrors = counter("upstream_errors_total", "Failures of vendors.", "vendor", "kind")
	m.grants = counter("grants_total", "Deepgram tokens by outcome.", "outcome")
	m.beside = counter("uses_beside_total", "Sound checks and answers outside sessions, by what for and outcome.", "purpose", "outcome")
	m.checkouts = counter("checkouts_total", "Payment pages asked for, by price and outcome.", "price", "outcome")
	m.webhooks = counter("webhooks_total", "Events of Stripe by type and what came of them.", "type", "outcome")
	m.webhookSeconds = one(seconds("webhook_seconds", "How long an event of Stripe took.", short))
	m.reconciled = counter("reconciled_payments_total", "What Stripe was asked again, by what came of it.", "outcome")
	m.overdrawn = gauge("reconcile_overdrawn_minutes", "Minutes streamed beyond those charged, in the period reconciled last.")
	m.stray = gauge("reconcile_stray_minutes", "Minutes streamed without a known session, in the period reconciled last.")
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// called notes a call of a vendor.
func (m *metrics) called(vendor, operation string, began time.Time, err error) {
	m.upstreamSeconds.WithLabelValues(vendor, operation).Observe(time.Since(began).Seconds())
	m.vendorFailed(err)
}

func (m *metrics) vendorFailed(err error) {
	if e, ok := errors.AsType[*upstream.Error](err); ok {
		m.upstreamErrors.WithLabelValues(e.Vendor, string(e.Kind)).Inc()
	}
}
