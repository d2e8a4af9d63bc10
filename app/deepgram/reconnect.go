package deepgram

import (
	"math/rand/v2"
	"net/http"
	"time"
)

// reconnect tries until there is a connection, Close is called, or an error
// comes that trying again would not mend. lived is how long the lost connection
// held.
func (s *Stream) reconnect(loss *Error, lived time.Duration) (*conn, *Error) {
	if lived >= stable {
		s.retry = 0
	}
	for {
		s.emit(Status{State: Reconnecting, Err: loss})
		select {
		case <-time.After(s.retry.next(loss)):
		case <-s.closing.Done():
			return nil, loss
		}
		c, err := s.connect(s.closing)
		if err == nil {
			return c, nil
		}
		if s.closing.Err() != nil {
			return nil, loss
		}
		loss = err
		s.opts.Log.Warn("deepgram: connect", "error", loss)
		if !loss.Temporary() {
			return nil, loss
		}
	}
}

const (
	stable    = 5 * time.Second // a connection that held this long was a good one
	firstWait = 150 * time.Millisecond
	// The wait stays short for longer than the ring keeps what was said, which
	// is some 25 attempts; after that there is no hurry.
	shortWait, longWait = time.Second, 5 * time.Second
	keptAttempts        = 40
	// A service that is full is asked less often.
	fullWait, maxFullWait = time.Second, 8 * time.Second
)

// backoff counts the attempts since the last good connection.
type backoff int

// next returns the wait before the next attempt: none before the first, then
// doubling, with jitter so that clients that lost the same server do not come
// back together.
func (b *backoff) next(loss *Error) time.Duration {
	n := int(*b)
	*b++
	double := min(n, 10)
	switch {
	case loss.Status == http.StatusTooManyRequests:
		return jitter(max(loss.RetryAfter, min(maxFullWait, fullWait<<double)))
	case n == 0:
		return 0
	case n > keptAttempts:
		return jitter(longWait)
	}
	return jitter(min(shortWait, firstWait<<(double-1)))
}

// jitter lengthens d by up to its half.
func jitter(d time.Duration) time.Duration { return d + rand.N(d/2+1) }
