package device

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"copilot/audio"

	"github.com/gordonklaus/portaudio"
)

// library serialises what is one per process and not safe for concurrent use:
// PortAudio's device and stream lists, the environment that ALSA reads while it
// opens a device, and file descriptor 2. Reading a stream needs no lock.
var library sync.Mutex

// quietly runs f alone, with extra environment and without the noise that ALSA,
// JACK and PortAudio write to standard error.
func quietly(env map[string]string, f func() error) error {
	library.Lock()
	defer library.Unlock()
	for k, v := range env {
		old, had := os.LookupEnv(k)
		if err := os.Setenv(k, v); err != nil {
			return err
		}
		defer func() {
			if had {
				os.Setenv(k, old)
			} else {
				os.Unsetenv(k)
			}
		}()
	}
	defer silenceStderr()()
	return f()
}

// initialize starts PortAudio, which looks for devices only now. Every success
// must be paired with a terminate.
func initialize(env map[string]string) error {
	err := quietly(env, func() error {
		err := portaudio.Initialize()
		if err == nil {
			skipBadIDs()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("start PortAudio: %w", err)
	}
	return nil
}

func terminate() {
	_ = quietly(nil, portaudio.Terminate) // nothing can be done about an error
}

// ports lists the devices that PortAudio found when it was initialised.
func ports() ([]port, error) {
	library.Lock()
	defer library.Unlock()
	apis, err := portaudio.HostApis()
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	var out []port
	for _, api := range apis {
		for _, d := range api.Devices {
			out = append(out, port{
				index:         d.Index,
				name:          d.Name,
				api:           api.Name,
				inputs:        d.MaxInputChannels,
				outputs:       d.MaxOutputChannels,
				rate:          int(d.DefaultSampleRate),
				defaultInput:  d == api.DefaultInputDevice,
				defaultOutput: d == api.DefaultOutputDevice,
			})
		}
	}
	return out, nil
}

// suggestedLatency makes two buffers of 20 ms; less was granted as this anyway.
const suggestedLatency = 40 * time.Millisecond

// stream is an open input. Only its goroutine may read and close it.
type stream struct {
	pa       *portaudio.Stream
	rate     int
	channels int
	block    []int16 // interleaved, filled by PortAudio
	mono     []int16
	progress atomic.Int64 // Unix nanoseconds of the last data
}

// openStream opens and starts an input of the given name or index.
func openStream(env map[string]string, index, channels, rate int) (*stream, error) {
	rate = max(audio.MinRate, min(rate, audio.MaxRate))
	frames := rate / 50
	s := &stream{
		rate:     rate,
		channels: channels,
		block:    make([]int16, frames*channels),
		mono:     make([]int16, 0, frames),
	}
	err := quietly(env, func() error {
		devices, err := portaudio.Devices()
		if err != nil {
			return err
		}
		if index < 0 || index >= len(devices) {
			return portaudio.InvalidDevice
		}
		s.pa, err = portaudio.OpenStream(portaudio.StreamParameters{
			Input:           portaudio.StreamDeviceParameters{Device: devices[index], Channels: channels, Latency: suggestedLatency},
			SampleRate:      float64(rate),
			FramesPerBuffer: frames,
		}, s.block)
		if err != nil {
			return err
		}
		if err := s.pa.Start(); err != nil {
			s.pa.Close()
			return err
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("open device: %w", err)
	}
	s.progress.Store(time.Now().UnixNano())
	return s, nil
}

// read waits for the next 20 ms and returns them as mono, valid until the next
// read. Sound that the driver had to drop before is no error: its absence shows
// in the time.
func (s *stream) read() ([]int16, error) {
	if err := s.pa.Read(); err != nil && !errors.Is(err, portaudio.InputOverflowed) {
		return nil, fmt.Errorf("read device: %w", err)
	}
	s.progress.Store(time.Now().UnixNano())
	if s.channels == 1 {
		return s.block, nil
	}
	s.mono = audio.Downmix(s.mono[:0], s.block, s.channels)
	return s.mono, nil
}

// waiting is for how long no data has come.
func (s *stream) waiting() time.Duration {
	return time.Since(time.Unix(0, s.progress.Load()))
}

// ready says, without waiting, whether read would return at once.
func (s *stream) ready() (bool, error) {
	n, err := s.pa.AvailableToRead()
	if err != nil && !errors.Is(err, portaudio.InputOverflowed) {
		return false, fmt.Errorf("read device: %w", err)
	}
	return n >= len(s.block)/s.channels, nil
}

func (s *stream) sampleRate() int { return s.rate }

func (s *stream) close() {
	_ = quietly(nil, s.pa.Close) // aborts first; nothing can be done about an error
}
