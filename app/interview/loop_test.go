package interview

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"copilot/app/deepgram"
	"copilot/app/groq"
	"copilot/audio"
)

const (
	interviewer = audio.Interviewer
	candidate   = audio.Candidate
)

// A question is answered; the candidate's words are heard and never answered.
func TestQuestionAndAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, nil)
		if s := r.State(); s.Phase != Listening || s.Shown != -1 {
			t.Fatalf("at the beginning: %v, shown %d", s.Phase, s.Shown)
		}
		r.says(interviewer, "Hi, good morning, nice to meet you.")
		r.says(interviewer, "So why do you want to work here?")
		if s := r.State(); s.Phase != Thinking {
			t.Errorf("after the question: %v", s.Phase)
		}
		r.wait(400 * time.Millisecond)
		if s := r.State(); s.Phase != Answering {
			t.Errorf("during the answer: %v", s.Phase)
		}
		r.wait(5 * time.Second)
		q := r.last()
		if q.Text != "So why do you want to work here?" || q.Answer.Status != AnswerDone || q.Answer.Text.String() != tenWords || q.Answer.Model != "fake" {
			t.Errorf("%+v", q)
		}
		// 300 ms to the final, 300 ms to the first word, 20 ms for each other.
		if a := q.Answer; a.FirstToken < 580*time.Millisecond || a.FirstToken > 620*time.Millisecond || a.Done < a.FirstToken+150*time.Millisecond {
			t.Errorf("first token after %v, done after %v", a.FirstToken, a.Done)
		}
		for _, text := range []string{"I want to work here because of the team.", "What would you say is the hardest part?", "Why do you ask?"} {
			r.says(candidate, text)
			r.wait(3 * time.Second)
		}
		if n := r.answers.count(); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
		turns := r.State().Turns
		if len(turns) != 2 || turns[0].Speaker != interviewer || turns[1].Speaker != candidate || !strings.HasSuffix(turns[1].Text, "Why do you ask?") {
			t.Errorf("turns %+v", turns)
		}
		if err := r.leave(); err != nil {
			t.Error(err)
		}
		if s := r.State(); s.Phase != Ended || s.Notice.Code != "" {
			t.Errorf("at the end: %v, %v", s.Phase, s.Notice)
		}
	})
}

// An hour of interview: every question answered once, nothing else.
func TestAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// One frame in ten: the sound itself is not what an hour tries out.
		r := run(t, func(o *Options) { o.Observe, o.Source = nil, &mouth{every: 200 * time.Millisecond} })
		asked := 0
		for r.now() < time.Hour {
			r.says(interviewer, "Okay, great, thank you.")
			r.says(interviewer, "What did you learn from project number "+strings.Repeat("one ", 1+asked%7)+"?")
			asked++
			r.wait(4 * time.Second)
			r.says(candidate, strings.Repeat("I learned that small steps are best and that people matter. ", 8))
			r.says(interviewer, "Mhm, I see.")
			r.wait(20 * time.Second)
		}
		s := r.State()
		if r.answers.count() != asked || s.ids != asked {
			t.Errorf("%d questions, %d requests for %d asked", s.ids, r.answers.count(), asked)
		}
		for _, q := range s.Questions.All() {
			if q.Answer.Status != AnswerDone {
				t.Errorf("question %d: status %v", q.ID, q.Answer.Status)
			}
		}
		if got := r.ears.sent(); got < 17000 {
			t.Errorf("%d frames sent in an hour", got)
		}
		if s.Elapsed < time.Hour {
			t.Errorf("elapsed %v", s.Elapsed)
		}
		r.leave()
	})
}

// A question that goes on before its answer has a word is one question, asked anew.
func TestQuestionGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, nil)
		r.answers.first = 2 * time.Second
		r.says(interviewer, "Tell me about a project you led.")
		r.says(interviewer, "And what metrics did you use?")
		r.wait(5 * time.Second)
		r.wantQuestions("Tell me about a project you led. And what metrics did you use?")
		if n, c := r.answers.count(), len(r.answers.cancels()); n != 2 || c != 1 {
			t.Errorf("%d requests, %d cancelled; want 2 and 1", n, c)
		}
		if q := r.last(); q.Answer.Status != AnswerDone || q.Answer.Text.String() != tenWords {
			t.Errorf("%+v", q.Answer)
		}
		last := r.answers.requests[1].Messages
		if text := last[len(last)-1].Content; !strings.Contains(text, "you led. And what") {
			t.Errorf("asked %q", text)
		}
		r.leave()
	})
}

// A new question cancels the running answer at once and keeps what was written.
func TestNewQuestionCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, nil)
		r.answers.text = strings.Repeat("word ", 400)
		r.says(interviewer, "What is a mutex?")
		r.wait(time.Second)
		r.says(candidate, "A mutex is a lock that one goroutine holds.")
		begun := r.last().Answer.Text.Len()
		r.says(interviewer, "How does garbage collection work in Go?")
		at := time.Now()
		qs := r.State().Questions.List()
		if len(qs) != 2 || qs[0].Answer.Status != AnswerCancelled || qs[0].Answer.Text.Len() < begun || begun == 0 {
			t.Fatalf("%+v", qs)
		}
		cs := r.answers.cancels()
		if len(cs) != 1 || at.Sub(cs[0]) > time.Millisecond {
			t.Errorf("cancelled at %v, the question came at %v", cs, at)
		}
		if s := r.State(); s.Shown != 0 {
			t.Errorf("the new answer is shown before it has a word")
		}
		r.wait(time.Second)
		if s := r.State(); s.Shown != 1 {
			t.Errorf("shown %d", s.Shown)
		}
		kept := qs[0].Answer.Text.String()
		r.wait(time.Minute)
		if got := r.State().Questions.At(0).Answer.Text.String(); got != kept {
			t.Errorf("a cancelled answer went on: %q", got[len(kept):])
		}
		r.leave()
	})
}

// An uncertain question is answered after a silence, or once the candidate takes it up.
func TestUncertain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, nil)
		r.says(interviewer, "I see you worked at Acme for two years.")
		r.wait(uncertainWait - 10*time.Millisecond)
		if n := r.answers.count(); n != 0 {
			t.Fatalf("asked after less than %v", uncertainWait)
		}
		r.wait(20 * time.Millisecond)
		r.wantQuestions("I see you worked at Acme for two years.")
		r.wait(10 * time.Second)

		r.says(interviewer, "Your resume says you led a team.")
		r.hear(transcript(candidate, r.now()-500*time.Millisecond, strings.Fields("Right we were seven")))
		if n := r.answers.count(); n != 2 {
			t.Errorf("%d requests once the candidate began, want 2", n)
		}
		r.wait(10 * time.Second)

		// It goes on: one question.
		r.says(interviewer, "Let me see here. You mentioned a migration.")
		r.says(interviewer, "How long did it take?")
		r.wait(5 * time.Second)
		if q := r.last(); q.Text != "You mentioned a migration. How long did it take?" {
			t.Errorf("asked %q", q.Text)
		}
		r.leave()
	})
}

func TestPauseResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, nil)
		r.press(Pause)
		r.wait(time.Second)
		sent := r.ears.sent()
		r.wait(10 * time.Second)
		if s := r.State(); s.Phase != Paused || r.ears.sent() != sent {
			t.Errorf("%v, %d frames sent in the pause", s.Phase, r.ears.sent()-sent)
		}
		r.says(interviewer, "What is a mutex?") // the last words of before come in
		r.press(AnswerNow)
		if s := r.State(); r.answers.count() != 0 || s.Notice.Code != "paused" {
			t.Errorf("%d requests in the pause, notice %v", r.answers.count(), s.Notice)
		}
		r.press(Resume)
		r.wait(time.Second)
		if s := r.State(); s.Phase != Listening || r.ears.sent() == sent {
			t.Errorf("after the pause: %v, %d frames", s.Phase, r.ears.sent()-sent)
		}
		r.says(interviewer, "What is a deadlock?")
		r.wait(3 * time.Second)
		if r.answers.count() != 1 {
			t.Errorf("%d requests", r.answers.count())
		}
		r.leave()
	})
}

func TestClearPreviousNextCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, nil)
		for _, q := range []string{"What is a mutex?", "What is a deadlock?", "What is a goroutine?"} {
			r.says(interviewer, q)
			r.wait(2 * time.Second)
			r.says(candidate, "That is something I know well and use.")
			r.wait(10 * time.Second)
		}
		shown := func(want int) {
			t.Helper()
			if s := r.State(); s.Shown != want {
				t.Errorf("shown %d, want %d", s.Shown, want)
			}
		}
		shown(2)
		r.press(Next)
		shown(2)
		r.press(Previous)
		r.press(Previous)
		r.press(Previous)
		shown(0)
		r.press(Next)
		shown(1)
		r.press(Clear)
		shown(-1)
		if s := r.State(); s.Questions.Len() != 3 || s.Captions[0].Final != "" {
			t.Errorf("after Clear: %d questions, caption %+v", s.Questions.Len(), s.Captions[0])
		}
		r.press(Previous)
		shown(2)
		r.press(Clear)
		r.press(Next)
		shown(0)

		r.answers.text = strings.Repeat("word ", 400)
		r.says(interviewer, "How do you test that?")
		r.wait(time.Second)
		r.press(CancelAnswer)
		q := r.last()
		if q.Answer.Status != AnswerCancelled || q.Answer.Text.Len() == 0 || r.answers.live() != 0 {
			t.Errorf("%+v, %d requests run", q.Answer, r.answers.live())
		}
		r.leave()
		if s := r.State(); s.Phase != Ended {
			t.Error(s.Phase)
		}
	})
}

// Reading on is possible after the end; Do never blocks then.
func TestAfterTheEnd(t *testing.T) {
	s := State{Shown: -1}.Apply(SessionEnded{})
	s.Questions, s.ids = QuestionsOf(Question{ID: 1}, Question{ID: 2}), 2
	if s = s.Apply(Pressed{Command: Previous}); s.Shown != 1 || s.Phase != Ended {
		t.Errorf("shown %d, %v", s.Shown, s.Phase)
	}
	if s = s.Apply(Pressed{Command: AnswerNow}); s.wanted.n != 0 {
		t.Error("asked after the end")
	}
	session := New(Options{})
	for range 100 {
		session.Do(AnswerNow)
	}
}

func TestAnswerNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, func(o *Options) { o.Manual = true })
		r.press(AnswerNow)
		if s := r.State(); s.Notice.Code != "nothing_asked" || r.answers.count() != 0 {
			t.Errorf("notice %v, %d requests", s.Notice, r.answers.count())
		}
		// Nothing is answered by itself.
		r.says(interviewer, "Good morning.")
		r.says(interviewer, "Why do you want to work here?")
		r.wait(10 * time.Second)
		if r.answers.count() != 0 {
			t.Fatal("answered by itself")
		}
		r.press(AnswerNow)
		r.wantQuestions("Why do you want to work here?")
		if !r.last().Manual {
			t.Error("not marked as asked by hand")
		}
		r.press(AnswerNow) // it is on its way
		if r.answers.count() != 1 {
			t.Errorf("%d requests after a second press", r.answers.count())
		}
		r.wait(5 * time.Second)
		r.press(AnswerNow) // anew
		if r.answers.count() != 2 || r.last().Text != "Why do you want to work here?" {
			t.Errorf("%d requests, %q", r.answers.count(), r.last().Text)
		}
		r.wait(5 * time.Second)

		// In the middle of a word; what follows is not asked for twice.
		from := r.now()
		r.wait(time.Second)
		r.hear(transcript(interviewer, from, strings.Fields("And what is a")))
		r.press(AnswerNow)
		if r.last().Text != "And what is a" {
			t.Errorf("asked %q", r.last().Text)
		}
		f := transcript(interviewer, from, strings.Fields("And what is a mutex?"))
		f.Final, f.SpeechFinal = true, true
		r.hear(f)
		r.wait(5 * time.Second)
		if r.answers.count() != 3 {
			t.Errorf("%d requests, want 3", r.answers.count())
		}

		r.press(AutoOn)
		r.says(candidate, "It is a lock and I use it a lot.")
		r.says(interviewer, "What is a deadlock?")
		if s := r.State(); !s.Auto || r.answers.count() != 4 {
			t.Errorf("automatic: %v, %d requests", s.Auto, r.answers.count())
		}
		r.wait(5 * time.Second)
		r.press(AutoOff)
		r.says(candidate, "Two that wait for each other for ever.")
		r.says(interviewer, "How do you find one?")
		r.wait(5 * time.Second)
		if r.answers.count() != 4 {
			t.Error("answered by itself after AutoOff")
		}
		r.leave()
	})
}

// Utterances close on speech_final, else on UtteranceEnd, else on the watchdog,
// which is a final that the transcriber's own clock makes, or on the gap.
func TestUtteranceCloses(t *testing.T) {
	question := strings.Fields("What is a mutex?")
	final := func(r *rig, speechFinal bool) deepgram.Transcript {
		f := transcript(interviewer, r.now()-time.Second, question)
		f.Final, f.SpeechFinal = true, speechFinal
		return f
	}
	for name, end := range map[string]func(r *rig){
		"speech_final": func(r *rig) { r.hear(final(r, true)) },
		"speech_final without words": func(r *rig) {
			f := final(r, false)
			r.hear(f)
			r.hear(deepgram.Transcript{Channel: interviewer, Start: f.End, End: f.End, Final: true, SpeechFinal: true})
		},
		"UtteranceEnd": func(r *rig) {
			f := final(r, false)
			r.hear(f)
			r.hear(deepgram.UtteranceEnd{Channel: interviewer, LastWordEnd: f.End})
		},
		"gap": func(r *rig) {
			f := final(r, false)
			r.hear(f)
			r.hear(deepgram.Gap{Start: f.End, End: f.End + 20*time.Second})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t, nil)
				r.wait(2 * time.Second)
				end(r)
				if r.answers.count() != 1 || r.last().Text != "What is a mutex?" {
					t.Errorf("%d requests, questions %q", r.answers.count(), r.questions())
				}
				r.leave()
			})
		})
	}
	t.Run("not on an old UtteranceEnd", func(t *testing.T) { // jambonz #1088
		synctest.Test(t, func(t *testing.T) {
			r := run(t, nil)
			r.wait(2 * time.Second)
			f := final(r, false)
			r.hear(f)
			r.hear(deepgram.UtteranceEnd{Channel: interviewer, LastWordEnd: f.End - time.Second})
			if r.answers.count() != 0 {
				t.Error("closed by the end of an earlier word")
			}
			r.hear(deepgram.UtteranceEnd{Channel: candidate, LastWordEnd: f.End})
			if r.answers.count() != 0 {
				t.Error("closed by the other channel")
			}
			r.leave()
		})
	})
}

// Leaving takes at most two seconds, whatever does not stop, and leaks nothing
// that stops when it is told to.
func TestLeaving(t *testing.T) {
	dialling := func(o *Options) {
		o.Transcribe = func(ctx context.Context) (Transcriber, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	}
	for name, change := range map[string]func(*Options){
		"listening":  nil,
		"connecting": dialling,
		"deaf": func(o *Options) {
			o.Transcribe = func(context.Context) (Transcriber, error) { e := newEars(); e.deaf = true; return e, nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t, change)
				r.answers.text = strings.Repeat("word ", 4000)
				if name == "listening" {
					r.says(interviewer, "What is a mutex?")
					r.wait(time.Second)
				}
				at := time.Now()
				err := r.leave()
				if took := time.Since(at); took > 2*time.Second {
					t.Errorf("leaving took %v", took)
				}
				if name == "listening" && err != nil {
					t.Error(err)
				}
				if r.answers.live() != 0 {
					t.Error("a request still runs")
				}
			})
		})
	}
}

// At the natural end of the sound the last words and the last answer are waited for.
func TestSourceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, func(o *Options) { o.Source = &mouth{length: 3 * time.Second} })
		r.wait(time.Second)
		f := transcript(interviewer, r.now()-time.Second, strings.Fields("What is a mutex?"))
		f.Final = true // no speech_final: the end of the sound is its end
		r.hear(f)
		if err := <-r.ended; err != nil {
			t.Error(err)
		}
		if q := r.last(); q.Answer.Status != AnswerDone {
			t.Errorf("%+v", q)
		}
	})
}

func TestRunEndsByTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, func(o *Options) { o.Transcribe = func(context.Context) (Transcriber, error) { return nil, errTest } })
		if err := <-r.ended; !errors.Is(err, errTest) {
			t.Error(err)
		}
		if s := r.State(); s.Phase != Ended || s.Notice.Message != "Do this." {
			t.Errorf("%v, %+v", s.Phase, s.Notice)
		}
		if err := r.Run(t.Context()); err == nil {
			t.Error("a session ran twice")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r := run(t, func(o *Options) { o.Source = &mouth{length: time.Second, err: errTest} })
		if err := <-r.ended; !errors.Is(err, errTest) {
			t.Error(err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r := run(t, nil)
		r.hear(deepgram.Status{State: deepgram.Closed, Err: errTest})
		if err := <-r.ended; !errors.Is(err, errTest) {
			t.Error(err)
		}
	})
}

// The connection's comings and goings are told; so is a lane without a device.
func TestOfflineAndLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, func(o *Options) {
			o.Source = &mouth{lanes: []audio.LaneStatus{{Channel: 0, State: audio.LaneMissing, Advice: "Choose an output."}, {Channel: 1, State: audio.LaneLive, Dropped: 3}}}
		})
		if s := r.State(); s.Notice != (Notice{"lane_interviewer", "Choose an output."}) || s.Dropped != 3 {
			t.Errorf("%+v, %d dropped", s.Notice, s.Dropped)
		}
		r.hear(deepgram.Status{State: deepgram.Reconnecting, Err: errTest})
		if s := r.State(); s.Phase != Offline || s.Notice != (Notice{"offline", "Do this."}) {
			t.Errorf("%v, %+v", s.Phase, s.Notice)
		}
		r.hear(deepgram.Status{State: deepgram.Open})
		if s := r.State(); s.Phase != Listening {
			t.Errorf("%v", s.Phase)
		}
		r.hear(deepgram.Gap{Start: time.Second, End: 31 * time.Second})
		if turns := r.State().Turns; len(turns) != 1 || !turns[0].Gap {
			t.Errorf("%+v", turns)
		}
		r.leave()
	})
}

// N10 as the state shows it: a stalled answer is told within five seconds, its
// words stay, a retry's reason is shown until the next word.
func TestN10_StalledAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, nil)
		r.answers.stall = true
		r.says(interviewer, "What is a mutex?")
		r.wait(time.Second)
		if a := r.last().Answer; a.Text.String() != "I " || a.Problem != "" {
			t.Fatalf("%+v", a)
		}
		r.wait(4500 * time.Millisecond)
		a := r.last().Answer
		if a.Status != AnswerStreaming || a.Text.String() != "I " || a.Problem == "" {
			t.Errorf("after five seconds: %+v", a)
		}
		w := r.State().wanted
		s := r.State().Apply(AnswerRetried{time.Now(), w.n, "Groq stopped; trying again."})
		if got := s.Questions.At(0).Answer.Problem; got != "Groq stopped; trying again." {
			t.Errorf("told %q", got)
		}
		if s.deadline().After(time.Now().Add(time.Hour)) {
			t.Error("no deadline")
		}
		s = s.Apply(DeltaCame{time.Now(), w.n, "led"})
		if a := s.Questions.At(0).Answer; a.Problem != "" || a.Text.String() != "I led" {
			t.Errorf("%+v", a)
		}
		r.leave()
	})
	synctest.Test(t, func(t *testing.T) { // it fails for good: what was written stays, with a sentence
		r := run(t, nil)
		r.answers.fail = func(int) error { return errTest }
		r.says(interviewer, "What is a mutex?")
		r.wait(5 * time.Second)
		if a := r.last().Answer; a.Status != AnswerFailed || a.Text.String() != tenWords || a.Problem != "Do this." {
			t.Errorf("%+v", a)
		}
		r.leave()
	})
}

// B7: when the minutes run out in the middle of an answer, that answer is
// finished; the next one says what to do.
func TestB7_OutOfMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, nil)
		out := &groq.Error{Status: 402, Code: "out_of_minutes"}
		r.answers.fail = func(n int) error {
			if n == 1 {
				return out
			}
			return nil
		}
		r.says(interviewer, "What is a mutex?")
		r.wait(5 * time.Second)
		r.says(candidate, "A lock that I use all the time.")
		r.says(interviewer, "What is a deadlock?")
		r.wait(5 * time.Second)
		qs := r.State().Questions.List()
		if len(qs) != 2 || qs[0].Answer.Status != AnswerDone || qs[1].Answer.Status != AnswerFailed ||
			qs[1].Answer.Problem != "Your minutes are used up. Add time to go on." {
			t.Errorf("%+v", qs)
		}
		r.leave()
	})
}

// U1: nobody reads the states for long; the sound and the answers go on.
func TestU1_NobodyLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, func(o *Options) { o.Observe = nil })
		r.answers.text = strings.Repeat("word ", 2000)
		r.says(interviewer, "What is a mutex?")
		before := r.ears.sent()
		r.wait(60 * time.Second)
		if got := r.ears.sent() - before; got < 2990 {
			t.Errorf("%d frames in a minute", got)
		}
		if q := r.last(); q.Answer.Status != AnswerDone || q.Answer.Text.Len() != len(r.answers.text) {
			t.Errorf("%v, %d of %d bytes", q.Answer.Status, q.Answer.Text.Len(), len(r.answers.text))
		}
		select {
		case <-r.Changed():
		default:
			t.Error("nobody was told")
		}
		r.leave()
	})
}
