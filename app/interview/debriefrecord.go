package interview

import (
	"slices"
	"sync"
	"time"
)

// Record keeps a whole interview, also what its State has dropped from the
// front. Observe is meant for [Options].Observe.
type Record struct {
	mu        sync.Mutex
	last      State
	turns     []Turn     // dropped from last
	questions []Question // dropped from last
	began     time.Time
}

// Observe takes the newest state in. It costs nothing while nothing is dropped.
func (r *Record) Observe(s State, ev Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.began.IsZero() {
		r.began = ev.event()
	}
	if n := s.forgotten - r.last.forgotten; n > 0 {
		r.turns = append(r.turns, r.last.Turns[:min(n, len(r.last.Turns))]...)
	}
	if r.last.Questions.Len() > 0 && (s.Questions.Len() == 0 || s.Questions.At(0).ID > r.last.Questions.At(0).ID) {
		for _, q := range r.last.Questions.All() {
			if s.Questions.Len() > 0 && q.ID >= s.Questions.At(0).ID {
				break
			}
			r.questions = append(r.questions, q)
		}
	}
	r.last = s
}

// Talk is what was said in an interview and what was suggested. Times are since
// the interview began.
type Talk struct {
	Began    time.Time
	Mode     string
	Language string // primary subtag
	Turns    []Turn
	Asked    []Asked
}

// Asked is a question with its suggested answer.
type Asked struct {
	Text      string
	At        time.Duration // when its last word was heard
	Suggested string
}

// Talk returns all that was recorded up to now.
func (r *Record) Talk() Talk {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := Talk{Began: r.began, Mode: r.last.Mode, Language: r.last.language,
		Turns: append(slices.Clip(r.turns), r.last.Turns...)}
	origin := r.last.origin
	if origin.IsZero() {
		origin = r.began
	}
	for _, q := range append(slices.Clip(r.questions), r.last.Questions.List()...) {
		t.Asked = append(t.Asked, Asked{Text: q.Text, At: max(0, q.Heard.Sub(origin)), Suggested: q.Answer.Text.String()})
	}
	return t
}
