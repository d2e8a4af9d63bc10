package interview

import (
	"slices"
	"strings"
	"unicode"
)

// Part is one of several things that a question asks.
type Part struct {
	Text    string // as it was said
	Covered bool   // the candidate has spoken to it
}

// maxParts bounds a checklist; what goes beyond belongs to its last part.
const maxParts = 6

// Parts is the checklist of a question that asks several things, empty for one
// that asks one. It is a value: hear returns the checklist after more words.
type Parts struct {
	All   []Part
	parts []part
	words int // heard, beyond a listener's noises
	since int // heard since the newest part was covered
}

// part is what is known of one part.
type part struct {
	stems map[string]bool // still unheard
	size  int
	wants want
	met   bool // what it wants was heard
}

// want is what kind of words answers a part.
type want int

const (
	wantsStory   want = iota // many words
	wantsAmount              // a number or a length of time
	wantsReason              // "because"
	wantsLesson              // what was learned, or what would be another way now
	wantsTime                // when
	wantsPlace               // where
	wantsPersons             // somebody
)

// partsOf makes the checklist of a question.
func partsOf(language, question string) (p Parts) {
	texts := splitQuestion(language, question)
	if len(texts) < 2 {
		return p
	}
	for _, text := range texts {
		p.All = append(p.All, Part{Text: text})
		x := part{stems: map[string]bool{}, wants: wantOf(tokens(text))}
		for _, t := range tokens(text) {
			if s := partStem(t); s != "" && !asking[t] {
				x.stems[s] = true
			}
		}
		x.size = len(x.stems)
		p.parts = append(p.parts, x)
	}
	return p
}

// splitQuestion returns the things that a question asks, as they were said.
func splitQuestion(language, question string) (texts []string) {
	for _, s := range sentences(question) {
		if v, _ := judgeSentence(language, s); v != answer {
			continue
		}
		if len(texts) == maxParts {
			break
		}
		from := 0
		ws := wordsAt(s)
		for i := 1; i < len(ws); i++ {
			if beginsPart(ws, i) && len(texts) < maxParts-1 {
				texts = append(texts, trimPart(s[from:ws[i].at]))
				from = ws[i].at
			}
		}
		texts = append(texts, trimPart(s[from:]))
	}
	return slices.DeleteFunc(texts, func(t string) bool { return t == "" })
}

// placedWord is a word of a sentence with what stands before it.
type placedWord struct {
	low    string
	at     int
	parted bool // a comma or the like stands before
}

func wordsAt(s string) (ws []placedWord) {
	parted := false
	at := 0
	for at < len(s) {
		n := strings.IndexFunc(s[at:], func(r rune) bool { return !unicode.IsSpace(r) })
		if n < 0 {
			break
		}
		at += n
		end := strings.IndexFunc(s[at:], unicode.IsSpace)
		if end < 0 {
			end = len(s) - at
		}
		token := s[at : at+end]
		if ts := tokens(token); len(ts) > 0 {
			ws = append(ws, placedWord{ts[0], at, parted})
			if len(ts) > 1 { // "what's"
				ws = append(ws, placedWord{ts[1], at, false})
			}
			parted = false
		}
		parted = parted || strings.ContainsAny(token[len(token)-1:], ",;:–-")
		at += end
	}
	return ws
}

var (
	joins    = words("and then also plus but second secondly finally third thirdly lastly")
	free     = words("what how why") // may begin a part as they are
	ordering = words("tell describe explain walk give compare talk show name say")
	asking   = words(`what how why when where who which whose tell me us describe explain walk give do did does would could can will
		have you your that it an example time is are was were through about many much long often big large so if then first second`)
	prepositions = words("at in on for with to from by of under")
	persons      = words("who whom whose which")
	before       = words("me us know explain describe about of on see is was understand say tell")
)

// beginsPart says whether another thing is asked from word i on.
func beginsPart(ws []placedWord, i int) bool {
	j := i - 1 // the word before, joining words aside
	parted := ws[i].parted
	for j >= 0 && joins[ws[j].low] {
		parted = true
		j--
	}
	if j < 0 {
		return false
	}
	word, next, after := ws[i].low, "", ""
	if i+1 < len(ws) {
		next = ws[i+1].low
	}
	if i+2 < len(ws) {
		after = ws[i+2].low
	}
	joined := j < i-1
	switch {
	case joined && wh[ws[j].low], word == "why" && next == "or": // "how and why", "why or why not"
		return false
	case j > 0 && ws[j-1].low == "if" && (ws[j].low == "so" || ws[j].low == "yes" || ws[j].low == "not"): // belongs to what follows
		return false
	case wh[word] && !ws[i].parted && prepositions[ws[i-1].low]: // "for whom" began before
		return false
	case prepositions[word] && joined && wh[next], persons[word] && joined: // "and who decides"
		return true
	case free[word] && parted:
		return !(conditionalClause(ws[:i]) && !joined)
	case wh[word] && parted && aux[next]:
		return joined || askedSubject[after] && after != "it"
	case wh[word] && joined && (next == "of" || next == "it"):
		return true
	case aux[word] && parted && (next == "you" || next == "there" || next == "your"):
		return true
	case ordering[word] && joined:
		return true
	case word == "if" && next == "so" && parted:
		return true
	case wh[word] && !parted && !before[ws[j].low] && !aux[ws[j].low]: // the recogniser heard no comma
		return wh[word] && aux[next] && askedSubject[after] && word != "when" && word != "where" && word != "who"
	}
	return false
}

// conditionalClause says whether what stands before only sets the scene.
func conditionalClause(ws []placedWord) bool {
	return ws[0].low == "if" || ws[0].low == "when" || ws[0].low == "suppose" || !slices.ContainsFunc(ws, func(w placedWord) bool {
		return wh[w.low] || aux[w.low] || ordering[w.low]
	})
}

// trimPart takes the joints off a part's ends.
func trimPart(s string) string {
	for {
		t := strings.TrimRight(s, " ,;:.?!–-")
		if i := strings.LastIndexByte(t, ' '); i >= 0 && (joins[strings.ToLower(t[i+1:])]) {
			t = t[:i]
		}
		if t == s {
			return strings.TrimSpace(t)
		}
		s = t
	}
}

// wantOf tells what kind of words answers a part.
func wantOf(ts []string) want {
	line := joined(trimLead(ts, lead))
	has := func(phrases ...string) bool { return contains(line, phrases) }
	switch {
	case has("how long", "how many", "how much", "how big", "how large", "how often", "what year", "what salary"):
		return wantsAmount
	case has("differently", "learn", "learned", "would you do today", "you would do today", "change", "changed"):
		return wantsLesson
	case has("why"):
		return wantsReason
	case ts[0] == "when":
		return wantsTime
	case ts[0] == "where":
		return wantsPlace
	case has("who", "whom"):
		return wantsPersons
	}
	return wantsStory
}

// What is heard of each kind.
var (
	amountsHeard = words(`two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty hundred thousand
		million percent week weeks month months year years days hour hours daily weekly monthly half dozen couple`)
	reasonsHeard = words("because since reason reasons so therefore want wanted")
	lessonsHeard = words("differently instead learned learnt lesson lessons taught today nowadays would again changed change hindsight")
	timesHeard   = words("when once after until january february march april may june july august september october november december week month immediately tomorrow")
	placesHeard  = words("from at here remote remotely office home city country anywhere")
	personsHeard = words("manager colleague colleagues team customer engineer engineers director lead cto ceo head he she they we my")
)

func (w want) met(word string) bool {
	switch w {
	case wantsAmount:
		return amountsHeard[word] || strings.ContainsAny(word, "0123456789")
	case wantsReason:
		return reasonsHeard[word]
	case wantsLesson:
		return lessonsHeard[word]
	case wantsTime:
		return timesHeard[word]
	case wantsPlace:
		return placesHeard[word]
	case wantsPersons:
		return personsHeard[word]
	}
	return false
}

// partStem is root for words that question and answer have in other tenses.
func partStem(t string) string {
	if base, ok := tenses[t]; ok {
		t = base
	}
	return root(t)
}

var tenses = map[string]string{"took": "take", "taken": "take", "went": "go", "gone": "go", "led": "lead", "chose": "choose", "chosen": "choose",
	"left": "leave", "found": "find", "built": "build", "ran": "run", "broke": "break", "began": "begin", "grew": "grow", "met": "meet",
	"kept": "keep", "wrote": "write", "made": "make", "said": "say", "spent": "spend", "caught": "catch", "fell": "fall", "thought": "think"}

// story is how many words are an answer by themselves.
const story = 12

// hear takes in words of the candidate, each once.
func (p Parts) hear(heard []string) Parts {
	if len(p.All) == 0 {
		return p
	}
	p.All, p.parts = slices.Clone(p.All), slices.Clone(p.parts)
	for _, w := range heard {
		for _, t := range tokens(w) {
			p.word(t)
		}
	}
	return p
}

// word takes in one word; p's slices are its own.
func (p *Parts) word(t string) {
	if filler[t] || hesitation[t] {
		return
	}
	p.words++
	p.since++
	s := partStem(t)
	next := slices.IndexFunc(p.All, func(x Part) bool { return !x.Covered })
	for i := range p.parts {
		x := &p.parts[i]
		if p.All[i].Covered {
			continue
		}
		if s != "" && hasStem(x.stems, s) {
			x.stems = withoutStem(x.stems, s)
		}
		if x.wants.met(t) && (i == next || x.heard() > 0 || i == next+1 && p.parts[next].heard() > 0) {
			x.met = true
		}
		if p.covers(i, next) {
			for j := range i + 1 { // what was asked before was passed over or answered
				if j == i || j == i-1 && (p.since >= story/2 || p.parts[j].heard() > 0) {
					p.All[j].Covered = true
				}
			}
			p.since = 0
			return
		}
	}
}

// heard is how many of the part's own words were heard.
func (x part) heard() int { return x.size - len(x.stems) }

// covers says whether part i is answered.
func (p *Parts) covers(i, next int) bool {
	x := p.parts[i]
	heard := x.heard()
	switch {
	case x.wants != wantsStory && x.met:
		return heard > 0 || i == next && p.since >= 2 || i == next+1 && p.parts[next].heard() > 0
	case x.size > 0 && 2*heard >= x.size && heard > 0 && p.since >= 3:
		return true
	}
	return i == next && x.wants == wantsStory && p.since >= story
}

// withoutStem returns a copy of stems without the one that s is a form of.
func withoutStem(stems map[string]bool, s string) map[string]bool {
	rest := map[string]bool{}
	for k := range stems {
		if k != s && !(len(s) >= 5 && len(k) >= 5 && (strings.HasPrefix(k, s) || strings.HasPrefix(s, k))) {
			rest[k] = true
		}
	}
	return rest
}
