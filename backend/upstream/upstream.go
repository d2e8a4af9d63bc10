// Package upstream calls the vendors whose keys we hold: Groq, whose streamed
// answers it passes on, and Deepgram, which it asks for short-lived tokens and
// for what was streamed with them.
//
// The entry points are [Groq.Answer] with [Answer.Copy], and [Deepgram.Grant]
// with [Deepgram.Streams]. Nothing here starts a goroutine that outlives its
// call. Keys are put on requests and nowhere else, and a vendor's words never
// leave the package: a failure is an [*Error], whose Kind says what it means to
// us and whose Code is a vendor's word of letters and underscores, fit for logs.
//
// The package knows nothing of sessions, minutes, people or our own wire.
package upstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Kind says what a vendor's failure means to us.
type Kind string

const (
	Busy     Kind = "busy"      // over a limit of our account: wait for RetryAfter
	Rejected Kind = "rejected"  // the request itself is not accepted
	TooLarge Kind = "too_large" // the request is too long
	NoModel  Kind = "no_model"  // the model is unknown or retired
	Refused  Kind = "refused"   // our key or our account is not accepted: the owner must act
	Away     Kind = "away"      // no connection, or trouble at the vendor's
	Broken   Kind = "broken"    // the answer stopped before its end
)

// Error is a failed call of a vendor.
type Error struct {
	Vendor     string // "groq" or "deepgram"
	Kind       Kind
	Status     int           // HTTP status; 0 when there was no answer
	Code       string        // the vendor's code, letters and underscores only
	RetryAfter time.Duration // how long the vendor asks to wait; 0: it does not say
	Err        error         // the cause, when it is ours to tell
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Vendor + ": " + string(e.Kind))
	if e.Status != 0 {
		fmt.Fprintf(&b, ": status %d", e.Status)
	}
	if e.Code != "" {
		b.WriteString(": " + e.Code)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Transport returns a transport for the vendors: HTTP/2 where it is offered,
// connections that stay open between answers, a ping that finds dead ones, and
// no time limit on what is being streamed.
func Transport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second},
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		MaxIdleConnsPerHost:   256, // counts only where HTTP/2 is not offered
		IdleConnTimeout:       5 * time.Minute,
		DisableCompression:    true,
	}
}

// newClient refuses redirects: a key is not to be carried to another address.
func newClient(t http.RoundTripper) *http.Client {
	if t == nil {
		t = Transport()
	}
	return &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// refusal makes an Error of a status that is not 200. It reads and closes the body.
func refusal(vendor string, resp *http.Response) *Error {
	defer resp.Body.Close()
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 16<<10))
	e := &Error{Vendor: vendor, Status: resp.StatusCode, Code: vendorCode(b), RetryAfter: retryAfter(resp.Header, time.Now())}
	switch s := resp.StatusCode; {
	case s == http.StatusTooManyRequests, s == 498: // 498: Groq has no flex capacity
		e.Kind = Busy
	case s == http.StatusNotFound, e.Code == "model_decommissioned", e.Code == "model_not_found":
		e.Kind = NoModel
	case s == http.StatusRequestEntityTooLarge:
		e.Kind = TooLarge
	case s == http.StatusBadRequest, s == http.StatusUnprocessableEntity:
		e.Kind = Rejected
	case s == http.StatusUnauthorized, s == http.StatusPaymentRequired, s == http.StatusForbidden:
		e.Kind = Refused
	default:
		e.Kind = Away
	}
	return e
}

// away makes an Error of a request that got no answer. The URL that net/http
// puts into its errors is left out.
func away(vendor string, err error) *Error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return &Error{Vendor: vendor, Kind: Away, Err: err}
}

// vendorCode finds the vendor's code in an error body: Groq's
// {"error":{"code","type"}}, Deepgram's {"err_code"} or {"category"}.
func vendorCode(body []byte) string {
	var v struct {
		Error struct {
			Code any    `json:"code"`
			Type string `json:"type"`
		} `json:"error"`
		ErrCode  string `json:"err_code"`
		Category string `json:"category"`
	}
	if json.Unmarshal(body, &v) != nil {
		return ""
	}
	code, _ := v.Error.Code.(string)
	for _, s := range []string{code, v.Error.Type, v.ErrCode, v.Category} {
		if isCode(s) {
			return s
		}
	}
	return ""
}

// isCode reports whether s is a word that may be logged.
func isCode(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		if c != '_' && c != '-' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// retryAfter reads retry-after-ms and retry-after (seconds or a date), as
// Groq's SDKs do, up to a minute.
func retryAfter(h http.Header, now time.Time) time.Duration {
	limit := func(d time.Duration) time.Duration { return min(max(d, 0), time.Minute) }
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil {
		return limit(time.Duration(min(ms, 60_000)) * time.Millisecond)
	}
	v := h.Get("Retry-After")
	if s, err := strconv.ParseFloat(v, 64); err == nil {
		return limit(time.Duration(min(s, 60) * float64(time.Second)))
	}
	if at, err := http.ParseTime(v); err == nil {
		return limit(at.Sub(now))
	}
	return 0
}
