package interview

import (
	"time"

	"copilot/audio"
)

// Phase says what the interview is doing, as a person sees it.
type Phase int

const (
	Idle      Phase = iota // not started
	Starting               // devices and connection are being opened
	Listening              // both ready, nothing to answer
	Thinking               // an answer was asked for and has no word yet
	Answering              // an answer is being written
	Paused                 // nothing is heard or sent
	Offline                // the transcription is away and coming back
	Ended                  // over; Notice says why when it was not asked for
)

// String returns the phase as one lower-case word.
func (p Phase) String() string {
	return [...]string{"idle", "starting", "listening", "thinking", "answering", "paused", "offline", "ended"}[p]
}

// Lane is one side of the conversation as a meter shows it.
type Lane struct {
	audio.LaneStatus
	Level float64 // 0 silence … 1 full scale, on a decibel scale, smoothed
}

// Caption is the live line of one side.
type Caption struct {
	Final   string // words of the current utterance that will not change
	Interim string // words that still may
}

// Turn is what one side said before the other spoke. A gap in the sound is a
// turn of its own.
type Turn struct {
	Speaker    audio.Channel
	Text       string
	Start, End time.Duration
	Gap        bool // nothing was heard here; Text is empty
}

// AnswerStatus says how far an answer is.
type AnswerStatus int

const (
	AnswerWaiting   AnswerStatus = iota // asked for, no word yet
	AnswerStreaming                     // being written
	AnswerDone
	AnswerCancelled // a newer question or the person stopped it; what was written stays
	AnswerFailed    // Problem says why; what was written stays
)

// Answer is the suggested reply to a question.
type Answer struct {
	Status  AnswerStatus
	Text    Text
	Model   string
	Problem string // a sentence for the person when Status is AnswerFailed or a retry is under way
	// Since the question's last word was heard.
	FirstToken, Done time.Duration
}

// Question is an interviewer's turn that wants an answer.
type Question struct {
	ID     int // 1, 2, 3, ... in order of asking
	Text   string
	Manual bool      // asked for by hand
	Heard  time.Time // when its last word was heard
	Answer Answer
}

// Notice is one sentence for the person. Code is stable and machine-readable.
type Notice struct {
	Code    string
	Message string
}

// Text grows at its end. Appending costs the same however long it is, and a
// Text that was handed out never changes: later states share its memory.
type Text struct {
	buf []byte
	end *int // bytes of buf's array in use by the newest Text over it
}

// Append returns the text followed by s. Only one goroutine may append to the
// texts of one answer; any number may read.
func (t Text) Append(s string) Text {
	if t.end != nil && *t.end != len(t.buf) { // an older Text: leave the newer one alone
		t.buf = append([]byte(nil), t.buf...)
		t.end = nil
	}
	if t.end == nil {
		t.end = new(int)
	}
	t.buf = append(t.buf, s...)
	*t.end = len(t.buf)
	return t
}

// Len returns the length in bytes.
func (t Text) Len() int { return len(t.buf) }

// From returns the text from byte i on: what is new since Len was i.
func (t Text) From(i int) string { return string(t.buf[i:]) }

// String returns the whole text.
func (t Text) String() string { return string(t.buf) }

// State is all that is known of the running interview. It is a value: a State
// that was published does not change, its slices are only ever read.
type State struct {
	Mode      string // "rehearsal", "own keys" or "hosted", shown as it is
	Phase     Phase
	Auto      bool // questions are answered without a key press
	Lanes     [audio.Channels]Lane
	Captions  [audio.Channels]Caption
	Turns     []Turn
	Questions []Question // oldest first
	Shown     int        // index of the question on screen; -1 while there is none
	Notice    Notice     // empty Code: nothing to tell
	Dropped   int        // frames that could not be sent in time
	Elapsed   time.Duration

	// The package's own fields follow.
}

// Current returns the question on screen.
func (s State) Current() (Question, bool) {
	if s.Shown < 0 || s.Shown >= len(s.Questions) {
		return Question{}, false
	}
	return s.Questions[s.Shown], true
}
