package upstream

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Groq asks for answers with our key. Any number of goroutines may use it.
type Groq struct {
	url     string
	key     string
	stall   time.Duration
	http    *http.Client
	readers sync.Pool // of *bufio.Reader
}

// GroqOptions of a Groq.
type GroqOptions struct {
	URL string // up to and including the version, e.g. https://api.groq.com/openai/v1
	Key string
	// Stall is how long an answer may say nothing before it is given up; 0: 30 s.
	Stall     time.Duration
	Transport http.RoundTripper // nil: Transport()
}

const (
	readBuffer = 8 << 10
	maxEvent   = 1 << 20 // a longer event ends the answer
	stallLimit = 30 * time.Second
)

// NewGroq returns a Groq. It does not connect: see Models.
func NewGroq(o GroqOptions) *Groq {
	if o.Stall == 0 {
		o.Stall = stallLimit
	}
	return &Groq{
		url: strings.TrimRight(o.URL, "/"), key: o.Key, stall: o.Stall, http: newClient(o.Transport),
		readers: sync.Pool{New: func() any { return bufio.NewReaderSize(nil, readBuffer) }},
	}
}

// Close releases the idle connections.
func (g *Groq) Close() { g.http.CloseIdleConnections() }

// Models lists what our key may ask. Calling it now and then also keeps a
// connection open, so that answers need not dial.
func (g *Groq) Models(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	resp, err := g.do(ctx, http.MethodGet, "/models", nil)
	if err != nil {
		return nil, fmt.Errorf("list models: %w", err)
	}
	defer resp.Body.Close()
	var list struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxEvent)).Decode(&list); err != nil {
		return nil, fmt.Errorf("list models: %w", &Error{Vendor: "groq", Kind: Away, Status: resp.StatusCode, Err: err})
	}
	ids := make([]string, 0, len(list.Data))
	for _, m := range list.Data {
		ids = append(ids, m.ID)
	}
	return ids, nil
}

// Answer sends a chat completion request, which must ask for a stream, and
// returns when the vendor has accepted it. Cancelling ctx ends the answer at
// the vendor's at once, now and while it is copied. The caller must call
// Answer.Close. Errors are *Error.
func (g *Groq) Answer(ctx context.Context, request []byte) (*Answer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	resp, err := g.do(ctx, http.MethodPost, "/chat/completions", request)
	if err != nil {
		cancel(nil)
		return nil, fmt.Errorf("ask for an answer: %w", err)
	}
	a := &Answer{groq: g, ctx: ctx, cancel: cancel, body: resp.Body}
	a.stall = time.AfterFunc(g.stall, func() { cancel(errStalled) })
	return a, nil
}

var errStalled = errors.New("nothing came for too long")

func (g *Groq) do(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, g.url+path, r)
	if err != nil {
		return nil, away("groq", err)
	}
	req.Header.Set("Authorization", "Bearer "+g.key)
	req.Header.Set("User-Agent", "interview-copilot-backend")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "text/event-stream")
	}
	resp, err := g.http.Do(req)
	if err != nil {
		return nil, away("groq", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, refusal("groq", resp)
	}
	return resp, nil
}

// Answer is an accepted answer on its way.
type Answer struct {
	groq   *Groq
	ctx    context.Context
	cancel context.CancelCauseFunc
	body   io.ReadCloser
	stall  *time.Timer
	long   []byte // of a line longer than the buffer, what was read so far
}

// Usage is what an answer cost, as the vendor counts it; zero where it was not told.
type Usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	Details          struct {
		CachedTokens int `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
}

// Close ends the answer at the vendor's if it has not ended, and frees it.
func (a *Answer) Close() {
	a.stall.Stop()
	a.cancel(nil)
	a.body.Close()
}

// Copy passes the answer on to w as server-sent events, one "data:" line each,
// and calls flush as soon as no further event is waiting: what has come is not
// held back. It returns when the vendor said [DONE], or an *Error of Kind
// Broken when the answer ended otherwise; the vendor's error event is not
// written to w. An error of w or flush is returned as it is.
func (a *Answer) Copy(w io.Writer, flush func() error) (Usage, error) {
	r := a.groq.readers.Get().(*bufio.Reader)
	r.Reset(a.body)
	defer func() {
		r.Reset(nil)
		a.groq.readers.Put(r)
	}()
	c := copier{w: w}
	for !c.done {
		if c.unflushed && !lineWaiting(r) {
			if err := flush(); err != nil {
				return c.usage, err
			}
			c.unflushed = false
		}
		line, err := a.line(r)
		if err == io.EOF && c.finished && len(line) == 0 {
			return c.usage, nil
		}
		if err != nil {
			return c.usage, a.broken(err)
		}
		a.stall.Reset(a.groq.stall)
		if err := c.take(line); err != nil {
			return c.usage, err
		}
	}
	return c.usage, flush()
}

// broken says why the stream ended.
func (a *Answer) broken(err error) *Error {
	if cause := context.Cause(a.ctx); cause != nil {
		err = cause
	} else if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return &Error{Vendor: "groq", Kind: Broken, Status: http.StatusOK, Err: err}
}

// line returns the next line without its end. It is valid until the next call.
func (a *Answer) line(r *bufio.Reader) ([]byte, error) {
	a.long = a.long[:0]
	for {
		part, err := r.ReadSlice('\n')
		if err == nil && len(a.long) == 0 {
			return bytes.TrimRight(part, "\r\n"), nil
		}
		a.long = append(a.long, part...)
		if err != bufio.ErrBufferFull {
			return bytes.TrimRight(a.long, "\r\n"), err
		}
		if len(a.long) > maxEvent {
			return nil, errors.New("an event of more than 1 MiB")
		}
	}
}

// lineWaiting reports whether a whole line is in the buffer.
func lineWaiting(r *bufio.Reader) bool {
	b, _ := r.Peek(r.Buffered())
	return bytes.IndexByte(b, '\n') >= 0
}

// copier passes on the lines of one answer. Of most of them it looks only for
// a few words; JSON is decoded where one of these is found.
type copier struct {
	w         io.Writer
	usage     Usage
	failing   bool // the vendor announced an error event
	finished  bool // a finish reason came: the text is whole
	done      bool
	unflushed bool
}

func (c *copier) take(line []byte) error {
	if name, ok := bytes.CutPrefix(line, []byte("event:")); ok {
		c.failing = string(bytes.TrimSpace(name)) == "error"
		return nil
	}
	data, ok := bytes.CutPrefix(line, []byte("data:"))
	if !ok {
		return nil // the end of an event, a comment, an id
	}
	data = bytes.TrimPrefix(data, []byte(" "))
	if string(data) == "[DONE]" {
		c.done = true
		return c.write(data)
	}
	if c.failing || bytes.Contains(data, []byte(`"error"`)) {
		if err := reported(data, c.failing); err != nil {
			return err
		}
	}
	if len(data) == 0 || data[0] != '{' || data[len(data)-1] != '}' {
		return &Error{Vendor: "groq", Kind: Broken, Status: http.StatusOK, Err: errors.New("an event that is no object")}
	}
	if bytes.Contains(data, []byte(`"usage"`)) {
		c.count(data)
	}
	c.finished = c.finished || finishes(data)
	return c.write(data)
}

func (c *copier) write(data []byte) error {
	c.unflushed = true
	for _, b := range [...][]byte{dataField, data, eventEnd} {
		if _, err := c.w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

var (
	dataField = []byte("data: ")
	eventEnd  = []byte("\n\n")
)

func (c *copier) count(data []byte) {
	var chunk struct {
		Usage *Usage `json:"usage"`
		XGroq struct {
			Usage *Usage `json:"usage"`
		} `json:"x_groq"`
	}
	if json.Unmarshal(data, &chunk) != nil {
		return
	}
	for _, u := range []*Usage{chunk.Usage, chunk.XGroq.Usage} {
		if u != nil {
			c.usage = *u
		}
	}
}

// reported returns the error an event reports, if it does: {"error":…} or
// x_groq.error, or an event named error whatever it holds.
func reported(data []byte, named bool) error {
	var chunk struct {
		Error json.RawMessage `json:"error"`
		XGroq struct {
			Error json.RawMessage `json:"error"`
		} `json:"x_groq"`
	}
	err := json.Unmarshal(data, &chunk)
	if err == nil && !named && !told(chunk.Error) && !told(chunk.XGroq.Error) {
		return nil
	}
	e := &Error{Vendor: "groq", Kind: Broken, Status: http.StatusOK, Code: vendorCode(data), Err: errors.New("an error within the answer")}
	if e.Code == "rate_limit_exceeded" {
		e.Kind = Busy
	}
	return e
}

func told(v json.RawMessage) bool {
	return len(v) > 0 && string(v) != "null" && string(v) != `""`
}

// finishes reports whether the event holds a finish_reason that is not null.
func finishes(data []byte) bool {
	_, rest, ok := bytes.Cut(data, []byte(`"finish_reason"`))
	rest = bytes.TrimLeft(rest, ": ")
	return ok && len(rest) > 0 && rest[0] == '"'
}
