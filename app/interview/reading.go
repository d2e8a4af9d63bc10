package interview

import "time"

// Reading follows a candidate who reads an answer aloud: it aligns the words
// that were heard, interim ones included, to the words of the answer. The
// reader may skip words, add some, put a clause otherwise, be misheard, leave
// out a point, say a sentence again, or speak of something else and come back;
// meanwhile the position waits where it was.
//
// A Reading is a value: its methods return the reading afterwards and leave the
// old one alone. The zero Reading is at the beginning of an empty answer.
//
// The alignment is a Viterbi search over the places in a window of the answer,
// from the sentence before the reader to some sentences ahead, so that a word
// costs the same however long the answer is.
type Reading struct {
	script script
	sure   track         // after the words that will not change
	tip    track         // after the interim words too
	at     int           // words said, as told
	heard  time.Duration // end of the last word that will not change
	last   time.Duration // end of the last word, interim ones included
	pace   pace          // over the words that will not change
	lately pace          // and over the interim words too
}

// pace is how long a word takes, averaged over the last ones.
type pace time.Duration

// track is how well each place in the window explains what was heard. A place
// is how many words of the answer are said.
type track struct {
	from  int       // the window's first place
	score []float32 // best path to each place; the best of all is 0
	best  int       // place with the best score
	place int       // the place that is believed
	found float32   // evidence for the best place, fading
	loose int       // words that the answer does not have, since the last it has
	lost  int       // of those, the ones that carry something
}

// Costs of the alignment, in units of one ordinary word recognised, and its
// bounds. Tuned on the answers of testdata/reading.txt that are not held out.
const (
	costAdded   = 0.8  // a word that the answer does not have
	costFiller  = 0.15 // the same, of a word that carries little
	costOther   = 0.8  // a word in place of another
	costSkip    = 0.3  // leaving words out,
	costSkipped = 0.3  // and for each of them, by its weight
	costPoint   = 1.3  // going on at the beginning of a later sentence
	costBack    = 1.4  // going back
	worst       = -9   // relative to the best; further off is all the same
	windowAhead = 80   // places
)

// When a place is believed. Evidence is the weight of the words recognised
// there; it fades.
const (
	fading     = 0.6 // per word that carries something
	enoughNear = 0.9 // to go on some words ahead
	nearby     = 8
	enoughFar  = 1.7 // to go anywhere else
	enoughLost = 1.9 // to go anywhere when the reader spoke of something else
	wandering  = 4   // words that the answer does not have: it seems so, and at twice that it is so
	stutter    = 4   // going back less than this is saying words again
	hedge      = 2   // places gone on while the reader puts it otherwise,
	begun      = 4   // once so many words are read
)

// How the place goes on by the clock alone, until the next words come.
const (
	guess       = 4 // places at most
	usualPace   = pace(400 * time.Millisecond)
	breathTaken = 400 * time.Millisecond // between sentences
)

// hear takes in what the candidate said while an answer was shown: finals are
// new and will not change, interim is the whole tail that may. Words that were
// heard before are left out by their time. The answer's last word is taken for
// unfinished unless the answer is whole.
func (r Reading) hear(answer Text, whole bool, finals, interim []word) Reading {
	r.script = r.script.grow(answer, whole)
	if len(r.script.words) == 0 {
		return r
	}
	if r.sure.score == nil {
		r.sure, r.pace = track{score: []float32{0}}, usualPace
	}
	for _, w := range spoken(finals) {
		if w.to > r.heard || w.to == 0 {
			r.sure = r.sure.step(r.script, w)
			r.pace = r.pace.after(w.to - r.heard)
			r.heard = max(r.heard, w.to)
		}
	}
	r.tip, r.last, r.lately = r.sure, r.heard, r.pace
	for _, w := range spoken(interim) {
		if w.to > r.heard || w.to == 0 {
			r.tip = r.tip.step(r.script, w)
			r.lately = r.lately.after(w.to - r.last)
			r.last = max(r.last, w.to)
		}
	}
	at := r.tip.place
	if at >= begun {
		at += min(r.tip.loose, hedge, r.script.sentenceEnd(at)-at)
	}
	if at > r.at || at < r.at-hedge {
		r.at = max(at, r.script.before(r.at))
	}
	return r
}

// after takes in the time from one word's end to the next's.
func (p pace) after(word time.Duration) pace {
	if word <= 0 || word > time.Second { // a pause is no pace
		return p
	}
	return p + (pace(word)-p)/12
}

// Words returns how many words of the answer were said when the last word was heard.
func (r Reading) Words() int { return r.at }

// Said returns how many bytes of the answer have been said at a time of the
// capture's timeline. Recognition is late by a second and more, so until the
// next words come the voice is taken to go on at its pace, for some words.
func (r Reading) Said(now time.Duration) int { return r.script.offset(r.wordsAt(now)) }

func (r Reading) wordsAt(now time.Duration) int {
	at := min(r.at, len(r.script.words))
	since := now - r.last
	if at == 0 || r.tip.loose > 2 || since <= 0 {
		return at
	}
	said := func(d time.Duration) int { return int((d + time.Duration(r.lately)/2) / time.Duration(r.lately)) }
	ahead := said(since)
	if end := r.script.sentenceEnd(at - 1); at+ahead > end {
		ahead = max(end-at, said(since-breathTaken))
	}
	return min(at+min(ahead, guess), len(r.script.words))
}

// Done says whether the answer was read to its last word, as far as it is written.
func (r Reading) Done() bool {
	n := len(r.script.words)
	return n > 0 && r.at >= n
}

// step takes in one spoken word.
func (t track) step(s script, w word) track {
	if w.norm == "" || hesitation[w.norm] {
		return t
	}
	from, to := s.window(t.place)
	n := to - from + 1
	next := make([]float32, n)
	gain := make([]float32, n)
	at := func(place int) float32 { // the score so far
		if i := place - t.from; i >= 0 && i < len(t.score) {
			return t.score[i]
		}
		return worst
	}
	added, other := float32(costAdded), float32(costOther)
	if little[w.norm] {
		added, other = costFiller, costOther/2
	}
	behind := backScores(at, from, to)
	ahead := float32(3 * worst) // the best score before this place, less what is skipped
	best := float32(3 * worst)  // the best score before this place
	for i := range next {
		place := from + i
		score := at(place) - added
		if place > 0 {
			a := &s.words[place-1]
			before := at(place - 1)
			reward := a.alike(w.norm) * a.weight
			if reward > 0 {
				way := max(before, ahead-costSkip, behind[i]-costBack)
				if a.opens {
					way = max(way, best-costPoint)
				}
				if way+reward > score {
					score, gain[i] = way+reward, reward
				}
			} else if other := before - other; other > score {
				score = other
			}
			if place > from {
				ahead = max(ahead, before) - costSkipped*a.weight
				best = max(best, before)
			}
		}
		next[i] = score
	}
	return t.settle(from, next, gain, w)
}

// backScores returns for each place the best score of the places after it.
func backScores(at func(int) float32, from, to int) []float32 {
	out := make([]float32, to-from+1)
	best := float32(3 * worst)
	for place := to; place >= from; place-- {
		out[place-from] = best
		best = max(best, at(place))
	}
	return out
}

// settle finds the best place, of equal ones the nearest to the last, and
// believes it when there is evidence enough.
func (t track) settle(from int, score []float32, gain []float32, w word) track {
	best := 0
	for i, v := range score {
		d := v - score[best]
		if d > 0 || d == 0 && abs(from+i-t.best) < abs(from+best-t.best) {
			best = i
		}
	}
	high := score[best]
	for i := range score {
		score[i] = max(score[i]-high, worst)
	}
	after := track{from: from, score: score, best: from + best, place: t.place}
	after.loose, after.lost = t.loose+1, t.lost
	switch {
	case gain[best] > 0:
		after.found = t.found*fading + gain[best]
		if after.found >= t.enough(after.best-t.place) {
			after.place, after.loose, after.lost = after.best, 0, 0
		}
	case little[w.norm]:
		after.found = t.found
	default:
		after.found, after.lost = t.found*fading, t.lost+1
	}
	return after
}

// enough is the evidence that it takes to believe in a move.
func (t track) enough(move int) float32 {
	const never = 1e9
	switch {
	case move < 0 && move > -stutter:
		return never
	case t.lost >= 2*wandering:
		return enoughLost
	case move <= hedge && move > 0 && t.lost < wandering && (t.place > 0 || t.lost == 0):
		return 0
	case move <= nearby && move > 0 && t.place > 0:
		return enoughNear
	}
	return enoughFar
}

func abs(i int) int { return max(i, -i) }
