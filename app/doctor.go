package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"copilot/app/account"
	"copilot/app/deepgram"
	"copilot/app/overlay"
	"copilot/audio"
	"copilot/audio/device"
)

// listenFor is how long doctor listens to both lanes.
const listenFor = 4 * time.Second

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
	f := p.flags("doctor")
	bundle := f.String("bundle", "", "also write a ZIP for the support, without keys and texts, to this file")
	if err := parse(f, args, 0); err != nil {
		return err
	}
	var report bytes.Buffer
	out := io.MultiWriter(p.stdout, &report)
	fmt.Fprintf(out, "interview-copilot %s on %s/%s\n", version, runtime.GOOS, runtime.GOARCH)
	checks := []func(context.Context) []finding{
		p.checkDisplay, p.checkSettings, p.checkSound, p.checkKeyring, p.checkDeepgram, p.checkAnswers,
	}
	troubles := 0
	for _, check := range checks {
		bounded, cancel := context.WithTimeout(ctx, 15*time.Second)
		for _, f := range check(bounded) {
			f.print(out)
			if f.advice != "" {
				troubles++
			}
		}
		cancel()
	}
	if *bundle != "" {
		if err := p.writeBundle(ctx, *bundle, report.Bytes()); err != nil {
			return err
		}
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
	lanes, wrong, err := p.checkLanes(ctx, device.Config{Log: p.log}, listenFor)
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
		default:
			f.state += laneVerdict(audio.Channel(c), wrong, &f.advice)
		}
		found = append(found, f)
	}
	return found
}

// laneVerdict says how a live lane sounds, and what to do about it. Doctor asks
// nobody to speak and plays nothing, so that quiet is no trouble.
func laneVerdict(c audio.Channel, wrong []audio.Finding, advice *string) string {
	verdict := ", sounds good"
	for _, w := range wrong {
		switch {
		case w.Lane != c:
		case w.Trouble == audio.TooQuiet, w.Trouble == audio.NoSound && c == audio.Interviewer:
			return ", silent (nobody spoke, or nothing is playing)"
		default:
			*advice = w.Advice
			return ". " + w.Seen
		}
	}
	return verdict
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
