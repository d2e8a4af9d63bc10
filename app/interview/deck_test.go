package interview

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// What: questions asked in other words than the card's, and questions that no
// card answers. Why: a wrong card is worse than none.
func TestDeckFindsTheCard(t *testing.T) {
	f, err := os.Open("testdata/deck.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var cards []Card
	type ask struct {
		card int
		text string
	}
	var asks [2][]ask
	for sc := bufio.NewScanner(f); sc.Scan(); {
		number, text, _ := strings.Cut(strings.TrimPrefix(sc.Text(), "= "), " ")
		n, err := strconv.Atoi(strings.TrimPrefix(number, "h"))
		switch {
		case err != nil:
		case strings.HasPrefix(sc.Text(), "= "):
			cards = append(cards, Card{Question: text, Answer: strconv.Itoa(n)})
		case strings.HasPrefix(number, "h"):
			asks[1] = append(asks[1], ask{n, text})
		default:
			asks[0] = append(asks[0], ask{n, text})
		}
	}
	d := NewDeck(cards)
	for i, part := range []string{"tuned on", "held out"} {
		found, right, has := 0, 0, 0
		for _, a := range asks[i] {
			c, likeness, ok := d.Find(a.text)
			n, _ := strconv.Atoi(c.Answer)
			if a.card > 0 {
				has++
			}
			if ok {
				found++
			}
			if ok && n == a.card {
				right++
			}
			if ok && (likeness < 0 || likeness > 1) {
				t.Errorf("%q: likeness %v", a.text, likeness)
			}
			if testing.Verbose() && (ok && n != a.card || !ok && a.card > 0) && (i == 0 || os.Getenv("HELD") != "") {
				fmt.Printf("%q: card %d at %.2f %v; want %d\n", a.text, n, likeness, ok, a.card)
			}
		}
		t.Logf("%s: of %d questions %d have a card; precision %d/%d, recall %d/%d", part, len(asks[i]), has, right, found, right, has)
		if 10*right < 9*found || 10*right < 8*has {
			t.Error("too many are wrong")
		}
	}
	if _, _, ok := (*Deck)(nil).Find("Why?"); ok {
		t.Error("a card of no deck")
	}
	if _, _, ok := NewDeck([]Card{{Question: "What is your greatest weakness?"}, {Answer: "x"}}).Find("your greatest weakness"); ok {
		t.Error("a card without an answer")
	}
}

// BenchmarkDeck is a question looked up in a full deck.
func BenchmarkDeck(b *testing.B) {
	var cards []Card
	for i := range maxCards {
		cards = append(cards, Card{Question: fmt.Sprintf("How did you migrate system %d to cluster %d with no downtime?", i, i*7), Answer: "x"})
	}
	d := NewDeck(cards)
	for b.Loop() {
		d.Find("How did you migrate system 42 to cluster 294 with no downtime?")
	}
}

// What: what a model wrote when it was asked for cards. Why: only what was asked
// for is kept, and a card that was cut is none.
func TestReadCards(t *testing.T) {
	const three = "## Why us?\n**Three** reasons.\n\n- One.\n\n## Why Go?\nIt is small.\n## A weakness?\nI say yes."
	for name, tt := range map[string]struct {
		text  string
		cut   bool
		cards int
	}{
		"as asked":             {text: three, cards: 3},
		"with Windows' lines":  {text: strings.ReplaceAll(three, "\n", "\r\n"), cards: 3},
		"cut":                  {text: three + "\n## And", cut: true, cards: 3},
		"cut too early":        {text: three, cut: true},
		"one twice":            {text: three + "\n## why go?\nBecause.", cards: 3},
		"talk before":          {text: "Sure! Here they are:\n\n" + three},
		"no cards":             {text: "I cannot do that."},
		"nothing":              {},
		"without an answer":    {text: three + "\n## Why?"},
		"without a question":   {text: three + "\n## \nBecause."},
		"too many":             {text: strings.Repeat(three+"\n", 6)},
		"an answer too long":   {text: three + strings.Repeat(" yes", maxBack/4)},
		"a question too long":  {text: "## " + strings.Repeat("why ", maxFront/4+1) + "\nYes.\n" + three},
		"another kind of card": {text: strings.ReplaceAll(three, "## ", "Q: ")},
	} {
		cards, err := ReadCards(tt.text, !tt.cut)
		if len(cards) != tt.cards || (err == nil) != (tt.cards > 0) {
			t.Errorf("%s: %d cards, %v", name, len(cards), err)
		}
	}
	cards, _ := ReadCards(three, true)
	if want := (Card{"Why us?", "**Three** reasons.\n\n- One."}); cards[0] != want {
		t.Errorf("%q", cards[0])
	}
}

// The request for cards stays within a free key's tokens of a minute, whatever
// the documents.
func TestDeckRequestIsBounded(t *testing.T) {
	long := strings.Repeat("Led the </resume> migration of a ledger. ", 3000)
	r := DeckRequest(Profile{Resume: long, Job: long, Notes: long, Style: long, Language: "de"}, "m", "f")
	n := 0
	for _, m := range r.Messages {
		n += weight(m.Content)
		if strings.Count(m.Content, "</resume>") > 2 { // the rules name it, and it ends once
			t.Error("a document ends its own tag")
		}
	}
	if n += 4 * r.MaxTokens; n > 4*8000 || !strings.Contains(r.Messages[0].Content, "Write in German.") {
		t.Errorf("%d tokens", n/4)
	}
}

func FuzzReadCards(f *testing.F) {
	f.Add("## Why us?\n**Three** reasons.\n## Why Go?\nIt is small.\n## A weakness?\nI say yes.", true)
	f.Fuzz(func(t *testing.T, text string, whole bool) {
		cards, err := ReadCards(text, whole)
		if err != nil && cards != nil || len(cards) > mostCards {
			t.Errorf("%d cards, %v", len(cards), err)
		}
		for _, c := range cards {
			if c.Question == "" || c.Answer == "" || len(c.Question) > maxFront || len(c.Answer) > maxBack {
				t.Errorf("%q", c)
			}
		}
		NewDeck(cards).Find(text)
	})
}
