package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"copilot/app/deepgram"
	"copilot/app/interview"
)

// jsonl prints an interview as one JSON object a line (--jsonl), in the order
// of its events. Nothing is left out: when the reader falls jsonlQueue lines
// behind, the interview ends with errSlowReader.
type jsonl struct {
	lines chan any
	phase interview.Phase
	seen  map[int]seenQuestion
	code  string
	full  bool
}

type seenQuestion struct {
	text  string
	bytes int // of the answer already printed
	ended bool
}

const jsonlQueue = 4096

var errSlowReader = errors.New("print events: the reader of the standard output does not keep up")

func newJSONL() *jsonl {
	return &jsonl{lines: make(chan any, jsonlQueue), phase: -1, seen: map[int]seenQuestion{}}
}

// Run writes the lines until Close or the first write error, which it returns.
func (j *jsonl) Run(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for line := range j.lines {
		if err := enc.Encode(line); err != nil {
			return fmt.Errorf("print events: %w", err)
		}
	}
	if j.full {
		return errSlowReader
	}
	return nil
}

// Close ends Run once everything is written. Observe must not be called after.
func (j *jsonl) Close() { close(j.lines) }

func (j *jsonl) put(line any) {
	select {
	case j.lines <- line:
	default:
		j.full = true
	}
}

type (
	transcriptLine struct {
		Type    string  `json:"type"`
		Speaker string  `json:"speaker"`
		Text    string  `json:"text"`
		Final   bool    `json:"final"`
		Start   float64 `json:"start"`
		End     float64 `json:"end"`
	}
	questionLine struct {
		Type string `json:"type"`
		ID   int    `json:"id"`
		Text string `json:"text"`
	}
	deltaLine struct {
		Type     string `json:"type"`
		Question int    `json:"question"`
		Text     string `json:"text"`
	}
	answerLine struct {
		Type       string `json:"type"`
		Question   int    `json:"question"`
		Text       string `json:"text"`
		Status     string `json:"status"`
		FirstToken int64  `json:"first_token_ms"`
		Done       int64  `json:"done_ms"`
	}
	statusLine struct {
		Type  string `json:"type"`
		State string `json:"state"`
	}
	gapLine struct {
		Type  string  `json:"type"`
		Start float64 `json:"start"`
		End   float64 `json:"end"`
	}
	errorLine struct {
		Type    string `json:"type"`
		Code    string `json:"code"`
		Message string `json:"message"`
	}
)

// Observe is an interview's observer; it never blocks.
func (j *jsonl) Observe(s interview.State, ev interview.Event) {
	if h, ok := ev.(interview.Heard); ok {
		switch e := h.Event.(type) {
		case deepgram.Transcript:
			if e.Text != "" {
				j.put(transcriptLine{"transcript", e.Channel.String(), e.Text, e.Final, e.Start.Seconds(), e.End.Seconds()})
			}
		case deepgram.Gap:
			j.put(gapLine{"gap", e.Start.Seconds(), e.End.Seconds()})
		}
	}
	if s.Phase != j.phase {
		j.phase = s.Phase
		j.put(statusLine{"status", s.Phase.String()})
	}
	for _, q := range s.Questions.Settled().All() { // a line cannot be taken back
		j.question(q)
	}
	if s.Notice.Code != j.code {
		j.code = s.Notice.Code
		if j.code != "" {
			j.put(errorLine{"error", s.Notice.Code, s.Notice.Message})
		}
	}
}

func (j *jsonl) question(q interview.Question) {
	was, known := j.seen[q.ID]
	if was.ended && was.text == q.Text && q.Answer.Status > interview.AnswerStreaming {
		return
	}
	if !known || was.text != q.Text {
		j.put(questionLine{"question", q.ID, q.Text})
		if was.text = q.Text; q.Answer.Text.Len() == 0 { // else only the words grew
			was = seenQuestion{text: q.Text}
		}
	}
	if n := q.Answer.Text.Len(); n > was.bytes {
		j.put(deltaLine{"answer_delta", q.ID, q.Answer.Text.From(was.bytes)})
		was.bytes = n
	} else if n < was.bytes { // asked again: a new answer begins
		was.bytes = 0
	}
	if status, over := answerStatus(q.Answer.Status); over && !was.ended {
		was.ended = true
		j.put(answerLine{"answer", q.ID, q.Answer.Text.String(), status,
			q.Answer.FirstToken.Milliseconds(), q.Answer.Done.Milliseconds()})
	} else if !over {
		was.ended = false
	}
	j.seen[q.ID] = was
}

// answerStatus names how an answer ended, if it has.
func answerStatus(s interview.AnswerStatus) (name string, over bool) {
	switch s {
	case interview.AnswerDone:
		return "done", true
	case interview.AnswerCancelled:
		return "cancelled", true
	case interview.AnswerFailed:
		return "failed", true
	}
	return "", false
}
