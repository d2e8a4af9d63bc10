package rehearsal

import (
	"math"
	"math/cmplx"

	"copilot/audio"
)

// A shape is the spectral outline of 32 ms of sound: the logarithm of its energy
// in a few bands, less their mean, so that level does not matter, and less the
// mean shape of speech, so that only what is special remains. Silence is zero.
const (
	hop    = audio.SampleRate / 100 // samples from one shape to the next: 10 ms
	window = 512                    // samples that a shape looks at
	bands  = 12
)

type shape [bands]float32

// The quietest sound that is not silence, as mean square of 16 bit samples:
// -52 dB below full scale.
const silenceEnergy = 6700

// shaper makes shapes of a stream of samples.
type shaper struct {
	mean    shape // shape of speech, taken off
	hann    [window]float64
	twiddle [window / 2]complex128
	edges   [bands + 1]int // FFT bins

	buf  []int16 // samples that no shape has passed yet
	work [window]complex128
}

func newShaper(mean shape) *shaper {
	s := &shaper{mean: mean}
	for i := range s.hann {
		s.hann[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/window)
	}
	for i := range s.twiddle {
		s.twiddle[i] = cmplx.Exp(complex(0, -2*math.Pi*float64(i)/window))
	}
	mel := func(hz float64) float64 { return 2595 * math.Log10(1+hz/700) }
	low, high := mel(150), mel(4000)
	for i := range s.edges {
		hz := 700 * (math.Pow(10, (low+(high-low)*float64(i)/bands)/2595) - 1)
		s.edges[i] = int(math.Round(hz * window / audio.SampleRate))
	}
	return s
}

// add calls found with each shape that samples complete.
func (s *shaper) add(samples []int16, found func(shape)) {
	s.buf = append(s.buf, samples...)
	at := 0
	for ; at+window <= len(s.buf); at += hop {
		found(s.of(s.buf[at : at+window]))
	}
	s.buf = s.buf[:copy(s.buf, s.buf[at:])]
}

func (s *shaper) of(samples []int16) shape {
	var sum float64
	for _, v := range samples {
		sum += float64(v) * float64(v)
	}
	if sum < silenceEnergy*window {
		return shape{}
	}
	for i, v := range samples {
		s.work[i] = complex(float64(v)*s.hann[i], 0)
	}
	s.transform(s.work[:])
	var out shape
	loudest := float32(0)
	for b := range out {
		energy := 0.0
		for _, v := range s.work[s.edges[b]:s.edges[b+1]] {
			energy += real(v)*real(v) + imag(v)*imag(v)
		}
		out[b] = float32(math.Log10(energy/float64(s.edges[b+1]-s.edges[b]) + 1))
		loudest = max(loudest, out[b])
	}
	var mean float32
	for b := range out { // what lies 28 dB below the loudest band may be anybody's noise
		out[b] = max(out[b], loudest-2.8)
		mean += out[b] / bands
	}
	for b := range out {
		out[b] -= mean
	}
	out.remove(&s.mean)
	return out
}

// transform is a fast Fourier transform in place.
func (s *shaper) transform(x []complex128) {
	n := len(x)
	for i, j := 1, 0; i < n; i++ {
		bit := n >> 1
		for ; j&bit != 0; bit >>= 1 {
			j ^= bit
		}
		j ^= bit
		if i < j {
			x[i], x[j] = x[j], x[i]
		}
	}
	for size := 2; size <= n; size <<= 1 {
		half, step := size/2, n/size
		for start := 0; start < n; start += size {
			for k := range half {
				a, b := x[start+k], x[start+k+half]*s.twiddle[k*step]
				x[start+k], x[start+k+half] = a+b, a-b
			}
		}
	}
}

func (x *shape) silent() bool { return *x == shape{} }

func (x *shape) add(y *shape) {
	for b := range x {
		x[b] += y[b]
	}
}

// remove takes a mean off; silence stays silence.
func (x *shape) remove(mean *shape) {
	if x.silent() {
		return
	}
	for b := range x {
		x[b] -= mean[b]
	}
}

func (x *shape) dot(y *shape) float32 {
	p, q := *x, *y // copies: the compiler and the race detector look at them once
	var sum float32
	for b := range p {
		sum += p[b] * q[b]
	}
	return sum
}
