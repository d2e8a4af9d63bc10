package interview

import "time"

// How one lane leaks into the other, by the start of the same word on both.
const (
	// Loudspeaker to microphone is immediate; word timings are off by a little,
	// and a Bluetooth loudspeaker is late.
	micEarly, micLate = -250 * time.Millisecond, 1500 * time.Millisecond
	micLateShort      = 400 * time.Millisecond // for a word or two
	// The candidate's voice coming back from the far end crosses the network twice.
	farEarly, farLate = 250 * time.Millisecond, 1500 * time.Millisecond
)

// ownWords returns what the candidate said of words, less what the microphone
// caught of the interviewer: any run of three words heard on both lanes within
// the leak's delay, and everything when most of it was.
func ownWords(words, interviewer []word) []word {
	late := micLate
	if len(words) < 3 { // "Kubernetes." may be the answer to "Kubernetes or Nomad?"
		late = micLateShort
	}
	leaked, n := matched(words, interviewer, micEarly, late)
	if n > 0 && 5*n >= 3*len(words) {
		return nil
	}
	if n < 3 {
		return words
	}
	var own []word
	for i := 0; i < len(words); {
		j := i
		for j < len(words) && leaked[j] {
			j++
		}
		if j-i < 3 { // a word or two in common is no echo
			j = max(j, i+1)
			own = append(own, words[i:j]...)
		}
		i = j
	}
	return own
}

// fromFar says whether the interviewer's lane only carried the candidate's own
// voice back. It takes three words, nearly all of them.
func fromFar(words, candidate []word) bool {
	_, n := matched(words, candidate, farEarly, farLate)
	return n >= 3 && 5*n >= 4*len(words)
}

// matched marks the words that source had too, earlier by early … late.
func matched(words, source []word, early, late time.Duration) (hits []bool, n int) {
	hits = make([]bool, len(words))
	for i, w := range words {
		for _, o := range source {
			if d := w.from - o.from; d >= early && d <= late && w.norm == o.norm && w.norm != "" {
				hits[i] = true
				n++
				break
			}
		}
	}
	return hits, n
}

// saysSomething says whether words are more than a listener's noises.
func saysSomething(words []word) bool {
	n := 0
	for _, w := range words {
		if !listening[w.norm] {
			n++
		}
	}
	return n >= 2
}
