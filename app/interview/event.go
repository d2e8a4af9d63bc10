package interview

import (
	"time"

	"copilot/app/deepgram"
	"copilot/app/groq"
	"copilot/audio"
)

// Event is something that happened. Every event carries its time.
type Event interface{ event() time.Time }

type (
	// SessionBegan is the first event: the connection is being opened.
	SessionBegan struct{ At time.Time }
	// LevelHeard is the loudness of both lanes over the last frames. Origin is
	// when the capture's timeline was at zero, by the clock of At: it places a
	// word's time on the wall.
	LevelHeard struct {
		At     time.Time
		Level  [audio.Channels]float64
		Origin time.Time
	}
	// VoiceChanged says that the interviewer's voice came or, since Last, is away.
	VoiceChanged struct {
		At       time.Time
		Speaking bool
		Last     time.Time
	}
	// LaneChanged is news of one lane's device.
	LaneChanged struct {
		At   time.Time
		Lane audio.LaneStatus
	}
	// Heard is news from the transcriber.
	Heard struct {
		At    time.Time
		Event deepgram.Event
	}
	// DeltaCame is a piece of an answer. Order tells the request that it belongs
	// to: of a question, or of a hunch, which may become one later.
	DeltaCame struct {
		At    time.Time
		Order int
		Text  string
	}
	// AnswerEnded is the end of a request.
	AnswerEnded struct {
		At     time.Time
		Order  int
		Result groq.Result
		Err    error
	}
	// AnswerRetried says that the request is tried again, and why.
	AnswerRetried struct {
		At       time.Time
		Order    int
		Sentence string
	}
	// TimePassed is sent when the state's deadline is reached.
	TimePassed struct{ At time.Time }
	// SourceEnded says that no more sound will come; Err is nil at its natural end.
	SourceEnded struct {
		At  time.Time
		Err error
	}
	// HearingEnded says that the last words have come: what is still open is
	// over. Quit means that the person is leaving, so nothing more is asked.
	HearingEnded struct {
		At   time.Time
		Quit bool
	}
	// SessionEnded is the last event; Err says why when it was not asked for.
	SessionEnded struct {
		At  time.Time
		Err error
	}
	// Typed is a question that the person typed, in place of what was heard.
	Typed struct {
		At   time.Time
		Text string
	}
	// Pressed is a person's wish.
	Pressed struct {
		At      time.Time
		Command Command
	}
)

func (e SessionBegan) event() time.Time  { return e.At }
func (e LevelHeard) event() time.Time    { return e.At }
func (e VoiceChanged) event() time.Time  { return e.At }
func (e LaneChanged) event() time.Time   { return e.At }
func (e Heard) event() time.Time         { return e.At }
func (e DeltaCame) event() time.Time     { return e.At }
func (e AnswerEnded) event() time.Time   { return e.At }
func (e AnswerRetried) event() time.Time { return e.At }
func (e TimePassed) event() time.Time    { return e.At }
func (e SourceEnded) event() time.Time   { return e.At }
func (e HearingEnded) event() time.Time  { return e.At }
func (e SessionEnded) event() time.Time  { return e.At }
func (e Typed) event() time.Time         { return e.At }
func (e Pressed) event() time.Time       { return e.At }

// orderOf returns the request that an event belongs to.
func orderOf(ev Event) (order int, ok bool) {
	switch ev := ev.(type) {
	case DeltaCame:
		return ev.Order, true
	case AnswerEnded:
		return ev.Order, true
	case AnswerRetried:
		return ev.Order, true
	}
	return 0, false
}

// Command is what a person can ask of a running interview.
type Command int

const (
	AnswerNow Command = iota // answer what the interviewer has said up to now
	Pause                    // stop hearing; nothing is sent
	Resume
	Clear    // empty the screen; the dialogue stays known
	Previous // show the answer before
	Next     // show the answer after
	AutoOn   // answer questions by themselves
	AutoOff
	CancelAnswer // stop the answer being written
)
