package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"copilot/backend/api"
)

// completion is the part of OpenAI's chat completion request that is passed
// on. What else a client sends is left out: tools, tiers and templates are
// not for a client to choose while we pay.
type completion struct {
	Model               string          `json:"model"`
	Stream              bool            `json:"stream"`
	MaxTokens           int             `json:"max_tokens,omitempty"` // of clients that know no better name
	MaxCompletionTokens int             `json:"max_completion_tokens,omitempty"`
	Temperature         *float64        `json:"temperature,omitempty"`
	TopP                *float64        `json:"top_p,omitempty"`
	Seed                *int            `json:"seed,omitempty"`
	Stop                json.RawMessage `json:"stop,omitempty"`
	ReasoningEffort     string          `json:"reasoning_effort,omitempty"`
	IncludeReasoning    *bool           `json:"include_reasoning,omitempty"`
	Messages            []chatMessage   `json:"messages"`
}

type chatMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

const (
	maxRequest       = 256 << 10
	defaultMaxTokens = 1024
	mostTokens       = 4096
	mostMessages     = 400
)

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", refuse(api.Invalid), fmt.Sprintf(format, args...))
}

// parseCompletion reads and checks a request, all but what depends on the plan.
func parseCompletion(body []byte) (*completion, error) {
	var c completion
	if err := json.Unmarshal(body, &c); err != nil {
		return nil, invalid("%v", err)
	}
	if !c.Stream {
		return nil, invalid("answers are streamed: stream must be true")
	}
	if n := len(c.Messages); n == 0 || n > mostMessages {
		return nil, invalid("%d messages", n)
	}
	for i, m := range c.Messages {
		if m.Role != "system" && m.Role != "user" && m.Role != "assistant" {
			return nil, invalid("message %d has no known role", i)
		}
	}
	if c.MaxCompletionTokens == 0 {
		c.MaxCompletionTokens = c.MaxTokens
	}
	c.MaxTokens = 0
	if c.MaxCompletionTokens == 0 {
		c.MaxCompletionTokens = defaultMaxTokens
	}
	if c.MaxCompletionTokens < 1 || c.MaxCompletionTokens > mostTokens {
		return nil, invalid("max_completion_tokens %d is not within 1 and %d", c.MaxCompletionTokens, mostTokens)
	}
	if !between(c.Temperature, 0, 2) || !between(c.TopP, 0, 1) {
		return nil, invalid("temperature or top_p out of range")
	}
	if len(c.Stop) > 1024 {
		return nil, invalid("stop is too long")
	}
	if !slices.Contains([]string{"", "none", "default", "low", "medium", "high"}, c.ReasoningEffort) {
		return nil, invalid("reasoning_effort is not known")
	}
	return &c, nil
}

func between(v *float64, low, high float64) bool { return v == nil || *v >= low && *v <= high }

// estimate is about how many tokens the request will take: of its text, four
// bytes make one.
func (c *completion) estimate() int {
	bytes := 0
	for _, m := range c.Messages {
		bytes += len(m.Content) + 16
	}
	return bytes/4 + c.MaxCompletionTokens
}

// encode returns the request for the vendor. A persona's instruction goes
// first: what stays the same from question to question is cached as a prefix.
func (c *completion) encode(instruction string) ([]byte, error) {
	if instruction != "" {
		c.Messages = slices.Insert(c.Messages, 0, chatMessage{"system", instruction})
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(c); err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
