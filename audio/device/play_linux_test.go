package device_test

import (
	"context"
	"testing"
	"time"

	"copilot/audio"
	"copilot/audio/device"
	"copilot/audio/device/pulsetest"
)

// What is played is heard on the output, also while both lanes are captured, and
// a play that is given up ends at once.
func TestPlay(t *testing.T) {
	pulsetest.Start(t)
	r := record(t, device.Config{})
	r.awaitBoth(audio.LaneLive)
	said := pulsetest.Samples(t, pulsetest.Say(t, "en", "The quick brown fox jumps over the lazy dog, and again over the fence."))
	began := time.Now()
	if err := device.Play(t.Context(), said); err != nil {
		t.Fatal(err)
	}
	if took, long := time.Since(began), time.Duration(len(said))*time.Second/audio.SampleRate; took < long*8/10 {
		t.Errorf("%v of sound took %v", long, took)
	}
	time.Sleep(300 * time.Millisecond) // the capture's own delay
	r.mu.Lock()
	heard := pulsetest.Lane(r.frames, audio.Interviewer)
	r.mu.Unlock()
	if like := pulsetest.Median(pulsetest.Likeness(said, heard)); like < 0.9 {
		t.Errorf("what was played is not what was heard: %.2f", like)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began = time.Now()
	if err := device.Play(ctx, said); err != nil || time.Since(began) > 3*time.Second {
		t.Errorf("given up after %v: %v", time.Since(began), err)
	}
}
