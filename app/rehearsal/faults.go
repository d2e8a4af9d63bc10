package rehearsal

import "time"

// Faults are the troubles that the servers make on demand. The zero value makes
// none. A fault holds until SetFaults changes it; streams keep the faults they
// began with.
type Faults struct {
	Listen ListenFaults
	Chat   ChatFaults
}

// ListenFaults are Deepgram's troubles.
type ListenFaults struct {
	// Status refuses the next handshakes, with the vendor's body: 400, 401,
	// 402, 403, 429 or 5xx.
	Status int
	// MaxStreams open at once; one more is refused with 429. 0: any number.
	MaxStreams int
	// ResetAfter so much sound the connection is reset without a close frame.
	ResetAfter time.Duration
	// HoleAfter so much sound the connection stays open, but nothing is read,
	// answered or acknowledged any more.
	HoleAfter time.Duration
	// HoldFinals keeps every final, and UtteranceEnd, until Finalize or
	// CloseStream, as happens with steady noise.
	HoldFinals bool
}

// ChatFaults are Groq's troubles. Deltas are counted from the first that has
// content.
type ChatFaults struct {
	// Status refuses requests with Groq's body: 400, 401, 404, 413, 429, 498
	// or 5xx.
	Status     int
	RetryAfter time.Duration // header of a 429; 0: none
	// Model limits the faults to requests for this model; empty: any.
	Model string
	// Times limits them to so many requests; 0: until changed.
	Times int
	// StallAfter, ErrorAfter, CutAfter: after so many deltas the stream stops
	// moving, gives an error event, or ends without [DONE]. -1: before any.
	StallAfter, ErrorAfter, CutAfter int
}

// SetFaults replaces the faults.
func (s *Server) SetFaults(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// listenFaults returns the faults of a new stream.
func (s *Server) listenFaults() ListenFaults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults.Listen
}

// chatFaults returns the faults of a request for model, and counts it.
func (s *Server) chatFaults(model string) ChatFaults {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.faults.Chat
	if f.Model != "" && f.Model != model {
		return ChatFaults{}
	}
	if f.Times == 1 {
		s.faults.Chat = ChatFaults{}
	} else if f.Times > 1 {
		s.faults.Chat.Times--
	}
	return f
}
