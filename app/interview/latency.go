package interview

import (
	"slices"
	"time"
)

// Latency says how soon the first words of this session's answers were there,
// after the last word of their questions was heard. Answers asked for by hand
// do not count.
type Latency struct {
	Answers  int
	P50, P95 time.Duration
}

// maxTimed bounds the answers that Latency is made of, the newest.
const maxTimed = 200

// What a stage of an answer may take before it is named as the slow one.
const (
	hearingBudget  = 350 * time.Millisecond
	thinkingBudget = 400 * time.Millisecond
	writingBudget  = 2500 * time.Millisecond
)

// Slow names the stage that the answer lost most time in: "hearing" (from the
// question's last word to its final transcript), "thinking" (to the answer's
// first word), "writing" (to its end), or "" when every stage was in time.
func (a Answer) Slow() string {
	name, worst := "", 1.0
	for _, stage := range []struct {
		name         string
		took, budget time.Duration
	}{
		{"hearing", a.Final, hearingBudget},
		{"thinking", a.FirstToken - a.Final, thinkingBudget},
		{"writing", a.Done - a.FirstToken, writingBudget},
	} {
		if over := float64(stage.took) / float64(stage.budget); over > worst {
			name, worst = stage.name, over
		}
	}
	return name
}

// clocked works an answer's times out of when things happened: its question's
// last word may have become known after its first.
func (s State) clocked(id int) State {
	q := s.Questions.At(s.index(id))
	since := func(t time.Time) time.Duration {
		if t.IsZero() {
			return 0
		}
		return max(t.Sub(q.Heard), 0)
	}
	return s.edit(id, func(a *Answer) {
		a.Final, a.FirstToken, a.Done = since(a.final), since(a.first), since(a.ended)
	})
}

// timed counts an answer that has its first word in.
func (s State) timed(q Question) State {
	if q.Manual || q.Answer.Draft || q.Answer.first.IsZero() {
		return s
	}
	s.firsts = latest(append(slices.Clip(s.firsts), q.Answer.FirstToken), maxTimed)
	sorted := slices.Sorted(slices.Values(s.firsts))
	n := len(sorted)
	s.Latency = Latency{Answers: s.Latency.Answers + 1, P50: sorted[n/2], P95: sorted[n*95/100]}
	return s
}
