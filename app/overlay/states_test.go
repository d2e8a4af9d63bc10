package overlay

import (
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"copilot/app/interview"
)

const spokenAnswer = "**By money flow, one at a time.**\n\n" +
	"- **Refunds** first: they were small and easy to roll back.\n" +
	"- I ran **Cassandra** for years.\n" +
	"- Payouts last, after **nine months**."

// readingStates are the teleprompter while somebody reads: what the voice, the
// model and the deck do to it.
func readingStates() map[string]func() interview.State {
	at := func(part string) int { return strings.Index(spokenAnswer, part) }
	done := func(to func(*interview.Question)) interview.State {
		s := state(spokenAnswer)
		s.Phase = interview.Listening
		change(&s, func(q *interview.Question) {
			q.Text, q.Answer.Status = "How did you split the ledger?", interview.AnswerDone
			to(q)
		})
		return s
	}
	return map[string]func() interview.State{
		"reading": func() interview.State {
			s := done(func(q *interview.Question) {
				q.Answer.Labels.All = []interview.Label{{From: 0, To: at("\n"), Ground: interview.Grounded, Rests: "Split the ledger by money flow"}}
			})
			s.Reader.Said = at("they")
			return s
		},
		"unfounded": func() interview.State {
			return done(func(q *interview.Question) {
				q.Answer.Labels.All = []interview.Label{
					{From: 0, To: at("\n"), Ground: interview.Grounded, Rests: "Split the ledger by money flow"},
					{From: at("I ran"), To: at("\n- Payouts"), Ground: interview.Unfounded, Claim: "Cassandra"},
				}
			})
		},
		"draft": func() interview.State {
			s := state("**By money flow, one at a time.**")
			change(&s, func(q *interview.Question) { q.Text, q.Answer.Draft = "So how did you split the ledger", true })
			return s
		},
		"waiting": func() interview.State {
			s := done(func(*interview.Question) {})
			s.Questions = interview.QuestionsOf(append(s.Questions.List(), interview.Question{ID: 3, Text: "And what would you do differently?"})...)
			s.Reader.Said, s.Reader.Next = at("they"), 3
			return s
		},
		"checklist": func() interview.State {
			s := done(func(q *interview.Question) {
				q.Text = "How did you split it, how long did it take, and what went wrong?"
			})
			s.Reader.Parts.All = []interview.Part{{Text: "How did you split it", Covered: true}, {Text: "how long did it take"}, {Text: "what went wrong"}}
			s.Reader.Said = at("they")
			return s
		},
		"prepared": func() interview.State {
			return done(func(q *interview.Question) {
				q.Answer = interview.Answer{Status: interview.AnswerFailed, Problem: "Groq cannot be reached; the network seems to be away."}
				q.Prepared, q.Card = spokenAnswer, true
			})
		},
		"misheard": func() interview.State {
			return done(func(q *interview.Question) {
				q.Text = "How did you use cough car there?"
				q.Unsure = []interview.Span{{From: 16, To: 21}, {From: 22, To: 25}}
			})
		},
		"correcting": func() interview.State {
			return done(func(q *interview.Question) { q.Text = "How did you use cough car there?" })
		},
	}
}

// The screen while somebody reads, as in TestGoldenStates. With STATES set to a
// directory, pictures of it are written there, also in the easy font.
func TestGoldenReading(t *testing.T) {
	for name, make := range readingStates() {
		t.Run(name, func(t *testing.T) {
			for _, easy := range []bool{false, true} {
				dir := os.Getenv("STATES")
				if easy && dir == "" {
					continue
				}
				settings := DefaultSettings()
				settings.NoticeSeen, settings.Comfort.EasyFont = true, easy
				w := newTestWindow(t, Options{Settings: settings, Ask: func(string) {}})
				w.open(prompterScreen)
				w.Show(make())
				if name == "correcting" {
					w.correctKey()
				}
				if !easy {
					test.AssertRendersToMarkup(t, name+".xml", w.win.Canvas())
				}
				if dir != "" {
					picture(t, w.win.Canvas(), filepath.Join(dir, name+map[bool]string{true: "-easy"}[easy]+".png"))
				}
			}
		})
	}
}

func picture(t *testing.T, c fyne.Canvas, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, c.Capture()); err != nil {
		t.Fatal(err)
	}
}

// What (A-G5): frames with a word said and a token written, in a short interview
// and in a long one, in a short answer and in a long one. Why: what a frame draws
// is what is in sight, whatever is above it or was said before.
func TestFrameCostIsFlat(t *testing.T) {
	cost := func(tokens, turns, questions int) (allocations float64, laid int) {
		w := newTestWindow(t, Options{})
		w.open(prompterScreen)
		s := state(strings.Repeat("I led the **migration** of payments. ", tokens/7))
		s.Turns = slices.Repeat(s.Turns, turns)
		s.Questions = interview.QuestionsOf(append(slices.Repeat([]interview.Question{s.Questions.At(0)}, questions-1), s.Questions.At(1))...)
		s.Shown = questions - 1
		s.Reader.Said = s.Questions.At(s.Shown).Answer.Text.Len() - 60
		w.Show(s)
		before := w.tele.answer.laid
		const frames = 60
		allocations = testing.AllocsPerRun(frames, func() {
			change(&s, func(q *interview.Question) { q.Answer.Text = q.Answer.Text.Append("led ") })
			s.Reader.Said += 4
			w.Show(s)
		})
		return allocations, (w.tele.answer.laid - before) / frames
	}
	least, lines := cost(100, 10, 2)
	for _, long := range [][3]int{{4000, 10, 2}, {100, 1000, 100}, {4000, 1000, 100}} {
		a, l := cost(long[0], long[1], long[2])
		t.Logf("a frame with an answer of %d tokens, %d turns and %d questions: %.0f allocations, %d lines; the short one: %.0f, %d", long[0], long[1], long[2], a, l, least, lines)
		if a > 1.5*least+50 || l > lines+4 {
			t.Error("a frame costs by what is out of sight")
		}
	}
}
