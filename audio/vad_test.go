package audio

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"testing"
	"time"
)

// spoken is a voice with what is around it, and where it speaks.
type spoken struct {
	name  string
	pcm   []float64 // full scale 1
	truth []bool    // by frame
}

// speak has espeak-ng say text; the truth is where the clean voice is loud.
func speak(t testing.TB, voice, text string, speed int) spoken {
	t.Helper()
	var wav bytes.Buffer
	cmd := exec.Command("espeak-ng", "-v", voice, "-s", fmt.Sprint(speed), "--stdout", text)
	cmd.Stdout = &wav
	if err := cmd.Run(); err != nil {
		t.Fatalf("espeak-ng: %v", err)
	}
	raw := wav.Bytes()[44:] // 22.05 kHz mono
	in := make([]float64, len(raw)/2)
	for i := range in {
		in[i] = float64(int16(uint16(raw[2*i])|uint16(raw[2*i+1])<<8)) / 32768
	}
	s := spoken{pcm: make([]float64, SampleRate/2)} // it begins with half a second of nothing
	for i := 0; ; i++ {
		at := float64(i) * 22050 / SampleRate
		j := int(at)
		if j+1 >= len(in) {
			break
		}
		s.pcm = append(s.pcm, 0.5*(in[j]+(at-float64(j))*(in[j+1]-in[j])))
	}
	s.pcm = append(s.pcm, make([]float64, SampleRate)...)
	s.pcm = s.pcm[:len(s.pcm)/FrameSamples*FrameSamples]
	for i := 0; i < len(s.pcm); i += FrameSamples {
		s.truth = append(s.truth, meanPower(s.pcm[i:i+FrameSamples]) > 1e-5) // -50 dB
	}
	return s
}

func meanPower(pcm []float64) (p float64) {
	for _, x := range pcm {
		p += x * x
	}
	return p / float64(len(pcm))
}

// with adds a sound so many decibels below the voice.
func (s spoken) with(name string, below float64, sound func(i int) float64) spoken {
	var voice float64
	n := 0
	for i, speaks := range s.truth {
		if speaks {
			voice += meanPower(s.pcm[i*FrameSamples : (i+1)*FrameSamples])
			n++
		}
	}
	other := make([]float64, len(s.pcm))
	for i := range other {
		other[i] = sound(i)
	}
	scale := math.Sqrt(voice / float64(n) / meanPower(other) * math.Pow(10, -below/10))
	out := spoken{name: name, truth: s.truth}
	for i, x := range s.pcm {
		out.pcm = append(out.pcm, x+scale*other[i])
	}
	return out
}

func hiss(seed uint64) func(int) float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	return func(int) float64 { return r.NormFloat64() }
}

// murmur is noise with most of its power below 500 Hz, and hum.
func murmur(seed uint64) func(int) float64 {
	r := rand.New(rand.NewPCG(seed, 2))
	var y float64
	return func(i int) float64 {
		y += 0.1 * (r.NormFloat64() - y)
		return y + 0.3*math.Sin(2*math.Pi*50*float64(i)/SampleRate)
	}
}

// chords is a chord that changes each half second, each tone struck and fading.
func chords(i int) float64 {
	const beat = SampleRate / 2
	chord := [][]float64{{220, 277, 330}, {196, 247, 294}, {262, 330, 392}, {175, 220, 262}}[i/beat%4]
	var y float64
	for _, f := range chord {
		for h := 1.0; h <= 4; h++ {
			y += math.Sin(2*math.Pi*f*h*float64(i)/SampleRate) / h
		}
	}
	return y * math.Exp(-2*float64(i%beat)/beat)
}

var questions = []string{
	"So, thanks for joining today. Could you walk me through a project that you are proud of, and what your part in it was?",
	"Tell me about a time when you disagreed with your manager. What did you do?",
	"What is the difference between a process and a thread?",
	"We have about ten million users, and most of them are asleep. How would you design the sessions?",
}

// samples are both voices, clean and with what calls are full of.
func samples(t testing.TB) []spoken {
	var all []spoken
	for i, voice := range []string{"en-gb", "en-us+f3"} {
		for j, text := range questions {
			if (i+j)%2 == 1 && !testing.Verbose() { // half of them will do, but for who reads the figures
				continue
			}
			s := speak(t, voice, text, 150+20*j)
			echo := speak(t, "en-us+m7", "I worked at a bank for three years, and then I moved to a start-up that makes maps.", 170).pcm
			seed := uint64(i*10 + j)
			s.name = "clean"
			all = append(all, s,
				s.with("white noise 20 dB", 20, hiss(seed)),
				s.with("white noise 10 dB", 10, hiss(seed)),
				s.with("room 15 dB", 15, murmur(seed)),
				s.with("music 20 dB", 20, chords),
				s.with("music 10 dB", 10, chords),
				s.with("echo of the other 25 dB", 25, func(i int) float64 { return echo[i%len(echo)] }))
		}
	}
	return all
}

// waits are the silences after which the words so far may be asked for.
var waits = []time.Duration{80 * time.Millisecond, 120 * time.Millisecond, 160 * time.Millisecond, 240 * time.Millisecond}

// heardAs is what a detector made of a sample.
type heardAs struct {
	missed, invented int   // frames of voice taken for none, and the reverse
	voice, nobody    int   // frames there are
	early            []int // for each of waits: silences as long as that, told while the voice goes on
	late             []time.Duration
	ends             int // true ends: 300 ms of nobody follow
	unheard          int // ends without 120 ms of quiet within half a second
}

// judgeVoice compares what was told with the truth, quiet being the frames since
// the voice was last heard.
func judgeVoice(truth []bool, quiet []int) (h heardAs) {
	h.early = make([]int, len(waits))
	last := -1
	for i, speaks := range truth {
		if speaks {
			h.voice++
			last = i
			if quiet[i] > 0 {
				h.missed++
			}
		} else {
			h.nobody++
			if quiet[i] == 0 && i-last > voiceGone {
				h.invented++
			}
		}
		for k, w := range waits {
			if n := int(w / FrameDuration); quiet[i] == n && last >= 0 && i-last < n-2 {
				h.early[k]++ // 40 ms of slack for the tail of a word
			}
		}
		if last == i-15 && i >= 15 && last >= 0 {
			h.ends++
			for j := last + 1; ; j++ {
				if j >= len(quiet) || j > last+25 {
					h.unheard++
					break
				}
				if quiet[j] == 6 {
					h.late = append(h.late, time.Duration(j-last-6)*FrameDuration)
					break
				}
			}
		}
	}
	return h
}

func (h *heardAs) add(o heardAs) {
	h.missed, h.invented, h.voice, h.nobody = h.missed+o.missed, h.invented+o.invented, h.voice+o.voice, h.nobody+o.nobody
	h.ends, h.unheard, h.late = h.ends+o.ends, h.unheard+o.unheard, append(h.late, o.late...)
	for k := range waits {
		if h.early == nil {
			h.early = make([]int, len(waits))
		}
		h.early[k] += o.early[k]
	}
}

func (h *heardAs) String() string {
	var mean time.Duration
	for _, l := range h.late {
		mean += l / time.Duration(len(h.late))
	}
	text := fmt.Sprintf("ends %d of %d, off by %v; missed %.1f%%, invented %.1f%%; early a minute:", h.ends-h.unheard, h.ends, mean.Round(time.Millisecond),
		100*float64(h.missed)/float64(h.voice), 100*float64(h.invented)/float64(h.nobody))
	for k, w := range waits {
		text += fmt.Sprintf(" %v %.1f", w, h.perMinute(k))
	}
	return text
}

// perMinute is how often in a minute of voice its end was told too early.
func (h *heardAs) perMinute(k int) float64 { return float64(h.early[k]) / float64(h.voice) * 50 * 60 }

// listen returns for how many frames nobody was heard, by frame.
func listen(s spoken) []int {
	var v Voice
	var told []int
	var f Frame
	for i := range s.truth {
		for j := range FrameSamples {
			x := s.pcm[i*FrameSamples+j]
			f.Samples[j*Channels] = int16(max(-1, min(1, x)) * 32767)
		}
		v.Hear(&f, Interviewer)
		told = append(told, int(v.Quiet()/FrameDuration))
	}
	return told
}

// The detector on synthetic voices with noise, music and the other's echo. The
// bounds are what an interview needs: ends that are told, hardly ever one in the
// middle of a word, and no voice in noise.
func TestVoice(t *testing.T) {
	sums := map[string]*heardAs{}
	var names []string
	for _, s := range samples(t) {
		if sums[s.name] == nil {
			sums[s.name] = &heardAs{}
			names = append(names, s.name)
		}
		sums[s.name].add(judgeVoice(s.truth, listen(s)))
	}
	limits := map[string]struct{ unheard, early, invented float64 }{ // the shares of ends and of nobody; a minute, after 120 ms
		"clean":             {0, 1, 0.10},
		"white noise 20 dB": {0, 6, 0.10},
		"room 15 dB":        {0, 6, 0.10},
		"white noise 10 dB": {0.1, 20, 0.10},
		// Music and a second voice are no silence: their ends are the transcriber's.
		"music 20 dB":             {0.5, 6, 1},
		"music 10 dB":             {0.5, 6, 1},
		"echo of the other 25 dB": {0.5, 6, 1},
	}
	for _, name := range names {
		h, l := sums[name], limits[name]
		t.Logf("%-24s %v", name, h)
		if float64(h.unheard) > l.unheard*float64(h.ends) || h.perMinute(1) > l.early || float64(h.invented) > l.invented*float64(h.nobody) {
			t.Errorf("%s: %v, want within %+v", name, h, l)
		}
	}
}

// Nobody speaks in silence and in steady noise, however loud, once it is known.
func TestVoiceNobody(t *testing.T) {
	for name, sound := range map[string]func(int) float64{
		"silence": func(int) float64 { return 0 },
		"hiss":    func() func(int) float64 { n := hiss(9); return func(i int) float64 { return n(i) * 0.001 } }(),
		"loud":    func() func(int) float64 { n := hiss(9); return func(i int) float64 { return n(i) * 0.1 } }(),
		"hum":     func(i int) float64 { return 0.2 * math.Sin(2*math.Pi*50*float64(i)/SampleRate) },
	} {
		s := spoken{truth: make([]bool, 50*20)}
		for i := range len(s.truth) * FrameSamples {
			s.pcm = append(s.pcm, sound(i))
		}
		told := 0
		for i, quiet := range listen(s) {
			if quiet == 0 && i > 10 {
				told++
			}
		}
		if told > len(s.truth)/200 {
			t.Errorf("%s: %d of %d frames taken for voice", name, told, len(s.truth))
		}
	}
}

func TestVoiceCosts(t *testing.T) {
	var v Voice
	f := Frame{}
	for i := range f.Samples {
		f.Samples[i] = int16(i * 97)
	}
	if n := testing.AllocsPerRun(1000, func() { v.Hear(&f, Interviewer) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func BenchmarkVoice(b *testing.B) {
	var v Voice
	f := Frame{}
	for i := range f.Samples {
		f.Samples[i] = int16(i * 97)
	}
	for b.Loop() {
		v.Hear(&f, Interviewer)
	}
}
