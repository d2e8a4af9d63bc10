package main

import (
	"strings"
	"testing"
	"time"

	"copilot/app/interview"
	"copilot/audio"
)

// show prints a series of states and returns what the terminal then holds.
func show(t *terminal, states ...interview.State) string {
	var out strings.Builder
	t.Out = &out
	for _, s := range states {
		t.Show(s)
	}
	t.Close()
	return out.String()
}

func text(s string) interview.Text { return interview.Text{}.Append(s) }

func TestTerminalPrintsEachThingOnce(t *testing.T) {
	listening := interview.State{Mode: "rehearsal", Phase: interview.Listening}
	turn := listening
	turn.Turns = []interview.Turn{{Speaker: audio.Interviewer, Text: "Hello and welcome."}}
	grown := listening
	grown.Turns = []interview.Turn{{Speaker: audio.Interviewer, Text: "Hello and welcome. Why this job?"}}
	asked := grown
	asked.Phase = interview.Thinking
	asked.Questions = interview.QuestionsOf(interview.Question{ID: 1, Text: "Why this job?"})
	first := asked
	first.Phase = interview.Answering
	first.Questions = interview.QuestionsOf(interview.Question{ID: 1, Text: "Why this job?", Answer: interview.Answer{
		Status: interview.AnswerStreaming, Text: text("Because I **li")}})
	reply := first
	reply.Questions = interview.QuestionsOf(interview.Question{ID: 1, Text: "Why this job?", Answer: interview.Answer{
		Status: interview.AnswerDone, Text: text("Because I **like** it.\n- one"),
		FirstToken: 410 * time.Millisecond, Done: 1200 * time.Millisecond}})
	reply.Turns = append(grown.Turns[:1:1], interview.Turn{Speaker: audio.Candidate, Text: "Because I like it."})

	got := show(newTerminal(nil, 60), listening, turn, turn, grown, asked, first, first, reply, reply)
	want := `Rehearsal: captions and answers come from the recording.
[listening]
Interviewer: Hello and welcome.
Interviewer: Why this job?

Question: Why this job?
  Because I like it.
  - one
  (first word after 0.4 s, complete after 1.2 s)
You: Because I like it.
`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestTerminalNewQuestionKeepsTheOldAnswer(t *testing.T) {
	one := interview.Question{ID: 1, Text: "One?", Answer: interview.Answer{Status: interview.AnswerStreaming, Text: text("half an")}}
	cancelled := one
	cancelled.Answer.Status = interview.AnswerCancelled
	two := interview.Question{ID: 2, Text: "Two?"}
	got := show(newTerminal(nil, 60),
		interview.State{Phase: interview.Answering, Questions: interview.QuestionsOf(one)},
		interview.State{Phase: interview.Thinking, Questions: interview.QuestionsOf(cancelled, two)})
	for _, want := range []string{"  half an\n  (stopped)\n", "Question: Two?"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in:\n%s", want, got)
		}
	}
}

func TestTerminalTellsWhatIsWrong(t *testing.T) {
	s := interview.State{Phase: interview.Offline, Notice: interview.Notice{Code: "offline", Message: "The network is away."}}
	s.Lanes[audio.Interviewer].LaneStatus = audio.LaneStatus{State: audio.LaneMissing, Advice: "Choose an output."}
	s.Turns = []interview.Turn{{Gap: true, Start: time.Second, End: 21 * time.Second}}
	got := show(newTerminal(nil, 80), s, s)
	want := `Interviewer lane: missing. Choose an output.
[offline]
! The network is away.
! Nothing was heard for 20 seconds.
`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestTerminalIsNotSteeredByWords(t *testing.T) {
	q := interview.Question{ID: 1, Text: "\x1b[2Jhi\u202e?", Answer: interview.Answer{Status: interview.AnswerDone, Text: text("a\x1b]0;x\x07b")}}
	got := show(newTerminal(nil, 80), interview.State{Questions: interview.QuestionsOf(q),
		Turns: []interview.Turn{{Text: "\x1b[31mred"}}})
	if strings.ContainsAny(got, "\x1b\x07\u202e") {
		t.Errorf("control characters came through: %q", got)
	}
}

// However an answer is cut into pieces, it is wrapped the same, within the width.
func TestWrapIsIndependentOfPieces(t *testing.T) {
	const answer = "A rather **long cue** sentence that wraps.\n\n- first bullet of some length\n- second"
	whole := wrapper{width: 24, indent: "  ", eol: "\n"}
	want := whole.write(answer) + whole.flush()
	for _, line := range strings.Split(want, "\n") {
		if len(line) > 24 {
			t.Errorf("line of %d columns: %q", len(line), line)
		}
	}
	for size := 1; size < 9; size++ {
		w := wrapper{width: 24, indent: "  ", eol: "\n"}
		var got strings.Builder
		for rest := answer; rest != ""; {
			n := min(size, len(rest))
			got.WriteString(w.write(rest[:n]))
			rest = rest[n:]
		}
		got.WriteString(w.flush())
		if got.String() != want {
			t.Errorf("pieces of %d:\n%q\nwhole:\n%q", size, got.String(), want)
		}
	}
}

func TestLiveLineFitsAndIsErased(t *testing.T) {
	term := newTerminal(nil, 40)
	term.Live = true
	s := interview.State{Phase: interview.Listening}
	s.Captions[audio.Interviewer].Interim = strings.Repeat("and then ", 20)
	got := show(term, s, s)
	for _, line := range strings.FieldsFunc(got, func(r rune) bool { return r == '\r' || r == '\n' }) {
		if visible(line) > 40 {
			t.Errorf("%d columns: %q", visible(line), line)
		}
	}
	if !strings.HasSuffix(got, "\r\x1b[K") {
		t.Errorf("the live line was left behind: %q", got)
	}
}

// With colours every sequence that begins is whole: none is printed as letters.
func TestTerminalColours(t *testing.T) {
	s := interview.State{Mode: "rehearsal", Phase: interview.Listening}
	s.Questions = interview.QuestionsOf(interview.Question{ID: 1, Text: "Why this job?", Answer: interview.Answer{
		Status: interview.AnswerDone, Text: text("**Because** I like it."), FirstToken: time.Second, Done: time.Second}})
	s.Turns = []interview.Turn{{Speaker: audio.Candidate, Text: "Hello."}}
	screen := newTerminal(nil, 60)
	screen.Colour, screen.Live = true, true
	got := show(screen, s)
	for i := range got {
		if got[i] == '[' && (i == 0 || got[i-1] != 0x1b) && strings.ContainsAny(got[i+1:i+2], "0123456789") {
			t.Fatalf("a broken sequence at %d in %q", i, got)
		}
	}
	if !strings.Contains(got, "\x1b[1mBecause") || !strings.Contains(got, "\x1b[2m(first word") {
		t.Errorf("cue words are not bold, or the latency is not dim: %q", got)
	}
}
