package interview

import (
	"errors"
	"strings"
	"time"

	"copilot/audio"
)

// maxQuestion bounds a question's text in bytes.
const maxQuestion = 2000

// interviewerSaid takes in an utterance of the interviewer. A draft that it did
// not ask for, and that may not be asked for after a wait, is gone.
func (s State) interviewerSaid(u utterance) State {
	s = s.utteranceOver().decide(u)
	if s.waiting.until.IsZero() {
		s = s.dropDraft()
	}
	return s
}

// decide says what an utterance is: nothing to answer, a question, or part of
// the one before.
func (s State) decide(u utterance) State {
	if fromFar(u.words, s.heard[audio.Candidate].late()) { // the candidate's own words never ask
		s.heard[audio.Interviewer].shown, s.asked.open = "", 0
		return s
	}
	s, at := s.say(audio.Interviewer, u)
	text := u.text
	if n := s.asked.open; n > 0 { // AnswerNow took its first words
		s.asked.open = 0
		used := skipWords(text, n)
		s.asked.through, s.asked.end = place{at.turn, at.at + used}, u.to
		if len(strings.Fields(text[used:])) <= 2 {
			s.asked.through = s.dialogueEnd()
			return s
		}
		text, at.at = text[used:], at.at+used
	}
	if !s.Auto || s.paused || s.leaving || u.confidence > 0 && u.confidence < sureEnough {
		return s
	}
	j := judge(s.language, text)
	text, at.at = text[j.from:], at.at+j.from
	switch {
	case !s.waiting.until.IsZero():
		return s.waitingGoesOn(j, text, at, u.to)
	case s.follows(u):
		return s.questionGoesOn(j, text, at, u)
	case j.verdict == uncertain, j.verdict == answer && wantsMore(s.language, text):
		return s.wait(text, at, u.to)
	case j.verdict == answer:
		return s.ask(Question{Text: text, Heard: s.wall(u.to)}, at, u.to)
	}
	return s
}

// follows says whether u comes so soon after the newest question that it may
// belong to it: the candidate has not begun to answer.
func (s State) follows(u utterance) bool {
	before := s.ids > 1 || s.ids == 1 && s.draft.id == 0 // a draft is not asked yet
	return before && u.from-s.asked.end <= mergeWithin && !s.candidateSince(s.asked.end)
}

// questionGoesOn takes what was said right after the newest question.
func (s State) questionGoesOn(j judgement, text string, at place, u utterance) State {
	q := s.Questions.At(s.Questions.Len() - 1)
	whole := q.Text + " " + text
	written := q.Answer.Text.Len() > 0
	j = s.completes(j, q.Text, whole)
	switch {
	case len(whole) > maxQuestion && j.verdict == answer:
		return s.ask(Question{Text: text, Heard: s.wall(u.to)}, at, u.to)
	case len(whole) > maxQuestion,
		j.verdict == skip && (j.known || written || u.from-s.asked.end > breath):
		return s
	case agree(s.language, q.Text, whole):
		// "… in your last job", "How did you handle it?": nothing new is asked.
		s.Questions = s.Questions.With(s.Questions.Len()-1, func(q *Question) { q.Text, q.Heard = whole, s.wall(u.to) })
		s.asked.through, s.asked.end = s.dialogueEnd(), u.to
		return s.clocked(q.ID)
	case !written: // nothing of it was on screen yet: the same question, longer
		s.Questions = s.Questions.With(s.Questions.Len()-1, func(q *Question) {
			q.Text, q.Heard, q.Answer = whole, s.wall(u.to), Answer{final: s.now}
		})
		s.check = check{}
		s.asked.through, s.asked.end = s.dialogueEnd(), u.to
		return s.clocked(q.ID).order(q.ID)
	case j.verdict == answer:
		return s.ask(Question{Text: whole, Heard: s.wall(u.to)}, s.asked.from, u.to)
	}
	return s.wait(whole, s.asked.from, u.to)
}

// wait puts an uncertain question aside for a moment of silence.
func (s State) wait(text string, from place, end time.Duration) State {
	s.waiting = waiting{text, from, end, s.now.Add(uncertainWait)}
	if s.silence.heard && s.silence.since.IsZero() { // the voice is back already
		return s.voiceBack()
	}
	return s
}

// waitingGoesOn takes what was said while an uncertain question waited.
func (s State) waitingGoesOn(j judgement, text string, at place, end time.Duration) State {
	from := s.waiting.from
	whole := s.waiting.text + " " + text
	if len(whole) > maxQuestion {
		whole, from = text, at
	}
	j = s.completes(j, s.waiting.text, whole)
	switch {
	case j.verdict == answer && !wantsMore(s.language, whole):
		return s.ask(Question{Text: whole, Heard: s.wall(end)}, from, end)
	case j.verdict == skip && j.known:
		whole, from, end = s.waiting.text, s.waiting.from, s.waiting.end
	}
	return s.wait(whole, from, end)
}

// completes returns the judgement on words that come behind others, as whole says
// it when those were cut off: "Could you tell me, uh," "the difference?"
func (s State) completes(j judgement, before, whole string) judgement {
	if wantsMore(s.language, before) {
		return judge(s.language, whole)
	}
	return j
}

// goesOn gives what waits more time: the interviewer is speaking again.
func (s State) goesOn(d time.Duration) State {
	if t := s.now.Add(d); !s.waiting.until.IsZero() && t.After(s.waiting.until) {
		s.waiting.until = t
	}
	return s
}

// candidateSpeaks answers what waits, and keeps what is checked: the candidate has
// taken it as a question.
func (s State) candidateSpeaks() State {
	if s.check.n != 0 && s.candidateSince(s.asked.end) { // it is being read
		s = s.keep()
	}
	if !s.waiting.until.IsZero() && s.candidateSince(s.waiting.end) {
		return s.answerWaiting()
	}
	return s
}

// candidateSince says whether the candidate has said something since t: more
// than a listener's noises, and not what the microphone caught of the interviewer.
func (s State) candidateSince(t time.Duration) bool {
	var since []word
	for _, w := range s.heard[audio.Candidate].late() {
		if w.from >= t {
			since = append(since, w)
		}
	}
	return len(since) > 0 && saysSomething(ownWords(since, s.heard[audio.Interviewer].late()))
}

func (s State) answerWaiting() State {
	w := s.waiting
	if w.until.IsZero() {
		return s
	}
	return s.ask(Question{Text: w.text, Heard: s.wall(w.end)}, w.from, w.end)
}

// ask makes q the newest question and orders its answer, unless a draft or a
// hunch has it.
func (s State) ask(q Question, from place, end time.Duration) State {
	q.Answer.final = s.now
	if s, adopted := s.adopt(q, from, end); adopted {
		return s
	}
	h := s.hunch
	s = s.dropDraft().stopAnswer()
	s.ids++
	q.ID = s.ids
	s.Questions = s.Questions.and(q)
	if s.Questions.Len() > maxQuestions {
		s.Questions = s.Questions.from(dropAsked)
		if s.Shown >= 0 {
			s.Shown = max(s.Shown-dropAsked, 0)
		}
	}
	if old, ok := s.Current(); q.Manual || !ok || old.Answer.Text.Len() == 0 {
		s.Shown = s.Questions.Len() - 1
	}
	s.waiting = waiting{}
	s.asked = asked{from: from, through: s.dialogueEnd(), end: end}
	if h.text != "" && agree(s.language, h.text, q.Text) {
		return s.take(h)
	}
	s = s.clocked(q.ID).order(q.ID)
	if !q.Answer.Draft && s.mayRace(q) {
		s.orders++
		s.wanted.twice = true
	}
	return s
}

// order asks the loop for a new request, in place of the running one.
func (s State) order(id int) State {
	s.orders++
	s.wanted = order{n: s.orders, id: id, grew: s.now}
	return s
}

// stopAnswer takes the order back; what was written stays, but for a draft.
func (s State) stopAnswer() State {
	s = s.keep().dropDraft()
	if s.wanted.n == 0 {
		return s
	}
	s = s.edit(s.wanted.id, func(a *Answer) { a.Status, a.Problem = AnswerCancelled, "" })
	s.wanted = order{}
	return s
}

// answerNow asks, by hand, what the interviewer has said since the newest
// question, up to the word that is still being spoken. When that is nothing,
// the newest question is answered anew.
func (s State) answerNow() State {
	if s.paused {
		return s.remark("paused", "The interview is paused. Resume it to get an answer.")
	}
	text, from := s.unanswered()
	end := s.heard[audio.Interviewer].lastEnd()
	open := s.heard[audio.Interviewer].text()
	taken := len(strings.Fields(open))
	fresh := string(open[skipWords(open, s.asked.open):])
	if fresh != "" {
		if n := len(s.Turns); text == "" || s.Turns[n-1].Speaker != audio.Interviewer {
			text, from = "", s.here()
		}
		text = strings.TrimSpace(text + " " + fresh)
	}
	j := judge(s.language, text)
	switch {
	case text != "" && (s.ids == 0 || !(j.verdict == skip && j.known)):
		if j.verdict != skip {
			text, from.at = text[j.from:], from.at+j.from
		}
	case s.ids == 0:
		return s.remark("nothing_asked", "The interviewer has not said anything yet.")
	default:
		q := s.Questions.At(s.Questions.Len() - 1)
		if s.wanted.n != 0 && q.Answer.Text.Len() == 0 {
			return s // it is on its way
		}
		text, from, taken = q.Text, s.asked.from, s.asked.open
	}
	s = s.ask(Question{Text: text, Heard: s.now, Manual: true}, from, end)
	s.asked.open = taken
	return s
}

// delta appends a piece to the running answer. The first one brings it on screen.
func (s State) delta(ev DeltaCame) State {
	if !s.runs(ev.Order) {
		return s
	}
	id := s.wanted.id
	i := s.index(id)
	first := s.Questions.At(i).Answer.Text.Len() == 0
	text := ev.Text
	if first {
		text = strings.TrimLeft(text, " \t\r\n")
	}
	if text == "" {
		return s
	}
	s.wanted.grew = s.now
	s = s.edit(id, func(a *Answer) {
		a.Text, a.Status, a.Problem = a.Text.Append(text), AnswerStreaming, ""
		if first {
			a.first = ev.At
		}
	})
	if first {
		s.Shown = i
		s = s.clocked(id)
		s = s.timed(s.Questions.At(i))
	}
	return s
}

// runs says whether an event belongs to the request that should be running.
func (s State) runs(order int) bool { return order != 0 && order == s.wanted.n }

// retried tells the person that the answer is late and why; the next piece of
// the answer takes it back. Nothing is asked ahead, or twice, for a while.
func (s State) retried(ev AnswerRetried) State {
	if !s.runs(ev.Order) || ev.Sentence == "" {
		return s
	}
	s.draft.rest = s.now.Add(draftsRest) // the server is busy, or there is a limit
	id := s.wanted.id
	if id == s.draft.id {
		return s.dropDraft()
	}
	s.wanted.grew = s.now
	return s.edit(id, func(a *Answer) { a.Problem = ev.Sentence })
}

func (s State) answerEnded(ev AnswerEnded) State {
	if !s.runs(ev.Order) {
		return s
	}
	id := s.wanted.id
	if s.Questions.At(s.index(id)).Answer.Text.Len() == 0 && ev.Err == nil {
		s = s.delta(DeltaCame{ev.At, ev.Order, ev.Result.Text})
	}
	s = s.restDrafts(ev.Err)
	if ev.Err != nil && id == s.draft.id {
		return s.dropDraft()
	}
	i := s.index(id)
	q := s.Questions.At(i)
	s = s.edit(id, func(a *Answer) {
		a.Status, a.Problem, a.Model = AnswerDone, "", ev.Result.Model
		a.ended = ev.At
		switch {
		case ev.Err != nil:
			a.Status = AnswerFailed
			a.Problem = sentence(ev.Err, "The answer could not be fetched. Press Answer now to try again.")
		case a.Text.Len() == 0:
			a.Status = AnswerFailed
			a.Problem = "The model gave no answer. Press Answer now to try again."
		}
	})
	if q.Answer.Text.Len() == 0 {
		s.Shown = i
	}
	s.wanted = order{}
	return s.clocked(id)
}

// sentence returns what an error says to a person, or else otherwise.
func sentence(err error, otherwise string) string {
	var told interface{ Sentence() string }
	if errors.As(err, &told) {
		if text := told.Sentence(); text != "" {
			return text
		}
	}
	return otherwise
}

// skipWords returns where the word after the first n of text begins.
func skipWords(text string, n int) int {
	i := 0
	for ; n > 0 && i < len(text); n-- {
		j := strings.IndexByte(text[i:], ' ')
		if j < 0 {
			return len(text)
		}
		i += j + 1
	}
	return i
}
