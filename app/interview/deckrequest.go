package interview

import (
	"errors"
	"fmt"
	"strings"

	"copilot/app/groq"
)

// Bounds of a deck that a model writes, within the free key's tokens a minute.
const (
	writtenCards = 12
	leastCards   = 3 // fewer are no deck
	mostCards    = 15
	maxFront     = 300  // bytes of a card's question
	maxBack      = 1500 // bytes of a card's answer
	maxDeck      = 3300 // tokens of the answer, the model's thinking included
	maxSources   = 4 * 3400
)

const deckRules = `
Now you prepare for the interview. Instead of one answer, write %d cards: the questions that this interviewer is most likely to ask this candidate, each with its answer.
- A card is a line "## " with the question as it would be asked aloud, at most 20 words, and below it the answer, written as above but in at most 70 words.
- First "Tell me about yourself", then why this company and this role, a weakness, a conflict or failure, salary or notice period only if the notes speak of it; the rest is what this job and this résumé call for. No question twice.
- Nothing before the first card, between cards, or after the last.
`

// DeckRequest asks a model for the cards of a [Deck]; see ReadCards.
func DeckRequest(p Profile, model, fallback string) groq.Request {
	job, notes := document(p.Job, maxJob), document(p.Notes, maxNotes)
	p.Job, p.Notes = job.text, notes.text
	p.Resume = document(p.Resume, maxSources-job.weight()-notes.weight()).text
	fixed, _ := newPrompt(p)
	return groq.Request{
		Model: model, Fallback: fallback, MaxTokens: maxDeck, Effort: "low",
		Messages: []groq.Message{
			{Role: "system", Content: fixed.fixed + fmt.Sprintf(deckRules, writtenCards)},
			{Role: "user", Content: "Write the cards of this interview now."},
		},
	}
}

// ReadCards reads what a model wrote for a DeckRequest. whole says that it came
// to its end; else the last card, which was cut, is left out. Anything but cards,
// or a card out of bounds, is an error, since a text that is not what was asked
// for may hold anything.
func ReadCards(text string, whole bool) ([]Card, error) {
	parts := strings.Split("\n"+strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n")), "\n## ")
	if strings.TrimSpace(parts[0]) != "" {
		return nil, errors.New("read cards: there is something before the first")
	}
	parts = parts[1:]
	if !whole && len(parts) > 0 {
		parts = parts[:len(parts)-1]
	}
	if len(parts) < leastCards || len(parts) > mostCards {
		return nil, fmt.Errorf("read cards: %d of them", len(parts))
	}
	seen := map[string]bool{}
	var cards []Card
	for i, part := range parts {
		question, answer, _ := strings.Cut(part, "\n")
		c := Card{Question: clean(question), Answer: cleanLines(answer)}
		if c.Question == "" || c.Answer == "" || len(c.Question) > maxFront || len(c.Answer) > maxBack {
			return nil, fmt.Errorf("read cards: number %d has %d bytes of question and %d of answer", i+1, len(c.Question), len(c.Answer))
		}
		if key := strings.ToLower(c.Question); !seen[key] {
			seen[key] = true
			cards = append(cards, c)
		}
	}
	return cards, nil
}
