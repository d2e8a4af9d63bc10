//go:build linux

package pulsetest

import (
	"errors"
	"io"
	"math"
	"slices"
	"testing"

	"copilot/audio"
)

// How Likeness listens, in samples of 16 kHz.
const (
	chunk    = audio.SampleRate / 2
	coarse   = 8                    // the first search is at 2 kHz
	search   = audio.SampleRate / 4 // a chunk is looked for this far from where the loudest one says
	audible  = 300                  // chunks with less power than this are pauses
	maxChunk = 40                   // chunks compared: twenty seconds of speech
)

// Likeness cuts what was played into chunks of half a second and returns, for
// each that is not a pause, the best normalised cross-correlation with what was
// heard near where it should be: about 1 when it was heard, below 0.5 for other
// speech. One correlation over everything would fail at the first playback gap.
func Likeness(played, heard []int16) []float64 {
	var chunks []int
	for at := 0; at+chunk <= len(played) && len(chunks) < maxChunk; at += chunk {
		if rms(played[at:at+chunk]) >= audible {
			chunks = append(chunks, at)
		}
	}
	if len(chunks) == 0 {
		return nil
	}
	loudest := slices.MaxFunc(chunks, func(a, b int) int {
		return int(rms(played[a:a+chunk]) - rms(played[b:b+chunk]))
	})
	_, at := best(played[loudest:loudest+chunk], heard, 0, len(heard))
	var out []float64
	for _, c := range chunks {
		expected := at + c - loudest
		r, _ := best(played[c:c+chunk], heard, expected-search, expected+search)
		out = append(out, r)
	}
	return out
}

// Median of values, 0 for none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// Lane takes one lane out of frames.
func Lane(frames []audio.Frame, ch audio.Channel) []int16 {
	out := make([]int16, 0, len(frames)*audio.FrameSamples)
	for i := range frames {
		for k := int(ch); k < len(frames[i].Samples); k += audio.Channels {
			out = append(out, frames[i].Samples[k])
		}
	}
	return out
}

// Samples reads a mono WAV file at 16 kHz.
func Samples(tb testing.TB, wav string) []int16 {
	tb.Helper()
	w, err := audio.OpenWAV(wav)
	if err != nil {
		tb.Fatal(err)
	}
	defer w.Close()
	var frames []audio.Frame
	for {
		var f audio.Frame
		if err := w.Next(&f); errors.Is(err, io.EOF) {
			return Lane(frames, audio.Interviewer)
		} else if err != nil {
			tb.Fatal(err)
		}
		frames = append(frames, f)
	}
}

// best finds where in heard[from:to] (beginnings) the piece fits best.
func best(piece, heard []int16, from, to int) (r float64, at int) {
	from, to = max(0, from), min(to, len(heard)-len(piece))
	if to < from {
		return 0, from
	}
	at = from
	low, hay := thin(piece), thin(heard[from:to+len(piece)])
	for lag := 0; lag+len(low) <= len(hay); lag++ {
		if v := correlate(low, hay[lag:]); v > r {
			r, at = v, from+lag*coarse
		}
	}
	r = 0
	first, last := max(from, at-2*coarse), min(to, at+2*coarse)
	whole, fine := floats(piece), floats(heard[first:last+len(piece)])
	for lag := first; lag <= last; lag++ {
		if v := correlate(whole, fine[lag-first:]); v > r {
			r, at = v, lag
		}
	}
	return r, at
}

// thin averages every few samples into one.
func thin(s []int16) []float32 {
	out := make([]float32, len(s)/coarse)
	for i := range out {
		for _, v := range s[i*coarse : (i+1)*coarse] {
			out[i] += float32(v)
		}
	}
	return out
}

func floats(s []int16) []float32 {
	out := make([]float32, len(s))
	for i, v := range s {
		out[i] = float32(v)
	}
	return out
}

// correlate is most of the work, and shares nothing with other goroutines.
//
//go:norace
func correlate(a, b []float32) float64 {
	var ab, aa, bb float64
	b = b[:len(a)]
	for i, x := range a {
		y := b[i]
		ab += float64(x * y)
		aa += float64(x * x)
		bb += float64(y * y)
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

func rms(s []int16) float64 {
	sum := 0.0
	for _, v := range s {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(len(s)))
}
