package interview

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"copilot/app/deepgram"
	"copilot/app/groq"
)

// What an answer to a draft answers too, and what not.
func TestAgree(t *testing.T) {
	for _, tc := range []struct {
		draft, final string
		want         bool
	}{
		{"what is a mutex", "What is a mutex?", true},
		{"What is a mutex", "So, um, what is the mutex?", true},
		{"What is a mutex", "What is a semaphore?", false},
		{"What is a", "What is a mutex?", false},
		{"What is a hash", "What is a hash map?", false},
		{"How would you test", "How would you not test?", false},
		{"Why did you leave", "How did you leave?", false},
		{"Tell me about a time you failed", "Tell me about a time you failed in your last role.", true},
		{"Tell me about a time you failed", "Tell me about a time you failed and what you learned from it.", true},
		{"Tell me about a bug you fixed", "Tell me about a bug you fixed. How did you find it?", true},
		{"Tell me about a bug you fixed", "Tell me about a bug you fixed. What does your team build?", false},
		{"Tell me about a bug you fixed.", "Tell me about a bug you fixed. It can be a small one, from any project.", true},
		{"What are your strengths", "What are your strengths and weaknesses?", false},
		{"Where do you see yourself", "Where do you see yourself in five years?", true},
		{"Tell me about yourself", "Tell me about yourself and the Kafka migration you led.", false},
		{"Why do you want to work", "Why do you want to work here?", true},
		{"Why?", "Why?", true},
		{"Why", "Why not?", false},
		{"How do you", "How do you", true},
	} {
		if got := agree("en", tc.draft, tc.final); got != tc.want {
			t.Errorf("%q for %q: %v", tc.draft, tc.final, got)
		}
	}
	if !agree("de", "Warum Go?", "warum go") || agree("de", "Warum", "Warum nicht?") {
		t.Error("German is to be the same")
	}
}

// How long the voice has to be away.
func TestSilenceWait(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"":                                     waitFinished,
		"What is a mutex":                      waitFinished,
		"We have ten users":                    waitFinished,
		"What would you do because":            waitUnfinished,
		"Tell me about a time you":             waitUnfinished,
		"How do you test and":                  waitUnfinished,
		"What do you work best with":           waitFinished, // a question may end so
		"How do you test, um":                  waitUnfinished,
		"You worked at Acme,":                  waitUnfinished,
		"What is the project you're proud of.": waitFinished,
	} {
		s := newState(Options{NoDrafts: true}).Apply(SessionBegan{testBegan}).Apply(LevelHeard{At: testBegan, Origin: testBegan})
		tr := transcript(interviewer, 0, strings.Fields(text))
		if text != "" {
			s = s.Apply(Heard{testBegan.Add(tr.End), tr})
		}
		s = s.Apply(VoiceChanged{At: testBegan.Add(tr.End), Speaking: true})
		s = s.Apply(VoiceChanged{At: testBegan.Add(tr.End + 60*time.Millisecond), Last: testBegan.Add(tr.End)})
		if got := s.settleAt().Sub(testBegan.Add(tr.End)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// speaking makes a source loud at some times, like words with their closures.
func speaking(spans ...[2]time.Duration) *mouth {
	return &mouth{loud: func(at time.Duration) bool {
		for _, s := range spans {
			if at >= s[0] && at < s[1] {
				return at%(240*time.Millisecond) >= 20*time.Millisecond
			}
		}
		return false
	}}
}

// Our own ear asks for the last words; their final ends the utterance, without
// the transcriber's end of speech.
func TestFinalizeEndsUtterance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, func(o *Options) {
			o.NoDrafts, o.Source = true, speaking([2]time.Duration{time.Second, 2 * time.Second})
		})
		words := strings.Fields("What is a mutex?")
		r.wait(1300 * time.Millisecond) // at 1.5 s
		r.hear(transcript(interviewer, time.Second, words[:2]))
		r.wait(500 * time.Millisecond)
		if r.ears.asked() != 0 {
			t.Fatal("asked while the voice was there")
		}
		r.wait(250 * time.Millisecond)
		if r.ears.asked() != 1 {
			t.Fatalf("asked %d times in a silence", r.ears.asked())
		}
		if at := r.ears.finalized[0].Sub(r.began); at > 2300*time.Millisecond {
			t.Errorf("asked %v after the voice's end", at-2*time.Second)
		}
		f := transcript(interviewer, time.Second, words)
		f.Final, f.Finalized = true, true
		r.hear(f)
		r.wantQuestions("What is a mutex?")
		// The transcriber's own end says nothing new.
		r.hear(deepgram.Transcript{Channel: interviewer, Start: f.End, End: f.End, Final: true, SpeechFinal: true})
		r.hear(deepgram.UtteranceEnd{Channel: interviewer, LastWordEnd: f.End})
		r.wait(5 * time.Second)
		if r.answers.count() != 1 || r.ears.asked() != 1 {
			t.Errorf("%d requests, asked %d times", r.answers.count(), r.ears.asked())
		}
		r.leave()
	})
}

// A Finalize need not be answered: after 300 ms the words so far have to do,
// unless they ask for more; then the transcriber's own end decides.
func TestFinalizeUnanswered(t *testing.T) {
	for text, want := range map[string]int{"What is a mutex": 1, "What would you do if the": 0} {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, func(o *Options) {
				o.NoDrafts, o.Source = true, speaking([2]time.Duration{time.Second, 2 * time.Second})
			})
			r.wait(1750 * time.Millisecond)
			r.hear(transcript(interviewer, time.Second, strings.Fields(text)))
			r.wait(750 * time.Millisecond)
			if got := r.answers.count(); got != want || r.ears.asked() != 1 {
				t.Errorf("%q: %d requests, want %d; asked %d times", text, got, want, r.ears.asked())
			}
			r.leave()
		})
	}
}

// A4: minutes of silence, hiss and music on the interviewer's lane, by the real
// ear: nothing is answered, and the transcriber is not asked all the time.
func TestA4_NoiseByOurEar(t *testing.T) {
	for name, loud := range map[string]func(at time.Duration) bool{
		"silence": nil,
		"clicks":  func(at time.Duration) bool { return at%(700*time.Millisecond) < 60*time.Millisecond },
		"beats":   func(at time.Duration) bool { return at%(500*time.Millisecond) < 250*time.Millisecond },
		"drone":   func(time.Duration) bool { return true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t, func(o *Options) { o.Source, o.Observe = &mouth{loud: loud}, nil })
				r.wait(time.Minute)
				if n := r.ears.asked(); n > maxVain {
					t.Errorf("asked for words %d times", n)
				}
				if r.answers.count() != 0 {
					t.Errorf("%d requests", r.answers.count())
				}
				r.leave()
			})
		})
	}
}

// heardSoFar plays an interim of the first n words of a line that began at 1 s.
func (r *rig) heardSoFar(line string, n int) {
	words := strings.Fields(line)
	at := time.Second + time.Duration(n)*250*time.Millisecond
	r.wait(r.began.Add(at).Sub(time.Now()))
	r.hear(transcript(interviewer, time.Second, words[:n]))
}

func (r *rig) heardAll(line string) {
	words := strings.Fields(line)
	r.wait(r.began.Add(time.Second + time.Duration(len(words))*250*time.Millisecond + 300*time.Millisecond).Sub(time.Now()))
	f := transcript(interviewer, time.Second, words)
	f.Final, f.SpeechFinal = true, true
	r.hear(f)
}

// A draft begins before the question is over, is seen as one, and is adopted
// without a second request.
func TestDraftAdopted(t *testing.T) {
	const line = "So where do you see yourself in, let's say, five years from now?"
	synctest.Test(t, func(t *testing.T) {
		r := run(t, nil)
		r.heardSoFar(line, 4)
		if r.answers.count() != 0 {
			t.Fatal("begun before the question was known")
		}
		r.heardSoFar(line, 7)
		r.wait(160 * time.Millisecond)
		if r.answers.count() != 1 || !r.last().Answer.Draft {
			t.Fatalf("%d requests, %+v", r.answers.count(), r.last())
		}
		if ms := r.answers.requests[0].Messages; !strings.Contains(ms[len(ms)-1].Content, "may go on") || !strings.Contains(ms[len(ms)-1].Content, "<question>\nSo where do you see") {
			t.Errorf("asked %q", ms[len(ms)-1].Content)
		}
		r.wait(400 * time.Millisecond)
		if s := r.State(); s.Shown != 0 || s.Questions.At(0).Answer.Text.Len() == 0 {
			t.Errorf("no word of the draft on screen: %+v", s.Questions)
		}
		r.heardSoFar(line, 10)
		r.heardAll(line)
		q := r.last()
		if q.Answer.Draft || q.Text != line || q.ID != 1 {
			t.Errorf("%+v", q)
		}
		if q.Answer.FirstToken != 0 || q.Answer.Final <= 0 {
			t.Errorf("first token %v, final %v", q.Answer.FirstToken, q.Answer.Final)
		}
		r.wait(5 * time.Second)
		if s := r.State(); r.answers.count() != 1 || s.Latency.Answers != 1 || s.Questions.At(0).Answer.Text.String() != tenWords || s.asked.end == 0 {
			t.Errorf("%d requests, latency %+v, answer %q", r.answers.count(), s.Latency, s.Questions.At(0).Answer.Text)
		}
		r.leave()
	})
}

// The transcriber's own guess that the turn is over begins an answer at once,
// which is seen when it is.
func TestDraftOnEagerEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, nil)
		words := strings.Fields("What is a flywheel")
		r.wait(2 * time.Second)
		guess := transcript(interviewer, time.Second, words)
		r.hear(guess)
		r.wait(time.Second)
		if r.answers.count() != 0 {
			t.Fatal("begun on words that may go on")
		}
		guess.Eager = true
		r.hear(guess)
		if r.answers.count() != 1 || r.State().Questions.Len() != 0 {
			t.Errorf("%d requests, questions %q", r.answers.count(), r.questions())
		}
		guess.Eager, guess.Final, guess.SpeechFinal = false, true, true
		r.hear(guess)
		if q := r.last(); r.answers.count() != 1 || q.Answer.Draft {
			t.Errorf("%d requests, %+v", r.answers.count(), q.Answer)
		}
		r.leave()
	})
}

// A draft that the words contradict is cancelled at once and gone; what was on
// screen before is there again; the question itself is asked when it is over.
func TestDraftContradicted(t *testing.T) {
	const line = "How do you test Go? How would you deploy Kafka to production clusters?"
	synctest.Test(t, func(t *testing.T) {
		r := run(t, nil)
		r.answers.text = strings.Repeat("word ", 100)
		r.heardSoFar(line, 6)
		r.wait(160 * time.Millisecond)
		if r.answers.count() != 1 {
			t.Fatalf("%d requests", r.answers.count())
		}
		r.heardSoFar(line, 10)
		at := time.Now()
		if cs := r.answers.cancels(); len(cs) != 1 || at.Sub(cs[0]) > time.Millisecond {
			t.Errorf("cancelled at %v", cs)
		}
		if s := r.State(); s.Questions.Len() != 0 || s.Shown != -1 || s.Phase != Listening {
			t.Errorf("%d questions, shown %d, %v", s.Questions.Len(), s.Shown, s.Phase)
		}
		r.heardAll(line)
		r.wait(5 * time.Second)
		r.wantQuestions(line)
		if q := r.last(); q.Answer.Draft || q.Answer.Status != AnswerDone || r.answers.count() != 3 { // the second was a hunch, unseen
			t.Errorf("%+v, %d requests", q.Answer, r.answers.count())
		}
		r.leave()
	})
}

// A draft is replaced when the final says something else, under its ID.
func TestDraftReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, nil)
		r.heardSoFar("Why should we hire you", 5)
		r.wait(160 * time.Millisecond)
		r.heardAll("Why should we fire you?")
		if r.answers.count() != 2 || len(r.answers.cancels()) != 1 {
			t.Errorf("%d requests, %d cancelled", r.answers.count(), len(r.answers.cancels()))
		}
		r.wait(5 * time.Second)
		r.wantQuestions("Why should we fire you?")
		r.leave()
	})
}

// A draft that nobody asked for vanishes: paused, cleared, left, switched off.
func TestDraftVanishes(t *testing.T) {
	for name, act := range map[string]func(*rig){
		"pause":  func(r *rig) { r.press(Pause) },
		"clear":  func(r *rig) { r.press(Clear) },
		"cancel": func(r *rig) { r.press(CancelAnswer) },
		"manual": func(r *rig) { r.press(AutoOff) },
		"skip":   func(r *rig) { r.heardAll("Where do you. Okay, thank you, great.") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t, nil)
				r.heardSoFar("Where do you see yourself", 5)
				r.wait(160 * time.Millisecond)
				if r.answers.count() != 1 {
					t.Fatal("no draft")
				}
				act(r)
				if s := r.State(); s.Questions.Len() > 0 && s.Questions.At(0).Answer.Draft || s.draft.id != 0 || r.answers.live() != 0 && s.Questions.Len() == 0 {
					t.Errorf("%+v", s.Questions)
				}
				r.leave()
			})
		})
	}
}

// Drafts can be switched off, are not begun by hand-only interviews, and rest
// after the server spoke of a limit.
func TestDraftsOff(t *testing.T) {
	const line = "Where do you see yourself in five years?"
	for name, change := range map[string]func(*Options){
		"off": func(o *Options) { o.NoDrafts = true }, "manual": func(o *Options) { o.Manual = true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t, change)
				r.heardSoFar(line, 5)
				r.wait(time.Second)
				if r.answers.count() != 0 {
					t.Error("begun")
				}
				r.leave()
			})
		})
	}
}

// N9: a 429 is told to drafts first: the draft is gone without a word to the
// person, and none is begun for as long as the server asks.
func TestN9_DraftsRestAfter429(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, nil)
		limited := &groq.Error{Status: 429, RetryAfter: 45 * time.Second}
		r.answers.fail = func(n int) error {
			if n == 0 {
				return limited
			}
			return nil
		}
		r.heardSoFar("Where do you see yourself in five years?", 5)
		r.wait(700 * time.Millisecond)
		if s := r.State(); r.answers.count() != 1 || s.Questions.Len() != 0 || s.draft.rest.Sub(time.Now()) < 44*time.Second {
			t.Fatalf("%d requests, %+v, rest until %v", r.answers.count(), s.Questions, s.draft.rest.Sub(time.Now()))
		}
		r.heardAll("Where do you see yourself in five years?")
		r.wait(5 * time.Second)
		if q := r.last(); r.answers.count() != 2 || q.Answer.Status != AnswerDone {
			t.Errorf("%d requests, %+v", r.answers.count(), q.Answer)
		}
		// A retry under way counts as well.
		s := r.State()
		s.draft.rest = time.Time{}
		s.draft.id, s.wanted = s.ids, order{n: 9, id: s.ids}
		s.Questions = s.Questions.With(0, func(q *Question) { q.Answer = Answer{Draft: true} })
		s = s.Apply(AnswerRetried{time.Now(), 9, "The limit is reached."})
		if s.draft.rest.Sub(time.Now()) != draftsRest || s.Questions.Len() != 0 {
			t.Errorf("rest %v, %d questions", s.draft.rest.Sub(time.Now()), s.Questions.Len())
		}
		r.leave()
	})
}

// The strip: what the stages took, the slow one named.
func TestSlowStage(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	for _, tc := range []struct {
		final, first, done int
		want               string
	}{
		{300, 600, 2000, ""},
		{1300, 1600, 2000, "hearing"},
		{300, 1700, 2000, "thinking"},
		{300, 600, 9000, "writing"},
		{0, 0, 900, ""}, // a draft
	} {
		if got := (Answer{Final: ms(tc.final), FirstToken: ms(tc.first), Done: ms(tc.done)}).Slow(); got != tc.want {
			t.Errorf("%+v: %q", tc, got)
		}
	}
	s := newState(Options{})
	for i := range 300 {
		s = s.timed(Question{Answer: Answer{FirstToken: ms(i), first: testBegan}})
	}
	s = s.timed(Question{Manual: true, Answer: Answer{FirstToken: time.Hour, first: testBegan}})
	if l := s.Latency; l.Answers != 300 || l.P50 != ms(200) || l.P95 != ms(290) {
		t.Errorf("%+v", l)
	}
}
