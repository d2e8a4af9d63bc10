package audio

// How a laneClock judges, in samples of SampleRate.
const (
	lateLimit   = 50 * SampleRate / 1000 // later than this is not jitter
	lateConfirm = 40 * SampleRate / 1000 // if it stays so for this long, sound was lost
	earlyLimit  = 40 * SampleRate / 1000 // earlier than this cannot be a fast clock
	trimWindow  = SampleRate             // the least delay within it counts
	trimTime    = 8 * SampleRate         // a difference is closed over about this long
	maxTrim     = 0.0004                 // crystals are within 0.0002; the rest closes gaps
)

// laneClock keeps a lane's samples where they belong on the timeline. A sample
// cannot be read before it sounded, so that the least delay seen is the truth
// and everything above it is the machine being busy. A delay that grows or
// shrinks slowly is a device's clock: the lane is trimmed. A delay that jumps
// and stays is sound that never came: the lane is moved. During its first window
// a lane only finds its place: every block that comes early moves it.
type laneClock struct {
	trim    float64 // how much longer the lane is to be made
	began   bool    // window is in use
	settled bool    // the first window is over
	window  struct{ start, least int64 }
	late    struct {
		is           bool
		since, least int64
	}
}

// observe is told that samples read at the time at end delay samples before it
// on the timeline. It returns by how much the lane has to be moved.
func (c *laneClock) observe(at, delay int64) (move int64) {
	switch {
	case delay < -earlyLimit:
		move = delay
	case delay <= lateLimit:
		c.late.is = false
		return c.follow(at, delay)
	case !c.late.is:
		c.late.is = true
		c.late.since, c.late.least = at, delay
		return 0
	default:
		c.late.least = min(c.late.least, delay)
		if at-c.late.since < lateConfirm {
			return 0
		}
		move = c.late.least
	}
	c.late.is, c.began, c.settled = false, false, false
	return move
}

// follow adjusts trim once per window.
func (c *laneClock) follow(at, delay int64) (move int64) {
	if !c.began {
		c.began = true
		c.window.start, c.window.least = at, max(delay, 0)
	}
	if !c.settled && delay < 0 {
		move, delay = delay, 0
	}
	c.window.least = min(c.window.least, delay)
	if at-c.window.start >= trimWindow {
		c.trim = max(-maxTrim, min(maxTrim, float64(c.window.least)/trimTime))
		c.window.start, c.window.least = at, delay
		c.settled = true
	}
	return move
}
