package interview

import (
	"slices"
	"strings"
	"time"

	"copilot/audio"
)

// Reader is what is known of the candidate reading the answer on screen.
type Reader struct {
	// Said is how many bytes of the answer on screen the candidate has said. It
	// never goes back further than to the beginning of the sentence before.
	Said int
	// Parts is the checklist of a question on screen that asks several things.
	Parts Parts
	// Next is the ID of a question whose answer waits until the one on screen is
	// read; 0: none. Pressing Next shows it.
	Next int

	id      int    // of the question on screen
	text    string // and its text
	reading Reading
	seen    time.Duration // words of the candidate that end before are not news
	since   time.Duration // words that end before were said before the answer was on screen
}

// How an answer is held on screen.
const (
	holdFrom  = 3 // words read, from which an answer stays on screen
	quietHold = 2500 * time.Millisecond
	unsure    = 0.6 // confidence below which a word may be misheard
)

// Apply returns the state after ev. It is pure: s and everything it was made
// from stay as they are.
//
// While an answer is being read, nothing but a key changes what is on screen at
// or above the place of the reader: another answer waits, see [Reader].
func (s State) Apply(ev Event) State {
	before := s
	s = s.apply(ev)
	switch ev := ev.(type) {
	case SessionBegan:
		s.grounds = NewGrounds(s.profile, ev.At)
	case DeltaCame:
		if before.runs(ev.Order) {
			s = s.grounded(before.wanted.id, len(ev.Text)+4)
		}
	case AnswerEnded:
		if before.runs(ev.Order) {
			s = s.grounded(before.wanted.id, maxQuestion)
		}
	case Heard:
		s = s.markUnsure(before).listen(before)
	}
	if s.deck != nil {
		s = s.prepare(before).cardsDone()
	}
	return s.hold(before, ev).follow()
}

// capture is the present on the capture's timeline; 0 while that is unknown.
func (s State) capture() time.Duration {
	if s.origin.IsZero() {
		return 0
	}
	return max(s.now.Sub(s.origin), 0)
}

// listen takes in the candidate's words for the answer on screen, and learns
// what was said.
func (s State) listen(before State) State {
	if n := len(s.Turns); n > 0 && s.Turns[n-1].Speaker == audio.Candidate && !s.Turns[n-1].Gap {
		said := s.Turns[n-1].Text
		if m := len(before.Turns); m > 0 && s.forgotten+n == before.forgotten+m {
			said = said[min(len(before.Turns[m-1].Text), len(said)):]
		}
		if said != "" {
			s.grounds = s.grounds.Said(said)
		}
	}
	q, ok := s.Current()
	text, whole := q.Shown()
	h, was := s.heard[audio.Candidate], before.heard[audio.Candidate]
	if !ok || q.ID != s.Reader.id || unheard(h, was) {
		return s
	}
	far := s.heard[audio.Interviewer].late()
	finals, interim := ownWords(s.after(h.recent), far), ownWords(s.after(h.interim.words), far)
	r := s.Reader
	r.reading = r.reading.hear(text, whole, finals, interim)
	for _, w := range finals {
		if w.to > r.seen {
			r.Parts = r.Parts.hear([]string{w.text})
			r.seen = w.to
		}
	}
	s.Reader = r
	return s
}

// after returns the words that were said since the answer is on screen.
func (s State) after(ws []word) []word {
	i := slices.IndexFunc(ws, func(w word) bool { return w.to > s.Reader.since })
	if i < 0 {
		return nil
	}
	return ws[i:]
}

// unheard says whether nothing new was heard between two states of a channel.
func unheard(a, b hearing) bool {
	return len(a.recent) == len(b.recent) && (len(a.recent) == 0 || a.recent[len(a.recent)-1] == b.recent[len(b.recent)-1]) &&
		slices.Equal(a.interim.words, b.interim.words)
}

// beingRead says whether the candidate is in the middle of the answer on screen.
func (s State) beingRead() bool {
	q, ok := s.Current()
	r := s.Reader
	if _, whole := q.Shown(); !ok || q.ID != r.id || r.reading.Words() < holdFrom || r.reading.Done() && whole {
		return false
	}
	return s.capture()-r.reading.last < quietHold
}

// hold keeps the answer that is being read on screen when another would take
// its place, and shows that one once the reader is done.
func (s State) hold(before State, ev Event) State {
	if p, ok := ev.(Pressed); ok {
		if p.Command == Previous || p.Command == Next || p.Command == Clear || p.Command == AnswerNow {
			s = s.pressedAway(before, p.Command)
		}
		return s
	}
	if old, ok := before.Current(); ok && before.beingRead() && !s.over {
		now, shown := s.Current()
		if i := s.find(old.ID); shown && i >= 0 && now.ID != old.ID {
			s.Reader.Next = now.ID
			s.Shown = i
		}
	}
	if s.Reader.Next != 0 && !s.beingRead() {
		if i := s.find(s.Reader.Next); i >= 0 {
			s.Shown = i
		}
		s.Reader.Next = 0
	}
	return s
}

// pressedAway lets the person decide what is on screen: Next goes to the answer
// that waits.
func (s State) pressedAway(before State, c Command) State {
	if i := s.find(before.Reader.Next); c == Next && before.Reader.Next != 0 && i >= 0 {
		s.Shown = i
	}
	s.Reader.Next = 0
	return s
}

// find returns the index of a question by its ID, or -1.
func (s State) find(id int) int {
	if i := s.index(id); i >= 0 && i < s.Questions.Len() {
		return i
	}
	return -1
}

// follow begins anew when another question is on screen, and tells the place of
// the reader at the present.
func (s State) follow() State {
	q, ok := s.Current()
	switch {
	case !ok:
		s.Reader = Reader{Next: s.Reader.Next}
		return s
	case q.ID != s.Reader.id:
		last := s.heard[audio.Candidate].lastEnd()
		s.Reader = Reader{Next: s.Reader.Next, id: q.ID, text: q.Text, since: last, seen: last, Parts: partsOf(s.language, q.Text)}
	case q.Text != s.Reader.text:
		parts, old := partsOf(s.language, q.Text), s.Reader.Parts.All
		for i := range min(len(parts.All), len(old)) { // it went on: what was ticked off stays so
			parts.All[i].Covered = old[i].Covered
		}
		s.Reader.Parts, s.Reader.text = parts, q.Text
	}
	if at := s.Reader.reading.Said(s.capture()); at != s.Reader.Said {
		s.Reader.Said = at
	}
	return s
}

// grounded judges the sentences of an answer that its last bytes have finished.
func (s State) grounded(id, last int) State {
	i := s.find(id)
	if i < 0 {
		return s
	}
	a := s.Questions.At(i).Answer
	if !strings.ContainsAny(a.Text.From(max(0, a.Text.Len()-last)), ".?!…;\n") && a.Status <= AnswerStreaming {
		return s
	}
	labels := a.Labels.grow(a.Text, a.Status > AnswerStreaming, s.grounds)
	if labels.read == a.Labels.read {
		return s
	}
	return s.edit(id, func(a *Answer) { a.Labels = labels })
}

// prepare finds the card of a question that is new.
func (s State) prepare(before State) State {
	if !s.askedAnew(before) {
		return s
	}
	i := s.Questions.Len() - 1
	card, _, ok := s.deck.Find(s.Questions.At(i).Text)
	if !ok {
		card.Answer = ""
	}
	if q := s.Questions.At(i); q.Prepared != card.Answer && q.Answer.Text.Len() == 0 {
		s.Questions = s.Questions.With(i, func(q *Question) { q.Prepared, q.Card = card.Answer, ok })
		if ok {
			s.Shown = i
		}
	}
	return s
}

// Shown returns the answer as it is to be shown, and whether it is whole: the
// model's, or the prepared one while that stands in for it.
func (q Question) Shown() (text Text, whole bool) {
	if q.Card {
		return Text{}.Append(q.Prepared), true
	}
	return q.Answer.Text, q.Answer.Status > AnswerStreaming
}

// cardsDone puts the model's answers in the place of the prepared ones, but for
// one that is being read.
func (s State) cardsDone() State {
	for i, q := range s.Questions.All() {
		if !q.Card || q.Answer.Text.Len() == 0 || i == s.Shown && s.beingRead() {
			continue
		}
		s.Questions = s.Questions.With(i, func(q *Question) { q.Card = false })
		s = s.readAnew(q.ID)
	}
	return s
}

// readAnew says that another text is on screen for a question.
func (s State) readAnew(id int) State {
	if id == s.Reader.id {
		s.Reader.id = 0
	}
	return s
}

// askedAnew says whether the newest question is new, or went on.
func (s State) askedAnew(before State) bool {
	n, m := s.Questions.Len(), before.Questions.Len()
	return n > 0 && (m == 0 || s.Questions.At(n-1).ID != before.Questions.At(m-1).ID || s.Questions.At(n-1).Text != before.Questions.At(m-1).Text)
}

// Span is a piece of a text, in bytes.
type Span struct{ From, To int }

// markUnsure marks the words of a new question, or of one that went on, that
// may be misheard: it finds them again at the end of what was heard.
func (s State) markUnsure(before State) State {
	if !s.askedAnew(before) {
		return s
	}
	n := s.Questions.Len()
	text := s.Questions.At(n - 1).Text
	var spans []Span
	ws := s.heard[audio.Interviewer].late()
	at := wordSpans(text)
	for i, j := len(at)-1, len(ws)-1; i >= 0 && j >= 0; i, j = i-1, j-1 {
		for j >= 0 && ws[j].text != text[at[i].From:at[i].To] { // the interviewer went on
			j--
		}
		if j >= 0 && ws[j].sure > 0 && ws[j].sure < unsure {
			spans = append(spans, at[i])
		}
	}
	slices.Reverse(spans)
	s.Questions = s.Questions.With(n-1, func(q *Question) { q.Unsure = spans })
	return s
}

// wordSpans returns where the words of text lie.
func wordSpans(text string) (spans []Span) {
	from := -1
	for i := range len(text) + 1 {
		switch space := i == len(text) || text[i] == ' '; {
		case space && from >= 0:
			spans = append(spans, Span{from, i})
			from = -1
		case !space && from < 0:
			from = i
		}
	}
	return spans
}

// askAgain asks what a person typed in place of what was heard.
func (s State) askAgain(text string) State {
	text = clean(text)
	if text == "" || len(text) > maxQuestion {
		return s.remark("not_asked", "Type the question in a sentence or two.")
	}
	if s.paused {
		return s.remark("paused", "The interview is paused. Resume it to get an answer.")
	}
	from, end := s.asked.from, s.asked.end
	if s.ids == 0 {
		from = s.dialogueEnd()
	}
	return s.ask(Question{Text: text, Heard: s.now, Manual: true}, from, end)
}
