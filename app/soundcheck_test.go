package main

import (
	"context"
	"sync"
	"testing"
	"time"

	"copilot/app/deepgram"
	"copilot/app/interview"
	"copilot/app/overlay"
	"copilot/app/rehearsal"
	"copilot/audio"
)

func deepgramOptionsFor(t *testing.T) deepgram.Options {
	t.Helper()
	return deepgram.Options{Credential: keyOf(func(context.Context) (string, error) { return "x", nil })}
}

// The sound check shows meters, devices and live words, judges both lanes, and
// plays what it recorded; nothing outlives it.
func TestSoundCheck(t *testing.T) {
	r := newDeskRig(t)
	iv := bundled(t)
	wishes := make(chan soundWish, 1)
	var mu sync.Mutex
	var state overlay.SoundState
	var words [audio.Channels]bool
	var loudest [audio.Channels]float64
	played := make(chan []int16, 1)
	l := &listening{
		source: &rehearsal.Recording{Interview: iv, Speed: 1}, wishes: wishes,
		show: func(s overlay.SoundState) {
			mu.Lock()
			defer mu.Unlock()
			state = s
			for c, lane := range s.Lanes {
				words[c] = words[c] || lane.Words != ""
				loudest[c] = max(loudest[c], lane.Level)
			}
		},
		play: func(_ context.Context, sound []int16) error { played <- sound; return nil },
	}
	l.words, _ = r.program.checkWords(overlay.ModeOwnKeys, "en")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	now := func() overlay.SoundState {
		mu.Lock()
		defer mu.Unlock()
		return state
	}
	wishes <- soundWish{record: true}
	slowly(t, "it records", func() bool { return now().Record > 0 })
	wishes <- soundWish{record: true} // one at a time
	slowly(t, "both lanes have live words", func() bool { mu.Lock(); defer mu.Unlock(); return words[0] && words[1] })
	slowly(t, "there is a recording", func() bool { return now().Kept })
	wishes <- soundWish{play: overlay.PlayYou}
	if sound := <-played; len(sound) < 9*audio.SampleRate {
		t.Errorf("%d samples were played", len(sound))
	}
	slowly(t, "the lanes are judged", func() bool { s := now(); return s.Lanes[0].Heard && s.Lanes[1].Heard })
	if s := now(); s.Lanes[0].Seen != "" || s.Lanes[1].Seen != "" || s.Lanes[0].Device != "rehearsal recording" || s.NoWords != "" {
		t.Errorf("of good sound is said: %+v", s)
	}
	if loudest[0] < 0.3 || loudest[1] < 0.3 {
		t.Errorf("meters: %v", loudest)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// What live words cannot be had for is said, and everything else goes on.
func TestSoundCheckWithoutWords(t *testing.T) {
	r := newDeskRig(t)
	for _, mode := range []string{overlay.ModeRehearsal, overlay.ModeHosted} {
		if words, why := r.program.checkWords(mode, "en"); words != nil || why == "" {
			t.Errorf("%s: %q", mode, why)
		}
	}
	r.program.config.DeepgramKey = "wrong"
	shown := make(chan overlay.SoundState, 1)
	l := &listening{source: stillness{}, show: func(s overlay.SoundState) {
		if s.NoWords != "" && s.Lanes[1].Seen != "" {
			select {
			case shown <- s:
			default:
			}
		}
	}}
	l.words, _ = r.program.checkWords(overlay.ModeOwnKeys, "en")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	s := <-shown
	cancel()
	<-done
	if s.Lanes[audio.Candidate].Advice == "" {
		t.Errorf("a silent microphone: %+v", s.Lanes[audio.Candidate])
	}
}

// stillness gives nothing but silence.
type stillness struct{}

var _ interview.Source = stillness{}

func (stillness) Run(ctx context.Context, emit func(audio.Frame), status func(audio.LaneStatus)) error {
	for c := range audio.Channel(audio.Channels) {
		status(audio.LaneStatus{Channel: c, State: audio.LaneLive, Device: "nothing"})
	}
	tick := time.NewTicker(audio.FrameDuration)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			emit(audio.Frame{Captured: time.Now()})
		}
	}
	return nil
}
