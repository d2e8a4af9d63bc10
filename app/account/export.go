package account

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// ExportMarkdown writes an interview as a document: what was said and suggested,
// the person's notes and the debrief. figures are further lines about it, such
// as its counts; times are those of loc. It is CommonMark in which nothing of
// the interview's own text is taken for markup.
func ExportMarkdown(w io.Writer, p Past, figures []string, loc *time.Location) error {
	var b strings.Builder
	list := false
	for _, part := range parts(p, figures, loc) {
		if list && part.kind != bulletPart {
			b.WriteString("\n")
		}
		list = part.kind == bulletPart
		switch part.kind {
		case titlePart:
			b.WriteString("# ")
		case headingPart:
			b.WriteString("## ")
		case bulletPart:
			b.WriteString("- ")
		case answerPart:
			b.WriteString("> ")
		}
		for _, s := range part.spans {
			text := escapeMarkdown(s.text)
			if s.bold && strings.TrimSpace(text) != "" {
				lead := text[:len(text)-len(strings.TrimLeft(text, " "))]
				tail := text[len(strings.TrimRight(text, " ")):]
				text = lead + "**" + strings.TrimSpace(text) + "**" + tail
			}
			b.WriteString(text)
		}
		b.WriteString("\n")
		if part.kind != bulletPart {
			b.WriteString("\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// escapeMarkdown keeps CommonMark's punctuation from meaning anything.
func escapeMarkdown(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune("\\`*_{}[]<>#|~&!", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	s = b.String()
	if rest := strings.TrimLeft(s, "0123456789"); rest != s && (strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, ")")) {
		return s[:len(s)-len(rest)] + "\\" + rest // no numbered list
	}
	if s != "" && strings.ContainsRune("-+=", rune(s[0])) {
		return "\\" + s
	}
	return s
}

// part is one paragraph of an exported interview.
type part struct {
	kind  partKind
	spans []textSpan
}

type textSpan struct {
	text string
	bold bool
}

type partKind int

const (
	titlePart partKind = iota
	headingPart
	plainPart
	bulletPart
	answerPart // suggested, not said
)

// parts is the document that every format writes.
func parts(p Past, figures []string, loc *time.Location) []part {
	title := clean(p.Title)
	if title == "" {
		title = "Interview"
	}
	out := []part{{titlePart, []textSpan{{title, false}}}}
	add := func(kind partKind, spans ...textSpan) { out = append(out, part{kind, spans}) }
	when := p.Started.In(loc).Format("2 January 2006, 15:04")
	if long := p.Ended.Sub(p.Started); long >= time.Minute {
		when += fmt.Sprintf(", %d minutes", int(long.Minutes()))
	}
	add(plainPart, textSpan{when, false})
	if len(figures) > 0 || strings.TrimSpace(p.Debrief) != "" {
		add(headingPart, textSpan{"Debrief", false})
	}
	for _, f := range figures {
		add(bulletPart, textSpan{clean(f), false})
	}
	out = append(out, markdownParts(p.Debrief)...)
	if strings.TrimSpace(p.Notes) != "" {
		add(headingPart, textSpan{"Notes", false})
		for line := range strings.Lines(p.Notes) {
			if line = clean(line); line != "" {
				add(plainPart, textSpan{line, false})
			}
		}
	}
	if len(p.Turns) > 0 {
		add(headingPart, textSpan{"Transcript", false})
	}
	for _, t := range p.Turns {
		at := fmt.Sprintf("%d:%02d  ", int(t.At.Minutes()), int(t.At.Seconds())%60)
		switch t.Speaker {
		case SpeakerAnswer:
			add(answerPart, append([]textSpan{{"Suggested: ", true}}, spans(oneLine(t.Text))...)...)
		case SpeakerInterviewer:
			add(plainPart, textSpan{at + "Interviewer: ", true}, textSpan{clean(t.Text), false})
		default:
			add(plainPart, textSpan{at + "You: ", true}, textSpan{clean(t.Text), false})
		}
	}
	return out
}

// oneLine joins the lines and points of a suggested answer.
func oneLine(answer string) string {
	var lines []string
	for line := range strings.Lines(answer) {
		if line = strings.TrimPrefix(strings.TrimSpace(line), "- "); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, " · ")
}

// markdownParts understands the little Markdown that models write here.
func markdownParts(s string) (out []part) {
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		kind := plainPart
		if rest, ok := strings.CutPrefix(line, "- "); ok {
			kind, line = bulletPart, rest
		}
		line = strings.TrimLeft(line, "# ")
		if line != "" {
			out = append(out, part{kind, spans(line)})
		}
	}
	return out
}

// spans divides a line at its **bold** marks.
func spans(line string) (out []textSpan) {
	for i, text := range strings.Split(line, "**") {
		if text = keepSpaces(text); text != "" {
			out = append(out, textSpan{text, i%2 == 1})
		}
	}
	return out
}

// clean returns s on one line, without what no document can show.
func clean(s string) string { return strings.TrimSpace(keepSpaces(s)) }

func keepSpaces(s string) string {
	space := false
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			if space {
				return -1
			}
			space = true
			return ' '
		case r == utf8.RuneError, unicode.IsControl(r), unicode.Is(unicode.Co, r), unicode.Is(unicode.Noncharacter_Code_Point, r):
			return -1
		case r == '\u202a', r == '\u202b', r == '\u202d', r == '\u202e': // text that reads differently from what it says
			return -1
		}
		space = false
		return r
	}, s)
}
