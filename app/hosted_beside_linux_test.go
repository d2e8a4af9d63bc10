package main

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"copilot/app/account/authtest"
	"copilot/app/interview"
	"copilot/app/overlay"
	"copilot/app/rehearsal"
	"copilot/audio"
)

// What: with one minute and no key of their own, somebody checks their sound
// with live words, has answers prepared and has a debrief written, against the
// real backend over a real Postgres. Why: before the first minute is charged
// everything can be tried, and nothing of it is charged; without minutes each
// says what to do.
func TestBesideAnInterview(t *testing.T) {
	iv := *bundled(t)
	iv.Questions = append(slices.Clone(iv.Questions), rehearsal.Question{ID: "cards", Text: "Write the cards of this interview now.", Answer: writtenDeck})
	s := serviceOf(t, &iv, false)
	p := s.program()
	defer p.hosted.account.Close()
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	d, err := p.newDesk(overlay.Settings{Mode: overlay.ModeHosted, Retain: overlay.RetainAll})
	if err != nil {
		t.Fatal(err)
	}
	prepared := overlay.Prepared{Name: "Payments", Resume: overlay.Paper{Text: "Led the split of a ledger at Larkfield"}}
	figures := interview.Review(exampleTalk())
	past := overlay.Past{Figures: &figures}
	refused := func(when string, wants ...string) {
		t.Helper()
		_, cards := d.WriteCards(t.Context(), prepared)
		debrief := d.Debrief(t.Context(), past, func(string) {})
		dial, why := p.checkWords(overlay.ModeHosted, "en")
		if why != "" {
			t.Errorf("%s: %s", when, why)
		}
		_, words := dial(t.Context())
		for i, err := range []error{cards, debrief, words} {
			if err == nil || !strings.Contains(strings.ToLower(sentence(err)), wants[i]) {
				t.Errorf("%s: %v, want %q", when, err, wants[i])
			}
		}
	}
	refused("signed out", "sign in first", "sign in first", "sign in")
	if err := p.hosted.SignIn(t.Context(), authtest.Email, authtest.Password); err != nil {
		t.Fatal(err)
	}
	refused("without minutes", "minutes are used up", "minutes are used up", "minutes are used up")

	s.credit(1)
	cards, err := d.WriteCards(t.Context(), prepared)
	if err != nil || len(cards) != 3 {
		t.Errorf("%d cards, %v", len(cards), err)
	}
	var words strings.Builder
	d.unkept[past.ID] = true
	if err := d.Debrief(t.Context(), past, func(s string) { words.WriteString(s) }); err != nil || words.Len() == 0 {
		t.Errorf("debrief: %q, %v", words.String(), err)
	}
	d.changed(overlay.Settings{Mode: overlay.ModeOwnKeys}) // without a key, it is the account that helps
	if _, err := d.WriteCards(t.Context(), prepared); err != nil {
		t.Errorf("in the mode of own keys: %v", err)
	}

	var mu sync.Mutex
	var heard [audio.Channels]bool
	var state overlay.SoundState
	dial, _ := p.checkWords(overlay.ModeHosted, "en")
	l := &listening{source: &rehearsal.Recording{Interview: &iv, Speed: 1}, show: func(s overlay.SoundState) {
		mu.Lock()
		defer mu.Unlock()
		state = s
		for c, lane := range s.Lanes {
			heard[c] = heard[c] || lane.Words != ""
		}
	}, words: func(ctx context.Context) (liveWords, error) {
		w, err := dial(ctx)
		if w.limit != time.Minute {
			t.Errorf("live words for %v, %v", w.limit, err)
		}
		w.limit = 6 * time.Second
		return w, err
	}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	soon(t, "live words come", func() bool { mu.Lock(); defer mu.Unlock(); return heard[audio.Interviewer] })
	soon(t, "they end", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return strings.HasPrefix(state.NoWords, "That was the free minute")
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if balance, charged := s.books(); balance != 1 || charged != 0 {
		t.Errorf("balance %d, %d charged", balance, charged)
	}
	if stats := s.vendors.Stats(); stats.Violations > 0 {
		t.Errorf("the vendors would have refused: %+v", stats.Notes)
	}
}
