package account

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/supabase-community/gotrue-go"
	"github.com/supabase-community/gotrue-go/types"
)

// session is what the server answers to a sign-in and a refresh.
type session struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int    `json:"expires_in"` // seconds
	User         struct {
		Email string `json:"email"`
	} `json:"user"`
}

// whole reports whether s lets anybody in.
func (s session) whole() bool { return s.AccessToken != "" && s.RefreshToken != "" && s.ExpiresIn > 0 }

// ErrSignedOut says that nobody is signed in, or no longer.
var ErrSignedOut error = signedOut{}

type signedOut struct{}

func (signedOut) Error() string { return "signed out" }

// Sentence is what the person is told.
func (signedOut) Sentence() string { return "Please sign in first, in the window's set-up." }

// Error is why the sign-in server refused, or could not be asked. It holds no
// word of the server but its code.
type Error struct {
	Status int    // HTTP status; 0 when there was no answer
	Code   string // the server's, such as invalid_credentials, or one of ours
	Err    error  // the cause, when there is one
}

// Codes of our own.
const (
	codeAway     = "unreachable"
	codePortal   = "portal" // something else than the server answered
	codeLoopback = "loopback"
)

func (e *Error) Error() string {
	text := "sign-in server"
	if e.Status != 0 {
		text += fmt.Sprintf(": status %d", e.Status)
	}
	if e.Code != "" {
		text += ": " + e.Code
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// Is makes the end of a sign-in an ErrSignedOut.
func (e *Error) Is(target error) bool { return target == ErrSignedOut && e.over() }

// over says whether the refresh token is worth nothing any more. Only what the
// server itself says counts: a proxy's 403 ends no sign-in. invalid_grant is
// from GoTrue before it had error codes.
func (e *Error) over() bool {
	switch e.Code {
	case "refresh_token_already_used", "refresh_token_not_found", "session_not_found", "session_expired",
		"user_not_found", "user_banned", "invalid_grant":
		return true
	}
	return false
}

// Sentence says what the person can do.
func (e *Error) Sentence() string {
	switch e.Code {
	case codeAway:
		return "The sign-in service cannot be reached. Check the internet connection."
	case codePortal:
		return "Something other than the sign-in service answered. Sign in to the network in a browser, or check SUPABASE_URL."
	case codeLoopback:
		return "This computer lets no program listen for the browser's answer. Sign in with your e-mail address instead."
	case "access_denied":
		return "The other service did not let you in, or you said no. Try again, or sign in with your e-mail address."
	case "invalid_credentials":
		return "The e-mail address or the password is wrong."
	case "email_not_confirmed":
		return "Your e-mail address is not confirmed yet. Open the link in the message that was sent to you."
	case "otp_expired", "otp_disabled":
		return "The code is wrong or too old. Check it, or have another one sent."
	case "weak_password":
		return "The password is too easy to guess. Take a longer one."
	case "same_password":
		return "This is the password you had. Take another one."
	case "user_already_exists", "email_exists":
		return "There is an account with this e-mail address already. Sign in instead."
	case "signup_disabled", "email_provider_disabled", "provider_disabled":
		return "This way of signing in is switched off. Take another one."
	case "over_email_send_rate_limit":
		return "A message was sent a moment ago. Look for it, or wait a minute and try again."
	case "bad_code_verifier", "flow_state_expired", "flow_state_not_found", "bad_oauth_state", "bad_oauth_callback":
		return "The sign-in in the browser took too long or was begun elsewhere. Try again."
	case "user_banned":
		return "This account is blocked. Please write to the support."
	case "validation_failed", "email_address_invalid":
		return "This is not an e-mail address and a password. Check both."
	}
	switch {
	case e.over():
		return "You were signed out, because your sign-in was ended or used elsewhere. Please sign in again."
	case e.Status == http.StatusTooManyRequests:
		return "There were too many attempts. Wait a minute, then try again."
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		return "The sign-in service does not accept this program's key. Check SUPABASE_ANON_KEY."
	case e.Status == http.StatusNotFound, e.Status == http.StatusMethodNotAllowed:
		return "There is no sign-in service at this address. Check SUPABASE_URL."
	}
	return "The sign-in service has trouble just now. Try again in a moment."
}

// ask calls the library with what it lacks: a context, a limit for replies,
// errors that can be told apart. The library's own sign-in is not used, since
// it changes the client under the feet of others; nor is its automatic refresh,
// which nothing can stop.
func (a *Account) ask(ctx context.Context, call func(gotrue.Client) (*types.TokenResponse, error)) (s session, err error) {
	got, err := call(a.auth.WithClient(http.Client{Transport: carrier{ctx, a.o.Transport}}))
	if err != nil {
		return s, known(ctx, err)
	}
	s.AccessToken, s.RefreshToken, s.ExpiresIn, s.User.Email = got.AccessToken, got.RefreshToken, got.ExpiresIn, got.User.Email
	if !s.whole() {
		return s, &Error{Status: http.StatusOK, Code: codePortal}
	}
	return s, nil
}

// tell ends a sign-in at the server, or all of the person's. The library would
// always end all.
func (a *Account) tell(ctx context.Context, access, scope string) error {
	err := a.call(ctx, http.MethodPost, "/logout?scope="+scope, access, nil, nil)
	var refused *Error
	if errors.As(err, &refused) && refused.Status/100 == 4 { // it is over already
		return nil
	}
	return err
}

// known returns err as an *Error, or ctx's when that was given up.
func known(ctx context.Context, err error) error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	if errors.As(err, &syntax) || errors.As(err, &kind) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &Error{Status: http.StatusOK, Code: codePortal, Err: errors.New("the reply makes no sense")}
	}
	var asked *url.Error // leaves the address out, which says nothing new
	if errors.As(err, &asked) {
		err = asked.Err
	}
	return &Error{Code: codeAway, Err: err}
}

const maxReply = 1 << 20

// carrier takes one request to the server and brings back a reply that makes
// sense, or an *Error. Since it follows no redirect, neither password nor token
// can be led elsewhere.
type carrier struct {
	ctx  context.Context
	base http.RoundTripper
}

func (c carrier) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.base.RoundTrip(r.WithContext(c.ctx))
	if err != nil {
		return nil, err
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode == http.StatusNoContent:
		return resp, nil
	case kind != "application/json" || resp.StatusCode/100 == 3:
		resp.Body.Close()
		e := &Error{Status: resp.StatusCode, Code: codePortal}
		if resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests {
			e.Code = ""
		}
		return nil, e
	case resp.StatusCode/100 != 2:
		defer resp.Body.Close()
		return nil, refusal(resp)
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxReply), resp.Body}
	return resp, nil
}

// refusal reads GoTrue's error: {"code":400,"error_code":"invalid_credentials","msg":…},
// in older versions {"error":"invalid_grant","error_description":…}, and with an
// API version header {"code":"invalid_credentials","message":…}.
func refusal(resp *http.Response) *Error {
	var body struct {
		Code      any    `json:"code"`
		ErrorCode string `json:"error_code"`
		Error     string `json:"error"`
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	e := &Error{Status: resp.StatusCode}
	if json.Unmarshal(text, &body) != nil {
		return e
	}
	code, _ := body.Code.(string)
	for _, name := range []string{body.ErrorCode, code, body.Error} {
		if name != "" {
			e.Code = safeCode(name)
			break
		}
	}
	return e
}

// safeCode keeps a code out of harm's way: letters, digits and underscores.
func safeCode(s string) string {
	out := make([]rune, 0, 48)
	for _, r := range s {
		if (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_') && len(out) < 48 {
			out = append(out, r)
		}
	}
	return string(out)
}

// newTransport gives up early on what does not connect.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		ResponseHeaderTimeout: callTimeout,
		ForceAttemptHTTP2:     true,
		IdleConnTimeout:       30 * time.Second,
	}
}
