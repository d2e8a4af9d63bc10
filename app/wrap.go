package main

import "strings"

// wrapper breaks text that arrives in pieces at word boundaries. A word is
// held back until it is complete, so that it is never broken or moved. **Cue
// words** become bold, or lose their stars where there is no colour.
type wrapper struct {
	width  int
	indent string
	eol    string
	colour bool

	col    int
	begun  bool
	word   strings.Builder // the word being read, stars included
	spaces int
	bold   bool
}

// write takes the next piece of an answer and returns what can be printed.
func (w *wrapper) write(piece string) string {
	var out strings.Builder
	for _, r := range piece {
		switch {
		case r == '\n':
			out.WriteString(w.flushWord())
			out.WriteString(w.eol)
			w.col, w.begun, w.spaces = 0, false, 0
		case r == ' ' || r == '\t':
			out.WriteString(w.flushWord())
			w.spaces = 1
		case clean(string(r)) == "":
		default:
			w.word.WriteRune(r)
		}
	}
	return out.String()
}

// writePlain is write for text in which stars are stars.
func (w *wrapper) writePlain(text string) string {
	var out strings.Builder
	for i, word := range strings.Fields(text) {
		if i > 0 {
			w.spaces = 1
		}
		w.begun = w.begun || w.col > 0
		out.WriteString(w.place(word, word))
	}
	return out.String()
}

// flush returns the word held back.
func (w *wrapper) flush() string {
	s := w.flushWord()
	if w.bold && w.colour {
		s += "\x1b[0m"
	}
	w.bold = false
	return s
}

func (w *wrapper) flushWord() string {
	raw := w.word.String()
	if raw == "" {
		return ""
	}
	w.word.Reset()
	printed := raw
	for strings.Contains(printed, "**") {
		mark := ""
		w.bold = !w.bold
		if w.colour {
			mark = "\x1b[0m"
			if w.bold {
				mark = "\x1b[1m"
			}
		}
		printed = strings.Replace(printed, "**", mark, 1)
	}
	return w.place(printed, strings.ReplaceAll(raw, "**", ""))
}

// place puts a word on this line or the next; shown is what it looks like.
func (w *wrapper) place(printed, shown string) string {
	n := len([]rune(shown))
	lead := ""
	switch {
	case !w.begun:
		lead, w.col = w.indent, len(w.indent)
	case w.spaces > 0 && w.col+1+n > w.width:
		lead, w.col = w.eol+w.indent, len(w.indent)
	case w.spaces > 0:
		lead, w.col = " ", w.col+1
	}
	w.begun, w.spaces = true, 0
	w.col += n
	return lead + printed
}
