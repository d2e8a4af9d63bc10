package resume

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// wordReader gathers the text of WordprocessingML (ECMA-376 part 1, §17) from its
// tokens. Elements are known by their local names, which do not clash here.
type wordReader struct {
	open []string // elements, outermost first
	skip int      // depth at which a subtree began that is not text, 0 for none

	paragraphs []*paragraph // those being read: a text box opens one inside another
	out        []string     // finished lines of the body, or of the innermost cell
	rows       []tableRow   // rows being read: tables nest
	boxes      []string     // text boxes of the paragraph at hand, which come behind it
}

// paragraph is one being read.
type paragraph struct {
	text    strings.Builder
	list    bool
	heading int // its level, 0 for none
}

// tableRow collects cells; the lines before it wait in outer.
type tableRow struct {
	cells []string
	outer []string
}

// skipped are the elements whose text is not part of the document: deleted or
// moved away, field codes, and the second rendering of the same drawing.
func skipped(name string) bool {
	switch name {
	case "del", "moveFrom", "delText", "instrText", "Fallback", "sdtPr", "sectPr":
		return true
	}
	return false
}

func (w *wordReader) start(e xml.StartElement) {
	name := e.Name.Local
	w.open = append(w.open, name)
	if w.skip > 0 {
		return
	}
	if skipped(name) {
		w.skip = len(w.open)
		return
	}
	switch name {
	case "p":
		w.paragraphs = append(w.paragraphs, &paragraph{})
	case "pStyle":
		w.style(attr(e, "val"))
	case "numPr":
		if p := w.paragraph(); p != nil {
			p.list = true
		}
	case "tab", "ptab":
		if !w.within("tabs") {
			w.write("\t")
		}
	case "br", "cr":
		w.write("\n")
	case "noBreakHyphen":
		w.write("-")
	case "txbxContent", "tr":
		w.rows = append(w.rows, tableRow{outer: w.out})
		w.out = nil
	case "tc":
		w.out = nil
	}
}

// style tells headings and lists by their styles' ids, which Word keeps in
// English whatever its language, and LibreOffice too.
func (w *wordReader) style(id string) {
	p := w.paragraph()
	if p == nil {
		return
	}
	id = strings.ToLower(id)
	switch {
	case strings.HasPrefix(id, "heading"), strings.HasPrefix(id, "berschrift"), strings.HasPrefix(id, "titre"):
		p.heading = headingLevel(strings.TrimLeft(id, "abcdefghijklmnopqrstuvwxyz"))
	case strings.HasPrefix(id, "listbullet"), strings.HasPrefix(id, "listnumber"):
		p.list = true
	}
}

// headingLevel reads a style's number; there are three levels worth telling apart.
func headingLevel(number string) int {
	switch number {
	case "", "1":
		return 1
	case "2":
		return 2
	}
	return 3
}

func (w *wordReader) end(name string) error {
	if len(w.open) == 0 || w.open[len(w.open)-1] != name {
		return fmt.Errorf("XML: unexpected end of %q", name)
	}
	depth := len(w.open)
	w.open = w.open[:depth-1]
	if w.skip > 0 {
		if w.skip == depth {
			w.skip = 0
		}
		return nil
	}
	switch name {
	case "p":
		w.endParagraph()
	case "tc":
		if n := len(w.rows); n > 0 {
			w.rows[n-1].cells = append(w.rows[n-1].cells, strings.Join(w.out, "\n"))
			w.out = nil
		}
	case "tr":
		if row, ok := w.pop(); ok {
			w.out = append(row.outer, row.lines()...)
		}
	case "txbxContent":
		box := w.out
		if row, ok := w.pop(); ok {
			w.boxes = append(w.boxes, box...)
			w.out = row.outer
		}
	}
	return nil
}

func (w *wordReader) pop() (tableRow, bool) {
	n := len(w.rows)
	if n == 0 {
		return tableRow{}, false
	}
	row := w.rows[n-1]
	w.rows = w.rows[:n-1]
	return row, true
}

// lines writes short cells side by side, and long ones (a layout made of a table)
// one after the other.
func (r tableRow) lines() []string {
	var cells []string
	lines := 0
	for _, c := range r.cells {
		if c = strings.TrimSpace(c); c != "" {
			cells = append(cells, c)
			lines = max(lines, strings.Count(c, "\n")+1)
		}
	}
	switch {
	case len(cells) == 0:
		return nil
	case lines <= 3 && !strings.Contains(cells[0], "\n"):
		return []string{strings.Join(cells, " | ")}
	}
	return []string{strings.Join(cells, "\n\n")}
}

func (w *wordReader) endParagraph() {
	n := len(w.paragraphs)
	if n == 0 {
		return
	}
	p := w.paragraphs[n-1]
	text := strings.TrimSpace(p.text.String())
	text = strings.ReplaceAll(text, "\t", " | ")
	switch {
	case text == "":
	case p.heading > 0:
		text = "\n" + strings.Repeat("#", p.heading) + " " + strings.ReplaceAll(text, "\n", " ") + "\n"
	case p.list:
		text = "- " + strings.ReplaceAll(text, "\n", " ")
	}
	w.paragraphs = w.paragraphs[:n-1]
	if text != "" {
		w.out = append(w.out, text)
	}
	if n == 1 || w.boxDepth() == 0 {
		w.out = append(w.out, w.boxes...)
		w.boxes = nil
	}
}

// boxDepth is the number of text boxes we are in.
func (w *wordReader) boxDepth() int {
	n := 0
	for _, name := range w.open {
		if name == "txbxContent" {
			n++
		}
	}
	return n
}

func (w *wordReader) chars(s string) {
	if n := len(w.open); w.skip == 0 && n > 0 && w.open[n-1] == "t" {
		w.write(s)
	}
}

func (w *wordReader) write(s string) {
	if p := w.paragraph(); p != nil {
		p.text.WriteString(s)
	}
}

func (w *wordReader) paragraph() *paragraph {
	if n := len(w.paragraphs); n > 0 {
		return w.paragraphs[n-1]
	}
	return nil
}

func (w *wordReader) within(name string) bool {
	n := len(w.open)
	return n >= 2 && w.open[n-2] == name
}

func (w *wordReader) text() string { return strings.Join(append(w.out, w.boxes...), "\n") }

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
