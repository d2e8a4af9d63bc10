// Package interview runs one interview: it hears both lanes, decides when the
// interviewer has asked something, asks for an answer and keeps the state that
// a teleprompter shows.
//
// [Session.Run] is the only goroutine that owns the [State]; everything else
// sends it events, and state = state.Apply(event) is pure. What has to happen
// (a request, a cancellation, a timer) follows from the state: Run compares what
// the state wants with what is running. [Session.State] and [Session.Changed]
// publish the newest state, latest wins.
//
// An answer is begun as early as can be. Our own ear (audio.Voice) tells when the
// interviewer's voice is away, before the transcriber does, and asks it for the
// last words after a wait that depends on the words so far; its own ends of
// speech remain for where ours is wrong. A draft is begun while the question is
// still being asked, when it is known what it will be, from a list of such
// questions or by the model itself, which is asked for a hunch; it is adopted,
// replaced or gone once the last words are there. Where those are others than were
// assumed, the model checks first whether it serves.
//
// The package draws nothing, opens no device and stores nothing.
package interview

import (
	"context"

	"copilot/app/deepgram"
	"copilot/app/groq"
	"copilot/audio"
)

// Source is where the sound comes from: the devices, a file or a recording.
type Source interface {
	// Run hands over frames at the pace of real time until ctx is done or the
	// sound is over (nil). It calls emit and status from one goroutine at a
	// time; neither blocks. An error means that no sound can be had at all.
	Run(ctx context.Context, emit func(audio.Frame), status func(audio.LaneStatus)) error
}

// Transcriber turns sound into words.
type Transcriber interface {
	// Send queues a frame and never blocks.
	Send(audio.Frame)
	// Finalize asks for what was said on a channel up to now, without waiting for
	// a pause. It never blocks and need not be answered.
	Finalize(audio.Channel)
	// Events yields what was heard, in order, and is closed after Close.
	Events() <-chan deepgram.Event
	// Close flushes what was sent, waits for the last words (bounded by ctx)
	// and releases everything.
	Close(ctx context.Context) error
}

// Answerer writes an answer, calling delta for each piece from one goroutine.
// Cancelling ctx stops it at once.
type Answerer interface {
	Complete(ctx context.Context, r groq.Request, delta func(text string)) (groq.Result, error)
}
