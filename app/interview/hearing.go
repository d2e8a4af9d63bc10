package interview

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"copilot/app/deepgram"
)

// Bounds of what is kept of one channel.
const (
	maxUtterance = 4000 // bytes; an utterance that never pauses is closed here
	maxSpans     = 16   // finals remembered, to know a repeated one
	maxRecent    = 64   // words remembered, to know an echo
)

// word is one recognised word; norm is what it is compared by.
type word struct {
	text, norm string
	from, to   time.Duration
	sure       float64 // the recogniser's confidence; 0 when unknown
}

type span struct{ from, to time.Duration }

func (s span) holds(t time.Duration) bool { return s.from <= t && t < s.to }

// piece is one transcript: a final, or the tail that may still change.
type piece struct {
	span
	text       string
	words      []word
	confidence float64 // mean over the words; 0 when unknown
	eager      bool    // the transcriber takes the turn for over, though not for certain
}

// hearing is what one channel has said: the finals of the open utterance, the
// interim tail, and enough of the past to know repetitions and echoes. It is a
// value; its slices are replaced, never written to.
type hearing struct {
	open    []piece // by time
	interim piece
	past    []span // of closed finals, newest last
	recent  []word // of finals, newest last
	shown   string // the last closed utterance, on screen until the next begins
}

// utterance is the finals of one channel up to an endpoint.
type utterance struct {
	span       // from the first word's start to the last word's end
	text       string
	words      []word
	confidence float64
}

// hear takes a transcript in. closed says that it ended the utterance, which
// then has words.
func (h hearing) hear(t deepgram.Transcript) (after hearing, u utterance, closed bool) {
	p, repeated := newPiece(t).without(h.past, h.open)
	if !t.Final && !t.SpeechFinal {
		if !repeated { // else a straggler: its final has come already
			h.interim = p
		}
		return h, u, false
	}
	if h.interim.from <= p.to || p.to == 0 {
		h.interim = piece{}
	}
	if p.text != "" {
		h.open = insert(h.open, p)
		h.recent = latest(append(slices.Clip(h.recent), p.words...), maxRecent)
	}
	if t.SpeechFinal || h.openBytes() > maxUtterance {
		return h.close()
	}
	return h, u, false
}

// end takes the news that the words up to lastWord were followed by none. It is
// ignored when newer words are held: the speaker went on (jambonz #1088).
func (h hearing) end(lastWord time.Duration) (after hearing, u utterance, closed bool) {
	const slack = 50 * time.Millisecond
	for _, w := range h.held() {
		if w.to > lastWord+slack {
			return h, u, false
		}
	}
	return h.flush()
}

// flush closes the utterance with its tail as it stands.
func (h hearing) flush() (after hearing, u utterance, closed bool) {
	if p := h.interim; p.text != "" {
		if n := len(p.words); n > 0 { // what its final adds later is new
			p.to = p.words[n-1].to
		}
		h.open = insert(h.open, p)
		h.recent = latest(append(slices.Clip(h.recent), p.words...), maxRecent)
		h.interim = piece{}
	}
	return h.close()
}

func (h hearing) close() (after hearing, u utterance, closed bool) {
	if len(h.open) == 0 {
		return h, u, false
	}
	var sure float64
	for _, p := range h.open {
		u.words = append(u.words, p.words...)
		sure += p.confidence * float64(len(p.words))
		h.past = latest(append(slices.Clip(h.past), p.span), maxSpans)
	}
	u.text = join(h.open)
	if n := len(u.words); n > 0 {
		u.from, u.to, u.confidence = u.words[0].from, u.words[n-1].to, sure/float64(n)
	}
	h.open, h.shown = nil, u.text
	return h, u, u.text != ""
}

// held returns the words of the open utterance, tail included.
func (h hearing) held() []word {
	var ws []word
	for _, p := range h.open {
		ws = append(ws, p.words...)
	}
	return append(ws, h.interim.words...)
}

// late returns the words heard last, tail included.
func (h hearing) late() []word { return append(slices.Clip(h.recent), h.interim.words...) }

// lastEnd returns when the last word ended.
func (h hearing) lastEnd() (end time.Duration) {
	for _, w := range h.late() {
		end = max(end, w.to)
	}
	return end
}

// text returns the open utterance, tail included.
func (h hearing) text() string {
	return strings.TrimSpace(join(h.open) + " " + h.interim.text)
}

func (h hearing) caption() Caption {
	if len(h.open) == 0 && h.interim.text == "" {
		return Caption{Final: h.shown}
	}
	return Caption{Final: join(h.open), Interim: h.interim.text}
}

func (h hearing) openBytes() (n int) {
	for _, p := range h.open {
		n += len(p.text)
	}
	return n
}

func newPiece(t deepgram.Transcript) piece {
	p := piece{span: span{t.Start, t.End}, text: clean(t.Text), eager: t.Eager}
	for _, w := range t.Words {
		if text := clean(w.Text); text != "" {
			p.words = append(p.words, word{text, norm(text), w.Start, w.End, w.Confidence})
			p.confidence += w.Confidence
		}
	}
	if n := len(p.words); n > 0 {
		p.confidence /= float64(n)
		return p
	}
	fields := strings.Fields(p.text) // no timings: spread the words evenly
	each := max(t.End-t.Start, 0) / time.Duration(max(len(fields), 1))
	for i, f := range fields {
		at := t.Start + time.Duration(i)*each
		p.words = append(p.words, word{f, norm(f), at, at + each, 0})
	}
	return p
}

// without returns p less the words that other finals hold already; repeated
// says that there were words and none is left. A piece without times is new.
func (p piece) without(past []span, open []piece) (rest piece, repeated bool) {
	if p.to <= p.from {
		return p, false
	}
	known := func(w word) bool {
		mid := (w.from + w.to) / 2
		return slices.ContainsFunc(past, func(s span) bool { return s.holds(mid) }) ||
			slices.ContainsFunc(open, func(o piece) bool { return o.holds(mid) })
	}
	i := slices.IndexFunc(p.words, known)
	if i < 0 {
		return p, false
	}
	kept := slices.DeleteFunc(slices.Clone(p.words), known)
	texts := make([]string, len(kept))
	for i, w := range kept {
		texts[i] = w.text
	}
	p.words, p.text = kept, strings.Join(texts, " ")
	return p, len(kept) == 0
}

// insert returns open with p in its place by time.
func insert(open []piece, p piece) []piece {
	i := len(open)
	for i > 0 && p.to > p.from && open[i-1].from > p.from {
		i--
	}
	return slices.Insert(slices.Clone(open), i, p)
}

// latest returns the last n of s.
func latest[T any](s []T, n int) []T {
	if len(s) <= n {
		return s
	}
	return slices.Clone(s[len(s)-n:])
}

func join(ps []piece) string {
	texts := make([]string, len(ps))
	for i, p := range ps {
		texts[i] = p.text
	}
	return strings.Join(texts, " ")
}

// norm returns a word's letters and digits in lower case.
func norm(w string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r) {
			return unicode.ToLower(r)
		}
		return -1
	}, w)
}
