package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"copilot/app/interview"
	"copilot/audio"
)

// terminal is the teleprompter for a terminal: transcript, questions and
// answers are printed once, in order, and never rewritten, which is what a
// screen reader and a slow SSH line need. With Live set, one last line is
// redrawn in place: state, meters and the words still being heard.
type terminal struct {
	Out    io.Writer
	Width  int  // columns; text is wrapped at words
	Colour bool // bold cue words and dimmed labels by ANSI sequences
	Live   bool // the last line may be redrawn
	EOL    string

	mode    string
	phase   interview.Phase
	started bool
	notice  string
	devices [audio.Channels]string
	turns   int // turns printed in full
	part    int // bytes printed of the turn after them
	open    bool
	asked   int    // questions printed
	text    string // of the newest one
	bytes   int    // of its answer printed
	ended   bool
	live    string
	wrap    wrapper
	told    announced
}

func newTerminal(out io.Writer, width int) *terminal {
	if width < 20 {
		width = 80
	}
	return &terminal{Out: out, Width: width, EOL: "\n", phase: -1}
}

// Show prints what is new in s. It is called from one goroutine.
func (t *terminal) Show(s interview.State) {
	t.clearLive()
	t.status(s)
	t.question(s)
	if !t.answering(s) { // a transcript line must not break into a running answer
		t.announce(s)
		t.transcript(s)
	}
	t.drawLive(s)
}

func (t *terminal) status(s interview.State) {
	if s.Mode != t.mode {
		t.mode = s.Mode
		switch s.Mode {
		case "rehearsal":
			t.line("", "Rehearsal: captions and answers come from the recording.")
		case "":
		default:
			t.line("", "Mode: "+s.Mode+".")
		}
	}
	for c, lane := range s.Lanes {
		now := lane.State.String() + " " + lane.Device + " " + lane.Advice
		if now == t.devices[c] || lane.State == audio.LaneOpening {
			continue
		}
		t.devices[c] = now
		text := lane.State.String()
		if lane.Device != "" {
			text = lane.Device + ", " + text
		}
		if lane.Advice != "" {
			text += ". " + lane.Advice
		}
		t.line("", speaker(audio.Channel(c))+" lane: "+text)
	}
	if s.Phase != t.phase {
		was := t.phase
		t.phase = s.Phase
		if !quiet(s.Phase) || !quiet(was) {
			t.line("", "["+s.Phase.String()+"]")
		}
	}
	if s.Notice.Code != "" && s.Notice.Message != t.notice {
		t.line("", "! "+s.Notice.Message)
	}
	t.notice = s.Notice.Message
}

// quiet phases follow from what is printed anyway.
func quiet(p interview.Phase) bool {
	return p == interview.Listening || p == interview.Thinking || p == interview.Answering
}

// answering says whether the newest answer is in the middle of being printed.
func (t *terminal) answering(s interview.State) bool {
	return s.Questions.Settled().Len() > 0 && !t.ended && t.bytes > 0
}

// question prints the newest question and its answer. A draft is not printed
// before it is adopted: what is printed cannot be taken back.
func (t *terminal) question(s interview.State) {
	s.Questions = s.Questions.Settled()
	if s.Questions.Len() < t.asked {
		t.asked = s.Questions.Len()
	}
	for i := t.asked; i < s.Questions.Len(); i++ {
		t.finishAnswer(s, i-1)
		t.waits(s)
		t.printQuestion(s.Questions.At(i))
		t.asked = i + 1
	}
	if t.asked == 0 {
		return
	}
	q := s.Questions.At(t.asked - 1)
	if q.Text != t.text && t.bytes == 0 { // it went on: say it again, whole
		t.endLine()
		t.printQuestion(q)
	}
	t.text = q.Text
	t.answer(q)
}

func (t *terminal) printQuestion(q interview.Question) {
	t.text, t.bytes, t.ended = q.Text, 0, false
	t.line("", "")
	t.line(t.bold("Question: "), q.Text)
}

// finishAnswer prints what question i still lacks before the next one begins.
func (t *terminal) finishAnswer(s interview.State, i int) {
	if i < 0 || i != t.asked-1 || t.ended {
		return
	}
	t.answer(s.Questions.At(i))
	if !t.ended {
		t.endLine()
	}
}

func (t *terminal) answer(q interview.Question) {
	if t.ended {
		return
	}
	if n := q.Answer.Text.Len(); n > t.bytes {
		if t.bytes == 0 {
			t.wrap = wrapper{width: t.Width - 2, indent: "  ", eol: t.EOL, colour: t.Colour}
		}
		io.WriteString(t.Out, t.wrap.write(q.Answer.Text.From(t.bytes)))
		t.bytes, t.open = n, true
	}
	switch q.Answer.Status {
	case interview.AnswerDone:
		t.endAnswer(fmt.Sprintf("(first word after %.1f s, complete after %.1f s)",
			q.Answer.FirstToken.Seconds(), q.Answer.Done.Seconds()))
	case interview.AnswerCancelled:
		t.endAnswer("(stopped)")
	case interview.AnswerFailed:
		t.endAnswer("(" + q.Answer.Problem + ")")
	}
}

func (t *terminal) endAnswer(how string) {
	t.endLine()
	io.WriteString(t.Out, "  "+t.dim(t.wrapped("  ", how))+t.EOL)
	t.ended = true
}

// endLine closes an answer's open line.
func (t *terminal) endLine() {
	if t.open {
		io.WriteString(t.Out, t.wrap.flush()+t.EOL)
		t.open = false
	}
}

func (t *terminal) transcript(s interview.State) {
	if len(s.Turns) < t.turns { // older turns were dropped, or the screen was cleared
		t.turns, t.part = len(s.Turns), 0
	}
	for ; t.turns < len(s.Turns); t.turns, t.part = t.turns+1, 0 {
		turn := s.Turns[t.turns]
		last := t.turns == len(s.Turns)-1
		if turn.Gap {
			t.line("", "! Nothing was heard for "+fmt.Sprintf("%.0f", (turn.End-turn.Start).Seconds())+" seconds.")
			continue
		}
		if len(turn.Text) > t.part {
			said := strings.TrimSpace(turn.Text[t.part:])
			if turn.Speaker != audio.Interviewer || !strings.Contains(t.text, said) { // else it stands there as the question
				t.line(t.bold(speaker(turn.Speaker)+": "), said)
			}
		}
		if last { // it may grow
			t.part = len(turn.Text)
			return
		}
	}
}

func speaker(c audio.Channel) string {
	if c == audio.Candidate {
		return "You"
	}
	return "Interviewer"
}

// line prints label and text.
func (t *terminal) line(label, text string) {
	io.WriteString(t.Out, label+t.wrapped(label, text)+t.EOL)
}

// wrapped is text, stripped of control characters, broken to the width as it
// stands after label, with a hanging indent.
func (t *terminal) wrapped(label, text string) string {
	w := wrapper{width: t.Width - 2, indent: strings.Repeat(" ", leading(label)), eol: t.EOL, colour: t.Colour}
	w.col = visible(label)
	return w.writePlain(clean(text)) + w.flush()
}

func (t *terminal) drawLive(s interview.State) {
	if !t.Live || t.open {
		return
	}
	text := s.Phase.String()
	for c := range s.Lanes {
		text += fmt.Sprintf("  %s %s", speaker(audio.Channel(c)), meter(s.Lanes[c].Level))
	}
	for c := range s.Captions {
		if tail := s.Captions[c].Interim; tail != "" {
			text += "  " + speaker(audio.Channel(c)) + ": …" + tail
		}
	}
	text = clean(text)
	if r := []rune(text); len(r) > t.Width-1 {
		text = string(r[:t.Width-1])
	}
	t.live = text
	io.WriteString(t.Out, t.dim(text))
}

func (t *terminal) clearLive() {
	if t.live != "" {
		io.WriteString(t.Out, "\r\x1b[K")
		t.live = ""
	}
}

// Close leaves the cursor on a line of its own.
func (t *terminal) Close() {
	t.clearLive()
	t.endLine()
}

func meter(level float64) string {
	const steps = "▁▂▃▄▅▆▇█"
	i := int(level * 8)
	return string([]rune(steps)[min(max(i, 0), 7)])
}

func (t *terminal) bold(s string) string { return t.ansi("\x1b[1m", s) }
func (t *terminal) dim(s string) string  { return t.ansi("\x1b[2m", s) }

func (t *terminal) ansi(on, s string) string {
	if !t.Colour || s == "" {
		return s
	}
	return on + s + "\x1b[0m"
}

// clean drops control characters: words from outside never steer the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r < 0x20 || r >= 0x7f && r < 0xa0 || r == utf8.RuneError:
			return -1
		case r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069: // bidirectional overrides
			return -1
		}
		return r
	}, s)
}

func leading(label string) int {
	if label == "  " {
		return 2
	}
	return 0
}

// visible is the width of s on screen, escape sequences apart.
func visible(s string) int {
	n, escape := 0, false
	for _, r := range s {
		switch {
		case r == 0x1b:
			escape = true
		case escape:
			escape = r != 'm'
		default:
			n++
		}
	}
	return n
}
