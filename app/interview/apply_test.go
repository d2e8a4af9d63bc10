package interview

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"copilot/app/deepgram"
	"copilot/app/groq"
	"copilot/audio"
)

var testBegan = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

// copied is a state as it was, sharing nothing with it.
type copied struct {
	shown     State
	texts     []string
	turns     []Turn
	questions []Question
}

func snapshot(s State) copied {
	c := copied{shown: s, turns: slices.Clone(s.Turns), questions: s.Questions.List()}
	for _, q := range s.Questions.All() {
		c.texts = append(c.texts, q.Answer.Text.String())
	}
	return c
}

func (c copied) same(s State) bool { return reflect.DeepEqual(c, snapshot(s)) }

// sayings are what both sides may say: questions, noises, cut-off halves.
var sayings = []string{"Hello.", "What is a mutex?", "Tell me about a time you", "How do you calibrate a pressure gauge?", "How do you calibrate a pressure", "failed at work.", "You mentioned Kafka.",
	"Mhm.", "And why?", "I used Kafka for three years at Acme.", "so", "Give me one second.", "How would you design a queue and"}

// aStory draws a sequence of events as a hostile world might send it.
func aStory(t *rapid.T) []Event {
	at := testBegan
	var story []Event
	audioAt := time.Duration(0)
	if rapid.Bool().Draw(t, "hunch") {
		story = append(story, Heard{at, transcript(interviewer, 0, strings.Fields("How do you calibrate a pressure"))},
			DeltaCame{at, 0, rapid.SampledFrom([]string{"! gauge\n", "+ gauge\n", "? gauge\nA ", "! gauge in the field\nA ", "Well, ", "!"}).Draw(t, "opening")})
		if rapid.Bool().Draw(t, "check") {
			whole := transcript(interviewer, 0, strings.Fields(gauge))
			whole.Final, whole.SpeechFinal = true, true
			story = append(story, Heard{at, whole})
		}
	}
	for range rapid.IntRange(1, 60).Draw(t, "events") {
		at = at.Add(time.Duration(rapid.IntRange(-50, 2500).Draw(t, "ms")) * time.Millisecond)
		c := audio.Channel(rapid.IntRange(0, 1).Draw(t, "channel"))
		audioAt += time.Duration(rapid.IntRange(0, 1500).Draw(t, "sound")) * time.Millisecond
		order := rapid.IntRange(0, 8).Draw(t, "order")
		switch rapid.IntRange(0, 12).Draw(t, "kind") {
		case 0, 1, 2, 3:
			tr := transcript(c, max(0, audioAt-2*time.Second), strings.Fields(rapid.SampledFrom(sayings).Draw(t, "text")))
			tr.Final = rapid.Bool().Draw(t, "final")
			tr.SpeechFinal = tr.Final && rapid.Bool().Draw(t, "speech final")
			tr.Finalized = tr.Final && rapid.Bool().Draw(t, "finalized")
			story = append(story, Heard{at, tr})
		case 4:
			story = append(story, Heard{at, deepgram.UtteranceEnd{Channel: c, LastWordEnd: audioAt}})
		case 5:
			story = append(story, DeltaCame{at, order, rapid.SampledFrom([]string{"", "I ", "led it ", "- **once** ", "! mutex\n", "? lock\n", "=", "!\nNo. "}).Draw(t, "delta")})
		case 6:
			var err error
			if rapid.Bool().Draw(t, "fails") {
				err = errTest
			}
			story = append(story, AnswerEnded{at, order, groq.Result{Text: "Whole.", Model: "m"}, err})
		case 7:
			story = append(story, Pressed{at, Command(rapid.IntRange(0, int(CancelAnswer)).Draw(t, "command"))})
		case 8:
			story = append(story, TimePassed{at})
		case 9:
			story = append(story, LevelHeard{At: at, Level: [2]float64{0.5, 0.1}, Origin: testBegan})
		case 10:
			story = append(story, Heard{at, deepgram.Status{State: deepgram.State(rapid.IntRange(0, 3).Draw(t, "link"))}})
		case 11:
			story = append(story, AnswerRetried{at, order, "Trying again."})
		case 12:
			story = append(story, rapid.SampledFrom([]Event{
				Heard{at, deepgram.Gap{Start: audioAt, End: audioAt + time.Second}}, Heard{at, deepgram.SpeechStarted{Channel: c, At: audioAt}},
				LaneChanged{at, audio.LaneStatus{Channel: c, Advice: "Plug it in."}}, SessionBegan{at}, HearingEnded{At: at}, SourceEnded{At: at},
			}).Draw(t, "rare"))
		}
	}
	return story
}

// steer gives deltas and ends the order that runs, most of the time: else
// random numbers would rarely meet it.
func steer(s State, ev Event, i int) Event {
	if i%4 == 0 {
		return ev
	}
	order := s.requests()[0].n
	if s.check.n != 0 && i%4 == 1 {
		order = s.check.n
	}
	switch e := ev.(type) {
	case DeltaCame:
		e.Order = order
		return e
	case AnswerEnded:
		e.Order = order
		return e
	}
	return ev
}

// Apply is pure: earlier states stay as they are, and the same events give the
// same state. An answer's text only grows, unless the question itself grew, or
// the answer was a draft.
func TestApplyIsPure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		story := aStory(t)
		s := newState(Options{}).Apply(SessionBegan{testBegan})
		states, copies := []State{s}, []copied{snapshot(s)}
		for i, ev := range story {
			story[i] = steer(s, ev, i)
			s = s.Apply(story[i])
			states, copies = append(states, s), append(copies, snapshot(s))
		}
		again := newState(Options{}).Apply(SessionBegan{testBegan})
		for _, ev := range story {
			again = again.Apply(ev)
		}
		if !copies[len(copies)-1].same(again) {
			t.Fatal("the same events gave another state")
		}
		for i := range states {
			if !copies[i].same(states[i]) {
				t.Fatalf("state %d changed after it was made", i)
			}
			invariants(t, states[i])
			if i > 0 {
				grows(t, states[i-1], states[i])
			}
		}
	})
}

// invariants are what the window, the terminal and the loop rely on.
func invariants(t *rapid.T, s State) {
	if s.Shown < -1 || s.Shown >= s.Questions.Len() {
		t.Fatalf("shown %d of %d questions", s.Shown, s.Questions.Len())
	}
	for i, q := range s.Questions.All() {
		if q.ID != s.Questions.At(0).ID+i || s.index(q.ID) != i {
			t.Fatalf("question %d has ID %d, found at %d", i, q.ID, s.index(q.ID))
		}
		runs := s.wanted.n != 0 && s.wanted.id == q.ID
		if open := q.Answer.Status <= AnswerStreaming; open != runs {
			t.Fatalf("question %d of %d: status %v, running %v", i, s.Questions.Len(), q.Answer.Status, runs)
		}
	}
	if s.hunch.n != 0 && (s.wanted.n != 0 || s.draft.id != 0) {
		t.Fatal("a hunch beside an answer")
	}
	if c := s.check; c.n != 0 && (s.hunch.n != 0 || s.draft.id != 0 || !s.Questions.At(s.index(s.ids)).Answer.Draft) {
		t.Fatalf("a check of question %d, hunch %d, draft %d", s.ids, s.hunch.n, s.draft.id)
	}
	if s.over && (s.requests() != [2]order{} || !s.deadline().IsZero()) {
		t.Fatal("something goes on after the end")
	}
}

func grows(t *rapid.T, before, after State) {
	for _, q := range before.Questions.All() {
		i := slices.IndexFunc(after.Questions.List(), func(p Question) bool { return p.ID == q.ID })
		if i < 0 {
			if q.Answer.Draft || q.ID < after.Questions.At(0).ID {
				continue
			}
			t.Fatalf("question %d is gone", q.ID)
		}
		old, now := q.Answer.Text.String(), after.Questions.At(i).Answer.Text.String()
		if !strings.HasPrefix(now, old) && !q.Answer.Draft {
			t.Fatalf("answer %d was %q and is %q", q.ID, old, now)
		}
	}
}

// A deadline that is reached is dealt with: TimePassed never leaves it behind.
func TestDeadlinesPass(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newState(Options{}).Apply(SessionBegan{testBegan})
		for i, ev := range aStory(t) {
			s = s.Apply(steer(s, ev, i))
			for n := 0; ; n++ {
				due := s.deadline()
				if due.IsZero() || due.After(s.now) {
					break
				}
				if n == 5 {
					t.Fatalf("the deadline %v stays", due.Sub(testBegan))
				}
				s = s.Apply(TimePassed{s.now})
			}
		}
	})
}

// N8: finals that come twice, in the wrong order, empty or without words make
// one utterance, once.
func TestN8_DuplicateReorderedEmptyFinals(t *testing.T) {
	words := strings.Fields("Tell me about a time when you failed. What did you learn?")
	part := func(from, to int) deepgram.Transcript {
		p := transcript(interviewer, time.Duration(from)*250*time.Millisecond, words[from:to])
		p.Final = true
		return p
	}
	empty := deepgram.Transcript{Channel: interviewer, Final: true, Start: 3 * time.Second, End: 3 * time.Second}
	closing := empty
	closing.SpeechFinal = true
	interim := part(5, 9)
	interim.Final = false
	for name, evs := range map[string][]deepgram.Event{
		"in order":                 {part(0, 4), part(4, 9), part(9, 12), closing},
		"each twice":               {part(0, 4), part(0, 4), part(4, 9), part(4, 9), part(9, 12), part(9, 12), closing, closing},
		"reordered":                {part(4, 9), part(0, 4), part(9, 12), closing},
		"backwards":                {part(9, 12), part(4, 9), part(0, 4), closing},
		"empty between":            {empty, part(0, 4), empty, part(4, 9), part(9, 12), empty, closing, empty},
		"speech_final alone first": {closing, part(0, 4), part(4, 9), part(9, 12), closing},
		"a straggling interim":     {part(0, 4), part(4, 9), interim, part(9, 12), closing, interim},
		"all again afterwards":     {part(0, 4), part(4, 9), part(9, 12), closing, part(0, 4), part(4, 9), part(9, 12), closing},
	} {
		t.Run(name, func(t *testing.T) {
			s := newState(Options{}).Apply(SessionBegan{testBegan})
			for i, ev := range evs {
				s = s.Apply(Heard{testBegan.Add(3*time.Second + time.Duration(i)*10*time.Millisecond), ev})
			}
			want := strings.Join(words, " ")
			if len(s.Turns) != 1 || s.Turns[0].Text != want {
				t.Errorf("turns %+v", s.Turns)
			}
			if s.Questions.Len() != 1 || s.Questions.At(0).Text != want || s.orders != 1 {
				t.Errorf("%d orders, questions %+v", s.orders, s.Questions)
			}
			if c := s.Captions[interviewer]; c.Final != want || c.Interim != "" {
				t.Errorf("caption %+v", c)
			}
		})
	}
}

// A5: both talk at once, and the microphone hears the loudspeaker: only the
// interviewer's channel is answered, and the echo is nobody's words.
func TestA5_BothTalkAndEcho(t *testing.T) {
	question := strings.Fields("So what would you say is your biggest weakness?")
	say := func(c audio.Channel, from time.Duration, text []string) deepgram.Transcript {
		f := transcript(c, from, text)
		f.Final, f.SpeechFinal = true, true
		return f
	}
	for name, tc := range map[string]struct {
		evs       []deepgram.Event
		questions []string
		turns     []string
	}{
		"both at once": {
			[]deepgram.Event{say(candidate, 900*time.Millisecond, strings.Fields("Sorry could I just add why I left there?")), say(interviewer, time.Second, question)},
			[]string{"So what would you say is your biggest weakness?"},
			[]string{"candidate: Sorry could I just add why I left there?", "interviewer: So what would you say is your biggest weakness?"},
		},
		"echo after": {
			[]deepgram.Event{say(interviewer, time.Second, question), say(candidate, 1100*time.Millisecond, question)},
			[]string{"So what would you say is your biggest weakness?"},
			[]string{"interviewer: So what would you say is your biggest weakness?"},
		},
		"echo misheard": {
			[]deepgram.Event{say(interviewer, time.Second, question), say(candidate, 1100*time.Millisecond, strings.Fields("So what wood you say his your biggest sickness?"))},
			[]string{"So what would you say is your biggest weakness?"},
			[]string{"interviewer: So what would you say is your biggest weakness?"},
		},
		"echo before its original": {
			[]deepgram.Event{say(candidate, 1100*time.Millisecond, question[:6]), say(interviewer, time.Second, question)},
			[]string{"So what would you say is your biggest weakness?"},
			nil, // the first lane's words are known only after the original: a turn may stay
		},
		"echo with words of one's own": {
			[]deepgram.Event{say(interviewer, time.Second, question), say(candidate, 1100*time.Millisecond, append(strings.Fields("So what would you say"), strings.Fields("hm let me think for a moment here please")...))},
			[]string{"So what would you say is your biggest weakness?"},
			[]string{"interviewer: So what would you say is your biggest weakness?", "candidate: hm let me think for a moment here please"},
		},
		"one's own voice from the far end": {
			[]deepgram.Event{say(candidate, time.Second, strings.Fields("Why do you use Kafka for that?")), say(interviewer, 1600*time.Millisecond, strings.Fields("Why do you use Kafka for that?"))},
			nil,
			[]string{"candidate: Why do you use Kafka for that?"},
		},
		"the answer repeats a word": {
			[]deepgram.Event{say(interviewer, time.Second, strings.Fields("Kubernetes or Nomad?")), say(candidate, 3*time.Second, strings.Fields("Kubernetes."))},
			[]string{"Kubernetes or Nomad?"},
			[]string{"interviewer: Kubernetes or Nomad?", "candidate: Kubernetes."},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newState(Options{}).Apply(SessionBegan{testBegan})
			for i, ev := range tc.evs {
				s = s.Apply(Heard{testBegan.Add(4*time.Second + time.Duration(i)*50*time.Millisecond), ev})
			}
			s = s.Apply(TimePassed{testBegan.Add(20 * time.Second)})
			var questions, turns []string
			for _, q := range s.Questions.All() {
				questions = append(questions, q.Text)
			}
			for _, u := range s.Turns {
				turns = append(turns, u.Speaker.String()+": "+u.Text)
			}
			if !slices.Equal(questions, tc.questions) {
				t.Errorf("questions %q, want %q", questions, tc.questions)
			}
			if tc.turns != nil && !slices.Equal(turns, tc.turns) {
				t.Errorf("turns %q, want %q", turns, tc.turns)
			}
		})
	}
}

// A4: eight hours of what a recogniser makes of silence, noise and music: empty
// finals, hesitations, single words, sung lines of low confidence, speech
// starts. Nothing is answered, and no memory piles up.
func TestA4_EightHoursOfNoise(t *testing.T) {
	s := newState(Options{}).Apply(SessionBegan{testBegan})
	noise := []struct {
		text string
		sure float64
	}{{"", 0}, {"", 0}, {"Mhm.", 0.4}, {"you", 0.3}, {"Thank you.", 0.6}, {"", 0}, {"Bye.", 0.5}, {"oh oh oh", 0.7},
		{"la la la", 0.6}, {"and I will always love you", 0.8}, {"Uh.", 0.4}, {"why oh why do you break my heart?", 0.2}, {"Yeah yeah yeah.", 0.9}, {"Okay.", 0.9}}
	at := time.Duration(0)
	for i := 0; at < 8*time.Hour; i++ {
		at += 7 * time.Second
		n := noise[i%len(noise)]
		tr := transcript(audio.Channel(i/7%2), at-2*time.Second, strings.Fields(n.text))
		for j := range tr.Words {
			tr.Words[j].Confidence = n.sure
		}
		now := testBegan.Add(at)
		s = s.Apply(Heard{now, deepgram.SpeechStarted{Channel: tr.Channel, At: at}})
		s = s.Apply(Heard{now, tr})
		tr.Final, tr.SpeechFinal = true, i%3 != 0
		s = s.Apply(Heard{now, tr})
		if i%3 == 0 {
			s = s.Apply(Heard{now, deepgram.UtteranceEnd{Channel: tr.Channel, LastWordEnd: at}})
		}
		if d := s.deadline(); !d.IsZero() && d.Before(now.Add(3*time.Second)) {
			s = s.Apply(TimePassed{d})
		}
	}
	if s.orders != 0 {
		t.Errorf("%d requests for noise, the last for %q", s.orders, s.Questions.At(s.Questions.Len()-1).Text)
	}
	if len(s.Turns) > maxTurns {
		t.Errorf("%d turns kept", len(s.Turns))
	}
	for c, h := range s.heard {
		if len(h.past) > maxSpans || len(h.recent) > maxRecent || len(h.open) > 1 {
			t.Errorf("channel %d keeps %d spans, %d words, %d pieces", c, len(h.past), len(h.recent), len(h.open))
		}
	}
}

// The dialogue stays bounded, whatever is said, and so do the questions.
func TestBounds(t *testing.T) {
	s := newState(Options{}).Apply(SessionBegan{testBegan})
	for i := range 1400 {
		tr := transcript(audio.Channel(i%2), time.Duration(i)*10*time.Second, strings.Fields(fmt.Sprintf("What is number %d called exactly?", i)))
		tr.Final, tr.SpeechFinal = true, true
		s = s.Apply(Heard{testBegan.Add(time.Duration(i)*10*time.Second + 3*time.Second), tr})
	}
	if len(s.Turns) > maxTurns || s.Questions.Len() > maxQuestions || s.ids != 700 || s.Questions.Len() < maxQuestions-dropAsked {
		t.Errorf("%d turns, %d questions kept of %d", len(s.Turns), s.Questions.Len(), s.ids)
	}
	if q := s.Questions.At(s.Questions.Len() - 1); q.ID != 700 || s.index(q.ID) != s.Questions.Len()-1 {
		t.Errorf("the newest is %d", q.ID)
	}
	long := transcript(interviewer, 40000*time.Second, strings.Fields(strings.Repeat("and then we built it ", 2000)))
	long.Final = true
	s = s.Apply(Heard{testBegan.Add(50000 * time.Second), long})
	for _, u := range s.Turns {
		if len(u.Text) > maxTurn+len(long.Text) {
			t.Errorf("a turn of %d bytes", len(u.Text))
		}
	}
	if len(s.heard[interviewer].open) != 0 {
		t.Error("an utterance without a pause was not closed")
	}
}

// A text that was handed out never changes, also when two texts grow from it.
func TestTextShares(t *testing.T) {
	a := Text{}.Append("I ").Append("led ")
	b, c := a.Append("it."), a.Append("them.")
	if a.String() != "I led " || b.String() != "I led it." || c.String() != "I led them." || b.From(6) != "it." {
		t.Errorf("%q %q %q", a, b, c)
	}
	if n := testing.AllocsPerRun(100, func() {
		x := Text{}
		for range 1000 {
			x = x.Append("word ")
		}
	}); n > 30 {
		t.Errorf("%v allocations for 1000 pieces", n)
	}
}
