package interview

import (
	"slices"
	"strings"
	"time"
	"unicode"
)

// An answer that was begun for one end of a question is kept when another came
// behind the same words, since it mostly serves that, too. A check asks the model
// whether it does, and else for the right answer. Until it has said so the answer
// stays a draft: it may be replaced, which nothing that was shown as an answer is.
const checkWait = 1500 * time.Millisecond // for the verdict; then the answer stays

// check is a running one, of the newest question's answer; the zero check means none.
type check struct {
	n     int    // of its request
	begun string // the question that its answer was begun for
	reply Text   // so far
	until time.Time
}

// doubt begins a check of the newest question's answer, which was begun for a,
// when something else was asked and the candidate has not begun to read it.
func (s State) doubt(a assumed) State {
	q := s.Questions.At(s.Questions.Len() - 1)
	if asksNoMore(s.language, a.text, q.Text) || !s.spare(checkBudget) || s.beingRead() && s.Reader.id == q.ID {
		return s
	}
	s.orders++
	s.check = check{n: s.orders, begun: a.text, until: s.now.Add(checkWait)}
	return s.edit(q.ID, func(a *Answer) { a.Draft = true })
}

// asksNoMore says whether a question asks for nothing of weight that was not
// assumed, with the same question word and in the same order.
func asksNoMore(language, assumed, question string) bool {
	if !isEnglish(language) {
		return agree(language, assumed, question)
	}
	weighty := func(text string) (ws []string) {
		for _, w := range content(language, text) {
			if wh[w] && len(ws) == 0 || !function[w] && !light[w] && w != "let" { // "… in, let's say, …"
				ws = append(ws, w)
			}
		}
		return ws
	}
	a, q := weighty(assumed), weighty(question)
	return !namesMore(assumed, question) && len(q) <= len(a) && slices.Equal(q, a[:len(q)]) && (len(q) > shapeWeight || agree(language, assumed, question))
}

// namesMore says whether a question has a name that was not assumed: "… in Go".
func namesMore(assumed, question string) bool {
	known := tokens(assumed)
	for _, sentence := range sentences(question) {
		for i, w := range strings.Fields(sentence) {
			w = strings.Trim(w, ".,?!;:\"'()")
			if i == 0 || w == "" || !unicode.IsUpper([]rune(w)[0]) {
				continue
			}
			for _, t := range tokens(w) {
				if !function[t] && !slices.Contains(known, t) {
					return true
				}
			}
		}
	}
	return false
}

// keep ends a check: the answer on screen is the one to the question.
func (s State) keep() State {
	if s.check.n == 0 {
		return s
	}
	s.check = check{}
	s = s.edit(s.ids, func(a *Answer) { a.Draft = false })
	return s.timed(s.Questions.At(s.index(s.ids)))
}

// checkCame takes in what came of a check's request, see saidElse.
func (s State) checkCame(ev Event) State {
	switch ev := ev.(type) {
	case DeltaCame:
		s.check.reply = s.check.reply.Append(ev.Text)
		verdict := strings.TrimLeft(s.check.reply.String(), " \t\r\n")
		answer, another := strings.CutPrefix(verdict, "!")
		answer = strings.TrimLeft(answer, " \t\r\n")
		switch {
		case another && answer != "":
			return s.replace(answer)
		case verdict != "" && !another: // "=", or the model did something else
			return s.keep()
		}
	case AnswerEnded:
		return s.restDrafts(ev.Err).keep()
	case AnswerRetried: // the server is busy, or there is a limit
		s.draft.rest = s.now.Add(draftsRest)
		return s.keep()
	}
	return s
}

// replace puts the first words of a check's answer in the place of the draft, and
// goes on with it.
func (s State) replace(answer string) State {
	n, id := s.check.n, s.ids
	s.check = check{}
	if s.Questions.At(s.index(id)).Answer.Text.Len() > 0 {
		s.draft.gone++
	}
	s = s.edit(id, func(a *Answer) { *a = Answer{final: a.final} }).readAnew(id)
	s.wanted = order{n: n, id: id, grew: s.now}
	return s.delta(DeltaCame{s.now, n, answer}).grounded(id, maxQuestion)
}
