package upstream

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

// Deepgram asks for short-lived tokens, and for what was streamed with them,
// with our key. Any number of goroutines may use it.
type Deepgram struct {
	url     string
	key     string
	project string
	http    *http.Client
}

// DeepgramOptions of a Deepgram.
type DeepgramOptions struct {
	URL string // e.g. https://api.deepgram.com
	Key string
	// Project is the id whose usage Streams lists; empty: the only project of
	// the key, and an error when it has several.
	Project   string
	Transport http.RoundTripper // nil: Transport()
}

// NewDeepgram returns a Deepgram. It does not connect.
func NewDeepgram(o DeepgramOptions) *Deepgram {
	return &Deepgram{url: strings.TrimRight(o.URL, "/"), key: o.Key, project: o.Project, http: newClient(o.Transport)}
}

// Close releases the idle connections.
func (d *Deepgram) Close() { d.http.CloseIdleConnections() }

// Token is a grant: it opens streams until it expires, and a stream that is
// open outlives it.
type Token struct {
	Secret  string
	Expires time.Duration // from now, rounded down to seconds
}

// MaxTTL is the longest life of a token that is asked for.
const MaxTTL = 30 * time.Second

// Grant asks for a token that lives for ttl, between a second and MaxTTL.
// Deepgram issues them by POST /v1/auth/grant. Errors are *Error.
func (d *Deepgram) Grant(ctx context.Context, ttl time.Duration) (Token, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	seconds := int(min(max(ttl, time.Second), MaxTTL) / time.Second)
	body := fmt.Appendf(nil, `{"ttl_seconds":%d}`, seconds)
	var reply struct {
		AccessToken string  `json:"access_token"`
		ExpiresIn   float64 `json:"expires_in"` // not promised
	}
	if err := d.call(ctx, http.MethodPost, "/v1/auth/grant", body, &reply); err != nil {
		return Token{}, fmt.Errorf("grant: %w", err)
	}
	if reply.AccessToken == "" {
		return Token{}, fmt.Errorf("grant: %w", &Error{Vendor: "deepgram", Kind: Away, Status: http.StatusOK, Err: errors.New("no token in the reply")})
	}
	if s := int(reply.ExpiresIn); s > 0 {
		seconds = min(s, seconds)
	}
	return Token{reply.AccessToken, time.Duration(seconds) * time.Second}, nil
}

// Stream is one live transcription, as Deepgram's request log has it.
type Stream struct {
	RequestID string
	Created   time.Time
	Audio     time.Duration // audio received, however many channels it had
	Channels  int           // 0: not known
	Tags      []string
	Open      bool // its length is not known yet
}

const (
	pageSize = 1000
	maxPages = 20
)

// Streams lists the live transcriptions created from from until to, newest
// first: GET /v1/projects/{id}/requests, and each request whose entry holds no
// details once more by its id. A stream appears some unknown time after it
// ended. Errors are *Error.
func (d *Deepgram) Streams(ctx context.Context, from, to time.Time) ([]Stream, error) {
	project, err := d.projectID(ctx)
	if err != nil {
		return nil, fmt.Errorf("list streams: %w", err)
	}
	base := "/v1/projects/" + url.PathEscape(project) + "/requests"
	var streams []Stream
	for page := range maxPages {
		q := url.Values{
			"start": {from.UTC().Format(time.RFC3339)}, "end": {to.UTC().Format(time.RFC3339)},
			"endpoint": {"listen"}, "method": {"streaming"}, "status": {"succeeded"},
			"limit": {strconv.Itoa(pageSize)}, "page": {strconv.Itoa(page)},
		}
		var list struct {
			Requests []logEntry `json:"requests"`
		}
		if err := d.call(ctx, http.MethodGet, base+"?"+q.Encode(), nil, &list); err != nil {
			return nil, fmt.Errorf("list streams: %w", err)
		}
		for _, e := range list.Requests {
			if e.Response == nil || e.Response.Details == nil {
				var one struct {
					Request logEntry `json:"request"`
				}
				if err := d.call(ctx, http.MethodGet, base+"/"+url.PathEscape(e.RequestID), nil, &one); err != nil {
					return nil, fmt.Errorf("list streams: %w", err)
				}
				e.Response = one.Request.Response
			}
			streams = append(streams, e.stream())
		}
		if len(list.Requests) < pageSize {
			return streams, nil
		}
	}
	return nil, fmt.Errorf("list streams: more than %d in one period", maxPages*pageSize)
}

// logEntry is a request in Deepgram's log; response and details may be null.
type logEntry struct {
	RequestID string    `json:"request_id"`
	Created   time.Time `json:"created"`
	Response  *struct {
		Details *struct {
			Duration float64  `json:"duration"` // seconds
			Channels int      `json:"channels"`
			Tags     []string `json:"tags"`
		} `json:"details"`
	} `json:"response"`
}

func (e logEntry) stream() Stream {
	s := Stream{RequestID: e.RequestID, Created: e.Created}
	if e.Response == nil || e.Response.Details == nil {
		s.Open = true
		return s
	}
	s.Audio = time.Duration(e.Response.Details.Duration * float64(time.Second))
	s.Channels, s.Tags = e.Response.Details.Channels, e.Response.Details.Tags
	return s
}

func (d *Deepgram) projectID(ctx context.Context) (string, error) {
	if d.project != "" {
		return d.project, nil
	}
	var list struct {
		Projects []struct {
			ID string `json:"project_id"`
		} `json:"projects"`
	}
	if err := d.call(ctx, http.MethodGet, "/v1/projects", nil, &list); err != nil {
		return "", err
	}
	if len(list.Projects) != 1 {
		return "", &Error{Vendor: "deepgram", Kind: Refused, Err: fmt.Errorf("the key sees %d projects, name one of them", len(list.Projects))}
	}
	return list.Projects[0].ID, nil
}

func (d *Deepgram) call(ctx context.Context, method, path string, body []byte, reply any) error {
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, d.url+path, r)
	if err != nil {
		return away("deepgram", err)
	}
	req.Header.Set("Authorization", "Token "+d.key) // a JWT would want Bearer
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := d.http.Do(req)
	if err != nil {
		return away("deepgram", err)
	}
	if resp.StatusCode != http.StatusOK {
		return refusal("deepgram", resp)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, 8<<20)).Decode(reply); err != nil {
		return &Error{Vendor: "deepgram", Kind: Away, Status: resp.StatusCode, Err: fmt.Errorf("decode the reply: %w", err)}
	}
	return nil
}
