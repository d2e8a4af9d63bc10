// Package audio is the sound of an interview in plain Go: 20 ms frames of two
// interleaved lanes, resampling, pairing the lanes by time, levels and WAV
// files. It knows no device (audio/device does), no cgo and no network.
//
// A lane is pushed into an [Interleaver] at whatever rate its device gives;
// frames come out at 16 kHz, channel 0 the interviewer and channel 1 the
// candidate, ready to be sent. [WAV] reads the same frames from a file.
package audio

import (
	"fmt"
	"time"
)

// What every frame of ours looks like. Deepgram is told the same.
const (
	SampleRate    = 16000                 // samples per second and channel
	FrameDuration = 20 * time.Millisecond // one frame
	FrameSamples  = 320                   // samples per channel in a frame
	Channels      = 2
)

// Channel is an audio lane: who is heard on it.
type Channel int

const (
	Interviewer Channel = 0 // the system's sound
	Candidate   Channel = 1 // the microphone
)

// String returns "interviewer" or "candidate".
func (c Channel) String() string {
	switch c {
	case Interviewer:
		return "interviewer"
	case Candidate:
		return "candidate"
	}
	return fmt.Sprintf("channel %d", int(c))
}

// Frame is 20 ms of both channels, interleaved, signed 16 bit, 16 kHz. It is a
// value: copying it copies the sound, so that no queue shares memory.
type Frame struct {
	// Start is where the frame's first sample lies on the capture's timeline.
	// Frames follow each other by FrameDuration unless some were dropped.
	Start time.Duration
	// Captured is when the frame's last sample was read from the device.
	Captured time.Time
	// Samples holds interviewer, candidate, interviewer, candidate, ...
	Samples [FrameSamples * Channels]int16
	// Silent says which lanes had no data, their samples being zero.
	Silent [Channels]bool
}

// AppendPCM appends the frame's samples as little-endian bytes (linear16).
func (f *Frame) AppendPCM(dst []byte) []byte {
	for _, s := range f.Samples {
		dst = append(dst, byte(s), byte(uint16(s)>>8))
	}
	return dst
}

// LaneState says whether a lane is being heard.
type LaneState int

const (
	LaneOpening LaneState = iota // a device is being opened
	LaneLive                     // sound arrives
	LaneLost                     // the device went away; it is being looked for
	LaneMissing                  // there is no device for this lane
)

// String returns the state as one lower-case word.
func (s LaneState) String() string {
	return [...]string{"opening", "live", "lost", "missing"}[s]
}

// LaneStatus tells a person about one lane.
type LaneStatus struct {
	Channel Channel
	State   LaneState
	Device  string // the name people know; empty when there is none
	Advice  string // one sentence: what to do; empty when nothing is to be done
	Dropped int    // frames lost on this lane since the start, in 20 ms units
}
