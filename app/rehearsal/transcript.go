package rehearsal

import (
	"strings"
	"time"
)

// How Deepgram paces its results, in seconds of sound (vendors/deepgram notes:
// interims come up to about once a second, finals every few seconds or at a
// pause).
const (
	interimEvery = 500 * time.Millisecond
	longestPiece = 4 * time.Second        // of speech, before a final closes it
	emptyPiece   = 5 * time.Second        // of silence, before an empty final
	onset        = 50 * time.Millisecond  // of loudness that is a voice
	endOfVoice   = 300 * time.Millisecond // of quiet after which it may start again
	hopDuration  = 10 * time.Millisecond
	tooQuiet     = 130 // root mean square of 16 bit samples: -48 dB, below it is a pause
)

type resultsMessage struct {
	Type         string        `json:"type"`
	ChannelIndex [2]int        `json:"channel_index"`
	Duration     float64       `json:"duration"`
	Start        float64       `json:"start"`
	IsFinal      bool          `json:"is_final"`
	SpeechFinal  bool          `json:"speech_final"`
	FromFinalize bool          `json:"from_finalize"`
	Channel      resultChannel `json:"channel"`
	Metadata     resultMeta    `json:"metadata"`
}

type resultChannel struct {
	Alternatives []alternative `json:"alternatives"`
}

type alternative struct {
	Transcript string       `json:"transcript"`
	Confidence float64      `json:"confidence"`
	Words      []resultWord `json:"words"`
}

type resultWord struct {
	Word           string  `json:"word"`
	Start          float64 `json:"start"`
	End            float64 `json:"end"`
	Confidence     float64 `json:"confidence"`
	PunctuatedWord string  `json:"punctuated_word,omitempty"`
}

type resultMeta struct {
	RequestID string    `json:"request_id"`
	ModelUUID string    `json:"model_uuid"`
	ModelInfo modelInfo `json:"model_info"`
}

type modelInfo struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Arch    string `json:"arch"`
}

type utteranceEndMessage struct {
	Type        string  `json:"type"`
	Channel     [2]int  `json:"channel"`
	LastWordEnd float64 `json:"last_word_end"`
}

type speechStartedMessage struct {
	Type      string  `json:"type"`
	Channel   [2]int  `json:"channel"`
	Timestamp float64 `json:"timestamp"`
}

// lane turns one channel's sound into the messages that Deepgram would send.
// It knows no clock but the sound that came.
type lane struct {
	index  [2]int // this channel, number of channels
	params params
	meta   resultMeta
	faults ListenFaults
	send   func(message any)

	ear
	matcher *matcher

	begin       time.Duration // of the open piece
	words       []heardWord   // of the open piece
	lastInterim time.Duration

	owing       bool // finals with words, and no speech_final since
	open        bool // words were heard since the last UtteranceEnd
	lastWordEnd time.Duration
}

func newLane(ref *reference, index [2]int, p params, meta resultMeta, faults ListenFaults, send func(any)) *lane {
	l := &lane{index: index, params: p, meta: meta, faults: faults, send: send}
	l.matcher = newMatcher(ref, func(w heardWord) {
		if w.End <= l.begin { // its piece has been closed already
			return
		}
		w.Start = max(w.Start, l.begin)
		l.words = append(l.words, w)
		l.open, l.lastWordEnd = true, w.End
	})
	return l
}

// ear cuts a channel's sound into hops and tells voice from quiet.
type ear struct {
	rest     []int16 // less than a hop
	now      time.Duration
	loud     time.Duration // how long it has been loud without a break
	speaking bool
	lastLoud time.Duration
}

// take gives step the channel's next samples hop by hop.
func (e *ear) take(samples []int16, step func(hop []int16)) {
	e.rest = append(e.rest, samples...)
	at := 0
	for ; at+hop <= len(e.rest); at += hop {
		e.now += hopDuration
		step(e.rest[at : at+hop])
	}
	e.rest = e.rest[:copy(e.rest, e.rest[at:])]
}

// listen is the voice activity detection: it says how long a pause has lasted,
// zero while there is sound, and whether a voice has just begun.
func (e *ear) listen(samples []int16) (pause time.Duration, began bool) {
	sum := 0
	for _, s := range samples {
		sum += int(s) * int(s)
	}
	if sum < tooQuiet*tooQuiet*len(samples) {
		e.loud = 0
		pause = e.now - e.lastLoud
		if pause >= endOfVoice {
			e.speaking = false
		}
		return pause, false
	}
	e.loud += hopDuration
	e.lastLoud = e.now
	began = !e.speaking && e.loud >= onset
	e.speaking = e.speaking || began
	return 0, began
}

// hear takes the channel's next samples.
func (l *lane) hear(samples []int16) { l.take(samples, l.step) }

func (l *lane) step(samples []int16) {
	l.matcher.add(samples)
	pause, began := l.listen(samples)
	if began && l.params.vadEvents {
		l.send(speechStartedMessage{"SpeechStarted", l.index, (l.now - l.loud).Seconds()})
	}
	// A word is decided up to 40 ms after its end: a shorter pause is no use.
	paused := l.params.endpointing > 0 && pause >= max(l.params.endpointing, 5*hopDuration)
	switch {
	case paused && (len(l.words) > 0 || l.owing):
		l.final(l.now, true)
	case len(l.words) > 0 && l.now-l.words[0].Start >= longestPiece:
		l.final(l.lastWordEnd, false)
	case len(l.words) > 0 && l.now-l.lastInterim >= interimEvery:
		l.interim()
	case len(l.words) == 0 && l.now-l.begin >= emptyPiece && !l.matcher.undecided():
		l.final(l.now, false)
	}
	l.endUtterance()
}

// endUtterance reports the end of speech as the gap between words shows it.
func (l *lane) endUtterance() {
	if !l.open || l.faults.HoldFinals || l.params.utteranceEnd == 0 || l.now-l.lastWordEnd < l.params.utteranceEnd {
		return
	}
	if l.matcher.undecided() && l.now-l.lastWordEnd < l.params.utteranceEnd+time.Second {
		return // words may be about to come
	}
	if len(l.words) > 0 { // no pause was heard: it was never silent
		l.final(l.lastWordEnd, false)
	}
	l.open = false
	l.send(utteranceEndMessage{"UtteranceEnd", l.index, l.lastWordEnd.Seconds()})
}

// finalize flushes what was heard; with nothing pending, nothing is said.
func (l *lane) finalize() {
	if len(l.words) > 0 {
		l.result(l.lastWordEnd, true, false, true)
	}
}

// end flushes the last words of a stream.
func (l *lane) end() {
	l.matcher.flush()
	if len(l.words) > 0 {
		l.result(max(l.now, l.lastWordEnd), true, false, false)
	}
}

func (l *lane) interim() {
	l.lastInterim = l.now
	if l.params.interimResults {
		l.result(l.now, false, false, false)
	}
}

func (l *lane) final(end time.Duration, speechFinal bool) {
	if !l.faults.HoldFinals {
		l.result(end, true, speechFinal, false)
	} else if l.now-l.lastInterim >= interimEvery {
		l.interim()
	}
}

// result sends the open piece, up to end, and closes it if it is final.
func (l *lane) result(end time.Duration, final, speechFinal, fromFinalize bool) {
	best := alternative{Words: []resultWord{}}
	var texts []string
	for _, w := range l.words {
		word := resultWord{Word: plain(w.Text), Start: w.Start.Seconds(), End: w.End.Seconds(), Confidence: confidence(w.Score)}
		text := word.Word
		if l.params.punctuate {
			word.PunctuatedWord, text = w.Text, w.Text
		}
		texts = append(texts, text)
		best.Words = append(best.Words, word)
		best.Confidence += word.Confidence / float64(len(l.words))
	}
	best.Transcript = strings.Join(texts, " ")
	l.send(resultsMessage{
		Type: "Results", ChannelIndex: l.index,
		Start: l.begin.Seconds(), Duration: (end - l.begin).Seconds(),
		IsFinal: final, SpeechFinal: speechFinal, FromFinalize: fromFinalize,
		Channel:  resultChannel{[]alternative{best}},
		Metadata: l.meta,
	})
	if final {
		l.owing = !speechFinal && (l.owing || len(l.words) > 0)
		l.begin, l.words, l.lastInterim = end, nil, l.now
	}
}

// plain is a word as Deepgram gives it without punctuation.
func plain(word string) string {
	return strings.ToLower(strings.Trim(word, `.,:;?!"`))
}

// confidence makes a correlation look like Deepgram's figures.
func confidence(score float64) float64 { return 0.9 + 0.099*min(1, max(0, score)) }
