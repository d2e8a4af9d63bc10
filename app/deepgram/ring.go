package deepgram

import (
	"time"

	"copilot/audio"
)

const (
	// ringFrames is 28 s of sound: what was said in an outage of 15 s, two for
	// noticing it and connecting again, and the utterance that was under way.
	ringFrames = 1400
	// dropFrames is what goes when the ring is full of unsent sound: the oldest
	// second, because a hole of one second is understood better than fifty holes.
	dropFrames = 50
)

// ring keeps the newest sound, sent or not, so that it can be sent again over
// the next connection. Frames are numbered from 0 in the order of push; the
// memory is allocated once.
type ring struct {
	frames []audio.Frame
	first  uint64 // oldest frame kept
	next   uint64 // frame to send next; first ≤ next ≤ head
	head   uint64 // one past the newest

	origin time.Duration // where the very first frame began
	left   time.Duration // where the newest frame that left the ring ended
}

func newRing() *ring { return &ring{frames: make([]audio.Frame, ringFrames)} }

func (r *ring) at(n uint64) *audio.Frame { return &r.frames[n%ringFrames] }

// push appends a frame. If that pushes unsent frames out, they are returned as
// the gap they leave and their number.
func (r *ring) push(f *audio.Frame) (gap Gap, lost int) {
	if r.head == 0 {
		r.origin = f.Start
	}
	if r.head-r.first == ringFrames {
		drop := uint64(1)
		if r.next == r.first {
			drop = dropFrames
			gap.Start, lost = r.at(r.first).Start, dropFrames
			r.next += drop
		}
		r.first += drop
		r.left = r.at(r.first-1).Start + audio.FrameDuration
		if lost > 0 {
			gap.End = r.left
		}
	}
	*r.at(r.head) = *f
	r.head++
	return gap, lost
}

// pop returns the next frame to send; there must be one. It is valid until the
// next push.
func (r *ring) pop() *audio.Frame {
	f := r.at(r.next)
	r.next++
	return f
}

// rewind makes the sound from t on the next to be sent, for a new connection.
// If part of that has left the ring, it returns the gap.
func (r *ring) rewind(t time.Duration) (gap Gap, lost bool) {
	r.next = r.head
	for r.next > r.first && r.at(r.next-1).Start+audio.FrameDuration > t {
		r.next--
	}
	gap = Gap{Start: max(t, r.origin), End: r.left}
	return gap, r.next == r.first && gap.End > gap.Start
}

// timeline maps the time of one connection, which counts the sound sent over
// it, to the capture's timeline. The two differ by a constant until frames are
// left out or the capture pauses; each such place begins a stretch.
type timeline struct {
	sent      time.Duration // sound sent so far
	stretches []stretch
}

type stretch struct {
	at    time.Duration // on the connection
	start time.Duration // on the capture's timeline
}

const (
	maxStretches = 1024
	// timeSlack is how far Deepgram's rounded times may miss a stretch's edge.
	timeSlack = 5 * time.Millisecond
)

// add notes that a frame of the capture was sent.
func (t *timeline) add(start time.Duration) {
	if n := len(t.stretches); n == 0 || off(t.stretches[n-1].start+t.sent-t.stretches[n-1].at, start) {
		if n == maxStretches { // what is that long ago is not spoken of any more
			t.stretches = append(t.stretches[:0], t.stretches[n/2:]...)
		}
		t.stretches = append(t.stretches, stretch{t.sent, start})
	}
	t.sent += audio.FrameDuration
}

// off says that a frame does not continue the stretch: it is half a frame away
// from where it should be.
func off(expected, start time.Duration) bool {
	return (expected - start).Abs() >= audio.FrameDuration/2
}

// pad notes that a frame was sent which the capture never heard.
func (t *timeline) pad() { t.sent += audio.FrameDuration }

// start maps the beginning of something: at an edge, the later stretch.
func (t *timeline) start(at time.Duration) time.Duration { return t.lookup(at, at+timeSlack) }

// end maps the end of something: at an edge, the earlier stretch.
func (t *timeline) end(at time.Duration) time.Duration { return t.lookup(at, at-timeSlack) }

func (t *timeline) lookup(at, edge time.Duration) time.Duration {
	if len(t.stretches) == 0 {
		return at
	}
	s := t.stretches[0]
	for _, later := range t.stretches[1:] {
		if later.at > edge {
			break
		}
		s = later
	}
	return max(0, s.start+at-s.at)
}
