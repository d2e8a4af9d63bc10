package interview

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"copilot/app/groq"
)

// lane is one of the two requests of a race.
type lane struct {
	first time.Duration // until its first word; another follows after a second
	err   error         // instead of words
	limit bool          // it is told to wait and try again
}

// lanes answers the first request as the first lane says, and so on.
type lanes struct {
	lanes     []lane
	n         atomic.Int32
	cancelled [2]atomic.Int64 // nanoseconds since the race began
	began     time.Time
}

func (l *lanes) Complete(ctx context.Context, r groq.Request, delta func(string)) (groq.Result, error) {
	i := l.n.Add(1) - 1
	me := l.lanes[i]
	if me.limit {
		r.Retrying("a limit")
	}
	name := string(rune('a' + i))
	for k, wait := range []time.Duration{me.first, time.Second} {
		select {
		case <-ctx.Done():
			l.cancelled[i].Store(int64(time.Since(l.began)) + 1)
			return groq.Result{}, ctx.Err()
		case <-time.After(wait):
		}
		if me.err != nil {
			return groq.Result{}, me.err
		}
		delta(name + string(rune('0'+k)))
	}
	return groq.Result{Text: name, Model: name}, nil
}

// The first to speak is taken, all of it, and the other cancelled at that moment; an
// answer that fails loses against one that does not.
func TestRace(t *testing.T) {
	const ms = time.Millisecond
	for name, tc := range map[string]struct {
		lanes         []lane
		text          string
		fails         bool
		lost          int // the lane that is cancelled; -1: none
		lostAt, takes time.Duration
	}{
		"the first is faster":        {lanes: []lane{{first: 100 * ms}, {first: 130 * ms}}, text: "a0a1", lost: 1, lostAt: 100 * ms, takes: 1100 * ms},
		"the second is faster":       {lanes: []lane{{first: 130 * ms}, {first: 100 * ms}}, text: "b0b1", lost: 0, lostAt: 100 * ms, takes: 1100 * ms},
		"the first fails":            {lanes: []lane{{first: 50 * ms, err: errTest}, {first: 100 * ms}}, text: "b0b1", lost: -1, takes: 1100 * ms},
		"the second fails":           {lanes: []lane{{first: 100 * ms}, {first: 50 * ms, err: errTest}}, text: "a0a1", lost: -1, takes: 1100 * ms},
		"both fail":                  {lanes: []lane{{first: 50 * ms, err: errTest}, {first: 100 * ms, err: errTest}}, fails: true, lost: -1, takes: 100 * ms},
		"the loser would fail later": {lanes: []lane{{first: 100 * ms}, {first: 200 * ms, err: errTest}}, text: "a0a1", lost: 1, lostAt: 100 * ms, takes: 1100 * ms},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := &lanes{lanes: tc.lanes, began: time.Now()}
			var text strings.Builder
			result, err := race(t.Context(), l, groq.Request{Retrying: func(string) {}}, func(s string) { text.WriteString(s) })
			if (err != nil) != tc.fails || text.String() != tc.text || !tc.fails && result.Model != tc.text[:1] {
				t.Errorf("%s: %q, %+v, %v", name, text.String(), result, err)
			}
			if d := time.Since(l.began); d != tc.takes {
				t.Errorf("%s: took %v", name, d)
			}
			for i := range l.cancelled {
				at := l.cancelled[i].Load()
				if want := i == tc.lost; want != (at != 0) || want && time.Duration(at-1) != tc.lostAt {
					t.Errorf("%s: request %d cancelled at %v", name, i, time.Duration(at-1))
				}
			}
		})
	}
	// Where both meet a limit, the second gives up and the person hears of the first's.
	synctest.Test(t, func(t *testing.T) {
		l := &lanes{lanes: []lane{{first: 100 * ms, limit: true}, {first: 100 * ms, limit: true}}, began: time.Now()}
		var text strings.Builder
		told := 0
		_, err := race(t.Context(), l, groq.Request{Retrying: func(string) { told++ }}, func(s string) { text.WriteString(s) })
		if gone := l.cancelled[0].Load() + l.cancelled[1].Load(); err != nil || told != 1 || text.Len() != 4 || gone != 1 {
			t.Errorf("limits: %v, told %d times, %q, cancelled at %v", err, told, text.String(), gone)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		l := &lanes{lanes: []lane{{first: time.Hour}, {first: time.Hour}}, began: time.Now()}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := race(ctx, l, groq.Request{}, func(string) {}); err == nil || l.cancelled[0].Load() == 0 || l.cancelled[1].Load() == 0 {
			t.Errorf("left: %v", err)
		}
	})
}

// Only what nothing was begun ahead for is sent twice, only where it may be, and not
// while there is a limit; all within a budget.
func TestRaces(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Options)
		before func(*rig)
		want   int
	}{
		"hosted":       {change: func(o *Options) { o.Race = true }, want: 2},
		"own key":      {change: func(o *Options) {}, want: 1},
		"no drafts":    {change: func(o *Options) { o.Race, o.NoDrafts = true, true }, want: 1},
		"begun ahead":  {change: func(o *Options) { o.Race = true }, before: func(r *rig) { replying("? pressure gauge without a laboratory")(r); r.heardSoFar(gauge, 6) }, want: 1},
		"after a 429":  {change: func(o *Options) { o.Race = true }, before: func(r *rig) { limited(r) }, want: 1},
		"by hand, too": {change: func(o *Options) { o.Race, o.Manual = true, true }, want: 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, tc.change)
			if tc.before != nil {
				tc.before(r)
				r.wait(time.Second)
				r.answers.text = strings.TrimPrefix(r.answers.text, "?!")
			}
			before := r.answers.count()
			if name == "begun ahead" {
				before = 0
			}
			question := "Why Go?" // too short for a hunch
			if name == "begun ahead" {
				question = gauge
			}
			r.says(interviewer, question)
			if name == "by hand, too" {
				r.press(AnswerNow)
			}
			r.wait(5 * time.Second)
			if n := r.answers.count() - before; n != tc.want || r.answers.live() != 0 {
				t.Errorf("%s: %d requests, %d still run", name, n, r.answers.live())
			}
			if q := r.last(); q.Answer.Status != AnswerDone || q.Answer.Text.String() != tenWords {
				t.Errorf("%s: %+v", name, q.Answer)
			}
			r.leave()
		})
	}
	late := newState(Options{Race: true}).Apply(SessionBegan{testBegan}).Apply(Typed{testBegan, "Why Go?"})
	if !late.wanted.twice {
		t.Error("a typed question is not raced")
	}
	if late = late.Apply(AnswerRetried{testBegan, late.wanted.n, "Busy."}); late.mayRace(Question{Manual: true}) {
		t.Error("raced although the server is busy")
	}
	s := State{race: true, drafts: true}
	for n := range 200 {
		s.ids, s.orders = n+1, s.orders+1
		if s.mayRace(Question{Manual: true}) {
			s.orders++
		}
		if limit := 1.6*float64(n+1) + advance; float64(s.orders) > limit {
			t.Fatalf("%d requests for %d questions", s.orders, n+1)
		}
	}
}

// However hunches, races and checks take turns, there are at most 1.6 requests a question.
func TestRequestsStayWithinTheBudget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := State{race: true, drafts: true}
		for range rapid.IntRange(1, 30).Draw(t, "phases") {
			hunches, race, check := rapid.IntRange(0, maxHunches).Draw(t, "hunches"), rapid.Bool().Draw(t, "race"), rapid.Bool().Draw(t, "check")
			for range rapid.IntRange(1, 40).Draw(t, "questions") {
				for i := 0; i < hunches && s.affordable(); i++ {
					s.orders++
				}
				s.ids, s.orders = s.ids+1, s.orders+1
				if race && s.mayRace(Question{Manual: true}) {
					s.orders++
				}
				if check && s.spare(checkBudget) {
					s.orders++
				}
				if limit := 1.6*float64(s.ids) + advance; float64(s.orders) > limit {
					t.Fatalf("%d requests for %d questions", s.orders, s.ids)
				}
			}
		}
	})
}

// limited makes a hunch meet a limit.
func limited(r *rig) {
	r.answers.fail = func(n int) error {
		if n == 0 {
			return &groq.Error{Status: 429}
		}
		return nil
	}
	r.answers.text = "?!" // it ends before its opening does
	r.heardSoFar("How do you season a steel pan", 6)
	r.wait(time.Second)
	r.heardAll("Okay, thank you, great.")
}
