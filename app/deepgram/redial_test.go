package deepgram

import (
	"testing"
	"testing/synctest"
	"time"
)

// What: the stream is asked to dial anew while both speak, twice in a row. Why:
// another session needs a connection with its own credential, and no word may be
// lost by it.
func TestRedial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		words := conversation(30 * time.Second)
		u := open(t, &standIn{}, nil)
		u.speak(words, 6200*time.Millisecond)
		u.stream.Redial()
		u.stream.Redial()
		u.speak(words, 23800*time.Millisecond)
		u.close(t)
		u.checkWords(t, words)
		u.checkSamples(t, words)
		if len(u.heard()) != 2 {
			t.Errorf("%d connections", len(u.heard()))
		}
	})
}
