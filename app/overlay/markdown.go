package overlay

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// scanner reads Markdown as it is being written and tells its sink what stands
// there. It holds back only what may yet become a marker: a few characters at
// the start of a line, asterisks, an unfinished rune.
type scanner struct {
	sink interface {
		text(s string, f face)
		space()
		open(mark string, item bool, lead float32)
	}
	part  string // the beginning of a rune
	head  string // the beginning of a line that may be a marker
	stars int    // asterisks not yet understood
	begun bool   // the line has its marker, or has none
	blank int    // line ends in a row
	fence bool   // inside a code block
	info  bool   // on the line that opens or closes one
	item  bool   // the line before was a list item
	face  face
	slant bool // inside *emphasis*, which is not shown
	after rune // the last character passed on, 0 at the start of a line
}

// Space above a new paragraph, and above a list item, in line heights.
const (
	paragraphLead = 0.5
	itemLead      = 0.22
)

func (s *scanner) write(text string) {
	text = s.part + text
	s.part = ""
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && n == 1 && !utf8.FullRuneInString(text[i:]) {
			s.part = text[i:]
			return
		}
		i += n
		s.rune(r)
	}
}

func (s *scanner) finish() {
	if s.part != "" {
		s.part = ""
		s.rune(utf8.RuneError)
	}
	if !s.begun && s.head != "" && !s.fence {
		s.startLine("", false)
		s.replay()
	}
	s.settle(0)
}

func (s *scanner) rune(r rune) {
	if r == '\n' {
		s.endLine()
		return
	}
	if r != '\t' && plain(string(r)) == "" {
		return
	}
	if s.info {
		return
	}
	if s.begun {
		s.inline(r)
		return
	}
	s.head += string(r)
	s.tryHead()
}

// maxIndent is as many blanks as are held back for what follows them.
const maxIndent = 16

func (s *scanner) endLine() {
	if !s.begun && s.head != "" && !s.fence {
		s.startLine("", false)
		s.replay()
	}
	if s.fence && !s.begun && s.head != "" {
		s.openCode()
	}
	s.settle(0)
	if !s.fence {
		s.face, s.slant = face{}, false
	}
	if s.begun || s.info {
		s.blank = 0
	}
	s.blank++
	s.begun, s.info, s.head, s.after = false, false, "", 0
	s.sink.space()
}

// tryHead looks whether the line's first characters are a marker yet.
func (s *scanner) tryHead() {
	trimmed := strings.TrimLeft(s.head, " \t")
	if s.fence {
		s.tryCode(trimmed)
		return
	}
	if trimmed == "" {
		s.head = s.head[:min(len(s.head), maxIndent)]
		return
	}
	if strings.HasPrefix("```", trimmed) {
		if trimmed == "```" {
			s.fence, s.info, s.head = true, true, ""
			s.face = face{mono: true}
		}
		return
	}
	mark, bold, size, sure := marker(trimmed)
	if !sure {
		return
	}
	item := mark != ""
	nested := item && len(s.head)-len(trimmed) >= 2
	if nested && mark == "•" {
		mark = "–"
	}
	s.startLine(mark, item)
	s.face.bold = bold
	s.head = trimmed[size:]
	s.replay()
}

// tryCode ends the block at its fence; everything else is code.
func (s *scanner) tryCode(trimmed string) {
	switch {
	case trimmed == "```" && len(s.head) < maxIndent:
		s.fence, s.info, s.head = false, true, ""
		s.face = face{}
	case len(s.head) < maxIndent && (trimmed == "" || strings.HasPrefix("```", trimmed)):
	default:
		s.openCode()
	}
}

func (s *scanner) openCode() {
	s.sink.open("", true, s.gapAbove(false))
	s.begun, s.item = true, false
	head := s.head
	s.head = ""
	for _, r := range head {
		s.inline(r)
	}
}

// startLine tells the sink that a line begins.
func (s *scanner) startLine(mark string, item bool) {
	s.sink.open(mark, item, s.gapAbove(item))
	s.begun, s.item = true, item
}

func (s *scanner) gapAbove(item bool) float32 {
	switch {
	case item && s.item:
		return itemLead
	case s.blank > 1, item != s.item:
		return paragraphLead
	}
	return 0
}

// replay passes on what was held back for a marker.
func (s *scanner) replay() {
	head := s.head
	s.head = ""
	for _, r := range head {
		s.inline(r)
	}
}

// inline reads a character inside a line.
func (s *scanner) inline(r rune) {
	if s.fence {
		if r == '\t' {
			s.sink.text("    ", s.face)
			return
		}
		s.sink.text(string(r), s.face)
		return
	}
	if r == '*' && !s.face.mono {
		s.stars++
		return
	}
	s.settle(r)
	switch {
	case r == '`':
		s.face.mono = !s.face.mono
		return
	case unicode.IsSpace(r):
		s.sink.space()
	default:
		s.sink.text(string(r), s.face)
	}
	s.after = r
}

// settle decides what the asterisks before next were; 0 is the end of the line.
func (s *scanner) settle(next rune) {
	n := s.stars
	s.stars = 0
	opens := next != 0 && !unicode.IsSpace(next)
	closes := s.after != 0 && !unicode.IsSpace(s.after)
	if n >= 2 && (s.face.bold || opens) {
		s.face.bold = !s.face.bold
		n -= 2
	}
	if n == 1 {
		switch {
		case s.slant && closes:
			s.slant, n = false, 0
		case !s.slant && opens && !closes:
			s.slant, n = true, 0
		}
	}
	for ; n > 0; n-- {
		s.sink.text("*", s.face)
		s.after = '*'
	}
}

// marker recognises "- ", "* ", "1. " and "# " at the start of a line. sure is
// false while more characters could still make a marker.
func marker(s string) (mark string, bold bool, size int, sure bool) {
	switch c := s[0]; {
	case c == '-' || c == '+' || c == '*' || strings.HasPrefix(s, "•"):
		n := 1
		if c > utf8.RuneSelf {
			n = len("•")
		}
		if len(s) == n {
			return "", false, 0, false
		}
		if s[n] == ' ' {
			return "•", false, n + 1, true
		}
	case c >= '0' && c <= '9':
		n := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
		switch {
		case n < 0:
			return "", false, 0, len(s) > 3
		case n <= 3 && (s[n] == '.' || s[n] == ')'):
			if len(s) == n+1 {
				return "", false, 0, false
			}
			if s[n+1] == ' ' {
				return s[:n] + ".", false, n + 2, true
			}
		}
	case c == '#':
		n := strings.IndexFunc(s, func(r rune) bool { return r != '#' })
		if n < 0 {
			return "", false, 0, len(s) > 6
		}
		if n <= 6 && s[n] == ' ' {
			return "", true, n + 1, true
		}
	}
	return "", false, 0, true
}
