package account

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/go-text/typesetting/di"
	"github.com/go-text/typesetting/language"
	"github.com/go-text/typesetting/shaping"
	"golang.org/x/image/math/fixed"
	"golang.org/x/text/unicode/bidi"
)

// The page, in points: A4.
const (
	pageWidth, pageHeight = 595.0, 842.0
	pageMargin            = 62.0
	pageFoot              = 70.0
)

// style is how a part is set.
type style struct {
	size, before, after, indent, grey float64
	bold                              bool
}

var styles = [...]style{
	titlePart:   {size: 20, after: 4, bold: true},
	headingPart: {size: 13.5, before: 14, after: 4, bold: true},
	plainPart:   {size: 10.5, after: 5},
	bulletPart:  {size: 10.5, after: 3, indent: 13},
	answerPart:  {size: 10, after: 5, indent: 16, grey: 0.33},
}

// ExportPDF writes an interview as PDF 1.7 (ISO 32000-1). Text is shaped, so that
// every script reads as it should, and can be searched and copied; the fonts'
// used glyphs are in the file. A character that neither fonts nor this computer
// have is shown as a box, and still copied right.
func ExportPDF(w io.Writer, p Past, figures []string, loc *time.Location, fonts Fonts) error {
	whole := parts(p, figures, loc)
	file, err := typeset(whole, clean(p.Title), fonts, true)
	if err != nil { // a damaged font among the computer's own
		file, err = typeset(whole, clean(p.Title), fonts, false)
	}
	if err == nil {
		_, err = w.Write(file)
	}
	if err != nil {
		return fmt.Errorf("write pdf: %w", err)
	}
	return nil
}

// typeset makes the file, with the computer's fonts or without.
func typeset(whole []part, title string, fonts Fonts, system bool) (file []byte, err error) {
	defer func() {
		if p := recover(); p != nil { // the font library trusts what a font says of itself
			err = fmt.Errorf("a font is damaged: %v", p)
		}
	}()
	shelf, err := newFontShelf(fonts, system)
	if err != nil {
		return nil, err
	}
	s := &typesetter{shelf: shelf}
	for _, part := range whole {
		s.part(part)
	}
	s.finishPage()
	return s.write(title)
}

// typesetter sets parts on pages.
type typesetter struct {
	shelf   *fontShelf
	shaper  shaping.HarfbuzzShaper
	wrapper shaping.LineWrapper
	segment shaping.Segmenter

	pages []*bytes.Buffer
	page  *bytes.Buffer // nil: the next line begins one
	y     float64
}

// part sets one paragraph.
func (s *typesetter) part(p part) {
	st := styles[p.kind]
	if s.page != nil {
		s.y -= st.before
	}
	if p.kind == headingPart && s.page != nil && s.y < pageFoot+4*st.size { // never alone at the foot
		s.finishPage()
	}
	var text []rune
	var runs []shaping.Input
	var bold []bool
	for _, span := range p.spans {
		from := len(text)
		text = append(text, []rune(span.text)...)
		if len(text) > from {
			runs = append(runs, shaping.Input{RunStart: from, RunEnd: len(text), Size: points(st.size)})
			bold = append(bold, st.bold || span.bold)
		}
	}
	if len(text) == 0 {
		return
	}
	direction := paragraphDirection(text)
	var outputs []shaping.Output
	for i, run := range runs {
		run.Text, run.Direction, run.Language = text, direction, language.NewLanguage("en")
		faces := s.shelf.faces(bold[i])
		for _, in := range s.segment.Split(run, faces) {
			outputs = append(outputs, s.shaper.Shape(in))
		}
	}
	width := pageWidth - 2*pageMargin - st.indent
	lines, _ := s.wrapper.WrapParagraphF(shaping.WrapConfig{Direction: direction}, points(width), text, shaping.NewSliceIterator(outputs))
	for i, line := range lines {
		s.line(line, text, st, p.kind == bulletPart && i == 0, direction, width)
	}
	s.y -= st.after
}

func points(v float64) fixed.Int26_6 { return fixed.Int26_6(v * 64) }

// paragraphDirection is that of its first letter (UAX #9, P2 and P3).
func paragraphDirection(text []rune) di.Direction {
	for _, r := range text {
		switch p, _ := bidi.LookupRune(r); p.Class() {
		case bidi.L:
			return di.DirectionLTR
		case bidi.R, bidi.AL:
			return di.DirectionRTL
		}
	}
	return di.DirectionLTR
}

// line puts one line on the page.
func (s *typesetter) line(line shaping.Line, text []rune, st style, bullet bool, d di.Direction, width float64) {
	const leading = 1.36
	if s.page != nil && s.y-leading*st.size < pageFoot {
		s.finishPage()
	}
	if s.page == nil {
		s.page = &bytes.Buffer{}
		s.y = pageHeight - pageMargin
	}
	s.y -= leading * st.size
	fmt.Fprintf(s.page, "%.2f g\n", st.grey)
	left, total := pageMargin+st.indent, 0.0
	visual := make([]shaping.Output, len(line))
	for _, run := range line {
		visual[run.VisualIndex] = run
		total += float(run.Advance)
	}
	mark := pageMargin + st.indent - 8
	if d == di.DirectionRTL {
		left = pageWidth - pageMargin - st.indent - total
		mark = pageWidth - pageMargin - st.indent + 5
	}
	if bullet {
		fmt.Fprintf(s.page, "%.2f %.2f %.2f %.2f re f\n", mark, s.y+st.size*0.24, 2.6, 2.6)
	}
	x := left
	for _, run := range visual {
		x = s.run(run, text, x, st)
	}
}

// run shows glyphs of one font from x on and returns where they end.
func (s *typesetter) run(run shaping.Output, text []rune, x float64, st style) float64 {
	f := s.shelf.font(run.Face)
	fmt.Fprintf(s.page, "BT /F%d %.2f Tf\n", f.number, st.size)
	open := false
	place := func(x, y float64) {
		if open {
			s.page.WriteString("] TJ\n")
		}
		fmt.Fprintf(s.page, "1 0 0 1 %.3f %.3f Tm [", x, y)
		open = true
	}
	place(x, s.y)
	var cluster = -1
	for _, g := range run.Glyphs {
		var means string
		if c := g.TextIndex(); c != cluster {
			cluster = c
			means = string(text[c : c+g.RunesCount()])
		}
		id := f.use(g.GlyphID, means)
		if g.XOffset != 0 || g.YOffset != 0 {
			place(x+float(g.XOffset), s.y+float(g.YOffset))
			fmt.Fprintf(s.page, "<%04X>", id)
			x += float(g.Advance)
			place(x, s.y)
			continue
		}
		fmt.Fprintf(s.page, "<%04X>", id)
		x += float(g.Advance)
		if d := f.widths[id] - float(g.Advance)*1000/st.size; d > 0.5 || d < -0.5 { // kerning
			fmt.Fprintf(s.page, "%.0f", d)
		}
	}
	s.page.WriteString("] TJ ET\n")
	return x
}

func float(v fixed.Int26_6) float64 { return float64(v) / 64 }

// finishPage ends the page, if one was begun.
func (s *typesetter) finishPage() {
	if s.page != nil {
		page := s.page
		s.pages, s.page = append(s.pages, page), nil
	}
}

// write writes the file.
func (s *typesetter) write(title string) ([]byte, error) {
	s.number()
	f := &pdfFile{}
	catalog, tree, info := f.reserve(), f.reserve(), f.reserve()
	var resources strings.Builder
	fonts := s.shelf.used
	ids := make([]int, len(fonts))
	for i := range fonts {
		ids[i] = f.reserve()
		fmt.Fprintf(&resources, "/F%d %d 0 R ", fonts[i].number, ids[i])
	}
	var kids strings.Builder
	for _, page := range s.pages {
		content := f.stream("", page.Bytes())
		id := f.reserve()
		f.object(id, fmt.Sprintf("<< /Type /Page /Parent %d 0 R /MediaBox [0 0 %.0f %.0f] /Resources << /Font << %s>> >> /Contents %d 0 R >>",
			tree, pageWidth, pageHeight, resources.String(), content))
		fmt.Fprintf(&kids, "%d 0 R ", id)
	}
	for i := range fonts {
		if err := fonts[i].write(f, ids[i]); err != nil {
			return nil, err
		}
	}
	f.object(tree, fmt.Sprintf("<< /Type /Pages /Count %d /Kids [%s] >>", len(s.pages), kids.String()))
	f.object(info, fmt.Sprintf("<< /Title %s /Producer (Interview Copilot) >>", textString(title)))
	f.object(catalog, fmt.Sprintf("<< /Type /Catalog /Pages %d 0 R /ViewerPreferences << /DisplayDocTitle true >> >>", tree))
	return f.bytes(catalog, info), nil
}

// number puts a number at the foot of each page, when there are several.
func (s *typesetter) number() {
	if len(s.pages) < 2 {
		return
	}
	st := style{size: 8.5, grey: 0.4}
	for i, page := range s.pages {
		text := []rune(fmt.Sprintf("%d / %d", i+1, len(s.pages)))
		in := shaping.Input{Text: text, RunEnd: len(text), Size: points(st.size), Direction: di.DirectionLTR,
			Language: language.NewLanguage("en"), Script: language.Latin, Face: s.shelf.regular}
		out := s.shaper.Shape(in)
		s.page, s.y = page, pageFoot/2
		fmt.Fprintf(page, "%.2f g\n", st.grey)
		s.run(out, text, pageWidth-pageMargin-float(out.Advance), st)
	}
	s.page = nil
}

// textString is a PDF text string of any Unicode text.
func textString(s string) string {
	var b strings.Builder
	b.WriteString("<FEFF")
	for _, u := range utf16.Encode([]rune(s)) {
		fmt.Fprintf(&b, "%04X", u)
	}
	return b.String() + ">"
}

// pdfFile numbers objects and remembers where they begin.
type pdfFile struct {
	body    bytes.Buffer
	offsets []int // by number − 1; 0: reserved
}

func (f *pdfFile) reserve() int {
	f.offsets = append(f.offsets, 0)
	return len(f.offsets)
}

func (f *pdfFile) object(id int, text string) {
	f.offsets[id-1] = f.body.Len()
	fmt.Fprintf(&f.body, "%d 0 obj\n%s\nendobj\n", id, text)
}

// stream adds a compressed stream with further entries of its dictionary.
func (f *pdfFile) stream(entries string, data []byte) (id int) {
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	z.Write(data) // to memory
	z.Close()
	id = f.reserve()
	f.object(id, fmt.Sprintf("<< /Filter /FlateDecode /Length %d %s>>\nstream\n%s\nendstream", packed.Len(), entries, packed.String()))
	return id
}

func (f *pdfFile) bytes(catalog, info int) []byte {
	head := "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
	var tail strings.Builder
	fmt.Fprintf(&tail, "xref\n0 %d\n0000000000 65535 f \n", len(f.offsets)+1)
	for _, at := range f.offsets {
		fmt.Fprintf(&tail, "%010d 00000 n \n", len(head)+at)
	}
	fmt.Fprintf(&tail, "trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n",
		len(f.offsets)+1, catalog, info, len(head)+f.body.Len())
	return []byte(head + f.body.String() + tail.String())
}
