package overlay

import (
	"fmt"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"copilot/assets"
)

// Comfort is how the answer is set for the eyes that read it. The zero Comfort
// is the ordinary look.
type Comfort struct {
	EasyFont bool    `json:"easy_font,omitempty"`    // letters that are not mistaken for each other
	Spacing  float32 `json:"line_spacing,omitempty"` // of lines, 1…2; 0: the default
	Column   int     `json:"line_length,omitempty"`  // letters a line at most, 20…80; 0: the window's width
	Still    bool    `json:"still,omitempty"`        // the text moves by whole pages, not line by line
	Mirrored bool    `json:"mirrored,omitempty"`     // what is read is read in a beam-splitter
}

// ThemeSafe has no two colours that are told apart by red and green alone.
const ThemeSafe = "colour-blind safe"

const (
	minSpacing, maxSpacing = 1, 2
	minColumn, maxColumn   = 20, 80
)

func (c Comfort) valid() Comfort {
	if c.Spacing != 0 {
		c.Spacing = min(max(c.Spacing, minSpacing), maxSpacing)
	}
	if c.Column != 0 {
		c.Column = min(max(c.Column, minColumn), maxColumn)
	}
	return c
}

// safePalette is dark; its colours are those of Okabe and Ito, which differ in
// brightness for every kind of colour vision.
func safePalette() palette {
	return palette{
		ground: rgb(0x101418), panel: rgb(0x171c22), raised: rgb(0x252c35), rule: rgb(0x2b323b), edge: rgb(0x7d8794),
		text: rgb(0xf5f7fa), soft: rgb(0xd8dde4), muted: rgb(0xa3adba),
		accent: rgb(0x56b4e9), onAccent: rgb(0x06202e),
		interviewer: rgb(0x56b4e9), candidate: rgb(0xf0e442),
		good: rgb(0x56b4e9), warn: rgb(0xe69f00), bad: rgb(0xf0e442),
		hover: glass(0xffffff, 0x14), selected: glass(0x56b4e9, 0x50),
	}
}

// lineHeight is the height of a line of the answer, as a share of its text size.
func (l *look) lineHeight() float32 {
	if l.comfort.Spacing > 0 {
		return lineHeight * l.comfort.Spacing
	}
	return lineHeight
}

// column is the width of a line of the answer in a window that has room for width.
func (l *look) column(width float32) float32 {
	if l.comfort.Column == 0 {
		return width
	}
	const sample = "the quick brown fox jumps over a lazy dog"
	letter := fyne.MeasureText(sample, l.answer, fyne.TextStyle{}).Width / float32(len(sample))
	return min(width, letter*float32(l.comfort.Column))
}

var (
	easyFont     = fyne.NewStaticResource("AndikaNewBasic-R.ttf", assets.EasyFont)
	easyFontBold = fyne.NewStaticResource("AndikaNewBasic-B.ttf", assets.EasyFontBold)
)

// easy returns the font of the reading pack, nil where it has none to offer.
func (c Comfort) easy(s fyne.TextStyle) fyne.Resource {
	switch {
	case !c.EasyFont || s.Monospace || s.Symbol:
		return nil
	case s.Bold:
		return easyFontBold
	}
	return easyFont
}

// sizeFor is the text size that looks from a distance as the default one does
// from a desk's 60 cm.
func sizeFor(centimetres float64) float32 {
	return min(max(float32(math.Round(DefaultTextSize*centimetres/60)), minTextSize), maxTextSize)
}

// comfortRows are the reading pack's part of the settings.
func (w *Window) comfortRows(row func(name string, o fyne.CanvasObject)) {
	c := w.settings.Comfort
	far := widget.NewSelect(nil, nil)
	distances := []float64{45, 60, 80, 100, 125}
	for _, d := range distances {
		far.Options = append(far.Options, fmt.Sprintf("%.0f cm", d))
	}
	far.PlaceHolder = "Choose, and the size fits"
	far.OnChanged = func(string) {
		if i := far.SelectedIndex(); i >= 0 {
			w.change(func(s *Settings) { s.TextSize = sizeFor(distances[i]) })
		}
	}
	row("Eyes to screen", far)

	easy := widget.NewCheck("Letters that are easy to tell apart (Andika)", nil)
	easy.SetChecked(c.EasyFont)
	easy.OnChanged = func(on bool) { w.change(func(s *Settings) { s.Comfort.EasyFont = on }) }
	row("", easy)

	row("Line spacing", choice(w, []string{"Ordinary", "Wide", "Wider"}, []float32{0, 1.25, 1.6}, c.Spacing,
		func(s *Settings, v float32) { s.Comfort.Spacing = v }))
	row("Line length", choice(w, []string{"The window's width", "60 letters", "45 letters", "30 letters"}, []int{0, 60, 45, 30}, c.Column,
		func(s *Settings, v int) { s.Comfort.Column = v }))

	still := widget.NewCheck("Less movement: turn pages instead of scrolling lines", nil)
	still.SetChecked(c.Still)
	still.OnChanged = func(on bool) { w.change(func(s *Settings) { s.Comfort.Still = on }) }
	row("", still)

	mirrored := widget.NewCheck("Mirrored, to be read in a beam-splitter", nil)
	mirrored.SetChecked(c.Mirrored)
	mirrored.OnChanged = func(on bool) { w.change(func(s *Settings) { s.Comfort.Mirrored = on }) }
	row("", mirrored)
}

// choice is a choice between named values.
func choice[T comparable](w *Window, names []string, values []T, now T, set func(*Settings, T)) *widget.Select {
	c := widget.NewSelect(names, nil)
	for i, v := range values {
		if v == now {
			c.SetSelectedIndex(i)
		}
	}
	c.OnChanged = func(string) {
		if i := c.SelectedIndex(); i >= 0 {
			w.change(func(s *Settings) { set(s, values[i]) })
		}
	}
	return c
}
