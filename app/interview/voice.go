package interview

import (
	"strings"
	"time"

	"copilot/audio"
)

// How long the interviewer's voice may be away before the transcriber is asked
// for the last words, without waiting for its own end of speech, and how long
// its answer may take before the words so far have to do.
const (
	waitFinished   = 60 * time.Millisecond
	waitUnfinished = 250 * time.Millisecond // after "and", "so", "because"
	settlePatience = 300 * time.Millisecond
	// A recogniser's newest word ends this much before the voice does, or the
	// newest words are not known yet.
	behindVoice = 200 * time.Millisecond
	maxVain     = 3 // sounds without words after which more of them are taken for noise
)

// silence is the end of the interviewer's voice, by our own ear, which is ahead
// of the transcriber's.
type silence struct {
	heard bool      // a voice since the transcriber was last asked
	vain  int       // how often it was asked, one time after the other, and had no word
	since time.Time // when the voice was last heard; zero while it speaks
	asked time.Time // when the transcriber was asked in this silence; zero: not yet
	fresh bool      // the utterance has got a final since then
}

// voice takes in that the interviewer's voice came or went.
func (s State) voice(ev VoiceChanged) State {
	if s.paused {
		return s
	}
	s.silence.since, s.silence.asked, s.silence.fresh = ev.Last, time.Time{}, false
	if ev.Speaking {
		s.silence.since, s.silence.heard = time.Time{}, true
		return s.voiceBack()
	}
	return s.consider()
}

// voiceBack lets what waits wait for the words of a voice, unless the last ones had none.
func (s State) voiceBack() State {
	if s.silence.vain >= maxVain {
		return s
	}
	return s.goesOn(wordsWait)
}

// settleAt returns when the transcriber is to be asked for the last words; the
// zero time: not at all.
func (s State) settleAt() time.Time {
	if s.silence.since.IsZero() || !s.silence.asked.IsZero() || !s.silence.heard {
		return time.Time{}
	}
	if s.silence.vain >= maxVain && s.heard[audio.Interviewer].text() == "" {
		return time.Time{}
	}
	return s.silence.since.Add(s.silenceWait())
}

// silenceWait is how long a silence ends what was said so far.
func (s State) silenceWait() time.Duration {
	if text := s.heard[audio.Interviewer].text(); text != "" && s.upToDate() && wantsMore(s.language, text) && !mayEnd[text[strings.LastIndexByte(text, ' ')+1:]] {
		return waitUnfinished
	}
	return waitFinished
}

// mayEnd are words that more mostly follows, but that questions end with, too: the
// final has to tell, which has its question mark.
var mayEnd = words("to for in on at from into about with of by through do does did")

// upToDate says whether the interviewer's last words are known: the newest ends
// where the voice did.
func (s State) upToDate() bool {
	end := s.heard[audio.Interviewer].lastEnd()
	return !s.silence.since.IsZero() && !s.origin.IsZero() && !s.origin.Add(end+behindVoice).Before(s.silence.since)
}

// settledAt returns when the transcriber's answer is not waited for any longer.
func (s State) settledAt() time.Time {
	if s.silence.asked.IsZero() || s.silence.fresh || s.heard[audio.Interviewer].text() == "" {
		return time.Time{}
	}
	return s.silence.asked.Add(settlePatience)
}

// silent does what is due in a silence.
func (s State) silent() State {
	if t := s.settleAt(); !t.IsZero() && !s.now.Before(t) {
		s.silence.asked, s.silence.heard = s.now, false
		s.silence.vain++
		s.settles++ // the loop asks
	}
	if t := s.settledAt(); !t.IsZero() && !s.now.Before(t) {
		s.silence.fresh = true
		h := s.heard[audio.Interviewer]
		if !wantsMore(s.language, h.text()) {
			h, u, closed := h.flush()
			s.heard[audio.Interviewer] = h
			if closed {
				return s.closed(audio.Interviewer, u)
			}
		}
	}
	return s
}

// overBySilence says whether a final that was asked for ends the utterance: the
// voice has not come back and the words do not ask for more. Else the
// transcriber's own end of speech decides.
func (s State) overBySilence(text string) bool {
	return !s.silence.asked.IsZero() && text != "" && !wantsMore(s.language, text)
}

// wantsMore says whether the words cannot be all: "… because the".
func wantsMore(language, text string) bool {
	text = strings.TrimSpace(text)
	if strings.HasSuffix(text, ",") || strings.HasSuffix(text, "-") {
		return true
	}
	ts := tokens(text)
	if len(ts) == 0 {
		return false
	}
	if strings.ContainsAny(text[len(text)-1:], ".?!") {
		return false
	}
	last := ts[len(ts)-1]
	if !isEnglish(language) {
		return goesOnForeign[last]
	}
	return dangling[last] || goesOnAfter[last] || endsWith(joined(ts), openings)
}

// wholeQuestion says whether the words are a whole question by their grammar.
func wholeQuestion(language, text string) bool {
	return !wantsMore(language, text) && judge(language, text).verdict == answer
}

func endsWith(line string, list []string) bool {
	for _, p := range list {
		if strings.HasSuffix(line, " "+p+" ") {
			return true
		}
	}
	return false
}
