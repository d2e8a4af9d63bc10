package audio

import (
	"math"
	"math/bits"
	"math/cmplx"
	"time"
)

// Bandwidth returns the frequency above which sound of a rate holds nothing, in
// hertz: 0 when there is too little sound to tell or when it reaches as far as
// its rate can carry. Codecs of telephones and of headsets in call mode cut hard
// at 3.4 to 4 kHz or at 7 to 8 kHz; rooms and microphones fade.
func Bandwidth(sound []float32, rate int) float64 {
	const size = 512
	power := make([]float64, size/2)
	blocks := 0
	buf := make([]complex128, size)
	for at := 0; at+size <= len(sound); at += size / 2 {
		block := sound[at : at+size]
		sum := 0.0
		for _, s := range block {
			sum += float64(s) * float64(s)
		}
		if 10*math.Log10(sum/size+1e-12) < activeFloor {
			continue
		}
		for i, s := range block {
			hann := 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/size)
			buf[i] = complex(float64(s)*hann, 0)
		}
		fft(buf, false)
		for i := range power {
			power[i] += real(buf[i])*real(buf[i]) + imag(buf[i])*imag(buf[i])
		}
		blocks++
	}
	if blocks < 2*rate/size*int(leastSpeech/time.Second)/2 {
		return 0
	}
	return cliff(power, float64(rate)/size)
}

// cliff finds where a spectrum falls off a cliff and stays down: 30 dB within
// 800 Hz, and what is below it 45 dB under the strongest part of speech.
func cliff(power []float64, step float64) float64 {
	db := make([]float64, len(power))
	loudest := math.Inf(-1)
	for i := range power { // smoothed over 100 Hz
		sum, n := 0.0, 0
		for j := max(0, i-1); j <= min(len(power)-1, i+1); j++ {
			sum += power[j]
			n++
		}
		db[i] = 10 * math.Log10(sum/float64(n)+1e-15)
		loudest = max(loudest, db[i])
	}
	highest := func(from, to float64) float64 {
		top := math.Inf(-1)
		for i := int(from / step); i < min(len(db), int(to/step)+1); i++ {
			top = max(top, db[i])
		}
		return top
	}
	nyquist := step * float64(len(power))
	for _, edge := range [][2]float64{{3400, 4300}, {7000, 8300}} { // what codecs of 8 and of 16 kHz leave
		if edge[1]+600 > nyquist*0.9 {
			break
		}
		below, above := highest(edge[0]-1000, edge[0]-100), highest(edge[1], nyquist*0.86)
		if below-above > 30 && loudest-above > 45 {
			for hz := edge[0]; hz < edge[1]; hz += step { // where it has fallen half way
				if highest(hz, hz+step) < (below+above)/2 {
					return hz
				}
			}
			return edge[1]
		}
	}
	return 0
}

// fft transforms x, whose length is a power of two, in place; inverse does not
// divide by the length.
func fft(x []complex128, inverse bool) {
	n := len(x)
	shift := 64 - bits.TrailingZeros(uint(n))
	for i := range x {
		if j := int(bits.Reverse64(uint64(i)) >> shift); j > i {
			x[i], x[j] = x[j], x[i]
		}
	}
	turn := -2 * math.Pi
	if inverse {
		turn = -turn
	}
	for size := 2; size <= n; size *= 2 {
		step := cmplx.Rect(1, turn/float64(size))
		for from := 0; from < n; from += size {
			w := complex(1, 0)
			for i := from; i < from+size/2; i++ {
				a, b := x[i], x[i+size/2]*w
				x[i], x[i+size/2] = a+b, a-b
				w *= step
			}
		}
	}
}

// leak is how one lane comes back in the other.
type leak struct {
	found bool
	same  bool          // not a leak: both lanes are one signal
	delay time.Duration // of the copy
	gain  float64       // of the copy, dB
}

// How a leak is looked for, in samples: pieces of two seconds, copies that come
// up to 10 ms early (clocks and buffers differ) and up to 400 ms late
// (Bluetooth loudspeakers).
const (
	leakPiece = 2 * SampleRate
	leakEarly = SampleRate / 100
	leakLate  = 2 * SampleRate / 5
	leakFloor = -70.0            // dB
	leakSharp = 7.0              // how far a true copy's peak stands out, in standard deviations
	leakAgree = SampleRate / 200 // an echo of the room may be the loudest
)

// findLeak looks for from's sound in to. A copy shows as a peak of their
// whitened cross-correlation at the same delay in several pieces; other speech
// shows none, however loud.
func findLeak(from, to []float32) leak {
	n := min(len(from), len(to))
	type peak struct {
		at   int
		corr float64 // plain, normalised
		gain float64
	}
	var peaks []peak
	pieces := 0
	for at := 0; at+leakPiece <= n; at += leakPiece {
		a, b := from[at:at+leakPiece], to[at:at+leakPiece]
		if m := measure(a); time.Duration(m.active)*FrameDuration < leastSpeech/4 {
			continue
		}
		if measure(b).loudest < leakFloor { // nothing to be a copy; and zeroes are all rounding
			continue
		}
		pieces++
		if lag, sharp := correlate(a, b); sharp >= leakSharp {
			corr, gain := similarity(a, b, lag)
			peaks = append(peaks, peak{lag, corr, gain})
		}
	}
	var l leak
	for _, p := range peaks { // the delay that most pieces agree on
		agree, same, gain := 0, 0, 0.0
		for _, q := range peaks {
			if q.at-p.at > leakAgree || p.at-q.at > leakAgree {
				continue
			}
			agree++
			gain += q.gain
			if q.corr > 0.97 {
				same++
			}
		}
		if agree >= 2 && 3*agree >= pieces {
			l.found = true
			l.same = 2*same > agree
			l.delay = time.Duration(max(0, p.at)) * time.Second / SampleRate
			l.gain = min(0, gain/float64(agree))
			return l
		}
	}
	return l
}

// correlate returns the lag of b behind a at which both are most alike once
// their spectra are made flat (GCC-PHAT), and how far that stands out.
func correlate(a, b []float32) (lag int, sharp float64) {
	size := 1 << bits.Len(uint(len(a)+leakLate+leakEarly))
	x := make([]complex128, size)
	for i := range a { // both are real: one transform for the two
		x[i] = complex(float64(a[i]), float64(b[i]))
	}
	fft(x, false)
	cross := make([]complex128, size)
	for i := range x {
		j := (size - i) % size
		fa := (x[i] + cmplx.Conj(x[j])) / 2
		fb := (x[i] - cmplx.Conj(x[j])) / complex(0, 2)
		c := cmplx.Conj(fa) * fb
		hz := float64(min(i, size-i)) * SampleRate / float64(size)
		if m := cmplx.Abs(c); m > 1e-9 && hz > 150 && hz < 5000 { // where voices are
			cross[i] = c / complex(m, 0)
		}
	}
	fft(cross, true)
	sum, top := 0.0, 0.0
	for l := -leakEarly; l <= leakLate; l++ {
		v := real(cross[(l+size)%size])
		sum += v * v
		if math.Abs(v) > top { // loudspeakers may turn the phase
			top, lag = math.Abs(v), l
		}
	}
	deviation := math.Sqrt(sum / float64(leakEarly+leakLate+1))
	if deviation == 0 {
		return 0, 0
	}
	return lag, top / deviation
}

// similarity is the plain correlation of a with b at a lag, and how loud a's
// copy in b is, in dB.
func similarity(a, b []float32, lag int) (corr, gain float64) {
	var aa, bb, ab float64
	for i := range a {
		if j := i + lag; j >= 0 && j < len(b) {
			x, y := float64(a[i]), float64(b[j])
			aa, bb, ab = aa+x*x, bb+y*y, ab+x*y
		}
	}
	if aa == 0 || bb == 0 {
		return 0, math.Inf(-1)
	}
	return math.Abs(ab) / math.Sqrt(aa*bb), 20 * math.Log10(math.Abs(ab)/aa+1e-9)
}
