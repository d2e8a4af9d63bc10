package interview

import (
	"math"
	"slices"
	"strings"
	"unicode"
)

// groundLine is one line of a document.
type groundLine struct {
	text    string
	stems   map[string]bool
	under   map[string]bool // stems of the heading it stands under
	amounts []amount
	heads   bool // a heading or a job's title line: what follows is about it
}

func (g Grounds) lines(document string) (ls []groundLine) {
	for l := range strings.Lines(cleanLines(document)) {
		if strings.TrimSpace(l) != "" {
			ls = append(ls, g.line(l))
		}
	}
	return ls
}

func (g Grounds) line(text string) groundLine {
	text = strings.TrimSpace(text)
	l := groundLine{text: strings.TrimLeft(text, "#-*• "), stems: map[string]bool{}}
	tokens := tokensOf(strings.ReplaceAll(text, "*", ""))
	for _, t := range tokens {
		if t.stem != "" {
			l.stems[t.stem] = true
		}
	}
	l.amounts = g.withSpans(amountsOf(tokens), slices.ContainsFunc(tokens, func(t token) bool { return today[t.low] }))
	l.heads = !strings.HasPrefix(text, "-") && !strings.HasPrefix(text, "•") && len(tokens) <= 12 && !strings.HasSuffix(text, ".") &&
		slices.ContainsFunc(tokens, func(t token) bool { return t.stem != "" && !t.number && !calendar[t.low] && !today[t.low] })
	return l
}

// today are the words for the end of a stretch that goes on.
var today = words("present now today date current currently ongoing since heute")

// withSpans adds how long a stretch between two years on one line is.
func (g Grounds) withSpans(as []amount, goesOn bool) []amount {
	var years []float64
	for _, a := range as {
		if a.kind == inYear {
			years = append(years, a.value)
		}
	}
	if len(years) == 1 && goesOn {
		years = append(years, float64(g.year))
	}
	for i := 1; i < len(years); i++ {
		for d := range 2 {
			if n := years[i] - years[i-1] - float64(d); n > 0 {
				as = append(as, amount{value: n, kind: inTime, unit: "year", span: true})
			}
		}
	}
	return as
}

// fit is how well a line holds a sentence.
type fit struct {
	score   float64
	words   int // stems in common
	under   int // stems in common with the heading above
	numbers int // amounts in common
}

// enough says whether the sentence rests on the line.
func (f fit) enough() bool {
	return f.words+2*f.numbers >= 2 && f.words+f.under > 0 && f.score >= restsFrom
}

// Tuned on the candidates of testdata/grounding.txt that are not held out.
const (
	restsFrom   = 2.0
	numberTells = 1.5
	underTells  = 0.5 // a word of the heading above the line
)

// rests finds the line of the résumé that holds most of a sentence.
func (g Grounds) rests(st statement) (line int, best fit) {
	line = -1
	for i, l := range g.resume {
		var f fit
		seen := map[string]bool{}
		for _, t := range st.tokens {
			if t.stem == "" || seen[t.stem] || t.number {
				continue
			}
			seen[t.stem] = true
			switch {
			case hasStem(l.stems, t.stem):
				f.words++
				f.score += g.tells(t)
			case hasStem(l.under, t.stem):
				f.under++
				f.score += underTells * g.tells(t)
			}
		}
		for _, a := range st.amounts {
			if slices.ContainsFunc(l.amounts, a.same) || a.derived(l.amounts) {
				f.numbers++
				f.score += numberTells
			}
		}
		if f.score > best.score && f.words+f.numbers > 0 {
			line, best = i, f
		}
	}
	return line, best
}

// tells is the weight of a word: the fewer lines have it, the more.
func (g Grounds) tells(t token) float64 {
	n := g.common[t.stem]
	w := 1 + math.Log(float64(len(g.resume)+1)/(n+1))/3
	if t.name {
		w += 0.5
	}
	return w
}

// anyHas says whether one of the lines has a stem.
func anyHas(lines []groundLine, stem string) bool {
	return slices.ContainsFunc(lines, func(l groundLine) bool { return hasStem(l.stems, stem) })
}

// hasStem also finds a longer or shorter form of a long word: Postgres, PostgreSQL.
func hasStem(stems map[string]bool, s string) bool {
	if stems[s] {
		return true
	}
	if len(s) < 5 {
		return false
	}
	for k := range stems {
		if len(k) >= 5 && (strings.HasPrefix(k, s) || strings.HasPrefix(s, k)) {
			return true
		}
	}
	return false
}

// token is one word of a sentence.
type token struct {
	text   string // as written, without punctuation at its ends
	low    string
	stem   string // "" for a word that stands everywhere
	name   bool   // written like a name, and not because a sentence begins
	number bool
	ends   bool // punctuation follows
}

// tokensOf divides a sentence into words.
func tokensOf(s string) []token {
	var ts []token
	begins := true
	for _, f := range strings.Fields(s) {
		for _, part := range strings.FieldsFunc(f, func(r rune) bool { return r == '-' || r == '–' || r == '/' || r == '—' }) {
			text := strings.TrimFunc(part, func(r rune) bool {
				return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("%£€$+#", r)
			})
			if text == "" {
				continue
			}
			low := strings.ToLower(strings.ReplaceAll(text, "’", "'"))
			t := token{text: text, low: low, stem: stem(strings.TrimSuffix(low, "'s"))}
			t.number = strings.ContainsFunc(text, unicode.IsDigit) && !unicode.IsLetter(rune(text[0]))
			t.name = nameLike(text, begins) && !calendar[low] && !firstPerson[low]
			t.ends = !strings.HasSuffix(part, text)
			ts = append(ts, t)
			begins = false
		}
		if f == ":" || strings.HasSuffix(f, ":") || strings.HasSuffix(f, ".") {
			begins = true
		}
	}
	return ts
}

// nameLike says whether a word is written as only names, products and acronyms
// are: with a capital, not at the beginning of a sentence, or with one inside.
func nameLike(w string, begins bool) bool {
	capitals, first := 0, false
	for i, r := range w {
		if unicode.IsUpper(r) {
			capitals++
			first = first || i == 0
		}
	}
	return capitals > 1 || first && !begins
}

func hasName(ts []token) bool { return slices.ContainsFunc(ts, func(t token) bool { return t.name }) }

var calendar = words(`january february march april may june july august september october november december jan feb mar apr jun jul
	aug sep sept oct nov dec monday tuesday wednesday thursday friday saturday sunday mondays tuesdays wednesdays thursdays
	fridays saturdays sundays christmas easter`)

// vague are words that tie no sentence to a line.
var vague = words(`last first next year years month months week weeks day days time times work worked use used thing things good
	new people make made get got go went take took while still after before every own`)

// stem returns what forms of a word have in common; "" for words that stand everywhere.
func stem(w string) string {
	if vague[w] {
		return ""
	}
	return root(w)
}

// root is stem for all words but those that are little.
func root(w string) string {
	if little[norm(w)] || firstPerson[w] || w == "" {
		return ""
	}
	for _, cut := range []struct{ end, to string }{{"ies", "y"}, {"sses", "ss"}, {"ations", "at"}, {"ation", "at"}, {"ings", ""}, {"ing", ""}, {"ers", ""}, {"ments", ""}, {"ment", ""},
		{"ions", ""}, {"ion", ""}, {"ed", ""}, {"er", ""}, {"es", ""}, {"s", ""}, {"e", ""}, {"ly", ""}} {
		if base, ok := strings.CutSuffix(w, cut.end); ok && len(base) >= 3 && !strings.HasSuffix(w, "ss") {
			w = base + cut.to
			break
		}
	}
	if n := len(w); n > 3 && w[n-1] == w[n-2] { // planned, plan
		w = w[:n-1]
	}
	return w
}
