package main

import (
	"context"
	"errors"
	"strings"

	"copilot/app/account"
	"copilot/app/interview"
	"copilot/app/overlay"
	"copilot/backend/api"
)

// WriteCards has the likely questions answered ahead, in one request.
func (d *desk) WriteCards(ctx context.Context, shown overlay.Prepared) ([]overlay.Card, error) {
	p := keptPrepared(shown)
	if strings.TrimSpace(p.Resume.Text+p.Job.Text) == "" {
		return nil, said(&sayError{"Add your résumé or the job description first: the answers are made of them.", errors.New("write cards: no document")})
	}
	answers, err := d.program.answersBeside(ctx, d.modeNow(), api.PurposePrepare)
	if err != nil {
		return nil, said(noAnswerBeside("Answers ahead are written", err))
	}
	defer answers.Close()
	if answers.hosted && d.cloud() == nil { // personas are Pro's
		p.Persona, p.Own = account.PersonaStandard, ""
	}
	profile := interview.Profile{Resume: p.Resume.Text, Job: p.Job.Text, Notes: notesOf(p), Language: p.Lang, Style: styleOf(p, overlay.ModeOwnKeys)}
	got, err := answers.Complete(ctx, interview.DeckRequest(profile, answers.model, answers.fallback), func(string) {})
	if err != nil {
		return nil, said(err)
	}
	written, err := interview.ReadCards(got.Text, got.FinishReason != "length")
	if err != nil {
		d.program.log.Warn("prepared answers", "err", err)
		return nil, said(&sayError{"The model wrote something else than cards. Press the button once more, or choose another model.", err})
	}
	var cards []overlay.Card
	for _, c := range written {
		cards = append(cards, overlay.Card(c))
	}
	return cards, nil
}

// deckOf are the cards of a prepared interview, nil without any.
func deckOf(p account.Prepared) *interview.Deck {
	if len(p.Cards) == 0 {
		return nil
	}
	var cards []interview.Card
	for _, c := range p.Cards {
		cards = append(cards, interview.Card(c))
	}
	return interview.NewDeck(cards)
}
