package overlay

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"copilot/app/interview"
)

// face is how a piece of text is set.
type face struct {
	bold, mono, quiet bool
	tint              tint             // as it is drawn; the flow leaves it alone
	ground            interview.Ground // of a mark beside the text
}

// run is text in one face on one line. x and width are in the unit of measure.
type run struct {
	text     string
	face     face
	x, width float32
}

// line is one line as it is shown.
type line struct {
	runs   []run
	mark   string  // what stands left of the first line of a list item
	indent float32 // left edge of the text
	y      float32 // top, in line heights
	words  int     // words up to and with this line
}

func (l line) end() float32 {
	if n := len(l.runs); n > 0 {
		return l.runs[n-1].x + l.runs[n-1].width
	}
	return l.indent
}

// flow breaks a growing answer into lines. A line that is full is never looked
// at again: writing costs what the new text costs, however much stands above.
// Only the last word is placed anew, because it may still grow.
//
// It reads the little Markdown that answers need (bold, lists, headings, code);
// links, pictures and HTML stay the plain text they are.
type flow struct {
	measure func(text string, f face) float32
	width   float32 // of a line
	indent  float32 // of a list item

	lines   []line
	touched int // the first line that changed since it was last set to len(lines)
	placed  int // words placed, ever: the work done

	scan   scanner
	word   []run   // the word being written
	spaced bool    // white space stands before it
	fresh  bool    // the next word begins a new line
	mark   string  // for that line
	inset  float32 // for that line and those it wraps to
	lead   float32 // space above that line, in line heights
	count  int     // whole words placed
	undo   struct {
		lines int
		last  line
		count int
		set   bool
	}
}

func newFlow(width, indent float32, measure func(string, face) float32) *flow {
	f := &flow{measure: measure, width: width, indent: indent, fresh: true}
	f.scan.sink = f
	return f
}

// Write appends s, which may end anywhere, even within a rune or a marker.
func (f *flow) Write(s string) {
	f.unplaceTail()
	f.scan.write(s)
	f.placeTail()
}

// Finish takes what was held back for a marker as the text it is.
func (f *flow) Finish() {
	f.unplaceTail()
	f.scan.finish()
	f.placeTail()
}

// height is that of all lines, in line heights.
func (f *flow) height() float32 {
	if len(f.lines) == 0 {
		return 0
	}
	return f.lines[len(f.lines)-1].y + 1
}

func (f *flow) unplaceTail() {
	if !f.undo.set {
		return
	}
	f.lines = f.lines[:f.undo.lines]
	if f.undo.lines > 0 {
		f.lines[f.undo.lines-1] = f.undo.last
	}
	f.count = f.undo.count
	f.undo.set = false
}

// placeTail shows the unfinished word without committing to its place.
func (f *flow) placeTail() {
	if len(f.word) == 0 {
		return
	}
	n := len(f.lines)
	f.undo.lines, f.undo.count, f.undo.set = n, f.count, true
	if n > 0 {
		f.undo.last = f.lines[n-1]
		f.undo.last.runs = slices.Clone(f.undo.last.runs)
	}
	fresh, mark, lead := f.fresh, f.mark, f.lead
	f.place()
	f.fresh, f.mark, f.lead = fresh, mark, lead
}

// text is called by the scanner with letters of one face and no white space.
func (f *flow) text(s string, fc face) {
	if n := len(f.word); n > 0 && f.word[n-1].face == fc {
		f.word[n-1].text += s
	} else {
		f.word = append(f.word, run{text: s, face: fc})
	}
	last, _ := utf8.DecodeLastRuneInString(s)
	if unicode.In(last, unicode.Han, unicode.Hiragana, unicode.Katakana) || len(f.word[len(f.word)-1].text) > maxWord {
		f.space()
		f.spaced = false
	}
}

// maxWord is the length in bytes after which a word is broken as if it had
// ended, so that placing the last word stays cheap.
const maxWord = 96

func (f *flow) space() {
	if len(f.word) > 0 {
		f.place()
		f.word = f.word[:0]
	}
	f.spaced = true
}

// open begins a new line of the answer.
func (f *flow) open(mark string, item bool, lead float32) {
	f.space()
	f.fresh, f.mark, f.inset = true, mark, 0
	if item {
		f.inset = f.indent
	}
	if len(f.lines) > 0 {
		f.lead = lead
	}
}

// place puts the current word on the last line, or on a new one.
func (f *flow) place() {
	f.placed++
	var width float32
	for i := range f.word {
		f.word[i].width = f.measure(f.word[i].text, f.word[i].face)
		width += f.word[i].width
	}
	if f.fresh {
		f.newLine(f.mark, f.lead)
		f.fresh, f.mark, f.lead = false, "", 0
	}
	gap := f.gap()
	l := &f.lines[len(f.lines)-1]
	if len(l.runs) > 0 && l.end()+gap+width > f.width {
		f.newLine("", 0)
		gap = 0
	}
	f.count++
	for i, r := range f.word {
		if i > 0 {
			gap = 0
		}
		f.put(r, gap)
	}
	f.lines[len(f.lines)-1].words = f.count
	f.touched = min(f.touched, len(f.lines)-1)
}

func (f *flow) gap() float32 {
	if n := len(f.lines); !f.spaced || len(f.lines[n-1].runs) == 0 {
		return 0
	}
	return f.measure(" ", face{})
}

func (f *flow) newLine(mark string, lead float32) {
	y := float32(0)
	if n := len(f.lines); n > 0 {
		f.touched = min(f.touched, n-1)
		y = f.lines[n-1].y + 1 + lead
	}
	f.lines = append(f.lines, line{mark: mark, indent: f.inset, y: y, words: f.count})
}

// put sets r on the last line, breaking it where it is wider than a line.
func (f *flow) put(r run, gap float32) {
	for {
		l := &f.lines[len(f.lines)-1]
		room := f.width - l.end() - gap
		if r.width <= room+0.01 { // sums of widths are not exact
			f.join(l, r, gap)
			return
		}
		n, width := f.fit(r, room)
		if n == 0 {
			if len(l.runs) == 0 { // not even one letter fits: a window of no width
				f.join(l, r, gap)
				return
			}
			f.newLine("", 0)
			gap = 0
			continue
		}
		f.join(l, run{text: r.text[:n], face: r.face, width: width}, gap)
		r.text = r.text[n:]
		r.width = f.measure(r.text, r.face)
		f.newLine("", 0)
		gap = 0
	}
}

// fit returns how many bytes of r fit into room.
func (f *flow) fit(r run, room float32) (n int, width float32) {
	for i, c := range r.text {
		end := i + utf8.RuneLen(c)
		w := f.measure(r.text[:end], r.face)
		if w > room {
			return n, width
		}
		n, width = end, w
	}
	return n, width
}

func (f *flow) join(l *line, r run, gap float32) {
	if n := len(l.runs); n > 0 && l.runs[n-1].face == r.face {
		last := &l.runs[n-1]
		if gap > 0 {
			last.text += " "
		}
		last.text += r.text
		last.width += gap + r.width
		return
	}
	r.x = l.end() + gap
	l.runs = append(l.runs, r)
}

// plain drops what a person cannot see but what changes how text reads: control
// characters and the marks that turn the direction of writing round.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < ' ' || (r >= 0x7f && r < 0xa0),
			r == 0x200e, r == 0x200f, r == 0xfeff,
			r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return -1
		}
		return r
	}, s)
}
