package device

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"copilot/audio"
)

const (
	pollInterval = 5 * time.Millisecond // as PortAudio's own blocking reads do on macOS
	firstRescan  = time.Second
	lastRescan   = 30 * time.Second
	settledAfter = 30 * time.Second // a lane that lived so long is looked for at once again
)

// feedPorts captures from the devices that PortAudio lists, until ctx is done or
// stop, asked once a second, says so. PortAudio looks for devices only when it
// is started, so that looking again interrupts both lanes for a moment: it is
// done for a lane that was lost, less and less often, and for the lane that
// never was only while there is nothing to interrupt.
func (c *Capture) feedPorts(ctx context.Context, h *hub, stop func(context.Context) bool) {
	wait := firstRescan
	for ctx.Err() == nil {
		began := time.Now()
		stopped, err := c.capturePorts(ctx, h, wait, stop)
		if stopped {
			return
		}
		if err != nil {
			c.log.Warn("cannot look for sound devices", "error", err)
			sleep(ctx, wait)
		}
		wait = min(2*wait, lastRescan)
		if time.Since(began) > settledAfter {
			wait = firstRescan
		}
	}
}

// capturePorts runs both lanes once. It returns when it is time to look for
// devices again.
func (c *Capture) capturePorts(ctx context.Context, h *hub, wait time.Duration, stop func(context.Context) bool) (stopped bool, err error) {
	if err := initialize(nil); err != nil {
		return false, err
	}
	defer terminate()
	all, err := ports()
	if err != nil {
		return false, err
	}
	microphone, system := choosePorts(runtime.GOOS, append(all, loopbacks(all)...), c.config)
	ctx, cancel := context.WithCancel(ctx)
	var lanes sync.WaitGroup
	defer lanes.Wait()
	defer cancel()

	live := 0
	ended := make(chan audio.Channel, audio.Channels)
	for ch, p := range map[audio.Channel]pick{audio.Interviewer: system, audio.Candidate: microphone} {
		if p.port == nil {
			h.report(ch, audio.LaneMissing, "", p.advice)
			continue
		}
		live++
		lanes.Go(func() {
			defer h.shut(ch)
			if err := readPort(ctx, h, ch, *p.port); err != nil {
				c.log.Warn("lost a sound device", "lane", ch, "device", p.port.name, "error", err)
				h.report(ch, audio.LaneLost, p.port.name, fmt.Sprintf("%q gives no sound any more: connect it again, or choose another device.", p.port.name))
				ended <- ch
			}
		})
	}
	return supervise(ctx, live, wait, ended, stop), nil
}

// supervise waits until devices have to be looked for again, or stop says so.
func supervise(ctx context.Context, live int, wait time.Duration, ended <-chan audio.Channel, stop func(context.Context) bool) (stopped bool) {
	var rescan <-chan time.Time
	if live == 0 {
		rescan = time.After(wait)
	}
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-ctx.Done():
			return true
		case <-ended:
			rescan = time.After(wait)
		case <-rescan:
			return false
		case <-second.C:
			if stop(ctx) {
				return true
			}
		}
	}
}

// input is an open device, for one goroutine.
type input interface {
	ready() (bool, error)   // would read return at once?
	read() ([]int16, error) // the next 20 ms as mono, valid until the next read
	waiting() time.Duration // for how long no data has come
	sampleRate() int
	close()
}

func openPort(p port) (input, error) {
	if p.api == loopbackAPI {
		return openLoopback(p)
	}
	return openStream(nil, p.index, channelsOf(p), p.rate)
}

// readPort pushes one device's sound until ctx is done (nil) or it fails. It
// never waits inside PortAudio, where an unplugged device could hold it for ever.
func readPort(ctx context.Context, h *hub, ch audio.Channel, p port) error {
	h.report(ch, audio.LaneOpening, p.name, "")
	s, err := openPort(p)
	if err != nil {
		return err
	}
	defer s.close()
	rate := s.sampleRate()
	if err := h.open(ch, p.name, rate); err != nil {
		return err
	}
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for ctx.Err() == nil {
		switch ready, err := s.ready(); {
		case err != nil:
			return err
		case ready:
			mono, err := s.read()
			if err != nil {
				return err
			}
			h.push(ch, mono, rate)
			continue
		case s.waiting() > 4*stalled:
			return fmt.Errorf("no data for %v", s.waiting().Round(time.Millisecond))
		}
		select {
		case <-ctx.Done():
		case <-poll.C:
		}
	}
	return nil
}

// listPorts lists the devices that PortAudio finds.
func listPorts() ([]Info, error) {
	if err := initialize(nil); err != nil {
		return nil, err
	}
	defer terminate()
	all, err := ports()
	if err != nil {
		return nil, err
	}
	all = append(all, loopbacks(all)...)
	microphone, system := choosePorts(runtime.GOOS, all, Config{})
	var out []Info
	for _, kind := range []Kind{Microphone, SystemSound} {
		chosen := microphone.port
		if kind == SystemSound {
			chosen = system.port
		}
		for _, p := range preferred(runtime.GOOS, all, func(p port) bool { return p.inputs > 0 }) {
			if isVirtual(runtime.GOOS, p.name) == (kind == SystemSound) {
				out = append(out, Info{ID: p.name, Name: p.name, Kind: kind, Default: chosen != nil && chosen.index == p.index})
			}
		}
	}
	return out, nil
}

// sleep waits for d or until ctx is done.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
