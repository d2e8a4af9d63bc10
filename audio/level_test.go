package audio_test

import (
	"math"
	"testing"

	"copilot/audio"
)

// frameOf puts the same samples on both lanes, the candidate's half as loud.
func frameOf(samples []int16) (f audio.Frame) {
	for i := range audio.FrameSamples {
		f.Samples[2*i], f.Samples[2*i+1] = samples[i], samples[i]/2
	}
	return f
}

func TestLevel(t *testing.T) {
	square := make([]int16, audio.FrameSamples)
	for i := range square {
		square[i] = -32768
	}
	for _, c := range []struct {
		name       string
		samples    []int16
		level      [2]float64
		peak       float64
		clipped    bool
		clippedToo bool
	}{
		{"silence", make([]int16, 320), [2]float64{0, 0}, 0, false, false},
		{"full scale", square, [2]float64{1, 1 - 6.02/60}, 1, true, false},
		{"a tone at -20 dB", tone(16000, 500, 0.1, 0.02), [2]float64{1 - 23.01/60, 1 - 29.03/60}, 0.1, false, false},
		{"a tone too soft to show", tone(16000, 500, 0.0005, 0.02), [2]float64{0, 0}, 0.0005, false, false},
		{"full-scale tone", tone(16000, 100, 1, 0.02), [2]float64{1 - 3.01/60, 1 - 9.03/60}, 1, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := frameOf(c.samples)
			for ch := range audio.Channel(audio.Channels) {
				if got := f.Level(ch); math.Abs(got-c.level[ch]) > 0.01 {
					t.Errorf("%s: level %.3f, want %.3f", ch, got, c.level[ch])
				}
			}
			if got := f.Peak(audio.Interviewer); math.Abs(got-c.peak) > 0.001 {
				t.Errorf("peak %.4f, want %.4f", got, c.peak)
			}
			if f.Clipped(audio.Interviewer) != c.clipped || f.Clipped(audio.Candidate) != c.clippedToo {
				t.Errorf("clipped: %v %v", f.Clipped(audio.Interviewer), f.Clipped(audio.Candidate))
			}
		})
	}
}
