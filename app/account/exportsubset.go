package account

import (
	"encoding/binary"
	"errors"
	"slices"

	ot "github.com/go-text/typesetting/font/opentype"
)

var errFont = errors.New("the font is damaged")

// subset returns the TrueType font with the outlines of glyphs, and of what they
// are composed of, alone; the others are empty. Glyphs keep their numbers.
func subset(l *ot.Loader, glyphs []ot.GID) ([]byte, error) {
	table := func(name string) []byte {
		b, _ := l.RawTable(ot.MustNewTag(name)) // empty when there is none
		return b
	}
	head, glyf := slices.Clone(table("head")), table("glyf")
	offsets := outlineOffsets(head, table("loca"), table("maxp"), len(glyf))
	if offsets == nil {
		return nil, errFont
	}
	want := make([]bool, len(offsets)-1)
	var mark func(g, depth int) error
	mark = func(g, depth int) error {
		if g >= len(want) || depth > 8 {
			return errFont
		}
		if want[g] {
			return nil
		}
		want[g] = true
		return components(glyf[offsets[g]:offsets[g+1]], func(part int) error { return mark(part, depth+1) })
	}
	for _, g := range glyphs {
		if err := mark(int(g), 0); err != nil {
			return nil, err
		}
	}
	var outlines, loca []byte
	for g, wanted := range want {
		loca = binary.BigEndian.AppendUint32(loca, uint32(len(outlines)))
		if wanted {
			outlines = append(outlines, glyf[offsets[g]:offsets[g+1]]...)
			for len(outlines)%4 != 0 {
				outlines = append(outlines, 0)
			}
		}
	}
	loca = binary.BigEndian.AppendUint32(loca, uint32(len(outlines)))
	binary.BigEndian.PutUint16(head[50:], 1) // the offsets are long
	var tables []ot.Table
	for _, name := range []string{"cvt ", "fpgm", "glyf", "head", "hhea", "hmtx", "loca", "maxp", "prep"} { // in the order of the file
		content := table(name)
		switch name {
		case "glyf":
			content = outlines
		case "head":
			content = head
		case "loca":
			content = loca
		}
		if len(content) > 0 {
			content = append(slices.Clip(content), make([]byte, -len(content)&3)...) // the next begins at a word
			tables = append(tables, ot.Table{Tag: ot.MustNewTag(name), Content: content})
		}
	}
	return ot.WriteTTF(tables), nil
}

// outlineOffsets returns where each glyph's outline begins in glyf, and the end; nil
// when the font contradicts itself.
func outlineOffsets(head, loca, maxp []byte, size int) []int {
	if len(head) < 54 || len(maxp) < 6 {
		return nil
	}
	n := int(binary.BigEndian.Uint16(maxp[4:])) + 1
	long := binary.BigEndian.Uint16(head[50:]) != 0
	if len(loca) < 2*n || long && len(loca) < 4*n {
		return nil
	}
	offsets := make([]int, n)
	for i := range offsets {
		if long {
			offsets[i] = int(binary.BigEndian.Uint32(loca[4*i:]))
		} else {
			offsets[i] = 2 * int(binary.BigEndian.Uint16(loca[2*i:]))
		}
		if offsets[i] > size || i > 0 && offsets[i] < offsets[i-1] {
			return nil
		}
	}
	return offsets
}

// components calls each for the glyphs that an outline is composed of.
func components(outline []byte, each func(int) error) error {
	const wordArguments, scale, more, twoScales, matrix = 1, 8, 32, 64, 128
	if len(outline) < 10 || int16(binary.BigEndian.Uint16(outline)) >= 0 {
		return nil
	}
	for at := 10; ; {
		if at+4 > len(outline) {
			return errFont
		}
		flags := binary.BigEndian.Uint16(outline[at:])
		if err := each(int(binary.BigEndian.Uint16(outline[at+2:]))); err != nil {
			return err
		}
		if flags&more == 0 {
			return nil
		}
		at += 6
		if flags&wordArguments != 0 {
			at += 2
		}
		switch {
		case flags&scale != 0:
			at += 2
		case flags&twoScales != 0:
			at += 4
		case flags&matrix != 0:
			at += 8
		}
	}
}
