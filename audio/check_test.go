package audio

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jfreymuth/oggvorbis"

	"copilot/assets"
)

// voices are the two speakers of the bundled interview, their pauses taken out:
// real speech of some minutes each.
var voices = sync.OnceValue(func() [Channels][]int16 {
	var out [Channels][]int16
	for c, ogg := range [Channels][]byte{assets.RehearsalInterviewer, assets.RehearsalCandidate} {
		samples, _, err := oggvorbis.ReadAll(bytes.NewReader(ogg))
		if err != nil {
			panic(err)
		}
		for ; len(samples) >= FrameSamples; samples = samples[FrameSamples:] {
			block := make([]int16, FrameSamples)
			sum := 0.0
			for i, s := range samples[:FrameSamples] {
				block[i] = clip(s * 32767)
				sum += float64(s) * float64(s)
			}
			if 10*math.Log10(sum/FrameSamples+1e-12) > -50 {
				out[c] = append(out[c], block...)
			}
		}
	}
	return out
})

// seconds16 is how many samples seconds have.
func seconds16(s float64) int { return int(s * SampleRate) }

// voice returns a stretch of a speaker.
func voice(ch Channel, from, length float64) []int16 {
	v := voices()[ch]
	return slices.Clone(v[seconds16(from) : seconds16(from)+seconds16(length)])
}

func scaled(s []int16, db float64) []int16 {
	out := make([]int16, len(s))
	for i, v := range s {
		out[i] = clip(float32(float64(v) * math.Pow(10, db/20)))
	}
	return out
}

func mixed(a, b []int16) []int16 {
	out := slices.Clone(a)
	for i := range min(len(a), len(b)) {
		out[i] = clip(float32(a[i]) + float32(b[i]))
	}
	return out
}

func noise(n int, db float64) []int16 {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]int16, n)
	for i := range out {
		out[i] = clip(float32(r.NormFloat64() * 32767 * math.Pow(10, db/20)))
	}
	return out
}

// room is what a loudspeaker and a room make of sound before a microphone hears
// it: a delay, and echoes of its own that die away within 60 ms.
func room(s []int16, delay time.Duration, db float64) []int16 {
	r := rand.New(rand.NewPCG(3, 4))
	at := int(delay * SampleRate / time.Second)
	taps := map[int]float64{at: 1}
	for range 40 {
		later := r.ExpFloat64() * 0.015 * SampleRate
		if later < 0.06*SampleRate {
			taps[at+int(later)] += 0.5 * r.NormFloat64() * math.Exp(-later/(0.012*SampleRate))
		}
	}
	out := make([]float64, len(s))
	for t, g := range taps {
		for i := t; i < len(s); i++ {
			out[i] += g * float64(s[i-t])
		}
	}
	res := make([]int16, len(s))
	for i, v := range out {
		res[i] = clip(float32(v * math.Pow(10, db/20)))
	}
	return res
}

// telephone takes sound through a codec of a rate and back.
func telephone(s []int16, rate int) []int16 {
	down, err := NewResampler(SampleRate * SampleRate / rate) // as if it were faster: this halves it
	if err != nil {
		panic(err)
	}
	up, err := NewResampler(rate)
	if err != nil {
		panic(err)
	}
	out := up.Append(nil, down.Append(nil, s))
	return append(out, make([]int16, max(0, len(s)-len(out)))...)
}

func check(interviewer, candidate []int16) *Check {
	c := &Check{}
	var f Frame
	for i := 0; i+FrameSamples <= min(len(interviewer), len(candidate)); i += FrameSamples {
		for j := range FrameSamples {
			f.Samples[2*j], f.Samples[2*j+1] = interviewer[i+j], candidate[i+j]
		}
		c.Feed(&f)
	}
	return c
}

func names(fs []Finding) (out []string) {
	for _, f := range fs {
		out = append(out, fmt.Sprintf("%v %v", f.Lane, f.Trouble))
	}
	return out
}

func TestCheckFindsNothingWrongWithGoodSound(t *testing.T) {
	a, b := voices()[Interviewer], voices()[Candidate]
	n := 0
	for from := 0.0; seconds16(from+8) < min(len(a), len(b)); from += 14 {
		for db, floor := range map[float64]float64{0: -90, -18: -68} {
			i := mixed(scaled(voice(Interviewer, from, 8), db), noise(seconds16(8), floor))
			c := mixed(scaled(voice(Candidate, from, 8), db), noise(seconds16(8), floor))
			checked := check(i, c)
			if got := checked.Findings(); len(got) != 0 || !checked.Enough(Interviewer) || !checked.Enough(Candidate) {
				t.Errorf("at %v s, %v dB: %v; speech %v and %v", from, db, got, checked.Speech(Interviewer), checked.Speech(Candidate))
			}
			n++
		}
	}
	if n < 4 {
		t.Errorf("only %d stretches", n)
	}
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	const long = 6
	i, c := voice(Interviewer, 5, long), voice(Candidate, 8, long)
	zero := make([]int16, len(i))
	for name, lanes := range map[string]struct {
		interviewer, candidate []int16
		want                   []string
	}{
		"microphone muted":        {i, zero, []string{"candidate no_sound"}},
		"nothing plays":           {zero, c, []string{"interviewer no_sound"}},
		"nothing at all":          {zero, zero, []string{"interviewer no_sound", "candidate no_sound"}},
		"microphone far away":     {i, mixed(scaled(c, -50), noise(len(c), -80)), []string{"candidate too_quiet"}},
		"only hiss":               {i, noise(len(c), -70), []string{"candidate too_quiet"}},
		"microphone too loud":     {i, scaled(c, 26), []string{"candidate clipping"}},
		"too loud, then lowered":  {i, scaled(scaled(c, 26), -10), []string{"candidate clipping"}},
		"call too loud":           {scaled(i, 26), c, []string{"interviewer clipping"}},
		"headset in call mode":    {i, telephone(c, 8000), []string{"candidate call_mode"}},
		"call mode, faint hiss":   {i, mixed(telephone(c, 8000), noise(len(c), -85)), []string{"candidate call_mode"}},
		"interviewer by phone":    {telephone(i, 8000), c, []string{"interviewer call_mode"}},
		"same sound":              {i, i, []string{"candidate same_sound"}},
		"same sound, later":       {i, mixed(room(i, 0, -300), scaled(append(make([]int16, 320), i...)[:len(i)], -3)), []string{"candidate same_sound"}},
		"loudspeaker":             {i, mixed(c, room(i, 30*time.Millisecond, -15)), []string{"candidate echo"}},
		"loudspeaker, nobody yet": {i, mixed(room(i, 20*time.Millisecond, -12), noise(len(i), -65)), []string{"candidate echo"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := check(lanes.interviewer, lanes.candidate).Findings()
			if !slices.Equal(names(got), lanes.want) {
				t.Errorf("%v, want %v", names(got), lanes.want)
			}
			for _, f := range got {
				if f.Seen == "" || f.Advice == "" {
					t.Errorf("no sentence: %+v", f)
				}
			}
		})
	}
}

// A leak is found at every delay and level that hurts the transcription, and its
// delay is right; other speech at the same time is none.
func TestCheckMeasuresEcho(t *testing.T) {
	for _, delay := range []time.Duration{0, 4, 35, 120, 240, 380} {
		delay *= time.Millisecond
		for _, db := range []float64{-3, -12, -22} {
			i, c := voice(Interviewer, float64(-db), 5), voice(Candidate, 3, 5)
			got := findLeak(floats(i), floats(mixed(mixed(c, room(i, delay, db)), noise(len(c), -70))))
			if !got.found || got.same || got.delay-delay > 70*time.Millisecond || delay-got.delay > 5*time.Millisecond {
				t.Errorf("%v later at %v dB: %+v", delay, db, got)
			}
		}
	}
}

func floats(s []int16) []float32 {
	out := make([]float32, len(s))
	for i, v := range s {
		out[i] = float32(v) / 32768
	}
	return out
}

// A microphone that is silent while the interviewer speaks, to the last bit as a
// muted one is, hears no echo.
func TestCheckHearsNoEchoInSilence(t *testing.T) {
	for _, hiss := range [][]int16{make([]int16, seconds16(4)), noise(seconds16(4), -95)} {
		i := append(voice(Interviewer, 0, 4), make([]int16, seconds16(4))...)
		c := append(hiss, voice(Candidate, 0, 4)...)
		if got := check(append(i, i...), append(c, c...)).Findings(); len(got) != 0 {
			t.Errorf("%v", got)
		}
	}
}

// Headsets in call mode are known by their names too, since a 16 kHz codec
// leaves all that our frames can hold.
func TestCheckKnowsHeadsetsByName(t *testing.T) {
	for name, want := range map[string]bool{
		"Headset (WH-1000XM4 Hands-Free AG Audio)": true, "WF-1000XM3 Headset Head Unit (HSP/HFP)": true,
		"bluez_input.00_1B_66.headset-head-unit": true, "Built-in Audio Analog Stereo": false, "Headset_Microphone": false, "Yeti Stereo Microphone": false,
	} {
		c := check(voice(Interviewer, 0, 4), voice(Candidate, 0, 4))
		c.Device(Candidate, name)
		if got := len(c.Findings()) > 0; got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestBandwidth(t *testing.T) {
	wide := voice(Candidate, 0, 10)
	threefold := func(s []int16) []float32 { // to 48 kHz, as a good converter does
		table := sincTable(96, 1, 7500.0/48000)
		spread := make([]float32, 3*len(s)+96)
		for i, v := range s {
			spread[3*i+47] = float32(v) / 32768
		}
		out := make([]float32, 3*len(s))
		for i := range out {
			out[i] = 3 * dot(spread[i:i+96], table)
		}
		return out
	}
	for name, c := range map[string]struct {
		sound    []float32
		rate     int
		from, to float64
	}{
		"wide":             {floats(wide), 16000, 0, 0},
		"telephone":        {floats(telephone(wide, 8000)), 16000, 3300, 4300},
		"too little":       {floats(telephone(wide, 8000))[:8000], 16000, 0, 0},
		"16 kHz in 48 kHz": {threefold(wide), 48000, 6900, 8400},
	} {
		if got := Bandwidth(c.sound, c.rate); got < c.from || got > c.to {
			t.Errorf("%s: %v Hz", name, got)
		}
	}
}

func TestFFT(t *testing.T) {
	x := make([]complex128, 64)
	for i := range x {
		x[i] = complex(math.Cos(2*math.Pi*5*float64(i)/64), 0)
	}
	fft(x, false)
	for i, v := range x {
		want := 0.0
		if i == 5 || i == 59 {
			want = 32
		}
		if math.Hypot(real(v)-want, imag(v)) > 1e-9 {
			t.Errorf("bin %d: %v", i, v)
		}
	}
	fft(x, true)
	for i, v := range x {
		if math.Hypot(real(v)-64*math.Cos(2*math.Pi*5*float64(i)/64), imag(v)) > 1e-9 {
			t.Errorf("sample %d: %v", i, v)
		}
	}
}

// Feeding stays cheap, and what is kept bounded.
func TestCheckKeepsTheNewestSound(t *testing.T) {
	c := check(voice(Interviewer, 0, 10), voice(Candidate, 0, 10))
	var silence Frame
	for range 3 * CheckLength / FrameDuration {
		c.Feed(&silence)
	}
	if got := c.newest(Interviewer); len(got) != checkSamples || c.Speech(Interviewer) != 0 || cap(c.lanes[0]) > 5*checkSamples {
		t.Errorf("%d samples of %d, capacity %d, speech %v", len(got), checkSamples, cap(c.lanes[0]), c.Speech(Interviewer))
	}
	if c.Heard() != 10*time.Second+3*CheckLength {
		t.Errorf("heard %v", c.Heard())
	}
}

func BenchmarkFindings(b *testing.B) {
	c := check(voice(Interviewer, 0, 20), voice(Candidate, 0, 20))
	for b.Loop() {
		c.Findings()
	}
}
