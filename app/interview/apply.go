package interview

import (
	"fmt"
	"strings"
	"time"

	"copilot/app/deepgram"
	"copilot/audio"
)

// Waits and windows of the loop.
const (
	uncertainWait = 700 * time.Millisecond  // of silence before an uncertain question is answered
	wordsWait     = 1300 * time.Millisecond // of a voice before its first words: they come once a second
	tailWait      = 2500 * time.Millisecond // of no new words, while there were some
	mergeWithin   = 4 * time.Second         // between a question and what belongs to it
	breath        = 1500 * time.Millisecond // between two halves of a sentence
	stallAfter    = 4 * time.Second         // without a new word of the answer: say so
	flashFor      = 10 * time.Second        // how long a passing notice stays
	sureEnough    = 0.4                     // mean confidence below which words are noise
)

// newState is the state before anything has happened.
func newState(o Options) State {
	s := State{Mode: o.Mode, Auto: !o.Manual, drafts: !o.NoDrafts, race: o.Race, Shown: -1, language: language(o.Profile.Language)}
	for c := range s.Lanes {
		s.Lanes[c].Channel = audio.Channel(c)
	}
	return s
}

// apply is Apply but for the reader.
func (s State) apply(ev Event) State {
	if at := ev.event(); at.After(s.now) {
		s.now = at
	}
	if p, ok := ev.(Pressed); ok && (!s.over || p.Command == Previous || p.Command == Next) {
		return s.press(p.Command).told()
	}
	if s.over {
		return s
	}
	if n, ok := orderOf(ev); ok && n != 0 && n == s.hunch.n {
		return s.hunchCame(ev).told()
	} else if ok && n != 0 && n == s.check.n {
		return s.checkCame(ev).told()
	}
	switch ev := ev.(type) {
	case SessionBegan:
		s.began = s.now
	case LevelHeard:
		s = s.level(ev)
	case VoiceChanged:
		s = s.voice(ev)
	case LaneChanged:
		if c := ev.Lane.Channel; c >= 0 && c < audio.Channels {
			s.Lanes[c].LaneStatus = ev.Lane
		}
	case Heard:
		s = s.hear(ev.Event)
	case DeltaCame:
		s = s.delta(ev)
	case AnswerEnded:
		s = s.answerEnded(ev)
	case AnswerRetried:
		s = s.retried(ev)
	case TimePassed:
		s = s.timePassed()
	case SourceEnded:
		s.sounding = s.sounding && ev.Err == nil
	case HearingEnded:
		s = s.hearingEnded(ev.Quit)
	case Typed:
		s = s.askAgain(ev.Text)
	case SessionEnded:
		s = s.end(ev.Err)
	}
	return s.told()
}

// told derives what is shown from what is known.
func (s State) told() State {
	for c, h := range s.heard {
		s.Captions[c] = h.caption()
	}
	if !s.began.IsZero() && !s.over {
		s.Elapsed = s.now.Sub(s.began)
	}
	s.Dropped = 0
	for _, l := range s.Lanes {
		s.Dropped += l.Dropped
	}
	if !s.flashEnd.IsZero() && !s.now.Before(s.flashEnd) {
		s.flash, s.flashEnd = Notice{}, time.Time{}
	}
	s.Phase, s.Notice = s.phase(), s.notice()
	return s
}

func (s State) phase() Phase {
	switch {
	case s.over:
		return Ended
	case s.began.IsZero():
		return Idle
	case s.paused:
		return Paused
	case s.link == linkAway:
		return Offline
	case s.wanted.n != 0 && s.Questions.At(s.index(s.wanted.id)).Answer.Status == AnswerStreaming:
		return Answering
	case s.wanted.n != 0:
		return Thinking
	case s.link == linkOpening || !s.sounding:
		return Starting
	}
	return Listening
}

// notice is the worst there is to tell.
func (s State) notice() Notice {
	switch {
	case s.over:
		return s.ending
	case s.link == linkAway:
		return Notice{"offline", s.linkTold}
	}
	for c, l := range s.Lanes {
		if l.Advice != "" {
			return Notice{"lane_" + audio.Channel(c).String(), l.Advice}
		}
	}
	return s.flash
}

// remark shows a passing notice.
func (s State) remark(code, message string) State {
	s.flash, s.flashEnd = Notice{code, message}, s.now.Add(flashFor)
	return s
}

// deadline returns when TimePassed is due; the zero time means never.
func (s State) deadline() time.Time {
	var first time.Time
	for _, t := range []time.Time{s.waiting.until, s.stall(), s.flashEnd, s.settleAt(), s.settledAt(), s.draftAt(), s.check.until} {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// stall returns when the running answer is late; the zero time when none is
// running, or the person has been told.
func (s State) stall() time.Time {
	if s.wanted.n == 0 || s.Questions.At(s.index(s.wanted.id)).Answer.Problem != "" {
		return time.Time{}
	}
	return s.wanted.grew.Add(stallAfter)
}

func (s State) timePassed() State {
	if t := s.stall(); !t.IsZero() && !s.now.Before(t) {
		s = s.edit(s.wanted.id, func(a *Answer) { a.Problem = "The answer is slow to come; still trying." })
	}
	if t := s.waiting.until; !t.IsZero() && !s.now.Before(t) {
		s = s.answerWaiting()
	}
	if t := s.check.until; !t.IsZero() && !s.now.Before(t) {
		s = s.keep()
	}
	return s.beginDraft().silent()
}

func (s State) level(ev LevelHeard) State {
	for c, l := range ev.Level {
		s.Lanes[c].Level = max(l, 0.7*s.Lanes[c].Level+0.3*l) // up at once, down slowly
	}
	if !ev.Origin.IsZero() {
		s.origin = ev.Origin
	}
	s.sounding = true
	return s
}

// wall returns when t of the capture's timeline was, never later than now.
func (s State) wall(t time.Duration) time.Time {
	if w := s.origin.Add(t); !s.origin.IsZero() && t > 0 && w.Before(s.now) {
		return w
	}
	return s.now
}

func (s State) hear(ev deepgram.Event) State {
	switch ev := ev.(type) {
	case deepgram.Transcript:
		if ev.Channel >= 0 && ev.Channel < audio.Channels {
			s.link = linkUp
			return s.transcript(ev)
		}
	case deepgram.UtteranceEnd:
		if c := ev.Channel; c >= 0 && c < audio.Channels {
			h, u, closed := s.heard[c].end(ev.LastWordEnd)
			s.heard[c] = h
			if closed {
				return s.closed(c, u)
			}
		}
	case deepgram.SpeechStarted:
		if ev.Channel == audio.Interviewer {
			return s.voiceBack()
		}
	case deepgram.Status:
		return s.linked(ev)
	case deepgram.Gap:
		return s.gap(ev)
	}
	return s
}

func (s State) transcript(t deepgram.Transcript) State {
	h, u, closed := s.heard[t.Channel].hear(t)
	if t.Channel == audio.Interviewer && h.text() != "" {
		s.silence.vain = 0
	}
	if t.Channel == audio.Interviewer && t.Finalized && !s.silence.asked.IsZero() {
		s.silence.fresh = true
		if !closed && s.overBySilence(h.text()) {
			h, u, closed = h.flush()
		}
	}
	s.heard[t.Channel] = h
	switch {
	case closed:
		return s.closed(t.Channel, u)
	case t.Channel == audio.Candidate:
		return s.candidateSpeaks()
	case h.text() != "":
		return s.paced().goesOn(tailWait).consider()
	}
	return s
}

// closed takes in an utterance that is over.
func (s State) closed(c audio.Channel, u utterance) State {
	if c == audio.Interviewer {
		return s.interviewerSaid(u)
	}
	own := ownWords(u.words, s.heard[audio.Interviewer].late())
	if len(own) == 0 { // the microphone heard the loudspeaker
		s.heard[c].shown = ""
		return s
	}
	if len(own) < len(u.words) {
		texts := make([]string, len(own))
		for i, w := range own {
			texts[i] = w.text
		}
		u.text, u.from = strings.Join(texts, " "), own[0].from
		s.heard[c].shown = u.text
	}
	s, _ = s.say(c, u)
	return s.candidateSpeaks()
}

func (s State) linked(st deepgram.Status) State {
	switch st.State {
	case deepgram.Open:
		s.link = linkUp
	case deepgram.Reconnecting:
		s.link = linkAway
		s.linkTold = sentence(st.Err, "The transcription is away and coming back; nothing has to be done.")
	case deepgram.Connecting:
		if s.link == linkUp {
			s.link = linkAway
			s.linkTold = sentence(st.Err, "The transcription is away and coming back; nothing has to be done.")
		}
	}
	return s // Closed: the loop ends the session
}

// flush closes the utterances of both channels as they stand.
func (s State) flush() State {
	for c := range s.heard {
		h, u, closed := s.heard[c].flush()
		s.heard[c] = h
		if closed {
			s = s.closed(audio.Channel(c), u)
		}
	}
	return s
}

func (s State) gap(g deepgram.Gap) State {
	s = s.flush().addTurn(Turn{Start: g.Start, End: g.End, Gap: true})
	return s.remark("gap", fmt.Sprintf("%.0f seconds were not heard because the connection was away.", (g.End-g.Start).Seconds()))
}

func (s State) hearingEnded(quit bool) State {
	s.leaving = s.leaving || quit
	s = s.flush()
	if s.leaving {
		s.waiting = waiting{}
		return s.dropDraft()
	}
	return s.answerWaiting()
}

func (s State) end(err error) State {
	s = s.stopAnswer()
	s.over, s.waiting, s.flashEnd, s.silence, s.draft = true, waiting{}, time.Time{}, silence{}, draft{}
	if err != nil {
		s.ending = Notice{"ended", sentence(err, "The interview stopped because of a problem. Start it again.")}
	}
	return s
}

func (s State) press(c Command) State {
	switch c {
	case AnswerNow:
		return s.answerNow()
	case Pause:
		s.paused, s.waiting, s.silence = true, waiting{}, silence{}
		s = s.dropDraft().flush()
	case Resume:
		s.paused = false
	case Clear:
		s = s.stopAnswer()
		s.Shown, s.waiting = -1, waiting{}
		s.flash, s.flashEnd = Notice{}, time.Time{}
		for c := range s.heard {
			s.heard[c].shown = ""
		}
	case Previous:
		if s.Shown < 0 {
			s.Shown = s.Questions.Len()
		}
		s.Shown = min(max(s.Shown-1, 0), s.Questions.Len()-1)
	case Next:
		s.Shown = min(s.Shown+1, s.Questions.Len()-1)
	case AutoOn, AutoOff:
		s.Auto, s.waiting = c == AutoOn, waiting{}
		s = s.dropDraft()
	case CancelAnswer:
		s.waiting = waiting{}
		s = s.stopAnswer()
	}
	return s
}

// index returns where the question with an ID lies. IDs follow each other.
func (s State) index(id int) int { return id - 1 - (s.ids - s.Questions.Len()) }

// edit changes the answer to a question.
func (s State) edit(id int, change func(*Answer)) State {
	s.Questions = s.Questions.With(s.index(id), func(q *Question) { change(&q.Answer) })
	return s
}
