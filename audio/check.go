package audio

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Check listens to both lanes before an interview and tells what is wrong with
// them. It is fed with frames and judged at any time; it keeps the last
// CheckLength of sound and opens nothing. It is not safe for concurrent use.
type Check struct {
	device [Channels]string
	lanes  [Channels][]float32 // −1 … 1, the newest last
	heard  time.Duration
}

// CheckLength is how much of the newest sound a Check judges by.
const CheckLength = 20 * time.Second

const checkSamples = int(CheckLength/time.Second) * SampleRate

// Trouble is one thing that a Check can find.
type Trouble int

const (
	NoSound   Trouble = iota // not a single sample differs from zero
	TooQuiet                 // nothing that could be speech
	SameSound                // both lanes carry the same: one of the devices is the wrong one
	Clipping                 // louder than the device can carry
	CallMode                 // the bandwidth of a telephone: a Bluetooth headset in call mode
	Echo                     // the interviewer's voice leaks into the microphone
)

// String returns a stable, machine-readable name.
func (t Trouble) String() string {
	return [...]string{"no_sound", "too_quiet", "same_sound", "clipping", "call_mode", "echo"}[t]
}

// Finding is one trouble of a lane, in sentences for the person.
type Finding struct {
	Lane    Channel
	Trouble Trouble
	Seen    string // what is wrong
	Advice  string // the one thing to do
}

// How a lane is judged. Levels are decibels below full scale.
const (
	speechFloor  = -50.0 // quieter than this is no speech worth the name
	activeFloor  = -45.0 // blocks of 20 ms above this count as speech
	leastSpeech  = 2 * time.Second
	clippedShare = 0.02 // of the active blocks
)

// Device names the device of a lane: some betray by their name what their sound
// does not.
func (c *Check) Device(ch Channel, name string) { c.device[ch] = name }

// Feed takes the next frame.
func (c *Check) Feed(f *Frame) {
	for ch := range c.lanes {
		lane := c.lanes[ch]
		if len(lane) >= 2*checkSamples { // moved seldom
			lane = lane[:copy(lane, lane[len(lane)-checkSamples:])]
		}
		for i := ch; i < len(f.Samples); i += Channels {
			lane = append(lane, float32(f.Samples[i])/-math.MinInt16)
		}
		c.lanes[ch] = lane
	}
	c.heard += FrameDuration
}

// Heard is how much sound was fed.
func (c *Check) Heard() time.Duration { return c.heard }

// Speech is for how long a lane carried something as loud as speech, within the
// sound that is kept.
func (c *Check) Speech(ch Channel) time.Duration {
	return time.Duration(measure(c.newest(ch)).active) * FrameDuration
}

// Enough says whether a lane was heard for long enough to be judged by.
func (c *Check) Enough(ch Channel) bool { return c.Speech(ch) >= leastSpeech }

func (c *Check) newest(ch Channel) []float32 {
	lane := c.lanes[ch]
	return lane[max(0, len(lane)-checkSamples):]
}

// Findings judges what was heard, the gravest first. An empty list means that
// nothing is wrong, as far as there was something to hear: see Enough.
func (c *Check) Findings() []Finding {
	var out []Finding
	add := func(ch Channel, t Trouble, seen, advice string) {
		out = append(out, Finding{ch, t, seen, advice})
	}
	interviewer, candidate := c.newest(Interviewer), c.newest(Candidate)
	var loud [Channels]bool
	for ch, lane := range [Channels][]float32{interviewer, candidate} {
		m := measure(lane)
		loud[ch] = m.active > 0
		who := Channel(ch)
		switch {
		case len(lane) == 0:
		case m.peak == 0 && who == Candidate:
			add(who, NoSound, "The microphone gives no sound at all.", "Unmute it, or choose another microphone.")
		case m.peak == 0:
			add(who, NoSound, "Nothing is heard of the computer's sound.", "Play something. If you hear it and the meter stays still, choose the output on which you hear it.")
		case m.loudest < speechFloor && who == Candidate:
			add(who, TooQuiet, fmt.Sprintf("The microphone is very quiet (%.0f dB).", m.loudest), "Speak. If the meter hardly moves, raise the microphone's level in the sound settings or choose another one.")
		case m.loudest < speechFloor:
			add(who, TooQuiet, fmt.Sprintf("The computer's sound is very quiet (%.0f dB).", m.loudest), "Raise the volume of the call's program.")
		}
		if m.active > 0 && float64(m.clipped) >= max(3, clippedShare*float64(m.active)) {
			if who == Candidate {
				add(who, Clipping, "The microphone is too loud: it distorts.", "Lower its level in the sound settings, or move it away.")
			} else {
				add(who, Clipping, "The computer's sound is too loud: it distorts.", "Lower the volume of the call's program.")
			}
		}
		if narrow, asks := c.narrow(who, lane); narrow {
			add(who, CallMode, asks, "Choose another microphone, such as the computer's own, so that the headset goes back to full sound.")
		}
	}
	if !loud[Interviewer] || !loud[Candidate] {
		return out
	}
	l := findLeak(interviewer, candidate)
	switch {
	case l.same:
		add(Candidate, SameSound, "Both sides carry the same sound: the microphone chosen is not yours, but the computer's own sound, or the other way round.",
			"Choose the microphone that you speak into.")
	case l.found:
		add(Candidate, Echo, fmt.Sprintf("The interviewer is heard in your microphone, %d ms later and %.0f dB quieter.", l.delay.Milliseconds(), -l.gain),
			"Use headphones, or turn the loudspeakers down.")
	}
	slices.SortStableFunc(out, func(a, b Finding) int { return int(a.Trouble) - int(b.Trouble) })
	return out
}

// narrow says whether a lane sounds like a telephone, and what was seen.
func (c *Check) narrow(ch Channel, lane []float32) (is bool, seen string) {
	what := "The microphone"
	if ch == Interviewer {
		what = "The computer's sound"
	}
	if handsFree(c.device[ch]) {
		return true, fmt.Sprintf("%q is a Bluetooth headset in call mode, which carries telephone quality only.", c.device[ch])
	}
	if hz := Bandwidth(lane, SampleRate); hz > 0 && hz < 4300 {
		return true, fmt.Sprintf("%s has the quality of a telephone (nothing above %.1f kHz): a Bluetooth headset in call mode?", what, hz/1000)
	}
	return false, ""
}

// handsFree knows the names that systems give to headsets in call mode.
func handsFree(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"hands-free", "handsfree", "hfp", "hsp", "head unit", "headset-head-unit", "ag audio", "bluez_input", "freisprech", "mains libres"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// laneMeasure is what a lane's loudness tells.
type laneMeasure struct {
	peak    float64
	loudest float64 // of 20 ms blocks, the loudest but for the top five of a hundred; dB
	active  int     // blocks as loud as speech
	clipped int     // blocks with flat tops
}

func measure(lane []float32) laneMeasure {
	m := laneMeasure{loudest: math.Inf(-1)}
	var levels []float64
	for len(lane) >= FrameSamples {
		block := lane[:FrameSamples]
		lane = lane[FrameSamples:]
		sum, peak := 0.0, 0.0
		for _, s := range block {
			v := math.Abs(float64(s))
			sum += v * v
			peak = max(peak, v)
		}
		m.peak = max(m.peak, peak)
		db := 10 * math.Log10(sum/FrameSamples+1e-12)
		levels = append(levels, db)
		if db > activeFloor {
			m.active++
			if flatTop(block, peak) {
				m.clipped++
			}
		}
	}
	if len(levels) > 0 {
		slices.Sort(levels)
		m.loudest = levels[len(levels)*95/100]
	}
	return m
}

// flatTop says whether a block was cut off: where a wave is clipped, many of its
// samples lie at its very top. Resampling bends the tops a little, and a clipped
// signal may have been made quieter afterwards.
func flatTop(block []float32, peak float64) bool {
	if peak < 0.25 {
		return false
	}
	n, run, longest := 0, 0, 0
	for _, s := range block {
		if math.Abs(float64(s)) >= 0.96*peak {
			n++
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	return n >= FrameSamples*6/100 && longest >= 5
}
