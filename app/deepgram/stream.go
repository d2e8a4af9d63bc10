package deepgram

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"copilot/audio"
)

const (
	closeTimeout = 5 * time.Second
	// eventQueue holds what a stream reports at its end, so that even a consumer
	// that reads only after Close gets the last words.
	eventQueue = 256
	// maxFinalize bounds the Finalize messages that wait behind unsent sound.
	maxFinalize = 8
)

// Stream is a running transcription. Its methods may be called from any
// goroutine.
type Stream struct {
	opts   Options
	url    *url.URL
	events chan Event
	ctx    context.Context // ended by Close when the end is not waited for any more
	cancel context.CancelFunc
	done   chan struct{} // closed when everything has ended
	flux   bool          // one channel over /v2/listen
	mono   audio.Channel // that channel
	err    error         // why it ended; valid after done

	closing    context.Context // of ctx; ended when Close is called
	beginClose context.CancelFunc

	wake chan struct{} // cap 1: there is something to write
	news chan struct{} // cap 1: sound was lost
	drop chan struct{} // cap 1: Redial was called

	mu       sync.Mutex
	ring     *ring
	finalize []finalize
	closed   bool // Close was called; no more frames
	gap      Gap  // lost and not yet reported; End is zero if none
	dropped  int

	// The owner's.
	lanes    [audio.Channels]lane
	heard    time.Duration // the newest sound that any result spoke of
	retry    backoff
	warnedAt time.Time // when the person was last told that the uplink is slow
}

// finalize is a Finalize to be sent behind the frames before at.
type finalize struct {
	channel audio.Channel
	at      uint64
}

// Dial connects and starts a Stream. The first attempt is made before Dial
// returns, within five seconds; its error is an *Error, or tells what is wrong
// with the options. ctx bounds Dial only: the Stream lives until Close.
func Dial(ctx context.Context, opts Options) (*Stream, error) {
	if opts.isFlux() {
		return nil, errors.New("deepgram: options: flux is for DialFlux")
	}
	return dial(ctx, opts, 0)
}

// dial connects; mono is the one channel of a Flux stream.
func dial(ctx context.Context, opts Options, mono audio.Channel) (*Stream, error) {
	opts = opts.withDefaults()
	u, err := opts.listenURL()
	if err != nil {
		return nil, fmt.Errorf("deepgram: options: %w", err)
	}
	s := &Stream{
		opts:   opts,
		url:    u,
		events: make(chan Event, eventQueue),
		done:   make(chan struct{}),
		wake:   make(chan struct{}, 1),
		news:   make(chan struct{}, 1),
		drop:   make(chan struct{}, 1),
		ring:   newRing(),
		flux:   opts.isFlux(),
		mono:   mono,
	}
	c, problem := s.connect(ctx)
	if problem != nil {
		return nil, problem
	}
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.closing, s.beginClose = context.WithCancel(s.ctx)
	go s.run(c)
	return s, nil
}

// Send queues a frame. It never blocks and never allocates: while the
// connection is away or too slow the ring keeps the newest 28 seconds, and what
// leaves it unsent is reported as a Gap and counted in Stats. Frames sent after
// Close are ignored.
func (s *Stream) Send(f audio.Frame) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	gap, lost := s.ring.push(&f)
	if lost > 0 {
		s.lose(gap)
		s.dropped += lost
	}
	s.mu.Unlock()
	signal(s.wake)
	if lost > 0 {
		signal(s.news)
	}
}

// lose notes a gap to be reported; mu is held.
func (s *Stream) lose(g Gap) {
	if s.gap.End == 0 {
		s.gap = g
		return
	}
	s.gap = Gap{min(s.gap.Start, g.Start), max(s.gap.End, g.End)}
}

// Events yields what was heard, in order. The queue has room for 256 events;
// when it is full the stream waits for the consumer and drops none. It is
// closed when the Stream has ended, after a Status that says why.
func (s *Stream) Events() <-chan Event { return s.events }

// Finalize asks Deepgram to settle what was said on a channel up to the last
// frame sent, without waiting for a pause. It never blocks. Deepgram need not
// answer, and while the connection is away the request is dropped.
func (s *Stream) Finalize(channel audio.Channel) {
	s.mu.Lock()
	if !s.closed && len(s.finalize) < maxFinalize {
		s.finalize = append(s.finalize, finalize{channel, s.ring.head})
	}
	s.mu.Unlock()
	signal(s.wake)
}

// Redial gives the connection up and opens another with a fresh credential, as
// after a loss: what was not settled is sent again. It never blocks; while there
// is no connection it does nothing.
func (s *Stream) Redial() { signal(s.drop) }

// Stats are counts since Dial.
type Stats struct {
	Dropped int           // frames that could not be sent in time
	Behind  time.Duration // sound that waits to be sent
}

// Stats returns how the sending goes.
func (s *Stream) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{
		Dropped: s.dropped,
		Behind:  time.Duration(s.ring.head-s.ring.next) * audio.FrameDuration,
	}
}

// Close sends what is queued, asks Deepgram to finish, and waits for the last
// words and the server's close: until ctx is done, and five seconds at most.
// Then everything is released, whether the words came or not. It returns nil if
// they did, or what ended the Stream. It may be called more than once.
func (s *Stream) Close(ctx context.Context) error {
	s.beginClose()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	signal(s.wake)
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	select {
	case <-s.done:
		return s.err
	case <-ctx.Done():
	}
	s.cancel()
	<-s.done
	if s.err != nil {
		return s.err
	}
	return fmt.Errorf("deepgram: close: %w", ctx.Err())
}

// signal wakes a goroutine that looks for itself what there is to do.
func signal(queue chan<- struct{}) {
	select {
	case queue <- struct{}{}:
	default:
	}
}
