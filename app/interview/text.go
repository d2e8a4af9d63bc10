package interview

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean returns s on one line, without what is not meant to be seen: control
// characters, invalid UTF-8, and format characters, among them the
// right-to-left overrides, zero-width spaces and tag characters with which text
// is hidden or made to read differently from what it says.
func clean(s string) string {
	return strings.Join(strings.Fields(strings.Map(visible, s)), " ")
}

// cleanLines is clean for a document: its lines stay, at most one empty line
// between them.
func cleanLines(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n\n", "\f", "\n").Replace(s)
	var b strings.Builder
	empty := 0
	for line := range strings.Lines(s) {
		line = clean(line)
		if line == "" {
			empty++
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\n")
			if empty > 0 {
				b.WriteString("\n")
			}
		}
		b.WriteString(line)
		empty = 0
	}
	return b.String()
}

func visible(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case r == utf8.RuneError, unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r):
		return -1
	case r >= 0xFE00 && r <= 0xFE0F, r >= 0xE0100 && r <= 0xE01EF: // variation selectors can carry hidden bytes
		return -1
	}
	return r
}

// weight estimates the tokens of s, in quarters: four letters of ASCII are
// about one token, and every other character at most one.
func weight(s string) int {
	n := 0
	for _, r := range s {
		n += runeWeight(r)
	}
	return n
}

func runeWeight(r rune) int {
	if r < utf8.RuneSelf {
		return 1
	}
	return 4
}

// head returns the first part of s up to a weight, ending at a line or else at
// a word.
func head(s string, limit int) string {
	n := 0
	for i, r := range s {
		if n += runeWeight(r); n > limit {
			s = s[:i]
			if j := strings.LastIndexByte(s, '\n'); j > len(s)/2 {
				return s[:j]
			}
			if j := strings.LastIndexByte(s, ' '); j > len(s)/2 {
				return s[:j]
			}
			return s
		}
	}
	return s
}

// tail returns the last part of s up to a weight, beginning at a word.
func tail(s string, limit int) string {
	n := 0
	for i := len(s); i > 0; {
		r, size := utf8.DecodeLastRuneInString(s[:i])
		if n += runeWeight(r); n > limit {
			s = s[i:]
			if j := strings.IndexByte(s, ' '); j >= 0 && j < len(s)/2 {
				return s[j+1:]
			}
			return s
		}
		i -= size
	}
	return s
}
