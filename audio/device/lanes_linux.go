package device

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"copilot/audio"
)

const (
	settleTime = 500 * time.Millisecond // PipeWire shows a new stream on the default source for a moment
	askAgain   = 20 * time.Millisecond
	retryOpen  = 500 * time.Millisecond
	watchEvery = 100 * time.Millisecond
)

var (
	errMoved  = errors.New("the server moved the stream to another device")
	errChosen = errors.New("another device is to be used")
)

// laneOf says how our ALSA configuration names a lane and its source.
var laneOf = [audio.Channels]struct{ pcm, env string }{
	audio.Interviewer: {"copilot_system", "COPILOT_SYSTEM_SOURCE"},
	audio.Candidate:   {"copilot_mic", "COPILOT_MIC_SOURCE"},
}

// pulseSession captures both lanes from one connection's server.
type pulseSession struct {
	capture *Capture
	hub     *hub
	server  *pulseServer
	env     map[string]string
	pcm     [audio.Channels]int // PortAudio's device indices
	opening sync.Mutex          // a new stream is told apart by being new
	asking  sync.Mutex          // answers are taken in the order of the questions

	checked atomic.Int64 // the server's events that state accounts for
	mu      sync.Mutex
	state   pulseState
	targets [audio.Channels]target
	readers [audio.Channels]*reader
	changed chan struct{} // closed and replaced when state is new
}

// reader is a lane's open stream.
type reader struct {
	stream *stream
	output uint32 // the server's index of it
	device pulseDevice
}

// capturePulse runs both lanes until ctx is done (nil) or the server is gone.
func (c *Capture) capturePulse(ctx context.Context, h *hub, server *pulseServer) error {
	path, remove, err := writeALSAConfig()
	if err != nil {
		h.reportBoth(audio.LaneMissing, setupAdvice)
		return err
	}
	defer remove()
	s := &pulseSession{
		capture: c, hub: h, server: server,
		env:     map[string]string{"ALSA_CONFIG_PATH": path},
		changed: make(chan struct{}),
	}
	if _, err := s.refresh(); err != nil {
		return err
	}
	if err := initialize(s.env); err != nil {
		h.reportBoth(audio.LaneMissing, setupAdvice)
		return err
	}
	defer terminate()
	if err := s.findPCMs(); err != nil {
		return err
	}
	lanesCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	var lanes sync.WaitGroup
	for ch := range audio.Channel(audio.Channels) {
		lanes.Go(func() { s.lane(lanesCtx, ch) })
	}
	ended := make(chan struct{})
	go func() {
		lanes.Wait()
		close(ended)
	}()
	err = s.watch(ctx)
	cancel()
	s.letGo(ended)
	if err != nil {
		h.reportBoth(audio.LaneLost, serverAdvice)
	}
	return err
}

// findPCMs looks up our two devices in PortAudio's list; they are missing when
// ALSA has no PulseAudio plugin.
func (s *pulseSession) findPCMs() error {
	all, err := ports()
	if err != nil {
		return err
	}
	for ch := range audio.Channel(audio.Channels) {
		p := find(all, func(p port) bool { return p.name == laneOf[ch].pcm && p.inputs > 0 })
		if p == nil {
			s.hub.report(ch, audio.LaneMissing, "", pluginsAdvice)
			err = fmt.Errorf("ALSA's pulse plugin gives no device %s", laneOf[ch].pcm)
			continue
		}
		s.pcm[ch] = p.index
	}
	return err
}

// watch keeps state fresh and ends streams that give no data, until ctx is done
// (nil) or the server is gone.
func (s *pulseSession) watch(ctx context.Context) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.server.gone:
			return errors.New("connection closed")
		case <-s.server.wake:
			if _, err := s.refresh(); err != nil {
				return err
			}
		case <-tick.C:
			s.killStalled(stalled)
		}
	}
}

// letGo waits for the lanes to end. They notice a done context after the read
// that is under way; one that waits for data that does not come is ended by the
// server.
func (s *pulseSession) letGo(ended <-chan struct{}) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return
		case <-tick.C:
			s.killStalled(watchEvery)
		}
	}
}

// killStalled ends the streams that gave nothing for so long.
func (s *pulseSession) killStalled(limit time.Duration) {
	s.mu.Lock()
	var outputs []uint32
	for _, r := range s.readers {
		if r != nil && r.stream.waiting() > limit {
			outputs = append(outputs, r.output)
		}
	}
	s.mu.Unlock()
	if len(outputs) == 0 {
		return
	}
	err := quietly(nil, func() error {
		var errs []error
		for _, o := range outputs {
			errs = append(errs, s.server.kill(o))
		}
		time.Sleep(askAgain) // PortAudio writes about the error that it gets now
		return errors.Join(errs...)
	})
	if err != nil {
		s.capture.log.Debug("cannot end a stalled stream", "error", err)
	}
}

// refresh asks for the server's state and lets the lanes judge by it.
func (s *pulseSession) refresh() (pulseState, error) {
	s.asking.Lock()
	defer s.asking.Unlock()
	seen := s.server.events.Load()
	state, err := s.server.state()
	if err != nil {
		return pulseState{}, err
	}
	microphone, system := choosePulse(state, s.capture.config)
	s.mu.Lock()
	s.state = state
	s.targets = [audio.Channels]target{audio.Interviewer: system, audio.Candidate: microphone}
	close(s.changed)
	s.changed = make(chan struct{})
	s.checked.Store(seen)
	s.mu.Unlock()
	return state, nil
}

// lane captures one lane from whatever device it is to come from, until ctx is
// done.
func (s *pulseSession) lane(ctx context.Context, ch audio.Channel) {
	for ctx.Err() == nil {
		s.mu.Lock()
		t, changed := s.targets[ch], s.changed
		s.mu.Unlock()
		if t.device.source == "" {
			s.hub.report(ch, audio.LaneMissing, "", t.advice)
			select {
			case <-ctx.Done():
			case <-changed:
			}
			continue
		}
		err := s.read(ctx, ch, t.device)
		if ctx.Err() != nil || errors.Is(err, errChosen) {
			continue
		}
		s.capture.log.Warn("lost a sound device", "lane", ch, "device", t.device.name, "error", err)
		s.hub.report(ch, audio.LaneLost, t.device.name, fmt.Sprintf("%q gives no sound any more; it is being opened again.", t.device.name))
		retry := time.NewTimer(retryOpen)
		select {
		case <-ctx.Done():
		case <-changed:
		case <-retry.C:
		}
		retry.Stop()
	}
}

// read pushes one device's sound until ctx is done or the lane has to be opened
// anew. No sample is pushed before the server said where the stream sits.
func (s *pulseSession) read(ctx context.Context, ch audio.Channel, d pulseDevice) error {
	s.hub.report(ch, audio.LaneOpening, d.name, "")
	r, err := s.open(ctx, ch, d)
	if err != nil {
		return err
	}
	defer r.stream.close()
	defer s.hub.shut(ch)
	defer s.setReader(ch, nil)
	s.setReader(ch, r)
	live := false
	for ctx.Err() == nil {
		mono, err := r.stream.read()
		if err != nil {
			return err
		}
		if err := s.judge(ctx, ch, r); err != nil {
			return err
		}
		if !live {
			live = true
			if err := s.hub.open(ch, d.name, r.stream.rate); err != nil {
				return err
			}
		}
		s.hub.push(ch, mono, r.stream.rate)
	}
	return nil
}

func (s *pulseSession) setReader(ch audio.Channel, r *reader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers[ch] = r
}

// open opens a lane's stream and finds it among the server's.
func (s *pulseSession) open(ctx context.Context, ch audio.Channel, d pulseDevice) (*reader, error) {
	s.opening.Lock()
	defer s.opening.Unlock()
	before, err := s.server.state()
	if err != nil {
		return nil, err
	}
	env := map[string]string{laneOf[ch].env: d.source}
	for k, v := range s.env {
		env[k] = v
	}
	st, err := openStream(env, s.pcm[ch], 1, d.rate)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(settleTime); ctx.Err() == nil && time.Now().Before(deadline); sleep(ctx, askAgain) {
		now, err := s.refresh()
		if err != nil {
			st.close()
			return nil, err
		}
		for output, source := range now.streams {
			if _, old := before.streams[output]; !old && source == d.index {
				return &reader{stream: st, output: output, device: d}, nil
			}
		}
	}
	st.close()
	return nil, errMoved
}

// judge says whether what was just read came from the device it should: after
// any event it waits for the server's word, so that not one block of another
// device's sound gets through.
func (s *pulseSession) judge(ctx context.Context, ch audio.Channel, r *reader) error {
	for {
		s.mu.Lock()
		fresh := s.checked.Load() == s.server.events.Load()
		source, there := s.state.streams[r.output]
		wanted, changed := s.targets[ch].device, s.changed
		s.mu.Unlock()
		switch {
		case !fresh:
			select {
			case <-changed:
			case <-s.server.gone:
				return errors.New("connection closed")
			case <-ctx.Done():
				return ctx.Err()
			}
		case !there || source != r.device.index:
			return errMoved
		case wanted.source != r.device.source || wanted.index != r.device.index:
			return errChosen
		default:
			return nil
		}
	}
}
