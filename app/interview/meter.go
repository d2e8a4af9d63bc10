package interview

import (
	"sync"
	"time"

	"copilot/audio"
)

// meterFrames is how many frames make one sample of the level: 80 ms, so that
// the loop is woken about twelve times a second.
const meterFrames = 4

// meter gathers what the source reports, without ever making it wait: a level
// that was not fetched is replaced by the next, a lane's status by its newer one.
type meter struct {
	news chan struct{}

	mu     sync.Mutex
	frames int
	peak   [audio.Channels]float64 // the loudest of the frames so far
	origin time.Time               // earliest of the frames so far
	level  LevelHeard
	ready  bool
	lanes  [audio.Channels]audio.LaneStatus
	moved  [audio.Channels]bool
	voice  VoiceChanged
	spoke  bool // voice is news
}

func newMeter() *meter { return &meter{news: make(chan struct{}, 1)} }

// frame takes a frame in. It allocates nothing.
func (m *meter) frame(f *audio.Frame) {
	a, b := f.Level(audio.Interviewer), f.Level(audio.Candidate)
	origin := f.Captured.Add(-f.Start - audio.FrameDuration)
	m.mu.Lock()
	m.peak[0], m.peak[1] = max(m.peak[0], a), max(m.peak[1], b)
	if m.frames == 0 || origin.Before(m.origin) {
		m.origin = origin // the frame that waited least tells best
	}
	m.frames++
	full := m.frames == meterFrames
	if full {
		m.level = LevelHeard{Level: m.peak, Origin: m.origin}
		m.ready, m.frames, m.peak = true, 0, [audio.Channels]float64{}
	}
	m.mu.Unlock()
	if full {
		m.wake()
	}
}

// lane takes a lane's status in.
func (m *meter) lane(l audio.LaneStatus) {
	if l.Channel < 0 || l.Channel >= audio.Channels {
		return
	}
	m.mu.Lock()
	m.lanes[l.Channel], m.moved[l.Channel] = l, true
	m.mu.Unlock()
	m.wake()
}

// heard takes in that the interviewer's voice came or is away since last.
func (m *meter) heard(speaking bool, last time.Time) {
	m.mu.Lock()
	m.voice, m.spoke = VoiceChanged{Speaking: speaking, Last: last}, true
	m.mu.Unlock()
	m.wake()
}

func (m *meter) wake() {
	select {
	case m.news <- struct{}{}:
	default:
	}
}

// take returns what is new since the last take.
func (m *meter) take(now time.Time) []Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	var evs []Event
	for c, moved := range m.moved {
		if moved {
			evs = append(evs, LaneChanged{now, m.lanes[c]})
		}
	}
	if m.ready {
		m.level.At = now
		evs = append(evs, m.level)
	}
	if m.spoke {
		m.voice.At = now
		evs = append(evs, m.voice)
	}
	m.spoke = false
	m.ready, m.moved = false, [audio.Channels]bool{}
	return evs
}
