package deepgram

import (
	"strconv"
	"time"

	"copilot/audio"
)

// write is the writer: the only goroutine that writes to the connection.
func (s *Stream) write(c *conn) {
	defer c.running.Done()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		wait := s.next(c, time.Now())
		for wait == 0 {
			if err := c.flush(); err != nil {
				return // what broke it ends the reader too, which tells why
			}
			wait = s.next(c, time.Now())
		}
		timer.Reset(wait)
		select {
		case <-s.wake:
		case <-timer.C:
		case data := <-c.pongs:
			c.put(opPong, data)
			if err := c.flush(); err != nil {
				return
			}
		case <-c.gone:
			return
		}
	}
}

// next puts the message to be written now and returns 0, or returns how long
// there is nothing to write. Sound, Finalize and CloseStream keep their order.
func (s *Stream) next(c *conn, now time.Time) time.Duration {
	if c.ending { // the server closes now; a late write could cost its last words
		return time.Hour
	}
	if !now.Before(c.pingAt) {
		c.pingAt = now.Add(pingEvery)
		c.put(opPing, "")
		return 0
	}
	wait := c.pingAt.Sub(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.finalize) > 0 && s.finalize[0].at <= s.ring.next {
		channel := s.finalize[0].channel
		s.finalize = append(s.finalize[:0], s.finalize[1:]...)
		c.lastData = now
		if s.flux {
			c.put(opText, `{"type":"ForceEndTurn"}`)
			return 0
		}
		c.put(opText, `{"type":"Finalize","channel":`+strconv.Itoa(int(channel))+`}`)
		return 0
	}
	if s.flux {
		if n := s.pack(); n > 0 {
			return s.nextPack(c, n, wait, now)
		}
	} else if s.ring.next < s.ring.head {
		if w := c.pace.take(now); w > 0 {
			return min(wait, w)
		}
		f := s.ring.pop()
		c.timeline.add(f.Start)
		c.lastData, c.spoken = now, true
		c.putFrame(f)
		return 0
	}
	if s.closed && s.flux && !c.forced { // CloseStream does not end a turn
		c.forced = true
		c.put(opText, `{"type":"ForceEndTurn"}`)
		return 0
	}
	if s.closed {
		c.ending = true
		c.patience.Store(-1) // finishing may take the server a while; Close bounds it
		c.put(opText, `{"type":"CloseStream"}`)
		c.alive()
		return 0
	}
	if s.flux { // it has no KeepAlive: the pings hold it
		return wait
	}
	if idle := now.Sub(c.lastData); idle < keepAliveEvery {
		return min(wait, keepAliveEvery-idle)
	}
	c.lastData = now
	if c.spoken {
		c.put(opText, `{"type":"KeepAlive"}`)
		return 0
	}
	// KeepAlive holds a stream only after sound, so that a capture that has not
	// begun, or is paused since before this connection, is one silent frame.
	c.spoken = true
	c.timeline.pad()
	c.putFrame(&audio.Frame{})
	return 0
}
