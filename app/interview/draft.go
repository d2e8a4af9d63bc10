package interview

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"copilot/app/groq"
	"copilot/audio"
)

// A draft is an answer begun before the question was certain to be over. It is
// adopted when the final words ask for the same, and else gone.
const (
	draftStable  = 150 * time.Millisecond // that the words must have asked for the same
	maxDrafts    = 2                      // begun within one utterance
	draftsRest   = 30 * time.Second       // after the server spoke of a limit, at least
	sameFunction = 2                      // little words in which the final may differ
	knownTail    = 6                      // words of weight behind a question that everybody knows
)

// draft is what is being considered, or written.
type draft struct {
	text  string    // of the question that is considered or asked, as far as it matters
	sure  bool      // without the newest word too, which may be misheard
	since time.Time // when it was first heard; zero: nothing is considered
	tried int       // drafts begun within this utterance
	id    int       // of the question that is a draft, the newest; 0: none
	shown int       // what was on screen before it
	from  place     // of the question before it
	rest  time.Time // no drafts before
}

// consider looks at the interviewer's words so far: they may ask for something
// before they are over, or no longer ask for what a draft answers.
func (s State) consider() State {
	text, _, ok := s.soFar()
	if !ok {
		return s
	}
	if s.draft.id != 0 {
		if mayAgree(s.language, s.draft.text, text) || behind(s.language, text, s.draft.text) {
			return s
		}
		s = s.dropDraft()
	}
	if !s.mayDraft() || !s.determined(text) {
		s.draft.since = time.Time{}
		return s
	}
	if s.draft.since.IsZero() || !agree(s.language, s.draft.text, text) {
		s.draft.since, s.draft.text = s.now, text
	}
	s.draft.sure = determinedByWords(s.language, text[:max(strings.LastIndexByte(text, ' '), 0)])
	return s.beginDraft()
}

// soFar returns the interviewer's words that would be asked for if they were
// all, and where they begin.
func (s State) soFar() (text string, from place, ok bool) {
	h := s.heard[audio.Interviewer]
	text = h.text()
	if text == "" || s.asked.open > 0 {
		return "", place{}, false
	}
	from = s.here()
	if !s.waiting.until.IsZero() {
		return s.waiting.text + " " + text, s.waiting.from, true
	}
	begin := judge(s.language, text).from
	from.at += begin
	return text[begin:], from, true
}

// mayDraft says whether a draft would be in nobody's way: nothing is being
// written, and what is said is no part of the question before.
func (s State) mayDraft() bool {
	h := s.heard[audio.Interviewer]
	var begin time.Duration
	if held := h.held(); len(held) > 0 {
		begin = held[0].from
	}
	return s.drafts && s.Auto && !s.paused && !s.leaving && s.wanted.n == 0 && s.draft.tried < maxDrafts &&
		!s.now.Before(s.draft.rest) && !s.follows(utterance{span: span{from: begin}}) &&
		!fromFar(h.held(), s.heard[audio.Candidate].late())
}

// determined says whether what is asked is known although more words may come.
func (s State) determined(text string) bool {
	if judge(s.language, text).verdict != answer {
		return false
	}
	over := s.heard[audio.Interviewer].interim.eager || !s.silence.since.IsZero() && s.upToDate()
	if over && wholeQuestion(s.language, text) {
		return true // the voice is away, and the words are whole
	}
	return determinedByWords(s.language, text)
}

// draftAt returns when the draft that is considered begins.
func (s State) draftAt() time.Time {
	if s.draft.since.IsZero() || s.draft.id != 0 {
		return time.Time{}
	}
	if s.draft.sure || s.heard[audio.Interviewer].interim.eager || !s.silence.since.IsZero() { // no newer word could change it
		return s.draft.since
	}
	return s.draft.since.Add(draftStable)
}

// beginDraft asks for the answer to the words so far when they have been the
// same for long enough.
func (s State) beginDraft() State {
	due := s.draftAt()
	if due.IsZero() || s.now.Before(due) {
		return s
	}
	text, from, ok := s.soFar()
	s.draft.since = time.Time{}
	if !ok || !s.mayDraft() {
		return s
	}
	d := s.draft
	text, d.text = completed(s.language, text)
	d.shown, d.from = s.Shown, s.asked.from
	if asked, _, ok := askedWithin(s.language, text); ok && agree(s.language, asked, text) {
		d.text = asked
	}
	d.tried++
	asked, w := s.asked, s.waiting
	s = s.ask(Question{Text: text, Heard: s.now, Answer: Answer{Draft: true}}, from, 0)
	s.asked, s.waiting = asked, w // nothing is settled yet
	s.asked.from = from           // the dialogue before it
	d.id = s.ids
	s.draft = d
	return s
}

// adopt takes a draft as the answer to q, if there is one and it is.
func (s State) adopt(q Question, from place, end time.Duration) (State, bool) {
	if s.draft.id == 0 || !agree(s.language, s.draft.text, q.Text) {
		return s, false
	}
	s.Questions = s.Questions.With(s.Questions.Len()-1, func(p *Question) {
		p.Text, p.Manual, p.Heard = q.Text, q.Manual, q.Heard
		p.Answer.Draft, p.Answer.final = false, q.Answer.final
	})
	s.draft.id, s.waiting = 0, waiting{}
	s.asked = asked{from: from, through: s.dialogueEnd(), end: end}
	s = s.clocked(s.ids)
	return s.timed(s.Questions.At(s.Questions.Len() - 1)), true
}

// dropDraft takes a draft off the screen and its order back.
func (s State) dropDraft() State {
	if s.draft.id == 0 {
		return s
	}
	if s.wanted.id == s.draft.id {
		s.wanted = order{}
	}
	n := s.Questions.Len() - 1
	s.Questions = s.Questions.without()
	if s.Shown >= n {
		s.Shown = min(s.draft.shown, n-1)
	}
	s.ids--
	s.asked.from = s.draft.from
	s.draft.id, s.draft.since = 0, time.Time{}
	return s
}

// utteranceOver begins the counting of drafts anew.
func (s State) utteranceOver() State {
	s.draft.tried, s.draft.since = 0, time.Time{}
	return s
}

// restDrafts stops drafts for a while when err speaks of a limit.
func (s State) restDrafts(err error) State {
	var e *groq.Error
	if errors.As(err, &e) && e.Status == http.StatusTooManyRequests {
		s.draft.rest = s.now.Add(max(draftsRest, e.RetryAfter))
	}
	return s
}

// determinedByWords says so when a question has ended within the words and what
// follows adds nothing, when it is one that everybody knows the end of, or when
// its end has begun: "… in your last".
func determinedByWords(language, text string) bool {
	if asked, rest, ok := askedWithin(language, text); ok && rest != "" && agree(language, asked, text) {
		return true
	}
	if !isEnglish(language) {
		return false
	}
	ts := plainTokens(text)
	if _, ok := foreseen().foresee(alike(ts)); ok {
		return true
	}
	for n := 2; n <= 5 && n < len(ts)-2; n++ {
		before, tail := ts[:len(ts)-n], ts[len(ts)-n:]
		if startsWith(joined(tail), tailBegins) && allLight(tail) {
			return len(before) >= 2 && wholeQuestion(language, strings.Join(before, " "))
		}
	}
	return false
}

// completed returns text with the words behind it that are foreseen: all of them,
// and those without which it would be another question.
func completed(language, text string) (whole, needed string) {
	if !isEnglish(language) {
		return text, text
	}
	known, ok := foreseen().foresee(alike(plainTokens(text)))
	if !ok {
		return text, text
	}
	more, need := known.missing, known.needed
	if last := text[strings.LastIndexByte(text, ' ')+1:]; len(more) > 0 && articles[last] && articles[more[0]] {
		more, need = more[1:], max(need-1, 0)
	}
	with := func(ws []string) string { return strings.Join(append([]string{text}, ws...), " ") }
	return with(more), with(more[:need])
}

// askedWithin splits text behind its first sentence that is a question.
func askedWithin(language, text string) (asked, rest string, ok bool) {
	for at, sentence := range sentences(text) {
		end := at + len(sentence)
		if v, _ := judgeSentence(language, sentence); v == answer && strings.ContainsAny(sentence[len(sentence)-1:], ".?!") {
			return text[:end], text[end:], true
		}
	}
	return "", "", false
}
