package deepgram

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"copilot/audio"
)

// Flux is /v2/listen: it tells turns rather than pauses, its words come each
// quarter of a second, and it guesses the end of a turn ahead. It takes one
// channel, so that a conversation is two connections, two places among the
// account's streams, and two bills. (Deepgram's API specification and Flux pages,
// 2026.)
const (
	fluxFrames = 4 // 80 ms, as recommended
	fluxEager  = 0.4
	shareTime  = 10 * time.Second // that a credential serves both; a grant lives for 30 s
)

// fluxLanguages are those that the multilingual model may be told of.
var fluxLanguages = []string{"de", "en", "es", "fr", "hi", "it", "ja", "nl", "pt", "ru"}

func (o Options) isFlux() bool { return strings.HasPrefix(o.Model, "flux") }

// fluxQuery returns the parameters of /v2/listen. Punctuation, interims and the
// ends of turns are part of it and have no parameters.
func (o Options) fluxQuery() url.Values {
	q := url.Values{
		"model":               {o.Model},
		"encoding":            {"linear16"},
		"sample_rate":         {strconv.Itoa(audio.SampleRate)},
		"eager_eot_threshold": {strconv.FormatFloat(fluxEager, 'g', -1, 64)},
	}
	if language, _, _ := strings.Cut(o.Language, "-"); strings.HasSuffix(o.Model, "-multi") && slices.Contains(fluxLanguages, language) {
		q.Set("language_hint", language)
	}
	if o.OptOut {
		q.Set("mip_opt_out", "true")
	}
	if o.Tag != "" {
		q.Set("tag", o.Tag)
	}
	q["keyterm"] = limitTerms(o.Keyterms)
	return q
}

// Flux is a running transcription of both channels by a Flux model. It does what
// a Stream does, over two of them.
type Flux struct {
	lanes  [audio.Channels]*Stream
	shared *pair
	events chan Event
	wait   sync.WaitGroup
}

// DialFlux connects both channels, as Dial does one stream. When one fails, the
// other is closed. What Options.Credential returns is used for both where they
// connect together.
func DialFlux(ctx context.Context, opts Options) (*Flux, error) {
	f := &Flux{events: make(chan Event, eventQueue)}
	if opts.Credential != nil {
		f.shared = newPair(opts.Credential)
	}
	var problems [audio.Channels]error
	var dials sync.WaitGroup
	for c := range audio.Channel(audio.Channels) {
		dials.Go(func() {
			opts := opts
			if f.shared != nil {
				opts.Credential = f.shared.of(c)
			}
			f.lanes[c], problems[c] = dial(ctx, opts, c)
		})
	}
	dials.Wait()
	for c, err := range problems {
		if err != nil {
			if other := f.lanes[1-c]; other != nil {
				abandon(other)
			}
			return nil, err
		}
	}
	merged := &fluxState{flux: f}
	for c := range f.lanes {
		f.wait.Go(func() { merged.follow(audio.Channel(c)) })
	}
	go func() {
		f.wait.Wait()
		f.tell(Status{State: Closed, Err: merged.err}, f.lanes[0].ctx)
		close(f.events)
	}()
	return f, nil
}

// tell hands an event over, waiting for the consumer as long as its stream is
// not given up.
func (f *Flux) tell(ev Event, ctx context.Context) {
	select {
	case f.events <- ev:
		return
	default:
	}
	select {
	case f.events <- ev:
	case <-ctx.Done():
	}
}

// abandon closes a stream whose last words nobody wants.
func abandon(s *Stream) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	go func() {
		for range s.Events() {
		}
	}()
	s.Close(ctx) // it was wanted no more
}

// Send queues a frame for both connections, as Stream.Send does.
func (f *Flux) Send(fr audio.Frame) {
	for _, s := range f.lanes {
		s.Send(fr)
	}
}

// Events yields what was heard on both channels, each in its order.
func (f *Flux) Events() <-chan Event { return f.events }

// Finalize forces the end of the turn on a channel. It never blocks and need not
// be answered.
func (f *Flux) Finalize(channel audio.Channel) {
	if channel >= 0 && channel < audio.Channels {
		f.lanes[channel].Finalize(channel)
	}
}

// Redial gives both connections up and opens others, as Stream.Redial does one.
func (f *Flux) Redial() {
	f.shared.era.Add(1)
	for _, s := range f.lanes {
		s.Redial()
	}
}

// Close ends both connections, as Stream.Close does one.
func (f *Flux) Close(ctx context.Context) error {
	var errs [audio.Channels]error
	var closes sync.WaitGroup
	for c, s := range f.lanes {
		closes.Go(func() { errs[c] = s.Close(ctx) })
	}
	closes.Wait()
	return errors.Join(errs[:]...)
}

// pair asks for the credential of both channels: one that was just given to the
// one opens the other too, for it is looked at in the handshake only and grants
// are counted. Nobody is given the same twice.
type pair struct {
	ask  func(context.Context) (Credential, error)
	last chan given // holds one, but for while somebody asks
	era  atomic.Int64
}

type given struct {
	Credential
	to    audio.Channel
	at    time.Time
	era   int64
	spare bool // the other channel may have it
}

func newPair(ask func(context.Context) (Credential, error)) *pair {
	p := &pair{ask: ask, last: make(chan given, 1)}
	p.last <- given{}
	return p
}

// of is the Options.Credential of a channel.
func (p *pair) of(c audio.Channel) func(context.Context) (Credential, error) {
	return func(ctx context.Context) (Credential, error) {
		var last given
		select {
		case last = <-p.last:
		case <-ctx.Done():
			return Credential{}, ctx.Err()
		}
		defer func() { p.last <- last }()
		era := p.era.Load()
		if last.spare && last.to != c && last.era == era && time.Since(last.at) < shareTime {
			last.spare = false
			return last.Credential, nil
		}
		cred, err := p.ask(ctx)
		last = given{cred, c, time.Now(), era, err == nil}
		return cred, err
	}
}

// fluxState joins what the two connections report about themselves.
type fluxState struct {
	flux *Flux
	mu   sync.Mutex
	away [audio.Channels]bool
	gap  Gap   // the newest told
	err  error // why it ended
}

// follow passes a channel's events on until its stream ends. When it ends by
// itself the other is closed too: half a conversation is not what was asked for.
func (j *fluxState) follow(c audio.Channel) {
	lane := j.flux.lanes[c]
	for ev := range lane.Events() {
		if ev, pass := j.join(c, ev); pass {
			j.flux.tell(ev, lane.ctx)
		}
	}
	s := j.flux.lanes[1-c]
	if lane.closing.Err() == nil || j.ended() {
		s.beginClose()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		s.Close(ctx)
	}
}

func (j *fluxState) ended() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err != nil
}

// join decides what of a channel's event is told: the connection is open when
// both are, and a gap in both is one.
func (j *fluxState) join(c audio.Channel, ev Event) (Event, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch ev := ev.(type) {
	case Status:
		if ev.State == Closed {
			if j.err == nil {
				j.err = ev.Err
			}
			return nil, false // told once both have ended
		}
		j.away[c] = ev.State != Open
		return ev, ev.State != Open || !j.away[1-c]
	case Gap:
		again := ev == j.gap
		j.gap = ev
		return ev, !again
	}
	return ev, true
}

// pack returns how many frames the next message of a Flux stream takes: 80 ms of
// them, or what there is before a ForceEndTurn or the end. mu is held.
func (s *Stream) pack() int {
	have := int(s.ring.head - s.ring.next)
	if len(s.finalize) > 0 {
		return min(fluxFrames, have, int(s.finalize[0].at-s.ring.next))
	}
	if have < fluxFrames && !s.closed {
		return 0
	}
	return min(fluxFrames, have)
}

// nextPack puts n frames of the stream's channel as one message, or returns how
// long the pace has to be waited for. mu is held.
func (s *Stream) nextPack(c *conn, n int, wait time.Duration, now time.Time) time.Duration {
	if w := c.pace.takeN(now, n); w > 0 {
		return min(wait, w)
	}
	c.buf = appendHeader(c.buf[:0], opBinary, n*2*audio.FrameSamples)
	for range n {
		f := s.ring.pop()
		c.timeline.add(f.Start)
		for i := int(s.mono); i < len(f.Samples); i += audio.Channels {
			c.buf = append(c.buf, byte(f.Samples[i]), byte(uint16(f.Samples[i])>>8))
		}
	}
	mask(c.buf, n*2*audio.FrameSamples)
	c.lastData, c.spoken = now, true
	return 0
}

// spread gives words without times even shares of the turn's sound, which begins
// where the turn before ended at the earliest.
func (m *message) spread(after time.Duration) {
	from := max(m.Start, after)
	each := max(m.Start+m.Duration-from, 0) / time.Duration(max(len(m.Words), 1))
	for i := range m.Words {
		if w := &m.Words[i]; w.Start < 0 {
			w.Start = from + time.Duration(i)*each
			w.End = w.Start + each
		}
	}
}

// turn turns the state of a Flux turn into a transcript: its text is the whole
// turn's, so that every update replaces the one before.
func (s *Stream) turn(c *conn, m message) {
	m.Channel = s.mono
	switch m.Event {
	case "StartOfTurn":
		s.mu.Lock()
		at := c.timeline.start(m.Start)
		s.mu.Unlock()
		s.emit(SpeechStarted{Channel: s.mono, At: at})
	case "EndOfTurn":
		m.Final = true
		m.FromFinalize = m.Trigger == "manual" // ended by us: the speaker may go on
		m.SpeechFinal = !m.FromFinalize
	case "Update", "EagerEndOfTurn", "TurnResumed":
	default:
		s.opts.Log.Info("deepgram: turn", "event", clean(m.Event, c.secret))
		return
	}
	m.spread(c.turnEnd)
	if m.Final {
		c.turnEnd = m.Start + m.Duration
	}
	t := s.place(c, m)
	t.Eager = m.Event == "EagerEndOfTurn"
	s.heard = max(s.heard, t.End)
	if t, tell := s.lanes[s.mono].hear(t, time.Now()); tell {
		s.emit(t)
	}
}
