package overlay

import (
	"strings"
	"testing"
	"time"

	"copilot/app/interview"
	"copilot/audio"
)

func TestBanner(t *testing.T) {
	tests := []struct {
		name    string
		view    view
		want    string
		serious bool
	}{
		{"rehearsal is said", view{mode: ModeRehearsal, phase: interview.Listening, auto: true}, "Rehearsal: captions and answers come from the recording.", false},
		{"a notice comes first", view{mode: ModeRehearsal, notice: interview.Notice{Code: "x", Message: "Do this."}}, "Do this.", true},
		{"offline", view{mode: ModeRehearsal, phase: interview.Offline}, "The connection is away. Sound is kept and sent as soon as it is back.", true},
		{"paused", view{phase: interview.Paused}, "Paused: nothing is heard or sent.", false},
		{"loss is counted", view{phase: interview.Listening, auto: true, dropped: 80, lanes: [2]laneView{{dropped: 20}, {}}}, "2.0 s of sound were lost: the connection or this computer is too slow.", true},
		{"by hand", view{phase: interview.Listening}, "Automatic answers are off: press Answer now.", false},
		{"nothing to say", view{phase: interview.Listening, auto: true}, "", false},
	}
	for _, tt := range tests {
		if got, serious := tt.view.banner(); got != tt.want || serious != tt.serious {
			t.Errorf("%s: %q, %v", tt.name, got, serious)
		}
	}
}

func TestNote(t *testing.T) {
	tests := []struct {
		view view
		want string
	}{
		{view{phase: interview.Idle}, "Press Start"},
		{view{phase: interview.Listening, auto: true}, "next question appears here"},
		{view{phase: interview.Listening}, "Press Answer now"},
		{view{phase: interview.Ended}, "over"},
		{view{id: 1, status: interview.AnswerWaiting}, "Thinking…"},
		{view{id: 1, status: interview.AnswerCancelled}, "Stopped."},
		{view{id: 1, status: interview.AnswerFailed}, "try again"},
		{view{id: 1, status: interview.AnswerFailed, length: 9, problem: "Groq is away."}, "Groq is away."},
		{view{id: 1, status: interview.AnswerStreaming, length: 9}, ""},
	}
	for _, tt := range tests {
		if got := tt.view.note(); !strings.Contains(got, tt.want) || (tt.want == "") != (got == "") {
			t.Errorf("%+v: %q", tt.view, got)
		}
	}
}

func TestViewOf(t *testing.T) {
	s := state("answer")
	change(&s, func(q *interview.Question) { q.Text, q.Answer.FirstToken = "Why\u202e?\x1b", 0 })
	s.Captions[0] = interview.Caption{Interim: strings.Repeat("我", 200) + " so then"}
	v := viewOf(s)
	if v.question != "Why?" {
		t.Errorf("question %q", v.question)
	}
	if v.latency != 300*time.Millisecond {
		t.Errorf("latency of the last answer is %v", v.latency)
	}
	if v.captions[0].interim != "so then" {
		t.Errorf("caption %q", v.captions[0].interim)
	}
	if c := v.captions[audio.Candidate]; !c.past || c.final != "Thank you for having me." {
		t.Errorf("the candidate's last turn: %+v", c)
	}
	if v.length != len("answer") || v.number != 2 || v.total != 2 {
		t.Errorf("%+v", v)
	}
	s.Shown = 7
	if v := viewOf(s); v.id != 0 || v.number != 0 {
		t.Errorf("a question that is not there: %+v", v)
	}
}

func TestClock(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0:00", 61 * time.Second: "1:01", time.Hour + 2*time.Minute + 3*time.Second: "1:02:03",
	} {
		if got := clock(d); got != want {
			t.Errorf("%v is %s", d, got)
		}
	}
}
