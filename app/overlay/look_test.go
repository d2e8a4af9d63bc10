package overlay

import (
	"image/color"
	"math"
	"testing"

	"fyne.io/fyne/v2/theme"
)

// luminance and contrast are those of WCAG 2.2.
func luminance(c color.NRGBA) float64 {
	lin := func(v uint8) float64 {
		f := float64(v) / 255
		if f <= 0.04045 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	return 0.2126*lin(c.R) + 0.7152*lin(c.G) + 0.0722*lin(c.B)
}

func contrast(a, b color.NRGBA) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func TestContrast(t *testing.T) {
	if got := contrast(rgb(0), rgb(0xffffff)); math.Abs(got-21) > 0.01 {
		t.Fatalf("black on white is %.2f", got)
	}
	for name, p := range palettes() {
		least := 4.5
		if name == ThemeContrast {
			least = 7
		}
		for text, c := range map[string]color.NRGBA{
			"text": p.text, "soft": p.soft, "muted": p.muted, "accent": p.accent,
			"interviewer": p.interviewer, "candidate": p.candidate, "good": p.good, "warn": p.warn, "bad": p.bad,
		} {
			for ground, g := range map[string]color.NRGBA{"ground": p.ground, "panel": p.panel} {
				if got := contrast(c, g); got < least {
					t.Errorf("%s: %s on %s is %.2f, want %.1f", name, text, ground, got, least)
				}
			}
		}
		for text, c := range map[string]color.NRGBA{"text": p.text, "muted": p.muted} {
			if got := contrast(c, p.raised); got < 4.5 {
				t.Errorf("%s: %s on raised is %.2f", name, text, got)
			}
		}
		if got := contrast(p.onAccent, p.accent); got < 4.5 {
			t.Errorf("%s: onAccent is %.2f", name, got)
		}
		if got := contrast(p.edge, p.ground); got < 3 {
			t.Errorf("%s: the edge of a field is %.2f", name, got)
		}
	}
}

func TestTextSizesFollowTheSetting(t *testing.T) {
	small := newLook(Settings{TextSize: minTextSize, Theme: ThemeDark}, false)
	large := newLook(Settings{TextSize: maxTextSize, Theme: ThemeDark}, false)
	if small.Size(theme.SizeNameText) >= large.Size(theme.SizeNameText) {
		t.Error("the window's text does not grow")
	}
	if small.smallSize() < 9 {
		t.Errorf("the smallest text is %.1f", small.smallSize())
	}
}
