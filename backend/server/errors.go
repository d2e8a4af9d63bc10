package server

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"copilot/backend/api"
	"copilot/backend/supabase"
	"copilot/backend/upstream"
	"copilot/billing"
)

// sentences are what a person reads for each code, where nothing more fitting
// is known.
var sentences = map[api.Code]string{
	api.Unauthenticated:  "Please sign in again.",
	api.OutOfMinutes:     "The minutes are used up. Add time to go on.",
	api.SessionElsewhere: "Your session runs on another device. Take it over to go on here.",
	api.NoSession:        "This session is over or was never there. Start a new one.",
	api.SessionPaused:    "The session is paused. Resume it to go on.",
	api.PlanRequired:     "This belongs to Pro.",
	api.AlreadyPro:       "This account has Pro already. Manage the subscription instead.",
	api.Invalid:          "The server does not understand this request. Please update the program.",
	api.TooLarge:         "The request is too long. Shorten the résumé or the job description.",
	api.NotFound:         "The server does not know this request. Please update the program.",
	api.SlowDown:         "Too many requests. It goes on in a moment.",
	api.DayUsed:          "What a day has beside your minutes is used up. There is more tomorrow.",
	api.Unavailable:      "The server is away for a moment. It is tried again.",
}

// refuse makes the error with the code's usual sentence.
func refuse(code api.Code) *api.Error { return &api.Error{Code: code, Message: sentences[code]} }

// slowDown asks to come back after wait.
func slowDown(wait time.Duration) *api.Error {
	e := refuse(api.SlowDown)
	e.RetryAfter = max(wait, time.Second)
	return e
}

// apiError says what a client is told of err. Whatever is not made for a client
// becomes Unavailable: neither a vendor's words nor the database's leave here.
func apiError(err error) *api.Error {
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*upstream.Error](err); ok {
		return vendorError(e)
	}
	if e := storeError(err); e != nil {
		return e
	}
	if tooLong, ok := errors.AsType[*http.MaxBytesError](err); ok && tooLong != nil {
		return refuse(api.TooLarge)
	}
	e := refuse(api.Unavailable)
	e.RetryAfter = time.Second
	return e
}

// storeError says what the store's refusals mean to a client; nil when err is
// none of them.
func storeError(err error) *api.Error {
	if _, ok := errors.AsType[*supabase.LeaseHeldError](err); ok {
		return refuse(api.SessionElsewhere)
	}
	if _, ok := errors.AsType[*supabase.LostError](err); ok {
		return refuse(api.NoSession)
	}
	if often, ok := errors.AsType[*supabase.TooOftenError](err); ok {
		e := slowDown(often.Wait)
		if often.Wait > time.Minute {
			e.Code, e.Message = api.DayUsed, sentences[api.DayUsed]
		}
		return e
	}
	switch {
	case errors.Is(err, billing.ErrOutOfMinutes):
		return refuse(api.OutOfMinutes)
	case errors.Is(err, supabase.ErrNoSession):
		return refuse(api.NoSession)
	case errors.Is(err, billing.ErrNoAccount): // the person was deleted
		return refuse(api.Unauthenticated)
	}
	return nil
}

func vendorError(e *upstream.Error) *api.Error {
	switch e.Kind {
	case upstream.Busy:
		return slowDown(e.RetryAfter)
	case upstream.Rejected:
		return &api.Error{Code: api.Invalid, Message: "The model does not accept this request. Choose another model, or update the program."}
	case upstream.TooLarge:
		return refuse(api.TooLarge)
	case upstream.NoModel:
		return &api.Error{Code: api.Invalid, Message: "This model is gone. Choose another in the settings."}
	case upstream.Broken:
		return &api.Error{Code: api.Unavailable, Message: "The answer stopped before its end. Ask again."}
	}
	r := refuse(api.Unavailable)
	r.RetryAfter = max(e.RetryAfter, time.Second)
	return r
}

// writeError answers with the error's code and sentence, and notes the cause
// for the request's line in the log.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	e := apiError(err)
	if n := noteOf(r.Context()); n != nil && n.err == nil {
		n.err, n.code = err, e.Code
	}
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	writeJSON(w, e.Code.Status(), api.ErrorBody{Error: e})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // a client that is gone is no error of ours
}

// fault reports whether a failure is worth an alarm: not the client's doing,
// and not one of a client that left.
func fault(ctx context.Context, err error) bool {
	return ctx.Err() == nil && apiError(err).Code == api.Unavailable
}
