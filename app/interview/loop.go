package interview

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"copilot/app/deepgram"
	"copilot/app/groq"
	"copilot/audio"
)

// maxAnswer bounds an answer's tokens, the model's reasoning included.
const maxAnswer = 800

// runner is a running session: the loop and what it has started.
type runner struct {
	*Session
	state State

	life context.Context // of everything started here; outlives Run's ctx
	kill context.CancelFunc
	wg   sync.WaitGroup

	dialled    chan dialled
	transcript Transcriber
	words      <-chan deepgram.Event
	flushed    chan error // Transcriber.Close has returned

	stopSource context.CancelFunc
	sourceDone chan error
	deaf       atomic.Bool // frames are not passed on: paused
	voice      audio.Voice // the source's goroutine only, as is speaking
	speaking   bool
	settled    int // of the state's settles

	answers map[int]context.CancelFunc // the requests that run, by order
	written chan Event                 // what comes of them
	timer   *time.Timer
	due     time.Time // of timer
	limit   *time.Timer

	end end
	err error // why it ends, nil when asked for
}

// end is how far the session's end is; see advance.
type end struct {
	begun, quitting              bool
	dialling, sounding, flushing bool // still running
	closed, silent, over         bool // done
}

type dialled struct {
	transcriber Transcriber
	err         error
}

func newRunner(s *Session) *runner {
	return &runner{Session: s, state: s.State(),
		answers: map[int]context.CancelFunc{}, written: make(chan Event, 64),
		dialled: make(chan dialled, 1), flushed: make(chan error, 1), sourceDone: make(chan error, 1)}
}

func (r *runner) run(ctx context.Context) error {
	r.life, r.kill = context.WithCancel(context.WithoutCancel(ctx))
	defer r.kill()
	r.timer, r.limit = time.NewTimer(time.Hour), time.NewTimer(time.Hour)
	r.timer.Stop()
	r.limit.Stop()
	defer r.timer.Stop()
	defer r.limit.Stop()

	r.apply(SessionBegan{time.Now()})
	r.dial(ctx)
	r.loop(ctx)
	r.err = errors.Join(r.err, r.release())
	r.apply(SessionEnded{time.Now(), r.err})
	return r.err
}

// loop is the only place where the state changes.
func (r *runner) loop(ctx context.Context) {
	left := ctx.Done()
	for !r.end.over {
		select {
		case <-left:
			left = nil
			r.quit()
		case d := <-r.dialled:
			r.connected(d)
		case ev, ok := <-r.words:
			r.heard(ev, ok)
		case ev := <-r.written:
			r.came(ev)
		case <-r.meter.news:
			for _, ev := range r.meter.take(time.Now()) {
				r.apply(ev)
			}
		case c := <-r.commands:
			r.apply(Pressed{time.Now(), c})
		case text := <-r.asks:
			r.apply(Typed{time.Now(), text})
		case err := <-r.sourceDone:
			r.sourceEnded(err)
		case err := <-r.flushed:
			r.end.flushing = false
			if err != nil {
				r.log.Warn("transcription did not close cleanly", "err", err)
			}
		case <-r.timer.C:
			r.due = time.Time{}
			r.apply(TimePassed{time.Now()})
		case <-r.limit.C:
			r.log.Warn("the end of the session took too long and was cut short")
			r.end.over = true
		}
		r.advance()
	}
}

// apply takes one event in, does what follows from it, and publishes the state.
func (r *runner) apply(ev Event) {
	r.state = r.state.Apply(ev)
	r.obey()
	r.deaf.Store(r.state.paused)
	if d := r.state.deadline(); !d.Equal(r.due) {
		r.due = d
		if d.IsZero() {
			r.timer.Stop()
		} else {
			r.timer.Reset(time.Until(d))
		}
	}
	r.publish(r.state)
	if r.options.Observe != nil {
		r.options.Observe(r.state, ev)
	}
}

// obey asks the transcriber for the last words when the state wants them, and
// makes the running requests those that it wants.
func (r *runner) obey() {
	if r.settled != r.state.settles {
		r.settled = r.state.settles
		r.transcript.Finalize(audio.Interviewer)
	}
	ws := r.state.requests()
	for n, cancel := range r.answers {
		if n != ws[0].n && n != ws[1].n {
			cancel()
			delete(r.answers, n)
		}
	}
	for _, w := range ws {
		if w.n == 0 || r.answers[w.n] != nil {
			continue
		}
		ctx, cancel := context.WithCancel(r.life)
		r.answers[w.n] = cancel
		request := r.request(w)
		r.wg.Go(func() {
			defer cancel()
			r.write(ctx, w, request)
		})
	}
}

func (r *runner) request(w order) groq.Request {
	return groq.Request{
		Model: r.options.Model, Fallback: r.options.Fallback,
		Messages: r.prompt.messages(r.state, w.n), MaxTokens: maxAnswer, Effort: "low",
	}
}

// write runs one request. A full queue holds the stream up; a cancelled one is
// not read any more.
func (r *runner) write(ctx context.Context, w order, request groq.Request) {
	send := func(ev Event) {
		select {
		case r.written <- ev:
		case <-ctx.Done():
		}
	}
	request.Retrying = func(sentence string) { send(AnswerRetried{time.Now(), w.n, sentence}) }
	delta := func(text string) { send(DeltaCame{time.Now(), w.n, text}) }
	var result groq.Result
	var err error
	if w.twice {
		result, err = race(ctx, r.options.Answerer, request, delta)
	} else {
		result, err = r.options.Answerer.Complete(ctx, request, delta)
	}
	if err != nil && ctx.Err() == nil {
		r.log.Error("answer failed", "question", w.id, "err", err)
	}
	send(AnswerEnded{time.Now(), w.n, result, err})
}

// came takes in what came of a request, together with the deltas that wait
// behind it: however fast they come, one state shows them.
func (r *runner) came(ev Event) {
	d, ok := ev.(DeltaCame)
	for ok {
		var next Event
		select {
		case next = <-r.written:
		default:
		}
		more, isDelta := next.(DeltaCame)
		if !isDelta || more.Order != d.Order {
			r.apply(d)
			if next == nil {
				return
			}
			ev, ok = next, false
			break
		}
		d.Text += more.Text
	}
	r.apply(ev)
}
