package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"copilot/backend/api"
)

// health tells that the process answers.
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	noteOf(r.Context()).quiet = true
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// ready tells whether requests may be sent here: the database answers, tokens
// can be verified, and the instance is not about to stop.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	noteOf(r.Context()).quiet = true
	ctx, cancel := context.WithTimeout(r.Context(), time.Second)
	defer cancel()
	checks := map[string]string{"database": "ok", "keys": "ok", "instance": "ok"}
	status := http.StatusOK
	fail := func(what, why string) { checks[what], status = why, http.StatusServiceUnavailable }
	if err := s.store.Ping(ctx); err != nil {
		s.log.Warn("not ready", "err", err)
		fail("database", "away")
	}
	if s.tokens.keys != nil && s.tokens.keys.ready() != nil {
		fail("keys", "not known")
	}
	if s.stopping.Load() {
		fail("instance", "stopping")
	}
	writeJSON(w, status, checks)
}

// showMetrics is for Prometheus: with the token, or from this machine when
// none is set. To everybody else there is no such page.
func (s *Server) showMetrics(w http.ResponseWriter, r *http.Request) {
	noteOf(r.Context()).quiet = true
	if !s.mayReadMetrics(r) {
		writeError(w, r, refuse(api.NotFound))
		return
	}
	promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
}

func (s *Server) mayReadMetrics(r *http.Request) bool {
	if s.metricsToken == "" {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		// Behind a proxy everybody seems to be near.
		return err == nil && net.ParseIP(host).IsLoopback() && r.Header.Get("X-Forwarded-For") == ""
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	got, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(s.metricsToken))
	return ok && subtle.ConstantTimeCompare(got[:], want[:]) == 1
}
