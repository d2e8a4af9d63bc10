package device

import (
	"context"
	"sync"
	"time"

	"copilot/audio"
)

const (
	// stalled is how long a live lane may give no data before it counts as lost.
	stalled = 500 * time.Millisecond
	// mute is how long a microphone may give exact zeroes before we say so: a
	// real one never does, a muted or forbidden one does nothing else.
	mute = 10 * time.Second
	// dropNews is how often a growing loss is reported.
	dropNews = time.Second
)

const muteAdvice = "The microphone gives no sound at all: unmute it, and allow this program to use it in the system's privacy settings."

// hub is where the lanes meet: any goroutine pushes sound and news, and run
// hands both over from one.
type hub struct {
	il   *audio.Interleaver
	wake chan struct{}

	mu    sync.Mutex
	lanes [audio.Channels]laneNews
}

type laneNews struct {
	status  audio.LaneStatus
	changed bool
	told    time.Time // when the status was last handed over
	pushed  time.Time // when sound last came
	zeroes  time.Duration
}

func newHub(il *audio.Interleaver) *hub {
	h := &hub{il: il, wake: make(chan struct{}, 1)}
	for ch := range h.lanes {
		h.lanes[ch].status = audio.LaneStatus{Channel: audio.Channel(ch)}
		h.lanes[ch].changed = true
	}
	return h
}

// open makes a lane live: sound of the given rate follows.
func (h *hub) open(ch audio.Channel, device string, rate int) error {
	if err := h.il.Open(ch, rate); err != nil {
		return err
	}
	h.mu.Lock()
	h.lanes[ch].pushed = time.Now()
	h.lanes[ch].zeroes = 0
	h.mu.Unlock()
	h.report(ch, audio.LaneLive, device, "")
	return nil
}

// shut ends a lane's sound.
func (h *hub) shut(ch audio.Channel) { h.il.Shut(ch) }

// report changes what is known of a lane. A lane that was live before is lost
// rather than missing, and stays so while it is being opened again.
func (h *hub) report(ch audio.Channel, state audio.LaneState, device, advice string) {
	h.mu.Lock()
	l := &h.lanes[ch]
	if state == audio.LaneMissing && !l.pushed.IsZero() {
		state = audio.LaneLost
	}
	if state == audio.LaneOpening && l.status.State == audio.LaneLost {
		h.mu.Unlock()
		return
	}
	s := audio.LaneStatus{Channel: ch, State: state, Device: device, Advice: advice, Dropped: l.status.Dropped}
	if s != l.status {
		l.status, l.changed = s, true
	}
	h.mu.Unlock()
	h.notify()
}

func (h *hub) reportBoth(state audio.LaneState, advice string) {
	h.report(audio.Interviewer, state, "", advice)
	h.report(audio.Candidate, state, "", advice)
}

// push adds mono sound that was read just now.
func (h *hub) push(ch audio.Channel, mono []int16, rate int) {
	now := time.Now()
	h.il.Push(ch, mono, now)
	h.mu.Lock()
	l := &h.lanes[ch]
	l.pushed = now
	if l.status.State == audio.LaneLost { // it had stalled
		l.status.State, l.status.Advice, l.changed = audio.LaneLive, "", true
	}
	if ch == audio.Candidate {
		l.listen(mono, rate)
	}
	h.mu.Unlock()
	h.notify()
}

// listen notices a microphone that gives nothing.
func (l *laneNews) listen(mono []int16, rate int) {
	for _, s := range mono {
		if s != 0 {
			if l.zeroes > mute {
				l.status.Advice, l.changed = "", true
			}
			l.zeroes = 0
			return
		}
	}
	before := l.zeroes
	l.zeroes += time.Duration(len(mono)) * time.Second / time.Duration(rate)
	if before <= mute && l.zeroes > mute {
		l.status.Advice, l.changed = muteAdvice, true
	}
}

func (h *hub) notify() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// run hands over frames and news until ctx is done.
func (h *hub) run(ctx context.Context, emit func(audio.Frame), status func(audio.LaneStatus)) {
	tick := time.NewTicker(audio.FrameDuration) // only for lanes that stall
	defer tick.Stop()
	var f audio.Frame
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.wake:
		case <-tick.C:
		}
		now := time.Now()
		for ch := range audio.Channel(audio.Channels) {
			if s, news := h.news(ch, now); news {
				status(s)
			}
		}
		for h.il.Next(now, &f) {
			emit(f)
		}
	}
}

// news returns a lane's status if it is to be told.
func (h *hub) news(ch audio.Channel, now time.Time) (audio.LaneStatus, bool) {
	dropped := h.il.Lost(ch)
	h.mu.Lock()
	defer h.mu.Unlock()
	l := &h.lanes[ch]
	if l.status.State == audio.LaneLive && now.Sub(l.pushed) > stalled {
		l.status.State, l.changed = audio.LaneLost, true
		l.status.Advice = "No sound data arrives from this device; it is being opened again."
	}
	if !l.changed && (l.status.Dropped == dropped || now.Sub(l.told) < dropNews) {
		return audio.LaneStatus{}, false
	}
	l.status.Dropped, l.changed, l.told = dropped, false, now
	return l.status, true
}
