package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"copilot/app/account"
	"copilot/app/deepgram"
	"copilot/app/overlay"
	"copilot/audio"
	"copilot/audio/device"
)

// listenFor is how long doctor listens to both lanes.
const listenFor = 2 * time.Second

// finding is one line of doctor's report.
type finding struct {
	what   string
	state  string // what was seen
	advice string // what to do; empty: nothing
}

// doctor checks what an interview needs, one thing after the other, and says
// what to do about what is missing. It fails when an interview with own keys
// could not be held.
func (p *program) doctor(ctx context.Context, args []string) error {
	if err := parse(p.flags("doctor"), args, 0); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "interview-copilot %s on %s/%s\n", version, runtime.GOOS, runtime.GOARCH)
	checks := []func(context.Context) []finding{
		p.checkDisplay, p.checkSettings, p.checkSound, p.checkKeyring, p.checkDeepgram, p.checkAnswers,
	}
	troubles := 0
	for _, check := range checks {
		bounded, cancel := context.WithTimeout(ctx, 15*time.Second)
		for _, f := range check(bounded) {
			f.print(p.stdout)
			if f.advice != "" {
				troubles++
			}
		}
		cancel()
	}
	if troubles > 0 {
		return fmt.Errorf("%s to look at. \"rehearse\" works without any of it", count(troubles, "thing"))
	}
	_, err := fmt.Fprintln(p.stdout, "Everything is there.")
	return err
}

func (f finding) print(w io.Writer) {
	mark := "ok"
	if f.advice != "" {
		mark = "!!"
	}
	fmt.Fprintf(w, "%s  %-18s %s\n", mark, f.what, clean(f.state))
	if f.advice != "" {
		fmt.Fprintf(w, "    %s\n", clean(f.advice))
	}
}

func (p *program) checkDisplay(context.Context) []finding {
	if err := displayProblem(p.getenv); err != nil {
		return []finding{{"display", err.Error(), "Use --terminal, or run it on a desktop. On Wayland, XWayland is needed to stay on top."}}
	}
	return []finding{{what: "display", state: "a window can be opened"}}
}

func (p *program) checkSettings(context.Context) []finding {
	path, err := overlay.SettingsPath()
	if err != nil {
		return []finding{{"settings", "there is no place for them", "Set HOME or XDG_CONFIG_HOME."}}
	}
	if _, problem := overlay.LoadSettings(path); problem != "" {
		return []finding{{"settings", path, problem}}
	}
	return []finding{{what: "settings", state: path}}
}

// checkSound lists the devices and listens to both lanes for a moment.
func (p *program) checkSound(ctx context.Context) []finding {
	if _, err := device.List(ctx); err != nil {
		p.log.Debug("list devices", "err", err)
		return []finding{{"sound", "the sound system cannot be reached",
			"Start PulseAudio or PipeWire (pipewire-pulse) and try again. A WAV file works without: listen --input FILE."}}
	}
	var mu sync.Mutex
	var lanes [audio.Channels]audio.LaneStatus
	var level [audio.Channels]float64
	ctx, cancel := context.WithTimeout(ctx, listenFor)
	defer cancel()
	err := device.New(device.Config{Log: p.log}).Run(ctx, func(f audio.Frame) {
		mu.Lock()
		defer mu.Unlock()
		for c := range level {
			level[c] = max(level[c], f.Level(audio.Channel(c)))
		}
	}, func(s audio.LaneStatus) {
		mu.Lock()
		defer mu.Unlock()
		lanes[s.Channel] = s
	})
	if err != nil {
		return []finding{{"sound", err.Error(), "Check the sound settings of the system."}}
	}
	names := [audio.Channels]string{"interviewer's lane", "microphone"}
	var found []finding
	for c, lane := range lanes {
		f := finding{what: names[c], state: lane.State.String()}
		if lane.Device != "" {
			f.state = lane.Device + ", " + f.state
		}
		switch {
		case lane.State != audio.LaneLive && lane.Advice != "":
			f.advice = lane.Advice
		case lane.State != audio.LaneLive:
			f.advice = "Connect the device or choose another one, then try again."
		case level[c] == 0 && audio.Channel(c) == audio.Candidate:
			f.state += ", completely silent"
			f.advice = "Check that the microphone is not muted."
		case level[c] == 0:
			f.state += ", silent (nothing is playing)"
		default:
			f.state += ", sound is heard"
		}
		found = append(found, f)
	}
	return found
}

func (p *program) checkKeyring(ctx context.Context) []finding {
	if _, err := p.keys.Get(ctx, account.Deepgram); errors.Is(err, account.ErrUnavailable) {
		return []finding{{"keyring", "none answers", "Keys that you enter are kept for the run only. Unlock or install a keyring (GNOME Keyring, KWallet), or set the keys in the environment."}}
	}
	return []finding{{what: "keyring", state: "answers"}}
}

// checkDeepgram connects once, sends nothing, and leaves.
func (p *program) checkDeepgram(ctx context.Context) []finding {
	key, err := p.key(ctx, account.Deepgram)
	if err != nil {
		return []finding{{"Deepgram", "no key", sentence(err)}}
	}
	stream, err := deepgram.Dial(ctx, deepgram.Options{
		URL:        p.config.DeepgramURL,
		Credential: keyOf(func(context.Context) (string, error) { return key, nil }),
		Log:        p.log,
	})
	if err != nil {
		return []finding{{"Deepgram", "does not take us", sentence(err)}}
	}
	stream.Close(ctx)
	return []finding{{what: "Deepgram", state: "key accepted"}}
}

// checkAnswers lists the models, which also tries the key.
func (p *program) checkAnswers(ctx context.Context) []finding {
	names, err := p.modelNames(ctx)
	if err != nil {
		return []finding{{"answers", "cannot be had", sentence(err)}}
	}
	return []finding{{what: "answers", state: count(len(names), "model") + " to choose from"}}
}
