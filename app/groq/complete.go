package groq

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"
)

const (
	maxFailures = 2                      // attempts repeated because a model did not begin
	firstDelay  = 500 * time.Millisecond // before the first repetition, then twice that
	maxWait     = time.Minute            // a longer retry-after ends the request
	patient     = 2 * time.Second        // a longer one is not waited for when there is a fallback
	settle      = 20 * time.Millisecond  // HTTP/2 takes a cancelled request off its connection a moment later
	maxOffline  = 3 * time.Second        // after that long, a failing network ends the request
)

// Complete asks for an answer and blocks until it is whole, calling delta for
// each piece from its own goroutine; delta must return soon. Cancelling ctx
// closes the request at once.
//
// What delta was given stays valid whatever happens. When the stream stalls,
// breaks or reports an error, the answer is asked for once more, to go on from
// its last words; further deltas continue the text and repeat nothing of it.
// Before its first word, a request is repeated at most twice when the network
// or the server fails, and when the server asks to wait (429) for up to a
// minute; r.Fallback, when set, is asked once instead of waiting for more than
// two seconds, and when the model is unknown or goes on failing.
//
// The error is ctx's, or an [*Error]. The Result holds what was written even then.
func (c *Client) Complete(ctx context.Context, r Request, delta func(text string)) (Result, error) {
	a := &answer{c: c, req: r, model: r.Model, delta: delta}
	if a.model == "" {
		a.model = c.o.Model
	}
	for {
		failed := a.attempt(ctx)
		if failed == nil {
			return a.finish(), nil
		}
		if ctx.Err() != nil {
			return a.finish(), fmt.Errorf("groq: complete: %w", context.Cause(ctx))
		}
		failed.model = a.model
		plan, again := a.next(failed)
		if !again {
			return a.finish(), failed
		}
		c.o.Log.Info("answer asked for again", "err", failed, "says", failed.Message, "wait", plan.wait, "model", a.model)
		if r.Retrying != nil {
			r.Retrying(capital(plan.sentence))
		}
		a.result.Retries++
		if !sleep(ctx, plan.wait) {
			return a.finish(), fmt.Errorf("groq: complete: %w", context.Cause(ctx))
		}
		if failed.Code == CodeStalled {
			// The network under all connections may be gone: the repetition is
			// not to find that out again.
			c.http.CloseIdleConnections()
			c.usedUp()
		}
	}
}

// answer is one call of Complete: what was handed over and what was tried.
type answer struct {
	c      *Client
	req    Request
	model  string
	delta  func(string)
	text   strings.Builder
	splice *splice // not nil while the answer goes on after a break
	result Result
	sent   atomic.Pointer[time.Time] // when the first request was written

	offline  time.Time // begin of the first attempt of those that found no server
	failures int       // attempts of this model that did not begin
	resumed  bool      // the one repetition after a break was used
}

// retry says what is done about a failed attempt.
type retry struct {
	wait     time.Duration
	sentence string
}

// next decides whether to try again, and how.
func (a *answer) next(e *Error) (retry, bool) {
	if e.begun || e.Code == CodeStalled {
		if a.resumed {
			return retry{}, false
		}
		a.resumed = true
		if a.text.Len() == 0 {
			return retry{settle, e.service + " does not answer. Asking once more."}, true
		}
		return retry{settle, e.service + " stopped in mid-answer. Asking for the rest."}, true
	}
	if a.req.Fallback != "" && a.req.Fallback != a.model && a.givenUp(e) {
		a.model, a.failures = a.req.Fallback, 0
		return retry{sentence: e.service + " cannot answer with the usual model. Asking " + a.model + "."}, true
	}
	if !e.temporary() || a.failures == maxFailures {
		return retry{}, false
	}
	if e.Status == 0 && time.Since(a.offline) >= maxOffline {
		return retry{}, false
	}
	wait := e.RetryAfter
	if wait == 0 || e.Status != http.StatusTooManyRequests {
		backOff := firstDelay << a.failures
		wait = max(wait, backOff-rand.N(backOff/4)) // spread, so that clients do not return together
	}
	if wait > maxWait {
		return retry{}, false
	}
	a.failures++
	problem := "No answer from " + e.service + " yet."
	if e.Status == http.StatusTooManyRequests {
		problem = "The limit of " + e.service + " is reached."
	}
	return retry{wait, problem + " Asking again in " + inWords(wait) + "."}, true
}

// givenUp reports whether another model is the better try.
func (a *answer) givenUp(e *Error) bool {
	switch {
	case e.unknownModel(), e.Status == 498, e.Code == CodeEmpty:
		return true
	case e.Status == http.StatusTooManyRequests:
		return e.RetryAfter > patient || a.failures == maxFailures
	}
	return e.Status >= 500 && a.failures > 0
}

// temporary reports whether the same request may succeed later. The list is
// that of Groq's own SDKs.
func (e *Error) temporary() bool {
	if e.again != nil {
		return *e.again
	}
	switch e.Code {
	case CodeNetwork, CodeDNS:
		return true
	case CodePortal, codeElsewhere:
		return false
	}
	return e.Status == http.StatusRequestTimeout || e.Status == http.StatusConflict ||
		e.Status == http.StatusTooManyRequests || e.Status >= 500
}

// attempt asks once and hands over what comes.
func (a *answer) attempt(ctx context.Context) *Error {
	c := a.c
	a.result = Result{Model: a.model, FirstToken: a.result.FirstToken, Retries: a.result.Retries}
	if a.offline.IsZero() {
		a.offline = time.Now()
	}
	a.splice = nil
	if a.text.Len() > 0 {
		a.splice = newSplice(a.text.String())
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, secret, err := c.request(httptrace.WithClientTrace(ctx, a.trace()), http.MethodPost, "/chat/completions", a.body())
	if err != nil {
		return c.credentialError(err)
	}
	s := &stream{answer: a, secret: secret, patience: c.o.Stall}
	if a.effort() == "high" {
		s.patience *= 3 // until the first word: thinking may send nothing
	}
	s.stall = time.AfterFunc(s.patience, func() { cancel(errStalled) })
	defer s.stall.Stop()

	resp, err := c.http.Do(req)
	if err != nil {
		c.usedUp()
		if stalled(ctx) {
			return &Error{Code: CodeStalled, Err: errStalled, service: c.o.Name}
		}
		return c.networkError(err)
	}
	a.offline = time.Time{}
	if failed := c.refusal(resp, secret); failed != nil {
		drain(resp.Body)
		return failed
	}
	failed := s.read(resp.Body)
	s.stall.Stop()
	gaveUp := failed != nil && stalled(ctx)
	// The end of the body mostly comes with the end of the answer. Without it
	// the connection is lost, which costs less than waiting.
	late := time.AfterFunc(drainTime, func() { cancel(nil) })
	defer late.Stop()
	if failed != nil {
		cancel(nil)
	}
	if !drain(resp.Body) && resp.ProtoMajor < 2 {
		c.usedUp()
	}
	if gaveUp {
		return &Error{Code: CodeStalled, Err: errStalled, service: c.o.Name, begun: true}
	}
	return failed
}

// drainTime is how long the end of a body may take after the end of the answer.
const drainTime = 100 * time.Millisecond

// trace notes when the first request was written and whether the connection
// was open before.
func (a *answer) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { a.result.Reused = info.Reused },
		WroteRequest: func(httptrace.WroteRequestInfo) {
			now := time.Now()
			a.sent.CompareAndSwap(nil, &now) // called by a goroutine of the transport
		},
	}
}

// deliver hands over a piece of the answer, less what was said before.
func (a *answer) deliver(text string) {
	if text == "" {
		return
	}
	if a.text.Len() == 0 {
		a.result.FirstToken = a.sinceSent()
	}
	a.text.WriteString(text)
	a.delta(text)
}

func (a *answer) finish() Result {
	a.result.Text = a.text.String()
	a.result.Done = a.sinceSent()
	return a.result
}

func (a *answer) sinceSent() time.Duration {
	if sent := a.sent.Load(); sent != nil {
		return time.Since(*sent)
	}
	return 0
}

func (a *answer) effort() string {
	if a.req.Effort != "" {
		return a.req.Effort
	}
	return a.c.o.Effort
}

// body returns the request as JSON. What changes least comes first and the
// messages last, so that the bytes of one request but for the closing brackets
// begin the next one's when a message was appended.
func (a *answer) body() []byte {
	w := struct {
		Model               string    `json:"model"`
		Stream              bool      `json:"stream"`
		MaxTokens           int       `json:"max_tokens,omitempty"`
		MaxCompletionTokens int       `json:"max_completion_tokens,omitempty"`
		ReasoningEffort     string    `json:"reasoning_effort,omitempty"`
		IncludeReasoning    *bool     `json:"include_reasoning,omitempty"`
		Messages            []Message `json:"messages"`
	}{Model: a.model, Stream: true, Messages: a.req.Messages}
	most := a.req.MaxTokens
	if most == 0 {
		most = a.c.o.MaxTokens
	}
	if a.c.o.Dialect == DialectGroq {
		w.MaxCompletionTokens, w.ReasoningEffort, w.IncludeReasoning = most, a.effort(), new(bool)
	} else {
		w.MaxTokens = most
	}
	if a.splice != nil {
		w.Messages = append(w.Messages[:len(w.Messages):len(w.Messages)],
			Message{Role: "assistant", Content: a.text.String()},
			Message{Role: "user", Content: "The connection broke before your answer was complete. Write the rest of it, " +
				"without a word about this. Begin with exactly these last words of yours and go on from there: " + a.splice.anchor()})
	}
	b, _ := json.Marshal(w) // strings and numbers only: it cannot fail
	return b
}

// request builds a request with its credential, which it returns too so that
// it can be kept out of logs.
func (c *Client) request(ctx context.Context, method, path string, body []byte) (*http.Request, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.o.BaseURL+path, bytes.NewReader(body))
	if err != nil {
		return nil, "", &Error{Code: CodeAddress, Err: err, service: c.o.Name}
	}
	req.Header.Set("User-Agent", "interview-copilot")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "text/event-stream")
	}
	secret := ""
	if c.o.Credential != nil {
		if secret, err = c.o.Credential(ctx); err != nil {
			return nil, "", c.credentialError(err)
		}
	}
	if secret != "" {
		req.Header.Set("Authorization", "Bearer "+secret)
	}
	if c.o.Header != nil {
		c.o.Header(req.Header)
	}
	return req, secret, nil
}

// sleep waits for d and reports whether ctx lasted.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
