package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"copilot/app/account"
	"copilot/app/deepgram"
	"copilot/app/groq"
	"copilot/app/interview"
	"copilot/app/overlay"
	"copilot/backend/api"
)

// What an account has beside its minutes: a few sound checks with live words and
// a few answers before and after interviews, each day. Nothing of it is charged.

// beside is who writes an answer outside an interview.
type beside struct {
	*groq.Client    // the caller closes it
	hosted          bool
	model, fallback string
}

// answersBeside returns the person's own answering server or, in the hosted mode
// and where there is no key but a sign-in, the backend. purpose is one of api's.
func (p *program) answersBeside(ctx context.Context, mode, purpose string) (beside, error) {
	if mode != overlay.ModeHosted || p.hosted == nil {
		own, err := p.ownAnswers(ctx)
		if err == nil {
			b := beside{Client: own, model: p.config.GroqModel}
			if b.model == "" && p.config.GroqURL == "" {
				b.fallback = fallbackModel
			}
			return b, nil
		}
		if p.hosted == nil || !p.hosted.account.SignedIn() {
			return beside{}, err
		}
	}
	if err := p.hosted.restored(ctx); err != nil {
		return beside{}, err
	}
	return beside{hosted: true, Client: groq.New(groq.Options{
		BaseURL: p.hosted.client.BaseURL + "/v1", Dialect: groq.DialectGroq, Name: "the server", Credential: p.hosted.account.Token,
		Header: func(h http.Header) { h.Set(api.HeaderPurpose, purpose) },
		Log:    p.log,
	})}, nil
}

// restored signs in with what the keyring holds, unless that was done.
func (h *hosted) restored(ctx context.Context) error {
	if h.account.SignedIn() {
		return nil
	}
	if err := h.account.Restore(ctx); err != nil && !h.account.SignedIn() {
		return err
	}
	return nil
}

// hostedWords are the live words of a sound check with a token of the backend's,
// for as long as it allows. The token is good for one connection: after a lost
// one there are no more words.
func (p *program) hostedWords(ctx context.Context, language string) (liveWords, error) {
	if err := p.hosted.restored(ctx); err != nil {
		return liveWords{}, err
	}
	k, err := p.hosted.client.Check(ctx)
	if err != nil {
		return liveWords{}, err
	}
	until := time.Now().Add(time.Duration(k.ExpiresInSeconds) * time.Second)
	stream, err := deepgram.Dial(ctx, deepgram.Options{URL: p.config.DeepgramURL, Language: language, OptOut: true, Log: p.log,
		Credential: func(context.Context) (deepgram.Credential, error) {
			if time.Now().After(until) {
				return deepgram.Credential{}, errCheckOver
			}
			return deepgram.Credential{Scheme: "Bearer", Value: k.Token, Tag: k.Tag}, nil
		}})
	if err != nil {
		return liveWords{}, err
	}
	return liveWords{stream, time.Duration(k.Seconds) * time.Second}, nil
}

var errCheckOver = errors.New("sound check: its token is used")

// liveWords is a transcriber and how long it may be used; 0: as long as wanted.
type liveWords struct {
	interview.Transcriber
	limit time.Duration
}

// noAnswerBeside says what to do where an answer outside an interview cannot be
// had at all; other errors are their own sentences.
func noAnswerBeside(what string, err error) error {
	if missing, ok := errors.AsType[*missingKeyError](err); ok && missing != nil {
		return &sayError{what + " with your minutes or your own Groq key: sign in, or enter a key in the set-up.", err}
	}
	if errors.Is(err, account.ErrSignedOut) {
		return &sayError{what + " with your minutes: sign in first.", err}
	}
	return err
}
