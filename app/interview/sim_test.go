package interview

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"copilot/app/deepgram"
	"copilot/app/groq"
	"copilot/audio"
)

// The simulation: the real interview code in virtual time, with words as they
// are timed in speech and vendors as slow as they are measured to be.
//
// Vendors' delays, milliseconds (p50/p95): Deepgram's turn-round, of its 247 and
// 298 until the final less the 200 that the measuring client waits itself, 47/98
// (pipecat-ai/stt-benchmark, 2026-06); Groq's first token 150/280 (third
// parties' figures, 2026); network 30 round trip to each vendor, 10 between
// backend and Groq. Interims come once a second of sound, as Deepgram documents.
const (
	simUp, simDown   = 15 * time.Millisecond, 15 * time.Millisecond
	simToGroq        = (15 + 10 + 15) * time.Millisecond
	simFromGroq      = 25 * time.Millisecond
	simToken         = 4 * time.Millisecond // 250 a second
	simFrame         = 8 * time.Millisecond // half a display frame
	simEndpointing   = 300 * time.Millisecond
	simUsefulWords   = 3
	simAfterQuestion = 3 * time.Second

	never = time.Hour
)

// engine is how a transcriber tells words before they are final.
type engine struct {
	every time.Duration // of sound, between interims
	// Milliseconds from a result being due to its leaving the server.
	p50, p95 float64
	own      bool // keys: no server stands between us and Groq
	near     bool // a server stands between, 2 ms from Groq
	free     bool // vendors and network take no time: what is left are our own waits
}

var (
	nova = engine{every: time.Second, p50: 47, p95: 98}
	// Flux's updates lag by 140 to 180 ms (a third party's trace), the network
	// included; the end of a turn that is forced is taken to lag as much.
	flux   = engine{every: 250 * time.Millisecond, p50: 130, p95: 150}
	direct = engine{every: time.Second, p50: 47, p95: 98, own: true}
	near   = engine{every: time.Second, p50: 47, p95: 98, near: true}
	ideal  = engine{every: time.Second, free: true}
)

func (e engine) up() time.Duration {
	if e.free {
		return 0
	}
	return simUp
}

// down is how long a result takes from being due to being here.
func (e engine) down(r *rand.Rand) time.Duration {
	if e.free {
		return 0
	}
	return logNormal(r, e.p50, e.p95) + simDown
}

// think is how long the first token takes from the request.
func (e engine) think(r *rand.Rand) time.Duration {
	switch {
	case e.free:
		return 0
	case e.own:
		return simUp + logNormal(r, 150, 280) + simDown
	case e.near:
		return simUp + logNormal(r, 150, 280) + simDown + 2*time.Millisecond
	}
	return simToGroq + logNormal(r, 150, 280) + simFromGroq
}

// logNormal draws a delay with the given median and 95th percentile.
func logNormal(r *rand.Rand, p50, p95 float64) time.Duration {
	sigma := math.Log(p95/p50) / 1.645
	return time.Duration(p50 * math.Exp(sigma*r.NormFloat64()) * float64(time.Millisecond))
}

// spokenLine is a line of testdata/questions.txt.
type spokenLine struct {
	words   []string
	pauses  map[int]time.Duration // before the word
	known   int                   // words after which what is asked is known
	none    bool                  // it wants no answer
	heldOut bool
}

func spokenLines(t testing.TB) (all []spokenLine) {
	t.Helper()
	raw, err := os.ReadFile("testdata/questions.txt")
	if err != nil {
		t.Fatal(err)
	}
	heldOut := false
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "##") {
			heldOut = strings.Contains(line, "held out")
		}
		if line == "" || line[0] == '#' {
			continue
		}
		l := spokenLine{pauses: map[int]time.Duration{}, heldOut: heldOut}
		line, l.none = strings.CutPrefix(line, "~ ")
		before, after, _ := strings.Cut(line, "|")
		l.known = len(strings.Fields(before)) - strings.Count(before, "[")
		for f := range strings.FieldsSeq(before + " " + after) {
			if ms, ok := strings.CutPrefix(f, "["); ok {
				n, _ := strconv.Atoi(strings.TrimSuffix(ms, "]"))
				l.pauses[len(l.words)] = time.Duration(n) * time.Millisecond
				continue
			}
			l.words = append(l.words, f)
		}
		all = append(all, l)
	}
	return all
}

type timedWord struct {
	text     string
	from, to time.Duration
}

// say gives a line its timing: 3.8 to 5.4 syllables a second, longer before a
// pause; pauses at half of the commas and at every full stop, as in recorded
// conversation (articulation rate 5 ± 0.7; pauses within a turn about 400 ms).
func (l spokenLine) say(r *rand.Rand) (ws []timedWord) {
	rate := []float64{3.8, 4.6, 5.4}[r.IntN(3)]
	at := time.Second
	for i, w := range l.words {
		at += l.pauses[i]
		d := float64(syllables(w)) / rate * math.Exp(0.15*r.NormFloat64())
		switch {
		case i == len(l.words)-1 || strings.ContainsAny(w, ".?!"):
			d *= 1.4
		case strings.HasSuffix(w, ","):
			d *= 1.2
		}
		to := at + max(time.Duration(d*float64(time.Second)), 100*time.Millisecond)
		ws = append(ws, timedWord{w, at, to})
		at = to
		if strings.ContainsAny(w, ".?!") {
			at += time.Duration(300+r.IntN(400)) * time.Millisecond
		} else if strings.HasSuffix(w, ",") && r.IntN(2) == 0 {
			at += time.Duration(100+r.IntN(250)) * time.Millisecond
		}
	}
	return ws
}

func syllables(w string) int {
	n, vowel := 0, false
	for _, c := range strings.ToLower(strings.TrimRight(w, "e,.?!")) {
		is := strings.ContainsRune("aeiouy", c)
		if is && !vowel {
			n++
		}
		vowel = is
	}
	return max(n, 1)
}

// simSource speaks the words: frames whose loudness follows them, with the
// closure that a word begins with.
type simSource struct{ words []timedWord }

func (m simSource) Run(ctx context.Context, emit func(audio.Frame), status func(audio.LaneStatus)) error {
	status(audio.LaneStatus{Channel: 0, State: audio.LaneLive})
	status(audio.LaneStatus{Channel: 1, State: audio.LaneLive})
	tick := time.NewTicker(audio.FrameDuration)
	defer tick.Stop()
	i := 0
	for at := time.Duration(0); ; at += audio.FrameDuration {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		f := audio.Frame{Start: at, Captured: time.Now()}
		for i < len(m.words) && m.words[i].to <= at {
			i++
		}
		if i < len(m.words) && m.words[i].from+audio.FrameDuration <= at {
			hum(&f)
		}
		emit(f)
	}
}

// simEars is Deepgram: interims each second, finals at its own endpoint or when
// asked, all as late as drawn and in order.
type simEars struct {
	engine
	r       *rand.Rand
	words   []timedWord
	began   time.Time
	asks    chan time.Time
	events  chan deepgram.Event
	queue   chan delivery
	stop    chan struct{}
	running sync.WaitGroup
}

type delivery struct {
	at time.Time
	ev deepgram.Event
}

func newSimEars(r *rand.Rand, e engine, words []timedWord) *simEars {
	ears := &simEars{engine: e, r: r, words: words, began: time.Now(), asks: make(chan time.Time, 16),
		events: make(chan deepgram.Event, 64), queue: make(chan delivery, 64), stop: make(chan struct{})}
	ears.events <- deepgram.Status{State: deepgram.Open}
	ears.running.Go(ears.listen)
	ears.running.Go(ears.deliver)
	return ears
}

func (e *simEars) Send(audio.Frame) {}

func (e *simEars) Finalize(audio.Channel) { e.asks <- time.Now() }

func (e *simEars) Events() <-chan deepgram.Event { return e.events }

func (e *simEars) Close(context.Context) error {
	close(e.stop)
	e.running.Wait()
	close(e.events)
	return nil
}

func (e *simEars) deliver() {
	for {
		select {
		case <-e.stop:
			return
		case d := <-e.queue:
			time.Sleep(time.Until(d.at))
			select {
			case e.events <- d.ev:
			case <-e.stop:
				return
			}
		}
	}
}

// listen follows the sound as it arrives, one link behind.
func (e *simEars) listen() {
	settled := 0 // words that are final
	start := time.Duration(0)
	interim := e.every
	ended := 0 // words whose pause was told
	last := e.began
	tell := func(t deepgram.Transcript) {
		at := time.Now().Add(e.down(e.r))
		if at.Before(last) {
			at = last
		}
		last = at
		e.queue <- delivery{at, t}
	}
	for {
		now := time.Since(e.began) - e.up() // of the sound that has arrived
		next := start + interim
		pause, at := e.pause(ended)
		if at >= 0 && at < next {
			next = at
		}
		select {
		case <-e.stop:
			return
		case asked := <-e.asks:
			time.Sleep(time.Until(asked.Add(e.up())))
			now = time.Since(e.began) - e.up()
			n := e.heardBy(now)
			if n == settled {
				if e.r.IntN(2) == 0 { // not certain to be answered when there is nothing
					tell(deepgram.Transcript{Channel: 0, Start: now, End: now, Final: true, Finalized: true})
				}
				continue
			}
			t := e.piece(settled, n)
			t.Final, t.Finalized = true, true
			tell(t)
			settled, start, interim = n, now, e.every
		case <-time.After(next - now):
			now = next
			if at >= 0 && at <= next {
				ended = pause
				t := e.piece(settled, pause)
				if pause == settled {
					t = deepgram.Transcript{Channel: 0, Start: at, End: at}
				}
				t.Final, t.SpeechFinal = true, true
				tell(t)
				settled, start, interim = max(settled, pause), now, e.every
				continue
			}
			interim += e.every
			if n := e.heardBy(now); n > settled {
				tell(e.guess(e.piece(settled, n), n, now))
			}
		}
	}
}

// pause returns the next pause that is long enough for speech_final: the words
// before it, and when it is told; -1 when there is none.
func (e *simEars) pause(after int) (words int, at time.Duration) {
	for i := after; i < len(e.words); i++ {
		if i+1 == len(e.words) || e.words[i+1].from-e.words[i].to >= simEndpointing {
			return i + 1, e.words[i].to + simEndpointing
		}
	}
	return 0, -1
}

func (e *simEars) heardBy(t time.Duration) (n int) {
	for n < len(e.words) && e.words[n].to <= t {
		n++
	}
	return n
}

func (e *simEars) piece(from, to int) deepgram.Transcript {
	t := deepgram.Transcript{Channel: 0}
	var texts []string
	for _, w := range e.words[from:to] {
		texts = append(texts, w.text)
		t.Words = append(t.Words, deepgram.Word{Text: w.text, Start: w.from, End: w.to, Confidence: 0.97})
	}
	if to > from {
		t.Start, t.End = e.words[from].from, e.words[to-1].to
	}
	t.Text = strings.Join(texts, " ")
	return t
}

// guess makes an interim of a piece: its last word has no punctuation yet, and a
// word cut off by the end of the sound is left out, right, or wrong.
func (e *simEars) guess(t deepgram.Transcript, n int, now time.Duration) deepgram.Transcript {
	if k := len(t.Words) - 1; k >= 0 {
		t.Words[k].Text = strings.TrimRight(t.Words[k].Text, ".,?!")
	}
	if n < len(e.words) && now-e.words[n].from > 150*time.Millisecond {
		w := e.words[n]
		switch e.r.IntN(10) {
		case 0, 1, 2:
			t.Words = append(t.Words, deepgram.Word{Text: strings.TrimRight(w.text, ".,?!"), Start: w.from, End: now, Confidence: 0.8})
		case 3, 4:
			t.Words = append(t.Words, deepgram.Word{Text: w.text[:(len(w.text)+1)/2], Start: w.from, End: now, Confidence: 0.6})
		}
	}
	var texts []string
	for _, w := range t.Words {
		texts = append(texts, w.Text)
	}
	t.Text, t.End = strings.Join(texts, " "), t.Words[len(t.Words)-1].End
	return t
}

// simAnswers is Groq behind the backend. Every answer's words are its own.
type simAnswers struct {
	engine
	r         *rand.Rand
	line      spokenLine
	dull      bool // the model's guesses fail one time in three, and its verdicts one in ten
	mu        sync.Mutex
	n         int
	asked     []string // the question that each request is to answer
	cancelled []time.Time
	spoke     []time.Time // when a request had its first word: the other one of a race is cancelled
}

func (a *simAnswers) Complete(ctx context.Context, r groq.Request, delta func(string)) (groq.Result, error) {
	line, short := a.opening(r), false
	if v, ok := a.verdict(r); ok {
		line, short = v, v == "="
	}
	a.mu.Lock()
	a.n++
	a.asked = append(a.asked, a.question(r, line))
	n, wait := a.n, a.think(a.r)+time.Duration(len(strings.Fields(line)))*simToken
	a.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for i := range 60 {
		select {
		case <-ctx.Done():
			a.mu.Lock()
			a.cancelled = append(a.cancelled, time.Now())
			a.mu.Unlock()
			return groq.Result{}, ctx.Err()
		case <-timer.C:
		}
		timer.Reset(simToken)
		if i == 0 {
			a.mu.Lock()
			a.spoke = append(a.spoke, time.Now())
			a.mu.Unlock()
		}
		if i == 0 && line != "" {
			delta(line + "\n")
		}
		if short {
			break
		}
		delta(fmt.Sprintf("a%dw%d ", n, i))
	}
	return groq.Result{Model: "sim"}, nil
}

// key is what recorded words are found by.
func key(s string) string { return strings.Join(tokens(s), " ") }

// recorded reads the lines of a file, which have three fields.
func recorded(file string) (lines [][]string) {
	raw, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	for line := range strings.Lines(string(raw)) {
		if f := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); len(f) == 3 {
			lines = append(lines, f)
		}
	}
	return lines
}

// guessed is what a model expected behind some words, and how sure it was. Where the
// newest of them is cut off, rest is "~" and begins with it.
type guessed struct{ mark, rest string }

var (
	guesses = sync.OnceValue(func() map[string]guessed {
		m := map[string]guessed{}
		for _, f := range recorded("testdata/guesses.txt") {
			g := guessed{"?", f[2]}
			if f[0] >= "8" {
				g.mark = "!"
			} else if f[0] >= "6" {
				g.mark = "+"
			}
			m[key(f[1])] = g
		}
		return m
	})
	served = sync.OnceValue(func() map[string]bool {
		m := map[string]bool{}
		for _, f := range recorded("testdata/served.txt") {
			m[key(f[1])+"|"+key(f[2])] = f[0] == "y"
		}
		return m
	})
)

// question returns what a request is to answer, where its reply begins with line.
func (a *simAnswers) question(r groq.Request, line string) string {
	_, words, _ := strings.Cut(r.Messages[len(r.Messages)-1].Content, "<question>\n")
	words = strings.TrimSuffix(words, "\n</question>")
	if _, end, ok := strings.Cut(line, " "); ok && line != "" {
		return endedWith(words, end)
	}
	return words
}

// opening is the line that a model begins the reply to a hunch with: what a model
// was recorded to expect behind the words, or behind all but the newest, which may
// be half a word, if that is what it expected. It is "" for other requests.
func (a *simAnswers) opening(r groq.Request) string {
	message, ok := strings.CutPrefix(r.Messages[len(r.Messages)-1].Content, saidHalf)
	if !ok {
		return ""
	}
	words := strings.Fields(strings.TrimSuffix(strings.TrimPrefix(message, "<question>\n"), "\n</question>"))
	last := len(words) - 1
	if a.dull && (len(words[last])+len(words))%3 == 0 {
		return "? " + words[last]
	}
	if g, ok := guesses()[key(strings.Join(words, " "))]; ok {
		if end, cut := strings.CutPrefix(g.rest, "~"); cut {
			return g.mark + " " + end
		}
		return g.mark + " " + strings.TrimSpace(words[last]+" "+g.rest)
	}
	if g, ok := guesses()[key(strings.Join(words[:last], " "))]; ok && strings.HasPrefix(norm(g.rest), norm(words[last])) {
		return g.mark + " " + g.rest
	}
	return "? " + words[last]
}

// verdict is what a model begins the reply to a check with; ok is false for other
// requests.
func (a *simAnswers) verdict(r groq.Request) (line string, ok bool) {
	message, ok := strings.CutPrefix(r.Messages[len(r.Messages)-1].Content, saidElse)
	if !ok {
		return "", false
	}
	begun, _, _ := strings.Cut(strings.TrimPrefix(message, "<assumed>\n"), "\n</assumed>")
	right := serves(begun, a.line)
	if a.dull && len(begun)%10 == 0 {
		right = !right
	}
	if right {
		return "=", true
	}
	return "!", true
}

// serves says whether the answer to a question is one to the line: where the question
// is the line's beginning, or was not judged, if what is asked is known by then.
func serves(question string, l spokenLine) bool {
	words, whole := wordsWithin(l.words, question)
	if yes, judged := served()[key(question)+"|"+key(strings.Join(l.words, " "))]; judged && !(whole && words >= l.known) {
		return yes
	}
	return words >= l.known
}

// outcome is how one spoken line went.
type outcome struct {
	line         spokenLine
	first        time.Duration // from the last word's end to the first useful words of the answer that stayed; never: it is to another question
	answered     bool
	requests     int
	adopted      bool
	wrong        bool // the answer that stayed is to another question
	contradicted bool // a draft's words were on screen and then gone, or it was kept although what was asked was not known yet
	cut          bool // an answer that was no draft was taken for another
	orders, ids  int  // requests and questions, those of the lines before included
	gone         int  // drafts gone from the screen, likewise
	late         bool // a request that was dropped, or lost a race, was not cancelled within a millisecond
}

// simulate speaks one line to the real interview code, in an interview in which
// before was the line before.
func simulate(t *testing.T, e engine, l spokenLine, seed uint64, before outcome, change func(*Options)) (o outcome) {
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(seed, 7))
		words := l.say(r)
		o.line = l
		answers := &simAnswers{engine: e, line: l, r: rand.New(rand.NewPCG(seed, 8))}
		var ears *simEars
		began := time.Now()
		type shown struct {
			at     time.Time
			qs     []Question
			orders int
		}
		var seen []shown
		var dropped []time.Time
		var running [2]order
		options := Options{
			Source: simSource{words}, Answerer: answers, Race: !e.own && !e.free,
			Transcribe: func(context.Context) (Transcriber, error) {
				ears = newSimEars(rand.New(rand.NewPCG(seed, 9)), e, words)
				return ears, nil
			},
			Observe: func(s State, _ Event) {
				if s.Questions.Len() > 0 || len(seen) > 0 {
					seen = append(seen, shown{time.Now(), s.Questions.List(), s.orders})
				}
				now := s.requests()
				for _, w := range running {
					if w.n != 0 && w.n != now[0].n && w.n != now[1].n {
						dropped = append(dropped, time.Now())
					}
				}
				running = now
			},
		}
		if change != nil {
			change(&options)
		}
		s := New(options)
		at := s.State()
		at.orders, at.ids, at.draft.gone, at.asked.end = before.orders, before.ids, before.gone, -time.Hour
		s.state.Store(&at)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		end := words[len(words)-1].to
		time.Sleep(end + simAfterQuestion)
		cancel()
		<-ended
		o.requests = answers.n
		reasons := slices.SortedFunc(slices.Values(slices.Concat(dropped, answers.spoke)), time.Time.Compare)
		for _, at := range answers.cancelled {
			i, _ := slices.BinarySearchFunc(reasons, at.Add(-time.Millisecond), time.Time.Compare)
			o.late = o.late || i == len(reasons) || reasons[i].After(at)
		}

		final := s.State()
		o.orders, o.ids, o.gone = final.orders, final.ids, final.draft.gone
		if n := final.Questions.Len(); n > 0 {
			q := final.Questions.At(n - 1)
			text := q.Answer.Text.String()
			var order int
			fmt.Sscanf(text, "a%dw", &order)
			if order > 0 {
				asked := answers.asked[order-1]
				o.wrong = !serves(asked, l)
			}
			o.answered = q.Answer.Status == AnswerDone && !q.Answer.Draft
			for _, sh := range seen {
				for _, p := range sh.qs {
					now := p.Answer.Text.String()
					if p.ID == q.ID && strings.HasPrefix(text, now) && strings.Count(now, " ") >= simUsefulWords && o.first == 0 {
						o.first = sh.at.Add(simFrame).Sub(began.Add(end))
					}
				}
			}
		}
		before := shown{}
		for _, sh := range seen {
			for _, p := range before.qs {
				now := slices.IndexFunc(sh.qs, func(q Question) bool { return q.ID == p.ID })
				gone := now < 0 || !strings.HasPrefix(sh.qs[now].Answer.Text.String(), p.Answer.Text.String())
				had := p.Answer.Text.Len() > 0
				switch {
				case p.Answer.Draft && gone && had:
					o.contradicted = true
				case p.Answer.Draft && !gone && !sh.qs[now].Answer.Draft && sh.orders == before.orders:
					o.adopted = true
				case had && now >= 0 && p.Answer.Status != AnswerCancelled && sh.qs[now].Answer.Status == AnswerCancelled:
					o.cut = true
				}
			}
			before = sh
		}
		if o.wrong { // its words are no useful ones
			o.first, o.contradicted = never, o.contradicted || o.adopted
		}
	})
	return o
}

// wordsWithin returns how many of the words are known to a text that begins
// somewhere among them: up to where it says something else, articles apart, or whole.
// The last word of what was heard may be half a word.
func wordsWithin(words []string, text string) (known int, whole bool) {
	plain := func(s string) string {
		s = strings.ToLower(strings.TrimFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }))
		if same, ok := sameWord[s]; ok {
			return same
		}
		return s
	}
	fs := strings.Fields(text)
	best := 0 // words that agree
	for from := range words {
		n, i, same := from, 0, 0
		for n < len(words) && i < len(fs) {
			a, b := plain(words[n]), plain(fs[i])
			if a == b || strings.HasPrefix(a, b) && i == len(fs)-1 {
				n, i, same = n+1, i+1, same+1
			} else if articles[a] {
				n++
			} else if articles[b] {
				i++
			} else {
				break
			}
		}
		if same > best {
			best, known, whole = same, n, i == len(fs)
		}
	}
	return known, whole
}

// tally sums outcomes up.
type tally struct {
	name                              string
	firsts                            []time.Duration
	questions, requests               int
	early, adopted, contradicted, cut int
	unanswered, nothing, asked, late  int
}

func (s *tally) add(o outcome) {
	if o.line.none {
		s.nothing++
		if o.requests > 0 {
			s.asked++
		}
		return
	}
	s.questions++
	s.requests += o.requests
	count := func(n *int, is bool) {
		if is {
			*n++
		}
	}
	count(&s.adopted, o.adopted)
	count(&s.contradicted, o.contradicted)
	count(&s.cut, o.cut)
	count(&s.late, o.late)
	if !o.answered || o.first == 0 {
		s.unanswered++
		return
	}
	count(&s.early, o.first <= 0)
	s.firsts = append(s.firsts, o.first)
}

func (s *tally) quantile(q float64) time.Duration {
	if len(s.firsts) == 0 {
		return 0
	}
	slices.Sort(s.firsts)
	return s.firsts[min(int(q*float64(len(s.firsts))), len(s.firsts)-1)]
}

func (s *tally) share(n int) float64 { return 100 * float64(n) / float64(max(s.questions, 1)) }

func (s *tally) perQuestion() float64 { return float64(s.requests) / float64(max(s.questions, 1)) }

func (s *tally) String() string {
	return fmt.Sprintf("%-44s %5d %5d %7.0f %% %9.2f %11.1f %% %8.0f %%", s.name, s.quantile(0.5).Milliseconds(), s.quantile(0.95).Milliseconds(),
		s.share(s.early), s.perQuestion(), s.share(s.contradicted), s.share(s.adopted))
}
