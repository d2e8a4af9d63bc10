package deepgram

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"copilot/audio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testKey = "dg-secret-0123456789"

func key(context.Context) (Credential, error) {
	return Credential{Scheme: "Token", Value: testKey}, nil
}

// spoken is a word said on a channel in the frames from ≤ i < to.
type spoken struct {
	channel  audio.Channel
	id       int // 1 to 120
	from, to int
}

func (s spoken) String() string { return fmt.Sprintf("W%d,", s.id) }

// conversation has both sides speak for so long: utterances of three to five
// words of 240 ms, the candidate's overlapping the interviewer's.
func conversation(length time.Duration) []spoken {
	var words []spoken
	ids := [audio.Channels]int{}
	frames := int(length / audio.FrameDuration)
	for c := range audio.Channels {
		for at := 15 + 40*c; at < frames; {
			for range 3 + (at+c)%3 {
				ids[c]++
				if w := (spoken{audio.Channel(c), 1 + ids[c]%120, at, at + 12}); w.to+60 < frames {
					words = append(words, w)
				}
				at += 15 // 60 ms between words
			}
			at += 35 + 20*c // 700 ms or more between utterances
		}
	}
	return words
}

// frame makes frame i of a capture in which words are said. The high byte of a
// sample is the word, the low one noise, the first of which number the frame.
func frame(i int, words []spoken) audio.Frame {
	f := audio.Frame{Start: time.Duration(i) * audio.FrameDuration, Captured: time.Now()}
	var id [audio.Channels]int
	for _, w := range words {
		if w.from <= i && i < w.to {
			id[w.channel] = w.id
		}
	}
	for j := range f.Samples {
		noise := uint32(i*7919+j*104729) >> 3 & 0xff
		if j < 4 {
			noise = uint32(i) >> (8 * j) & 0xff
		}
		f.Samples[j] = int16(id[j%audio.Channels]<<8 | int(noise))
	}
	return f
}

func frameNumber(pcm []byte) int {
	n := 0
	for j := range 4 {
		n |= int(binary.LittleEndian.Uint16(pcm[2*j:])&0xff) << (8 * j)
	}
	return n
}

// record is what a stream reported.
type record struct {
	mu     sync.Mutex
	events []Event
	times  []time.Time
	done   chan struct{}
}

func follow(s *Stream) *record {
	r := &record{done: make(chan struct{})}
	go func() {
		defer close(r.done)
		for e := range s.Events() {
			r.mu.Lock()
			r.events, r.times = append(r.events, e), append(r.times, time.Now())
			r.mu.Unlock()
		}
	}()
	return r
}

// of returns the events of one type that were reported so far.
func of[E Event](r *record) (list []E) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e, ok := e.(E); ok {
			list = append(list, e)
		}
	}
	return list
}

// when returns the time of the first Status with the state since t.
func (r *record) when(state State, since time.Time) (time.Time, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, e := range r.events {
		if s, ok := e.(Status); ok && s.State == state && !r.times[i].Before(since) {
			return r.times[i], true
		}
	}
	return time.Time{}, false
}

func (r *record) finals(c audio.Channel) []Transcript {
	return slices.DeleteFunc(of[Transcript](r), func(t Transcript) bool { return t.Channel != c || !t.Final })
}

// finalWords returns the words of all finals of a channel.
func (r *record) finalWords(c audio.Channel) (words []Word) {
	for _, t := range r.finals(c) {
		words = append(words, t.Words...)
	}
	return words
}

// setup is a stand-in behind a link, and a stream over both.
type setup struct {
	*standIn
	link   *link
	stream *Stream
	record *record
	sent   int // frames
}

// open dials a stand-in. It must be called in a synctest bubble.
func open(t *testing.T, d *standIn, change func(*Options)) *setup {
	t.Helper()
	d.t = t
	net := serve(t, d)
	l := &link{dial: net.DialContext}
	opts := Options{URL: "http://deepgram.test", Credential: key, DialContext: l.DialContext}
	if change != nil {
		change(&opts)
	}
	s, err := Dial(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	u := &setup{standIn: d, link: l, stream: s, record: follow(s)}
	t.Cleanup(func() {
		s.Close(context.Background())
		<-u.record.done
		l.reset()
		l.copying.Wait()
	})
	return u
}

// speak sends the next frames at the pace of real time.
func (u *setup) speak(words []spoken, length time.Duration) {
	for range length / audio.FrameDuration {
		u.stream.Send(frame(u.sent, words))
		u.sent++
		time.Sleep(audio.FrameDuration)
	}
}

func (u *setup) close(t *testing.T) {
	t.Helper()
	if err := u.stream.Close(t.Context()); err != nil {
		t.Errorf("Close: %v", err)
	}
	<-u.record.done
}

// checkWords wants every word once, in order, and where it was said. Words of
// which gap knows are not wanted, but may come.
func (u *setup) checkWords(t *testing.T, words []spoken, gaps ...Gap) {
	t.Helper()
	for c := range audio.Channel(audio.Channels) {
		got := u.record.finalWords(c)
		for _, w := range words {
			from, to := time.Duration(w.from)*audio.FrameDuration, time.Duration(w.to)*audio.FrameDuration
			if w.channel != c {
				continue
			}
			inGap := slices.ContainsFunc(gaps, func(g Gap) bool { return from < g.End && g.Start < to })
			switch {
			case len(got) > 0 && got[0].Text == w.String():
				if !inGap && ((got[0].Start-from).Abs() > time.Millisecond || (got[0].End-to).Abs() > time.Millisecond) {
					t.Errorf("%v: %s at %v to %v, want %v to %v", c, w, got[0].Start, got[0].End, from, to)
				}
				got = got[1:]
			case !inGap:
				t.Fatalf("%v: %s is missing; next is %v", c, w, got[:min(3, len(got))])
			}
		}
		if len(got) > 0 {
			t.Errorf("%v: %d words too many: %v", c, len(got), got[:min(3, len(got))])
		}
	}
}

// checkSamples wants every frame sent to have arrived unchanged at least once.
func (u *setup) checkSamples(t *testing.T, words []spoken) {
	t.Helper()
	arrived := make([]bool, u.sent)
	for _, h := range u.heard() {
		for i, pcm := range h.frames {
			n := frameNumber(pcm)
			if i > 0 && n != frameNumber(h.frames[i-1])+1 {
				t.Errorf("frame %d follows %d", n, frameNumber(h.frames[i-1]))
			}
			f := frame(n, words)
			if want := f.AppendPCM(nil); !slices.Equal(pcm, want) {
				t.Fatalf("frame %d arrived changed", n)
			}
			arrived[n] = true
		}
	}
	if n := slices.Index(arrived, false); n >= 0 {
		t.Errorf("frame %d never arrived", n)
	}
}

func text(transcripts []Transcript) string {
	var texts []string
	for _, t := range transcripts {
		texts = append(texts, t.Text)
	}
	return strings.Join(texts, "|")
}
