package deepgram

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"
)

const (
	// tailPatience is how long an utterance may stand still before the watchdog
	// asks for its end, and answerPatience how long it waits for the answer:
	// neither endpointing nor Finalize is certain to be answered.
	tailPatience   = 1500 * time.Millisecond
	answerPatience = time.Second
	// overlapSlack is what neighbouring pieces may overlap by rounding.
	overlapSlack = 50 * time.Millisecond
	// interimSlack is the end of a silent interim that may still become a word.
	interimSlack = 2 * time.Second
)

// lane is what is known of one channel. It decides what of a result is new, and
// when an utterance that nobody ends is over. Times are on the capture's
// timeline, now is the clock.
type lane struct {
	tail    Transcript // the newest interim, while it has words
	open    bool       // finals came since the last end of an utterance
	last    Word       // the newest final word
	settled time.Duration
	covered []span // what is final, ascending and apart

	changed time.Time // when the utterance last grew
	asked   time.Time // when the watchdog asked for its end; zero: it did not
}

type span struct{ start, end time.Duration }

// hear takes a result and returns what of it is to be told, if anything. Words
// that are final already, because the sound was sent again or the result came
// twice, are cut off.
func (l *lane) hear(t Transcript, now time.Time) (Transcript, bool) {
	piece := span{t.Start, t.End}
	if n := len(t.Words); n > 0 {
		piece.end = max(piece.end, t.Words[n-1].End)
		t.End = piece.end
	}
	t = l.trim(t)
	if !t.Final {
		return l.hearInterim(t, now)
	}
	l.cover(piece)
	hadTail, wasOpen := l.tail.Text != "", l.open
	if t.Finalized && !l.asked.IsZero() {
		t.SpeechFinal = true // the watchdog asked because nobody was speaking
	}
	l.tail, l.asked, l.changed = Transcript{}, time.Time{}, now
	if t.Text != "" {
		l.open = true
		l.last = Word{Text: t.Text, Start: t.Start, End: t.End}
		if n := len(t.Words); n > 0 {
			l.last = t.Words[n-1]
		}
	}
	if t.SpeechFinal {
		l.open = false
	}
	// An empty final says something only to an utterance that is there.
	return t, t.Text != "" || hadTail || wasOpen && (t.SpeechFinal || t.Finalized)
}

func (l *lane) hearInterim(t Transcript, now time.Time) (Transcript, bool) {
	had := l.tail.Text
	if t.Text == "" {
		if had == "" {
			l.settled = max(l.settled, t.End-interimSlack)
		}
		l.tail = Transcript{}
		return t, had != ""
	}
	if t.Text != had {
		l.changed, l.asked = now, time.Time{}
	}
	l.tail = t
	return t, true
}

// trim cuts off the words that are final already.
func (l *lane) trim(t Transcript) Transcript {
	if !l.repeats(span{t.Start, t.End}) {
		return t
	}
	if len(t.Words) == 0 {
		if l.covers(t.Start + (t.End-t.Start)/2) {
			t.Text = ""
		}
		return t
	}
	kept := slices.DeleteFunc(slices.Clone(t.Words), func(w Word) bool {
		// Heard a second time, a word may lie a little elsewhere.
		again := w.Start < l.last.End && plain(w.Text) == plain(l.last.Text)
		return again || l.covers(w.Start+(w.End-w.Start)/2)
	})
	if len(kept) == len(t.Words) {
		return t
	}
	t.Words, t.Text = kept, ""
	if len(kept) > 0 {
		texts := make([]string, len(kept))
		for i, w := range kept {
			texts[i] = w.Text
		}
		t.Text, t.Start = strings.Join(texts, " "), kept[0].Start
	}
	return t
}

// repeats says that a piece has a part that is final.
func (l *lane) repeats(p span) bool {
	for _, c := range l.covered {
		if min(p.end, c.end)-max(p.start, c.start) > overlapSlack {
			return true
		}
	}
	return false
}

func (l *lane) covers(t time.Duration) bool {
	return slices.ContainsFunc(l.covered, func(c span) bool { return c.start <= t && t < c.end })
}

// cover notes that a piece is final.
func (l *lane) cover(p span) {
	l.settled = max(l.settled, p.end)
	var rest []span
	for _, c := range l.covered {
		if p.start <= c.end+overlapSlack && c.start <= p.end+overlapSlack {
			p = span{min(p.start, c.start), max(p.end, c.end)}
		} else {
			rest = append(rest, c)
		}
	}
	rest = append(rest, p)
	slices.SortFunc(rest, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	l.covered = rest[max(0, len(rest)-16):]
}

// utteranceEnd says whether an UtteranceEnd whose last word ended at lastWord
// (negative: unknown) ends what was said. With words that are not final yet the
// watchdog is to ask for them at once, unless they came after that word.
func (l *lane) utteranceEnd(lastWord time.Duration, now time.Time) (tell, ask bool) {
	if tail := l.tail; tail.Text != "" {
		ask = (lastWord < 0 || lastWord >= tail.lastWordEnd()-overlapSlack) && l.asked.IsZero()
		if ask {
			l.asked = now
		}
		return false, ask
	}
	if !l.open || lastWord >= 0 && lastWord < l.last.End-overlapSlack {
		return false, false
	}
	l.open = false
	return true, false
}

// due returns when expire is to be called; zero: not at all.
func (l *lane) due() time.Time {
	switch {
	case l.tail.Text == "" && !l.open:
		return time.Time{}
	case !l.asked.IsZero():
		return l.asked.Add(answerPatience)
	}
	return l.changed.Add(tailPatience)
}

// expire is the watchdog: first it asks for a Finalize, then it ends the
// utterance itself with the words at hand. A final that comes after all finds
// its words told.
func (l *lane) expire(now time.Time) (t Transcript, tell, ask bool) {
	due := l.due()
	if due.IsZero() || now.Before(due) {
		return t, false, false
	}
	if l.asked.IsZero() {
		l.asked = now
		return t, false, true
	}
	t, _ = l.promote()
	return t, true, false
}

// promote ends the utterance with its tail as the final.
func (l *lane) promote() (Transcript, bool) {
	t := l.tail
	had := t.Text != ""
	if had {
		end := t.lastWordEnd()
		l.cover(span{t.Start, end})
		l.last = Word{Text: t.Text, Start: t.Start, End: end}
		if n := len(t.Words); n > 0 {
			l.last = t.Words[n-1]
		}
		t.End = end
	} else {
		t.Start, t.End = l.last.End, l.last.End
	}
	t.Final, t.SpeechFinal = true, true
	l.tail, l.open, l.asked = Transcript{}, false, time.Time{}
	return t, had
}

// postpone makes the watchdog begin anew.
func (l *lane) postpone(now time.Time) { l.changed, l.asked = now, time.Time{} }

// lose forgets the interim of a lost connection: its sound will be heard again.
func (l *lane) lose() (had bool) {
	had = l.tail.Text != ""
	l.tail, l.asked = Transcript{}, time.Time{}
	return had
}

// lastWordEnd returns where the words end, which is before the piece does.
func (t *Transcript) lastWordEnd() time.Duration {
	if n := len(t.Words); n > 0 {
		return t.Words[n-1].End
	}
	return t.End
}

// plain is a word without case and punctuation.
func plain(word string) string {
	return strings.ToLower(strings.TrimFunc(word, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r)
	}))
}
