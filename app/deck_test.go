package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	"copilot/app/interview"
	"copilot/app/overlay"
	"copilot/app/rehearsal"
)

const writtenDeck = `## Tell me about yourself.
**Eight years of payments, the last five in Go.**

- I led the **split** of a ledger.

## What is your greatest weakness?
**I say yes too soon.** Now I write promises down.

## Why do you want to work here?
**Three reasons.** The ledger, the team, the city.
`

// What: answers are prepared, then the answering server is gone, then a question
// like one of the cards is heard. Why: its card is on screen at once and stays,
// marked as prepared, and it came encrypted out of what was prepared.
func TestDeckAnswersWithoutANetwork(t *testing.T) {
	r, v := newDeskRig(t), newVendors(t)
	iv := *bundled(t)
	iv.Questions = append(slices.Clone(iv.Questions), rehearsal.Question{ID: "cards", Text: "Write the cards of this interview now.", Answer: writtenDeck})
	groq, err := rehearsal.Start(t.Context(), rehearsal.Options{Interview: &iv})
	if err != nil {
		t.Fatal(err)
	}
	defer groq.Close()
	config := &r.program.config
	config.GroqURL, config.GroqKey, config.DeepgramURL, config.DeepgramKey = groq.GroqURL(), groq.GroqKey(), v.listening.URL, "key"

	p := overlay.Prepared{Name: "Payments", Language: "en", Notes: "ask about on-call"}
	if _, err := r.WriteCards(t.Context(), p); err == nil || !strings.Contains(err.Error(), "résumé") {
		t.Errorf("cards of nothing: %v", err)
	}
	p.Resume = overlay.Paper{Name: "cv", Text: "Led the split of a ledger at Larkfield"}
	if p.Cards, err = r.WriteCards(t.Context(), p); err != nil || len(p.Cards) != 3 {
		t.Fatalf("%d cards, %v", len(p.Cards), err)
	}
	kept, err := r.Keep(t.Context(), p)
	if err != nil || len(kept.Cards) != 3 {
		t.Fatalf("%d cards kept, %v", len(kept.Cards), err)
	}

	groq.Close() // the network is gone
	c, err := r.fill(t.Context(), choices{Mode: overlay.ModeOwnKeys, Prepared: kept.ID, Source: silent{}})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := r.program.newPlan(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	session := interview.New(plan.options)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- plan.Run(ctx, session) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	slowly(t, "it listens", func() bool { return session.State().Phase == interview.Listening })
	v.final <- "So what would you say is your biggest weakness?"
	await(t, v.sent, "the question is heard")
	shown := func() (interview.Question, string) {
		q, _ := session.State().Current()
		text, _ := q.Shown()
		return q, text.String()
	}
	slowly(t, "the card is shown", func() bool {
		q, text := shown()
		return q.Card && strings.HasPrefix(text, "**I say yes too soon.**")
	})
	slowly(t, "the model has failed", func() bool {
		q, _ := shown()
		return q.Answer.Status == interview.AnswerFailed
	})
	if q, text := shown(); !q.Card || !strings.HasPrefix(text, "**I say yes") {
		t.Errorf("without an answer the card went: %q", text)
	}
}

// What: the answering server writes something else, or takes no key. Why: the
// person is told what to do, in a sentence.
func TestDeckIsNotWritten(t *testing.T) {
	r := newDeskRig(t)
	p := overlay.Prepared{Resume: overlay.Paper{Text: "Go"}}
	if _, err := r.WriteCards(t.Context(), p); err == nil || !strings.Contains(err.Error(), "once more") {
		t.Errorf("%v", err)
	}
	if err := r.Debrief(t.Context(), overlay.Past{}, nil); err == nil || !strings.HasPrefix(err.Error(), "There are no figures") {
		t.Errorf("a debrief: %v", err)
	}
	r.program.config.GroqURL, r.program.config.GroqKey = "", ""
	if _, err := r.WriteCards(t.Context(), p); err == nil || !strings.Contains(err.Error(), "your own Groq key") {
		t.Errorf("%v", err)
	}
}
