// Package device captures an interview from the machine's sound devices: the
// microphone (the candidate) and the system's own sound (the interviewer), at
// once, through PortAudio. [Capture.Run] hands over audio.Frames and says how
// each lane is doing; [List] names the devices.
//
// One goroutine per lane reads PortAudio's blocking stream, 20 ms at a time,
// because its callbacks report nothing when the sound server dies. Devices that
// vanish, change or come back are followed while Run goes on; a lane that cannot
// be had is silence, with one sentence of advice.
//
// On Linux both lanes come from PulseAudio or PipeWire through an ALSA
// configuration of our own, and a second connection to the server watches that
// each stream really sits on the device it was opened for: a server moves a
// stream whose device is unplugged to the default source, so that the
// interviewer's lane would silently become the microphone. On Windows every
// output can be listened to (loopback_windows.go). On macOS the system's sound
// needs a loopback device, which is recognised by its name.
//
// This is the only package that knows PortAudio, and miniaudio for that one lane.
package device

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"copilot/audio"
)

// Kind says what a device is good for.
type Kind int

const (
	Microphone  Kind = iota // hears the candidate
	SystemSound             // an output whose sound can be captured
)

// String returns "microphone" or "system sound".
func (k Kind) String() string {
	if k == SystemSound {
		return "system sound"
	}
	return "microphone"
}

// Info is a device that can be captured.
type Info struct {
	ID      string // the sound system's own name, stable; either name may stand in Config
	Name    string // the name people know
	Kind    Kind
	Default bool // taken when Config names none
}

// List returns the devices that can be captured now, microphones first. It
// opens no stream. An error means that the sound system cannot be reached.
func List(ctx context.Context) ([]Info, error) { return list(ctx) }

// Config chooses the devices. The zero Config takes the system's defaults.
type Config struct {
	Microphone string // Name or ID of a microphone; empty: the default
	Output     string // Name or ID of a system sound; empty: the default
	Log        *slog.Logger
}

// Capture is the two lanes of this machine.
type Capture struct {
	config Config
	log    *slog.Logger

	mu sync.Mutex
	il *audio.Interleaver // from the first Run on: the timeline goes on
}

// New returns a Capture. Nothing is opened before Run.
func New(c Config) *Capture {
	log := c.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Capture{config: c, log: log}
}

// stopTimeout is how long Run waits for a driver that does not let go.
const stopTimeout = 3 * time.Second

// Run captures until ctx is done and then returns nil, all devices closed. It
// calls emit for every 20 ms and status for every change of a lane, both from
// one goroutine; neither may block for long. Missing devices are no error: they
// may come. The timeline goes on over several Runs, of which only one at a time
// is allowed.
func (c *Capture) Run(ctx context.Context, emit func(audio.Frame), status func(audio.LaneStatus)) error {
	if !c.mu.TryLock() {
		return fmt.Errorf("capture sound: already running")
	}
	defer c.mu.Unlock()
	now := time.Now()
	if c.il == nil {
		c.il = audio.NewInterleaver(now)
	}
	c.il.Seek(now)
	h := newHub(c.il)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.feed(ctx, h)
	}()
	h.run(ctx, emit, status)
	select {
	case <-done:
	case <-time.After(stopTimeout):
		c.log.Error("a sound driver does not return; its stream stays open")
		c.il = nil // the stream may still push into it
	}
	return nil
}
