package main

import (
	"fmt"
	"io"
	"strings"

	"copilot/app/interview"
)

// announced is what the terminal has said of what the window shows by marks and
// colours: each thing once, in a sentence, for a screen reader.
type announced struct {
	next   int    // ID of the question whose answer waits
	asked  int    // ID of the question that parts is of
	parts  int    // of it that are covered
	card   string // the prepared answer
	cardOf int    // and the ID of its question
	claims map[string]bool
	judged int // ID of the question that claims is of
}

// waits tells that another question was asked while an answer is being read.
func (t *terminal) waits(s interview.State) {
	next := s.Reader.Next
	if next == 0 {
		t.told.next = 0
	}
	for _, q := range s.Questions.Settled().All() {
		if q.ID == next && next != t.told.next {
			t.told.next = next
			t.line("Next question waits: ", q.Text)
		}
	}
}

// announce tells what is new: a prepared answer, claims that no document holds,
// parts of the question that the candidate has answered.
func (t *terminal) announce(s interview.State) {
	t.waits(s)
	if qs := s.Questions.Settled(); t.asked > 0 && t.asked <= qs.Len() {
		t.prepared(qs.At(t.asked - 1))
		t.unfounded(qs.At(t.asked - 1))
	}
	if q, ok := s.Current(); ok {
		t.ticks(q.ID, s.Reader.Parts.All)
	}
}

func (t *terminal) prepared(q interview.Question) {
	if !q.Card || q.Answer.Text.Len() > 0 || q.ID == t.told.cardOf && q.Prepared == t.told.card {
		return
	}
	t.told.cardOf, t.told.card = q.ID, q.Prepared
	t.line("", "Prepared before the interview, for a question like this one:")
	w := wrapper{width: t.Width - 2, indent: "  ", eol: t.EOL, colour: t.Colour}
	io.WriteString(t.Out, w.write(q.Prepared)+w.flush()+t.EOL)
}

func (t *terminal) unfounded(q interview.Question) {
	if q.ID != t.told.judged {
		t.told.judged, t.told.claims = q.ID, map[string]bool{}
	}
	var claims []string
	for _, l := range q.Answer.Labels.All {
		if l.Ground == interview.Unfounded && !t.told.claims[l.Claim] {
			t.told.claims[l.Claim] = true
			claims = append(claims, l.Claim)
		}
	}
	if len(claims) > 0 {
		t.line("", "! Not in your documents: "+strings.Join(claims, ", ")+". Say it only if it is true.")
	}
}

// ticks tells which parts of a question of several are covered, and what is left.
func (t *terminal) ticks(id int, parts []interview.Part) {
	if id != t.told.asked {
		t.told.asked, t.told.parts = id, 0
	}
	var covered, left []string
	for _, p := range parts {
		if p.Covered {
			covered = append(covered, p.Text)
		} else {
			left = append(left, p.Text)
		}
	}
	if len(parts) < 2 || len(covered) <= t.told.parts {
		return
	}
	t.told.parts = len(covered)
	text := fmt.Sprintf("Covered %d of %d.", len(covered), len(parts))
	if len(left) > 0 {
		text += " Still asked: " + strings.Join(left, "; ") + "."
	}
	t.line("", text)
}
