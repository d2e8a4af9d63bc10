package resume

import (
	"math"
	"slices"
	"unicode"
	"unicode/utf8"
)

// maxDepth bounds how often a page is divided.
const maxDepth = 6

// gutter is a vertical strip without words, beside rows first to last.
type gutter struct {
	x0, x1      float64
	first, last int
}

// split divides a page's words into blocks in reading order. It looks for a strip
// that stays free of words over several lines with text on both sides, and reads
// the sides one after the other, unless they belong together line by line (a
// table, dates beside roles).
func split(words []word, depth int) []block {
	if len(words) == 0 {
		return nil
	}
	all := rows(words)
	if depth < maxDepth {
		for _, g := range gutters(all) {
			above, left, right, below := g.divide(all)
			if !separate(rows(left), rows(right)) {
				continue
			}
			if title(right) > title(left) { // the side with the name comes first
				left, right = right, left
			}
			var out []block
			for _, part := range [][]word{above, left, right, below} {
				out = append(out, split(part, depth+1)...)
			}
			return out
		}
	}
	return []block{words}
}

// title is the size of the largest type.
func title(words []word) float64 {
	size := 0.0
	for _, w := range words {
		size = math.Max(size, w.size)
	}
	return size
}

// gutters finds the free strips of a page, those beside most lines first.
func gutters(all [][]word) []gutter {
	var found []gutter
	x0, x1 := math.Inf(1), math.Inf(-1)
	var sizes []float64
	for _, row := range all {
		for _, w := range row {
			x0, x1 = math.Min(x0, w.x0), math.Max(x1, w.x1)
			sizes = append(sizes, w.size)
		}
	}
	slices.Sort(sizes)
	width := sizes[len(sizes)/2] // of the narrowest gutter: one em of the usual type
	if x1-x0 > 5000 {            // no sheet of paper
		return nil
	}
	const step = 2
	for x := x0 + width; x+width < x1; x += step {
		for i := 0; i < len(all); i++ {
			first := i
			for i < len(all) && free(all[i], x, x+width) {
				i++
			}
			if g := (gutter{x, x + width, first, i - 1}); i-first >= 3 && g.bothSides(all) {
				found = append(found, g.trim(all))
			}
		}
	}
	slices.SortStableFunc(found, func(a, b gutter) int { return (b.last - b.first) - (a.last - a.first) })
	return found[:min(len(found), 40)]
}

func free(row []word, x0, x1 float64) bool {
	return !slices.ContainsFunc(row, func(w word) bool { return w.x0 < x1 && w.x1 > x0 })
}

// bothSides asks for three lines on each side.
func (g gutter) bothSides(all [][]word) bool {
	left, right := 0, 0
	for _, row := range all[g.first : g.last+1] {
		if row[0].x0 < g.x0 {
			left++
		}
		if row[len(row)-1].x1 > g.x1 {
			right++
		}
	}
	return left >= 3 && right >= 3
}

// trim takes off the rows at either end that have text on one side only and are
// set apart from the rest: a heading above the columns, a paragraph below.
func (g gutter) trim(all [][]word) gutter {
	sides := func(row []word) (left, right bool) {
		return row[0].x0 < g.x0, row[len(row)-1].x1 > g.x1
	}
	for ; g.first < g.last; g.first++ {
		l, r := sides(all[g.first])
		nl, nr := sides(all[g.first+1])
		gap := all[g.first][0].y - all[g.first+1][0].y
		if l && r || gap < 2.2*all[g.first][0].size || nl == l && nr == r {
			break
		}
	}
	for ; g.last > g.first; g.last-- {
		l, r := sides(all[g.last])
		nl, nr := sides(all[g.last-1])
		gap := all[g.last-1][0].y - all[g.last][0].y
		if l && r || gap < 2.2*all[g.last][0].size || nl == l && nr == r {
			break
		}
	}
	return g
}

// divide sorts the words into what is above, beside and below the gutter.
func (g gutter) divide(all [][]word) (above, left, right, below []word) {
	for i, row := range all {
		for _, w := range row {
			switch {
			case i < g.first:
				above = append(above, w)
			case i > g.last:
				below = append(below, w)
			case w.x1 <= g.x0+1e-6:
				left = append(left, w)
			default:
				right = append(right, w)
			}
		}
	}
	return above, left, right, below
}

// separate decides whether two sides are columns of their own or the cells of
// common lines. Cells share their baselines; so do columns set on a grid, but
// those have headings on both sides, or prose.
func separate(left, right [][]word) bool {
	if len(left) < 3 || len(right) < 3 {
		return false
	}
	minor, major := left, right
	if len(minor) > len(major) {
		minor, major = major, minor
	}
	shared, labels := 0, 0
	for _, row := range minor {
		if slices.ContainsFunc(major, func(o []word) bool { return math.Abs(o[0].y-row[0].y) < 0.12*row[0].size }) {
			shared++
		}
		text := (line{words: row, size: row[0].size}).text()
		if utf8.RuneCountInString(text) <= 30 && hasDigit(text) {
			labels++
		}
	}
	switch n := len(minor); {
	case shared*10 < n*7:
		return true
	case labels*10 >= n*7:
		return false
	default:
		return headings(left) > 0 && headings(right) > 0 || prose(left) && prose(right)
	}
}

// prose tells whether most rows are long.
func prose(all [][]word) bool {
	long := 0
	for _, row := range all {
		if utf8.RuneCountInString((line{words: row, size: row[0].size}).text()) > 35 {
			long++
		}
	}
	return long*2 > len(all)
}

// headings counts the rows that read like the usual section titles.
func headings(all [][]word) int {
	n := 0
	for _, row := range all {
		if knownHeading((line{words: unspace(row), size: row[0].size}).text()) {
			n++
		}
	}
	return n
}

func hasDigit(s string) bool {
	for _, r := range s {
		if unicode.IsDigit(r) {
			return true
		}
	}
	return false
}
