package interview

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"copilot/app/groq"
)

// gauge is a question whose end no list knows.
const gauge = "How do you calibrate a pressure gauge without a laboratory?"

// replying makes the answerer begin with the line that a hunch is answered with.
func replying(line string) func(*rig) {
	return func(r *rig) { r.answers.text = line + "\nI led it myself and we shipped in six weeks." }
}

// What is asked for before the end of a question, and what is not.
func TestShaped(t *testing.T) {
	for text, want := range map[string]bool{
		"How do you calibrate a pressure":                             true,
		"Great, thank you. How do you calibrate a pressure":           true,
		"A server goes down at night and you are on call. How do you": true,
		"How do you":                                false,
		"How do you calibrate":                      false,
		"Suppose you have a hundred gigabytes":      false, // the question is still to come
		"We have a hundred engineers in two cities": false,
		"": false,
	} {
		if got := shaped("en", text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if shaped("de", "Wie kalibrieren Sie ein Manometer") {
		t.Error("German cannot be compared")
	}
}

func TestEndedWith(t *testing.T) {
	for _, tc := range [][3]string{
		{"How do you calibrate a pres", "pressure gauge", "How do you calibrate a pressure gauge"},
		{"How do you calibrate a pressure", "gauge", "How do you calibrate a pressure gauge"},
		{"How do you calibrate a pressure", "pressure", "How do you calibrate a pressure"},
		{"How do you calibrate a pressure", "", "How do you calibrate a pressure"},
		{"Why", "Why us", "Why us"},
	} {
		if got := endedWith(tc[0], tc[1]); got != tc[2] {
			t.Errorf("%q and %q: %q", tc[0], tc[1], got)
		}
	}
}

// A hunch is unseen until the words have asked for it, and then it is there
// without another request.
func TestHunchUnseen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, nil)
		replying("? pressure gauge without a laboratory")(r)
		r.heardSoFar(gauge, 6)
		if r.answers.count() != 1 {
			t.Fatalf("%d requests", r.answers.count())
		}
		ms := r.answers.requests[0].Messages
		if last := ms[len(ms)-1].Content; !strings.HasPrefix(last, saidHalf) || !strings.HasSuffix(last, "<question>\nHow do you calibrate a pressure\n</question>") {
			t.Errorf("asked %q", last)
		}
		r.wait(600 * time.Millisecond)
		if s := r.State(); s.Questions.Len() != 0 || s.Phase != Listening || s.hunch.text != strings.TrimSuffix(gauge, "?") || s.hunch.reply.Len() == 0 {
			t.Errorf("%d questions, %v, hunch %+v", s.Questions.Len(), s.Phase, s.hunch)
		}
		r.heardAll(gauge)
		q := r.last()
		if q.Answer.Draft || q.Text != gauge || q.Answer.Text.Len() == 0 || q.Answer.FirstToken <= 0 || q.Answer.FirstToken > 350*time.Millisecond {
			t.Errorf("%+v", q)
		}
		r.wait(5 * time.Second)
		if q := r.last(); r.answers.count() != 1 || q.Answer.Text.String() != tenWords || q.Answer.Status != AnswerDone || q.Answer.Model != "fake" {
			t.Errorf("%d requests, %+v", r.answers.count(), q.Answer)
		}
		r.leave()
	})
}

// When the model is sure, the answer is a draft as soon as it has a word, and stays
// when what was assumed is asked.
func TestHunchSure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, nil)
		replying("! pressure gauge in the field")(r)
		r.heardSoFar(gauge, 6)
		r.wait(500 * time.Millisecond)
		if q := r.last(); !q.Answer.Draft || q.Text != "How do you calibrate a pressure gauge in the field" || q.Answer.Text.Len() == 0 {
			t.Fatalf("%+v", q)
		}
		const whole = "How do you calibrate a pressure gauge in the field, please?"
		r.heardSoFar(whole, 8)
		r.heardAll(whole)
		if q := r.last(); q.Answer.Draft || q.Text != whole || r.State().draft.gone != 0 {
			t.Errorf("%+v", q)
		}
		r.wait(5 * time.Second)
		if q := r.last(); r.answers.count() != 1 || q.Answer.Text.String() != tenWords {
			t.Errorf("%d requests, %+v", r.answers.count(), q.Answer)
		}
		r.leave()
	})
}

// Whatever a model writes, in whatever pieces, a hunch is of the words that were
// heard, or gone.
func FuzzOpening(f *testing.F) {
	f.Add("! pressure gauge\nI do it.", 5)
	f.Add("+ pressure\r\n\r\n- one", 1)
	f.Add("?\n", 1)
	f.Add("!? \x00\n", 2)
	f.Add("You calibrate it.", 3)
	f.Add("\n\n! "+strings.Repeat("a ", 600)+"\n", 90)
	const words = "How do you calibrate a pressure"
	f.Fuzz(func(t *testing.T, reply string, piece int) {
		s := newState(Options{}).Apply(SessionBegan{testBegan})
		s = s.Apply(Heard{testBegan, transcript(interviewer, 0, strings.Fields(words))})
		n := s.hunch.n
		if n == 0 {
			t.Fatal("no hunch")
		}
		reply = reply[:min(len(reply), 4*maxOpening)]
		for piece = max(piece, 1); reply != ""; {
			k := min(piece, len(reply))
			s = s.Apply(DeltaCame{testBegan, n, reply[:k]})
			reply = reply[k:]
		}
		h, line := s.hunch, strings.TrimLeft(s.hunch.reply.String(), " \r\n")
		if h.text != "" && !strings.HasPrefix(h.text, "How do you calibrate a ") || h.n != 0 && h.text == "" && len(line) > maxOpening {
			t.Errorf("%+v", h)
		}
		if s.Questions.Len() == 1 && !strings.HasPrefix(s.Questions.At(0).Text, "How do you calibrate a ") {
			t.Errorf("asked %q", s.Questions.At(0).Text)
		}
	})
}

// A hunch that the words speak against is cancelled at once, unseen; so is one
// whose reply has not the form.
func TestHunchGone(t *testing.T) {
	for name, line := range map[string]string{
		"another question": "? pressure cooker",
		"sure of another":  "! pressure cooker",
		"no form":          "You calibrate it.",
	} {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, nil)
			replying(line)(r)
			r.answers.text += strings.Repeat(" word", 300)
			r.heardSoFar("How do you calibrate a pressure", 6)
			r.wait(310 * time.Millisecond)
			const whole = "How do you calibrate a pressure and then sign off the torque wrenches and their certificates?"
			r.heardSoFar(whole, 12)
			if live := r.answers.live(); name != "no form" && live > 1 {
				t.Errorf("%s: %d requests run", name, live)
			}
			r.heardAll(whole)
			r.wait(10 * time.Second)
			if r.last().Text != whole || r.State().Questions.Len() != 1 {
				t.Errorf("%s: questions %q", name, r.questions())
			}
			r.leave()
		})
	}
}

// Words that may be all are answered as such, so that their final finds an
// answer that was begun.
func TestHunchOnPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, func(o *Options) { o.Source = speaking([2]time.Duration{time.Second, 2 * time.Second}) })
		r.wait(1820 * time.Millisecond) // 2.02 s
		words := strings.Fields("What is a flywheel?")
		r.hear(transcript(interviewer, time.Second, words))
		r.wait(80 * time.Millisecond)
		if r.answers.count() != 1 || r.State().Questions.Len() != 0 {
			t.Fatalf("%d requests, %d questions", r.answers.count(), r.State().Questions.Len())
		}
		if ms := r.answers.requests[0].Messages; !strings.HasPrefix(ms[len(ms)-1].Content, saidNow) {
			t.Errorf("asked %q", ms[len(ms)-1].Content)
		}
		f := transcript(interviewer, time.Second, words)
		f.Final, f.Finalized = true, true
		r.hear(f)
		r.wantQuestions("What is a flywheel?")
		r.wait(5 * time.Second)
		if r.answers.count() != 1 || r.last().Answer.Text.String() != tenWords {
			t.Errorf("%d requests, %+v", r.answers.count(), r.last().Answer)
		}
		r.leave()
	})
}

// Nobody waits for a hunch at the end, and what switches drafts off, or makes them
// vanish, does so with hunches.
func TestHunchVanishes(t *testing.T) {
	for name, act := range map[string]func(*rig){
		"pause":  func(r *rig) { r.press(Pause) },
		"clear":  func(r *rig) { r.press(Clear) },
		"cancel": func(r *rig) { r.press(CancelAnswer) },
		"manual": func(r *rig) { r.press(AutoOff) },
		"skip":   func(r *rig) { r.heardAll("Okay, thank you, great.") },
		"leave":  func(r *rig) { r.leave() },
	} {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, nil)
			r.answers.text = "? pressure gauge\n" + strings.Repeat("word ", 500)
			r.heardSoFar(gauge, 6)
			r.wait(400 * time.Millisecond)
			act(r)
			r.wait(time.Millisecond)
			if s := r.State(); r.answers.live() != 0 || s.hunch.n != 0 || s.Questions.Len() != 0 {
				t.Errorf("%s: %d requests run, hunch %+v, questions %q", name, r.answers.live(), s.hunch, r.questions())
			}
			if name != "leave" {
				r.leave()
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		r := run(t, func(o *Options) { o.NoDrafts = true })
		r.heardSoFar(gauge, 6)
		r.wait(time.Second)
		if r.answers.count() != 0 {
			t.Error("a hunch without drafts")
		}
		r.leave()
	})
}

// At a limit there are no hunches for a while.
func TestHunchRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, nil)
		r.answers.fail = func(int) error { return &groq.Error{Status: 429} }
		r.answers.text = "?"
		r.heardSoFar(gauge, 6)
		r.wait(time.Second)
		r.heardSoFar(gauge, 8)
		if s := r.State(); r.answers.count() != 1 || s.hunch.n != 0 || !s.draft.rest.After(time.Now()) {
			t.Errorf("%d requests, hunch %+v", r.answers.count(), s.hunch)
		}
		r.leave()
	})
}

// Hunches have a budget over the interview, and a model that is often sure and
// wrong is not believed any more.
func TestHunchBudget(t *testing.T) {
	s := State{}
	for n := range 200 {
		s.ids, s.orders = n, n
		for s.affordable() {
			s.orders++ // a hunch for nothing
		}
		s.orders++ // the answer
		if limit := 1.6*float64(n+1) + advance; float64(s.orders) > limit {
			t.Fatalf("%d requests for %d questions", s.orders, n+1)
		}
	}
	for _, tc := range []struct {
		mark      string
		gone, ids int
		want      bool
	}{{"!", 0, 0, true}, {"!", 2, 9, false}, {"!", 2, 10, true}, {"+", 2, 10, false}, {"+", 2, 20, true}, {"?", 0, 0, false}} {
		s.draft.gone, s.ids = tc.gone, tc.ids
		if got := s.believes(hunch{mark: tc.mark}); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
}
