package audio_test

import (
	"fmt"
	"math"
	"testing"

	"copilot/audio"
)

var rates = []int{8000, 11025, 16000, 22050, 32000, 44100, 48000, 88200, 96000, 176400, 192000}

// tone is a sine of the given amplitude (1 is full scale).
func tone(rate int, hz, amplitude, seconds float64) []int16 {
	out := make([]int16, int(float64(rate)*seconds))
	for i := range out {
		out[i] = int16(math.Round(amplitude * 32767 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate))))
	}
	return out
}

// decibels is the mean power of the middle of the samples against a full-scale sine.
func decibels(samples []int16) float64 {
	samples = samples[len(samples)/8 : len(samples)*7/8]
	sum := 0.0
	for _, s := range samples {
		sum += float64(s) * float64(s)
	}
	return 10*math.Log10(sum/float64(len(samples))+1e-9) - 10*math.Log10(32767*32767/2)
}

func resample(t *testing.T, rate int, in []int16) []int16 {
	t.Helper()
	r, err := audio.NewResampler(rate)
	if err != nil {
		t.Fatal(err)
	}
	var out []int16
	for len(in) > 0 { // in the odd portions that devices give
		k := min(len(in), 20*rate/1000+len(in)%7)
		out = r.Append(out, in[:k])
		in = in[k:]
	}
	return out
}

// What: speech up to 7/8 of the band passes unchanged, at its own pitch.
func TestResamplerPassBand(t *testing.T) {
	for _, rate := range rates {
		for _, part := range []float64{0.01, 0.1, 0.3, 0.5, 0.7, 0.86} {
			hz := part * float64(min(rate, audio.SampleRate)) / 2
			out := resample(t, rate, tone(rate, hz, 0.5, 0.3))
			want := tone(audio.SampleRate, hz, 0.5, 0.3)
			worst := 0.0
			for i := 1000; i < 4000; i++ {
				worst = max(worst, math.Abs(float64(out[i])-float64(want[i])))
			}
			if worst > 60 { // 0.37 % of the tone, 0.03 dB; includes rounding
				t.Errorf("%d Hz: a tone of %.0f Hz is off by up to %.0f steps", rate, hz, worst)
			}
		}
	}
}

// What: sound above 8 kHz does not fold back into the speech. Why: plain
// decimation puts hiss and sibilants on top of the words.
func TestResamplerRejectsAliases(t *testing.T) {
	for _, rate := range rates {
		for hz := 8010.0; hz < float64(rate)/2; hz += float64(rate) / 13 {
			out := resample(t, rate, tone(rate, hz, 0.9, 0.15))
			if db := decibels(out) - 20*math.Log10(0.9); db > -70 {
				t.Errorf("%d Hz: a tone of %.0f Hz comes through at %.1f dB", rate, hz, db)
			}
		}
	}
}

// What: Trim changes the length by exactly what was asked for.
func TestResamplerTrim(t *testing.T) {
	r, err := audio.NewResampler(48000)
	if err != nil {
		t.Fatal(err)
	}
	r.Trim(0.0002)
	n := len(r.Append(nil, make([]int16, 48000*20)))
	if want := 16000*20 + 64; n < want-60 || n > want+1 {
		t.Errorf("20 s at +200 ppm gave %d samples, want %d less the latency", n, want)
	}
}

func TestResamplerLatency(t *testing.T) {
	for _, rate := range rates {
		r, err := audio.NewResampler(rate)
		if err != nil {
			t.Fatal(err)
		}
		n := len(r.Append(nil, make([]int16, rate)))
		held := float64(audio.SampleRate-n) / audio.SampleRate
		if got := r.Latency().Seconds(); math.Abs(held-got) > 0.0003 || got > 0.006 {
			t.Errorf("%d Hz: holds %.2f ms back, states %.2f ms", rate, held*1e3, got*1e3)
		}
	}
}

func TestResamplerRefusesRates(t *testing.T) {
	for _, rate := range []int{-1, 0, 7999, 192001} {
		if _, err := audio.NewResampler(rate); err == nil {
			t.Errorf("%d Hz was taken", rate)
		}
	}
}

func TestResamplerDoesNotAllocate(t *testing.T) {
	r, err := audio.NewResampler(44100)
	if err != nil {
		t.Fatal(err)
	}
	in, out := make([]int16, 882), make([]int16, 0, 400)
	if n := testing.AllocsPerRun(100, func() { out = r.Append(out[:0], in) }); n != 0 {
		t.Errorf("%v allocations per call", n)
	}
}

func TestDownmix(t *testing.T) {
	for _, c := range []struct {
		channels int
		in, want []int16
	}{
		{1, []int16{1, 2, 3}, []int16{1, 2, 3}},
		{2, []int16{10, 20, -30, -50, 32767, 32767}, []int16{15, -40, 32767}},
		{2, []int16{-32768, -32768, 7}, []int16{-32768}},
		{4, []int16{4, 8, 12, 16, 1, 1}, []int16{10}},
	} {
		if got := audio.Downmix(nil, c.in, c.channels); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%v in %d channels: %v, want %v", c.in, c.channels, got, c.want)
		}
	}
}

func BenchmarkResample(b *testing.B) {
	for _, rate := range []int{16000, 44100, 48000} {
		b.Run(fmt.Sprint(rate), func(b *testing.B) {
			r, _ := audio.NewResampler(rate)
			in, out := tone(rate, 440, 0.5, 0.02), make([]int16, 0, 400)
			b.ReportAllocs()
			for b.Loop() {
				out = r.Append(out[:0], in)
			}
		})
	}
}
