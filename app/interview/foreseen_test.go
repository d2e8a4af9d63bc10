package interview

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestForeseen(t *testing.T) {
	for _, c := range []struct{ heard, whole, needed string }{
		{"Where do you see yourself", "Where do you see yourself in five years", "Where do you see yourself"},
		{"How would you debug a memory", "How would you debug a memory leak", "How would you debug a memory leak"},
		{"Can you explain how dependency injection", "Can you explain how dependency injection works", "Can you explain how dependency injection"},
		{"What's the difference between a process", "What's the difference between a process and a thread", "What's the difference between a process and a thread"},
		{"So, um, what is the difference between optimistic and", "So, um, what is the difference between optimistic and pessimistic locking", "So, um, what is the difference between optimistic and pessimistic locking"},
		{"How would you design a URL", "How would you design a URL shortener", "How would you design a URL shortener"},
		{"How does a reverse", "", ""},              // one word of weight
		{"What is your greatest", "", ""},           // strength, weakness, achievement
		{"What are your strengths in", "", ""},      // it ends otherwise
		{"Tell me about a time you had to", "", ""}, // to what?
		{"What is your experience with", "", ""},
		{"We are a small team", "", ""},
	} {
		whole, needed := completed("en", c.heard)
		known := determinedByWords("en", c.heard)
		if c.whole == "" {
			if known || whole != c.heard {
				t.Errorf("%q: taken for %q", c.heard, whole)
			}
		} else if whole != c.whole || needed != c.needed || !known {
			t.Errorf("%q: %q, needed %q, determined %v", c.heard, whole, needed, known)
		}
	}
	if whole, _ := completed("de", "Where do you see yourself"); whole != "Where do you see yourself" {
		t.Errorf("in German: %q", whole)
	}
}

// Every line of foreseen.txt is a question to the gate, ends as it says, and is
// found by its words up to the mark unless another end is as likely.
func TestForeseenLines(t *testing.T) {
	f := foreseen()
	for first, ps := range f.questions {
		for _, p := range ps {
			var before, after []string
			marked := false
			for _, it := range p {
				switch {
				case it.kind == phraseMark, it.kind == phraseAnyhow:
					marked = true
				case it.kind == phraseList && len(f.lists[it.word]) == 0:
					t.Errorf("%q: there is no list %q", first, it.word)
				case it.kind == phraseList:
					for _, x := range anyOf(f.lists[it.word]) {
						if x.kind == phraseMark {
							marked = true
						} else if marked {
							after = append(after, x.word)
						} else {
							before = append(before, x.word)
						}
					}
					marked = true // the list's phrases say how much is needed
				case marked:
					after = append(after, it.word)
				default:
					before = append(before, it.word)
				}
			}
			heard := strings.Join(before, " ")
			whole := strings.TrimSpace(heard + " " + strings.Join(after, " "))
			if !marked {
				t.Errorf("%q has no mark", whole)
			}
			if v := judge("en", whole+"?").verdict; v != answer {
				t.Errorf("%q is no question to the gate: %v", whole, v)
			}
			if got, ok := f.foresee(alike(plainTokens(heard))); ok && got.used < len(alike(plainTokens(heard))) {
				t.Errorf("%q: only %d words are used", heard, got.used)
			}
		}
	}
}

// anyOf returns a phrase of a list, always the same.
func anyOf(list map[string][]phrase) phrase {
	return list[slices.Min(slices.Collect(maps.Keys(list)))][0]
}

func BenchmarkForeseen(b *testing.B) {
	ts := alike(plainTokens("okay great so next can you tell me about a time when you had to explain the difference between a process and a thread and how would you"))
	f := foreseen()
	b.ReportAllocs()
	for b.Loop() {
		f.foresee(ts)
	}
}
