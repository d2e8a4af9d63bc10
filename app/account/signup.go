package account

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Purpose says what a code was sent for.
type Purpose string

const (
	ForSignIn  Purpose = "email"    // SendCode
	ForSignUp  Purpose = "signup"   // SignUp: the address is confirmed by it
	ForAnother Purpose = "recovery" // ResetPassword: another password follows
)

// SignUp makes an account. confirm says that the server has sent a message to
// the address: with its code (SignInWithCode, ForSignUp) or its link the address
// is confirmed, and nobody is signed in before. Where the project wants no
// confirmation the person is signed in. An address that has an account already
// gets no answer of its own, so that nobody can find out who has one.
func (a *Account) SignUp(ctx context.Context, email, password string) (confirm bool, err error) {
	var got session
	err = a.call(ctx, http.MethodPost, "/signup", "", map[string]any{"email": email, "password": password}, &got)
	if err != nil {
		return false, fmt.Errorf("sign up: %w", err)
	}
	if got.AccessToken == "" {
		return true, nil
	}
	return false, a.enter(ctx, "sign up", got)
}

// SendCode has a one-time code sent to the address, for SignInWithCode. Who has
// no account gets one by it.
func (a *Account) SendCode(ctx context.Context, email string) error {
	if err := a.call(ctx, http.MethodPost, "/otp", "", map[string]any{"email": email, "create_user": true}, nil); err != nil {
		return fmt.Errorf("send a code: %w", err)
	}
	return nil
}

// ResetPassword has a code sent to the address, for SignInWithCode (ForAnother).
func (a *Account) ResetPassword(ctx context.Context, email string) error {
	if err := a.call(ctx, http.MethodPost, "/recover", "", map[string]any{"email": email}, nil); err != nil {
		return fmt.Errorf("reset the password: %w", err)
	}
	return nil
}

// SignInWithCode signs in with the code that was sent to the address.
func (a *Account) SignInWithCode(ctx context.Context, purpose Purpose, email, code string) error {
	code = strings.Join(strings.Fields(code), "")
	var got session
	in := map[string]any{"type": string(purpose), "email": email, "token": code}
	if err := a.call(ctx, http.MethodPost, "/verify", "", in, &got); err != nil {
		return fmt.Errorf("sign in with a code: %w", err)
	}
	return a.enter(ctx, "sign in with a code", got)
}

// SetPassword gives the signed-in person another password.
func (a *Account) SetPassword(ctx context.Context, password string) error {
	access, err := a.Token(ctx)
	if err != nil {
		return fmt.Errorf("set the password: %w", err)
	}
	if err := a.call(ctx, http.MethodPut, "/user", access, map[string]any{"password": password}, nil); err != nil {
		return fmt.Errorf("set the password: %w", err)
	}
	return nil
}

// enter makes got the person's session, in place of any other.
func (a *Account) enter(ctx context.Context, what string, got session) error {
	if !got.whole() {
		return fmt.Errorf("%s: %w", what, &Error{Status: http.StatusOK, Code: codePortal})
	}
	a.mu.Lock()
	a.login++
	a.pending, a.after = nil, time.Time{}
	a.keep(got)
	a.mu.Unlock()
	if err := a.o.Keys.Set(ctx, a.item, got.RefreshToken); err != nil {
		a.o.Log.Warn("signed in for this run only", "err", err)
	}
	return nil
}

// call asks the server for what the library cannot do, or not safely. access is
// the person's token, where one is needed. Errors are *Error or ctx's.
func (a *Account) call(ctx context.Context, method, path, access string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.authURL(path), body)
	if err != nil {
		return err
	}
	req.Header.Set("apikey", a.o.Key)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if access != "" {
		req.Header.Set("Authorization", "Bearer "+access)
	}
	resp, err := (&http.Client{Transport: carrier{ctx, a.o.Transport}}).Do(req)
	if err != nil {
		return known(ctx, err)
	}
	defer resp.Body.Close()
	if out == nil || resp.StatusCode == http.StatusNoContent {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return known(ctx, err)
	}
	return nil
}

func (a *Account) authURL(path string) string { return a.o.SupabaseURL + "/auth/v1" + path }

// signInPage is where the browser begins a sign-in with another service.
func (a *Account) signInPage(provider, redirect, challenge string) string {
	q := url.Values{
		"provider": {provider}, "redirect_to": {redirect},
		"code_challenge": {challenge}, "code_challenge_method": {"s256"},
	}
	return a.authURL("/authorize") + "?" + q.Encode()
}
