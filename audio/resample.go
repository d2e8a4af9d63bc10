package audio

import (
	"fmt"
	"math"
	"time"
)

// Rates that a Resampler takes, in samples per second.
const (
	MinRate = 8000
	MaxRate = 192000
)

// The filter passes up to 7/8 of the lower Nyquist frequency and stops from
// there on; what would fold back is about 80 dB down (Kaiser's formulas).
const (
	passEdge  = 0.875
	stopDB    = 80
	tapsAlign = 4 // dot works on four products at a time
)

// Resampler converts mono sound of one rate to SampleRate, as a stream: a
// windowed sinc evaluated at any fraction of a sample, which removes what 16 kHz
// cannot carry instead of folding it into the speech. It does not allocate after
// NewResampler. It is not safe for concurrent use.
type Resampler struct {
	rate   int
	taps   int
	phases int
	table  []float32 // phases+1 rows of taps coefficients
	step   float64   // input samples per output sample
	input  []float32 // input not yet passed by
	n      int       // how much of input is filled
	pos    float64   // where the next output's window begins in input
}

// NewResampler returns a Resampler from rate samples per second.
func NewResampler(rate int) (*Resampler, error) {
	if rate < MinRate || rate > MaxRate {
		return nil, fmt.Errorf("resample from %d Hz: only %d to %d Hz are known", rate, MinRate, MaxRate)
	}
	nyquist := float64(min(rate, SampleRate)) / 2
	width := 2 * math.Pi * nyquist * (1 - passEdge) / float64(rate)
	taps := int(math.Ceil((stopDB-8)/(2.285*width))) + 1
	taps = (taps + tapsAlign - 1) / tapsAlign * tapsAlign
	r := &Resampler{
		rate:   rate,
		taps:   taps,
		phases: max(32, 128*SampleRate/rate),
		step:   float64(rate) / SampleRate,
		input:  make([]float32, taps+rate/25),
	}
	r.n = taps/2 - 1 // silence before the first sample, which then gives the first output
	r.table = sincTable(taps, r.phases, nyquist*(1+passEdge)/2/float64(rate))
	return r, nil
}

// sincTable holds a low-pass filter (cutoff in cycles per sample) for each
// fraction of a sample from 0 to 1 in steps of 1/phases, every row summing to 1.
func sincTable(taps, phases int, cutoff float64) []float32 {
	const beta = 0.1102 * (stopDB - 8.7)
	table := make([]float32, (phases+1)*taps)
	row := make([]float64, taps)
	for p := range phases + 1 {
		center := float64(taps/2-1) + float64(p)/float64(phases)
		sum := 0.0
		for j := range row {
			x := float64(j) - center
			u := x / float64(taps/2)
			row[j] = 0
			if u > -1 && u < 1 {
				row[j] = sinc(2*cutoff*x) * bessel0(beta*math.Sqrt(1-u*u))
			}
			sum += row[j]
		}
		for j, v := range row {
			table[p*taps+j] = float32(v / sum)
		}
	}
	return table
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// bessel0 is the modified Bessel function of order zero, by its power series.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-12; k++ {
		term *= x * x / (4 * k * k)
		sum += term
	}
	return sum
}

// Latency is how much input must follow a sample before it comes out. The
// output is not shifted: its first sample is the first sample of the input.
func (r *Resampler) Latency() time.Duration {
	return time.Duration(r.taps/2) * time.Second / time.Duration(r.rate)
}

// Trim makes the output longer by the fraction f (0.0002 for 200 ppm) from now
// on, to follow a clock that runs slow; a negative f makes it shorter.
func (r *Resampler) Trim(f float64) {
	r.step = float64(r.rate) / SampleRate / (1 + f)
}

// Append resamples src and appends the result to dst.
func (r *Resampler) Append(dst, src []int16) []int16 {
	for len(src) > 0 {
		k := min(len(src), len(r.input)-r.n)
		for i, s := range src[:k] {
			r.input[r.n+i] = float32(s)
		}
		r.n += k
		src = src[k:]
		for int(r.pos)+r.taps <= r.n {
			dst = append(dst, r.at(r.pos))
			r.pos += r.step
		}
		past := min(int(r.pos), r.n)
		r.n = copy(r.input, r.input[past:r.n])
		r.pos -= float64(past)
	}
	return dst
}

// at is the output whose window begins at pos.
func (r *Resampler) at(pos float64) int16 {
	i := int(pos)
	phase, frac := math.Modf((pos - float64(i)) * float64(r.phases))
	window := r.input[i : i+r.taps]
	row := r.table[int(phase)*r.taps:]
	y := dot(window, row)
	if frac != 0 {
		y += float32(frac) * (dot(window, row[r.taps:]) - y)
	}
	return clip(y)
}

// dot multiplies a, whose length is a multiple of four, with the start of b.
func dot(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	b = b[:len(a)]
	for i := 0; i+3 < len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	return (s0 + s1) + (s2 + s3)
}

func clip(y float32) int16 {
	switch {
	case y >= math.MaxInt16:
		return math.MaxInt16
	case y <= math.MinInt16:
		return math.MinInt16
	case y < 0:
		return int16(y - 0.5)
	}
	return int16(y + 0.5)
}

// Downmix appends the mean of every group of channels samples to dst.
// An incomplete last group is left out.
func Downmix(dst, interleaved []int16, channels int) []int16 {
	if channels == 1 {
		return append(dst, interleaved...)
	}
	for i := 0; i+channels <= len(interleaved); i += channels {
		sum := 0
		for _, s := range interleaved[i : i+channels] {
			sum += int(s)
		}
		dst = append(dst, int16(sum/channels))
	}
	return dst
}
