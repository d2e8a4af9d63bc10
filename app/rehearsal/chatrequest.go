package rehearsal

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// chatRequest is a checked request for a completion.
type chatRequest struct {
	Model         string
	Messages      []chatMessage
	Stream        bool
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	MaxTokens        *int     `json:"max_tokens"`
	MaxCompletion    *int     `json:"max_completion_tokens"`
	Temperature      *float64 `json:"temperature"`
	TopP             *float64 `json:"top_p"`
	N                *int     `json:"n"`
	Stop             stops    `json:"stop"`
	Effort           string   `json:"reasoning_effort"`
	ReasoningFormat  string   `json:"reasoning_format"`
	IncludeReasoning *bool    `json:"include_reasoning"`
	ServiceTier      string   `json:"service_tier"`
	ResponseFormat   struct {
		Type string `json:"type"`
	} `json:"response_format"`
	Tools []json.RawMessage `json:"tools"`
}

type chatMessage struct {
	Role    string      `json:"role"`
	Content chatContent `json:"content"`
}

// chatContent is a text, or a list of parts of which the texts count.
type chatContent string

func (c *chatContent) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*c = chatContent(text)
		return nil
	}
	var parts []struct{ Type, Text string }
	if err := json.Unmarshal(data, &parts); err != nil {
		return fmt.Errorf("content must be a string or an array of parts")
	}
	for _, p := range parts {
		if p.Type != "text" {
			return fmt.Errorf("content parts of type %q are not supported", p.Type)
		}
		*c += chatContent(p.Text)
	}
	return nil
}

// stops is one stop sequence or a list.
type stops []string

func (s *stops) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		if one != "" {
			*s = stops{one}
		}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(s))
}

// What Groq takes, from its Python client's request type and its page on
// OpenAI compatibility; anything else is refused.
var (
	chatFields = []string{
		"citation_options", "compound_custom", "disable_tool_validation", "documents", "include_reasoning",
		"max_completion_tokens", "max_tokens", "messages", "model", "n", "parallel_tool_calls", "reasoning_effort",
		"reasoning_format", "response_format", "search_settings", "seed", "service_tier", "stop", "stream",
		"stream_options", "temperature", "tool_choice", "tools", "top_p", "user",
	}
	messageFields = []string{"role", "content", "tool_calls", "tool_call_id", "reasoning"}
	roles         = []string{"system", "developer", "user", "assistant", "tool"}
	serviceTiers  = []string{"", "on_demand", "auto", "flex", "performance"}
	formats       = []string{"", "text", "json_object", "json_schema"}
)

// What the server offers: chat models, and one that is not.
var modelList = []struct {
	ID, Owner string
	Chat      bool
}{
	{"openai/gpt-oss-20b", "OpenAI", true},
	{"openai/gpt-oss-120b", "OpenAI", true},
	{"qwen/qwen3.6-27b", "Alibaba Cloud", true},
	{"whisper-large-v3-turbo", "OpenAI", false},
}

// chatError is a refusal as Groq words it.
type chatError struct {
	status              int
	kind, code, message string
}

func (e *chatError) Error() string { return e.message }

func badRequest(format string, args ...any) error {
	return &chatError{status: http.StatusBadRequest, kind: "invalid_request_error", message: fmt.Sprintf(format, args...)}
}

func parseChat(body []byte) (*chatRequest, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return nil, badRequest("the body is not a JSON object")
	}
	for name := range fields {
		if !slices.Contains(chatFields, name) {
			return nil, badRequest("property '%s' is unsupported", name)
		}
	}
	r := &chatRequest{}
	if err := json.Unmarshal(body, r); err != nil {
		return nil, badRequest("%v", err)
	}
	for _, check := range []func() error{
		func() error { return checkMessages(fields["messages"], r.Messages) },
		r.checkModel, r.checkReasoning, r.checkNumbers,
	} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func checkMessages(raw json.RawMessage, messages []chatMessage) error {
	if len(messages) == 0 {
		return badRequest("'messages' : minimum number of items is 1")
	}
	var fields []map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return badRequest("'messages' : %v", err)
	}
	for i, m := range messages {
		if !slices.Contains(roles, m.Role) {
			return badRequest("'messages.%d' : discriminator property 'role' has invalid value", i)
		}
		for name := range fields[i] {
			if !slices.Contains(messageFields, name) {
				return badRequest("'messages.%d' : for 'role:%s' property '%s' is unsupported", i, m.Role, name)
			}
		}
		if _, ok := fields[i]["content"]; !ok && m.Role != "assistant" {
			return badRequest("'messages.%d' : for 'role:%s' property 'content' is missing", i, m.Role)
		}
	}
	return nil
}

func (r *chatRequest) checkModel() error {
	for _, m := range modelList {
		if m.ID == r.Model && m.Chat {
			return nil
		}
		if m.ID == r.Model {
			return badRequest("The model `%s` does not support chat completions", r.Model)
		}
	}
	if r.Model == "" {
		return badRequest("property 'model' is missing")
	}
	return &chatError{
		status: http.StatusNotFound, kind: "invalid_request_error", code: "model_not_found",
		message: fmt.Sprintf("The model `%s` does not exist or you do not have access to it.", r.Model),
	}
}

func (r *chatRequest) checkReasoning() error {
	efforts := []string{"none", "default"}
	if strings.Contains(r.Model, "gpt-oss") {
		efforts = []string{"low", "medium", "high"}
	}
	if r.Effort != "" && !slices.Contains(efforts, r.Effort) {
		return badRequest("`reasoning_effort` must be one of `%s`", strings.Join(efforts, "`, `"))
	}
	if !slices.Contains([]string{"", "hidden", "raw", "parsed"}, r.ReasoningFormat) {
		return badRequest("`reasoning_format` must be one of `hidden`, `raw`, `parsed`")
	}
	if r.ReasoningFormat != "" && r.IncludeReasoning != nil {
		return badRequest("`reasoning_format` and `include_reasoning` cannot be used together")
	}
	if r.ReasoningFormat == "raw" && (len(r.Tools) > 0 || strings.HasPrefix(r.ResponseFormat.Type, "json")) {
		return badRequest("`reasoning_format` `raw` cannot be used with JSON mode or tools")
	}
	return nil
}

func (r *chatRequest) checkNumbers() error {
	switch {
	case r.N != nil && *r.N != 1:
		return badRequest("'n' : number must be at most 1")
	case r.Temperature != nil && (*r.Temperature < 0 || *r.Temperature > 2):
		return badRequest("'temperature' : number must be 0 to 2")
	case r.TopP != nil && (*r.TopP < 0 || *r.TopP > 1):
		return badRequest("'top_p' : number must be 0 to 1")
	case len(r.Stop) > 4:
		return badRequest("'stop' : maximum number of items is 4")
	case len(r.Tools) > 128:
		return badRequest("'tools' : maximum number of items is 128")
	case !slices.Contains(serviceTiers, r.ServiceTier):
		return badRequest("'service_tier' : unknown value")
	case !slices.Contains(formats, r.ResponseFormat.Type):
		return badRequest("'response_format' : unknown type")
	case r.limit() < 1 || r.limit() > 65536:
		return badRequest("`max_completion_tokens` must be 1 to 65536")
	}
	return nil
}

// limit is the most tokens that the completion may have, reasoning included.
func (r *chatRequest) limit() int {
	switch {
	case r.MaxCompletion != nil:
		return *r.MaxCompletion
	case r.MaxTokens != nil:
		return *r.MaxTokens
	}
	return 65536
}

// reasoningTokens is what a model spends before its first word.
func (r *chatRequest) reasoningTokens() int {
	if !strings.Contains(r.Model, "gpt-oss") {
		return 0
	}
	switch r.Effort {
	case "low":
		return 24
	case "high":
		return 400
	}
	return 96
}

// lastUser is the newest message of the user.
func (r *chatRequest) lastUser() string {
	for _, m := range slices.Backward(r.Messages) {
		if m.Role == "user" {
			return string(m.Content)
		}
	}
	return ""
}
