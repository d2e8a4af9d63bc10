// Package groq streams chat completions from Groq, from our backend, or from
// any OpenAI-compatible server (Ollama, llama.cpp): one client, other base URLs
// and credentials. [Client.Complete] blocks until the answer is whole and hands
// over each delta as it comes; cancelling its context closes the request at
// once. [Client.Warm] opens the connection before the first question.
package groq

import "time"

// Message is one message of the dialogue. Role is "system", "user" or "assistant".
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Request asks for one answer.
type Request struct {
	Model     string
	Messages  []Message
	MaxTokens int    // 0: the client's default
	Effort    string // reasoning effort: "low", "medium", "high"; empty: the client's default
	Fallback  string // model tried once when Model is unknown, limited or failing; empty: none
}

// Result says how an answer ended.
type Result struct {
	Model                                        string        // the model that answered
	Text                                         string        // the whole answer
	FinishReason                                 string        // "stop", "length", ...
	FirstToken                                   time.Duration // from the request being written to the first content delta
	Done                                         time.Duration
	PromptTokens, CachedTokens, CompletionTokens int
	Reused                                       bool // the request went over a connection that was open already
	Retries                                      int  // attempts after the first, fallback included
}
