package main

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"copilot/app/deepgram"
	"copilot/app/groq"
	"copilot/app/interview"
	"copilot/backend/api"
)

// hostedPlan is an interview whose credentials come from the backend: a lease,
// a granted token for each connection to Deepgram, and answers over the
// backend's own route.
func (p *program) hostedPlan(ctx context.Context, c choices) (*plan, error) {
	h := p.hosted
	if h == nil {
		return nil, &sayError{"This build knows no server for minutes. Use your own keys, or set BACKEND_URL, SUPABASE_URL and SUPABASE_ANON_KEY.", errNoServer}
	}
	if err := h.restored(ctx); err != nil {
		h.notBegun(err)
		return nil, err
	}
	l := newLease(h.client, p.log, h.leaseChanged)
	if err := l.begin(ctx, c.TakeOver); err != nil {
		h.notBegun(err)
		return nil, err
	}
	if c.Source == nil {
		l.sound = newGate(p.capture(c))
		c.Source = l.sound
	}
	answers := groq.New(groq.Options{
		BaseURL:    h.client.BaseURL + "/v1",
		Dialect:    groq.DialectGroq,
		Name:       "the server",
		Credential: h.account.Token,
		Header: func(header http.Header) {
			header.Set(api.HeaderSession, l.SessionID())
			if c.Persona != "" {
				header.Set(api.HeaderPersona, c.Persona)
			}
		},
		Log: p.log,
	})
	models := l.models()
	if !slices.Contains(models, c.Model) { // of another mode or plan
		c.Model = ""
	}
	listen := deepgram.Options{URL: p.config.DeepgramURL, Credential: l.credential, OptOut: true}
	plan := p.assemble(c, listen, answers)
	plan.lease, plan.hosted = l, h
	plan.options.Race = true // a person's own key has limits, the server is there for many
	dial := plan.options.Transcribe
	plan.options.Transcribe = func(ctx context.Context) (interview.Transcriber, error) {
		t, err := dial(ctx)
		if t, ok := t.(redialer); ok {
			l.redial.Store(t.Redial)
		}
		return t, err
	}
	if !slices.Contains(models, plan.options.Fallback) {
		plan.options.Fallback = ""
	}
	return plan, nil
}

var errNoServer = errors.New("hosted mode: no server is known")
