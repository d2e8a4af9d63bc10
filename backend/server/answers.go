package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"copilot/backend/api"
	"copilot/backend/upstream"
	"copilot/billing"
)

// complete passes an answer on from the vendor, event by event. It is tied to
// the request alone: a session that ends meanwhile does not cut it.
func (s *Server) complete(w http.ResponseWriter, r *http.Request, p person) {
	body, err := io.ReadAll(r.Body)
	if _, long := errors.AsType[*http.MaxBytesError](err); err != nil && !long {
		err = invalid("the body did not arrive")
	}
	if err != nil {
		writeError(w, r, err)
		return
	}
	control := http.NewResponseController(w)
	control.SetReadDeadline(time.Time{}) // from here on reading only tells that the client has gone
	a, err := s.admit(r, p, body)
	if err != nil {
		writeError(w, r, err)
		return
	}
	done, wait, ok := s.usage.answer(p.ID, a.tokens)
	if !ok {
		s.giveBack(r.Context(), p, a.use)
		s.metrics.answers.WithLabelValues("capped").Inc()
		writeError(w, r, slowDown(wait))
		return
	}
	var used upstream.Usage
	defer func() { done(used.PromptTokens + used.CompletionTokens) }()

	began := time.Now()
	answer, err := s.groq.Answer(r.Context(), a.request)
	s.metrics.called("groq", "answer", began, err)
	if err != nil {
		if r.Context().Err() == nil { // who left may have had the vendor begin
			s.giveBack(r.Context(), p, a.use)
		}
		s.metrics.answers.WithLabelValues("refused").Inc()
		writeError(w, r, err)
		return
	}
	defer answer.Close()
	s.metrics.streaming.Inc()
	defer s.metrics.streaming.Dec()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies on the way are not to collect events
	out := &eventWriter{w: w, control: control, began: began, metrics: s.metrics}
	used, err = answer.Copy(w, out.flush)
	s.countTokens(used)
	s.finish(r.Context(), out, err)
}

// admitted is a request that may go to the vendor, as the vendor is to see it.
type admitted struct {
	request []byte
	tokens  int    // about how many it will take
	use     string // the id of a use beside the minutes; empty: within a session
}

// admit checks a request against the session, or what there is beside one, and
// the plan.
func (s *Server) admit(r *http.Request, p person, body []byte) (a admitted, err error) {
	c, err := parseCompletion(body)
	if err != nil {
		return a, err
	}
	var pro bool
	session, purpose := r.Header.Get(api.HeaderSession), r.Header.Get(api.HeaderPurpose)
	if session == "" && purpose != "" {
		use, err := s.admitAside(r.Context(), p, purpose)
		if err != nil {
			return a, err
		}
		a.use, pro = use.ID, use.Unlimited
	} else {
		live, err := s.liveFor(r.Context(), p, session)
		if err != nil {
			return a, err
		}
		noteOf(r.Context()).session = live.ID
		if live.Paused {
			return a, refuse(api.SessionPaused)
		}
		pro = live.Unlimited
	}
	if err = s.fit(c, r.Header.Get(api.HeaderPersona), rights(pro)); err == nil {
		a.request, err = c.encode(instructions[r.Header.Get(api.HeaderPersona)])
	}
	if err != nil {
		s.giveBack(r.Context(), p, a.use)
	}
	a.tokens = c.estimate()
	return a, err
}

// fit checks model and persona against the plan; without a model, it chooses.
func (s *Server) fit(c *completion, persona string, may billing.Rights) error {
	if c.Model == "" {
		c.Model = s.models(may)[0]
	}
	if !slices.Contains(may.Models, c.Model) {
		return notInPlan("model", c.Model, rights(true).Models)
	}
	if persona != "" && !slices.Contains(may.Personas, persona) {
		return notInPlan("persona", persona, rights(true).Personas)
	}
	return nil
}

// notInPlan tells what is unknown from what belongs to Pro.
func notInPlan(what, name string, pro []string) error {
	if slices.Contains(pro, name) {
		return &api.Error{Code: api.PlanRequired, Message: fmt.Sprintf("The %s %s belongs to Pro.", what, name)}
	}
	return &api.Error{Code: api.Invalid, Message: fmt.Sprintf("There is no such %s. Choose another in the settings.", what)}
}

// finish ends an answer that began: what went wrong after the headers were
// sent is told as an event.
func (s *Server) finish(ctx context.Context, out *eventWriter, err error) {
	switch {
	case err == nil:
		s.metrics.answers.WithLabelValues("whole").Inc()
		return
	case ctx.Err() != nil:
		s.metrics.answers.WithLabelValues("left").Inc()
		return
	}
	s.metrics.answers.WithLabelValues("broken").Inc()
	s.metrics.vendorFailed(err)
	n := noteOf(ctx)
	e := apiError(err)
	n.err, n.code = err, e.Code
	b, _ := json.Marshal(api.ErrorBody{Error: e})
	fmt.Fprintf(out.w, "data: %s\n\n", b)
	out.flush()
}

func (s *Server) countTokens(u upstream.Usage) {
	s.metrics.tokens.WithLabelValues("prompt").Add(float64(u.PromptTokens))
	s.metrics.tokens.WithLabelValues("cached").Add(float64(u.Details.CachedTokens))
	s.metrics.tokens.WithLabelValues("completion").Add(float64(u.CompletionTokens))
}

// eventWriter flushes events to a client, which may take some seconds over
// each but must not stand still.
type eventWriter struct {
	w        io.Writer
	control  *http.ResponseController
	metrics  *metrics
	began    time.Time // until the first flush
	deadline time.Time // of writing
}

func (e *eventWriter) flush() error {
	now := time.Now()
	if !e.began.IsZero() {
		e.metrics.firstToken.Observe(now.Sub(e.began).Seconds())
		e.began = time.Time{}
	}
	if e.deadline.Sub(now) < ordinary/2 { // seldom: it costs more than the flush
		e.deadline = now.Add(ordinary)
		e.control.SetWriteDeadline(e.deadline)
	}
	return e.control.Flush()
}

// instructions are what the personas of the catalog tell the model, before all
// else. The standard one adds nothing to what the program asks for by itself.
var instructions = map[string]string{
	"strict": "Answer as a candidate would before a demanding panel: claim only what the résumé supports, state the " +
		"trade-off that was accepted and what was measured, and name the weak point of the answer before the panel does. " +
		"If the question rests on a wrong premise, say so first.",
	"executive": "Give the answer itself in the first sentence and leave out every courtesy. At most four short sentences. " +
		"Speak of outcomes, money, people and risk; prefer a number, a name or a decision to an adjective.",
	"technical": "Answer engineer to engineer: name the mechanism, the data structure or the protocol, say why it was chosen " +
		"over the nearest alternative, what it costs and how it fails. Give orders of magnitude. No introductions.",
}
