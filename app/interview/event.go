package interview

import (
	"time"

	"copilot/app/deepgram"
	"copilot/app/groq"
	"copilot/audio"
)

// Event is something that happened. Every event carries its time.
type Event interface{ event() }

type (
	// LevelHeard is the loudness of both lanes over the last frames.
	LevelHeard struct {
		At    time.Time
		Level [audio.Channels]float64
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
	// DeltaCame is a piece of the answer to question ID.
	DeltaCame struct {
		At   time.Time
		ID   int
		Text string
	}
	// AnswerEnded is the end of the request for question ID.
	AnswerEnded struct {
		At     time.Time
		ID     int
		Result groq.Result
		Err    error
	}
	// TimePassed is sent when State.deadline is reached.
	TimePassed struct{ At time.Time }
	// SourceEnded says that no more sound will come; Err is nil at its natural end.
	SourceEnded struct {
		At  time.Time
		Err error
	}
	// Pressed is a person's wish.
	Pressed struct {
		At      time.Time
		Command Command
	}
)

func (LevelHeard) event()  {}
func (LaneChanged) event() {}
func (Heard) event()       {}
func (DeltaCame) event()   {}
func (AnswerEnded) event() {}
func (TimePassed) event()  {}
func (SourceEnded) event() {}
func (Pressed) event()     {}

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
