package audio

import (
	"context"
	"errors"
	"io"
	"time"
)

// Run emits the file's frames as if they were being spoken now: each when its
// last sample has sounded, by a schedule that is fixed at the start, so that
// delays do not add up. It returns nil at the end and when ctx is done; Run
// again goes on where it stopped.
func (w *WAV) Run(ctx context.Context, emit func(Frame), status func(LaneStatus)) error {
	status(LaneStatus{Channel: Interviewer, State: LaneLive, Device: w.name})
	candidate := LaneStatus{Channel: Candidate, State: LaneLive, Device: w.name}
	if w.Mono() {
		candidate = LaneStatus{Channel: Candidate, State: LaneMissing}
	}
	status(candidate)

	speed := w.Speed
	if speed <= 0 {
		speed = 1
	}
	perFrame := float64(FrameDuration) / speed
	began := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	var f Frame
	for n := 1; ctx.Err() == nil; n++ {
		if err := w.Next(&f); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		due := began.Add(time.Duration(float64(n) * perFrame))
		if wait := time.Until(due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return nil
			case <-timer.C:
			}
		}
		f.Captured = time.Now()
		emit(f)
	}
	return nil
}
