package interview

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"copilot/app/deepgram"
	"copilot/app/groq"
	"copilot/audio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is an interview on fakes in memory, in virtual time.
type rig struct {
	*Session
	t       *testing.T
	began   time.Time
	ears    *ears
	answers *answers
	stop    context.CancelFunc
	ended   chan error
	events  []Event // as Observe saw them
	states  []State
}

// run begins an interview within a synctest bubble. change may alter its options.
func run(t *testing.T, change func(*Options)) *rig {
	t.Helper()
	r := &rig{t: t, began: time.Now(), ears: newEars(), answers: &answers{}, ended: make(chan error, 1)}
	o := Options{
		Mode:       "own keys",
		Source:     &mouth{},
		Transcribe: func(context.Context) (Transcriber, error) { return r.ears, nil },
		Answerer:   r.answers,
		Profile:    Profile{Resume: "Go at Acme since 2019."},
		Observe:    func(s State, ev Event) { r.states, r.events = append(r.states, s), append(r.events, ev) },
	}
	if change != nil {
		change(&o)
	}
	r.Session = New(o)
	var ctx context.Context
	ctx, r.stop = context.WithCancel(t.Context())
	go func() { r.ended <- r.Run(ctx) }()
	r.wait(200 * time.Millisecond)
	return r
}

// leave ends the interview as a person does and returns what Run says.
func (r *rig) leave() error {
	r.stop()
	return <-r.ended
}

// now is the time on the capture's timeline.
func (r *rig) now() time.Duration { return time.Since(r.began) }

// hear plays an event of the transcriber to the interview.
func (r *rig) hear(ev deepgram.Event) {
	r.ears.events <- ev
	synctest.Wait()
}

// wait lets time pass and everything that is due then happen.
func (r *rig) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (r *rig) press(c Command) {
	r.Do(c)
	synctest.Wait()
}

// says speaks a whole utterance on a channel: a quarter of a second a word, two
// interims on the way, and the final with speech_final 300 ms after the end.
func (r *rig) says(c audio.Channel, text string) {
	words := strings.Fields(text)
	from := r.now()
	for i := range words {
		r.wait(250 * time.Millisecond)
		if n := i + 1; n == len(words)/3 || n == 2*len(words)/3 {
			r.hear(transcript(c, from, words[:n]))
		}
	}
	r.wait(300 * time.Millisecond)
	t := transcript(c, from, words)
	t.Final, t.SpeechFinal = true, true
	r.hear(t)
}

// transcript is an interim of words from a time on, a quarter of a second each.
func transcript(c audio.Channel, from time.Duration, words []string) deepgram.Transcript {
	t := deepgram.Transcript{Channel: c, Text: strings.Join(words, " "), Start: from}
	for i, w := range words {
		at := from + time.Duration(i)*250*time.Millisecond
		t.Words = append(t.Words, deepgram.Word{Text: w, Start: at, End: at + 250*time.Millisecond, Confidence: 0.98})
	}
	t.End = from + time.Duration(len(words))*250*time.Millisecond
	return t
}

// last returns the newest question.
func (r *rig) last() Question {
	r.t.Helper()
	qs := r.State().Questions.List()
	if len(qs) == 0 {
		r.t.Fatal("there is no question")
	}
	return qs[len(qs)-1]
}

// questions returns the texts of all questions.
func (r *rig) questions() []string {
	var texts []string
	for _, q := range r.State().Questions.All() {
		texts = append(texts, q.Text)
	}
	return texts
}

func (r *rig) wantQuestions(want ...string) {
	r.t.Helper()
	if got := r.questions(); !slices.Equal(got, want) {
		r.t.Fatalf("questions %q, want %q", got, want)
	}
}

// mouth is a source of frames every 20 ms. Its lanes are silent but for what
// loud says.
type mouth struct {
	loud   func(at time.Duration) bool // the interviewer speaks
	length time.Duration               // 0: until ctx is done
	err    error                       // returned at the end
	every  time.Duration               // between frames; 0: as it should be
	lanes  []audio.LaneStatus
}

func (m *mouth) Run(ctx context.Context, emit func(audio.Frame), status func(audio.LaneStatus)) error {
	lanes := m.lanes
	if lanes == nil {
		lanes = []audio.LaneStatus{{Channel: 0, State: audio.LaneLive}, {Channel: 1, State: audio.LaneLive}}
	}
	for _, l := range lanes {
		status(l)
	}
	every := m.every
	if every == 0 {
		every = audio.FrameDuration
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for at := time.Duration(0); m.length == 0 || at < m.length; at += every {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		f := audio.Frame{Start: at, Captured: time.Now()}
		if m.loud != nil && m.loud(at) {
			hum(&f)
		}
		emit(f)
	}
	return m.err
}

// hum makes the interviewer's lane sound like a vowel.
func hum(f *audio.Frame) {
	for i := range audio.FrameSamples {
		f.Samples[i*audio.Channels] = int16((i%100 - 50) * 100) // 160 Hz with all its harmonics
	}
}

// ears is a transcriber that hears what the test says.
type ears struct {
	events    chan deepgram.Event
	mu        sync.Mutex
	frames    int
	finalized []time.Time
	onAsk     func() // called after Finalize, from a goroutine
	deaf      bool   // Close never returns by itself
	closed    bool
}

func newEars() *ears {
	e := &ears{events: make(chan deepgram.Event, 16)}
	e.events <- deepgram.Status{State: deepgram.Open}
	return e
}

func (e *ears) Send(audio.Frame) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.frames++
}

func (e *ears) sent() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.frames
}

func (e *ears) Finalize(c audio.Channel) {
	e.mu.Lock()
	e.finalized = append(e.finalized, time.Now())
	e.mu.Unlock()
	if e.onAsk != nil {
		go e.onAsk()
	}
}

func (e *ears) asked() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.finalized)
}

func (e *ears) Events() <-chan deepgram.Event { return e.events }

func (e *ears) Close(ctx context.Context) error {
	if e.deaf {
		<-ctx.Done()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.closed = true
		close(e.events)
	}
	return ctx.Err()
}

// answers is an answerer: the first word after 300 ms, then one every 20 ms.
type answers struct {
	mu        sync.Mutex
	requests  []groq.Request
	began     []time.Time
	cancelled []time.Time // when a request's context ended before its answer
	running   int
	text      string        // of every answer; empty: ten words
	verdict   string        // the reply to a check; empty: "="
	checks    time.Duration // the first word of that; 0: as of every other
	first     time.Duration
	fail      func(n int) error // the error of request n, after what was written
	stall     bool              // after the first word nothing comes
}

const tenWords = "I led it myself and we shipped in six weeks."

func (a *answers) Complete(ctx context.Context, r groq.Request, delta func(string)) (groq.Result, error) {
	a.mu.Lock()
	n := len(a.requests)
	a.requests, a.began, a.running = append(a.requests, r), append(a.began, time.Now()), a.running+1
	text, first, fail, stall := a.text, a.first, a.fail, a.stall
	if strings.HasPrefix(r.Messages[len(r.Messages)-1].Content, saidElse) {
		if text = a.verdict; text == "" {
			text = "="
		}
		if a.checks > 0 {
			first = a.checks
		}
	}
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		a.running--
		a.mu.Unlock()
	}()
	if text == "" {
		text = tenWords
	}
	if first == 0 {
		first = 300 * time.Millisecond
	}
	var written strings.Builder
	wait := first
	for _, w := range strings.SplitAfter(text, " ") {
		select {
		case <-ctx.Done():
			a.mu.Lock()
			a.cancelled = append(a.cancelled, time.Now())
			a.mu.Unlock()
			return groq.Result{Text: written.String()}, ctx.Err()
		case <-time.After(wait):
		}
		written.WriteString(w)
		delta(w)
		if wait = 20 * time.Millisecond; stall {
			wait = time.Hour
		}
	}
	result := groq.Result{Text: written.String(), Model: "fake"}
	if fail != nil {
		if err := fail(n); err != nil {
			return result, err
		}
	}
	return result, nil
}

func (a *answers) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.requests)
}

func (a *answers) live() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.running
}

func (a *answers) cancels() []time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.cancelled)
}

// told is an error with a sentence for the person.
type told struct{ error }

func (told) Sentence() string { return "Do this." }

var errTest = told{errors.New("broken")}
