package interview

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// kind is what an amount counts.
type kind int

const (
	inCount kind = iota
	inPercent
	inMoney
	inTime
	inYear  // a date
	inShare // a half, two thirds
)

// amount is a number in a sentence with what it counts.
type amount struct {
	text  string
	value float64
	kind  kind
	unit  string // of time
	noun  string // stem of what is counted
	about bool   // "more than", "about"
	bare  bool   // what it counts is not said: "from eleven to …"
	span  bool   // how long it is from one year to another
}

// unfounded returns the first claim of a sentence that is nowhere to be found.
func (g Grounds) unfounded(st statement, line int) string {
	for _, a := range st.amounts {
		if !g.holds(a, st) {
			return a.text
		}
	}
	if st.negative {
		return ""
	}
	for i, t := range st.tokens {
		switch {
		case t.name && !t.number && !g.knows(t, st):
			return t.text
		case titleWords[t.low] && titled(st.tokens, i) && !g.mentions(t.stem):
			return t.text
		}
	}
	return ""
}

// knows says whether a name is the candidate's to use. What only the job
// description names is no skill of the candidate's yet.
func (g Grounds) knows(t token, st statement) bool {
	return t.stem == "" || g.mentions(t.stem) || st.yours && anyHas(g.job, t.stem)
}

// mentions says whether a word is in the résumé or the notes, or was said.
func (g Grounds) mentions(stem string) bool {
	return anyHas(g.resume, stem) || anyHas(g.notes, stem) || anyHas(g.said, stem)
}

// Titles and degrees, and the words before them by which somebody claims one.
var (
	titleWords = words(`director head vp cto ceo cfo principal staff chief architect professor founder cofounder partner deputy matron
		senior master's masters bachelor's phd mba doctorate manager lead unit executive`)
	titleBefore = words("as was became promoted made am i'm my being named appointed ran deputy")
)

// titled says whether the title at i is claimed.
func titled(ts []token, i int) bool {
	for j := i - 1; j >= max(0, i-4); j-- {
		if titleBefore[ts[j].low] {
			return true
		}
		if ts[j].ends {
			return false
		}
	}
	return false
}

// holds says whether an amount is in the documents or was said: with the same
// unit, or with what is counted, on a line about the same thing.
func (g Grounds) holds(a amount, st statement) bool {
	known := [][]groundLine{g.resume, g.notes, g.said}
	if st.yours || !st.own { // the interviewer's numbers are not the candidate's
		known = append(known, g.job)
	}
	for _, lines := range known {
		for _, l := range lines {
			if !slices.ContainsFunc(l.amounts, a.same) && !a.derived(l.amounts) {
				continue
			}
			if a.kind != inCount || a.bare || a.noun != "" && hasStem(l.stems, a.noun) {
				return true
			}
			for _, t := range st.tokens {
				if t.stem != "" && !t.number && numberWords[t.low] == 0 && hasStem(l.stems, t.stem) {
					return true
				}
			}
		}
	}
	return false
}

// same says whether two amounts are one.
func (a amount) same(b amount) bool {
	switch {
	case (a.bare || b.bare) && a.kind != inYear && b.kind != inYear: // "from 9 to 4 days"
	case a.kind != b.kind && !(a.kind == inMoney && b.kind == inCount):
		return false
	case a.kind == inTime:
		return a.value*secondsOf[a.unit] == b.value*secondsOf[b.unit]
	}
	for _, scale := range []float64{1, 1e3, 1e6} { // "from 410 to 240 thousand"
		v := a.value * scale
		if v == b.value || a.about && v >= b.value*0.6 && v <= b.value*1.1 {
			return true
		}
		if a.kind == inYear || a.kind == inPercent || a.value < 100 {
			break
		}
	}
	return false
}

// derived says whether an amount follows from two on one line: "from 900 ms to
// 300 ms" is a cut by two thirds.
func (a amount) derived(line []amount) bool {
	near := func(x float64) bool { return math.Abs(a.value-x) <= 0.01*math.Max(x, a.value) }
	for i, x := range line {
		for _, y := range line[i+1:] {
			if x.kind != y.kind || x.unit != y.unit || x.value <= 0 || y.value <= 0 || x.kind == inYear || x.span || y.span {
				continue
			}
			low, high := min(x.value, y.value), max(x.value, y.value)
			switch {
			case a.kind == inShare && (near(low/high) || near(1-low/high)),
				a.kind == inPercent && (math.Abs(a.value-100*(1-low/high)) <= 1 || math.Abs(a.value-100*(high/low-1)) <= 1),
				a.kind == x.kind && a.kind == inMoney && near(high-low):
				return true
			}
		}
	}
	return false
}

var (
	numberWords = map[string]float64{"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
		"nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
		"eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
		"ninety": 90, "dozen": 12}
	scaleWords = map[string]float64{"hundred": 100, "thousand": 1e3, "million": 1e6, "billion": 1e9}
	secondsOf  = map[string]float64{"ms": 1e-3, "millisecond": 1e-3, "second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400,
		"month": 30 * 86400, "year": 365 * 86400}
	shares  = map[string]float64{"half": 1. / 2, "third": 1. / 3, "thirds": 1. / 3, "quarter": 1. / 4, "quarters": 1. / 4, "fifth": 1. / 5, "fifths": 1. / 5}
	aboutly = words("about around roughly nearly almost over than least some approximately")
	// counted are nouns that an answer counts for its own order.
	counted = words("reason reasons thing things point points step steps part parts question questions example examples way ways option options side sides word words")
)

// amountsOf reads the numbers of a sentence, in figures and in words.
func amountsOf(ts []token) (as []amount) {
	for i := 0; i < len(ts); {
		a, n := amountAt(ts[i:])
		if n == 0 {
			i++
			continue
		}
		if a.finish(ts[i+n:]) {
			a.about = i > 0 && aboutly[ts[i-1].low]
			as = append(as, a)
		}
		i += n
	}
	return as
}

// amountAt reads the number that ts begins with; n is how many words it takes.
func amountAt(ts []token) (a amount, n int) {
	var total, current float64
	scaled := false
read:
	for n < len(ts) {
		t := ts[n]
		value, isWord := numberWords[t.low]
		scale, isScale := scaleWords[t.low]
		figures, isFigures := a.figures(t.text)
		switch {
		case isFigures && n == 0:
			current = figures
		case isWord && (n == 0 || current == 0 || current >= 20 && current < 100 && value < 10 || math.Mod(current, 100) == 0 && current > 0):
			current += value
		case isScale && n > 0:
			scaled = true
			if current *= scale; scale > 100 {
				total, current = total+current, 0
			}
		case n == 0 && (t.low == "a" || t.low == "half") && len(ts) > 1 && scaleWords[ts[1].low] > 0:
			if current = 1; t.low == "half" {
				current = 0.5
			}
		case t.low == "and" && n > 0 && n+1 < len(ts) && scaled && numberWords[ts[n+1].low] > 0:
		case t.low == "and" && n+3 < len(ts) && n > 0 && ts[n+1].low == "a" && ts[n+2].low == "half" && scaleWords[ts[n+3].low] > 0:
			current += 0.5
			n += 2
		default:
			break read
		}
		a.text = strings.TrimSpace(a.text + " " + t.text)
		n++
		if t.ends {
			break
		}
	}
	if n == 0 {
		if share, ok := shares[ts[0].low]; ok && len(ts) > 1 && ts[1].low == "of" {
			return amount{text: ts[0].text, value: share, kind: inShare}, 1
		}
		return a, 0
	}
	a.value = total + current
	if n < len(ts) && shares[ts[n].low] > 0 && a.value < 10 { // two thirds
		a.text += " " + ts[n].text
		a.value, a.kind = a.value*shares[ts[n].low], inShare
		n++
	}
	return a, n
}

// figures reads 1,400, £640k, 17%, 99.99.
func (a *amount) figures(w string) (float64, bool) {
	s := strings.ToLower(strings.ReplaceAll(w, ",", ""))
	if t := strings.TrimLeft(s, "£€$"); t != s {
		s, a.kind = t, inMoney
	}
	if t, ok := strings.CutSuffix(s, "%"); ok {
		s, a.kind = t, inPercent
	}
	scale := 1.0
	for suffix, by := range map[string]float64{"k": 1e3, "m": 1e6, "bn": 1e9, "ms": 1} {
		if t, ok := strings.CutSuffix(s, suffix); ok && t != "" && unicode.IsDigit(rune(t[len(t)-1])) {
			s, scale = t, by
			if suffix == "ms" {
				a.kind, a.unit = inTime, "ms"
			}
			break
		}
	}
	v, err := strconv.ParseFloat(s, 64)
	return v * scale, err == nil && s != "" && unicode.IsDigit(rune(s[0]))
}

// finish finds what an amount counts in the words after it, and says whether it
// is one that can be checked.
func (a *amount) finish(rest []token) bool {
	if a.kind != inCount {
		return true
	}
	if len(rest) == 0 {
		a.bare = true
		return a.year() || a.value > 1
	}
	next := strings.TrimSuffix(rest[0].low, "s")
	switch {
	case next == "percent":
		a.kind, a.text = inPercent, a.text+" percent"
	case next == "pound" || next == "euro" || next == "dollar":
		a.kind = inMoney
	case secondsOf[next] > 0:
		a.kind, a.unit, a.text = inTime, next, a.text+" "+rest[0].text
		return a.value != 1
	case a.year():
	case counted[rest[0].low]:
		return false
	default:
		for _, t := range rest[:min(3, len(rest))] {
			if little[t.low] {
				break
			}
			if a.noun = t.stem; t.stem == "" {
				a.noun = t.low
			}
			if a.text += " " + t.text; t.ends {
				break
			}
		}
		a.bare = a.noun == ""
	}
	return a.value != 1
}

func (a *amount) year() bool {
	if a.value >= 1950 && a.value < 2040 && len(a.text) == 4 {
		a.kind = inYear
		return true
	}
	return false
}
