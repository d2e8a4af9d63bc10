package audio

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// skewed runs one lane for eight hours of virtual time: a device whose clock is
// off by ppm, blocks of 20 ms, every read up to jitter late and some very late.
// It returns how far the lane's place strayed from the truth, in samples.
func skewed(ppm float64, jitter time.Duration, seed uint64) (worst, atEnd float64) {
	const hours = 8
	random := rand.New(rand.NewPCG(seed, 1))
	var c laneClock
	placed := 0.0 // where the lane's samples end on the timeline
	var began bool
	for n := 1; n <= hours*3600*50; n++ {
		truth := float64(n) * FrameSamples / (1 + ppm) // when the block's last sample sounded
		late := random.Float64() * jitter.Seconds() * SampleRate
		if n%9973 == 0 {
			late += 0.2 * SampleRate
		}
		at := int64(truth + late)
		if !began {
			began = true
			placed = float64(at)
		} else {
			placed += FrameSamples * (1 + c.trim)
		}
		placed += float64(c.observe(at, at-int64(placed)))
		if n > 50*60 { // a minute to settle
			worst = max(worst, math.Abs(placed-truth))
		}
		atEnd = placed - truth
	}
	return worst, atEnd
}

// What: eight hours with clocks 200 ppm off, which alone would be 5.8 s, stay
// within 10 ms of the truth on each lane, hence the lanes within 20 ms.
func TestA3_NoDriftInEightHours(t *testing.T) {
	for _, ppm := range []float64{-200e-6, 0, 200e-6} {
		for seed := range uint64(3) {
			worst, end := skewed(ppm, 15*time.Millisecond, seed)
			t.Logf("%+.0f ppm: at most %.1f ms off, %.1f ms at the end", ppm*1e6, worst/16, end/16)
			if worst > 10*16 {
				t.Errorf("%+.0f ppm: %.1f ms off", ppm*1e6, worst/16)
			}
		}
	}
}
