package groq

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// anchorWords is how many of its last words a model is asked to begin with when
// it goes on with an answer that broke off, anchorBytes bounds their length.
// A repetition of more than maxRepeat bytes is not looked for.
const (
	anchorWords = 6
	anchorBytes = 120
	maxRepeat   = 16 << 10
)

// splice joins the rest of an answer to the text that was handed over before
// the stream broke. The model is asked to begin with the last words of that
// text, so that it is plain where they join even within a word; some begin
// anew instead, and some just go on. What it says is held back while it may
// still be a repetition, and then let through without it. Only letters and
// digits count when comparing: models change quotes, marks and line breaks.
type splice struct {
	had    string // the text handed over, its last 16 KiB
	starts []int  // where a repetition may begin in had, ascending; the last is the anchor
	held   strings.Builder
	joined bool
}

func newSplice(had string) *splice {
	if i := len(had) - maxRepeat; i > 0 {
		had = had[runeStart(had, i):]
	}
	starts := wordStarts(had)
	if n := len(starts); n > anchorWords {
		starts = starts[:n-anchorWords+1]
	} else {
		starts = []int{0} // short: the anchor is all of it
	}
	if len(had)-starts[len(starts)-1] > anchorBytes { // a script without spaces
		starts = append(starts, runeStart(had, len(had)-anchorBytes))
	}
	return &splice{had: had, starts: starts}
}

// anchor returns the words the rest shall begin with.
func (s *splice) anchor() string {
	return strings.TrimSpace(s.had[s.starts[len(s.starts)-1]:])
}

// add takes a piece of the rest and returns what may be shown now.
func (s *splice) add(text string) string {
	if s.joined {
		return text
	}
	s.held.WriteString(text)
	return s.join(false)
}

// end returns what was still held back when the rest was over.
func (s *splice) end() string {
	if s.joined {
		return ""
	}
	return s.join(true)
}

func (s *splice) join(over bool) string {
	rest := s.held.String()
	if wordsEnd(rest) == 0 { // marks only: too little to tell
		if s.joined = over || len(rest) > anchorBytes; s.joined {
			return rest
		}
		return ""
	}
	for _, i := range s.starts {
		n, whole := matchWords(s.had[i:], rest)
		if !whole && n < len(rest) {
			continue
		}
		if !over && (!whole || strings.HasPrefix(s.had[wordsEnd(s.had):], rest[n:])) {
			return "" // a repetition so far
		}
		s.joined = true
		return s.afterRepeat(rest[n:])
	}
	s.joined = true
	if letterAtEnd(s.had) && letterAtStart(rest) {
		return " " + rest
	}
	return rest
}

// afterRepeat drops from rest the marks and spaces that had ends with already.
func (s *splice) afterRepeat(rest string) string {
	marks := s.had[wordsEnd(s.had):]
	for marks != "" && rest != "" && marks[0] == rest[0] {
		marks, rest = marks[1:], rest[1:]
	}
	if r, _ := utf8.DecodeLastRuneInString(s.had); unicode.IsSpace(r) {
		rest = strings.TrimLeft(rest, " ")
	}
	return rest
}

// matchWords compares the letters and digits of text and rest. It returns how
// much of rest agrees, and whether that is all of text. When rest runs out
// first, n is len(rest).
func matchWords(text, rest string) (n int, whole bool) {
	for {
		a, afterA := nextWordRune(text, 0)
		if afterA == 0 {
			return n, true
		}
		b, afterB := nextWordRune(rest, n)
		if afterB == 0 {
			return len(rest), false
		}
		if a != b {
			return n, false
		}
		text, n = text[afterA:], afterB
	}
}

// nextWordRune returns the first letter or digit of s from byte i on, in lower
// case, and the index after it; 0 when there is none.
func nextWordRune(s string, i int) (r rune, after int) {
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		i += size
		if isWord(r) {
			return unicode.ToLower(r), i
		}
	}
	return 0, 0
}

// wordStarts returns where the words of text begin.
func wordStarts(text string) []int {
	var starts []int
	in := false
	for i, r := range text {
		if unicode.IsSpace(r) {
			in = false
		} else if !in && isWord(r) {
			in = true
			starts = append(starts, i)
		}
	}
	return starts
}

// wordsEnd returns where the last word of text ends, 0 when it has none.
func wordsEnd(text string) int {
	i := strings.LastIndexFunc(text, isWord)
	if i < 0 {
		return 0
	}
	_, size := utf8.DecodeRuneInString(text[i:])
	return i + size
}

// runeStart returns i, or where the rune after it begins if i lies within one.
func runeStart(s string, i int) int {
	for i < len(s) && !utf8.RuneStart(s[i]) {
		i++
	}
	return i
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

func letterAtEnd(s string) bool {
	r, _ := utf8.DecodeLastRuneInString(s)
	return isWord(r)
}

func letterAtStart(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return isWord(r)
}
