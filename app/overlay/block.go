package overlay

import (
	"image/color"
	"sort"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
)

// block is a short text on a fixed number of lines at most: a caption, the
// question, a sentence. Its first part is in color, its second in quiet. What is
// too long loses its beginning when fromEnd is set, else its end.
type block struct {
	widget.BaseWidget
	color, quiet color.Color
	size         float32
	bold         bool
	lines        int
	fromEnd      bool

	mirror    *mirror // nil: texts are shown as they are
	loud, low string
	texts     []*canvas.Text
	objects   []fyne.CanvasObject
}

var _ fyne.Widget = (*block)(nil)

func newBlock(size float32, lines int, c, quiet color.Color) *block {
	b := &block{size: size, lines: lines, color: c, quiet: quiet}
	b.ExtendBaseWidget(b)
	return b
}

// set shows other words, when they are others.
func (b *block) set(loud, low string) {
	if loud == b.loud && low == b.low {
		return
	}
	b.loud, b.low = loud, low
	b.arrange()
}

// paint shows the words in another colour.
func (b *block) paint(c color.Color) {
	if b.color != c {
		b.color = c
		b.arrange()
	}
}

func (b *block) step() float32 { return b.size * 1.32 }

// heightFor is the height that the words need on lines of width.
func (b *block) heightFor(width float32) float32 {
	if b.loud == "" && b.low == "" {
		return 0
	}
	return float32(min(len(b.wrap(b.words(), width)), b.lines)) * b.step()
}

// words are those of both parts, each in its face.
func (b *block) words() []run {
	var words []run
	for i, part := range []string{b.loud, b.low} {
		for word := range strings.FieldsSeq(part) {
			words = append(words, run{text: word, face: face{bold: b.bold, quiet: i == 1}})
		}
	}
	return words
}

func (b *block) wrap(words []run, width float32) []line {
	f := newFlow(width, 0, b.measure)
	for _, w := range words {
		f.text(w.text, w.face)
		f.space()
	}
	return f.lines
}

func (b *block) measure(s string, f face) float32 {
	return fyne.MeasureText(s, b.size, style(f)).Width
}

func (b *block) arrange() {
	width := b.Size().Width
	if width <= 0 {
		return
	}
	words := b.words()
	lines := b.wrap(words, width)
	switch {
	case len(lines) <= b.lines:
	case b.fromEnd:
		lines = b.last(words, width)
	default:
		lines = b.first(lines, width)
	}
	n := 0
	for i, l := range lines {
		for _, r := range l.runs {
			b.put(n, r, float32(i)*b.step())
			n++
		}
	}
	for _, t := range b.texts[n:] {
		if t.Text != "" {
			t.Text = ""
			t.Refresh()
		}
	}
	if b.mirror != nil {
		b.turn()
	}
}

// last is as many of the last words as there is room for.
func (b *block) last(words []run, width float32) []line {
	from := sort.Search(len(words)-1, func(i int) bool { return len(b.wrap(words[i:], width)) <= b.lines })
	lines := b.wrap(words[from:], width)
	return lines[max(0, len(lines)-b.lines):]
}

// first is the lines that there is room for, and shows that some are missing.
func (b *block) first(lines []line, width float32) []line {
	lines = lines[:b.lines]
	last := &lines[b.lines-1].runs[len(lines[b.lines-1].runs)-1]
	words := last.text
	for words != "" && last.x+b.measure(words+" …", last.face) > width {
		words = words[:max(0, strings.LastIndexByte(words, ' '))]
	}
	last.text = strings.TrimSpace(words + " …")
	return lines
}

func (b *block) put(n int, r run, y float32) {
	if n == len(b.texts) {
		b.texts = append(b.texts, &canvas.Text{TextSize: b.size})
		if b.mirror == nil {
			b.objects = append(b.objects, b.texts[n])
		}
	}
	t, c := b.texts[n], b.color
	if r.face.quiet {
		c = b.quiet
	}
	t.Move(fyne.NewPos(r.x, y))
	if t.Text == r.text && t.Color == c {
		return
	}
	t.Text, t.Color, t.TextStyle = r.text, c, style(r.face)
	t.Resize(t.MinSize())
	t.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (b *block) CreateRenderer() fyne.WidgetRenderer { return &blockRenderer{b: b} }

type blockRenderer struct {
	b     *block
	width float32
}

func (r *blockRenderer) Layout(size fyne.Size) {
	if size.Width != r.width {
		r.width = size.Width
		r.b.arrange()
	}
}

func (r *blockRenderer) MinSize() fyne.Size {
	return fyne.NewSize(40, r.b.step()*float32(r.b.lines))
}
func (r *blockRenderer) Refresh()                     {}
func (r *blockRenderer) Objects() []fyne.CanvasObject { return r.b.objects }
func (r *blockRenderer) Destroy()                     {}
