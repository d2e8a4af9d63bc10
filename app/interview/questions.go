package interview

import (
	"iter"
	"slices"
)

// Questions is a list of questions, oldest first. It is a value that never
// changes. The newest is kept apart, because it is the one that is written to,
// at each piece of its answer: what that takes does not rise with the number of
// questions.
type Questions struct {
	older []Question // shared by many lists, only ever read
	last  *Question  // as the older ones; nil: there are none at all
}

// QuestionsOf returns the list of qs.
func QuestionsOf(qs ...Question) (list Questions) {
	if n := len(qs); n > 0 {
		last := qs[n-1]
		list = Questions{slices.Clone(qs[:n-1]), &last}
	}
	return list
}

// Len returns the number of questions.
func (l Questions) Len() int {
	if l.last == nil {
		return 0
	}
	return len(l.older) + 1
}

// At returns question i; the newest is Len()-1.
func (l Questions) At(i int) Question {
	if i == len(l.older) {
		return *l.last
	}
	return l.older[i]
}

// All yields the questions and their places.
func (l Questions) All() iter.Seq2[int, Question] {
	return func(yield func(int, Question) bool) {
		for i := range l.Len() {
			if !yield(i, l.At(i)) {
				return
			}
		}
	}
}

// List returns the questions in a slice of the caller's own.
func (l Questions) List() []Question {
	if l.last == nil {
		return nil
	}
	return append(slices.Clip(l.older), *l.last)
}

// Settled returns the list without the draft that may be the newest.
func (l Questions) Settled() Questions {
	if l.last != nil && l.last.Answer.Draft {
		return l.without()
	}
	return l
}

// With returns the list with question i changed.
func (l Questions) With(i int, change func(*Question)) Questions {
	if i < len(l.older) {
		l.older = slices.Clone(l.older)
		change(&l.older[i])
		return l
	}
	q := *l.last
	change(&q)
	l.last = &q
	return l
}

// and returns the list with one more question.
func (l Questions) and(q Question) Questions { return Questions{l.List(), &q} }

// without returns the list without the newest question.
func (l Questions) without() Questions {
	n := len(l.older)
	if n == 0 {
		return Questions{}
	}
	return Questions{l.older[: n-1 : n-1], &l.older[n-1]}
}

// from returns the list without its oldest n questions; one is left at least.
func (l Questions) from(n int) Questions { return Questions{slices.Clone(l.older[n:]), l.last} }
