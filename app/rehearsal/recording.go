package rehearsal

import (
	"context"
	"time"

	"copilot/audio"
)

// Recording plays the interview, or a part of it, as a source of sound.
type Recording struct {
	Interview *Interview
	// From and To cut a part out; To = 0 is the end. The part should end in a
	// pause, with a second or two of it left for the last words to be closed.
	From, To time.Duration
	// Speed is how much faster than real time it plays; 0 is 1. The server
	// bears no more than 1.25, as Deepgram does.
	Speed float64
}

// Run hands over the recording's frames at the pace of real time until it is
// over (nil) or ctx is done (its error). Frames that are late after a stall
// follow each other at once, as a device's do. Start begins at zero.
func (r *Recording) Run(ctx context.Context, emit func(audio.Frame), status func(audio.LaneStatus)) error {
	speed := r.Speed
	if speed <= 0 {
		speed = 1
	}
	for c := range audio.Channel(audio.Channels) {
		status(audio.LaneStatus{Channel: c, State: audio.LaneLive, Device: "rehearsal recording"})
	}
	var lanes [audio.Channels][]int16
	for c := range lanes {
		lanes[c] = r.Interview.PCM(audio.Channel(c), r.From, r.To)
	}
	begin := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	frames := len(lanes[0]) / audio.FrameSamples
	for n := range frames {
		played := time.Duration(n+1) * audio.FrameDuration // a device hands over a frame at its end
		timer.Reset(time.Until(begin.Add(time.Duration(float64(played) / speed))))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		frame := audio.Frame{Start: played - audio.FrameDuration, Captured: time.Now()}
		for c, lane := range lanes {
			for i, s := range lane[n*audio.FrameSamples : (n+1)*audio.FrameSamples] {
				frame.Samples[i*audio.Channels+c] = s
			}
		}
		emit(frame)
	}
	return nil
}
