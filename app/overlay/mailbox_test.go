package overlay

import (
	"testing"
	"time"

	"copilot/app/interview"
)

// The clock alone does not get in the way of an answer's next word, which takes
// it along; when nothing else comes it is drawn. Two states that happen to meet
// are both drawn at once, a third waits for its frame.
func TestClockWaitsForTheNextWord(t *testing.T) {
	now := time.Unix(1000, 0)
	w := &Window{now: func() time.Time { return now }}
	m := &w.mailbox
	show := func(after time.Duration, v view) bool {
		now = now.Add(after)
		if !w.accept(interview.State{}, v) {
			return false
		}
		m.waiting, m.before, m.last = false, m.last, now
		return true
	}
	if !show(0, view{dropped: 1}) {
		t.Error("the first is not drawn")
	}
	if show(100*time.Millisecond, view{dropped: 1, elapsed: time.Second}) {
		t.Error("the clock is drawn right after something else")
	}
	if !show(10*time.Millisecond, view{dropped: 2, elapsed: time.Second}) || m.view.elapsed != time.Second {
		t.Error("the next state does not take the clock along")
	}
	if !show(clockRests, view{dropped: 2, elapsed: 2 * time.Second}) {
		t.Error("the clock stands still")
	}
	if !show(time.Millisecond, view{dropped: 3, elapsed: 2 * time.Second}) {
		t.Error("a word right after the clock waits")
	}
	if show(time.Millisecond, view{dropped: 4, elapsed: 2 * time.Second}) {
		t.Error("three in a frame")
	}
	m.late.Stop()
}
