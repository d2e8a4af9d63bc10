package interview

import (
	"slices"
	"strings"

	"copilot/audio"
)

// Bounds of the dialogue that is kept. What is dropped was in earlier states,
// so a caller that stores the interview sees all of it through Observe.
const (
	maxTurns     = 1000
	dropTurns    = 250     // at once
	maxTurn      = 8 << 10 // bytes; a longer turn goes on in another
	maxQuestions = 100
	dropAsked    = 25
)

// say appends an utterance to the dialogue and returns where it begins.
func (s State) say(c audio.Channel, u utterance) (State, place) {
	n := len(s.Turns)
	if n > 0 && s.Turns[n-1].Speaker == c && !s.Turns[n-1].Gap && len(s.Turns[n-1].Text)+len(u.text) < maxTurn {
		s.Turns = slices.Clone(s.Turns)
		t := &s.Turns[n-1]
		at := place{s.forgotten + n - 1, len(t.Text) + 1}
		t.Text += " " + u.text
		t.End = max(t.End, u.to)
		s.said += 1 + weight(u.text)
		return s, at
	}
	s = s.addTurn(Turn{Speaker: c, Text: u.text, Start: u.from, End: u.to})
	return s, place{s.forgotten + len(s.Turns) - 1, 0}
}

func (s State) addTurn(t Turn) State {
	s.Turns = append(slices.Clip(s.Turns), t)
	s.said += t.weight()
	if len(s.Turns) > maxTurns {
		s.Turns = slices.Clone(s.Turns[dropTurns:])
		s.forgotten += dropTurns
	}
	return s
}

// line is how a turn stands in a prompt.
func (t Turn) line() string {
	if t.Gap {
		return "(some seconds were not heard)\n"
	}
	if t.Speaker == audio.Candidate {
		return "Candidate: " + t.Text + "\n"
	}
	return "Interviewer: " + t.Text + "\n"
}

func (t Turn) weight() int { return weight(t.line()) }

// turn returns the kept turn with a number of a place.
func (s State) turn(number int) (Turn, bool) {
	if i := number - s.forgotten; i >= 0 && i < len(s.Turns) {
		return s.Turns[i], true
	}
	return Turn{}, false
}

// unanswered returns what the interviewer said last, as far as no question
// holds it, and where that begins.
func (s State) unanswered() (text string, from place) {
	for i := len(s.Turns) - 1; i >= 0; i-- {
		t := s.Turns[i]
		if t.Gap || t.Speaker == audio.Candidate {
			continue
		}
		at, through := 0, s.asked.through
		switch number := s.forgotten + i; {
		case number < through.turn:
			return "", place{}
		case number == through.turn:
			at = min(through.at, len(t.Text))
		}
		if cut := len(t.Text) - maxQuestion; at < cut {
			at = cut + max(strings.IndexByte(t.Text[cut:], ' '), 0)
		}
		at += len(t.Text[at:]) - len(strings.TrimLeft(t.Text[at:], " "))
		return t.Text[at:], place{s.forgotten + i, at}
	}
	return "", place{}
}

// dialogueEnd returns the end of the dialogue.
func (s State) dialogueEnd() place {
	if n := len(s.Turns); n > 0 {
		return place{s.forgotten + n - 1, len(s.Turns[n-1].Text)}
	}
	return place{s.forgotten, 0}
}

// here returns where the next utterance of the interviewer will begin.
func (s State) here() place {
	if n := len(s.Turns); n > 0 && s.Turns[n-1].Speaker == audio.Interviewer && !s.Turns[n-1].Gap {
		return place{s.forgotten + n - 1, len(s.Turns[n-1].Text) + 1}
	}
	return place{s.forgotten + len(s.Turns), 0}
}
