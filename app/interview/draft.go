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

// assumed is a question that is answered before it is over.
type assumed struct {
	text  string // the question, as far as it matters
	heard string // whatever comes behind these words, text is asked; empty: it has to be said
}

// asked says whether words ask for a; slack is how many more words of weight may
// turn out to add nothing, in words that are not final.
func (a assumed) asked(language, words string, slack int) bool {
	return agreeBut(language, a.text, words, slack) || a.heard != "" && anyhow(language, a.heard, words, slack)
}

// open says whether words that are not final may still come to ask for a.
func (a assumed) open(language, words string) bool {
	return a.asked(language, words, 1) || behind(language, words, a.text) || a.heard != "" && behind(language, words, a.heard)
}

// draft is what is being considered, or written.
type draft struct {
	assumed
	sure  bool      // without the newest word too, which may be misheard
	since time.Time // when it was first heard; zero: nothing is considered
	tried int       // drafts begun within this utterance
	id    int       // of the question that is a draft, the newest; 0: none
	shown int       // what was on screen before it
	from  place     // of the question before it
	rest  time.Time // no drafts before
	gone  int       // drafts that were on screen and then gone, in this interview
}

// consider looks at the interviewer's words so far: they may ask for something
// before they are over, or no longer ask for what a draft or a hunch answers.
func (s State) consider() State {
	text, from, ok := s.soFar()
	if !ok {
		return s
	}
	if s.draft.id != 0 {
		if s.draft.open(s.language, text) {
			return s
		}
		s = s.dropDraft()
	}
	if h := s.hunch; h.text != "" && !h.open(s.language, text) {
		s = s.dropHunch()
	}
	switch h := s.hunch; {
	case !s.mayDraft():
		s.draft.since = time.Time{}
		return s
	case s.believes(h):
		return s.draftOf(h.text, h.from, h.assumed)
	case !s.determined(text):
		s.draft.since = time.Time{}
		return s.suppose(text, from)
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
	return s.drafts && s.Auto && !s.paused && !s.leaving && s.wanted.n == 0 && s.check.n == 0 && s.draft.tried < maxDrafts &&
		!s.now.Before(s.draft.rest) && !s.follows(utterance{span: span{from: begin}}) &&
		!fromFar(h.held(), s.heard[audio.Candidate].late())
}

// determined says whether what is asked is known although more words may come.
func (s State) determined(text string) bool {
	return judge(s.language, text).verdict == answer && determinedByWords(s.language, text)
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
	text, needed := completed(s.language, text)
	if asked, _, ok := askedWithin(s.language, text); ok && agree(s.language, asked, text) {
		needed = asked
	}
	return s.draftOf(text, from, assumed{text: needed})
}

// draftOf shows text as the newest question, with its answer as a draft.
func (s State) draftOf(text string, from place, a assumed) State {
	d := s.draft
	d.assumed, d.since, d.shown, d.from = a, time.Time{}, s.Shown, s.asked.from
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
	if s.draft.id == 0 || !s.draft.asked(s.language, q.Text, 0) {
		return s, false
	}
	s.Questions = s.Questions.With(s.Questions.Len()-1, func(p *Question) {
		p.Text, p.Manual, p.Heard = q.Text, q.Manual, q.Heard
		p.Answer.Draft, p.Answer.final = false, q.Answer.final
	})
	s.draft.id, s.waiting = 0, waiting{}
	s.asked = asked{from: from, through: s.dialogueEnd(), end: end}
	s = s.clocked(s.ids).doubt(s.draft.assumed)
	return s.timed(s.Questions.At(s.Questions.Len() - 1)), true
}

// dropDraft takes a draft off the screen and its order back, and gives a hunch up.
func (s State) dropDraft() State {
	s = s.dropHunch()
	if s.draft.id == 0 {
		return s
	}
	if s.Questions.At(s.Questions.Len()-1).Answer.Text.Len() > 0 {
		s.draft.gone++
	}
	if s.wanted.id == s.draft.id {
		s.wanted = order{}
	}
	n := s.Questions.Len() - 1
	s.Questions = s.Questions.without()
	if s.Shown >= n {
		s.Shown = min(s.draft.shown, n-1)
	}
	s = s.readAnew(s.ids)
	s.ids--
	s.asked.from = s.draft.from
	s.draft.id, s.draft.since = 0, time.Time{}
	return s
}

// utteranceOver begins the counting of drafts anew.
func (s State) utteranceOver() State {
	s.draft.tried, s.draft.since, s.hunch.tried = 0, time.Time{}, 0
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
