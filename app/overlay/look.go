package overlay

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// palette is one set of colours. Text is readable (4.5:1 or better, WCAG 2.2
// 1.4.3) on ground, panel and raised; a test computes it.
type palette struct {
	ground, panel, raised, rule      color.NRGBA
	edge                             color.NRGBA // of fields and boxes, 3:1
	text, soft, muted                color.NRGBA // loud to quiet
	accent, onAccent                 color.NRGBA
	interviewer, candidate           color.NRGBA
	good, warn, bad, hover, selected color.NRGBA
}

func rgb(v uint32) color.NRGBA {
	return color.NRGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 0xff}
}

func glass(v uint32, alpha uint8) color.NRGBA {
	c := rgb(v)
	c.A = alpha
	return c
}

func palettes() map[string]palette {
	return map[string]palette{
		ThemeSafe: safePalette(),
		ThemeDark: {
			ground: rgb(0x13161b), panel: rgb(0x1a1e25), raised: rgb(0x272d37), rule: rgb(0x2b313b), edge: rgb(0x75808f),
			text: rgb(0xf2f4f7), soft: rgb(0xd3d9e1), muted: rgb(0x9aa5b4),
			accent: rgb(0x6ea8fe), onAccent: rgb(0x0b1b33),
			interviewer: rgb(0x8ab8ff), candidate: rgb(0x84d6a4),
			good: rgb(0x84d6a4), warn: rgb(0xf3bd55), bad: rgb(0xff938a),
			hover: glass(0xffffff, 0x14), selected: glass(0x6ea8fe, 0x50),
		},
		ThemeLight: {
			ground: rgb(0xfcfbf9), panel: rgb(0xf3f1ed), raised: rgb(0xe6e3dd), rule: rgb(0xdedad3), edge: rgb(0x84888f),
			text: rgb(0x16191e), soft: rgb(0x343a43), muted: rgb(0x59606b),
			accent: rgb(0x1d5cb8), onAccent: rgb(0xffffff),
			interviewer: rgb(0x1d5cb8), candidate: rgb(0x1a6640),
			good: rgb(0x1a6640), warn: rgb(0x7d4f00), bad: rgb(0xac2219),
			hover: glass(0x000000, 0x0f), selected: glass(0x1d5cb8, 0x38),
		},
		ThemeContrast: {
			ground: rgb(0x000000), panel: rgb(0x000000), raised: rgb(0x383838), rule: rgb(0xffffff), edge: rgb(0xffffff),
			text: rgb(0xffffff), soft: rgb(0xffffff), muted: rgb(0xb8b8b8),
			accent: rgb(0xffe14d), onAccent: rgb(0x000000),
			interviewer: rgb(0x7fdcff), candidate: rgb(0x8dffa9),
			good: rgb(0x8dffa9), warn: rgb(0xffc966), bad: rgb(0xffa8a0),
			hover: glass(0xffffff, 0x30), selected: glass(0xffe14d, 0x60),
		},
	}
}

// look is how everything is drawn: the colours, and sizes that follow the size
// of the answer's text. It is the Fyne theme as well.
type look struct {
	palette
	answer  float32 // text size of the answer
	comfort Comfort
	plain   fyne.Theme
	dark    bool
}

// newLook makes the look of the settings. systemDark is what "system" means now.
func newLook(s Settings, systemDark bool) *look {
	name := s.Theme
	if name == ThemeSystem {
		name = ThemeLight
		if systemDark {
			name = ThemeDark
		}
	}
	return &look{
		palette: palettes()[name],
		answer:  s.TextSize,
		comfort: s.Comfort,
		plain:   theme.DefaultTheme(),
		dark:    name != ThemeLight,
	}
}

// size scales s, meant for the default text size. The rest of the window grows
// half as fast as the answer, so that there is room for it.
func (l *look) size(s float32) float32 {
	return s * (1 + (l.answer/DefaultTextSize-1)/2)
}

// The text sizes, from the loudest to the quietest; the answer's is the setting.
func (l *look) questionSize() float32 { return l.size(15) }
func (l *look) bodySize() float32     { return l.size(14) }
func (l *look) smallSize() float32    { return l.size(12) }

func (l *look) Color(name fyne.ThemeColorName, _ fyne.ThemeVariant) color.Color {
	switch name {
	case theme.ColorNameBackground:
		return l.ground
	case theme.ColorNameButton, theme.ColorNameInputBackground:
		return l.raised
	case theme.ColorNameDisabledButton, theme.ColorNameHeaderBackground:
		return l.panel
	case theme.ColorNameOverlayBackground, theme.ColorNameMenuBackground:
		if l.panel == l.ground { // what lies on the page needs an edge
			return rgb(0x1c1c1c)
		}
		return l.panel
	case theme.ColorNameForeground:
		return l.text
	case theme.ColorNameDisabled, theme.ColorNamePlaceHolder:
		return l.muted
	case theme.ColorNamePrimary, theme.ColorNameHyperlink:
		return l.accent
	case theme.ColorNameForegroundOnPrimary, theme.ColorNameForegroundOnError,
		theme.ColorNameForegroundOnSuccess, theme.ColorNameForegroundOnWarning:
		return l.onAccent
	case theme.ColorNameFocus, theme.ColorNameSelection:
		return l.selected
	case theme.ColorNameHover, theme.ColorNamePressed:
		return l.hover
	case theme.ColorNameSeparator:
		return l.rule
	case theme.ColorNameInputBorder:
		return l.edge
	case theme.ColorNameScrollBar:
		return l.muted
	case theme.ColorNameScrollBarBackground:
		return color.NRGBA{}
	case theme.ColorNameError:
		return l.bad
	case theme.ColorNameWarning:
		return l.warn
	case theme.ColorNameSuccess:
		return l.good
	}
	return l.plain.Color(name, l.variant())
}

func (l *look) variant() fyne.ThemeVariant {
	if l.dark {
		return theme.VariantDark
	}
	return theme.VariantLight
}

func (l *look) Size(name fyne.ThemeSizeName) float32 {
	switch name {
	case theme.SizeNameText:
		return l.bodySize()
	case theme.SizeNameCaptionText:
		return l.smallSize()
	case theme.SizeNameHeadingText:
		return l.size(24)
	case theme.SizeNameSubHeadingText:
		return l.size(17)
	case theme.SizeNameInlineIcon:
		return l.size(18)
	case theme.SizeNamePadding:
		return 4
	case theme.SizeNameInnerPadding:
		return 7
	case theme.SizeNameInputRadius, theme.SizeNameSelectionRadius:
		return 6
	case theme.SizeNameScrollBar:
		return 8
	}
	return l.plain.Size(name)
}

func (l *look) Icon(name fyne.ThemeIconName) fyne.Resource { return l.plain.Icon(name) }

func (l *look) Font(s fyne.TextStyle) fyne.Resource {
	if f := l.comfort.easy(s); f != nil {
		return f
	}
	return l.plain.Font(s)
}
