package overlay

import (
	"image"
	"image/draw"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/software"
)

// mirror turns the answer's texts round, for a beam-splitter: a pane before the
// camera in which the screen is read. Fyne cannot turn text, so each is painted
// into a picture, once: a text that stays is not painted again.
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

// scale is how many pixels a unit of length has on the screen.
func (p *prose) scale() float32 {
	if c := fyne.CurrentApp().Driver().CanvasForObject(p); c != nil {
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
