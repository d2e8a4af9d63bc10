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
