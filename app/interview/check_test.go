package interview

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"copilot/app/groq"
)

// checked is an interview in which the answer to an assumed end of gauge is on
// screen when the question turns out to have another, and is checked.
func checked(t *testing.T, change func(*rig)) *rig {
	t.Helper()
	r := run(t, nil)
	replying("! pressure gauge in the field")(r)
	if change != nil {
		change(r)
	}
	r.heardSoFar(gauge, 6)
	r.wait(time.Second)
	r.heardSoFar(gauge, 8)
	r.heardAll(gauge)
	if s, q := r.State(), r.last(); !q.Answer.Draft || q.Text != gauge || q.Answer.Text.Len() == 0 || s.check.n == 0 || s.Latency.Answers != 0 || r.answers.count() != 2 {
		t.Fatalf("%d requests, check %+v, latency %+v, %+v", r.answers.count(), s.check, s.Latency, q)
	}
	return r
}

// An answer to another end of the question stays a draft until the model has said
// that it serves; the model is asked once, with all that it needs to know.
func TestCheckKeeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := checked(t, nil)
		ms := r.answers.requests[1].Messages
		last := ms[len(ms)-1].Content
		for _, want := range []string{
			"<assumed>\nHow do you calibrate a pressure gauge in the field\n</assumed>",
			"<answer>\n" + tenWords + "\n</answer>", "<question>\n" + gauge + "\n</question>",
		} {
			if !strings.HasPrefix(last, saidElse) || !strings.Contains(last, want) {
				t.Errorf("asked %q, without %q", last, want)
			}
		}
		r.wait(350 * time.Millisecond)
		s, q := r.State(), r.last()
		if q.Answer.Draft || q.Answer.Text.String() != tenWords || s.draft.gone != 0 || s.check.n != 0 || s.Latency.Answers != 1 {
			t.Errorf("check %+v, latency %+v, %+v", s.check, s.Latency, q)
		}
		r.wait(5 * time.Second)
		if r.answers.count() != 2 || r.answers.live() != 0 {
			t.Errorf("%d requests, %d run", r.answers.count(), r.answers.live())
		}
		r.leave()
	})
}

// When it does not serve, the right answer takes its place with its first word, and
// its request, should it still run, is cancelled at that moment.
func TestCheckReplaces(t *testing.T) {
	const right = "Against a reference that was calibrated."
	for name, verdict := range map[string]string{
		"a line of its own": "!\n" + right, "the same line": "! " + right, "spaces": " \n! \n\n" + right,
	} {
		synctest.Test(t, func(t *testing.T) {
			r := checked(t, func(r *rig) {
				r.answers.text += strings.Repeat(" word", 300)
				r.answers.verdict = verdict
			})
			draft := r.last()
			r.wait(600 * time.Millisecond)
			s, q := r.State(), r.last()
			if q.ID != draft.ID || q.Answer.Draft || q.Answer.Text.String() != right || q.Answer.Status != AnswerDone || s.Questions.Len() != 1 || s.Shown != 0 {
				t.Errorf("%s: %+v", name, q)
			}
			if s.draft.gone != 1 || s.Latency.Answers != 1 || q.Answer.FirstToken < 300*time.Millisecond || q.Answer.Final <= 0 {
				t.Errorf("%s: %d gone, latency %+v, %+v", name, s.draft.gone, s.Latency, q.Answer)
			}
			if cs := r.answers.cancels(); len(cs) != 1 || r.answers.count() != 2 || r.answers.live() != 0 {
				t.Errorf("%s: %d requests, %d cancelled", name, r.answers.count(), len(cs))
			}
			for i, st := range r.states { // never without words, never with both
				if n := st.Questions.Len(); n > 0 && i > 0 {
					if text := st.Questions.At(n - 1).Answer.Text.String(); r.states[i-1].Questions.Len() > 0 && text == "" && r.states[i-1].Questions.At(0).Answer.Text.Len() > 0 {
						t.Errorf("%s: nothing on screen", name)
					}
				}
			}
			r.leave()
		})
	}
}

// Whatever else comes of a check, and whatever the person does, the answer on screen
// stays as it is and is a draft no longer.
func TestCheckEnds(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*rig)
		act    func(*rig)
		within time.Duration
	}{
		"other words":         {change: func(r *rig) { r.answers.verdict = "I think that it fits." }, within: 350 * time.Millisecond},
		"no words":            {change: func(r *rig) { r.answers.verdict = "\n" }, within: 350 * time.Millisecond},
		"another, not said":   {change: func(r *rig) { r.answers.verdict = "!\n" }, within: 350 * time.Millisecond},
		"a failure":           {change: func(r *rig) { r.answers.verdict = "!"; r.answers.fail = failing(1, errTest) }, within: 350 * time.Millisecond},
		"a limit":             {change: func(r *rig) { r.answers.verdict = "!"; r.answers.fail = failing(1, &groq.Error{Status: 429}) }, within: 350 * time.Millisecond},
		"no reply":            {act: func(r *rig) { r.wait(checkWait) }, change: func(r *rig) { r.answers.checks = time.Hour }},
		"it is read":          {act: func(r *rig) { r.hear(transcript(candidate, r.now(), strings.Fields("Well, I led it myself"))) }},
		"the next is asked":   {act: func(r *rig) { r.Ask("Why Go?"); r.wait(0) }},
		"all is cancelled":    {act: func(r *rig) { r.press(CancelAnswer) }},
		"the person goes":     {act: func(r *rig) { r.leave() }},
		"it is asked by hand": {act: func(r *rig) { r.press(AnswerNow) }},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := checked(t, tc.change)
			if tc.act != nil {
				tc.act(r)
			}
			r.wait(tc.within)
			s := r.State()
			q := s.Questions.At(0)
			if q.Answer.Draft || s.check.n != 0 || q.Answer.Text.String() != tenWords {
				t.Errorf("%s: check %+v, %+v", name, s.check, q)
			}
			if rests := s.draft.rest.After(time.Now()); rests != (name == "a limit") {
				t.Errorf("%s: drafts rest: %v", name, rests)
			}
			if name != "the person goes" {
				r.wait(5 * time.Second)
				if r.answers.live() != 0 {
					t.Errorf("%s: %d requests run", name, r.answers.live())
				}
				r.leave()
			}
		})
	}
}

// failing makes request n fail.
func failing(n int, err error) func(int) error {
	return func(i int) error {
		if i == n {
			return err
		}
		return nil
	}
}

// What is checked, and what is not.
func TestAsksNoMore(t *testing.T) {
	for _, tc := range []struct {
		assumed, question string
		want              bool
	}{
		{"How do you calibrate a pressure gauge", "How do you calibrate a pressure gauge?", true},
		{"How do you calibrate a pressure gauge in the field", "How do you calibrate a pressure gauge?", true},
		{"How would you describe your teaching philosophy in a few sentences", "How would you describe your teaching philosophy in a couple of sentences?", true},
		{"Have you managed people", "Have you managed a budget?", false},
		{"How do you calibrate a pressure gauge", "How do you calibrate a pressure gauge without a laboratory?", false},
		{"How do you calibrate a pressure gauge", "Why do you calibrate a pressure gauge?", false},
		{"What did you do", "What did you enjoy?", false},
		{"Explain how garbage collection works", "Explain how garbage collection works in Go.", false},
		{"How did you come to Acme and what did I miss", "How did you come to Acme, and what did I miss?", true},
		{"What did you do", "What did you do then?", true},
		{"Where do you see yourself in five years", "Where do you see yourself in, let's say, five years?", true},
	} {
		if got := asksNoMore("en", tc.assumed, tc.question); got != tc.want {
			t.Errorf("%q, %q: %v", tc.assumed, tc.question, got)
		}
	}
	if asksNoMore("de", "Was ist Go", "Was ist C") || !asksNoMore("de", "Was ist Go", "Was ist Go?") {
		t.Error("German")
	}
}

// Whatever a model writes, in whatever pieces, the answer on screen stays or is the
// one that it wrote, and once the request is over it is no draft.
func FuzzVerdict(f *testing.F) {
	f.Add("=", 1)
	f.Add("!\nI do it.", 3)
	f.Add(" \r\n!\r\n- one\n- two", 1)
	f.Add("!!\n=", 1)
	f.Add("Yes, it does.", 4)
	f.Add("!\t", 1)
	f.Add("", 1)
	f.Fuzz(func(t *testing.T, reply string, piece int) {
		s := newState(Options{}).Apply(SessionBegan{testBegan})
		s = s.Apply(Heard{testBegan, transcript(interviewer, 0, strings.Fields("How do you calibrate a pressure"))})
		s = s.Apply(DeltaCame{testBegan, s.hunch.n, "! pressure gauge in the field\nBy hand."})
		whole := transcript(interviewer, 0, strings.Fields(gauge))
		whole.Final, whole.SpeechFinal = true, true
		s = s.Apply(Heard{testBegan, whole})
		n := s.check.n
		if n == 0 {
			t.Fatal("no check")
		}
		for rest, piece := reply, max(piece, 1); rest != ""; {
			k := min(piece, len(rest))
			s = s.Apply(DeltaCame{testBegan, n, rest[:k]})
			rest = rest[k:]
		}
		s = s.Apply(AnswerEnded{testBegan, n, groq.Result{}, nil})
		q := s.Questions.At(0)
		text := q.Answer.Text.String()
		if kept := text == "By hand."; q.Answer.Draft || s.check.n != 0 || s.Questions.Len() != 1 || !kept && (text == "" || !strings.HasSuffix(reply, text)) {
			t.Errorf("%q: %+v", reply, q)
		}
	})
}
