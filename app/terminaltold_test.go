package main

import (
	"testing"

	"copilot/app/interview"
)

// What: what the window shows by marks, colours and a chip. Why: who hears the
// screen instead of seeing it is told the same, once each, and never in the
// middle of an answer.
func TestTerminalAnnounces(t *testing.T) {
	s := interview.State{Phase: interview.Listening, Shown: 0}
	change := func(f func(q *interview.Question)) {
		s.Questions = s.Questions.With(0, f)
	}
	s.Questions = interview.QuestionsOf(interview.Question{ID: 1, Text: "Why Go, and how long did it take?", Card: true, Prepared: "**Small.**\n- Fast to build."})
	s.Reader.Parts.All = []interview.Part{{Text: "Why Go"}, {Text: "how long did it take"}}
	states := []interview.State{s, s}
	change(func(q *interview.Question) {
		q.Card = false
		q.Answer = interview.Answer{Status: interview.AnswerStreaming, Text: text("I ran Cassandra. "),
			Labels: interview.Labels{All: []interview.Label{{To: 16, Ground: interview.Unfounded, Claim: "Cassandra"}}}}
	})
	states = append(states, s)
	change(func(q *interview.Question) {
		q.Answer.Text = q.Answer.Text.Append("It took nine months.")
		q.Answer.Status = interview.AnswerDone
	})
	states = append(states, s, s)
	s.Reader.Parts.All = []interview.Part{{Text: "Why Go", Covered: true}, {Text: "how long did it take"}}
	states = append(states, s, s)
	s.Questions = interview.QuestionsOf(s.Questions.At(0), interview.Question{ID: 2, Text: "What went wrong?"})
	s.Reader.Next = 2
	states = append(states, s, s)
	s.Reader.Parts.All = []interview.Part{{Text: "Why Go", Covered: true}, {Text: "how long did it take", Covered: true}}
	states = append(states, s)
	s.Shown, s.Reader = 1, interview.Reader{}
	states = append(states, s)

	want := `[listening]

Question: Why Go, and how long did it take?
Prepared before the interview, for a question like this one:
  Small.
  - Fast to build.
  I ran Cassandra. It took nine months.
  (first word after 0.0 s, complete after 0.0 s)
! Not in your documents: Cassandra. Say it only if it is true.
Covered 1 of 2. Still asked: how long did it take.
Next question waits: What went wrong?

Question: What went wrong?
Covered 2 of 2.
`
	if got := show(newTerminal(nil, 70), states...); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
