// Package groq streams chat completions from Groq, from our backend, or from
// any OpenAI-compatible server (Ollama, llama.cpp): one client, other base URLs
// and credentials. [Client.Complete] blocks until the answer is whole and hands
// over each delta as it comes; cancelling its context closes the request at
// once. [Client.Warm] opens the connection before the first question, and
// [Client.KeepWarm] sees that one is open whenever the next question comes.
//
// An answer that breaks off is asked for once more: the text that was handed
// over stays, the model is asked to go on from its last words, and what it
// repeats of them is left out, so that the deltas put together never say a
// thing twice. Limits and failures are waited out or passed to a second model,
// see [Request.Fallback]. What cannot be helped comes back as an [*Error] with a
// sentence for the person.
//
// The package starts no goroutine of its own, keeps no dialogue and stores
// nothing. Vendor facts are from Groq's API reference and SDKs (2026).
package groq

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// What a Client uses where its Options say nothing.
const (
	DefaultBaseURL = "https://api.groq.com/openai/v1"
	DefaultModel   = "openai/gpt-oss-20b"

	defaultEffort    = "low" // gpt-oss cannot be told not to think at all
	defaultMaxTokens = 1024  // a spoken answer and the thinking before it, which counts as well
	defaultStall     = 4 * time.Second
	portableStall    = time.Minute // a local server may be loading the model
)

// Message is one message of the dialogue. Role is "system", "user" or "assistant".
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Request asks for one answer. To profit from the server's prompt cache, begin
// Messages with what stays the same and append what is new: the bytes sent for
// the messages of one request are a prefix of those of the next.
type Request struct {
	Model     string // empty: the client's default
	Messages  []Message
	MaxTokens int    // 0: the client's default
	Effort    string // reasoning effort: "low", "medium", "high"; empty: the client's default
	Fallback  string // model tried once when Model is unknown, limited or failing; empty: none
	// Retrying, when set, is called before each further attempt with a
	// sentence for the person: what went wrong and what is done about it. It is
	// called from the goroutine that calls delta and must not block.
	Retrying func(sentence string)
}

// Result says how an answer ended. Complete returns it together with an error
// as well: Text is then what had been written.
type Result struct {
	Model        string        // the model that answered
	Text         string        // the whole answer: all deltas together
	FinishReason string        // "stop", "length", ...
	FirstToken   time.Duration // from the first request being written to the first content delta
	Done         time.Duration // from the same moment to the end of the answer
	// As the server counts them, for the last attempt; 0 where it does not say.
	PromptTokens, CachedTokens, CompletionTokens int
	Reused                                       bool // the last request went over a connection that was open already
	Retries                                      int  // attempts after the first, fallback included
}

// Dialect says which fields a server understands.
type Dialect int

const (
	DialectAuto     Dialect = iota // DialectGroq when the base URL's host is Groq's, else DialectPortable
	DialectGroq                    // Groq and our backend: max_completion_tokens, reasoning_effort, include_reasoning
	DialectPortable                // what OpenAI-compatible servers have in common: max_tokens
)

// Options of a Client. The zero value asks Groq without a key.
type Options struct {
	BaseURL string  // up to and including the version, as in DefaultBaseURL
	Dialect Dialect // our backend needs DialectGroq
	Name    string  // how sentences call the server; empty: "Groq", or the host's name
	// Credential returns the bearer token, asked for anew with every request.
	// Nil, or an empty token, sends none. Its error ends the request; if it has
	// a method Sentence() string, that is what the person is told.
	Credential func(ctx context.Context) (string, error)
	// Header, when set, adds headers to every request (our backend's X-Session).
	Header func(http.Header)

	Model     string // DefaultModel when empty
	Effort    string // "low" when empty
	MaxTokens int    // 1024 when 0; thinking is counted as well
	// Stall is how long the server may say nothing before the request is given
	// up: 4 s when 0, a minute for DialectPortable. With high effort it is
	// three times as long until the first word.
	Stall time.Duration

	// Transport carries the requests; nil: one of our own, with HTTP/2 where it
	// is offered and the proxy of the environment. It must not time streams out.
	Transport http.RoundTripper
	Log       *slog.Logger // nil: nothing is logged
}

// Client asks one server. Any number of goroutines may use it.
type Client struct {
	o    Options
	http *http.Client
	lost chan struct{} // a warm connection was used up; read by KeepWarm
}

// New returns a client for o. It does not connect: see Warm.
func New(o Options) *Client {
	if o.BaseURL == "" {
		o.BaseURL = DefaultBaseURL
	}
	o.BaseURL = strings.TrimRight(o.BaseURL, "/")
	host := ""
	if u, err := url.Parse(o.BaseURL); err == nil { // a bad URL fails with the first request
		host = u.Hostname()
	}
	groqs := host == "groq.com" || strings.HasSuffix(host, ".groq.com")
	if o.Dialect == DialectAuto {
		o.Dialect = DialectPortable
		if groqs {
			o.Dialect = DialectGroq
		}
	}
	if o.Name == "" {
		o.Name = host
		if groqs || host == "" {
			o.Name = "Groq"
		}
	}
	if o.Model == "" {
		o.Model = DefaultModel
	}
	if o.Effort == "" {
		o.Effort = defaultEffort
	}
	if o.MaxTokens == 0 {
		o.MaxTokens = defaultMaxTokens
	}
	if o.Stall == 0 {
		o.Stall = defaultStall
		if o.Dialect == DialectPortable {
			o.Stall = portableStall
		}
	}
	if o.Transport == nil {
		o.Transport = newTransport()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Client{
		o: o,
		http: &http.Client{
			Transport: o.Transport,
			// A redirect is a captive portal or a wrong address; the credential
			// is not to be carried there.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		lost: make(chan struct{}, 1),
	}
}

// Close releases the idle connections. Answers being written go on.
func (c *Client) Close() { c.http.CloseIdleConnections() }
