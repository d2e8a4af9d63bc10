package overlay

import (
	"image"
	"image/draw"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/software"
)

// mirror turns texts round, for a beam-splitter: a pane before the camera in
// which the screen is read. What is read there is turned: the question, the
// answer, the sentences below it, the captions, and the chip of the next
// question; what is only worked with is not. Fyne cannot turn text, so each is
// painted into a picture, once: a text that stays is not painted again.
type mirror struct {
	pictures map[*canvas.Text]*turned
	painted  int
}

// turned is a text's picture, and what it shows.
type turned struct {
	picture *canvas.Image
	text    canvas.Text
	scale   float32
}

// turn returns the pictures that stand for texts in a page of a width.
func (m *mirror) turn(texts []fyne.CanvasObject, width, scale float32) []fyne.CanvasObject {
	if m.pictures == nil {
		m.pictures = map[*canvas.Text]*turned{}
	}
	objects := make([]fyne.CanvasObject, 0, len(texts))
	kept := make(map[*canvas.Text]*turned, len(texts))
	for _, o := range texts {
		t := o.(*canvas.Text)
		p := m.pictures[t]
		if p == nil {
			p = &turned{picture: &canvas.Image{}}
		}
		if p.scale != scale || p.text.Text != t.Text || p.text.TextStyle != t.TextStyle || p.text.TextSize != t.TextSize || p.text.Color != t.Color {
			p.scale = scale
			p.text = canvas.Text{Text: t.Text, TextStyle: t.TextStyle, TextSize: t.TextSize, Color: t.Color}
			whole := func(l float32) float32 { return float32(math.Ceil(float64(l*scale))) / scale } // pixels
			size := fyne.NewSize(whole(t.Size().Width), whole(t.Size().Height))
			p.picture.Image = painted(&p.text, size, scale)
			p.picture.Resize(size)
			p.picture.Refresh()
			m.painted++
		}
		p.picture.Move(fyne.NewPos(width-t.Position().X-p.picture.Size().Width, t.Position().Y))
		kept[t] = p
		objects = append(objects, p.picture)
	}
	m.pictures = kept
	return objects
}

// scaleOf is how many pixels a unit of length has where o is.
func scaleOf(o fyne.CanvasObject) float32 {
	if c := fyne.CurrentApp().Driver().CanvasForObject(o); c != nil {
		return c.Scale()
	}
	return 1
}

// painted is the picture of a text, left and right changed.
func painted(t *canvas.Text, size fyne.Size, scale float32) image.Image {
	c := software.NewTransparentCanvas()
	c.SetPadded(false)
	c.SetScale(scale)
	c.SetContent(t)
	c.Resize(size)
	shot := c.Capture()
	b := shot.Bounds()
	img := image.NewNRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(img, img.Bounds(), shot, b.Min, draw.Src)
	for y := range b.Dy() {
		row := img.Pix[y*img.Stride : y*img.Stride+4*b.Dx()]
		for l, r := 0, len(row)-4; l < r; l, r = l+4, r-4 {
			for i := range 4 {
				row[l+i], row[r+i] = row[r+i], row[l+i]
			}
		}
	}
	return img
}

// mirrorIf turns blocks round where the reader wants it.
func (l *look) mirrorIf(blocks ...*block) {
	for _, b := range blocks {
		if l.comfort.Mirrored {
			b.mirror = &mirror{}
		}
	}
}

// turn shows pictures in the place of the block's texts.
func (b *block) turn() {
	texts := make([]fyne.CanvasObject, 0, len(b.texts))
	for _, t := range b.texts {
		if t.Text != "" {
			texts = append(texts, t)
		}
	}
	b.objects = b.mirror.turn(texts, b.Size().Width, scaleOf(b))
	canvas.Refresh(b)
}

// turnChip takes the words off the chip's button and returns it with their
// picture above it.
func (t *teleprompter) turnChip() fyne.CanvasObject {
	face := newBlock(t.look.bodySize(), 1, t.look.onAccent, t.look.onAccent)
	face.bold = true
	t.look.mirrorIf(face)
	face.set(t.chip.Text, "")
	size := fyne.NewSize(fyne.MeasureText(t.chip.Text, face.size, fyne.TextStyle{Bold: true}).Width+1, face.step())
	t.chip.SetText("")
	t.chip.SetIcon(nil)
	return container.NewStack(t.chip, pad(container.NewCenter(container.NewGridWrap(size, face)), 4, 12))
}
