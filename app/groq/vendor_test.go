package groq

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testKey = "gsk_test0123456789abcdefghijklmnopqrstuvwxyz"

// wireRequest is a chat request as the stand-in understands it.
type wireRequest struct {
	Model               string    `json:"model"`
	Messages            []Message `json:"messages"`
	Stream              bool      `json:"stream"`
	MaxTokens           int       `json:"max_tokens"`
	MaxCompletionTokens int       `json:"max_completion_tokens"`
	ReasoningEffort     string    `json:"reasoning_effort"`
	IncludeReasoning    *bool     `json:"include_reasoning"`
}

// vendor stands in for Groq: it speaks the wire of vendors/groq.md and refuses
// what Groq refuses. Each accepted chat request is answered by answer.
type vendor struct {
	t        testing.TB
	portable bool // Ollama: no key, no Groq fields
	answer   func(n int, r wireRequest, w *reply)
	models   string // body of GET /models

	mu     sync.Mutex
	bodies [][]byte
	closed chan struct{} // receives one when the client gives up a request
}

func newVendor(t testing.TB, answer func(n int, r wireRequest, w *reply)) *vendor {
	return &vendor{t: t, answer: answer, closed: make(chan struct{}, 100), models: `{"object":"list","data":[
		{"id":"whisper-large-v3","object":"model","created":1,"owned_by":"OpenAI"},
		{"id":"openai/gpt-oss-20b","object":"model","created":1,"owned_by":"OpenAI","active":true,"context_window":131072},
		{"id":"llama-3.1-8b-instant","object":"model","created":1,"owned_by":"Meta","active":false},
		{"id":"openai/gpt-oss-120b","object":"model","created":1,"owned_by":"OpenAI"}]}`}
}

// refuse answers with an error in Groq's shape.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"message":%q,"type":"invalid_request_error","code":%q}}`, message, code)
}

func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if got := r.Header.Get("Authorization"); !v.portable && got != "Bearer "+testKey {
		refuse(w, 401, "invalid_api_key", "Invalid API Key: "+got)
		return
	}
	if r.Method == "GET" && r.URL.Path == "/openai/v1/models" {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, v.models)
		return
	}
	if r.Method != "POST" || r.URL.Path != "/openai/v1/chat/completions" {
		refuse(w, 404, "unknown_url", "Unknown request URL")
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	req, complaint := v.check(r, body)
	if complaint != "" {
		refuse(w, 400, "invalid_request", complaint)
		return
	}
	v.mu.Lock()
	n := len(v.bodies)
	v.bodies = append(v.bodies, body)
	v.mu.Unlock()
	v.answer(n, req, &reply{ResponseWriter: w, r: r, v: v, model: req.Model})
	if r.Context().Err() != nil {
		v.closed <- struct{}{}
	}
}

// check returns what Groq would complain about.
func (v *vendor) check(r *http.Request, body []byte) (req wireRequest, complaint string) {
	if r.Header.Get("Content-Type") != "application/json" {
		return req, "content type is not application/json"
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return req, err.Error()
	}
	allowed := []string{"model", "messages", "stream", "max_completion_tokens", "max_tokens", "reasoning_effort", "include_reasoning",
		"temperature", "top_p", "seed", "stop", "user", "response_format", "service_tier"}
	if v.portable {
		allowed = []string{"model", "messages", "stream", "temperature", "top_p", "stop", "seed", "max_tokens"}
	}
	for name := range fields {
		if !slices.Contains(allowed, name) {
			return req, "unsupported field " + name // logprobs, n, logit_bias, ... among them
		}
	}
	var messages []map[string]string
	if err := json.Unmarshal(fields["messages"], &messages); err != nil || len(messages) == 0 {
		return req, "messages must be a list of role and content"
	}
	for _, m := range messages {
		_, named := m["name"]
		if len(m) != 2 || named || !slices.Contains([]string{"system", "user", "assistant"}, m["role"]) {
			return req, "bad message"
		}
	}
	if err := json.Unmarshal(body, &req); err != nil {
		return req, err.Error()
	}
	if !req.Stream || req.Model == "" || req.MaxTokens < 0 || req.MaxCompletionTokens < 0 {
		return req, "stream, model or max tokens"
	}
	if e := req.ReasoningEffort; e != "" && !slices.Contains([]string{"low", "medium", "high"}, e) {
		return req, "reasoning_effort must be one of low, medium, high"
	}
	return req, ""
}

func (v *vendor) requests() [][]byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.bodies)
}

// reply writes an answer in Groq's shape.
type reply struct {
	http.ResponseWriter
	r     *http.Request
	v     *vendor
	model string
	begun bool
}

func (w *reply) raw(s string) {
	if !w.begun {
		w.Header().Set("Content-Type", "text/event-stream")
		w.begun = true
	}
	io.WriteString(w, s)
	http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *reply) chunk(delta, finish, rest string) {
	w.raw(fmt.Sprintf(`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":%q,"system_fingerprint":"fp_1",`+
		`"choices":[{"index":0,"delta":%s,"logprobs":null,"finish_reason":%s}]%s}`+"\n\n", w.model, delta, finish, rest))
}

func (w *reply) open() {
	w.chunk(`{"role":"assistant","content":""}`, "null", `,"x_groq":{"id":"req_1"}`)
}

func (w *reply) say(tokens ...string) {
	for _, s := range tokens {
		text, _ := json.Marshal(s)
		w.chunk(`{"content":`+string(text)+`}`, "null", "")
	}
}

func (w *reply) end() {
	w.chunk(`{}`, `"stop"`, `,"x_groq":{"id":"req_1","usage":{"queue_time":0.01,"prompt_tokens":20,"prompt_time":0.004,"completion_tokens":9,`+
		`"completion_time":0.01,"total_tokens":29,"total_time":0.014,"prompt_tokens_details":{"cached_tokens":16},"completion_tokens_details":{"reasoning_tokens":3}}}`)
	w.raw("data: [DONE]\n\n")
}

// whole is an answer without faults.
func (w *reply) whole(tokens ...string) {
	w.open()
	w.say(tokens...)
	w.end()
}

// stall says nothing more until the client gives up.
func (w *reply) stall() { <-w.r.Context().Done() }

// cut breaks the connection off.
func (w *reply) cut() { panic(http.ErrAbortHandler) }

// tokens cuts a text into pieces as a model would.
func tokens(text string) []string {
	var out []string
	for _, word := range strings.SplitAfter(text, " ") {
		for len(word) > 6 {
			cut := runeStart(word, 5)
			out, word = append(out, word[:cut]), word[cut:]
		}
		out = append(out, word)
	}
	return out
}

// serve starts v on loopback and returns options of a client that asks it.
func serve(t testing.TB, v *vendor) Options {
	srv := httptest.NewServer(v)
	t.Cleanup(srv.Close)
	return optionsFor(srv.URL)
}

func optionsFor(url string) Options {
	return Options{
		BaseURL:    url + "/openai/v1",
		Dialect:    DialectGroq,
		Name:       "Groq",
		Credential: func(context.Context) (string, error) { return testKey, nil },
	}
}

// pipes is a network in memory, for tests in a bubble of synctest: HTTP/1.1
// between a real server and a real transport.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// servePipes is serve within a bubble. The caller closes client and server by
// calling stop.
func servePipes(h http.Handler) (o Options, stop func()) {
	p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	srv := &http.Server{Handler: h}
	served := make(chan struct{})
	go func() { defer close(served); srv.Serve(p) }()
	tr := newTransport()
	tr.Proxy, tr.DialContext = nil, p.dial
	o = optionsFor("http://groq.test")
	o.Transport = tr
	return o, func() { tr.CloseIdleConnections(); srv.Close(); <-served }
}

// ask completes a question and returns what the deltas said.
func ask(t testing.TB, c *Client, r Request) (Result, string, error) {
	t.Helper()
	if r.Messages == nil {
		r.Messages = []Message{{"system", "You help."}, {"user", "Tell me about yourself."}}
	}
	var said strings.Builder
	res, err := c.Complete(t.Context(), r, func(s string) {
		if s == "" {
			t.Error("empty delta")
		}
		said.WriteString(s)
	})
	if said.String() != res.Text {
		t.Errorf("deltas %q, result %q", said.String(), res.Text)
	}
	return res, said.String(), err
}
