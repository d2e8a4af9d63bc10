package interview

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// labelled is a sentence of testdata/grounding.txt.
type labelled struct {
	ground Ground
	hint   string // of the line, or of the claim
	text   string
}

type applicant struct {
	name      string
	held      bool
	profile   Profile
	said      []string
	sentences []labelled
}

func loadCandidates(t testing.TB) (cs []applicant) {
	t.Helper()
	f, err := os.Open("testdata/grounding.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	part := ""
	for sc := bufio.NewScanner(f); sc.Scan(); {
		l := sc.Text()
		if name, ok := strings.CutPrefix(l, "=== "); ok {
			part = ""
			name, held := strings.CutSuffix(name, " held")
			cs = append(cs, applicant{name: name, held: held})
			continue
		}
		if len(cs) == 0 {
			continue
		}
		if p, ok := strings.CutPrefix(l, "--- "); ok {
			part = p
			continue
		}
		c := &cs[len(cs)-1]
		switch {
		case l == "", strings.HasPrefix(l, "# ") && part == "sentences":
		case part == "resume":
			c.profile.Resume += l + "\n"
		case part == "job":
			c.profile.Job += l + "\n"
		case part == "notes":
			c.profile.Notes += l + "\n"
		case part == "said":
			c.said = append(c.said, l)
		default:
			hint, text, ok := strings.Cut(l[2:], "| ")
			if !ok {
				t.Fatalf("grounding.txt: %q", l)
			}
			ground := map[byte]Ground{'+': Grounded, '!': Unfounded, '.': Open}[l[0]]
			c.sentences = append(c.sentences, labelled{ground, strings.TrimSpace(hint), text})
		}
	}
	return cs
}

func (c applicant) grounds() Grounds {
	g := NewGrounds(c.profile, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	for _, s := range c.said {
		g = g.Said(s)
	}
	return g
}

// measure counts what was found of one ground.
type measure struct{ found, right, all, line int }

func (m measure) precision() float64 { return 100 * float64(m.right) / float64(max(m.found, 1)) }
func (m measure) recall() float64    { return 100 * float64(m.right) / float64(max(m.all, 1)) }

// What: sentences labelled by hand, of candidates whose sentences the rules were
// tuned on and of candidates held out. Why: a mark that is often wrong is not
// looked at, and a claim without one is spoken.
func TestGroundingFindsClaims(t *testing.T) {
	var total [2]map[Ground]*measure
	for i := range total {
		total[i] = map[Ground]*measure{Grounded: {}, Unfounded: {}}
	}
	count := 0
	for _, c := range loadCandidates(t) {
		g := c.grounds()
		held := 0
		if c.held {
			held = 1
		}
		for _, s := range c.sentences {
			count++
			got := g.Judge(s.text)
			if m := total[held][got.Ground]; m != nil {
				m.found++
				if got.Ground == s.ground {
					m.right++
					if strings.Contains(got.Rests, s.hint) {
						m.line++
					}
				}
			}
			if m := total[held][s.ground]; m != nil {
				m.all++
			}
			if got.Ground != s.ground && testing.Verbose() && (!c.held || os.Getenv("HELD") != "") {
				fmt.Printf("%s: want %d got %d (%s%s): %s\n", c.name, s.ground, got.Ground, got.Claim, got.Rests, s.text)
			}
		}
	}
	for i, part := range []string{"tuned on", "held out"} {
		u, r := total[i][Unfounded], total[i][Grounded]
		t.Logf("%s: unfounded claims precision %.0f %% (%d/%d), recall %.0f %% (%d/%d); rests on the résumé precision %.0f %% (%d/%d), recall %.0f %% (%d/%d), the right line %d/%d",
			part, u.precision(), u.right, u.found, u.recall(), u.right, u.all, r.precision(), r.right, r.found, r.recall(), r.right, r.all, r.line, r.right)
	}
	t.Logf("%d sentences", count)
	for i := range total {
		u, r := total[i][Unfounded], total[i][Grounded]
		if u.precision() < 90 || u.recall() < 90 || r.precision() < 90 || r.recall() < 88 || 10*r.line < 9*r.right {
			t.Errorf("part %d: too many are wrong", i)
		}
	}
}

// What: an answer that comes in pieces of any size. Why: each sentence is judged
// when it is finished, once, and as it would be in the whole.
func TestGroundingOfAGrowingAnswer(t *testing.T) {
	c := loadCandidates(t)[0]
	g := c.grounds()
	const text = "**Nine years**, the last five in payments.\n\n- **Team:** I lead a team of eight at Larkfield. We lost no payment, e.g. in refunds.\n" +
		"- **Before:** I ran Cassandra at Bramble! Was it fun? Yes…\n\nKafka 3.5 keeps order within a partition"
	whole := Labels{}.grow(Text{}.Append(text), true, g)
	if n := len(whole.All); n != 8 {
		t.Fatalf("%d sentences: %+v", n, whole.All)
	}
	for _, want := range []struct {
		ground Ground
		text   string
	}{{Unfounded, "eight"}, {Unfounded, "Cassandra"}} {
		i := slices.IndexFunc(whole.All, func(l Label) bool { return l.Ground == want.ground && l.Claim == want.text })
		if i < 0 || !strings.Contains(text[whole.All[i].From:whole.All[i].To], want.text) {
			t.Errorf("no label for %q: %+v", want.text, whole.All)
		}
	}
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var l Labels
		var answer Text
		for answer.Len() < len(text) {
			n := min(1+rng.IntN(12), len(text)-answer.Len())
			answer = answer.Append(text[answer.Len() : answer.Len()+n])
			before := l
			l = l.grow(answer, false, g)
			if !slices.Equal(l.All[:len(before.All)], before.All) {
				t.Fatalf("seed %d: a label changed", seed)
			}
			for _, x := range l.All[len(before.All):] {
				if end := text[x.To:]; end != "" && !strings.ContainsAny(end[:1], " \n") {
					t.Fatalf("seed %d: judged before it was finished: %q", seed, text[x.From:x.To])
				}
			}
		}
		if l = l.grow(answer, true, g); !slices.Equal(l.All, whole.All) {
			t.Fatalf("seed %d: in pieces %+v, whole %+v", seed, l.All, whole.All)
		}
	}
}

// BenchmarkGrounding is one sentence judged.
func BenchmarkGrounding(b *testing.B) {
	c := loadCandidates(b)[0]
	for _, said := range []int{0, 2000} {
		b.Run(fmt.Sprintf("after %d utterances", said), func(b *testing.B) {
			g := c.grounds()
			for i := range said {
				g = g.Said(c.sentences[i%len(c.sentences)].text)
			}
			i := 0
			for b.Loop() {
				g.Judge(c.sentences[i%len(c.sentences)].text)
				i++
			}
		})
	}
}

// Without a document there is nothing to hold a claim against, so none is marked.
func TestNothingIsMarkedWithoutDocuments(t *testing.T) {
	claim := "I led nine engineers at Larkfield for four years."
	if l := NewGrounds(Profile{Job: "Backend engineer"}, testBegan).Judge(claim); l.Ground != Open {
		t.Errorf("without documents: %+v", l)
	}
	if l := NewGrounds(Profile{Notes: "I like tea."}, testBegan).Judge(claim); l.Ground != Unfounded {
		t.Errorf("with notes: %+v", l)
	}
}
