package interview

import "math"

// Card is an answer that was prepared before the interview.
type Card struct {
	Question string
	Answer   string // as an answer is written, Markdown and all
}

// Deck finds the prepared card for a question, without a network. It is made
// once and never changes; the zero Deck has no cards.
type Deck struct {
	cards []card
	rare  map[string]float64 // how telling a word is among the cards' questions
}

type card struct {
	Card
	stems  map[string]bool
	weight float64
}

// maxCards bounds a deck; what comes after is left out.
const maxCards = 200

// Tuned on the questions of testdata/deck.txt that are not held out.
const (
	sureCard  = 0.45 // likeness from which a card answers the question
	aheadOf   = 0.04 // and by so much it has to be the likest
	otherKind = 0.6  // what a question of another kind counts
)

// NewDeck prepares cards. Cards without a question or an answer are left out.
func NewDeck(cards []Card) *Deck {
	d := &Deck{rare: map[string]float64{}}
	for _, c := range cards {
		if x := (card{Card: c, stems: questionStems(c.Question)}); len(x.stems) > 0 && c.Answer != "" && len(d.cards) < maxCards {
			d.cards = append(d.cards, x)
			for s := range x.stems {
				d.rare[s]++
			}
		}
	}
	for s, n := range d.rare {
		d.rare[s] = 1 + math.Log(float64(len(d.cards)+1)/n)/2
	}
	for i := range d.cards {
		d.cards[i].weight = d.weigh(d.cards[i].stems)
	}
	return d
}

// Find returns the card whose question is most like the one asked; ok says
// that it is like enough to be shown as prepared. likeness is 0 … 1.
func (d *Deck) Find(question string) (c Card, likeness float64, ok bool) {
	if d == nil || len(d.cards) == 0 {
		return Card{}, 0, false
	}
	asked := questionStems(question)
	weight := d.weigh(asked)
	best, second := -1, 0.0
	for i, x := range d.cards {
		shared := 0.0
		for s := range asked {
			if hasStem(x.stems, s) {
				shared += d.tells(s)
			}
		}
		if weight == 0 || shared == 0 {
			continue
		}
		l := shared / math.Sqrt(weight*x.weight)
		switch {
		case l > likeness:
			second, likeness, best = likeness, l, i
		case l > second:
			second = l
		}
	}
	if best < 0 {
		return Card{}, 0, false
	}
	return d.cards[best].Card, min(likeness, 1), likeness >= sureCard && likeness-second >= aheadOf
}

func (d *Deck) weigh(stems map[string]bool) (w float64) {
	for s := range stems {
		w += d.tells(s)
	}
	return w
}

// tells is the weight of a word; one that no card has tells most.
func (d *Deck) tells(s string) float64 {
	if w := d.rare[s]; w > 0 {
		return w
	}
	return 1 + math.Log(float64(len(d.cards)+1))/2
}

// questionStems are the words by which a question is known: those that carry
// something, with the commonest ways of asking the same made one.
func questionStems(question string) map[string]bool {
	stems := map[string]bool{}
	ts := trimLead(trimRepeats(trimFillers(tokens(question))), lead)
	for i, t := range ts {
		if t == "why" || t == "weakness" || t == "strength" {
			stems[t] = true
			continue
		}
		s := partStem(t)
		if same, ok := sameThing[s]; ok {
			s = same
		}
		if s != "" && !askedWith[t] && !(t == "time" && i > 0) {
			stems[s] = true
		}
	}
	return stems
}

// askedWith are words with which everything is asked.
var askedWith = words(`what how when where who which whose tell me us describe explain walk give do did does would could can will have has had
	you your biggest greatest great big bit say everything example time talk through about please share one think thing experience experienced ever been handle handled deal dealt situation`)

// sameThing joins words, by their stems, that ask for the same.
var sameThing = map[string]string{
	root("weaknesses"): "weakness", root("shortcoming"): "weakness", root("improve"): "weakness", root("strengths"): "strength",
	root("leaving"): "leave", root("leave"): "leave", root("quit"): "leave", root("disagreed"): "conflict", root("disagreement"): "conflict",
	root("conflict"): "conflict", root("argument"): "conflict", root("argued"): "conflict", root("failed"): "fail", root("failure"): "fail", root("mistake"): "fail",
	root("salary"): "salary", root("compensation"): "salary", root("pay"): "salary", root("paid"): "salary", root("earn"): "salary",
	root("colleague"): "colleague", root("coworker"): "colleague", root("teammate"): "colleague", root("company"): "company", root("organisation"): "company",
	root("background"): "background", root("introduce"): "background", root("yourself"): "background", root("job"): "job", root("role"): "job", root("position"): "job",
	root("proud"): "proud", root("proudest"): "proud", root("achievement"): "proud", root("accomplishment"): "proud",
	root("deadline"): "deadline", root("pressure"): "deadline", root("slow"): "slow", root("performance"): "slow", root("latency"): "slow",
	root("prioritise"): "priority", root("prioritize"): "priority", root("priorities"): "priority",
}
