package overlay

import (
	"fmt"
	"strings"
	"time"

	"copilot/app/interview"
	"copilot/audio"
)

// meterSteps is how finely a level is shown.
const meterSteps = 20

// view is what the teleprompter shows of a state, but for the answer's words. It
// is comparable: where two views are equal there is nothing to draw.
type view struct {
	mode     string
	phase    interview.Phase
	auto     bool
	elapsed  time.Duration // whole seconds
	lanes    [audio.Channels]laneView
	captions [audio.Channels]captionView
	question string
	id       int // of the question on screen; 0: none
	number   int // its place among the questions, from 1
	total    int
	manual   bool
	draft    bool // it may be replaced
	card     bool // the answer was prepared before the interview
	said     int  // bytes of the answer said by the candidate
	marks    int  // sentences of the answer that were judged
	wild     string
	waits    int // ID of a question whose answer waits; 0: none
	status   interview.AnswerStatus
	length   int // of the answer, bytes
	problem  string
	latency  time.Duration // until the first word of this answer or the last that has one
	notice   interview.Notice
	dropped  int
}

type laneView struct {
	state   audio.LaneState
	device  string
	advice  string
	level   int // 0…meterSteps
	dropped int
}

// captionView is the live line of one side. past is set when nobody is speaking
// and the words are those of the last turn.
type captionView struct {
	final, interim string
	past           bool
}

// captionBytes bounds what is kept of a caption: more than fits on its lines.
const captionBytes = 400

func viewOf(s interview.State) view {
	v := view{
		mode: s.Mode, phase: s.Phase, auto: s.Auto, total: s.Questions.Len(),
		elapsed: s.Elapsed.Truncate(time.Second), notice: s.Notice, dropped: s.Dropped,
	}
	for c := range v.lanes {
		l := s.Lanes[c]
		v.lanes[c] = laneView{
			state: l.State, device: plain(l.Device), advice: plain(l.Advice), dropped: l.Dropped,
			level: int(min(max(l.Level, 0), 1)*meterSteps + 0.5),
		}
		v.captions[c] = captionOf(s, audio.Channel(c))
	}
	if q, ok := s.Current(); ok {
		v.id, v.number, v.manual = q.ID, s.Shown+1, q.Manual
		v.question, v.draft = asked(q, s.Reader), q.Answer.Draft
		v.said, v.waits, v.marks, v.wild = s.Reader.Said, s.Reader.Next, len(q.Answer.Labels.All), unfounded(q.Answer.Labels.All)
		text, _ := q.Shown()
		v.status, v.length, v.card = q.Answer.Status, text.Len(), q.Card
		v.problem = q.Answer.Problem
	}
	for i := s.Shown; i >= 0 && i < s.Questions.Len() && v.latency == 0; i-- {
		v.latency = s.Questions.At(i).Answer.FirstToken
	}
	return v
}

func captionOf(s interview.State, c audio.Channel) captionView {
	v := captionView{final: tail(s.Captions[c].Final), interim: tail(s.Captions[c].Interim)}
	if v.final != "" || v.interim != "" {
		return v
	}
	for i := len(s.Turns) - 1; i >= 0; i-- {
		if t := s.Turns[i]; t.Speaker == c && !t.Gap {
			return captionView{final: tail(t.Text), past: true}
		}
	}
	return v
}

// tail is the end of a text, from a word's beginning.
func tail(s string) string {
	s = strings.Join(strings.Fields(plain(s)), " ")
	if len(s) <= captionBytes {
		return s
	}
	s = strings.ToValidUTF8(s[len(s)-captionBytes:], "")
	if i := strings.IndexByte(s, ' '); i >= 0 {
		s = s[i+1:]
	}
	return s
}

// phaseWord says in a word or two what is going on.
func (v view) phaseWord() string {
	switch v.phase {
	case interview.Idle:
		return "Ready"
	case interview.Starting:
		return "Starting"
	case interview.Listening:
		return "Listening"
	case interview.Thinking:
		return "Thinking"
	case interview.Answering:
		if v.draft {
			return "Draft"
		}
		return "Answering"
	case interview.Paused:
		return "Paused"
	case interview.Offline:
		return "Offline"
	case interview.Ended:
		return "Ended"
	}
	return v.phase.String()
}

// running says whether there is an interview to pause or stop.
func (v view) running() bool {
	return v.phase != interview.Idle && v.phase != interview.Ended
}

// banner is the one sentence below the status line, and whether it is serious.
func (v view) banner() (text string, serious bool) {
	switch {
	case v.notice.Code != "" && v.notice.Message != "":
		return plain(v.notice.Message), true
	case v.phase == interview.Offline:
		return "The connection is away. Sound is kept and sent as soon as it is back.", true
	case v.phase == interview.Paused:
		return "Paused: nothing is heard or sent.", false
	case v.mode == ModeRehearsal:
		return "Rehearsal: captions and answers come from the recording.", false
	case v.lost() >= worthTelling:
		return fmt.Sprintf("%.1f s of sound were lost: the connection or this computer is too slow.", v.lost().Seconds()), true
	case v.running() && !v.auto:
		return "Automatic answers are off: press Answer now.", false
	}
	return "", false
}

// worthTelling is how much lost sound a person is told of.
const worthTelling = 500 * time.Millisecond

// lost is the sound that was not heard or not sent, of both sides together.
func (v view) lost() time.Duration {
	frames := v.dropped
	for _, l := range v.lanes {
		frames += l.dropped
	}
	return time.Duration(frames) * audio.FrameDuration
}

// note is what stands in place of the answer while it has no words, and below
// it when something went wrong.
func (v view) note() string {
	switch {
	case v.id == 0:
		return v.invitation()
	case v.card:
		return strings.TrimSpace("Prepared before the interview, for a question like this one. " + plain(v.problem))
	case v.problem != "":
		return plain(v.problem)
	case v.status == interview.AnswerFailed:
		return "The answer failed. Press Answer now to try again."
	case v.length > 0:
		return plain(v.wild)
	case v.status == interview.AnswerWaiting:
		return "Thinking…"
	case v.status == interview.AnswerCancelled:
		return "Stopped."
	}
	return ""
}

func (v view) invitation() string {
	switch v.phase {
	case interview.Idle:
		return "Press Start when the interview begins."
	case interview.Starting:
		return "Opening the devices and the connection…"
	case interview.Ended:
		return "The interview is over."
	case interview.Paused:
		return ""
	}
	if v.auto {
		return "The answer to the interviewer's next question appears here."
	}
	return "Press Answer now when you want an answer."
}

// clock writes a duration as minutes and seconds, or with hours.
func clock(d time.Duration) string {
	h, m, s := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	if h > 0 {
		return fmt.Sprintf("%d:%02d:%02d", h, m, s)
	}
	return fmt.Sprintf("%d:%02d", m, s)
}
