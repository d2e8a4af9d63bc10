package interview

import (
	"strings"
	"time"

	"copilot/audio"
)

// A hunch is a draft that nobody sees yet. The model is asked about words that
// may still go on: it says first what the whole question will be, and how sure it
// is of that, and then answers it. When that is more likely than all else, the
// answer is shown as a draft; else once the words have asked for it, and then it
// is there already. Or it is gone unseen.
//
// No rule can tell the end of most questions; a model can. But it is asked before
// it is known to be needed, so that there is a budget, and a model that says it is
// sure is believed while its drafts stay.
const (
	shapeWeight = 2   // words of weight from which a question has taken shape
	maxHunches  = 3   // within one utterance
	maxOpening  = 500 // bytes of the line that a hunch's reply begins with
	// Where words come faster than this, the next ones are waited for behind "the", and
	// while the model is not sure.
	slowWords = 500 * time.Millisecond
	// Requests to a hundred questions, over an interview, up to which one may be sent
	// twice, be for a hunch, and for a check; and how many they may be ahead of that.
	raceBudget, hunchBudget, checkBudget = 150, 153, 156
	advance                              = 3
)

// believed is how many drafts may have gone from the screen, to a hundred questions
// and but for one, while a hunch is shown: by what the model says of itself, that it
// is sure or only that anything else is less likely.
var believed = map[string]int{"!": 10, "+": 6}

// hunch is what the model supposes; n is 0 while there is none.
type hunch struct {
	assumed        // text is empty until the model has said what it is
	n       int    // of its request
	words   string // that it was asked with
	plain   bool   // they are the question, and nothing is supposed
	from    place  // of the words
	mark    string // how sure the model is: "!", "+" or "?"
	reply   Text   // the answer so far; while text is empty, the line before it
	ended   *AnswerEnded
	tried   int // within this utterance
}

// believes says whether an answer to what the model supposes may be on screen.
func (s State) believes(h hunch) bool {
	limit, ok := believed[h.mark]
	return ok && 100*(s.draft.gone-1) <= limit*s.ids && (h.mark == "!" || !s.wordsAreFast())
}

// affordable says whether there may be a request for nothing.
func (s State) affordable() bool { return 100*(s.orders+2) <= hunchBudget*(s.ids+1)+100*advance }

// spare says whether there may be one more request for the newest question.
func (s State) spare(budget int) bool {
	return s.drafts && !s.now.Before(s.draft.rest) && 100*(s.orders+1) <= budget*s.ids+100*advance
}

// requests returns those that should be running; their n is 0 where none should.
func (s State) requests() [2]order {
	first := s.wanted
	if first.n == 0 {
		first = order{n: s.hunch.n}
	}
	return [2]order{first, {n: s.check.n}}
}

// suppose begins a hunch on the words so far, if it is time for one.
func (s State) suppose(text string, from place) State {
	h := s.hunch
	next := hunch{words: text, from: from, tried: h.tried}
	switch {
	case s.voiceAway() && wholeQuestion(s.language, text):
		// They may be all, and the answer is begun as if they were.
		if h.n != 0 && (h.text == "" && h.words == text || h.text != "" && h.asked(s.language, text, 0)) || s.draft.tried == maxDrafts {
			return s
		}
		s.draft.tried++
		next.plain, next.text = true, text
	case h.tried == maxHunches || !s.affordable() || !shaped(s.language, text) || s.wordsAreFast() && wantsMore(s.language, text),
		h.n != 0 && (h.text == "" || heavy(alike(plainTokens(text))) <= heavy(alike(plainTokens(h.words)))):
		return s
	default:
		next.tried++
	}
	s.orders++
	next.n = s.orders
	s.hunch = next
	return s
}

// wordsAreFast says whether better words come soon.
func (s State) wordsAreFast() bool { return s.pace > 0 && s.pace < slowWords }

// paced takes in that words came, which tells how soon more of them may.
func (s State) paced() State {
	if d := s.now.Sub(s.newest); d < 2*time.Second {
		s.pace = d
	}
	s.newest = s.now
	return s
}

// shaped says whether a question has taken shape, but not its end.
func shaped(language, text string) bool {
	if !isEnglish(language) {
		return false
	}
	var last string
	for _, sentence := range sentences(text) {
		last = sentence
	}
	v, _ := judgeSentence(language, last)
	ts := plainTokens(last)
	if v != answer {
		return false
	}
	return heavy(alike(ts)) >= shapeWeight || len(ts) >= 3 && heavy(alike(plainTokens(text))) >= 2*shapeWeight
}

// voiceAway says that the interviewer has stopped, by our ear or the
// transcriber's guess, behind the words that are known.
func (s State) voiceAway() bool {
	return s.heard[audio.Interviewer].interim.eager || !s.silence.since.IsZero() && s.upToDate()
}

// dropHunch gives a hunch up.
func (s State) dropHunch() State {
	s.hunch = hunch{tried: s.hunch.tried}
	return s
}

// hunchCame takes in what came of a hunch's request.
func (s State) hunchCame(ev Event) State {
	switch ev := ev.(type) {
	case DeltaCame:
		s.hunch.reply = s.hunch.reply.Append(ev.Text)
		if s.hunch.text == "" {
			return s.readOpening()
		}
	case AnswerEnded:
		if ev.Err != nil || s.hunch.text == "" {
			return s.restDrafts(ev.Err).dropHunch()
		}
		s.hunch.ended = &ev
	case AnswerRetried: // the server is busy, or there is a limit
		s.draft.rest = s.now.Add(draftsRest)
		return s.dropHunch()
	}
	return s
}

// readOpening reads the line that a hunch's reply begins with, see saidHalf.
func (s State) readOpening() State {
	line, rest, whole := strings.Cut(strings.TrimLeft(s.hunch.reply.String(), " \r\n"), "\n")
	mark, end, _ := strings.Cut(clean(line), " ")
	switch {
	case !whole && len(line) <= maxOpening:
		return s
	case !whole, len(mark) != 1 || !strings.Contains("!+?", mark):
		return s.dropHunch() // the model did something else
	}
	s.hunch.text = endedWith(s.hunch.words, end)
	s.hunch.reply = Text{}.Append(strings.TrimLeft(rest, " \r\n"))
	s.hunch.mark = mark
	if mark != "?" {
		s.hunch.heard = s.hunch.words
	}
	return s.consider()
}

// endedWith returns words with an end. The last of them, which may have been half
// a word, is taken from the end when that begins with it.
func endedWith(words, end string) string {
	i := strings.LastIndexByte(words, ' ') + 1
	if first, _, _ := strings.Cut(end, " "); strings.HasPrefix(norm(first), norm(words[i:])) {
		return words[:i] + end
	}
	return strings.TrimSpace(words + " " + end)
}

// take goes on with a hunch as the answer to the newest question.
func (s State) take(h hunch) State {
	id := s.Questions.At(s.Questions.Len() - 1).ID
	s.wanted = order{n: h.n, id: id, grew: s.now}
	s = s.clocked(id)
	if h.reply.Len() > 0 {
		s = s.delta(DeltaCame{s.now, h.n, h.reply.String()})
	}
	if ev := h.ended; ev != nil {
		s = s.answerEnded(AnswerEnded{s.now, h.n, ev.Result, nil})
	}
	return s.grounded(id, maxQuestion)
}
