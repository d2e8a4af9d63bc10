package interview

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// accuracy counts how often the place was within two words of the truth.
type accuracy struct {
	near, all   int // on the clock, every 50 ms
	nearHeard   int // when a transcript came, against its last word
	transcripts int
	far         int // jumps back beyond the sentence before
}

func (a accuracy) clock() float64 { return 100 * float64(a.near) / float64(max(a.all, 1)) }
func (a accuracy) aligned() float64 {
	return 100 * float64(a.nearHeard) / float64(max(a.transcripts, 1))
}

func (a *accuracy) add(b accuracy) {
	a.near, a.all = a.near+b.near, a.all+b.all
	a.nearHeard, a.transcripts, a.far = a.nearHeard+b.nearHeard, a.transcripts+b.transcripts, a.far+b.far
}

const within = 2 // words

// follow measures one reading.
func follow(s scene, ws []uttered, rng *rand.Rand) (a accuracy) {
	answer := Text{}.Append(s.text)
	var r Reading
	at := ws[0].from
	sample := func(to time.Duration) {
		for ; at < to; at += 50 * time.Millisecond {
			i, _ := slices.BinarySearchFunc(ws, at, func(w uttered, at time.Duration) int { return int(w.to - at) })
			var truth uttered
			if i > 0 {
				truth = ws[i-1]
			}
			a.all++
			if truth.off(r.wordsAt(at)) <= within {
				a.near++
			}
		}
	}
	transcripts(ws, rng, func(when time.Duration, finals, interim []word, heard int) {
		sample(when)
		limit := r.script.before(r.at)
		r = r.hear(answer, true, finals, interim)
		if r.Words() < limit {
			a.far++
		}
		a.transcripts++
		if ws[heard-1].off(r.Words()) <= within {
			a.nearHeard++
		}
	})
	return a
}

// readings of each answer and kind; "make bench-reading" takes more.
func readings() int {
	if n, err := strconv.Atoi(os.Getenv("READINGS")); err == nil {
		return n
	}
	return 4
}

// What: readings with errors of known kinds, of answers that the constants were
// tuned on, of answers held out then, and of answers written only afterwards. Why:
// the text scrolls with the voice only if the place is right nearly always.
func TestReadingFollowsTheVoice(t *testing.T) {
	parts := []string{"tuned on", "held out", "fresh"}
	scenes := append(loadScenes(t), freshScenes(t)...)
	fresh := len(loadScenes(t))
	total := make([]accuracy, len(parts))
	out := fmt.Sprintf("within two words of the truth, %% (%d readings of each answer)\n%-24s%22s%22s%22s\n%-24s", readings(), "", parts[0], parts[1], parts[2], "")
	out += strings.Repeat(fmt.Sprintf("%11s%11s", "clock", "aligned"), len(parts))
	row := func(name string, of []accuracy) {
		out += fmt.Sprintf("\n%-24s", name)
		for _, a := range of {
			out += fmt.Sprintf("%11.1f%11.1f", a.clock(), a.aligned())
		}
	}
	for _, kind := range readers {
		of := make([]accuracy, len(parts))
		for n, s := range scenes {
			for i := range readings() {
				rng, part := rand.New(rand.NewPCG(uint64(n), uint64(i))), 0
				switch {
				case n >= fresh:
					rng, part = rand.New(rand.NewPCG(uint64(1000+n), uint64(500+i))), 2
				case s.held:
					part = 1
				}
				of[part].add(follow(s, perform(s, kind, rng), rng))
			}
		}
		row(string(kind), of)
		for i := range of {
			total[i].add(of[i])
		}
	}
	row("all", total)
	t.Log("\n" + out)
	for i, a := range total {
		if a.far > 0 {
			t.Errorf("%s: %d jumps back beyond the sentence before", parts[i], a.far)
		}
		if a.clock() < 94 || a.aligned() < 97 { // 95 and 98 when this was written
			t.Errorf("%s: %.1f %% on the clock, %.1f %% aligned", parts[i], a.clock(), a.aligned())
		}
	}
}

// What: the answer is still being written while it is read. Why: reading begins
// with its first line, and what was heard before must not be lost or counted twice.
func TestReadingOfAGrowingAnswer(t *testing.T) {
	for n, s := range loadScenes(t) {
		rng := rand.New(rand.NewPCG(uint64(n), 1))
		ws := perform(s, "verbatim", rng)
		var r Reading
		var answer Text
		for i, w := range ws {
			if have := answer.Len(); have < len(s.text) { // 18 letters a word: faster than it is said
				answer = answer.Append(s.text[have:min(have+18, len(s.text))])
			}
			r = r.hear(answer, answer.Len() == len(s.text), nil, heardWords(ws[max(0, i-5):i+1]))
			if i%6 == 5 {
				r = r.hear(answer, answer.Len() == len(s.text), heardWords(ws[i-5:i+1]), nil)
				r = r.hear(answer, answer.Len() == len(s.text), heardWords(ws[i-5:i+1]), nil) // once more: no news
			}
			if w.off(r.Words()) > within {
				t.Fatalf("%s: at %d after %q, which is %d", s.name, r.Words(), w.text, w.place)
			}
		}
		if !r.Done() {
			t.Errorf("%s: not done at %d of %d words", s.name, r.Words(), len(r.script.words))
		}
		if end := r.Said(ws[len(ws)-1].to); len(s.text)-end > 20 {
			t.Errorf("%s: %d bytes said of %d", s.name, end, len(s.text))
		}
	}
}

// What: words at random, of the answer and not, with interims that are taken
// back. Why: whatever is heard, the place stays in the answer, never jumps back
// beyond the sentence before, and the readings before stay what they were.
func TestReadingNeverJumpsBackFar(t *testing.T) {
	scenes := loadScenes(t)
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 7))
		s := scenes[rng.IntN(len(scenes))]
		vocabulary := strings.Fields(s.text)
		var r Reading
		var answer Text
		at := time.Duration(0)
		for range 80 {
			if have := answer.Len(); have < len(s.text) {
				answer = answer.Append(s.text[have:min(have+rng.IntN(80), len(s.text))])
			}
			var ws []word
			from := rng.IntN(len(vocabulary))
			for i := range rng.IntN(8) {
				text := vocabulary[(from+i)%len(vocabulary)]
				if rng.IntN(4) == 0 {
					text = "elsewhere"
				}
				at += 300 * time.Millisecond
				ws = append(ws, word{text: text, norm: norm(text), from: at - 300*time.Millisecond, to: at})
			}
			before, limit := r, r.script.before(r.Words())
			final := rng.IntN(2)
			r = r.hear(answer, answer.Len() == len(s.text), ws[:len(ws)*final], ws[len(ws)*final:])
			if r.Words() < limit || r.Words() > len(r.script.words) {
				t.Fatalf("seed %d: from %d to %d of %d, not before %d", seed, before.Words(), r.Words(), len(r.script.words), limit)
			}
			for _, now := range []time.Duration{0, at, at + time.Second, at + time.Hour} {
				if said := r.Said(now); said < 0 || said > answer.Len() || now > 0 && said < r.Said(0) {
					t.Fatalf("seed %d: %d bytes said of %d", seed, said, answer.Len())
				}
			}
			again := before.hear(answer, answer.Len() == len(s.text), ws[:len(ws)*final], ws[len(ws)*final:])
			if again.Words() != r.Words() {
				t.Fatalf("seed %d: the reading before was changed", seed)
			}
		}
	}
}

// A dash clings to the word before it, and not to that of the reading before.
func TestReadingBeforeStaysAsItWas(t *testing.T) {
	text := Text{}.Append("I led ")
	before := Reading{}.hear(text, false, nil, nil)
	end := before.script.words[1].to
	after := before.hear(text.Append("– it "), false, nil, nil)
	if before.script.words[1].to != end || after.script.words[1].to <= end {
		t.Errorf("the word ended at %d, ends at %d before the dash and %d after it", end, before.script.words[1].to, after.script.words[1].to)
	}
}

// BenchmarkReading is one word heard in an answer of usual and of absurd length:
// the cost is that of the window.
func BenchmarkReading(b *testing.B) {
	scenes := loadScenes(b)
	for _, answers := range []int{1, 100} {
		var text Text
		for i := range answers {
			text = text.Append(scenes[i%len(scenes)].text + "\n\n")
		}
		var sc script
		sc = sc.grow(text, true)
		b.Run(fmt.Sprintf("%d words", len(sc.words)), func(b *testing.B) {
			r := Reading{}.hear(text, true, nil, nil)
			i := 0
			for b.Loop() {
				w := sc.words[i%len(sc.words)]
				at := time.Duration(i+1) * 300 * time.Millisecond
				r = r.hear(text, true, []word{{text: w.norm, norm: w.norm, from: at - 200*time.Millisecond, to: at}}, nil)
				i++
			}
		})
	}
}
