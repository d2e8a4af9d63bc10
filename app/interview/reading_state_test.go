package interview

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"copilot/app/deepgram"
	"copilot/app/groq"
)

const spokenAnswer = "**By money flow, one at a time.**\n\n- **Split:** refunds first, because they were small and easy to roll back.\n" +
	"- **Time:** nine months for four services, and we lost no payment.\n- **Differently:** I would build the reconciliation report first."

// stage is a state that a test plays on, with the capture's time.
type stage struct {
	State
	at time.Duration
}

func newStage() *stage {
	s := &stage{State: newState(Options{})}
	s.State = s.Apply(SessionBegan{testBegan})
	s.pass(time.Second)
	return s
}

func (s *stage) wall() time.Time { return testBegan.Add(s.at) }

// pass lets time go by, as the meters show it.
func (s *stage) pass(d time.Duration) {
	s.at += d
	s.State = s.Apply(LevelHeard{At: s.wall(), Origin: testBegan})
}

// asks says a question that is over.
func (s *stage) asks(text string) {
	t := transcript(interviewer, s.at, strings.Fields(text))
	t.Final, t.SpeechFinal = true, true
	s.pass(t.End - t.Start + 300*time.Millisecond)
	s.State = s.Apply(Heard{s.wall(), t})
}

// hears says words of a question while they are said, or the whole of it.
func (s *stage) hears(text string, whole bool) {
	t := transcript(interviewer, s.at, strings.Fields(text))
	t.Final, t.SpeechFinal = whole, whole
	s.State = s.Apply(Heard{s.wall(), t})
	s.pass(t.End - t.Start)
}

// writes sends a piece of the running answer.
func (s *stage) writes(text string) {
	s.State = s.Apply(DeltaCame{s.wall(), s.wanted.n, text})
}

func (s *stage) written() {
	s.State = s.Apply(AnswerEnded{s.wall(), s.wanted.n, groq.Result{Model: "m"}, nil})
}

// readsAll says words as they are heard, some at a time.
func (s *stage) readsAll(text string) {
	for part := range slices.Chunk(strings.Fields(text), 4) {
		s.reads(strings.Join(part, " "), true)
	}
}

// reads says words, as a final or as an interim that stays.
func (s *stage) reads(text string, final bool) {
	t := transcript(candidate, s.at, strings.Fields(text))
	t.Final = final
	s.pass(t.End - t.Start)
	s.State = s.Apply(Heard{s.wall(), t})
}

func (s *stage) onScreen() int { return q(s).ID }

func q(s *stage) Question {
	q, _ := s.Current()
	return q
}

// What: a new question is answered while an answer is being read. Why: the words
// being read must not go away; the new answer waits, and comes when the reader
// is done, has stopped, or presses Next.
func TestAnswerWaitsForTheReader(t *testing.T) {
	reading := func() *stage {
		s := newStage()
		s.asks("How did you split the work, how long did it take, and what would you do differently?")
		s.writes(spokenAnswer)
		s.written()
		s.reads("By money flow one at a time", false)
		if s.Reader.Said < 20 || s.Reader.Said > 40 {
			t.Fatalf("%d bytes said", s.Reader.Said)
		}
		s.asks("Why Go?")
		s.writes("**Because** it is plain.")
		if s.onScreen() != 1 || s.Reader.Next != 2 {
			t.Fatalf("question %d on screen, %d waits", s.onScreen(), s.Reader.Next)
		}
		return s
	}
	for name, then := range map[string]func(s *stage){
		"stopped": func(s *stage) { s.pass(3 * time.Second) },
		"by key":  func(s *stage) { s.State = s.Apply(Pressed{s.wall(), Next}) },
		"read": func(s *stage) {
			s.readsAll("refunds first because they were small and easy to roll back nine months for four services and we lost no payment")
			if s.onScreen() != 1 {
				t.Fatal("the new answer came in the middle")
			}
			s.readsAll("Differently I would build the reconciliation report first")
		},
	} {
		s := reading()
		then(s)
		if s.onScreen() != 2 || s.Reader.Next != 0 || s.Reader.Said != 0 {
			t.Errorf("%s: question %d on screen, %d waits, %d bytes said", name, s.onScreen(), s.Reader.Next, s.Reader.Said)
		}
	}

	s := reading() // by hand, another answer is looked at: nothing waits any more
	s.State = s.Apply(Pressed{s.wall(), Previous})
	if s.pass(5 * time.Second); s.onScreen() != 1 || s.Reader.Next != 0 {
		t.Errorf("after Previous question %d is on screen, %d waits", s.onScreen(), s.Reader.Next)
	}

	s = newStage() // nobody reads: the new answer comes with its first word
	s.asks("How did you split the work?")
	s.writes(spokenAnswer)
	s.reads("Well let me think about that", true)
	s.asks("Why Go?")
	if s.writes("**Because** it is plain."); s.onScreen() != 2 || s.Reader.Next != 0 {
		t.Errorf("question %d on screen, %d waits", s.onScreen(), s.Reader.Next)
	}
}

// What: an answer takes the place of a draft of which words were said. Why: it is
// followed from its own beginning, by its own words.
func TestReplacedAnswerIsFollowed(t *testing.T) {
	const right = "Against a reference gauge that a laboratory has calibrated for us."
	for name, replace := range map[string]func(*stage){
		"by a check": func(s *stage) {
			s.hears(gauge, true)
			s.State = s.Apply(DeltaCame{s.wall(), s.check.n, "!\n" + right})
		},
		"by another question": func(s *stage) {
			s.hears("How do you calibrate a pressure and then sign off the torque wrenches?", true)
			s.writes(right)
		},
	} {
		s := newStage()
		s.hears("How do you calibrate a pressure", false)
		s.State = s.Apply(DeltaCame{s.wall(), s.hunch.n, "! gauge in the field\n" + spokenAnswer})
		s.reads("by money", false)
		replace(s)
		if q(s).Answer.Text.String() != right || s.Reader.Said != 0 {
			t.Errorf("%s: %d bytes said of %q", name, s.Reader.Said, q(s).Answer.Text)
		}
		s.pass(time.Second)
		s.readsAll("Against a reference gauge that a laboratory")
		if said := right[:s.Reader.Said]; !strings.HasSuffix(strings.TrimSpace(said), "laboratory") {
			t.Errorf("%s: said %q", name, said)
		}
	}
}

// What: anything may happen while an answer is read. Why: no sequence of events
// but a key changes or moves a line at or above the place of the reader.
func TestNothingMovesWhileItIsRead(t *testing.T) {
	held, waited, replaced := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		s := newStage()
		words := strings.Fields(strings.NewReplacer("*", "", "- ", "").Replace(spokenAnswer))
		written := spokenAnswer[:rapid.IntRange(10, len(spokenAnswer)).Draw(t, "written")]
		if rapid.Bool().Draw(t, "checked") { // it was begun for another end of the question
			s.hears("How do you calibrate a pressure", false)
			s.State = s.Apply(DeltaCame{s.wall(), s.hunch.n, "! gauge in the field\n" + written})
			s.hears(gauge, true)
			if s.check.n == 0 {
				t.Fatal("no check")
			}
		} else {
			s.asks("How did you split the work?")
			s.writes(written)
		}
		for range rapid.IntRange(10, 60).Draw(t, "events") {
			var ev Event
			switch rapid.IntRange(0, 12).Draw(t, "kind") {
			case 0:
				tr := transcript(interviewer, s.at, strings.Fields(rapid.SampledFrom(append(sayings, "Why Go?", "How did you split the work?")).Draw(t, "asks")))
				tr.Final = rapid.Bool().Draw(t, "final")
				tr.SpeechFinal = tr.Final
				s.pass(tr.End - tr.Start)
				ev = Heard{s.wall(), tr}
			case 1, 2:
				from := rapid.IntRange(0, len(spokenAnswer)-1).Draw(t, "from")
				if q := s.Questions.List(); len(q) > 0 && s.wanted.n != 0 {
					from = q[len(q)-1].Answer.Text.Len() % len(spokenAnswer)
				}
				to := min(from+rapid.IntRange(1, 90).Draw(t, "bytes"), len(spokenAnswer))
				ev = DeltaCame{s.wall(), s.wanted.n, spokenAnswer[from:to]}
			case 3:
				ev = AnswerEnded{s.wall(), s.wanted.n, groq.Result{Model: "m"}, nil}
			case 4, 5, 6, 7: // reads on, from where the reader is or from elsewhere
				from := min(s.Reader.reading.Words(), len(words)-1)
				if rapid.IntRange(0, 5).Draw(t, "elsewhere") == 0 {
					from = rapid.IntRange(0, len(words)-1).Draw(t, "from")
				}
				tr := transcript(candidate, s.at, words[from:min(len(words), from+rapid.IntRange(1, 8).Draw(t, "words"))])
				tr.Final = rapid.Bool().Draw(t, "final")
				s.pass(tr.End - tr.Start)
				ev = Heard{s.wall(), tr}
			case 8:
				ev = LevelHeard{At: s.wall().Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "ms")) * time.Millisecond), Origin: testBegan}
				s.at = ev.event().Sub(testBegan)
			case 9:
				ev = TimePassed{s.wall()}
			case 10:
				ev = Pressed{s.wall(), rapid.SampledFrom([]Command{Pause, Resume, AutoOn, AutoOff, CancelAnswer}).Draw(t, "command")}
			case 11:
				ev = Heard{s.wall(), deepgram.UtteranceEnd{Channel: candidate, LastWordEnd: s.at}}
			case 12:
				ev = DeltaCame{s.wall(), s.check.n, "!\nOn the bench."}
			}
			before := s.State
			s.State = before.Apply(ev)
			if s.draft.gone > before.draft.gone {
				replaced++
			}
			old, ok := before.Current()
			if !ok || !before.beingRead() || old.Answer.Draft && before.check.n == 0 { // whose question may be none
				continue
			}
			if s.Reader.Next != 0 {
				waited++
			}
			if !s.State.beingRead() && s.onScreen() != old.ID { // the reader was done, or had stopped
				continue
			}
			held++
			now, _ := s.Current()
			if now.ID != old.ID && before.capture()-before.Reader.reading.last < quietHold-2*time.Second {
				t.Fatalf("%T: question %d took the place of %d, which was being read", ev, now.ID, old.ID)
			}
			if now.ID != old.ID {
				continue
			}
			if !strings.HasPrefix(now.Answer.Text.String(), old.Answer.Text.String()) {
				t.Fatalf("%T: %q became %q", ev, old.Answer.Text, now.Answer.Text)
			}
			if l := old.Answer.Labels.All; !slices.Equal(now.Answer.Labels.All[:len(l)], l) {
				t.Fatalf("%T: the marks of finished sentences changed", ev)
			}
			if r := before.Reader.reading; s.Reader.reading.Words() < r.script.before(r.Words()) {
				t.Fatalf("%T: the place went back from word %d to %d", ev, r.Words(), s.Reader.reading.Words())
			}
		}
	})
	if held < 200 || waited < 20 || replaced == 0 {
		t.Errorf("only %d events while something was read, %d while another answer waited, %d answers replaced", held, waited, replaced)
	}
}

// What: the checklist of a question of three parts. Why: the parts are ticked
// off by the candidate's own words, each heard once.
func TestChecklistOfTheQuestionOnScreen(t *testing.T) {
	s := newStage()
	s.asks("How did you split the work, how long did it take, and what would you do differently?")
	s.writes(spokenAnswer)
	covered := func() (n int) {
		for _, p := range s.Reader.Parts.All {
			if p.Covered {
				n++
			}
		}
		return n
	}
	if n := len(s.Reader.Parts.All); n != 3 || covered() != 0 {
		t.Fatalf("%+v", s.Reader.Parts.All)
	}
	s.reads("we split it by money flow and it took nine months", false)
	if covered() != 0 {
		t.Error("ticked off by words that may still change")
	}
	s.at -= 2750 * time.Millisecond
	s.reads("we split it by money flow and it took nine months", true)
	if covered() != 2 {
		t.Errorf("%+v", s.Reader.Parts.All)
	}

	s = newStage() // the question goes on
	s.asks("How did you split the work and how long did it take?")
	s.reads("we split the work by money flow", true)
	s.Questions = s.Questions.With(0, func(q *Question) {
		q.Text = "How did you split the work and how long did it take until you were done?"
	})
	s.pass(time.Second)
	if all := s.Reader.Parts.All; covered() != 1 || len(all) != 2 || all[1].Text != "how long did it take until you were done" {
		t.Errorf("%+v", all)
	}
}

// What: words that the recogniser was not sure of. Why: they are marked in the
// question, and the person may type it as it was meant.
func TestMisheardQuestionIsAskedAgain(t *testing.T) {
	s := newStage()
	tr := transcript(interviewer, s.at, strings.Fields("Okay. How do you use cough car in production?"))
	tr.Final, tr.SpeechFinal = true, true
	tr.Words[5].Confidence, tr.Words[6].Confidence = 0.4, 0.31
	s.State = s.Apply(Heard{s.wall(), tr})
	q, _ := s.Current()
	var marked []string
	for _, u := range q.Unsure {
		marked = append(marked, q.Text[u.From:u.To])
	}
	if !slices.Equal(marked, []string{"cough", "car"}) {
		t.Errorf("marked %q of %q", marked, q.Text)
	}
	s.writes("I drive")
	s.State = s.Apply(Typed{s.wall(), " How do you use Kafka\nin production? "})
	q, _ = s.Current()
	if q.ID != 2 || q.Text != "How do you use Kafka in production?" || !q.Manual || len(q.Unsure) != 0 || s.wanted.id != 2 || s.onScreen() != 2 {
		t.Errorf("%+v, wanted %+v", q, s.wanted)
	}
	if s.Questions.At(0).Answer.Status != AnswerCancelled {
		t.Error("the answer to what was misheard goes on")
	}
	s.State = s.Apply(Typed{s.wall(), " \n"})
	if s.ids != 2 || s.Notice.Code != "not_asked" {
		t.Errorf("%d questions, notice %+v", s.ids, s.Notice)
	}
}

// What: a question typed by the person while the interview runs. Why: it goes
// the way of every other, from the window's goroutine through the loop to the model.
func TestAskThroughTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, nil)
		r.Ask("What is a mutex?")
		r.wait(2 * time.Second)
		if q := r.last(); q.Text != "What is a mutex?" || q.Answer.Status != AnswerDone {
			t.Errorf("%+v", q)
		}
		last := r.answers.requests[0].Messages
		if !strings.Contains(last[len(last)-1].Content, "What is a mutex?") {
			t.Errorf("asked %q", last[len(last)-1].Content)
		}
		r.leave()
	})
}

// What: a card of the deck is like the question. Why: it is there at once, with
// or without a network, and told from what the model writes.
func TestPreparedCard(t *testing.T) {
	s := &stage{State: newState(Options{})}
	s.deck = NewDeck([]Card{{"Why do you want to work here?", "**Three reasons.**"}, {"What is your greatest weakness?", "**I say yes too soon.** Now I write promises down."}})
	s.State = s.Apply(SessionBegan{testBegan})
	s.asks("So why do you want to join us here?")
	if q, _ := s.Current(); q.Prepared != "**Three reasons.**" || q.Answer.Text.Len() != 0 {
		t.Errorf("%+v", q)
	}
	s.reads("Three", true)
	s.writes("**Because** of the team, and of")
	if text, _ := q(s).Shown(); text.String() != "**Because** of the team, and of" || q(s).Card {
		t.Errorf("nobody reads the card, and %q is shown", text)
	}
	s.pass(10 * time.Second)
	s.asks("What is your greatest weakness?")
	s.reads("I say yes too", true)
	s.writes("**None.**")
	if text, _ := q(s).Shown(); text.String() != "**I say yes too soon.** Now I write promises down." || s.Reader.Said == 0 {
		t.Errorf("the card is being read, and %q is shown, %d bytes said", text, s.Reader.Said)
	}
	s.pass(4 * time.Second)
	if text, _ := q(s).Shown(); text.String() != "**None.**" || s.Reader.Said != 0 {
		t.Errorf("the reader has stopped, and %q is shown, %d bytes said", text, s.Reader.Said)
	}
	s.pass(10 * time.Second)
	s.asks("How does garbage collection work?")
	if q := s.Questions.At(s.Questions.Len() - 1); q.Prepared != "" || q.Card {
		t.Errorf("%+v", q)
	}
}

// What: sentences of an answer, with a profile. Why: what is claimed and not in
// the résumé is marked when its sentence is finished; what was said may be said.
func TestSentencesAreMarkedAsTheyCome(t *testing.T) {
	s := &stage{State: newState(Options{})}
	s.profile = Profile{Resume: "Backend engineer at Larkfield Payments, 2019 – present\n- Lead a team of five"}
	s.State = s.Apply(SessionBegan{testBegan})
	s.asks("How big is your team?")
	s.writes("**I lead a team of five.** I ran Cas")
	q, _ := s.Current()
	if l := q.Answer.Labels.All; len(l) != 1 || l[0].Ground != Grounded {
		t.Errorf("%+v", l)
	}
	s.writes("sandra there for two years. We")
	if q, _ = s.Current(); len(q.Answer.Labels.All) != 2 || q.Answer.Labels.All[1].Ground != Unfounded {
		t.Errorf("%+v", q.Answer.Labels.All)
	}
	s.reads("and I used Cassandra at university", true)
	s.State = s.Apply(Heard{s.wall(), deepgram.UtteranceEnd{Channel: candidate, LastWordEnd: s.at}})
	s.pass(4 * time.Second) // the reader is done
	s.asks("And what else did you use?")
	s.writes("I used Cassandra. It")
	if q, _ = s.Current(); len(q.Answer.Labels.All) != 1 || q.Answer.Labels.All[0].Ground == Unfounded {
		t.Errorf("after it was said: %+v", q.Answer.Labels.All)
	}
}
