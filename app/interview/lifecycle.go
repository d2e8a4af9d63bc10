package interview

import (
	"context"
	"errors"
	"fmt"
	"time"

	"copilot/app/deepgram"
	"copilot/audio"
)

// How long the end may take.
const (
	quitWithin   = 1500 * time.Millisecond // after the person has left
	lastWords    = 10 * time.Second        // after the sound is over
	lastAnswer   = 30 * time.Second        // after the last words
	releaseAfter = 500 * time.Millisecond  // for goroutines whose context is done
)

// dial connects the transcriber; leaving cancels that.
func (r *runner) dial(ctx context.Context) {
	r.end.dialling = true
	life, cancel := context.WithCancel(r.life)
	r.wg.Go(func() {
		stop := context.AfterFunc(ctx, cancel)
		t, err := r.options.Transcribe(life)
		stop()
		if err != nil {
			cancel()
		}
		r.dialled <- dialled{t, err}
	})
}

func (r *runner) connected(d dialled) {
	r.end.dialling = false
	if d.err != nil {
		r.endBy(fmt.Errorf("interview: connect transcription: %w", d.err))
		return
	}
	r.transcript, r.words = d.transcriber, d.transcriber.Events()
	if r.end.begun {
		return
	}
	ctx, cancel := context.WithCancel(r.life)
	r.stopSource, r.end.sounding = cancel, true
	r.wg.Go(func() {
		r.sourceDone <- r.options.Source.Run(ctx, r.pump, r.meter.lane)
	})
}

// pump passes a frame on, straight from the source's goroutine: nothing that
// the loop or a window does can hold up the sound. It allocates nothing.
func (r *runner) pump(f audio.Frame) {
	if !r.deaf.Load() {
		r.transcript.Send(f)
	}
	before, now := r.speaking, r.voice.Hear(&f, audio.Interviewer)
	if r.speaking = now; now != before {
		r.meter.heard(now, f.Captured.Add(-r.voice.Quiet()))
	}
	r.meter.frame(&f)
}

func (r *runner) heard(ev deepgram.Event, ok bool) {
	if !ok {
		r.words = nil
		r.endBy(errors.New("interview: transcription ended by itself"))
		return
	}
	r.apply(Heard{time.Now(), ev})
	if st, is := ev.(deepgram.Status); is && st.State == deepgram.Closed && st.Err != nil {
		r.endBy(fmt.Errorf("interview: transcription: %w", st.Err))
	}
}

func (r *runner) sourceEnded(err error) {
	r.end.sounding = false
	r.stopSource()
	if r.end.begun {
		return
	}
	r.apply(SourceEnded{time.Now(), err})
	if err != nil {
		err = fmt.Errorf("interview: sound: %w", err)
	}
	r.endBy(err)
}

// endBy begins the end for a reason of its own; nil is the sound's natural end.
func (r *runner) endBy(err error) {
	if r.end.begun {
		return
	}
	r.end.begun, r.err = true, err
	r.limit.Reset(lastWords)
	if r.stopSource != nil {
		r.stopSource()
	}
}

// quit begins the end, or hurries it, because the person leaves.
func (r *runner) quit() {
	r.endBy(nil)
	r.end.quitting = true
	r.limit.Reset(quitWithin)
	r.apply(HearingEnded{time.Now(), true})
}

// advance takes the next step of the end once the step before is done: the
// source stops, the transcriber is closed while its last words are read, and
// unless the person is leaving the last answer is waited for.
func (r *runner) advance() {
	switch {
	case !r.end.begun, r.end.over, r.end.dialling, r.end.sounding:
	case r.transcript != nil && !r.end.closed:
		r.close()
	case r.words != nil, r.end.flushing:
	case !r.end.silent:
		r.end.silent = true
		if !r.end.quitting {
			r.limit.Reset(lastAnswer)
		}
		r.apply(HearingEnded{time.Now(), r.end.quitting})
		r.advance()
	default:
		r.end.over = r.end.quitting || r.state.wanted.n == 0 && r.state.check.n == 0
	}
}

func (r *runner) close() {
	r.end.closed, r.end.flushing = true, true
	within := lastWords
	if r.end.quitting {
		within = quitWithin
	}
	r.wg.Go(func() {
		ctx, cancel := context.WithTimeout(r.life, within)
		defer cancel()
		r.flushed <- r.transcript.Close(ctx)
	})
}

// release waits for everything that was started, after telling it to stop.
func (r *runner) release() error {
	r.kill()
	if r.transcript != nil && !r.end.closed {
		r.close()
	}
	if words := r.words; words != nil {
		r.wg.Go(func() {
			for range words {
			}
		})
	}
	done := make(chan struct{})
	go func() {
		r.wg.Wait()
		close(done)
	}()
	limit := time.NewTimer(releaseAfter)
	defer limit.Stop()
	select {
	case <-done:
		return nil
	case <-limit.C:
		return errors.New("interview: end: the source, the transcriber or an answer did not stop")
	}
}
