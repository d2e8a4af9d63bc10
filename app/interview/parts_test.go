package interview

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// manifold is a question of testdata/parts.txt.
type manifold struct {
	set     int // of sets
	text    string
	parts   []string
	answers []spokenTo
}

type spokenTo struct {
	words   string
	covered []int
}

// partSets are the marks of the questions that the rules were made on, of those
// held out then, and of those written before the last rules were tried.
var partSets = []string{"?", "?held", "?fresh"}

func loadManifold(t testing.TB) (qs []manifold) {
	t.Helper()
	f, err := os.Open("testdata/parts.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		l := sc.Text()
		if mark, text, ok := strings.Cut(l, " "); ok && strings.HasPrefix(mark, "?") {
			qs = append(qs, manifold{set: slices.Index(partSets, mark), text: text})
		}
		if len(qs) == 0 {
			continue
		}
		q := &qs[len(qs)-1]
		switch {
		case strings.HasPrefix(l, "- "):
			q.parts = append(q.parts, l[2:])
		case strings.HasPrefix(l, "> "):
			q.answers = append(q.answers, spokenTo{words: l[2:]})
		case strings.HasPrefix(l, "x"):
			for _, n := range strings.Fields(l[1:]) {
				i, err := strconv.Atoi(n)
				if err != nil {
					t.Fatal(err)
				}
				a := &q.answers[len(q.answers)-1]
				a.covered = append(a.covered, i)
			}
		}
	}
	return qs
}

// What: questions that ask one thing or several, labelled by hand, and what
// candidates said to them. Why: a part that is forgotten costs the candidate a
// point, and a checklist that is wrong distracts.
func TestPartsOfAQuestion(t *testing.T) {
	var whole, right, ticks, found, hit [3]int
	for _, q := range loadManifold(t) {
		set := q.set
		p := partsOf("en", q.text)
		var got []string
		for _, x := range p.All {
			got = append(got, x.Text)
		}
		whole[set]++
		if slices.Equal(got, q.parts) {
			right[set]++
		} else {
			if testing.Verbose() && (q.set == 0 || os.Getenv("HELD") != "") {
				fmt.Printf("%q\n got %q\nwant %q\n", q.text, got, q.parts)
			}
			continue
		}
		for _, a := range q.answers {
			after := p.hear(strings.Fields(a.words))
			for i, x := range after.All {
				want := slices.Contains(a.covered, i+1)
				if want {
					ticks[set]++
				}
				if x.Covered {
					found[set]++
				}
				if want && x.Covered {
					hit[set]++
				}
				if want != x.Covered && testing.Verbose() && (q.set == 0 || os.Getenv("HELD") != "") {
					fmt.Printf("%q: part %d covered %v by %q\n", q.text, i+1, x.Covered, a.words)
				}
			}
			if slices.ContainsFunc(p.All, func(x Part) bool { return x.Covered }) {
				t.Fatal("the checklist before was changed")
			}
		}
	}
	for i, part := range []string{"tuned on", "held out", "fresh"} {
		t.Logf("%s: %d of %d questions split as labelled; parts covered: precision %d/%d, recall %d/%d",
			part, right[i], whole[i], hit[i], found[i], hit[i], ticks[i])
		if 10*right[i] < 8*whole[i] || 10*hit[i] < 9*found[i] || 10*hit[i] < 8*ticks[i] {
			t.Error("too many are wrong")
		}
	}
}

// A question of one thing has no checklist, whatever is heard; nor has one whose
// language the gate does not know well enough to take it apart.
func TestPartsOfOneThing(t *testing.T) {
	for _, q := range []string{"", "Why?", "Tell me about yourself.", "So, right, okay."} {
		if p := partsOf("en", q).hear([]string{"because", "of", "that"}); len(p.All) > 0 {
			t.Errorf("%q has parts %+v", q, p.All)
		}
	}
	long := strings.Repeat("What did you do, and why did you do it? ", 20)
	if p := partsOf("en", long); len(p.All) > maxParts {
		t.Errorf("%d parts", len(p.All))
	}
}
