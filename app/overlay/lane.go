package overlay

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"copilot/audio"
)

// lane shows one side of the conversation: whose it is, how loud it is, and the
// words being spoken; or, when its device is not heard, what to do about it.
type lane struct {
	widget.BaseWidget
	look    *look
	color   color.Color
	name    *canvas.Text
	track   *canvas.Rectangle
	fill    *canvas.Rectangle
	caption *block
	level   int
	mirror
}

var _ fyne.Widget = (*lane)(nil)

// nameWidth is the column of the names and meters at the default text size.
const nameWidth = 92

func newLane(l *look, name string, c color.Color, lines int) *lane {
	n := &lane{
		look: l, color: c,
		name:    canvas.NewText(name, c),
		track:   canvas.NewRectangle(l.raised),
		fill:    canvas.NewRectangle(c),
		caption: newBlock(l.size(13), lines, l.text, l.muted),
	}
	n.name.TextSize, n.name.TextStyle.Bold = l.smallSize(), true
	n.track.CornerRadius, n.fill.CornerRadius = 2, 2
	n.caption.fromEnd = true
	l.mirrorIf(n.caption)
	n.ExtendBaseWidget(n)
	return n
}

// set shows the lane and its caption.
func (n *lane) set(l laneView, c captionView, active bool) {
	level := l.level
	if l.state != audio.LaneLive {
		level = 0
	}
	if level != n.level {
		n.level = level
		n.layFill()
	}
	advice := l.advice
	if advice == "" && l.state == audio.LaneLost {
		advice = "The device is away; it is being looked for."
	}
	switch {
	case active && advice != "" && l.state != audio.LaneLive:
		n.caption.paint(n.look.warn)
		n.caption.set(advice, "")
	case c.past:
		n.caption.paint(n.look.text)
		n.caption.set("", c.final)
	case c.final == "" && c.interim == "":
		n.caption.paint(n.look.text)
		n.caption.set("", l.device)
	default:
		n.caption.paint(n.look.text)
		n.caption.set(c.final, c.interim)
	}
}

func (n *lane) layFill() {
	t, at := n.track.Size(), n.track.Position()
	width := t.Width * float32(n.level) / meterSteps
	if n.look.comfort.Mirrored {
		at.X += t.Width - width
	}
	n.fill.Move(at)
	n.fill.Resize(fyne.NewSize(width, t.Height))
}

// CreateRenderer implements fyne.Widget.
func (n *lane) CreateRenderer() fyne.WidgetRenderer {
	return &laneRenderer{n: n, objects: []fyne.CanvasObject{n.name, n.track, n.fill, n.caption}}
}

type laneRenderer struct {
	n       *lane
	objects []fyne.CanvasObject
}

func (r *laneRenderer) Layout(size fyne.Size) {
	n, column := r.n, r.n.look.size(nameWidth)
	name := n.name.MinSize()
	n.name.Move(fyne.NewPos(0, 0))
	n.name.Resize(name)
	n.track.Move(fyne.NewPos(0, name.Height+3))
	n.track.Resize(fyne.NewSize(column-16, 4))
	n.caption.Move(fyne.NewPos(column, 0))
	n.caption.Resize(fyne.NewSize(size.Width-column, size.Height))
	if n.look.comfort.Mirrored {
		n.track.Move(fyne.NewPos(size.Width-n.track.Size().Width, n.track.Position().Y))
		n.caption.Move(fyne.NewPos(0, 0))
		r.objects[0] = n.turn([]fyne.CanvasObject{n.name}, size.Width, scaleOf(n))[0]
	}
	n.layFill()
}

func (r *laneRenderer) MinSize() fyne.Size {
	height := max(r.n.caption.MinSize().Height, r.n.name.MinSize().Height+8)
	return fyne.NewSize(r.n.look.size(nameWidth)+60, height)
}
func (r *laneRenderer) Refresh()                     {}
func (r *laneRenderer) Objects() []fyne.CanvasObject { return r.objects }
func (r *laneRenderer) Destroy()                     {}
