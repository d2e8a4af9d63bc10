package deepgram

import (
	"time"

	"github.com/gorilla/websocket"

	"copilot/audio"
)

// run owns the stream: the connections one after the other, the state of the
// channels, and the events. It ends after Close or an error that another
// connection would not mend.
func (s *Stream) run(c *conn) {
	defer close(s.done)
	defer close(s.events)
	defer s.cancel()
	for c != nil {
		loss := s.serve(c)
		if s.closing.Err() != nil {
			s.finish(loss)
			return
		}
		s.opts.Log.Warn("deepgram: connection lost", "error", loss, "request_id", c.requestID)
		s.rewind()
		if loss.Temporary() {
			c, loss = s.reconnect(loss, time.Since(c.opened))
		} else {
			c = nil
		}
		if c == nil {
			s.finish(loss)
		}
	}
}

// finish reports the end. What was heard but never settled is better told as it
// is than not at all.
func (s *Stream) finish(err *Error) {
	for i := range s.lanes {
		if t, had := s.lanes[i].promote(); had {
			t.Channel = audio.Channel(i)
			s.emit(t)
		}
	}
	status := Status{State: Closed}
	if err != nil {
		s.err = err
		if s.closing.Err() == nil {
			status.Err = err
		}
	}
	s.emit(status)
}

// emit hands an event over, waiting for the consumer if need be.
func (s *Stream) emit(e Event) {
	select {
	case s.events <- e:
		return
	default:
	}
	select {
	case s.events <- e:
	case <-s.ctx.Done():
	}
}

// serve runs one connection to its end and returns what ended it; nil if that
// was the server's answer to CloseStream.
func (s *Stream) serve(c *conn) *Error {
	c.running.Add(2)
	go c.read(s.opts.Log)
	go s.write(c)
	defer c.leave()

	s.emit(Status{State: Open, RequestID: c.requestID})
	s.reportGap(c)
	for i := range s.lanes {
		s.lanes[i].postpone(time.Now())
	}
	watchdog := time.NewTimer(time.Hour)
	defer watchdog.Stop()
	select { // asked for while there was no connection
	case <-s.drop:
	default:
	}
	abort := s.ctx.Done()
	finished := false
	for {
		watchdog.Reset(s.untilDue())
		select {
		case m, ok := <-c.messages:
			if !ok {
				return s.ended(c, finished)
			}
			finished = finished || m.Type == "Metadata" && c.finishing()
			s.hear(c, m)
		case <-watchdog.C:
			s.expire()
		case <-s.news:
			s.reportGap(c)
		case <-s.drop:
			c.ws.Close() // the reader ends, and with it the loop
		case <-abort:
			c.ws.Close() // the reader ends, and with it the loop
			abort = nil
		}
	}
}

// ended judges the end of a connection. After CloseStream, Metadata is
// Deepgram's last message, so that whatever ends the connection then is fine.
func (s *Stream) ended(c *conn, finished bool) *Error {
	e := lossError(c.readErr, c.secret)
	e.RequestID = c.requestID
	aborted := s.ctx.Err() != nil // Close gave up waiting, and says so itself
	if s.flux && s.closing.Err() != nil && c.finishing() {
		return nil // Flux closes without a status, and says nothing before
	}
	if s.closing.Err() != nil && (finished || aborted || e.Status == websocket.CloseNormalClosure) {
		return nil
	}
	return e
}

// reportGap tells what was lost since the last time, and once in a while that
// an open connection loses sound because it is slow.
func (s *Stream) reportGap(c *conn) {
	s.mu.Lock()
	gap := s.gap
	s.gap = Gap{}
	s.mu.Unlock()
	if gap.End == 0 {
		return
	}
	for i := range s.lanes { // what is gone cannot be sent again
		s.lanes[i].settled = max(s.lanes[i].settled, gap.End)
	}
	s.emit(gap)
	if now := time.Now(); now.Sub(c.opened) > time.Second && now.Sub(s.warnedAt) > 10*time.Second {
		s.warnedAt = now
		s.emit(Status{State: Open, RequestID: c.requestID, Err: &Error{Code: CodeSlow}})
	}
}

// hear turns a message into events.
func (s *Stream) hear(c *conn, m message) {
	l := &s.lanes[m.Channel]
	switch m.Type {
	case "Results":
		t := s.place(c, m)
		s.heard = max(s.heard, t.End)
		if t, tell := l.hear(t, time.Now()); tell {
			s.emit(t)
		}
	case "TurnInfo":
		s.turn(c, m)
	case "UtteranceEnd":
		at := m.At
		if at >= 0 {
			at = s.placeEnd(c, at)
		}
		tell, ask := l.utteranceEnd(at, time.Now())
		if tell {
			s.emit(UtteranceEnd{Channel: m.Channel, LastWordEnd: l.last.End})
		}
		if ask {
			s.Finalize(m.Channel)
		}
	case "SpeechStarted":
		s.mu.Lock()
		at := c.timeline.start(m.At)
		s.mu.Unlock()
		s.emit(SpeechStarted{Channel: m.Channel, At: at})
	case "Error":
		s.emit(Status{State: Open, RequestID: c.requestID, Err: &Error{
			Code:      clean(m.Code, c.secret),
			Message:   clean(m.Description, c.secret),
			RequestID: c.requestID,
		}})
	case "Metadata":
		if c.finishing() { // the last message; only the server's close is missing
			c.patience.Store(int64(time.Second))
			c.alive()
		}
	default:
		s.opts.Log.Info("deepgram: message", "type", clean(m.Type, c.secret),
			"code", clean(m.Code, c.secret), "text", clean(m.Description, c.secret))
	}
}

// place turns a result of one connection into a transcript on the capture's
// timeline.
func (s *Stream) place(c *conn, m message) Transcript {
	s.mu.Lock()
	defer s.mu.Unlock()
	start := c.timeline.start(m.Start)
	for i := range m.Words {
		w := &m.Words[i]
		w.Start = c.timeline.start(w.Start)
		w.End = max(w.Start, c.timeline.end(w.End))
	}
	return Transcript{
		Channel:     m.Channel,
		Text:        m.Transcript,
		Words:       m.Words,
		Start:       start,
		End:         max(start, c.timeline.end(m.Start+m.Duration)),
		Final:       m.Final || m.SpeechFinal,
		SpeechFinal: m.SpeechFinal,
		Finalized:   m.FromFinalize,
	}
}

func (s *Stream) placeEnd(c *conn, at time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return c.timeline.end(at)
}

// untilDue returns how long the watchdog may sleep.
func (s *Stream) untilDue() time.Duration {
	wait := time.Hour
	for i := range s.lanes {
		if due := s.lanes[i].due(); !due.IsZero() {
			wait = min(wait, max(0, time.Until(due)))
		}
	}
	return wait
}

// expire lets the watchdog look at every channel. While the sending is behind,
// an utterance that stands still may only be waiting for its sound.
func (s *Stream) expire() {
	now := time.Now()
	behind := s.Stats().Behind > time.Second
	for i := range s.lanes {
		if behind {
			s.lanes[i].postpone(now)
		}
		t, tell, ask := s.lanes[i].expire(now)
		if tell {
			t.Channel = audio.Channel(i)
			s.emit(t)
		}
		if ask {
			s.Finalize(audio.Channel(i))
		}
	}
}

// maxUtterance is the oldest unsettled sound worth sending again: a channel on
// which nothing is ever settled must not cost a replay of the whole ring.
const maxUtterance = 10 * time.Second

// rewind prepares the next connection: interims are forgotten, and the sound
// since the end of what is final on both channels will be sent again.
func (s *Stream) rewind() {
	from := s.lanes[0].settled
	for i := range s.lanes {
		l := &s.lanes[i]
		if tail := l.tail; l.lose() {
			s.emit(Transcript{Channel: audio.Channel(i), Start: tail.Start, End: tail.End})
		}
		from = min(from, l.settled)
	}
	from = max(from, s.heard-maxUtterance)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finalize = s.finalize[:0]
	if gap, lost := s.ring.rewind(from); lost {
		s.lose(gap)
	}
}
