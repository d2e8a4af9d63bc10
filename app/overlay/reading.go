package overlay

import (
	"bytes"
	"image/color"
	"math"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"copilot/app/interview"
)

// tint is how a word of the answer is coloured.
type tint int

const (
	plainWord tint = iota
	saidWord       // the candidate has said it
	wildWord       // it claims what no document holds
)

// reading is where the voice is in the answer, and what its sentences rest on.
type reading struct {
	said  int       // words said, as the flow counts them
	spans []marking // of judged sentences
	labels,
	bytes int // judged sentences taken in, and bytes said
	count counter // of said
	ends  counter // of spans
}

// marking is a sentence that has a mark, by words of the flow.
type marking struct {
	from, to int
	ground   interview.Ground
	basis    string // a sentence for the person: what it rests on, or claims
}

// counter counts the words of a text up to a byte the way the flow places them:
// a list's bullet or number is none.
type counter struct {
	at    int // bytes counted
	words int
	begun bool // something stands on the line already
}

// to returns the count up to byte end of text; going back begins anew.
func (c counter) to(text []byte, end int) counter {
	end = min(end, len(text))
	if end < c.at {
		c = counter{}
	}
	for c.at < end {
		r, size := utf8.DecodeRune(text[c.at:])
		if unicode.IsSpace(r) {
			c.at += size
			if r == '\n' {
				c.begun = false
			}
			continue
		}
		n := bytes.IndexFunc(text[c.at:], unicode.IsSpace)
		if n < 0 {
			n = len(text) - c.at
		}
		if c.at+n > end { // not all of the word
			break
		}
		word := string(text[c.at : c.at+n])
		if strings.Trim(word, "*_`") != "" && (c.begun || !listMark(word)) {
			c.words++
			c.begun = true
		}
		c.at += n
	}
	return c
}

// listMark tells what stands before an item of a list, or a heading.
func listMark(word string) bool {
	if strings.Trim(word, "-*+•#") == "" {
		return true
	}
	number := strings.TrimRight(word, ".)")
	return number != word && len(number) < 4 && strings.Trim(number, "0123456789") == ""
}

// read shows how far the voice is and what the sentences rest on.
func (p *prose) read(said int, labels []interview.Label) {
	if said == p.reading.bytes && len(labels) == p.reading.labels {
		return
	}
	r := &p.reading
	if len(labels) < r.labels {
		r.labels, r.spans, r.ends = 0, nil, counter{}
	}
	from := r.said
	r.count = r.count.to(p.text, said)
	r.bytes, r.said = said, r.count.words
	change := min(from, r.said)
	if from == r.said {
		change = math.MaxInt
	}
	for _, l := range labels[r.labels:] {
		r.ends = r.ends.to(p.text, l.From)
		m := marking{from: r.ends.words, ground: l.Ground, basis: "Your résumé: " + plain(l.Rests)}
		if l.Ground == interview.Unfounded {
			m.basis = unfounded([]interview.Label{l})
		}
		r.ends = r.ends.to(p.text, l.To)
		if m.to = r.ends.words; m.ground != interview.Open && m.to > m.from {
			r.spans = append(r.spans, m)
			change = min(change, m.from)
		}
	}
	r.labels = len(labels)
	if p.flow == nil {
		return
	}
	if at := p.lineOf(change); at < len(p.flow.lines) {
		p.flow.touched = min(p.flow.touched, at)
		p.draw()
	}
}

// lineOf returns the line that holds a word, counted from 0.
func (p *prose) lineOf(word int) int {
	return sort.Search(len(p.flow.lines), func(i int) bool { return p.flow.lines[i].words > word })
}

// followVoice puts the line of the next word at the eyes' height: it goes down
// with the voice, and up again only where the voice has left the view.
func (p *prose) followVoice() {
	at := min(p.lineOf(p.reading.said), len(p.flow.lines)-1)
	if p.look.comfort.Still {
		p.turnPage(at)
		return
	}
	y := p.flow.lines[at].y - p.Size().Height*readingLine/p.step()
	top := sort.Search(at, func(i int) bool { return p.flow.lines[i].y >= y })
	to := min(p.limit(), p.flow.lines[top].y*p.step())
	if to > p.offset || p.flow.lines[at].y*p.step() < p.offset {
		p.scrollTo(to)
	}
}

// turnPage brings a line into sight by whole pages.
func (p *prose) turnPage(at int) {
	top, bottom := p.flow.lines[at].y*p.step(), (p.flow.lines[at].y+1)*p.step()
	if top < p.offset || bottom > p.offset+p.Size().Height {
		p.scrollTo(top)
	}
}

// tintOf returns the tint of a word.
func (r *reading) tintOf(word int) tint {
	if word < r.said {
		return saidWord
	}
	i := sort.Search(len(r.spans), func(i int) bool { return r.spans[i].to > word })
	if i < len(r.spans) && r.spans[i].from <= word && r.spans[i].ground == interview.Unfounded {
		return wildWord
	}
	return plainWord
}

// tinted returns line i with its runs cut where the tint changes, and the marks
// of the sentences that end on it at its right edge. No word moves by it.
func (p *prose) tinted(i int) line {
	l := p.flow.lines[i]
	first := 0
	if i > 0 {
		first = p.flow.lines[i-1].words
	}
	r := &p.reading
	if first >= r.said && (len(r.spans) == 0 || r.spans[len(r.spans)-1].to <= first) {
		return l
	}
	var runs []run
	word, end := first, l.indent
	for n, whole := range l.runs {
		if n > 0 && whole.x > end+0.01 { // else a word in two faces
			word++
		}
		end = whole.x + whole.width
		runs = p.cut(runs, whole, &word)
	}
	l.runs = append(runs, p.marks(first, l.words)...)
	return l
}

// cut appends whole to runs, in pieces of one tint each. word is the number of
// its first word, and afterwards of its last.
func (p *prose) cut(runs []run, whole run, word *int) []run {
	from := 0
	tint := p.reading.tintOf(*word)
	piece := func(to int) {
		text := whole.text[from:to]
		if text == "" {
			return
		}
		r := run{text: text, face: whole.face, x: whole.x}
		r.face.tint = tint
		if from > 0 {
			r.x += p.measure(whole.text[:from], whole.face)
		}
		runs = append(runs, r)
	}
	for i := 0; i < len(whole.text); i++ {
		if whole.text[i] != ' ' || whole.face.mono && i == 0 {
			continue
		}
		*word++
		if next := p.reading.tintOf(*word); next != tint {
			piece(i)
			from, tint = i+1, next
		}
	}
	piece(len(whole.text))
	return runs
}

// marks are what stands at the right edge of a line: a dot where a sentence
// ends that rests on the résumé, a question mark where one claims too much.
func (p *prose) marks(first, last int) (runs []run) {
	x := p.flow.width + 1
	for _, s := range p.reading.spans {
		if s.to <= first || s.to > last {
			continue
		}
		r := run{text: "•", face: face{bold: true, ground: s.ground}, x: x}
		if s.ground == interview.Unfounded {
			r.text = "?"
		}
		if len(runs) > 0 { // one mark a line: the warning
			if runs[0].face.ground == interview.Unfounded {
				continue
			}
			runs = runs[:0]
		}
		runs = append(runs, r)
	}
	return runs
}

// paint is the colour of a run.
func (p *prose) paint(f face) color.Color {
	switch {
	case f.ground == interview.Grounded:
		return p.look.good
	case f.ground == interview.Unfounded, f.tint == wildWord:
		return p.look.warn
	case f.tint == saidWord:
		return p.look.dim()
	case f.bold:
		return p.look.text
	}
	return p.look.soft
}

// dim is the colour of words that were said.
func (l *look) dim() color.NRGBA {
	mix := func(a, b uint8) uint8 { return uint8((int(a)*55 + int(b)*45) / 100) }
	return color.NRGBA{R: mix(l.muted.R, l.ground.R), G: mix(l.muted.G, l.ground.G), B: mix(l.muted.B, l.ground.B), A: 0xff}
}

// read brings the reader's place and the sentences' marks on screen.
func (t *teleprompter) read(s interview.State) {
	if q, ok := s.Current(); ok {
		labels := q.Answer.Labels.All
		if q.Card {
			labels = nil
		}
		t.answer.read(s.Reader.Said, labels)
	}
	if show(t.chipBox, s.Reader.Next != 0) {
		relayout(t.bottom)
	}
}
