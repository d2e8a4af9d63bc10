package interview

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A question that comes in pieces, with pauses that end an utterance, is asked once
// and whole: a piece that was cut off, or that only supposes something, waits.
func TestQuestionInPieces(t *testing.T) {
	for _, pieces := range [][]string{
		{"Could you tell me, uh,", "the difference between SQL and NoSQL databases?"},
		{"And if you had to do it again,", "would you still have picked microservices?"},
		{"So, tell me about a time you,", "you used data to make a decision."},
		{"How do you,", "how do you typically structure a test?"},
		{"Let's say that daily users dropped by ten percent overnight.", "How would you find out why?"},
		{"Imagine our checkout is slow.", "Where would you start looking?"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, func(o *Options) { o.NoDrafts = true })
			for _, p := range pieces {
				r.says(interviewer, p)
			}
			r.wait(5 * time.Second)
			r.wantQuestions(strings.Join(pieces, " "))
			if n := r.answers.count(); n != 1 {
				t.Errorf("%q: %d requests", pieces, n)
			}
			r.leave()
		})
	}
	synctest.Test(t, func(t *testing.T) { // the first piece waited for too long, and was answered
		r := run(t, func(o *Options) { o.NoDrafts = true })
		r.says(interviewer, "Could you tell me, uh,")
		r.wait(uncertainWait + time.Second)
		r.says(interviewer, "the difference between SQL and NoSQL")
		r.says(interviewer, "databases?")
		r.wait(5 * time.Second)
		if q := r.last(); q.Text != "Could you tell me, uh, the difference between SQL and NoSQL databases?" {
			t.Errorf("asked %q", q.Text)
		}
		r.leave()
	})
	synctest.Test(t, func(t *testing.T) { // nothing follows
		r := run(t, nil)
		r.says(interviewer, "Imagine our checkout is slow.")
		r.wait(uncertainWait + 20*time.Millisecond)
		r.wantQuestions("Imagine our checkout is slow.")
		r.leave()
	})
}

// What waits is not answered while the voice is back and its words are on the way,
// whichever of the two was heard of first.
func TestWaitingHearsTheVoice(t *testing.T) {
	at := func(ms int) time.Time { return testBegan.Add(time.Duration(ms) * time.Millisecond) }
	words := strings.Fields("Imagine our checkout is slow.")
	said := transcript(interviewer, 0, words)
	said.Final, said.SpeechFinal = true, true
	end := int(said.End / time.Millisecond)
	for name, voiceFirst := range map[string]bool{"voice, then the final": true, "the final, then voice": false} {
		s := newState(Options{NoDrafts: true}).Apply(SessionBegan{testBegan}).Apply(LevelHeard{At: testBegan, Origin: testBegan})
		s = s.Apply(VoiceChanged{At: at(0), Speaking: true})
		s = s.Apply(VoiceChanged{At: at(end + 60), Last: at(end)})
		voice, final := VoiceChanged{At: at(end + 300), Speaking: true}, Heard{at(end + 300), said}
		if voiceFirst {
			s = s.Apply(voice).Apply(final)
		} else {
			s = s.Apply(final).Apply(voice)
		}
		for ms := end + 300; ms <= end+1590; ms += 10 {
			if s = s.Apply(TimePassed{at(ms)}); s.Questions.Len() != 0 {
				t.Errorf("%s: asked %d ms after the words", name, ms-end)
				break
			}
		}
		if s = s.Apply(TimePassed{at(end + 1610)}); s.Questions.Len() != 1 {
			t.Errorf("%s: not asked once no words came", name)
		}
	}
}

// Noises without words do not hold a question up for long.
func TestWaitingIsNotHeldUpByNoise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var noises [][2]time.Duration
		for at := 2 * time.Second; at < 20*time.Second; at += time.Second {
			noises = append(noises, [2]time.Duration{at, at + 300*time.Millisecond})
		}
		r := run(t, func(o *Options) { o.Source = speaking(noises...) })
		r.says(interviewer, "I see you worked at Acme.")
		r.wait(r.began.Add(8 * time.Second).Sub(time.Now()))
		r.wantQuestions("I see you worked at Acme.")
		r.leave()
	})
}
