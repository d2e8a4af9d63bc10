package interview

import (
	"bufio"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// reader is a way to read an answer aloud.
type reader string

// The kinds of error that a reading can have; "everything" has all of them.
var readers = []reader{"verbatim", "hesitations", "words left out", "misheard", "clauses put otherwise", "stutters",
	"sentence again", "point left out", "digression", "everything", "never reads it"}

// scene is an answer of testdata/reading.txt or reading_fresh.txt.
type scene struct {
	name        string
	held        bool
	text        string
	otherwise   [][2]string
	digressions []string
	misheard    map[string]string // beside those of all scenes
	slow, fast  float64           // how fast it is read, of the usual rate
}

func loadScenes(t testing.TB) []scene { return scenesOf(t, "testdata/reading.txt", 0.8, 1.25) }

// freshScenes are held out, see their file.
func freshScenes(t testing.TB) []scene {
	return scenesOf(t, "testdata/reading_fresh.txt", 0.7, 1.5)
}

func scenesOf(t testing.TB, file string, slow, fast float64) []scene {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var scenes []scene
	digressions, heardAs := map[bool][]string{}, map[string]string{}
	for sc := bufio.NewScanner(f); sc.Scan(); {
		l := sc.Text()
		switch {
		case strings.HasPrefix(l, "#"):
		case strings.HasPrefix(l, "!held "):
			digressions[true] = append(digressions[true], l[6:])
		case strings.HasPrefix(l, "! "):
			digressions[false] = append(digressions[false], l[2:])
		case strings.HasPrefix(l, "== "):
			name, held := strings.CutSuffix(l[3:], " held")
			scenes = append(scenes, scene{name: name, held: held, digressions: digressions[held], misheard: heardAs, slow: slow, fast: fast})
		case strings.HasPrefix(l, "< "):
			said, heard, _ := strings.Cut(l[2:], " => ")
			heardAs[said] = heard
		case strings.HasPrefix(l, "~ "):
			from, to, ok := strings.Cut(l[2:], " => ")
			if !ok {
				t.Fatalf("%s: %q", file, l)
			}
			s := &scenes[len(scenes)-1]
			s.otherwise = append(s.otherwise, [2]string{from, to})
		case len(scenes) > 0:
			scenes[len(scenes)-1].text += l + "\n"
		}
	}
	for i := range scenes {
		scenes[i].text = strings.TrimSpace(scenes[i].text)
	}
	return scenes
}

// uttered is one word as it was spoken: what was recognised, and how many words of
// the answer a listener would say are done with it. While a clause is put
// otherwise that is any place within the clause.
type uttered struct {
	text        string
	place, most int
	from, to    time.Duration
}

// off returns by how many words a place is wrong.
func (w uttered) off(place int) int { return max(w.place-place, place-w.most, 0) }

// misheard are what a recogniser makes of some words.
var misheard = map[string]string{
	"postgres": "post grass", "kafka": "cough car", "ledger": "letter", "refunds": "refund", "index": "in depth", "rust": "rest",
	"idempotency": "item potency", "locks": "logs", "traces": "traits", "stampedes": "stem beads", "queue": "cue", "scopes": "scope",
	"event's": "events", "canary": "cannery", "latency": "late and see", "monolith": "mono lift", "bramble": "rumble",
	"larkfield": "lark field", "webhook": "web hook", "rollout": "roll out", "replicas": "replica", "archiving": "arriving",
	"footer": "food or", "partition": "petition", "freight": "fright", "sign-ups": "sign ups", "regulator": "regular", "audit": "all did",
}

// perform reads a scene aloud in a reader's way.
func perform(s scene, kind reader, rng *rand.Rand) []uttered {
	var sc script
	sc = sc.grow(Text{}.Append(s.text), true)
	words := make([]string, len(sc.words)) // as written
	from := 0
	for i, w := range sc.words {
		words[i] = strings.Trim(strings.TrimSpace(s.text[from:w.to]), "*-•`\n ")
		from = w.to
	}
	does := func(k reader) bool { return kind == k || kind == "everything" }
	rate := func(alone, among float64) float64 {
		if kind == "everything" {
			return among
		}
		return alone
	}
	var out []uttered
	sayIn := func(text string, place, most int) {
		for _, t := range strings.Fields(text) {
			out = append(out, uttered{text: t, place: place, most: most})
		}
	}
	say := func(text string, place int) { sayIn(text, place, place) }
	if kind == "never reads it" {
		for _, i := range rng.Perm(len(s.digressions))[:6] {
			say(s.digressions[i], 0)
		}
		return s.timed(out, sc, rng)
	}
	type clause struct {
		from, to int
		other    string
	}
	var clauses []clause
	if does("clauses put otherwise") {
		for _, o := range s.otherwise {
			if kind == "everything" && rng.Float64() < 0.5 {
				continue
			}
			want := strings.Fields(o[0])
			for i := range words {
				if i+len(want) <= len(words) && slices.EqualFunc(words[i:i+len(want)], want, func(a, b string) bool { return norm(a) == norm(b) }) {
					clauses = append(clauses, clause{i, i + len(want), o[1]})
				}
			}
		}
	}
	digressAt, againAt, leaveOut := -1, -1, -1
	if does("digression") {
		digressAt = 1 + rng.IntN(len(words)-2)
	}
	points := sc.begun[1:]
	if does("sentence again") {
		againAt = points[rng.IntN(len(points))]
	}
	if does("point left out") {
		for range 20 { // the whole of a line that begins with a cue, not the last
			n := rng.IntN(len(points) - 1)
			if lineStart(s.text, sc, points[n]) {
				leaveOut = points[n]
				break
			}
		}
	}
	again := false
	for i := 0; i < len(words); i++ {
		if i == leaveOut {
			for i++; i < len(words) && !lineStart(s.text, sc, i); i++ {
			}
			leaveOut = -1
			if i >= len(words) {
				break
			}
		}
		if i == digressAt {
			digressAt = -1
			say(s.digressions[rng.IntN(len(s.digressions))], i)
		}
		if i == againAt && !again {
			again = true
			i = sc.begun[sc.words[i-1].sentence]
		}
		if c := slices.IndexFunc(clauses, func(c clause) bool { return c.from == i }); c >= 0 {
			sayIn(clauses[c].other, i, clauses[c].to)
			i = clauses[c].to - 1
			continue
		}
		w := words[i]
		if does("hesitations") && rng.Float64() < rate(0.08, 0.03) {
			say([]string{"uh", "um", "you know", "like", "I mean", "well", "so"}[rng.IntN(7)], i)
		}
		if does("stutters") && i > 4 && rng.Float64() < rate(0.06, 0.02) {
			for j := i - 1 - rng.IntN(3); j < i; j++ {
				say(words[j], i)
			}
		}
		if does("words left out") && rng.Float64() < rate(0.10, 0.04) {
			continue
		}
		if does("misheard") && rng.Float64() < rate(0.12, 0.05) {
			w = s.mishear(w, rng)
		}
		if w != "" {
			say(w, i+1)
		}
	}
	return s.timed(out, sc, rng)
}

// lineStart says whether a word begins a line of the answer.
func lineStart(text string, sc script, word int) bool {
	if word == 0 {
		return true
	}
	before := sc.words[word-1].to
	return strings.Contains(text[before:sc.words[word].to], "\n")
}

// mishear returns what a recogniser may make of a word.
func (s scene) mishear(w string, rng *rand.Rand) string {
	n := strings.ToLower(strings.Trim(w, ".,:;?!*"))
	if other, ok := s.misheard[n]; ok {
		return other
	}
	if other, ok := misheard[n]; ok {
		return other
	}
	switch b := []byte(n); {
	case len(b) < 4 && rng.IntN(2) == 0:
		return ""
	case len(b) < 4:
		return []string{"the", "a", "and", "in", "it", "is"}[rng.IntN(6)]
	case rng.IntN(3) == 0: // another word altogether
		return []string{"later", "people", "right", "about", "going", "mostly", "number", "actually"}[rng.IntN(8)]
	default:
		for range 1 + len(b)/5 {
			b[rng.IntN(len(b))] = "aeioustrnl"[rng.IntN(10)]
		}
		return string(b)
	}
}

// timed gives words the times of somebody speaking: faster or slower, longer
// words longer, with a breath between sentences.
func (s scene) timed(ws []uttered, sc script, rng *rand.Rand) []uttered {
	tempo := s.slow + (s.fast-s.slow)*rng.Float64()
	at := 2 * time.Second
	for i := range ws {
		if p := ws[i].place; i > 0 && p != ws[i-1].place && p > 0 && p-1 < len(sc.words) && slices.Contains(sc.begun, p-1) {
			at += time.Duration(float64(250+rng.IntN(450)) * float64(time.Millisecond) / tempo)
		}
		each := time.Duration(float64(130+48*len(ws[i].text)) * (0.8 + 0.4*rng.Float64()) * float64(time.Millisecond) / tempo)
		ws[i].from, ws[i].to = at, at+each
		at += each
	}
	return ws
}

func heardWords(ws []uttered) []word {
	out := make([]word, len(ws))
	for i, w := range ws {
		out[i] = word{text: w.text, norm: norm(w.text), from: w.from, to: w.to}
	}
	return out
}

// transcripts delivers words as Deepgram does: interims about once a second,
// of which the last word may yet be another, and a final at each breath or
// after some seconds; all of it 250 ms late.
func transcripts(ws []uttered, rng *rand.Rand, deliver func(at time.Duration, finals, interim []word, heard int)) {
	const late = 250 * time.Millisecond
	open, i := 0, 0
	next := ws[0].from + 800*time.Millisecond
	for i < len(ws) {
		pause := i+1 == len(ws) || ws[i+1].from-ws[i].to >= 300*time.Millisecond
		i++
		switch end := ws[i-1].to; {
		case pause, end-ws[open].from > 5*time.Second:
			deliver(end+late, heardWords(ws[open:i]), nil, i)
			open = i
			next = end + time.Second
		case end >= next:
			tail := heardWords(ws[open:i])
			if last := &tail[len(tail)-1]; rng.IntN(3) == 0 {
				last.text = last.text[:(len(last.text)+1)/2]
			}
			deliver(end+late, nil, tail, i)
			next = end + time.Duration(900+rng.IntN(200))*time.Millisecond
		}
	}
}
