package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client calls the backend. Its fields are set before first use and not changed.
type Client struct {
	BaseURL string // e.g. https://copilot.example, without a trailing slash
	// Token returns the access token of the signed-in person; it is asked
	// before each request, so that a refreshed one is used at once.
	Token func(ctx context.Context) (string, error)
	HTTP  *http.Client // nil: http.DefaultClient
}

const (
	maxBody        = 1 << 20
	requestTimeout = 15 * time.Second
)

// Account returns what the signed-in person may do now.
func (c *Client) Account(ctx context.Context) (Account, error) {
	var a Account
	return a, c.call(ctx, http.MethodGet, PathAccount, nil, nil, &a)
}

// Ledger returns the newest entries, or those before the entry with id before.
func (c *Client) Ledger(ctx context.Context, before int64) (Ledger, error) {
	var l Ledger
	q := url.Values{}
	if before > 0 {
		q.Set("before", strconv.FormatInt(before, 10))
	}
	return l, c.call(ctx, http.MethodGet, PathLedger, q, nil, &l)
}

// Receipts returns the newest receipts, or those from before an instant.
func (c *Client) Receipts(ctx context.Context, before time.Time) (Receipts, error) {
	var r Receipts
	q := url.Values{}
	if !before.IsZero() {
		q.Set("before", before.Format(time.RFC3339Nano))
	}
	return r, c.call(ctx, http.MethodGet, PathReceipts, q, nil, &r)
}

// Check returns a token for a sound check; nothing is charged.
func (c *Client) Check(ctx context.Context) (Check, error) {
	var k Check
	return k, c.call(ctx, http.MethodPost, PathCheck, nil, struct{}{}, &k)
}

// Checkout returns the payment page for a price.
func (c *Client) Checkout(ctx context.Context, p Price) (Page, error) {
	var page Page
	return page, c.call(ctx, http.MethodPost, PathCheckout, nil, CheckoutRequest{p}, &page)
}

// Portal returns the page where a subscription is changed or cancelled.
func (c *Client) Portal(ctx context.Context) (Page, error) {
	var page Page
	return page, c.call(ctx, http.MethodPost, PathPortal, nil, struct{}{}, &page)
}

// call sends in as JSON and decodes the reply into out. Refusals are *Error.
func (c *Client) call(ctx context.Context, method, path string, q url.Values, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("call %s: %w", path, err)
		}
		body = bytes.NewReader(b)
	}
	target := c.BaseURL + path
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return fmt.Errorf("call %s: %w", path, err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if req.Header, err = c.authorize(ctx, req.Header); err != nil {
		return fmt.Errorf("call %s: %w", path, err)
	}
	resp, err := c.http().Do(req)
	if err != nil {
		return fmt.Errorf("call %s: %w", path, away(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("call %s: %w", path, ReadError(resp))
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxBody)).Decode(out); err != nil {
		return fmt.Errorf("call %s: decode the reply: %w", path, err)
	}
	return nil
}

func (c *Client) authorize(ctx context.Context, h http.Header) (http.Header, error) {
	if h == nil {
		h = http.Header{}
	}
	if c.Token == nil {
		return h, nil
	}
	token, err := c.Token(ctx)
	if err != nil {
		return nil, err
	}
	h.Set("Authorization", "Bearer "+token)
	return h, nil
}

func (c *Client) http() *http.Client {
	if c.HTTP != nil {
		return c.HTTP
	}
	return http.DefaultClient
}

// ReadError makes an *Error of a refusal, whoever sent it: a proxy in between
// answers in its own format, which becomes the code that fits the status.
func ReadError(resp *http.Response) *Error {
	var body ErrorBody
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if json.Unmarshal(b, &body) != nil || body.Error == nil || body.Error.Code == "" {
		body.Error = fromStatus(resp.StatusCode)
	}
	if s, err := strconv.Atoi(strings.TrimSpace(resp.Header.Get("Retry-After"))); err == nil && s > 0 {
		body.Error.RetryAfter = time.Duration(min(s, 3600)) * time.Second
	}
	return body.Error
}

func fromStatus(status int) *Error {
	switch status {
	case http.StatusUnauthorized:
		return &Error{Code: Unauthenticated, Message: "Please sign in again."}
	case http.StatusTooManyRequests:
		return &Error{Code: SlowDown, Message: "Too many requests. It goes on in a moment."}
	case http.StatusProxyAuthRequired:
		return &Error{Code: Unavailable, Message: "The network's proxy wants a password. Set it up in the system's settings, or use another network."}
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return &Error{Code: NotFound, Message: "The server does not know this request. Please update the program."}
	}
	return &Error{Code: Unavailable, Message: "The server is away for a moment. It is tried again."}
}

// away turns a failure to reach the backend into an *Error that keeps its cause.
func away(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w (%w)", &Error{Code: Unavailable, Message: "The server cannot be reached. Check the network; it is tried again."}, err)
}
