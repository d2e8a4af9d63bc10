package resume

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of Deepgram's keyterm list (its documentation: 500 tokens a request,
// about 100 terms; over the limit the request is refused).
const (
	maxTerms      = 100
	maxTermTokens = 500
)

// Terms draws the words from both documents that speech recognition would
// otherwise miss: names of people, companies and places, technologies, acronyms.
// Best first; at most 100 terms and, by a careful estimate, 500 tokens. Common
// words are left out. Either document may be empty.
func Terms(resume, job Document) []string {
	c := candidates{found: map[string]*candidate{}}
	c.add(resume, true)
	c.add(job, false)
	ranked := make([]*candidate, 0, len(c.found))
	for _, t := range c.found {
		ranked = append(ranked, t)
	}
	slices.SortFunc(ranked, func(a, b *candidate) int {
		return cmp.Or(cmp.Compare(b.score(), a.score()), cmp.Compare(a.first, b.first), cmp.Compare(a.text, b.text))
	})
	var out []string
	tokens := 0
	for _, t := range ranked {
		if slices.ContainsFunc(out, func(longer string) bool { return containsWords(longer, t.text) }) {
			continue // it is heard with the longer name
		}
		if n := termTokens(t.text); len(out) < maxTerms && tokens+n <= maxTermTokens {
			out = append(out, t.text)
			tokens += n
		}
	}
	return out
}

func containsWords(name, part string) bool {
	return strings.Contains(" "+strings.ToLower(name)+" ", " "+strings.ToLower(part)+" ")
}

// termTokens overestimates the tokens of a term: names split into pieces of two
// bytes or more, and each word costs one besides.
func termTokens(term string) int {
	return (len(term)+1)/2 + strings.Count(term, " ")
}

// candidate is a term as found.
type candidate struct {
	text        string // as first written
	first       int    // order of appearance
	count       int
	shape       float64 // how far its form is from a common word's
	listed      bool    // an item of a skills section
	resume, job bool
}

// score ranks: what both documents name will be spoken of.
func (c *candidate) score() float64 {
	s := c.shape + math.Log2(float64(min(c.count, 8)+1))
	if c.listed {
		s += 1.5
	}
	if c.job {
		s++
	}
	if c.resume && c.job {
		s += 3
	}
	return s
}

type candidates struct {
	found map[string]*candidate
	order int
}

func (c *candidates) add(d Document, resume bool) {
	lower := lowerWords(plain(d.Text))
	nouns := capitalisesNouns(d.Text)
	for _, section := range d.Sections {
		skills := listsSkills(section.Title)
		if !knownHeading(section.Title) {
			c.names(plain(section.Title), lower, nouns, resume)
		}
		for _, l := range strings.Split(section.Text, "\n") {
			l = strings.TrimLeft(l, "#-*• ")
			for _, cell := range strings.FieldsFunc(plain(l), func(r rune) bool { return r == '|' || r == '·' || r == '•' }) {
				cell = strings.TrimSpace(cell)
				if skills {
					c.list(cell, resume)
				}
				c.names(cell, lower, nouns, resume)
			}
		}
	}
}

// list takes the items of an enumeration, as skills are written, when they are
// short enough to be names.
func (c *candidates) list(cell string, resume bool) {
	if _, after, found := strings.Cut(cell, ": "); found {
		cell = after
	}
	cell = strings.ReplaceAll(cell, " and ", ", ")
	items := strings.FieldsFunc(cell, func(r rune) bool { return r == ',' || r == ';' })
	for _, item := range items {
		item = strings.Trim(item, ". ")
		words := strings.Fields(item)
		if len(words) == 0 || len(words) > 3 || len(items) == 1 && len(words) > 2 {
			continue
		}
		if common(item) || strings.ContainsAny(item, "()@") || !strings.ContainsFunc(item, unicode.IsLetter) || knownHeading(item) || len(words) > 1 && shape(words[0]) == 0 {
			continue
		}
		c.see(item, max(shape(item), 0.5), resume).listed = true
	}
}

// names takes runs of words that are written like names.
func (c *candidates) names(cell string, lower map[string]bool, nouns, resume bool) {
	words := strings.Fields(cell)
	for i := 0; i < len(words); {
		run, next := nameRun(words, i, nouns)
		if len(run) == 0 {
			i++
			continue
		}
		start := i == 0 && len(words) > 1 && !strings.HasSuffix(words[0], ",") || i > 0 && strings.ContainsAny(words[i-1][len(words[i-1])-1:], ".!?:")
		i = next
		// A sentence's first word is written large anyway: it counts only when it
		// is no word of the language.
		for len(run) > 0 && (common(run[0]) || shape(run[0]) <= 1 && (ordinary(run[0], lower) || start && len(run) > 1 && starter(run[0]))) {
			run = run[1:]
			start = false
		}
		for len(run) > 0 && shape(run[len(run)-1]) <= 1 && (connector(run[len(run)-1]) || ordinary(run[len(run)-1], lower)) {
			run = run[:len(run)-1]
		}
		if len(run) == 0 || len(run) == 1 && (nouns || start) && shape(run[0]) <= 1 {
			continue
		}
		text := strings.Join(run, " ")
		if common(text) || utf8.RuneCountInString(text) < 2 && text != "R" && text != "C" || knownHeading(text) {
			continue
		}
		s := shape(text)
		if len(run) > 1 {
			s = math.Max(s, 2)
		}
		c.see(text, s, resume)
	}
}

// nameRun gathers the words from i that belong to one name: written large, with
// connectors between, until a comma.
func nameRun(words []string, i int, nouns bool) (run []string, next int) {
	for ; i < len(words) && len(run) < 5; i++ {
		bare := strings.Trim(words[i], `.,;:!?()[]"“”„«»'’‘<>*_`)
		if strings.HasPrefix(words[i], ".") && len(bare) > 1 { // .NET
			bare = "." + bare
		}
		small := !nouns && connector(bare) && len(run) > 0 && i+1 < len(words) && shape(strings.Trim(words[i+1], `.,;:()"“”`)) > 0
		if bare == "" || !small && shape(bare) == 0 || strings.ContainsAny(words[i][:1], `("“[`) && len(run) > 0 {
			break
		}
		run = append(run, strings.TrimSuffix(strings.TrimSuffix(bare, "’s"), "'s"))
		if bare != "" && !strings.HasSuffix(words[i], bare) { // punctuation ends a name
			return run, i + 1
		}
	}
	return run, i
}

func (c *candidates) see(text string, shape float64, resume bool) *candidate {
	key := strings.ToLower(text)
	t := c.found[key]
	if t == nil {
		c.order++
		t = &candidate{text: text, first: c.order}
		c.found[key] = t
	}
	t.count++
	t.shape = math.Max(t.shape, shape)
	if resume {
		t.resume = true
	} else {
		t.job = true
	}
	return t
}

// shape tells how a word or name is written: 0 like a common word, 1 with a
// capital, 3 as only names, products and acronyms are ("PostgreSQL", "C++", "p99").
func shape(s string) float64 {
	letters, capitals, digits, inner, first := 0, 0, 0, 0, true
	for _, r := range s {
		switch {
		case unicode.IsLetter(r):
			letters++
			if unicode.IsUpper(r) {
				capitals++
				if !first {
					inner++
				}
			}
			first = false
		case unicode.IsDigit(r):
			digits++
			first = false
		case r == ' ':
			first = true
		case r == '-', r == '/', r == '&', r == '\'', r == '’':
			first = true
		case r == '@', r == '€', r == '$', r == '%', r == '£':
			return 0
		case r == '+' || r == '#' || r == '.':
		default:
			return 0
		}
	}
	switch {
	case letters == 0 || strings.Contains(s, "..") || strings.Contains(s, "://"):
		return 0
	case digits > 0 && digits > 2*letters, strings.Count(s, "/") > 1:
		return 0
	case inner > 0 || strings.HasSuffix(s, "++") || strings.HasSuffix(s, "#") && capitals > 0 || strings.HasPrefix(s, ".") && capitals > 1:
		return 3
	case digits > 0 && capitals > 0:
		return 2.5
	case capitals > 0 && strings.Contains(s, "."): // Node.js, but no address
		return 2.5
	case capitals > 0:
		return 1
	}
	return 0
}

// plain takes the marks of Markdown, addresses and links out of a line.
func plain(l string) string {
	l = strings.NewReplacer("**", "", "`", "", "](", " (", "[", "").Replace(l)
	words := strings.Fields(l)
	words = slices.DeleteFunc(words, func(w string) bool {
		return strings.ContainsAny(w, "@") || strings.Contains(w, "://") || strings.Contains(w, "www.")
	})
	return strings.Join(words, " ")
}

// ordinary tells a word that the document also writes small, or that everybody
// knows.
func ordinary(w string, lower map[string]bool) bool { return lower[strings.ToLower(w)] || common(w) }

// starter tells the words that begin sentences and lines of a résumé: a verb in
// the past, "Built", or a participle, "Leading".
func starter(w string) bool {
	l := strings.ToLower(w)
	return common(w) || strings.HasSuffix(l, "ed") || strings.HasSuffix(l, "ing")
}

// lowerWords are the words a text writes small somewhere.
func lowerWords(text string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && r != '-' && r != '\'' }) {
		if w == strings.ToLower(w) {
			out[w] = true
		}
	}
	return out
}

// capitalisesNouns tells German, where every noun is written large: by its
// articles and prepositions.
func capitalisesNouns(text string) bool {
	german, words := 0, strings.Fields(text)
	for _, w := range words {
		switch w {
		case "und", "der", "die", "das", "von", "mit", "für", "im", "am", "auf", "bei", "zur", "zum", "heute":
			german++
		}
	}
	return german*25 > len(words)
}

func listsSkills(title string) bool {
	t := strings.ToLower(title)
	for _, s := range []string{"skill", "tool", "technolog", "expertise", "competenc", "kenntnisse", "compétences", "habilidades", "competenze", "competências", "umiejętności", "vaardigheden"} {
		if strings.Contains(t, s) {
			return true
		}
	}
	return false
}

// connector tells the small words inside names.
func connector(w string) bool {
	switch w {
	case "of", "de", "da", "do", "dos", "du", "des", "der", "van", "von", "&", "la", "le", "di":
		return true
	}
	return false
}
