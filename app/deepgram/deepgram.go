// Package deepgram transcribes a live two-channel stream over Deepgram's
// WebSocket (/v1/listen). [Dial] connects, [Stream.Send] queues audio,
// [Stream.Events] yields what was heard in order, and [Stream.Close] ends the
// stream and waits for the last words. [DialFlux] does the same over two
// connections to /v2/listen.
//
// A Stream survives its connection: it reconnects with back-off and a fresh
// credential, and replays the sound since the last final, so that an outage of
// up to fifteen seconds loses no word. Times in events are on the capture's
// timeline (audio.Frame.Start), whatever connection they came over. The package
// knows nothing of questions or answers.
package deepgram

import (
	"time"

	"copilot/audio"
)

// Event is what a Stream reports: Transcript, UtteranceEnd, SpeechStarted,
// Status or Gap.
type Event interface{ event() }

// Word is one recognised word.
type Word struct {
	Text       string // punctuated where the model punctuates
	Start, End time.Duration
	Confidence float64
}

// Transcript is a piece of recognised speech on one channel. An interim
// replaces the channel's previous interim; a final closes the piece, and pieces
// follow each other.
type Transcript struct {
	Channel     audio.Channel
	Text        string
	Words       []Word // owned by the receiver
	Start, End  time.Duration
	Final       bool
	SpeechFinal bool // Deepgram heard a pause: the utterance is over
	Finalized   bool // the answer to a Finalize
	// Eager says that the turn is probably over (Flux): its final will say the
	// same unless the speaker goes on.
	Eager bool
}

// UtteranceEnd says that the words on a channel have stopped, as the word
// timings show, for sound that is never silent.
type UtteranceEnd struct {
	Channel     audio.Channel
	LastWordEnd time.Duration
}

// SpeechStarted says that a voice began on a channel.
type SpeechStarted struct {
	Channel audio.Channel
	At      time.Duration
}

// State of the connection.
type State int

const (
	Connecting   State = iota
	Open               // audio flows
	Reconnecting       // lost; the ring keeps the sound
	Closed             // ended; Status.Err says why, nil after Close
)

// Status reports a change of the connection. Err, when not nil, is an *Error
// or wraps a network error; its Sentence is fit for a person.
type Status struct {
	State     State
	Err       error
	RequestID string // dg-request-id of the connection, for support
}

// Gap is sound that was never transcribed: an outage longer than the ring.
type Gap struct{ Start, End time.Duration }

func (Transcript) event()    {}
func (UtteranceEnd) event()  {}
func (SpeechStarted) event() {}
func (Status) event()        {}
func (Gap) event()           {}
