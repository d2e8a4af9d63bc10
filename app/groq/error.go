package groq

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Codes of our own, for what a server cannot say itself.
const (
	CodeStalled    = "stalled"        // nothing came for Options.Stall
	CodeCut        = "cut"            // the stream ended before the answer did
	CodeMalformed  = "malformed"      // the stream is not what it should be
	CodeFailed     = "failed"         // the server reported an error within the stream
	CodeEmpty      = "empty"          // the answer has no text
	CodeNetwork    = "network"        // no connection, or it broke
	CodeDNS        = "dns"            // the host's name could not be looked up
	CodeTLS        = "tls"            // the server's certificate is not to be trusted
	CodeProxy      = "proxy"          // the proxy refuses
	CodePortal     = "portal"         // a web page came instead of an answer
	CodeCredential = "credential"     // Options.Credential failed
	CodeAddress    = "address"        // Options.BaseURL is not an address
	codeOutOfTime  = "out_of_minutes" // our backend's
	codeSignIn     = "unauthenticated"
	codeElsewhere  = "session_elsewhere"
)

// Error is why a request failed.
type Error struct {
	Status     int           // HTTP status; 0 when there was no answer
	Code       string        // the server's code, or one of ours; empty when it gave none
	Message    string        // the server's words, shortened and without the credential: for logs, never for the screen
	RetryAfter time.Duration // how long the server asks to wait; 0 when it does not say
	Err        error         // the cause, when there is one

	service string // how sentences call the server
	model   string
	begun   bool // the answer had begun
	again   *bool
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("groq")
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

// Sentence says what happened and what the person can do, in plain words.
func (e *Error) Sentence() string { return capital(e.sentence()) }

func (e *Error) sentence() string {
	s := e.service
	switch e.Code {
	case CodeStalled, CodeCut, CodeMalformed, CodeFailed:
		return s + " stopped before the answer was complete. Ask again."
	case CodeEmpty:
		return "The model wrote no answer. Ask again, or choose another model in the settings."
	case CodeDNS:
		return s + " cannot be found. Check the internet connection."
	case CodeNetwork:
		return "There is no connection to " + s + ". Check the internet connection."
	case CodeTLS:
		return "The connection to " + s + " is not safe. Check this computer's date and time, and whether the network lets you through."
	case CodeProxy:
		return "The network's proxy refuses the connection. Check the proxy's user name and password."
	case CodePortal:
		return "A web page came instead of an answer. Open a browser and sign in to the network, or check the server's address in the settings."
	case CodeAddress:
		return "The server's address is not valid. Check it in the settings."
	case CodeCredential:
		var says interface{ Sentence() string }
		if errors.As(e.Err, &says) {
			return says.Sentence()
		}
		return "There is no key for " + s + ". Enter it in the settings."
	case codeOutOfTime:
		return "Your minutes are used up. Add time to go on."
	case codeSignIn:
		return "You are signed out. Sign in again."
	case codeElsewhere:
		return "Your session runs on another device. Take it over there or here."
	}
	return e.statusSentence(s)
}

func (e *Error) statusSentence(s string) string {
	switch {
	case e.Status == http.StatusUnauthorized:
		return s + " does not accept the key. Enter it again in the settings."
	case e.Status == http.StatusPaymentRequired:
		return s + " asks for payment. Check your account there."
	case e.Status == http.StatusForbidden:
		return s + " does not allow this. Check what the key may do, or choose another model."
	case e.unknownModel():
		if e.model == "" {
			return s + " was not found at this address. Check it in the settings."
		}
		return s + " has no model " + strconv.Quote(e.model) + ". Choose another in the settings."
	case e.Status == http.StatusRequestEntityTooLarge:
		return "The request is too long for " + s + ". Shorten the résumé or the job description."
	case e.Status == http.StatusTooManyRequests && e.RetryAfter > 0:
		return "The limit of " + s + " is reached. Try again in " + inWords(e.RetryAfter) + "."
	case e.Status == http.StatusTooManyRequests:
		return "The limit of " + s + " is reached. Try again in a minute."
	case e.Status == 498:
		return s + " has no capacity left just now. Try again in a moment."
	case e.Status >= 500, e.Status == http.StatusRequestTimeout, e.Status == http.StatusConflict:
		return s + " has trouble just now. Try again in a moment."
	}
	return s + " did not understand the request. Choose another model, or update the app."
}

// unknownModel also covers retired models: Groq answers 404, or 400 with
// model_decommissioned.
func (e *Error) unknownModel() bool {
	return e.Status == http.StatusNotFound || e.Code == "model_not_found" || e.Code == "model_decommissioned"
}

// capital makes a sentence begin with a capital letter: it may begin with the
// name of a server.
func capital(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[size:]
}

// inWords rounds d up to what a person would say.
func inWords(d time.Duration) string {
	n, unit := int((d+time.Second-1)/time.Second), "second"
	if n > 90 {
		n, unit = (n+59)/60, "minute"
	}
	if n == 1 {
		return "1 " + unit
	}
	return strconv.Itoa(n) + " " + unit + "s"
}

// vendorError is the error of a body or an event: an object, or with some
// servers a string.
type vendorError struct{ message, code string }

func (v *vendorError) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, &v.message) == nil {
		return nil
	}
	var o struct {
		Message string          `json:"message"`
		Type    string          `json:"type"`
		Code    json.RawMessage `json:"code"` // a string, with some servers a number
	}
	if err := json.Unmarshal(b, &o); err != nil {
		return err
	}
	v.message, v.code = o.Message, strings.Trim(string(o.Code), `"`)
	if v.code == "" || v.code == "null" {
		v.code = o.Type
	}
	return nil
}

// refusal returns the error an answer's status and kind stand for, nil when
// the answer is as asked for. It reads the body of a refusal.
func (c *Client) refusal(resp *http.Response, secret string) *Error {
	e := &Error{Status: resp.StatusCode, service: c.o.Name}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode == http.StatusProxyAuthRequired:
		e.Code = CodeProxy
		return e
	case resp.StatusCode == http.StatusNetworkAuthenticationRequired,
		resp.StatusCode/100 == 3,
		resp.StatusCode/100 == 2 && kind == "text/html":
		e.Code = CodePortal
		return e
	case resp.StatusCode/100 == 2:
		return nil
	}
	var body struct {
		Error vendorError `json:"error"`
	}
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if json.Unmarshal(raw, &body) == nil {
		e.setVendor(body.Error, secret)
	}
	e.RetryAfter = retryAfter(resp.Header, time.Now())
	if again, err := strconv.ParseBool(resp.Header.Get("X-Should-Retry")); err == nil {
		e.again = &again
	}
	return e
}

// setVendor takes over what the server says, made safe for a log.
func (e *Error) setVendor(v vendorError, secret string) {
	e.Message = safe(v.message, secret, 300)
	e.Code = strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == '.' || r < unicode.MaxASCII && isWord(r) {
			return r
		}
		return -1
	}, safe(v.code, secret, 64))
}

// looksSecret finds keys that are not the one in use, such as a shortened echo
// of it.
var looksSecret = regexp.MustCompile(`(?i)\b(gsk_|sk-|bearer\s+|eyJ)\S+`)

// safe shortens s to one line and takes secrets out.
func safe(s, secret string, most int) string {
	if secret != "" {
		s = strings.ReplaceAll(s, secret, "***")
	}
	s = looksSecret.ReplaceAllString(s, "***")
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// retryAfter reads retry-after-ms, else retry-after in seconds or as a date.
// Zero means that the server does not say; no wait is longer than a day.
func retryAfter(h http.Header, now time.Time) time.Duration {
	wait := 0.0 // seconds
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil {
		wait = ms / 1000
	} else if s, err := strconv.ParseFloat(h.Get("Retry-After"), 64); err == nil {
		wait = s
	} else if at, err := http.ParseTime(h.Get("Retry-After")); err == nil {
		wait = at.Sub(now).Seconds()
	}
	if !(wait > 0) { // also NaN
		return 0
	}
	return time.Duration(min(wait, 24*3600) * float64(time.Second))
}

// networkError says which kind of trouble kept a request from being answered.
func (c *Client) networkError(err error) *Error {
	e := &Error{service: c.o.Name}
	if errors.As(err, &e) { // the proxy's, from the transport
		e.service = c.o.Name
		return e
	}
	var asked *url.Error // leaves the address out, which says nothing new
	if errors.As(err, &asked) {
		err = asked.Err
	}
	e.Err = err
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var notTLS tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &dns):
		e.Code = CodeDNS
	case errors.As(err, &cert), errors.As(err, &authority), errors.As(err, &notTLS), errors.As(err, &alert),
		errors.Is(err, http.ErrSchemeMismatch):
		e.Code = CodeTLS
	default:
		e.Code = CodeNetwork
	}
	return e
}

// streamError says how an answer that had begun went wrong.
func (c *Client) streamError(err error) *Error {
	e := &Error{Status: http.StatusOK, Code: CodeCut, Err: err, service: c.o.Name, begun: true}
	if errors.Is(err, errEventTooLong) {
		e.Code = CodeMalformed
	}
	return e
}

// errStalled cancels an attempt when the server says nothing for too long.
var errStalled = errors.New("the server says nothing")

// stalled reports whether ctx, an attempt's, was given up because of that.
func stalled(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errStalled) }

// credentialError wraps what Options.Credential, or building the request, says.
func (c *Client) credentialError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: CodeCredential, Err: err, service: c.o.Name}
}
