package interview

import (
	_ "embed" // the questions
	"slices"
	"strings"
	"sync"
)

//go:embed foreseen.txt
var foreseenText string

// foreseen is read once, which takes about ten milliseconds.
var foreseen = sync.OnceValue(func() foresight { return readForesight(foreseenText) })

// foresight is the questions whose end can be foreseen, and the lists that they
// are made with, by name; all by their first word that is compared. See
// foreseen.txt.
type foresight struct {
	questions map[string][]phrase
	lists     map[string]map[string][]phrase
}

type phrase []phraseItem

// phraseItem is a word, the name of a list, or a mark.
type phraseItem struct {
	word  string // as it is said
	plain string // as it is compared; empty: it is not
	kind  phraseKind
}

type phraseKind int

const (
	phraseWord   phraseKind = iota
	phraseList              // any phrase of a list
	phraseMark              // the words behind it are foreseen
	phraseAnyhow            // and whatever comes behind this changes nothing
)

func readForesight(text string) foresight {
	f := foresight{map[string][]phrase{}, map[string]map[string][]phrase{}}
	into := f.questions
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "= "); ok {
			into = map[string][]phrase{}
			f.lists[name] = into
		} else if line != "" && line[0] != '#' {
			for _, one := range alternatives(line) {
				p := readPhrase(one)
				into[p.first()] = append(into[p.first()], p)
			}
		}
	}
	return f
}

// alternatives expands "{a/b} c" to "a c" and "b c".
func alternatives(line string) (all []string) {
	before, rest, ok := strings.Cut(line, "{")
	if !ok {
		return []string{line}
	}
	choice, rest, _ := strings.Cut(rest, "}")
	for _, after := range alternatives(rest) {
		for one := range strings.SplitSeq(choice, "/") {
			all = append(all, before+one+after)
		}
	}
	return all
}

func readPhrase(line string) (p phrase) {
	for _, w := range strings.Fields(strings.ReplaceAll(line, "|", " | ")) {
		switch {
		case w == "|":
			p = append(p, phraseItem{kind: phraseMark})
		case w == "…":
			p = append(p, phraseItem{kind: phraseAnyhow})
		case w[0] == '$':
			p = append(p, phraseItem{word: w[1:], kind: phraseList})
		default:
			p = append(p, phraseItem{word: w, plain: strings.Join(alike([]string{w}), " ")})
		}
	}
	return p
}

// foresaw is what is known of the end of a question.
type foresaw struct {
	used    int      // of the words that were given
	missing []string // the words that are still to come, as they are said
	needed  int      // of these: without them it would be another question
	anyhow  bool     // nothing that follows changes what is asked,
	upTo    int      // behind so many of the words
}

// foresee looks for a question that begins somewhere in ts, words as [alike]
// returns them, and whose end is foreseen by them. Words that add nothing may
// stand behind it. Where several ends are known, none is foreseen.
func (f foresight) foresee(ts []string) (best foresaw, ok bool) {
	other := false // another end than best's is known
	for i := range ts {
		for _, p := range f.questions[ts[i]] {
			f.walk(p, ts[i:], foresaw{}, false, func(got foresaw, marked bool) {
				got.used, got.upTo = got.used+i, got.upTo+i
				switch {
				case got.used > best.used:
					best, ok, other = got, marked, false
				case got.used < best.used:
				case got.anyhow && !best.anyhow:
					best, ok = got, true
				case got.anyhow || best.anyhow:
				case !sameEnd(best, got):
					other = true
				case marked && (!ok || got.needed < best.needed || got.needed == best.needed && len(got.missing) > len(best.missing)):
					best, ok = got, true
				}
			})
		}
	}
	// One word of weight is too little to tell an end from: on questions that
	// nobody had tuned for, it was wrong too often.
	return best, ok && (best.anyhow || !other && heavy(ts[:best.used]) >= 2)
}

// sameEnd says whether one end only says more of the other.
func sameEnd(a, b foresaw) bool {
	n := min(a.needed, b.needed)
	return (n > 0 || a.needed == b.needed) && slices.Equal(alike(a.missing[:n]), alike(b.missing[:n]))
}

// walk compares a phrase with words, the first so.used of which have agreed, and
// tells what it found; marked says that the words foresee the end.
func (f foresight) walk(p phrase, ts []string, so foresaw, marked bool, found func(so foresaw, marked bool)) {
	for i, it := range p {
		switch {
		case it.kind == phraseMark:
			marked = true
		case it.kind == phraseAnyhow:
			marked, so.anyhow, so.upTo = true, true, so.used
		case it.kind == phraseList:
			if so.used < len(ts) {
				for _, one := range f.lists[it.word][ts[so.used]] {
					f.walk(slices.Concat(one, p[i+1:]), ts, so, marked, found)
				}
			}
			return
		case so.used == len(ts) && (marked || it.plain != ""):
			so.missing, so.needed = p[i:].rest()
			found(so, marked)
			return
		case it.plain == "":
		case it.plain != ts[so.used]:
			if so.anyhow && allLight(ts[so.used:]) {
				found(so, true)
			}
			return
		default:
			so.used++
		}
	}
	if allLight(ts[so.used:]) {
		found(so, marked)
	}
}

// first returns the first word that is compared.
func (p phrase) first() string {
	for _, it := range p {
		if it.plain != "" {
			return it.plain
		}
	}
	return ""
}

// rest returns the words of the end of a phrase, and how many of them are up to
// the last that has weight.
func (p phrase) rest() (ws []string, needed int) {
	anyhow := false
	for _, it := range p {
		switch it.kind {
		case phraseAnyhow:
			anyhow = true
		case phraseWord:
			ws = append(ws, it.word)
			if !anyhow && it.plain != "" && !allLight([]string{it.plain}) {
				needed = len(ws)
			}
		}
	}
	return ws, needed
}

// alike makes the many ways of asking the same one, and leaves articles and
// "ever" out: "tell us about a situation where" is "tell me about time". ts are
// plain tokens.
func alike(ts []string) []string {
	line := joined(ts)
	for i := 0; i+1 < len(sameSaid); i += 2 {
		line = strings.ReplaceAll(line, sameSaid[i], sameSaid[i+1])
	}
	out := slices.DeleteFunc(strings.Fields(line), func(t string) bool { return articles[t] || t == "ever" })
	for i, t := range out {
		if same, ok := sameWord[t]; ok {
			out[i] = same
		}
	}
	return out
}

var (
	articles = words("a an the")

	sameWord = map[string]string{
		"service": "system", "application": "system", "app": "system", "platform": "system",
		"colleague": "coworker", "colleagues": "coworker", "coworkers": "coworker", "co-worker": "coworker", "co-workers": "coworker",
		"teammate": "coworker", "teammates": "coworker", "boss": "manager", "supervisor": "manager",
		"client": "customer", "clients": "customer", "customers": "customer",
		"strengths": "strength", "weaknesses": "weakness", "deadlines": "deadline",
		"telling": "tell", "giving": "give", "walking": "walk", "describing": "describe", "explaining": "explain",
		"prioritise": "prioritize", "organise": "organize", "optimise": "optimize", "no-sql": "nosql",
	}

	// sameSaid are phrases and what they are taken for, in this order.
	sameSaid = []string{
		" us ", " me ",
		" what would you say is ", " what is ", " what would you say are ", " what are ", " would you say ", " ", " do you think ", " ",
		" didn't ", " did not ", " don't ", " do not ",
		" i would love to hear about ", " tell me about ", " i would like to hear about ", " tell me about ", " i want to hear about ", " tell me about ",
		" i would love to hear why you ", " why do you ", " i'm curious why you ", " why do you ", " i would like to know why you ", " why do you ",
		" i would love to hear how you ", " how do you ", " i'm curious how you ", " how do you ", " i would like to know how you ", " how do you ",
		" i'm wondering how you would ", " how would you ", " i'm wondering what ", " what ", " i'm curious what ", " what ", " i was wondering what ", " what ",
		" talk me through ", " walk me through ", " talk about ", " tell me about ", " talk to me about ", " tell me about ",
		" a little bit about ", " about ", " a bit about ", " about ", " a little about ", " about ", " a bit more about ", " about ", " more about ", " about ",
		" about a little bit of ", " about ", " about your self ", " about yourself ",
		" a situation in which ", " a time ", " a situation where ", " a time ", " a situation when ", " a time ",
		" a time when ", " a time ", " a time where ", " a time ", " a time that ", " a time ", " one time ", " a time ",
		" an example of when ", " a time ", " an example of a time ", " a time ", " an example where ", " a time ", " an example when ", " a time ",
		" give me a time ", " tell me about a time ", " describe a time ", " tell me about a time ", " think of a time ", " tell me about a time ",
		" share a time ", " tell me about a time ", " tell me of a time ", " tell me about a time ", " give me an example of ", " tell me about ",
		" through your background ", " through your resume ", " through your experience ", " through your resume ", " through your career ", " through your resume ",
		" and press enter ", " ", " and hit enter ", " ", " web address ", " url ",
	}
)
