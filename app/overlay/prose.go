package overlay

import (
	"image/color"
	"sort"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

const (
	lineHeight = 1.38 // of the text size
	// readingPace is how fast an answer is spoken while it is read: unhurried
	// speech, words a second.
	readingPace = 2.3
	// readingLine is where the line being spoken may scroll up to, as a share of
	// the height, so that a slower reader still has it before their eyes.
	readingLine = 0.35
	tailSlack   = 0.5 // what a tail may be cut by
)

// prose shows a growing answer. It draws only the lines in sight, and of those
// only what changed since the last time. The first line stays where it is until
// a person has had the time to say it; then the view follows the text down,
// line by line, unless the reader has taken hold of it.
type prose struct {
	widget.BaseWidget
	onScroll func() // after every change of what is in sight
	onPoint  func(sentence string)

	look   *look
	text   []byte // all of it, to be laid out anew when the width changes
	flow   *flow
	offset float32 // how far the text is scrolled up
	anchor int     // words above the view, while it is laid out anew
	held   bool    // the reader scrolled: nothing moves but by their hand
	began  time.Time
	laid   int // how often lines were laid out and drawn
	reading

	page  *fyne.Container
	drawn map[int][]*canvas.Text // by line
	set   map[int]line           // the same as they are drawn
	thumb *canvas.Rectangle
	mirror
}

var (
	_ fyne.Widget     = (*prose)(nil)
	_ fyne.Scrollable = (*prose)(nil)
	_ fyne.Draggable  = (*prose)(nil)

	_ desktop.Hoverable = (*prose)(nil)
)

func newProse(l *look) *prose {
	p := &prose{look: l, page: container.NewWithoutLayout(), drawn: map[int][]*canvas.Text{}, set: map[int]line{}}
	p.thumb = canvas.NewRectangle(l.muted)
	p.thumb.CornerRadius = 1.5
	p.ExtendBaseWidget(p)
	return p
}

// reset empties the page.
func (p *prose) reset() {
	p.text = p.text[:0]
	p.held, p.flow, p.anchor, p.reading = false, nil, 0, reading{}
	p.restart()
}

// add appends to the text.
func (p *prose) add(text string, now time.Time) {
	if len(p.text) == 0 {
		p.began = now
	}
	p.text = append(p.text, text...)
	if p.flow != nil {
		p.flow.Write(text)
		p.draw()
	}
}

// finish says that the text is whole.
func (p *prose) finish() {
	if p.flow != nil {
		p.flow.Finish()
		p.draw()
	}
}

// topWord is how many words are scrolled out of sight.
func (p *prose) topWord() int {
	if p.flow == nil {
		return p.anchor
	}
	at := p.topLine()
	if at == 0 {
		return 0
	}
	return p.flow.lines[at-1].words
}

// topLine is the first line that is wholly in sight or below.
func (p *prose) topLine() int {
	return sort.Search(len(p.flow.lines), func(i int) bool { return p.flow.lines[i].y*p.step() >= p.offset-1 })
}

// goOn takes over where the reader was in other, which shows the same text.
func (p *prose) goOn(other *prose) {
	p.anchor, p.held, p.began = other.topWord(), other.held, other.began
	if p.flow != nil {
		p.showAnchor()
	}
}

func (p *prose) showAnchor() {
	at := sort.Search(len(p.flow.lines), func(i int) bool { return p.flow.lines[i].words > p.anchor })
	p.offset = 0
	if at > 0 && at < len(p.flow.lines) {
		p.offset = min(p.flow.lines[at].y*p.step(), p.limit())
	}
	p.draw()
}

// restart lays out everything: the text, its size or the width is another. The
// words at the top stay there.
func (p *prose) restart() {
	p.anchor = p.topWord()
	clear(p.drawn)
	p.page.Objects = nil
	p.flow = nil
	if p.Size().Width <= 0 {
		return
	}
	indent := p.look.answer * 1.1
	p.flow = newFlow(p.look.column(p.Size().Width-18), indent, p.measure)
	p.flow.Write(string(p.text))
	p.showAnchor()
}

func (p *prose) measure(s string, f face) float32 {
	return fyne.MeasureText(s, p.textSize(f), style(f)).Width
}

func (p *prose) textSize(f face) float32 {
	if f.mono {
		return p.look.answer * 0.88
	}
	return p.look.answer
}

func style(f face) fyne.TextStyle {
	return fyne.TextStyle{Bold: f.bold, Monospace: f.mono}
}

func (p *prose) step() float32 { return p.look.answer * p.look.lineHeight() }

// reach is how far below a line's top its letters' tails go: with some fonts
// further than to the next line's.
func (p *prose) reach() float32 {
	_, base := fyne.CurrentApp().Driver().RenderedTextSize("g", p.look.answer, fyne.TextStyle{}, nil)
	return base + p.look.answer*0.25
}

// limit is the furthest the text can be scrolled.
func (p *prose) limit() float32 {
	if p.flow == nil {
		return 0
	}
	return max(0, p.flow.height()*p.step()+max(0, p.reach()-p.step())-p.Size().Height)
}

// atEnd says whether the newest words are in sight.
func (p *prose) atEnd() bool { return p.offset >= p.limit()-p.step()/2 }

// follow moves the view as far down as the reader is at now.
func (p *prose) follow(now time.Time) {
	if p.held || p.flow == nil || p.began.IsZero() || len(p.flow.lines) == 0 {
		return
	}
	if p.reading.bytes > 0 {
		p.followVoice()
		return
	}
	if p.limit() <= p.offset {
		return
	}
	spoken := int(now.Sub(p.began).Seconds() * readingPace)
	at := sort.Search(len(p.flow.lines), func(i int) bool { return p.flow.lines[i].words > spoken })
	if at == len(p.flow.lines) {
		at--
	}
	y := p.flow.lines[at].y - p.Size().Height*readingLine/p.step()
	top := sort.Search(at, func(i int) bool { return p.flow.lines[i].y >= y }) // whole lines only
	if to := min(p.limit(), p.flow.lines[top].y*p.step()); to > p.offset {
		p.scrollTo(to)
	}
}

// newest shows the end of the text, and follows it again.
func (p *prose) newest() {
	p.held = false
	p.scrollTo(p.limit())
}

// move scrolls by hand.
func (p *prose) move(by float32) {
	to := min(max(p.offset+by, 0), p.limit())
	if to == p.offset {
		return
	}
	p.held = true
	p.scrollTo(to)
}

func (p *prose) scrollTo(offset float32) {
	p.offset = min(max(offset, 0), p.limit())
	p.draw()
}

// lines scrolls by whole lines.
func (p *prose) lines(n int) {
	if p.flow == nil || len(p.flow.lines) == 0 {
		return
	}
	p.toLine(p.topLine() + n)
}

// pages scrolls so far that the first line out of sight comes into it.
func (p *prose) pages(n int) {
	if p.flow == nil || len(p.flow.lines) == 0 {
		return
	}
	to := p.offset + float32(n)*p.Size().Height - p.reach() + tailSlack
	p.toLine(sort.Search(len(p.flow.lines), func(i int) bool { return p.flow.lines[i].y*p.step() > to }))
}

func (p *prose) toLine(i int) {
	i = min(max(i, 0), len(p.flow.lines)-1)
	p.move(p.flow.lines[i].y*p.step() - p.offset)
}

// Scrolled implements fyne.Scrollable.
func (p *prose) Scrolled(e *fyne.ScrollEvent) { p.move(-e.Scrolled.DY) }

// Dragged implements fyne.Draggable, for touch screens.
func (p *prose) Dragged(e *fyne.DragEvent) { p.move(-e.Dragged.DY) }

// DragEnd implements fyne.Draggable.
func (p *prose) DragEnd() {}

// draw brings the page up to date: it makes texts for lines that came into
// sight, changes those whose line changed, and moves the rest.
func (p *prose) draw() {
	lines := p.flow.lines
	top, bottom := p.offset, p.offset+p.Size().Height
	first := sort.Search(len(lines), func(i int) bool { return (lines[i].y+0.7)*p.step() > top }) // no letters' tails
	last, low := first, bottom-p.reach()+tailSlack
	objects := p.page.Objects[:0:0]
	for ; last < len(lines) && lines[last].y*p.step() <= low; last++ { // whole lines only
		texts := p.drawn[last]
		if texts == nil || last >= p.flow.touched {
			p.set[last] = p.tinted(last)
			texts = p.drawLine(p.set[last], texts)
			p.drawn[last] = texts
			p.laid++
		}
		p.placeLine(p.set[last], texts)
		for _, t := range texts {
			objects = append(objects, t)
		}
	}
	for i := range p.drawn {
		if i < first || i >= last {
			delete(p.drawn, i)
			delete(p.set, i)
		}
	}
	p.flow.touched = len(lines)
	if p.look.comfort.Mirrored {
		objects = p.mirror.turn(objects, p.Size().Width, scaleOf(p))
	}
	p.page.Objects = objects
	p.drawThumb()
	if p.onScroll != nil {
		p.onScroll()
	}
}

// drawLine makes or changes the texts of one line.
func (p *prose) drawLine(l line, old []*canvas.Text) []*canvas.Text {
	texts := make([]*canvas.Text, 0, len(l.runs)+1)
	add := func(s string, f face, c color.Color) {
		var t *canvas.Text
		if n := len(texts); n < len(old) {
			t = old[n]
		} else {
			t = &canvas.Text{}
		}
		texts = append(texts, t)
		if t.Text == s && t.TextStyle == style(f) && t.Color == c {
			return
		}
		t.Text, t.TextStyle, t.Color, t.TextSize = s, style(f), c, p.textSize(f)
		t.Resize(t.MinSize())
		t.Refresh()
	}
	if l.mark != "" {
		add(l.mark, face{bold: true}, p.look.accent)
	}
	for _, r := range l.runs {
		add(r.text, r.face, p.paint(r.face))
	}
	return texts
}

func (p *prose) placeLine(l line, texts []*canvas.Text) {
	y := l.y*p.step() - p.offset
	if l.mark != "" {
		texts[0].Move(fyne.NewPos(max(0, l.indent-texts[0].Size().Width-p.look.answer*0.4), y))
		texts = texts[1:]
	}
	for i, t := range texts {
		drop := (p.look.answer - t.TextSize) * 0.9 // smaller letters, same base line
		t.Move(fyne.NewPos(l.runs[i].x, y+drop))
	}
}

// drawThumb shows how much is out of sight. Refreshing it makes Fyne paint the
// frame, which changing a list of objects alone does not; so it is always there,
// without colour when everything is in sight: what is hidden is not painted.
func (p *prose) drawThumb() {
	height, limit := p.Size().Height, p.limit()
	p.thumb.FillColor = color.Transparent
	if limit >= 1 {
		p.thumb.FillColor = p.look.muted
	}
	size := min(height, max(24, height*height/(height+limit)))
	x := p.Size().Width - 3
	if p.look.comfort.Mirrored {
		x = 0
	}
	p.thumb.Move(fyne.NewPos(x, (height-size)*p.offset/max(limit, 1)))
	p.thumb.Resize(fyne.NewSize(3, size))
	canvas.Refresh(p.thumb)
}

// CreateRenderer implements fyne.Widget.
func (p *prose) CreateRenderer() fyne.WidgetRenderer {
	clip := container.NewClip(p.page)
	return &proseRenderer{p: p, clip: clip, objects: []fyne.CanvasObject{clip, p.thumb}}
}

type proseRenderer struct {
	p       *prose
	clip    *container.Clip
	width   float32
	objects []fyne.CanvasObject
}

func (r *proseRenderer) Layout(size fyne.Size) {
	r.clip.Resize(size)
	if size.Width != r.width {
		r.width = size.Width
		r.p.restart()
	}
	if r.p.flow != nil {
		r.p.scrollTo(r.p.offset)
	}
}

func (r *proseRenderer) MinSize() fyne.Size           { return fyne.NewSize(80, 40) }
func (r *proseRenderer) Refresh()                     {}
func (r *proseRenderer) Objects() []fyne.CanvasObject { return r.objects }
func (r *proseRenderer) Destroy()                     {}
