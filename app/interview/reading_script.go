package interview

import (
	"slices"
	"sort"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// script is an answer as the words to be said. Its marks of Markdown are not.
type script struct {
	words []scriptWord
	begun []int // the first word of each sentence
	read  int   // bytes of the answer taken in
	next  opening
}

// scriptWord is one word of an answer.
type scriptWord struct {
	norm     string
	to       int     // byte of the answer where it ends, with what clings to it
	sentence int     // counted from 0
	weight   float32 // how much hearing it tells
	opens    bool    // a reader who leaves something out may go on here
}

// opening is what the next word begins.
type opening int

const (
	opensSentence opening = iota
	opensClause           // after a cue: "Time: nine months"
	opensNothing
)

// grow takes in what was appended to the answer, up to its last white space
// unless it is whole: its last word may still grow.
func (s script) grow(answer Text, whole bool) script {
	if answer.Len() <= s.read {
		return s
	}
	text := answer.From(s.read)
	if !whole {
		text = text[:strings.LastIndexAny(text, " \n\t")+1]
	}
	s.words, s.begun = slices.Clone(s.words), slices.Clip(s.begun) // add changes the last word
	for i := 0; i < len(text); {
		if r, size := utf8.DecodeRuneInString(text[i:]); unicode.IsSpace(r) {
			if r == '\n' {
				s.next = opensSentence
			}
			i += size
			continue
		}
		n := strings.IndexFunc(text[i:], unicode.IsSpace)
		if n < 0 {
			n = len(text) - i
		}
		s = s.add(text[i:i+n], s.read+i)
		i += n
	}
	s.read += len(text)
	return s
}

// add takes in what stands between two spaces, at a byte of the answer.
func (s script) add(token string, at int) script {
	for _, part := range strings.SplitAfter(token, "-") { // "event-driven" is said as two words
		at += len(part)
		n := canonical(part)
		if n == "" {
			if len(s.words) > 0 && at > 0 && s.next == opensNothing {
				s.words[len(s.words)-1].to = at
			}
			continue
		}
		if s.next == opensSentence {
			s.begun = append(s.begun, len(s.words))
		}
		s.words = append(s.words, scriptWord{n, at, len(s.begun) - 1, telling(n), s.next != opensNothing})
		s.next = opensNothing
	}
	switch end := strings.TrimRight(token, "*_`\"'”’)]"); {
	case strings.HasSuffix(end, ":"):
		s.next = min(s.next, opensClause)
	case end != "" && strings.ContainsRune(".?!;…", lastRune(end)):
		s.next = opensSentence
	}
	return s
}

func lastRune(s string) rune {
	r, _ := utf8.DecodeLastRuneInString(s)
	return r
}

// spoken returns heard words the way a script has its own.
func spoken(ws []word) []word {
	var out []word
	for _, w := range ws {
		parts := strings.Split(w.text, "-")
		each := (w.to - w.from) / time.Duration(len(parts))
		for i, p := range parts {
			if n := canonical(p); n != "" {
				out = append(out, word{p, n, w.from + time.Duration(i)*each, w.to - time.Duration(len(parts)-1-i)*each, w.sure})
			}
		}
	}
	return out
}

// canonical is norm with numbers in figures: the recogniser writes both ways.
func canonical(w string) string {
	n := norm(w)
	if figures, ok := numerals[n]; ok {
		return figures
	}
	return n
}

var numerals = map[string]string{
	"zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
	"nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15",
	"sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19", "twenty": "20", "thirty": "30", "forty": "40",
	"fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90",
	"ms": "milliseconds",
}

// telling is how much hearing a word says about where the reader is.
func telling(n string) float32 {
	if little[n] {
		return 0.35
	}
	return 1 + 0.1*float32(min(max(utf8.RuneCountInString(n)-4, 0), 5))
}

// little are the words that stand everywhere.
var little = words(`a an the and or but so of in on at to for from with by as into out up than then that this these those it its
	i we you they he she me us my our your their them is are was were be been am do did does has have had not no if when who
	which what will would can could there here just very its all any each every more most also
	1 well like know think really actually right about im ive its dont some`)

// alike says how alike a word of the script is to one that was heard, 0 … 1.
func (a *scriptWord) alike(heard string) float32 {
	switch {
	case a.norm == heard:
		return 1
	case len(a.norm) < 4 || len(heard) < 4 || little[a.norm] || little[heard]:
		return 0
	}
	n := commonPrefix(a.norm, heard)
	longer := max(len(a.norm), len(heard))
	if n >= 4 && n >= longer-3 { // batch, batches
		return 0.8
	}
	if abs(len(a.norm)-len(heard)) <= longer/3 && distance(a.norm, heard) <= longer/3 {
		return 0.6
	}
	return 0
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// distance is the number of bytes to add, drop or change to make b of a.
func distance(a, b string) int {
	var row [64]int
	b = b[:min(len(b), len(row)-1)]
	for j := range len(b) + 1 {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// window returns the places that a reader at a place can be at after one word.
func (s script) window(at int) (from, to int) {
	return s.before(at), min(len(s.words), at+windowAhead)
}

// before returns the furthest place back that may be told after a place: the
// beginning of the sentence before.
func (s script) before(at int) int {
	if at <= 0 || len(s.words) == 0 {
		return 0
	}
	n := s.words[min(at, len(s.words))-1].sentence
	return s.begun[max(n-1, 0)]
}

// sentenceEnd returns the place after the sentence of a word.
func (s script) sentenceEnd(word int) int {
	i := sort.SearchInts(s.begun, word+1)
	if i == len(s.begun) {
		return len(s.words)
	}
	return s.begun[i]
}

// offset returns where the first n words end in the answer.
func (s script) offset(n int) int {
	if n == 0 {
		return 0
	}
	return s.words[n-1].to
}

// hesitation is what a speaker says without saying anything.
var hesitation = words("uh um uhm umm er erm ah eh hm hmm mm mhm")
