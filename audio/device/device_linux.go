package device

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"copilot/audio"
)

// alsaConfig replaces the system's ALSA configuration while PortAudio looks for
// devices and opens them.
//
//go:embed asound.conf
var alsaConfig []byte

const (
	redial        = 250 * time.Millisecond
	redialBroken  = 3 * time.Second // a server that was lost so soon is not asked as often
	setupAdvice   = "Recording cannot be set up on this machine: see what the doctor command says."
	serverAdvice  = "The sound server has stopped; it is being waited for."
	pluginsAdvice = "Install the package libasound2-plugins (alsa-plugins), which lets this program record through PulseAudio or PipeWire."
)

// feed captures from the sound server, again and again as it comes and goes. A
// machine that never had one gives its microphone through plain ALSA until one
// appears; a server that only went away is waited for instead, because taking
// its sound card could keep it from coming back.
func (c *Capture) feed(ctx context.Context, h *hub) {
	had := false
	for ctx.Err() == nil {
		server, err := dialPulse(ctx)
		switch {
		case err == nil:
			had = true
			began := time.Now()
			if err := c.capturePulse(ctx, h, server); err != nil {
				c.log.Warn("sound server lost", "error", err)
			}
			server.close()
			if time.Since(began) < redialBroken {
				sleep(ctx, redialBroken/4)
			}
		case had:
			h.reportBoth(audio.LaneLost, serverAdvice)
		default:
			c.log.Info("no sound server, the microphone only", "error", err)
			c.feedPorts(ctx, h, pulseAppeared)
		}
		sleep(ctx, redial)
	}
}

// pulseAppeared says whether a sound server can be reached by now.
func pulseAppeared(ctx context.Context) bool {
	server, err := dialPulse(ctx)
	if err != nil {
		return false
	}
	server.close()
	return true
}

// writeALSAConfig puts our configuration where only this user can write and
// returns its path and how to remove it.
func writeALSAConfig() (path string, remove func(), err error) {
	remove = func() {}
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if dir != "" {
		dir = filepath.Join(dir, "interview-copilot")
		err = os.MkdirAll(dir, 0o700)
	}
	if dir == "" || err != nil {
		if dir, err = os.MkdirTemp("", "interview-copilot"); err != nil {
			return "", nil, fmt.Errorf("write the sound configuration: %w", err)
		}
		remove = func() { os.RemoveAll(dir) }
	}
	f, err := os.CreateTemp(dir, "asound-*.conf")
	if err != nil {
		remove()
		return "", nil, fmt.Errorf("write the sound configuration: %w", err)
	}
	_, err = f.Write(alsaConfig)
	if closed := f.Close(); err == nil {
		err = closed
	}
	path = filepath.Join(dir, "asound.conf")
	if err == nil {
		err = os.Rename(f.Name(), path) // another process of ours may be reading it
	}
	if err != nil {
		os.Remove(f.Name())
		remove()
		return "", nil, fmt.Errorf("write the sound configuration: %w", err)
	}
	return path, remove, nil
}

func list(ctx context.Context) ([]Info, error) {
	server, err := dialPulse(ctx)
	if err != nil {
		return listPorts()
	}
	defer server.close()
	state, err := server.state()
	if err != nil {
		return nil, err
	}
	microphone, system := choosePulse(state, Config{})
	var out []Info
	for _, d := range state.microphones {
		out = append(out, Info{ID: d.id, Name: d.name, Kind: Microphone, Default: d.id == microphone.device.id})
	}
	for _, d := range state.outputs {
		out = append(out, Info{ID: d.id, Name: d.name, Kind: SystemSound, Default: d.id == system.device.id})
	}
	return out, nil
}
