package account

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/go-text/typesetting/font"
	ot "github.com/go-text/typesetting/font/opentype"
	"github.com/go-text/typesetting/fontscan"
	"github.com/go-text/typesetting/language"
)

// Fonts are the TrueType files a PDF is set in. Characters that they lack come
// from the computer's own fonts.
type Fonts struct {
	Regular, Bold []byte
	Cache         string // directory for the index of the computer's fonts; empty: the system's cache
}

// fontShelf finds a font for every character and keeps what was used of each.
type fontShelf struct {
	cache         string
	alone         bool // without the system's fonts
	regular, bold *font.Face
	loaders       map[*font.Font]*ot.Loader
	system        *fontscan.FontMap // nil until the first character that is missing
	used          []*embedded
	byFont        map[*font.Font]*embedded
}

func newFontShelf(f Fonts, system bool) (*fontShelf, error) {
	s := &fontShelf{cache: f.Cache, alone: !system, loaders: map[*font.Font]*ot.Loader{}, byFont: map[*font.Font]*embedded{}}
	for _, file := range []struct {
		data []byte
		face **font.Face
	}{{f.Regular, &s.regular}, {f.Bold, &s.bold}} {
		loader, err := ot.NewLoader(bytes.NewReader(file.data))
		if err != nil {
			return nil, fmt.Errorf("read font: %w", err)
		}
		ft, err := font.NewFont(loader)
		if err != nil {
			return nil, fmt.Errorf("read font: %w", err)
		}
		if !embeddable(loader) {
			return nil, errors.New("read font: no TrueType outlines")
		}
		*file.face = font.NewFace(ft)
		s.loaders[ft] = loader
	}
	return s, nil
}

// embeddable says whether a font has TrueType outlines and may be embedded.
func embeddable(l *ot.Loader) bool {
	os2, err := l.RawTable(ot.MustNewTag("OS/2"))
	restricted := err == nil && len(os2) >= 10 && binary.BigEndian.Uint16(os2[8:])&0xf == 2
	return l.HasTable(ot.MustNewTag("glyf")) && l.HasTable(ot.MustNewTag("loca")) && !restricted
}

// faces chooses faces for text in one weight. It is shaping's Fontmap.
func (s *fontShelf) faces(bold bool) *shelfFaces {
	if bold {
		return &shelfFaces{s, s.bold, s.regular}
	}
	return &shelfFaces{s, s.regular, s.bold}
}

type shelfFaces struct {
	shelf         *fontShelf
	first, second *font.Face
}

// SetScript is told which script the next characters are of.
func (f *shelfFaces) SetScript(s language.Script) {
	if f.shelf.system != nil {
		f.shelf.system.SetScript(s)
	}
}

// ResolveFace returns the face for a character.
func (f *shelfFaces) ResolveFace(r rune) *font.Face {
	for _, face := range []*font.Face{f.first, f.second} {
		if _, ok := face.NominalGlyph(r); ok {
			return face
		}
	}
	if face := f.shelf.fromSystem(r); face != nil {
		return face
	}
	return f.first
}

// fromSystem returns a font of this computer that has r, or nil.
func (s *fontShelf) fromSystem(r rune) *font.Face {
	if s.alone {
		return nil
	}
	if s.system == nil {
		s.system = fontscan.NewFontMap(log.New(io.Discard, "", 0))
		if err := s.system.UseSystemFonts(s.cache); err != nil {
			return nil // none can be had; asked again, the map is empty
		}
		s.system.SetQuery(fontscan.Query{Families: []string{"sans-serif"}})
	}
	s.system.SetScript(language.LookupScript(r))
	face := s.system.ResolveFace(r)
	if face == nil {
		return nil
	}
	if _, ok := face.NominalGlyph(r); !ok {
		return nil
	}
	if loader, known := s.loaders[face.Font]; known {
		if loader == nil {
			return nil
		}
		return face
	}
	loader := systemLoader(s.system.FontLocation(face.Font))
	s.loaders[face.Font] = loader
	if loader == nil {
		return nil
	}
	return face
}

// systemLoader reads a font file; nil when it cannot be embedded.
func systemLoader(at fontscan.Location) *ot.Loader {
	data, err := os.ReadFile(at.File)
	if err != nil {
		return nil
	}
	all, err := ot.NewLoaders(bytes.NewReader(data))
	if err != nil || int(at.Index) >= len(all) || !embeddable(all[at.Index]) {
		return nil
	}
	return all[at.Index]
}

// font returns what is used of a face.
func (s *fontShelf) font(face *font.Face) *embedded {
	e := s.byFont[face.Font]
	if e == nil {
		e = &embedded{number: len(s.used) + 1, face: face, loader: s.loaders[face.Font],
			ids: map[meaning]int{}, glyphs: []ot.GID{0}, means: []string{""}}
		e.widths = []float64{e.width(0)}
		s.byFont[face.Font] = e
		s.used = append(s.used, e)
	}
	return e
}

// embedded is one font of a PDF. Its characters are numbered as they are used: a
// glyph that stands for several texts has several numbers, so that each can be
// copied right.
type embedded struct {
	number int
	face   *font.Face
	loader *ot.Loader
	ids    map[meaning]int
	glyphs []ot.GID
	means  []string
	widths []float64 // in thousandths of the size
}

type meaning struct {
	glyph ot.GID
	text  string
}

// use returns the number of a glyph that stands for text.
func (e *embedded) use(g ot.GID, text string) int {
	m := meaning{g, text}
	id, ok := e.ids[m]
	if !ok {
		id = len(e.glyphs)
		e.ids[m] = id
		e.glyphs, e.means, e.widths = append(e.glyphs, g), append(e.means, text), append(e.widths, e.width(g))
	}
	return id
}

func (e *embedded) width(g ot.GID) float64 {
	return float64(e.face.HorizontalAdvance(g)) * 1000 / float64(e.face.Upem())
}

// write adds the font's objects to the file, the font itself under id.
func (e *embedded) write(f *pdfFile, id int) error {
	program, err := subset(e.loader, e.glyphs)
	if err != nil {
		return fmt.Errorf("embed font: %w", err)
	}
	name := fmt.Sprintf("COPILO+Font%c", 'A'+e.number-1)
	file := f.stream(fmt.Sprintf("/Length1 %d ", len(program)), program)
	glyphs := make([]byte, 0, 2*len(e.glyphs))
	var widths strings.Builder
	for i, g := range e.glyphs {
		glyphs = binary.BigEndian.AppendUint16(glyphs, uint16(g))
		fmt.Fprintf(&widths, "%.0f ", e.widths[i])
	}
	toGlyph := f.stream("", glyphs)
	toText := f.stream("", e.toUnicode())
	scale := 1000 / float64(e.face.Upem())
	extents, _ := e.face.FontHExtents()
	ascent, descent := float64(extents.Ascender)*scale, float64(extents.Descender)*scale
	descriptor, descendant := f.reserve(), f.reserve()
	f.object(descriptor, fmt.Sprintf("<< /Type /FontDescriptor /FontName /%s /Flags 4 /FontBBox [-500 %.0f 2000 %.0f] /ItalicAngle 0 /Ascent %.0f /Descent %.0f /CapHeight %.0f /StemV 80 /FontFile2 %d 0 R >>",
		name, descent, ascent, ascent, descent, ascent*0.7, file))
	f.object(descendant, fmt.Sprintf("<< /Type /Font /Subtype /CIDFontType2 /BaseFont /%s /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /FontDescriptor %d 0 R /DW 0 /W [0 [%s]] /CIDToGIDMap %d 0 R >>",
		name, descriptor, widths.String(), toGlyph))
	f.object(id, fmt.Sprintf("<< /Type /Font /Subtype /Type0 /BaseFont /%s /Encoding /Identity-H /DescendantFonts [%d 0 R] /ToUnicode %d 0 R >>",
		name, descendant, toText))
	return nil
}

// toUnicode says what text each number stands for.
func (e *embedded) toUnicode() []byte {
	var b bytes.Buffer
	b.WriteString("/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n" +
		"/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n" +
		"/CMapName /Adobe-Identity-UCS def /CMapType 2 def\n" +
		"1 begincodespacerange <0000> <FFFF> endcodespacerange\n")
	var rows []string
	for id, text := range e.means {
		if text == "" {
			continue
		}
		var row strings.Builder
		fmt.Fprintf(&row, "<%04X> <", id)
		for _, u := range utf16.Encode([]rune(text)) {
			fmt.Fprintf(&row, "%04X", u)
		}
		rows = append(rows, row.String()+">")
	}
	for chunk := range slices.Chunk(rows, 100) { // as many as one block may have
		fmt.Fprintf(&b, "%d beginbfchar\n%s\nendbfchar\n", len(chunk), strings.Join(chunk, "\n"))
	}
	b.WriteString("endcmap CMapName currentdict /CMap defineresource pop end end\n")
	return b.Bytes()
}
