package rehearsal

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	chatBodyLimit  = 4 << 20
	contextTokens  = 131072 // of every model served
	cacheBlock     = 128    // tokens; Groq names no minimum, a block of this size is our guess
	rememberedAsks = 16     // prompts that the cache knows
)

// prompt is a past request, for the prompt cache.
type prompt struct{ model, text string }

type chunk struct {
	ID          string        `json:"id"`
	Object      string        `json:"object"`
	Created     int64         `json:"created"`
	Model       string        `json:"model"`
	Fingerprint string        `json:"system_fingerprint"`
	Choices     []chunkChoice `json:"choices"`
	Usage       *usage        `json:"usage,omitempty"`
	Groq        *groqExtra    `json:"x_groq,omitempty"`
}

type chunkChoice struct {
	Index        int     `json:"index"`
	Delta        *delta  `json:"delta,omitempty"`
	Message      *delta  `json:"message,omitempty"`
	Logprobs     *string `json:"logprobs"`
	FinishReason *string `json:"finish_reason"`
}

type delta struct {
	Role      string  `json:"role,omitempty"`
	Content   *string `json:"content,omitempty"`
	Reasoning string  `json:"reasoning,omitempty"`
}

type groqExtra struct {
	ID    string `json:"id"`
	Usage *usage `json:"usage,omitempty"`
}

type usage struct {
	QueueTime         float64        `json:"queue_time"`
	PromptTokens      int            `json:"prompt_tokens"`
	PromptTime        float64        `json:"prompt_time"`
	CompletionTokens  int            `json:"completion_tokens"`
	CompletionTime    float64        `json:"completion_time"`
	TotalTokens       int            `json:"total_tokens"`
	TotalTime         float64        `json:"total_time"`
	PromptDetails     map[string]int `json:"prompt_tokens_details"`
	CompletionDetails map[string]int `json:"completion_tokens_details"`
}

// completion is an answer on its way.
type completion struct {
	server  *Server
	request *chatRequest
	faults  ChatFaults
	base    chunk
	reqID   string
	tokens  []string
	finish  string
	usage   usage
	begin   time.Time
}

// models is GET /openai/v1/models.
func (s *Server) models(w http.ResponseWriter, r *http.Request) {
	if !s.chatAuth(w, r) {
		return
	}
	type model struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		Created int64  `json:"created"`
		Owner   string `json:"owned_by"`
		Active  bool   `json:"active"`
		Context int    `json:"context_window"`
	}
	list := []model{}
	for _, m := range modelList {
		list = append(list, model{m.ID, "model", 1754408224, m.Owner, true, contextTokens})
	}
	writeJSON(w, http.StatusOK, map[string]any{"object": "list", "data": list})
}

// chatAuth writes the headers that every answer has, and refuses a wrong key.
func (s *Server) chatAuth(w http.ResponseWriter, r *http.Request) bool {
	s.mu.Lock()
	used := s.stats.Answers
	s.mu.Unlock()
	h := w.Header()
	h.Set("x-ratelimit-limit-requests", "1000")
	h.Set("x-ratelimit-remaining-requests", strconv.Itoa(max(0, 1000-used)))
	h.Set("x-ratelimit-reset-requests", "1m26.4s")
	h.Set("x-ratelimit-limit-tokens", "250000")
	h.Set("x-ratelimit-remaining-tokens", "249000")
	h.Set("x-ratelimit-reset-tokens", "240ms")
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "bearer") && known(s.opts.GroqKeys, key) {
		return true
	}
	s.refuseChat(w, &chatError{http.StatusUnauthorized, "invalid_request_error", "invalid_api_key", "Invalid API Key"})
	return false
}

func (s *Server) refuseChat(w http.ResponseWriter, e *chatError) {
	s.violation("GROQ "+strconv.Itoa(e.status), "%s", e.message)
	writeChatError(w, e)
}

func writeChatError(w http.ResponseWriter, e *chatError) {
	writeJSON(w, e.status, e.body())
}

func (e *chatError) body() map[string]any {
	fields := map[string]string{"message": e.message, "type": e.kind}
	if e.code != "" {
		fields["code"] = e.code
	}
	return map[string]any{"error": fields}
}

// chat is POST /openai/v1/chat/completions.
func (s *Server) chat(w http.ResponseWriter, r *http.Request) {
	if !s.chatAuth(w, r) {
		return
	}
	request, err := readChat(w, r)
	if bad := (*chatError)(nil); errors.As(err, &bad) {
		s.refuseChat(w, bad)
		return
	}
	faults := s.chatFaults(request.Model)
	if faults.Status != 0 {
		if faults.Status == http.StatusTooManyRequests && faults.RetryAfter > 0 {
			w.Header().Set("retry-after", strconv.Itoa(int(math.Ceil(faults.RetryAfter.Seconds()))))
		}
		writeChatError(w, wantedError(faults.Status, request.Model))
		return
	}
	c := s.complete(request, faults)
	if !request.Stream {
		c.answerWhole(r.Context(), w)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	if err := c.stream(r.Context(), w, http.NewResponseController(w).Flush); err != nil {
		s.count(func(st *Stats) { st.Cancelled++ })
	}
}

func readChat(w http.ResponseWriter, r *http.Request) (*chatRequest, error) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		return nil, badRequest("the Content-Type must be application/json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, chatBodyLimit))
	if err != nil {
		return nil, &chatError{http.StatusRequestEntityTooLarge, "invalid_request_error", "request_too_large", "Request Entity Too Large"}
	}
	return parseChat(body)
}

// wantedError is what Groq says with a status that a fault asks for.
func wantedError(status int, model string) *chatError {
	e := &chatError{status, "internal_server_error", "", http.StatusText(status)}
	switch status {
	case http.StatusTooManyRequests:
		e.kind, e.code, e.message = "tokens", "rate_limit_exceeded", "Rate limit reached for model `"+model+"`. Please try again later."
	case http.StatusUnauthorized:
		e.kind, e.code, e.message = "invalid_request_error", "invalid_api_key", "Invalid API Key"
	case http.StatusNotFound:
		e.kind, e.code, e.message = "invalid_request_error", "model_not_found", "The model `"+model+"` does not exist or you do not have access to it."
	case 498:
		e.kind, e.code, e.message = "internal_server_error", "capacity_exceeded", "Flex tier capacity exceeded"
	case http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusInternalServerError:
	default:
		e.kind = "invalid_request_error"
	}
	return e
}

// complete decides the whole answer, and counts it.
func (s *Server) complete(r *chatRequest, faults ChatFaults) *completion {
	text := s.answers.reply(r.lastUser())
	for _, stop := range r.Stop {
		text, _, _ = strings.Cut(text, stop)
	}
	c := &completion{server: s, request: r, faults: faults, finish: "stop", reqID: "req_" + strings.ToLower(rand.Text()), begin: time.Now()}
	c.base = chunk{
		ID: "chatcmpl-" + requestID(), Object: "chat.completion.chunk", Created: c.begin.Unix(),
		Model: r.Model, Fingerprint: "fp_rehearsal",
	}
	reasoning := min(r.reasoningTokens(), r.limit())
	c.tokens = pieces(text)
	if room := r.limit() - reasoning; len(c.tokens) > room {
		c.tokens, c.finish = c.tokens[:room], "length"
	}
	promptTokens, cached := s.cache(r)
	u := usage{
		QueueTime: 0.002, PromptTokens: promptTokens, PromptTime: s.opts.FirstToken.Seconds(),
		CompletionTokens: reasoning + len(c.tokens), CompletionTime: float64(len(c.tokens)) / s.opts.TokensPerSecond,
		PromptDetails:     map[string]int{"cached_tokens": cached},
		CompletionDetails: map[string]int{"reasoning_tokens": reasoning},
	}
	u.TotalTokens, u.TotalTime = u.PromptTokens+u.CompletionTokens, u.PromptTime+u.CompletionTime
	c.usage = u
	return c
}

// cache counts the tokens of a prompt, and of its beginning that is known.
func (s *Server) cache(r *chatRequest) (tokens, cached int) {
	var b strings.Builder
	for _, m := range r.Messages {
		fmt.Fprintf(&b, "%s\n%s\n", m.Role, m.Content)
	}
	text := b.String()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Answers++
	common := 0
	for _, p := range s.prompts {
		if p.model == r.Model {
			common = max(common, commonPrefix(p.text, text))
		}
	}
	s.prompts = append(s.prompts, prompt{r.Model, text})
	s.prompts = s.prompts[max(0, len(s.prompts)-rememberedAsks):]
	return (len(text) + 3) / 4, common / 4 / cacheBlock * cacheBlock
}

func commonPrefix(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// pieces splits an answer as a model's tokens do: words with the space before
// them, long ones in parts.
func pieces(text string) []string {
	var all []string
	word := []rune{}
	flush := func() {
		if len(word) > 0 {
			all, word = append(all, string(word)), word[:0]
		}
	}
	letters := 0
	for _, r := range text {
		space := r == ' ' || r == '\n'
		if (space && letters > 0) || letters == 7 {
			flush()
			letters = 0
		}
		word = append(word, r)
		if !space {
			letters++
		}
	}
	flush()
	return all
}

// stream sends the answer at a model's pace. An error means that the client did
// not wait for the end.
func (c *completion) stream(ctx context.Context, w io.Writer, flush func() error) error {
	send := func(ch chunk) error {
		data, err := json.Marshal(ch)
		if err == nil {
			_, err = fmt.Fprintf(w, "data: %s\n\n", data)
		}
		if err == nil {
			err = flush()
		}
		return err
	}
	empty := ""
	first := c.chunk(delta{Role: "assistant", Content: &empty}, "")
	first.Groq = &groqExtra{ID: c.reqID}
	if err := send(first); err != nil {
		return err
	}
	r := c.request
	if thoughts := c.usage.CompletionDetails["reasoning_tokens"]; thoughts > 0 && (r.IncludeReasoning == nil || *r.IncludeReasoning) {
		if err := send(c.chunk(delta{Reasoning: "We look for the recorded answer."}, "")); err != nil {
			return err
		}
	}
	for i, text := range c.tokens {
		if stop, err := c.trouble(ctx, w, i); stop || err != nil {
			return err
		}
		if err := c.wait(ctx, i); err != nil {
			return err
		}
		if err := send(c.chunk(delta{Content: &text}, "")); err != nil {
			return err
		}
	}
	if stop, err := c.trouble(ctx, w, len(c.tokens)); stop || err != nil {
		return err
	}
	last := c.chunk(delta{}, c.finish)
	last.Groq = &groqExtra{c.reqID, &c.usage}
	if err := send(last); err != nil {
		return err
	}
	if r.StreamOptions.IncludeUsage {
		total := c.base
		total.Choices, total.Usage = []chunkChoice{}, &c.usage
		if err := send(total); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "data: [DONE]\n\n")
	return err
}

func (c *completion) chunk(d delta, finish string) chunk {
	ch := c.base
	ch.Choices = []chunkChoice{{Delta: &d}}
	if finish != "" {
		ch.Choices[0].FinishReason = &finish
	}
	return ch
}

// wait sleeps until the i-th token is due.
func (c *completion) wait(ctx context.Context, i int) error {
	o := c.server.opts
	due := c.begin.Add(o.FirstToken + time.Duration(float64(i)/o.TokensPerSecond*float64(time.Second)))
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(due)):
		return nil
	}
}

// trouble makes the faults that come after so many deltas; stop ends the stream.
func (c *completion) trouble(ctx context.Context, w io.Writer, deltas int) (stop bool, err error) {
	due := func(after int) bool { return after > 0 && deltas == after || after < 0 && deltas == 0 }
	switch {
	case due(c.faults.StallAfter):
		<-ctx.Done()
		return true, ctx.Err()
	case due(c.faults.ErrorAfter):
		data, _ := json.Marshal(wantedError(http.StatusInternalServerError, c.request.Model).body()) // plain values: cannot fail
		_, err := fmt.Fprintf(w, "event: error\ndata: %s\n\n", data)
		return true, err
	case due(c.faults.CutAfter):
		return true, nil
	}
	return false, nil
}

// answerWhole sends the answer in one piece, when it is complete.
func (c *completion) answerWhole(ctx context.Context, w http.ResponseWriter) {
	if err := c.wait(ctx, len(c.tokens)); err != nil {
		c.server.count(func(st *Stats) { st.Cancelled++ })
		return
	}
	text := strings.Join(c.tokens, "")
	whole := c.base
	whole.Object = "chat.completion"
	whole.Choices = []chunkChoice{{Message: &delta{Role: "assistant", Content: &text}, FinishReason: &c.finish}}
	whole.Usage, whole.Groq = &c.usage, &groqExtra{ID: c.reqID}
	writeJSON(w, http.StatusOK, whole)
}
