package groq

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

// maxAnswer bounds an answer's text.
const maxAnswer = 1 << 20

// tail is how long the usage and [DONE] may take once the answer has ended.
const tail = 500 * time.Millisecond

// chunk is one event of a streamed answer. Servers other than Groq leave x_groq
// out; some send the usage in a chunk without choices.
type chunk struct {
	Model   string `json:"model"`
	Choices []struct {
		Index int `json:"index"`
		Delta struct {
			Content string `json:"content"` // reasoning comes under other names and is not read
		} `json:"delta"`
		FinishReason string `json:"finish_reason"`
	} `json:"choices"`
	Usage *usage `json:"usage"`
	XGroq *struct {
		Usage *usage `json:"usage"`
		Error string `json:"error"`
	} `json:"x_groq"`
	Error *vendorError `json:"error"`
}

type usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	Details          struct {
		CachedTokens int `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
}

// stream reads the events of one attempt into its answer.
type stream struct {
	*answer
	secret   string
	stall    *time.Timer   // cancels the attempt
	patience time.Duration // what stall is set to
	ended    bool          // a finish reason came: the answer is whole
}

// read hands over the answer. It returns when [DONE] has come, or when nothing
// comes any more after the finish reason.
func (s *stream) read(body io.Reader) *Error {
	ev := newEvents(body)
	for {
		e, err := ev.next()
		if s.ended && err != nil {
			break
		}
		if err == io.EOF {
			return s.c.streamError(io.ErrUnexpectedEOF)
		}
		if err != nil {
			return s.c.streamError(err)
		}
		if string(e.data) == "[DONE]" {
			break
		}
		if failed := s.take(e); failed != nil {
			return failed
		}
		s.stall.Reset(s.patience)
	}
	if s.splice != nil {
		s.deliver(s.splice.end())
	}
	if s.text.Len() == 0 {
		return &Error{Status: http.StatusOK, Code: CodeEmpty, service: s.c.o.Name}
	}
	return nil
}

// take hands over what one event says.
func (s *stream) take(e event) *Error {
	var ch chunk
	if err := json.Unmarshal(e.data, &ch); err != nil {
		failed := s.c.streamError(err)
		failed.Code = CodeMalformed
		return failed
	}
	if ch.Model != "" {
		s.result.Model = ch.Model
	}
	s.count(ch.Usage)
	if ch.XGroq != nil {
		s.count(ch.XGroq.Usage)
		if ch.XGroq.Error != "" {
			ch.Error = &vendorError{message: ch.XGroq.Error}
		}
	}
	for _, choice := range ch.Choices {
		if choice.Index != 0 {
			continue
		}
		text := choice.Delta.Content
		if s.text.Len()+len(text) > maxAnswer {
			failed := s.c.streamError(errors.New("answer of more than 1 MiB"))
			failed.Code = CodeMalformed
			return failed
		}
		if text != "" {
			s.patience = s.c.o.Stall
		}
		if s.splice != nil {
			text = s.splice.add(text)
		}
		s.deliver(text)
		if choice.FinishReason != "" {
			s.result.FinishReason = choice.FinishReason
			s.ended, s.patience = true, min(s.patience, tail)
		}
	}
	if ch.Error != nil || e.name == "error" {
		failed := s.c.streamError(nil)
		if ch.Error != nil {
			failed.setVendor(*ch.Error, s.secret)
		}
		failed.Err, failed.Code = errors.New("error event "+failed.Code), CodeFailed
		return failed
	}
	return nil
}

func (s *stream) count(u *usage) {
	if u != nil {
		s.result.PromptTokens = u.PromptTokens
		s.result.CompletionTokens = u.CompletionTokens
		s.result.CachedTokens = u.Details.CachedTokens
	}
}
