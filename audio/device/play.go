package device

import (
	"context"
	"errors"
	"fmt"

	"github.com/gordonklaus/portaudio"

	"copilot/audio"
)

// Play plays mono sound of audio.SampleRate on the system's default output until
// it is over or ctx is done (nil).
func Play(ctx context.Context, sound []int16) error {
	env, release, err := playEnvironment()
	if err != nil {
		return fmt.Errorf("play: %w", err)
	}
	defer release()
	if err := initialize(env); err != nil {
		return fmt.Errorf("play: %w", err)
	}
	defer terminate()
	block := make([]int16, audio.FrameSamples)
	var out *portaudio.Stream
	err = quietly(env, func() error {
		device, err := defaultOutput()
		if err != nil {
			return err
		}
		out, err = portaudio.OpenStream(portaudio.StreamParameters{
			Output:          portaudio.StreamDeviceParameters{Device: device, Channels: 1, Latency: device.DefaultHighOutputLatency},
			SampleRate:      audio.SampleRate,
			FramesPerBuffer: len(block),
		}, block)
		if err != nil {
			return err
		}
		if err := out.Start(); err != nil {
			out.Close()
			return err
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("play: %w", err)
	}
	defer func() { _ = quietly(nil, out.Close) }() // aborts; nothing can be done about an error
	for len(sound) > 0 && ctx.Err() == nil {
		n := copy(block, sound)
		clear(block[n:])
		sound = sound[n:]
		if err := out.Write(); err != nil && !errors.Is(err, portaudio.OutputUnderflowed) {
			return fmt.Errorf("play: %w", err)
		}
	}
	if ctx.Err() == nil {
		_ = out.Stop() // waits until the last samples have sounded
	}
	return nil
}

// defaultOutput is the output that PortAudio takes for the default one; with our
// ALSA configuration, that of the sound server. library is held.
func defaultOutput() (*portaudio.DeviceInfo, error) {
	all, err := portaudio.Devices()
	if err != nil {
		return nil, err
	}
	for _, d := range all {
		if d.Name == "default" && d.MaxOutputChannels > 0 {
			return d, nil
		}
	}
	return portaudio.DefaultOutputDevice()
}
