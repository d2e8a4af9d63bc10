package groq

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// keepWarm is how often an unused connection is used, to keep servers and
// routers from closing it: common idle limits begin at 60 s.
const keepWarm = 55 * time.Second

// newTransport returns a transport that gives up early on what does not
// connect, so that a person hears of it within five seconds, and that notices
// over HTTP/2 when the network under a connection has changed.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: (&net.Dialer{
			Timeout:   3 * time.Second, // looking up the name included
			KeepAlive: 15 * time.Second,
		}).DialContext,
		TLSHandshakeTimeout: 3 * time.Second,
		ForceAttemptHTTP2:   true,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 3 * time.Second},
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     5 * time.Minute,
		// A stall ends a request sooner, this one only bounds what it forgets.
		ResponseHeaderTimeout: 3 * portableStall,
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, r *http.Response) error {
			if r.StatusCode == http.StatusOK {
				return nil
			}
			return &Error{Status: r.StatusCode, Code: CodeProxy}
		},
	}
}

// Warm opens the connection that the next answers use, by listing the models,
// which also tries the credential: 401 and 403 are errors, as is whatever keeps
// the network from working. A server without such a list is warm all the same.
//
// Over HTTP/1.1 it opens two, because a cancelled answer takes its connection
// along and the next question must not wait for a new one. It waits at most
// four seconds.
func (c *Client) Warm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, defaultStall)
	defer cancel()
	resp, secret, err := c.get(ctx, "/models")
	if err != nil {
		return fmt.Errorf("warm the connection: %w", err)
	}
	// While this answer is unread, a second request needs its own connection.
	defer drain(resp.Body)
	if resp.ProtoMajor < 2 {
		second, _, err := c.get(ctx, "/models")
		if err != nil {
			return fmt.Errorf("warm the connection: %w", err)
		}
		defer drain(second.Body)
	}
	if e := c.refusal(resp, secret); e != nil && e.Status != http.StatusNotFound && e.Status != http.StatusMethodNotAllowed {
		return fmt.Errorf("warm the connection: %w", e)
	}
	return nil
}

// KeepWarm warms the connection at once, then whenever it was used up or idle
// for long, until ctx is done. Failures are logged and tried again; they are
// not for the person, whose question may come when the network is back.
func (c *Client) KeepWarm(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.lost:
		case <-timer.C:
		}
		if err := c.Warm(ctx); err != nil && ctx.Err() == nil {
			c.o.Log.Debug("connection not warm", "err", err)
		}
		timer.Reset(keepWarm)
	}
}

// usedUp tells KeepWarm that a connection is gone.
func (c *Client) usedUp() {
	select {
	case c.lost <- struct{}{}:
	default: // told already
	}
}

// Model is a model that the server offers.
type Model struct {
	ID            string `json:"id"`
	OwnedBy       string `json:"owned_by"`
	ContextWindow int    `json:"context_window"` // in tokens; 0: not said
	Active        *bool  `json:"active"`         // nil: not said
}

// Models lists the models that can write answers, by name. What the server
// marks as inactive is left out, and what by its name is for speech or for
// judging texts.
func (c *Client) Models(ctx context.Context) ([]Model, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.Stall)
	defer cancel()
	resp, secret, err := c.get(ctx, "/models")
	if err != nil {
		return nil, fmt.Errorf("list models: %w", err)
	}
	defer drain(resp.Body)
	if e := c.refusal(resp, secret); e != nil {
		return nil, fmt.Errorf("list models: %w", e)
	}
	var list struct {
		Data []Model `json:"data"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxEvent)).Decode(&list); err != nil {
		return nil, fmt.Errorf("list models: %w",
			&Error{Status: resp.StatusCode, Code: CodeMalformed, Err: err, service: c.o.Name})
	}
	models := slices.DeleteFunc(list.Data, func(m Model) bool { return !m.writes() })
	slices.SortFunc(models, func(a, b Model) int { return strings.Compare(a.ID, b.ID) })
	return models, nil
}

func (m Model) writes() bool {
	if m.ID == "" || m.Active != nil && !*m.Active {
		return false
	}
	for _, other := range []string{"whisper", "tts", "orpheus", "guard", "embed"} {
		if strings.Contains(strings.ToLower(m.ID), other) {
			return false
		}
	}
	return true
}

func (c *Client) get(ctx context.Context, path string) (resp *http.Response, secret string, err error) {
	req, secret, err := c.request(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, "", err
	}
	resp, err = c.http.Do(req)
	if err != nil {
		if parent := context.Cause(ctx); parent == context.Canceled {
			return nil, "", parent
		}
		return nil, "", c.networkError(err)
	}
	return resp, secret, nil
}

// drain reads the rest of a body, so that its connection can be used again,
// and closes it. It reports whether the connection lives on.
func drain(body io.ReadCloser) bool {
	_, err := io.CopyN(io.Discard, body, 64<<10)
	body.Close()
	return err == io.EOF
}
