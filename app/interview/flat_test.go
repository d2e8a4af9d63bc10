package interview

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"copilot/audio"
)

// longInterview is the state after so many turns, of which every second is a
// question that was answered; the newest is being answered.
func longInterview(turns int) *stage {
	s := newStage()
	for i := range turns {
		s.at = time.Duration(i) * 10 * time.Second
		t := transcript(audio.Channel(1-i%2), s.at, strings.Fields(fmt.Sprintf("What did you learn from project number %d?", i)))
		t.Final, t.SpeechFinal = true, true
		s.at += 4 * time.Second
		s.State = s.Apply(Heard{s.wall(), t})
		s.writes("I led it. ")
		if i < turns-1 {
			s.written()
		}
	}
	return s
}

// allocated is the bytes that one call of f takes. Counted, not timed: a slow
// day changes nothing.
func allocated(n int, f func()) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		f()
	}
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc-before.TotalAlloc) / float64(n)
}

// What (A-G5): events of an interview of 20 turns and 10 questions, of 250 and
// 100, and of 1,100. Why: no event may cost by what was said or asked before.
func TestInterviewCostIsFlat(t *testing.T) {
	for name, event := range map[string]func(s *stage) func(){
		"a token": func(s *stage) func() { return func() { s.writes("token ") } },
		"an interim word of the candidate": func(s *stage) func() {
			return func() { s.reads("led it", false); s.at -= 500 * time.Millisecond }
		},
		"a level": func(s *stage) func() { return func() { s.pass(10 * time.Millisecond) } },
	} {
		first := 0.0
		for _, turns := range []int{20, 250, 1100} {
			s := longInterview(turns)
			cost := allocated(500, event(s))
			t.Logf("%s after %d turns (%d and %d questions kept): %.0f bytes", name, turns, len(s.Turns), s.Questions.Len(), cost)
			if first == 0 {
				first = cost
			}
			if cost > 1.5*first {
				t.Errorf("%s takes %.0f bytes after 20 turns and %.0f after %d", name, first, cost, turns)
			}
		}
	}
}

// BenchmarkInterviewLength is a token after so many turns.
func BenchmarkInterviewLength(b *testing.B) {
	for _, turns := range []int{20, 250, 1100} {
		b.Run(fmt.Sprintf("after %d", turns), func(b *testing.B) {
			s := longInterview(turns)
			b.ReportAllocs()
			for b.Loop() {
				s.writes("token ")
			}
		})
	}
}
