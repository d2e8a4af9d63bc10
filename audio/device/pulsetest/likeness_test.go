//go:build linux

package pulsetest_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"copilot/audio/device/pulsetest"
)

// noise is a second of sound that is like no other.
func noise(seed uint64) []int16 {
	r := rand.New(rand.NewPCG(seed, 0))
	out := make([]int16, 16000)
	v := 0.0
	for i := range out {
		v = 0.9*v + r.NormFloat64()*1000
		out[i] = int16(v)
	}
	return out
}

// What: Likeness finds what was played at any place, over gaps and under other
// sound, and is not fooled by something else.
func TestLikeness(t *testing.T) {
	played := slices.Concat(noise(1), noise(2))
	pause := make([]int16, 3001)
	mixed := slices.Concat(pause, played)
	for i, s := range noise(3) {
		mixed[i+5000] += s / 4
	}
	for _, c := range []struct {
		name  string
		heard []int16
		least float64
		most  float64
	}{
		{"itself", played, 0.999, 1.001},
		{"later, with a gap", slices.Concat(pause, noise(1), pause, noise(2), pause), 0.999, 1.001},
		{"under other sound", mixed, 0.9, 1.001},
		{"other sound", slices.Concat(noise(4), noise(5), noise(6)), 0, 0.3},
		{"nothing after the loudest", slices.Concat(pause, noise(1)[:8000], make([]int16, 60000)), 0, 1.001},
		{"silence", make([]int16, 40000), 0, 0},
		{"nothing", nil, 0, 0},
	} {
		like := pulsetest.Likeness(played, c.heard)
		if len(like) != 4 || slices.Min(like) < c.least || slices.Max(like) > c.most {
			t.Errorf("%s: %.3f", c.name, like)
		}
	}
	if like := pulsetest.Likeness(pause, played); like != nil {
		t.Errorf("a pause is like %v", like)
	}
}
