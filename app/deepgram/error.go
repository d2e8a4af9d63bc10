package deepgram

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/gorilla/websocket"
)

// Codes of the problems that Deepgram did not name itself.
const (
	CodeDNS        = "dns"        // the name could not be resolved
	CodeRefused    = "refused"    // nobody listens, or no route
	CodeTLS        = "tls"        // the certificate is not Deepgram's
	CodePortal     = "portal"     // something else answered: a sign-in page
	CodeProxy      = "proxy"      // the proxy refused; Status is its answer
	CodeTimeout    = "timeout"    // no answer in time
	CodeLost       = "lost"       // an open connection broke
	CodeSlow       = "slow"       // the uplink does not keep up; sound is being left out
	CodeCredential = "credential" // no key or token could be had
)

// Error is what keeps a Stream from transcribing. It holds no secret.
type Error struct {
	Status     int           // HTTP status of a refused handshake, WebSocket code of a closed connection, or 0
	Code       string        // Deepgram's (INVALID_AUTH, NET-0001, ...) or one of the Code constants
	Message    string        // the details, as Deepgram or the system gave them
	RequestID  string        // dg-request-id, for support
	RetryAfter time.Duration // what the server asked for; 0 if nothing

	cause error
}

// Error returns all that is known, for a log.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("deepgram:")
	if e.Status != 0 {
		fmt.Fprintf(&b, " %d", e.Status)
	}
	if e.Code != "" {
		b.WriteString(" " + e.Code)
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if e.RequestID != "" {
		b.WriteString(" (request " + e.RequestID + ")")
	}
	return b.String()
}

// Unwrap returns the network's error, if that was the cause.
func (e *Error) Unwrap() error { return e.cause }

// Temporary says whether connecting again may succeed without anybody doing
// anything about it.
func (e *Error) Temporary() bool {
	if e.Code == CodeCredential {
		return !errors.Is(e.cause, ErrNoCredential)
	}
	switch e.Code {
	case CodeDNS, CodeRefused, CodeTLS, CodePortal, CodeProxy, CodeTimeout, CodeLost, CodeSlow:
		return true
	}
	if e.Status >= 1000 {
		// 1008: Deepgram cannot decode what we send, and would not next time.
		return e.Status != websocket.ClosePolicyViolation
	}
	return e.Status == http.StatusTooManyRequests || e.Status >= 500
}

// Sentence tells a person what is wrong and what to do.
func (e *Error) Sentence() string {
	switch e.Code {
	case CodeDNS:
		return "The transcription service cannot be found. Check the internet connection."
	case CodeRefused:
		return "The transcription service cannot be reached. Check the internet connection, the firewall or DEEPGRAM_URL."
	case CodeTLS:
		return "This network replaces the transcription service's certificate. Sign in to the network in a browser, or use another one."
	case CodePortal:
		return "Something other than the transcription service answered. Sign in to the network in a browser, or check DEEPGRAM_URL."
	case CodeProxy:
		if e.Status == http.StatusProxyAuthRequired {
			return "The network's proxy asks for a user and password. Put them into HTTPS_PROXY, or use another network."
		}
		return "The network's proxy did not let the connection through. Check HTTPS_PROXY, or use another network."
	case CodeTimeout:
		return "The transcription service did not answer in time. Check the internet connection."
	case CodeLost:
		return "The connection to the transcription service was lost. It is being opened again; what is said is kept for 15 seconds."
	case CodeSlow:
		return "The internet connection is too slow for the sound, so some of it is left out. Stop other uploads or use another network."
	case CodeCredential:
		return "There is no key or token for the transcription service. Enter a Deepgram key in the settings, or sign in again."
	case "INSUFFICIENT_PERMISSIONS":
		return "This Deepgram key may not transcribe. Create one with the Member role at console.deepgram.com."
	}
	switch {
	case e.Status == http.StatusBadRequest:
		return "Deepgram does not accept the settings of the transcription. Choose another model or language. " + quoted(e.Message)
	case e.Status == http.StatusUnauthorized:
		return "Deepgram did not accept the key. Check it in the settings, or sign in again."
	case e.Status == http.StatusPaymentRequired:
		return "The Deepgram account has no credit left. Add some at console.deepgram.com and start again."
	case e.Status == http.StatusForbidden:
		return "This Deepgram key may not use the chosen model. Choose another model or another key."
	case e.Status == http.StatusNotFound, e.Status == http.StatusMethodNotAllowed:
		return "There is no transcription service at this address. Check DEEPGRAM_URL."
	case e.Status == http.StatusTooManyRequests:
		return "All streams of the Deepgram account are in use. It works as soon as one of them ends."
	case e.Status == websocket.ClosePolicyViolation:
		return "Deepgram could not decode the sound. Start again, and report this if it stays so."
	case e.Status >= 500:
		return "Deepgram has a problem on its side. It is usually over in a moment."
	}
	return "The transcription service reported a problem. " + quoted(e.Message)
}

func quoted(message string) string {
	if message == "" {
		return ""
	}
	return "(It said: " + strings.TrimSuffix(message, ".") + ".)"
}

// refusal reads a handshake that was answered with anything but an open socket.
// Deepgram puts the reason into dg-error and the body, which is JSON of an older
// or a newer shape or plain text.
func refusal(resp *http.Response, secret string) *Error {
	e := &Error{
		Status:    resp.StatusCode,
		RequestID: clean(resp.Header.Get("dg-request-id"), secret),
		cause:     websocket.ErrBadHandshake,
	}
	if resp.StatusCode < 400 || resp.StatusCode == http.StatusNetworkAuthenticationRequired {
		e.Code = CodePortal
		return e
	}
	var body struct {
		ErrCode   string `json:"err_code"`
		ErrMsg    string `json:"err_msg"`
		Category  string `json:"category"`
		Message   string `json:"message"`
		Details   string `json:"details"`
		RequestID string `json:"request_id"`
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
	plain := ""
	if err := json.Unmarshal(text, &body); err != nil && !isTypeError(err) && !strings.HasPrefix(strings.TrimSpace(string(text)), "<") {
		plain = string(text)
	}
	e.Code = clean(first(body.ErrCode, body.Category), secret)
	e.Message = clean(first(body.ErrMsg, body.Message, body.Details, resp.Header.Get("dg-error"), plain), secret)
	if e.RequestID == "" {
		e.RequestID = clean(body.RequestID, secret)
	}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		e.RetryAfter = time.Duration(min(s, 60)) * time.Second
	}
	return e
}

// dialError names what went wrong before anybody answered.
func dialError(err error, secret string) *Error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	e := &Error{Code: CodeRefused, Message: clean(err.Error(), secret), cause: err}
	var (
		dns       *net.DNSError
		cert      *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		alert     tls.AlertError
		timeout   net.Error
	)
	switch {
	case errors.As(err, &dns):
		e.Code = CodeDNS
	case errors.As(err, &cert), errors.As(err, &record), errors.As(err, &authority), errors.As(err, &host), errors.As(err, &alert):
		e.Code = CodeTLS
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		e.Code = CodeTimeout
	case strings.HasPrefix(err.Error(), "malformed HTTP"):
		e.Code = CodePortal
	}
	return e
}

// lossError names why an open connection ended.
func lossError(err error, secret string) *Error {
	var closed *websocket.CloseError
	if errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure {
		e := &Error{Status: closed.Code, Message: clean(closed.Text, secret), cause: err}
		for _, code := range []string{"NET-0000", "NET-0001", "DATA-0000"} {
			if strings.Contains(closed.Text, code) {
				e.Code = code
			}
		}
		return e
	}
	e := &Error{Code: CodeLost, Message: clean(err.Error(), secret), cause: err}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		e.Message = "no sign of life"
	}
	return e
}

// clean makes a stranger's text fit for a log line and a window: one line, not
// long, and without our own secret, should it be echoed.
func clean(text, secret string) string {
	if secret != "" {
		text = strings.ReplaceAll(text, secret, "[redacted]")
	}
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	if r := []rune(text); len(r) > 200 {
		text = string(r[:200]) + "…"
	}
	return text
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
