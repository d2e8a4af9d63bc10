package audio

import (
	"fmt"
	"sync"
	"time"
)

// How an Interleaver treats lanes that are not on time.
const (
	// MaxWait is how long a frame waits for a lane that is behind.
	MaxWait = 80 * time.Millisecond
	// Backlog is how much sound a lane holds for a reader that is behind.
	Backlog = time.Second

	backlogSamples = int(Backlog * SampleRate / time.Second)
	waitSamples    = int64(MaxWait * SampleRate / time.Second)
)

// Interleaver pairs two lanes by time into frames. Each lane is pushed at its
// own pace with the time at which it was captured; a lane that has nothing is
// silence. Device clocks that differ are followed by resampling a little longer
// or shorter, so that the lanes stay together for hours.
//
// Memory is bounded: a lane holds one Backlog of sound, then loses its oldest.
// All methods may be called from any goroutine; none blocks or, once a lane is
// open, allocates.
type Interleaver struct {
	mu     sync.Mutex
	origin time.Time
	next   int64 // where the next frame begins, in samples since origin
	lanes  [Channels]lane
}

// lane is one lane's sound that was not yet handed out.
type lane struct {
	open     bool // pushed by a device
	anchored bool // has its place on the timeline
	resample *Resampler
	scratch  []int16
	ring     []int16
	head     int   // where the oldest sample is in ring
	n        int   // samples in ring
	start    int64 // where the oldest sample lies on the timeline
	clock    laneClock
	captured time.Time // of the newest sample
	lost     int64     // samples
}

// NewInterleaver returns an Interleaver whose first frame begins at origin.
func NewInterleaver(origin time.Time) *Interleaver {
	return &Interleaver{origin: origin}
}

// Open announces that a device of the given rate will push this lane. The lane
// takes its place on the timeline from the first push.
func (il *Interleaver) Open(ch Channel, rate int) error {
	r, err := NewResampler(rate)
	if err != nil {
		return fmt.Errorf("open the %s's lane: %w", ch, err)
	}
	il.mu.Lock()
	defer il.mu.Unlock()
	l := &il.lanes[ch]
	if l.ring == nil {
		l.ring = make([]int16, backlogSamples)
		l.scratch = make([]int16, 0, 4*FrameSamples)
	}
	l.resample, l.clock = r, laneClock{}
	l.open, l.anchored = true, false
	return nil
}

// Shut says that nothing will be pushed until the next Open: frames no longer
// wait for this lane. What it holds is still handed out.
func (il *Interleaver) Shut(ch Channel) {
	il.mu.Lock()
	defer il.mu.Unlock()
	il.lanes[ch].open = false
}

// Push adds mono sound of the lane's rate. captured is when its last sample was
// read. Pushing a lane that is not open does nothing.
func (il *Interleaver) Push(ch Channel, mono []int16, captured time.Time) {
	il.mu.Lock()
	defer il.mu.Unlock()
	l := &il.lanes[ch]
	if !l.open {
		return
	}
	l.scratch = l.resample.Append(l.scratch[:0], mono)
	at := il.index(captured)
	if !l.anchored {
		l.anchored = true
		l.head, l.n = 0, 0
		l.start = at - int64(len(l.scratch))
	}
	l.append(l.scratch)
	l.captured = captured
	l.start += l.clock.observe(at, at-l.start-int64(l.n))
	l.resample.Trim(l.clock.trim)
}

// Next fills f with the next frame, if every open lane has its part of it or
// was waited for long enough. Call it until it returns false, after every Push
// and a few times a second when nothing is pushed: a lane that stalls, or both,
// still gives frames, in step with now.
func (il *Interleaver) Next(now time.Time, f *Frame) bool {
	il.mu.Lock()
	defer il.mu.Unlock()
	il.skip(now)
	end := il.next + FrameSamples
	if !il.ready(end) && il.index(now) < end+waitSamples {
		return false
	}
	f.Start = time.Duration(il.next) * time.Second / SampleRate
	f.Captured = time.Time{}
	for ch := range il.lanes {
		l := &il.lanes[ch]
		f.Silent[ch] = !l.take(il.next, f.Samples[ch:])
		if !f.Silent[ch] && l.captured.After(f.Captured) {
			f.Captured = l.captured
		}
	}
	if f.Captured.IsZero() {
		f.Captured = now
	}
	il.next = end
	return true
}

// Seek makes now the time of the next frame, if that is later: nothing was
// wanted in between.
func (il *Interleaver) Seek(now time.Time) {
	il.mu.Lock()
	defer il.mu.Unlock()
	if behind := il.index(now) - il.next; behind > 0 {
		il.next += behind / FrameSamples * FrameSamples
	}
}

// Lost returns how much of a lane was missing or came too late while it was
// open, in whole frames.
func (il *Interleaver) Lost(ch Channel) int {
	il.mu.Lock()
	defer il.mu.Unlock()
	return int(il.lanes[ch].lost / FrameSamples)
}

// index is t's place on the timeline in samples.
func (il *Interleaver) index(t time.Time) int64 {
	d := t.Sub(il.origin)
	return int64(d/time.Second)*SampleRate + int64(d%time.Second)*SampleRate/int64(time.Second)
}

// ready says whether the frame that ends at end needs to wait for no lane.
func (il *Interleaver) ready(end int64) bool {
	some := false
	for ch := range il.lanes {
		l := &il.lanes[ch]
		if !l.open || !l.anchored {
			continue
		}
		if l.start+int64(l.n) < end {
			return false
		}
		some = true
	}
	return some
}

// skip jumps over what nobody asked for in time: the reader was away for longer
// than the lanes remember.
func (il *Interleaver) skip(now time.Time) {
	behind := il.index(now) - il.next - int64(backlogSamples) - waitSamples
	if behind <= 0 {
		return
	}
	frames := (behind + FrameSamples - 1) / FrameSamples
	il.next += frames * FrameSamples
	for ch := range il.lanes {
		if l := &il.lanes[ch]; l.open && l.anchored {
			l.lost += frames * FrameSamples
		}
	}
}

// append puts samples into the ring, over the oldest when it is full.
func (l *lane) append(samples []int16) {
	if over := l.n + len(samples) - len(l.ring); over > 0 {
		samples = samples[max(0, len(samples)-len(l.ring)):]
		l.drop(min(over, l.n))
		l.start += int64(max(0, over-len(l.ring)))
		l.lost += int64(over)
	}
	tail := (l.head + l.n) % len(l.ring)
	k := copy(l.ring[tail:], samples)
	copy(l.ring, samples[k:])
	l.n += len(samples)
}

// drop forgets the k oldest samples.
func (l *lane) drop(k int) {
	l.head = (l.head + k) % len(l.ring)
	l.n -= k
	l.start += int64(k)
}

// take copies what the lane has of the frame that begins at from into every
// second place of out, zeroes for the rest, and says whether it had anything.
//
// Samples that lie wholly before the frame stay: if they turn out to have been
// lost in between rather than late, the clock still moves them to their place.
func (l *lane) take(from int64, out []int16) bool {
	end := from + FrameSamples
	if l.n > 0 && l.start < from && l.start+int64(l.n) > from {
		l.drop(int(from - l.start))
	}
	at := from
	if l.n > 0 && l.start > from {
		at = min(l.start, end)
	}
	k := 0
	if l.n > 0 && l.start >= from && l.start < end {
		k = int(min(end-l.start, int64(l.n)))
	}
	first := int(at - from)
	for i := range FrameSamples {
		var s int16
		if i >= first && i < first+k {
			s = l.ring[(l.head+i-first)%len(l.ring)]
		}
		out[i*Channels] = s
	}
	if k > 0 {
		l.drop(k)
	}
	if l.open && l.anchored && at < end {
		l.lost += end - at - int64(k)
	}
	return k > 0
}
