package resume

import (
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// write turns lines in reading order into light Markdown: headings found,
// wrapped lines joined, hyphens at line ends taken out.
func write(lines []line) string {
	headings := findHeadings(lines)
	var b strings.Builder
	var prev line
	inItem, itemX := false, 0.0 // the list item at hand, and where its text begins
	for i, l := range lines {
		text, item := l.bulleted()
		heading := headings[i]
		switch {
		case i == 0:
		case !heading && !item && prev.continues(l, inItem, itemX):
			b.WriteString(join(prev.last(), text))
			b.WriteString(text)
			prev = l
			continue
		case heading || prev.column != l.column || prev.y-l.y > 2*math.Max(prev.size, l.size):
			b.WriteString("\n\n")
		default:
			b.WriteByte('\n')
		}
		inItem, itemX = item, l.x0
		switch {
		case heading:
			text = "# " + text
			l.column = -1 // nothing goes on with a heading
		case item:
			text = "- " + text
			if !l.bullet && len(l.words) > 1 {
				itemX = l.words[1].x0
			}
		}
		b.WriteString(text)
		prev = l
	}
	return dehyphenate(b.String())
}

func (l line) last() string { return l.words[len(l.words)-1].text }

// join is what comes between two pieces of a wrapped line: a space, or nothing
// behind a hyphen, which [dehyphenate] may have to take out.
func join(last, next string) string {
	r, n := utf8.DecodeLastRuneInString(last)
	before, _ := utf8.DecodeLastRuneInString(last[:len(last)-n])
	if r == lineHyphen {
		return ""
	}
	if r != '-' || !unicode.IsLetter(before) && !unicode.IsDigit(before) {
		return " "
	}
	first, _, _ := strings.Cut(next, " ")
	if slices.Contains([]string{"und", "oder", "and", "or", "bzw."}, first) { // "pre- and post-"
		return " "
	}
	return string(lineHyphen) // so that dehyphenate sees a hyphen of either kind
}

// continues tells whether next is the same sentence as l, wrapped: its first word
// would not have fitted on l any more.
func (l line) continues(next line, inItem bool, itemX float64) bool {
	if l.column != next.column || l.y-next.y > 1.9*l.size || math.Abs(l.size-next.size) > 0.6 || l.bold != next.bold {
		return false
	}
	if strings.HasSuffix(l.last(), string(lineHyphen)) {
		return true
	}
	text, first := next.text(), next.words[0]
	if strings.Contains(l.text(), " | ") || strings.Contains(text, " | ") || strings.ContainsAny(first.text, "@/") {
		return false
	}
	width := l.x1 - l.x0
	if inItem && math.Abs(next.x0-itemX) > 0.8*l.size || !inItem && math.Abs(next.x0-l.x0) > 2*l.size {
		return false // set apart, or centred
	}
	r, _ := utf8.DecodeRuneInString(first.text)
	wraps := l.x1+first.x1-first.x0+0.3*l.size > l.right-0.1*l.size
	return wraps && (inItem || width > 20*l.size || width > 8*l.size && unicode.IsLower(r))
}

// findHeadings learns what headings look like from the usual titles, and so finds
// the unusual ones behind them.
func findHeadings(lines []line) []bool {
	type style struct {
		size       float64
		bold, caps bool
	}
	of := func(l line) style { return style{math.Round(l.size * 2), l.bold, upper(l.text())} }
	usual := bodySize(lines)
	stands := func(l line) bool { return upper(l.text()) || l.size > 1.08*usual }
	learnt := map[style]int{}
	first := len(lines)
	for i, l := range lines {
		if knownHeading(l.text()) && (l.bold || stands(l)) {
			learnt[of(l)]++
			first = min(first, i)
		}
	}
	headings := make([]bool, len(lines))
	for i, l := range lines {
		text := l.text()
		if _, item := l.bulleted(); item || utf8.RuneCountInString(text) > 50 || strings.Contains(text, " | ") {
			continue
		}
		times := learnt[of(l)]
		headings[i] = knownHeading(text) && (len(learnt) == 0 || times > 0) ||
			i > first && times >= 2 && stands(l) // roles may be as bold, but are not as large
	}
	return headings
}

// bodySize is the size that most of the text has.
func bodySize(lines []line) float64 {
	count := map[float64]int{}
	for _, l := range lines {
		count[l.size] += len(l.text())
	}
	usual := 0.0
	for size, n := range count {
		if n > count[usual] || n == count[usual] && size < usual {
			usual = size
		}
	}
	return usual
}

// upper tells whether a text has letters, all of them capitals.
func upper(s string) bool {
	return strings.ContainsFunc(s, unicode.IsUpper) && !strings.ContainsFunc(s, unicode.IsLower)
}

// dehyphenate decides about each hyphen that a line ended with, marked by lineHyphen. It goes, unless
// the same compound is written with it elsewhere, or its first half is one that
// makes compounds.
func dehyphenate(text string) string {
	compounds := map[string]bool{}
	for _, w := range strings.Fields(text) {
		if strings.Contains(w, "-") {
			compounds[strings.ToLower(strings.Trim(w, ".,;:()"))] = true
		}
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, string(lineHyphen))
		if !found {
			b.WriteString(before)
			return b.String()
		}
		before = strings.TrimSuffix(before, "-")
		b.WriteString(before)
		left := lastWord(before)
		right := after
		if i := strings.IndexFunc(after, unicode.IsSpace); i >= 0 {
			right = after[:i]
		}
		right = strings.Trim(right, ".,;:()")
		first, _ := utf8.DecodeRuneInString(right)
		last, _ := utf8.DecodeLastRuneInString(left)
		if compounds[strings.ToLower(left+"-"+right)] || !unicode.IsLower(first) || !unicode.IsLower(last) ||
			slices.Contains(prefixes, strings.ToLower(left)) || strings.Contains(left, "-") {
			b.WriteByte('-')
		}
		text = after
	}
}

func lastWord(s string) string {
	if i := strings.LastIndexFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && r != '-' && !unicode.IsDigit(r) }); i >= 0 {
		_, n := utf8.DecodeRuneInString(s[i:])
		return s[i+n:]
	}
	return s
}

// prefixes are first halves of compounds that keep their hyphen.
var prefixes = strings.Fields(`all back client cloud cost cross customer data decision end event fault first fluent
	front full half hands high in large long low mid multi near non object off on open part problem real risk
	safety second self server short single six small state story team test third three time two user well year zero`)
