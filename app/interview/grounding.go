package interview

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Ground is what a sentence of an answer stands on.
type Ground int

const (
	// Open is a sentence with nothing to check: general knowledge, a plan, a
	// question, or what the documents and the candidate hold besides the résumé.
	Open Ground = iota
	// Grounded is a sentence that rests on a line of the résumé.
	Grounded
	// Unfounded is a sentence that claims an employer, a number, a title, a date
	// or a skill of the candidate that is in no document and was not said.
	Unfounded
)

// Label is the ground of one sentence of an answer.
type Label struct {
	From, To int // bytes of the answer
	Ground   Ground
	Rests    string // the line of the résumé, when Grounded
	Claim    string // what was not found, as written, when Unfounded
}

// Labels are the grounds of an answer's finished sentences, in order. It is a
// value that grows with its answer; each sentence is judged once.
type Labels struct {
	All  []Label
	read int // bytes of the answer judged
}

// grow judges the sentences that were finished since: up to the last that ends
// with its line or with a stop and a space, or all when the answer is whole.
func (l Labels) grow(answer Text, whole bool, g Grounds) Labels {
	if answer.Len() <= l.read {
		return l
	}
	text := answer.From(l.read)
	end := len(text)
	if !whole {
		end = finished(text)
	}
	if end == 0 {
		return l
	}
	all := l.All[:len(l.All):len(l.All)]
	at := l.read
	for line := range strings.Lines(text[:end]) {
		for len(line) > 0 {
			n := sentenceEnd(line)
			s := strings.TrimSpace(line[:n])
			if strings.IndexFunc(s, unicode.IsLetter) >= 0 {
				judged := g.Judge(s)
				judged.From = at + leadingSpace(line)
				judged.To = judged.From + len(s)
				all = append(all, judged)
			}
			line, at = line[n:], at+n
		}
	}
	return Labels{All: all, read: l.read + end}
}

// finished returns how much of text is whole sentences.
func finished(text string) int {
	end := strings.LastIndexByte(text, '\n') + 1
	for {
		n := sentenceEnd(text[end:])
		if end+n >= len(text) {
			return end
		}
		end += n
	}
}

// sentenceEnd returns where the first sentence of a line ends: behind a stop and
// what clings to it, before a space; or where the line does.
func sentenceEnd(line string) int {
	for i, r := range line {
		if !strings.ContainsRune(".?!…;", r) {
			continue
		}
		rest := strings.TrimLeft(line[i+utf8.RuneLen(r):], "*_\"”’)]`")
		if rest == "" || rest[0] == ' ' || rest[0] == '\n' {
			return len(line) - len(rest)
		}
	}
	return len(line)
}

// Judge labels one sentence of an answer; From and To stay zero. It asks
// nobody: it looks for numbers, names, titles and dates that the candidate is
// said to have, and for the line of the résumé that holds the sentence.
func (g Grounds) Judge(sentence string) Label {
	if g.deaf {
		return Label{}
	}
	st := statementOf(sentence)
	line, fit := g.rests(st)
	if st.claims {
		if claim := g.unfounded(st, line); claim != "" {
			return Label{Ground: Unfounded, Claim: claim}
		}
	}
	if line >= 0 && !st.open && (st.claims || fit.numbers > 0 || fit.words > 2) && fit.enough() {
		return Label{Ground: Grounded, Rests: g.resume[line].text}
	}
	return Label{}
}

// statement is a sentence taken apart.
type statement struct {
	tokens   []token
	amounts  []amount
	claims   bool // it tells something that the candidate has done, is or has
	open     bool // a question or a plan
	own      bool // it speaks of the candidate by "I" or "we"
	negative bool
	yours    bool // it speaks of the interviewer's company
}

// Words that tell what kind of sentence it is.
var (
	firstPerson = words("i my me we our us i'm i've i'd i'll we've we'd we'll we're mine myself")
	planned     = words("would i'd could should can will i'll we'd we'll let might may")
	conditional = words("if suppose imagine whether unless")
	negation    = words("not never haven't hasn't don't didn't cannot isn't wasn't no neither only")
	secondHand  = words("advert demos heard read")
	cues        = words("before now time result proof example money today currently situation action")
	pastVerbs   = words(`was were had did led won held ran built wrote cut took went saw taught sold grew spent kept made said rose fell
		came became got gave lost met brought set hit saved appeared`)
)

// statementOf takes a sentence apart.
func statementOf(sentence string) statement {
	cue, body := splitCue(sentence)
	st := statement{tokens: tokensOf(body)}
	st.amounts = amountsOf(st.tokens)
	st.open = strings.HasSuffix(strings.TrimRight(sentence, "*_ "), "?")
	past := false
	for i, t := range st.tokens {
		st.own = st.own || firstPerson[t.low]
		past = past || pastVerbs[t.low] || i > 0 && len(t.low) > 4 && strings.HasSuffix(t.low, "ed")
		st.open = st.open || i == 0 && (conditional[t.low] || planned[t.low]) ||
			planned[t.low] && (firstPerson[t.low] || firstPerson[st.tokens[i-1].low] || i+1 < len(st.tokens) && firstPerson[st.tokens[i+1].low])
		st.negative = st.negative || negation[t.low] || secondHand[t.low]
		st.yours = st.yours || t.low == "your" || t.low == "you"
	}
	fragment := cue != "" && cues[cue] && !st.yours
	st.claims = !st.open && (st.own || fragment || past && len(st.amounts) > 0 || past && hasName(st.tokens)) && !(st.yours && !past)
	return st
}

// splitCue divides "**Time:** nine months" into the cue and the rest.
func splitCue(sentence string) (cue, body string) {
	s := strings.TrimLeft(sentence, "-*•_ ")
	before, after, found := strings.Cut(s, ":")
	if !found || len(strings.Fields(before)) > 2 {
		return "", strings.ReplaceAll(s, "*", "")
	}
	return strings.ToLower(strings.Trim(before, "* ")), strings.ReplaceAll(after, "*", "")
}

// Grounds are what a candidate may claim: the documents, prepared for
// [Grounds.Judge], and what was said. It is a value.
type Grounds struct {
	resume, notes, job []groundLine
	said               []groundLine       // the newest maxSaid
	common             map[string]float64 // how many lines of the résumé have a stem
	year               int
	deaf               bool // to the language, or without documents: everything is open
}

// maxSaid bounds the utterances of the candidate that are remembered.
const maxSaid = 200

// NewGrounds prepares a profile's documents. now tells how long "to date" is.
// Only English is judged; of another language every sentence is open, and so it
// is without a résumé and notes: there is nothing to hold a claim against.
func NewGrounds(p Profile, now time.Time) Grounds {
	g := Grounds{common: map[string]float64{}, year: now.Year()}
	if language(p.Language) != "en" || p.Resume == "" && p.Notes == "" { // the rules are those of English
		g.deaf = true
		return g
	}
	g.resume, g.notes, g.job = g.lines(p.Resume), g.lines(p.Notes), g.lines(p.Job)
	var heading map[string]bool
	for i := range g.resume { // a heading stands for the lines under it
		if l := &g.resume[i]; l.heads {
			heading = l.stems
		} else {
			l.under = heading
		}
		for s := range g.resume[i].stems {
			g.common[s]++
		}
	}
	return g
}

// Said returns the grounds after the candidate has said something: from then on
// it may be said again.
func (g Grounds) Said(text string) Grounds {
	if g.deaf {
		return g
	}
	g.said = latest(append(slices.Clip(g.said), g.line(text)), maxSaid)
	return g
}
