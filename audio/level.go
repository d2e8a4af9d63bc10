package audio

import "math"

// quietest is what a meter shows as nothing, in decibels below full scale. A
// quiet room picked up by a headset lies there.
const quietest = -60.0

// clippedSamples at the end of the scale within a frame mean that the device's
// gain is too high; one or two may be chance.
const clippedSamples = 3

// Level is the loudness of one lane for a meter: 0 at −60 dB and below, 1 at
// full scale, linear in decibels between (mean power, a full-scale square wave
// being 0 dB).
func (f *Frame) Level(ch Channel) float64 {
	sum := 0.0
	for i := int(ch); i < len(f.Samples); i += Channels {
		s := float64(f.Samples[i]) / -math.MinInt16
		sum += s * s
	}
	if sum == 0 {
		return 0
	}
	db := 10 * math.Log10(sum/FrameSamples)
	return min(1, max(0, 1-db/quietest))
}

// Peak is the largest magnitude on one lane, from 0 to 1.
func (f *Frame) Peak(ch Channel) float64 {
	peak := 0
	for i := int(ch); i < len(f.Samples); i += Channels {
		peak = max(peak, int(f.Samples[i]), -int(f.Samples[i]))
	}
	return float64(peak) / -math.MinInt16
}

// Clipped says whether one lane was louder than its device can carry.
func (f *Frame) Clipped(ch Channel) bool {
	n := 0
	for i := int(ch); i < len(f.Samples); i += Channels {
		if s := f.Samples[i]; s == math.MaxInt16 || s <= -math.MaxInt16 {
			n++
		}
	}
	return n >= clippedSamples
}
