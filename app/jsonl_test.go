package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"copilot/app/deepgram"
	"copilot/app/interview"
	"copilot/audio"
)

func TestJSONLSpeaksItsFormat(t *testing.T) {
	j := newJSONL()
	s := interview.State{Phase: interview.Listening}
	j.Observe(s, interview.Heard{Event: deepgram.Transcript{Channel: audio.Interviewer, Text: "Why <this> job?", Final: true, Start: time.Second, End: 2500 * time.Millisecond}})
	s.Phase = interview.Thinking
	s.Questions = interview.QuestionsOf(interview.Question{ID: 1, Text: "Why <this> job?"})
	j.Observe(s, interview.TimePassed{})
	for _, answer := range []interview.Answer{
		{Status: interview.AnswerStreaming, Text: text("Be")},
		{Status: interview.AnswerStreaming, Text: text("Because")},
		{Status: interview.AnswerDone, Text: text("Because."), FirstToken: 150 * time.Millisecond, Done: 300 * time.Millisecond},
	} {
		s.Questions = interview.QuestionsOf(interview.Question{ID: 1, Text: "Why <this> job?", Answer: answer})
		j.Observe(s, interview.DeltaCame{})
		j.Observe(s, interview.TimePassed{})
	}
	s.Notice = interview.Notice{Code: "offline", Message: "The network is away."}
	j.Observe(s, interview.Heard{Event: deepgram.Gap{Start: 3 * time.Second, End: 20 * time.Second}})
	j.Close()
	var out strings.Builder
	if err := j.Run(&out); err != nil {
		t.Fatal(err)
	}
	want := `{"type":"transcript","speaker":"interviewer","text":"Why <this> job?","final":true,"start":1,"end":2.5}
{"type":"status","state":"listening"}
{"type":"status","state":"thinking"}
{"type":"question","id":1,"text":"Why <this> job?"}
{"type":"answer_delta","question":1,"text":"Be"}
{"type":"answer_delta","question":1,"text":"cause"}
{"type":"answer_delta","question":1,"text":"."}
{"type":"answer","question":1,"text":"Because.","status":"done","first_token_ms":150,"done_ms":300}
{"type":"gap","start":3,"end":20}
{"type":"error","code":"offline","message":"The network is away."}
`
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// A reader that stops reading neither blocks the interview nor goes unnoticed.
func TestJSONLSlowOrBrokenReader(t *testing.T) {
	j := newJSONL()
	heard := interview.Heard{Event: deepgram.Transcript{Text: "word"}}
	for range jsonlQueue + 10 {
		j.Observe(interview.State{}, heard)
	}
	j.Close()
	if err := j.Run(&strings.Builder{}); !errors.Is(err, errSlowReader) {
		t.Errorf("slow reader: %v", err)
	}
	j = newJSONL()
	j.Observe(interview.State{}, heard)
	j.Close()
	if err := j.Run(brokenPipe{}); err == nil {
		t.Error("a broken pipe is not reported")
	}
}
