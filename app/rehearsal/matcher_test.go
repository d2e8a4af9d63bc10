package rehearsal

import (
	"math"
	"math/rand"
	"strings"
	"testing"
	"time"

	"copilot/audio"
)

// recognise returns the words heard in pcm, given in pieces of a device's size.
func recognise(t testing.TB, pcm []int16) []heardWord {
	t.Helper()
	var words []heardWord
	m := newMatcher(interview(t).reference(), func(w heardWord) { words = append(words, w) })
	for len(pcm) > 0 {
		n := min(len(pcm), 441)
		m.add(pcm[:n])
		pcm = pcm[n:]
	}
	m.flush()
	return words
}

func script(iv *Interview, c audio.Channel, from, to time.Duration) []Word {
	var words []Word
	for _, u := range iv.Utterances {
		for _, w := range u.Words {
			if u.Channel == c && w.Start >= from && w.End <= to {
				words = append(words, w)
			}
		}
	}
	return words
}

func texts(words []heardWord) string {
	var all []string
	for _, w := range words {
		all = append(all, w.Text)
	}
	return strings.Join(all, " ")
}

func TestMatcherGivesTheScript(t *testing.T) {
	iv := interview(t)
	for c := range audio.Channel(audio.Channels) {
		heard := recognise(t, iv.PCM(c, 0, 0))
		want := script(iv, c, 0, iv.Duration)
		if len(heard) != len(want) {
			t.Fatalf("%v: heard %d words, want %d: %s", c, len(heard), len(want), texts(heard))
		}
		for i, w := range want {
			if heard[i].Text != w.Text || (heard[i].Start-w.Start).Abs() > 20*time.Millisecond {
				t.Errorf("%v: word %d is %q at %v, want %q at %v", c, i, heard[i].Text, heard[i].Start, w.Text, w.Start)
			}
		}
	}
}

// The sound may have come through a sound server and an interface: some delay,
// another level, another clock, noise, small holes.
func TestMatcherBears(t *testing.T) {
	iv := interview(t)
	const from, to = 8 * time.Second, 35500 * time.Millisecond
	random := rand.New(rand.NewSource(1))
	at := func(pcm []int16, x float64) float64 {
		i := int(math.Floor(x))
		if i < 0 || i+1 >= len(pcm) {
			return 0
		}
		f := x - float64(i)
		return float64(pcm[i])*(1-f) + float64(pcm[i+1])*f
	}
	tests := []struct {
		name  string
		least float64 // share of the words
		sound func(pcm []int16, i int) float64
	}{
		{"delay of 1.234 s", 1, func(p []int16, i int) float64 { return at(p, float64(i)-19744) }},
		{"half a sample", 1, func(p []int16, i int) float64 { return at(p, float64(i)-80.5) }},
		{"a quarter of the level", 0.98, func(p []int16, i int) float64 { return at(p, float64(i)) / 4 }},
		{"too loud, clipped", 0.98, func(p []int16, i int) float64 { return at(p, float64(i)) * 2.5 }},
		{"clock 300 ppm fast", 1, func(p []int16, i int) float64 { return at(p, float64(i)*1.0003) }},
		{"44.1 kHz and back", 0.99, func(p []int16, i int) float64 {
			x := float64(i) * 44100 / 16000
			l, r := math.Floor(x)*16000/44100, math.Ceil(x)*16000/44100
			return at(p, l)*(1-x+math.Floor(x)) + at(p, r)*(x-math.Floor(x))
		}},
		{"noise at -40 dB", 0.97, func(p []int16, i int) float64 { return at(p, float64(i)) + random.NormFloat64()*327 }},
		{"an echo of 50 ms", 0.98, func(p []int16, i int) float64 { return at(p, float64(i)) + at(p, float64(i)-800)*0.3 }},
		{"20 ms lost every 2 s", 0.9, func(p []int16, i int) float64 { return at(p, float64(i+i/32000*320)) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for c := range audio.Channel(audio.Channels) {
				pcm := iv.PCM(c, from, to)
				changed := make([]int16, len(pcm)+2*audio.SampleRate)
				for i := range changed {
					changed[i] = int16(max(-32768, min(32767, tt.sound(pcm, i))))
				}
				heard, want := recognise(t, changed), script(iv, c, from, to)
				if got := inOrder(heard, want); float64(got) < tt.least*float64(len(want)) {
					t.Errorf("%v: %d of %d words: %s", c, got, len(want), texts(heard))
				}
				if len(heard) > len(want) {
					t.Errorf("%v: %d words heard, %d spoken", c, len(heard), len(want))
				}
			}
		})
	}
}

// inOrder counts the heard words that are the script's, in its order.
func inOrder(heard []heardWord, want []Word) int {
	n := 0
	for _, w := range want {
		if n < len(heard) && heard[n].Text == w.Text {
			n++
		} else if n+1 < len(heard) && heard[n+1].Text == w.Text {
			n += 2
		}
	}
	return n
}

// Utterances are recognised in any order, also when one breaks off.
func TestMatcherFollowsAnyOrder(t *testing.T) {
	iv := interview(t)
	last, first := iv.Utterances[len(iv.Utterances)-1], iv.Utterances[2]
	half := (first.Start + first.End) / 2
	pcm := append([]int16(nil), iv.PCM(last.Channel, last.Start, last.End)...)
	pcm = append(pcm, iv.PCM(first.Channel, first.Start, half)...)
	pcm = append(pcm, iv.PCM(last.Channel, last.Start, last.End+time.Second)...)
	got := texts(recognise(t, pcm))
	if strings.Count(got, last.Text) != 2 || !strings.Contains(got, " Great, let's get started. Walk me through") {
		t.Errorf("heard %q", got)
	}
	if strings.Contains(got, "moment.") {
		t.Errorf("words came that were not played: %q", got)
	}
}

// A stream that begins in the middle of an utterance, as after a reconnect,
// gives every word from there on.
func TestMatcherBeginsAnywhere(t *testing.T) {
	iv := interview(t)
	u := iv.Utterances[3]
	for i := 1; i < len(u.Words)-8; i += 5 {
		from := u.Words[i].Start - 20*time.Millisecond
		got := texts(recognise(t, iv.PCM(u.Channel, from, u.End+time.Second)))
		var want []string
		for _, w := range u.Words[i:] {
			want = append(want, w.Text)
		}
		if got != strings.Join(want, " ") {
			t.Errorf("from word %d: %q, want %q", i, got, strings.Join(want, " "))
		}
	}
}

// What is not in the recording gives nothing: silence, noise, tones, speech of
// the same voices that says something else (backwards, or at another speed).
func TestMatcherIgnoresOtherSound(t *testing.T) {
	iv := interview(t)
	random := rand.New(rand.NewSource(2))
	both := append(append([]int16(nil), iv.PCM(audio.Interviewer, 0, 15*time.Second)...), iv.PCM(audio.Candidate, 16*time.Second, 36*time.Second)...)
	tests := map[string]func(i int) float64{
		"silence":   func(int) float64 { return 0 },
		"noise":     func(int) float64 { return random.NormFloat64() * 3000 },
		"tone":      func(i int) float64 { return 9000 * math.Sin(float64(i)*0.17) },
		"backwards": func(i int) float64 { return float64(both[len(both)-1-i]) },
		"faster":    func(i int) float64 { return float64(both[min(i*13/10, len(both)-1)]) },
	}
	for name, sound := range tests {
		t.Run(name, func(t *testing.T) {
			pcm := make([]int16, len(both))
			for i := range pcm {
				pcm[i] = int16(sound(i))
			}
			if heard := recognise(t, pcm); len(heard) > 0 {
				t.Errorf("heard %q", texts(heard))
			}
		})
	}
}

// BenchmarkMatcher is a second of one channel: of speech, of noise that is
// searched in vain, and of silence.
func BenchmarkMatcher(b *testing.B) {
	iv := interview(b)
	random := rand.New(rand.NewSource(3))
	noise := make([]int16, audio.SampleRate)
	for i := range noise {
		noise[i] = int16(random.NormFloat64() * 2000)
	}
	for name, pcm := range map[string][]int16{
		"speech":  iv.PCM(audio.Candidate, 20*time.Second, 21*time.Second),
		"noise":   noise,
		"silence": make([]int16, audio.SampleRate),
	} {
		b.Run(name, func(b *testing.B) {
			m := newMatcher(iv.reference(), func(heardWord) {})
			for b.Loop() {
				m.add(pcm)
			}
		})
	}
}
