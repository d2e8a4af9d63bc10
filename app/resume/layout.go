package resume

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// lineHyphen marks a hyphen that may be there only because the line ended.
const lineHyphen = '\u00ad'

// page is what was read off one page. Coordinates are points, y grows upwards.
type page struct {
	words   []word
	bullets []point
}

type point struct{ x, y float64 }

// word is a run of glyphs without a gap.
type word struct {
	text   string
	x0, x1 float64
	y      float64 // baseline
	size   float64 // height of the font's box
	bold   bool
}

// wordBuilder gathers glyphs, in the order of the page's content, into words.
type wordBuilder struct {
	words []word
	word  word
	text  strings.Builder
	last  glyph
}

// fits tells whether g goes on with the word at hand: on the same line, close
// behind the last glyph. PDFium puts spaces where it sees gaps between words.
func (b *wordBuilder) fits(g glyph) bool {
	if b.text.Len() == 0 {
		return false
	}
	// The letters of a ligature have boxes of their own making: lower than the
	// others, or all the same.
	size := b.word.size
	overlap := math.Min(g.top, b.last.top) - math.Max(g.bottom, b.last.bottom)
	sameLine := overlap > 0.5*math.Min(g.top-g.bottom, b.last.top-b.last.bottom)
	return sameLine && g.x0-b.last.x1 < 0.8*size && g.x0 > b.last.x0-0.1*size
}

func (b *wordBuilder) start(g glyph) {
	b.word.x0 = g.x0
	b.add(g)
}

func (b *wordBuilder) add(g glyph) {
	b.text.WriteRune(g.r)
	b.word.x1 = g.x1
	b.word.size = math.Max(b.word.size, g.top-g.bottom)
	b.last = g
}

func (b *wordBuilder) flush() {
	if b.text.Len() > 0 {
		b.word.text = b.text.String()
		b.words = append(b.words, b.word)
	}
	b.text.Reset()
	b.word = word{}
}

// line is one line of one column.
type line struct {
	words  []word
	x0, x1 float64
	y      float64
	size   float64 // the largest
	bold   bool    // all of it
	bullet bool    // a marker is drawn before it
	column int     // lines of one column share a number
	right  float64 // where the column ends
}

// layout puts the words of all pages into reading order and writes them as
// light Markdown.
func layout(pages []page) string {
	var lines []line
	column := 0
	for _, p := range pages {
		for _, block := range split(p.words, 0) {
			column++
			lines = append(lines, block.lines(column, p.bullets)...)
		}
	}
	return write(lines)
}

// block is a part of a page to be read line by line.
type block []word

// lines gathers the words that share a baseline.
func (b block) lines(column int, bullets []point) []line {
	right := math.Inf(-1)
	for _, w := range b {
		right = math.Max(right, w.x1)
	}
	var lines []line
	for _, row := range rows(b) {
		l := line{words: unspace(row), x0: row[0].x0, y: row[0].y, bold: true, column: column, right: right}
		for _, w := range row {
			l.x1 = math.Max(l.x1, w.x1)
			l.size = math.Max(l.size, w.size)
			l.bold = l.bold && w.bold
		}
		l.bullet = slices.ContainsFunc(bullets, func(p point) bool {
			return p.x < l.x0 && p.x > l.x0-2*l.size && p.y > l.y-0.2*l.size && p.y < l.y+0.8*l.size
		})
		lines = append(lines, l)
	}
	return lines
}

// rows groups words by baseline, top to bottom, each row from left to right.
func rows(words []word) [][]word {
	words = slices.Clone(words)
	slices.SortStableFunc(words, func(a, b word) int { return cmp.Compare(b.y, a.y) })
	var out [][]word
	for _, w := range words {
		if n := len(out); n > 0 {
			if first := out[n-1][0]; first.y-w.y < 0.3*math.Min(first.size, w.size) {
				out[n-1] = append(out[n-1], w)
				continue
			}
		}
		out = append(out, []word{w})
	}
	for _, row := range out {
		slices.SortStableFunc(row, func(a, b word) int { return cmp.Compare(a.x0, b.x0) })
	}
	return out
}

// unspace puts letter-spaced words together again, "S K I L L S", as they are
// common in headings.
func unspace(row []word) []word {
	short := 0
	var gaps []float64
	for i, w := range row {
		if utf8.RuneCountInString(w.text) <= 2 {
			short++
		}
		if i > 0 {
			gaps = append(gaps, w.x0-row[i-1].x1)
		}
	}
	if len(row) < 4 || short*4 < len(row)*3 {
		return row
	}
	slices.Sort(gaps)
	usual := math.Max(gaps[len(gaps)/4], 0.5)
	out := []word{row[0]}
	for _, w := range row[1:] {
		last := &out[len(out)-1]
		if w.x0-last.x1 < 1.9*usual {
			last.text += w.text
			last.x1 = w.x1
		} else {
			out = append(out, w)
		}
	}
	return out
}

// text of the line, with a bar where a gap sets things apart.
func (l line) text() string {
	var b strings.Builder
	for i, w := range l.words {
		if i > 0 {
			if w.x0-l.words[i-1].x1 > l.size && !marker(l.words[0].text, i) {
				b.WriteString(" |")
			}
			b.WriteByte(' ')
		}
		b.WriteString(w.text)
	}
	return b.String()
}

// marker tells whether a line's first word is a list marker; i is the number of
// words before the gap in question.
func marker(first string, i int) bool {
	r, n := utf8.DecodeRuneInString(first)
	return i == 1 && n == len(first) && isBullet(r)
}

// isBullet tells the characters that begin a list item when they stand alone.
// Symbol fonts without names come out as private use or control characters.
func isBullet(r rune) bool {
	return strings.ContainsRune("•◦▪▫‣⁃∙·●○■□◆◇►▸➢➤✓✔*–—-", r) || unicode.Is(unicode.Co, r) || unicode.IsControl(r)
}

// bulleted takes a list marker off the line, drawn or written.
func (l line) bulleted() (string, bool) {
	text := l.text()
	r, n := utf8.DecodeRuneInString(text)
	if isBullet(r) && n < len(text) && (text[n] == ' ' || !strings.ContainsRune("*–—-·", r) && !unicode.IsControl(r)) {
		return strings.TrimSpace(text[n:]), true
	}
	return text, l.bullet
}
