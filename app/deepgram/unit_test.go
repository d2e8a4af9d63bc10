package deepgram

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"copilot/audio"
)

func TestListenURL(t *testing.T) {
	many := make([]string, 150)
	for i := range many {
		many[i] = fmt.Sprintf("t%03d", i)
	}
	for _, test := range []struct {
		name string
		opts Options
		want []string // parts of the URL; "!" before what must not be there
	}{
		{"defaults", Options{}, []string{"wss://api.deepgram.com/v1/listen?", "model=nova-3&", "language=en", "encoding=linear16", "sample_rate=16000",
			"channels=2", "multichannel=true", "interim_results=true", "endpointing=300", "utterance_end_ms=1000", "vad_events=true", "punctuate=true",
			"!keyterm", "!keywords", "!mip_opt_out", "!tag", "!smart_format"}},
		{"base path", Options{URL: "http://127.0.0.1:8080/deepgram/"}, []string{"ws://127.0.0.1:8080/deepgram/v1/listen?"}},
		{"all set", Options{URL: "wss://x", Language: "multi", Endpointing: -1, UtteranceEnd: 1500 * time.Millisecond, Tag: "a b&c", OptOut: true},
			[]string{"language=multi", "endpointing=false", "utterance_end_ms=1500", "tag=a+b%26c", "mip_opt_out=true"}},
		{"keyterms", Options{Keyterms: []string{" Kubernetes ", "gRPC", "kubernetes", "", "Ada\u0000 Lovelace"}},
			[]string{"keyterm=Kubernetes&keyterm=gRPC&keyterm=Ada+Lovelace", "!keywords"}},
		{"keywords", Options{Model: "nova-2", Keyterms: []string{"Ada Lovelace", "a:b", "Go", "Ada"}},
			[]string{"keywords=Ada%3A1&keywords=Lovelace%3A1", "!keyterm", "!Go", "!a%3Ab"}},
		{"too many terms", Options{Keyterms: many}, []string{"keyterm=t099", "!t100"}},
		{"too many tokens", Options{Keyterms: []string{strings.Repeat("x", 1200), strings.Repeat("y", 600)}}, []string{"xxx", "!yyy"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.opts.Credential = key
			u, err := test.opts.withDefaults().listenURL()
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range test.want {
				unwanted, not := strings.CutPrefix(part, "!")
				if not && strings.Contains(u.String(), unwanted) || !not && !strings.Contains(u.String(), part) {
					t.Errorf("%s: %q", u, part)
				}
			}
			r := &http.Request{URL: u, Header: http.Header{"Authorization": {"Token k"}}}
			r.URL.Path = "/v1/listen"
			if code, text := checkRequest(r); code != 0 {
				t.Errorf("refused: %d %s", code, text)
			}
		})
	}
}

func TestOptionsProblems(t *testing.T) {
	_, err := Dial(t.Context(), Options{URL: "ftp://me:secret@x", UtteranceEnd: time.Millisecond, Tag: strings.Repeat("x", 129)})
	for _, want := range []string{"scheme", "no user", "no credential", "shorter than one second", "129"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
	for _, bad := range []string{":", "http://", "://secret", "host"} {
		if _, err := Dial(t.Context(), Options{URL: bad, Credential: key}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// What: sound and control messages at every length's edge. Why: the framing is
// ours; a whole stream proves only one length.
func TestAppendHeader(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 1280, 65535} {
		h := appendHeader(nil, opBinary, n)
		want := 6
		if n > 125 {
			want = 8
		}
		length := int(h[1] &^ maskBit)
		if length == 126 {
			length = int(h[2])<<8 | int(h[3])
		}
		if len(h) != want || h[0] != 0x82 || h[1]&maskBit == 0 || length != n {
			t.Errorf("%d: % x", n, h)
		}
		message := append(slices.Clone(h), make([]byte, n)...)
		mask(message, n)
		for i := range n {
			if message[len(h)+i] != h[len(h)-4+i%4] {
				t.Fatalf("byte %d of %d is masked wrongly", i, n)
			}
		}
	}
}

// What: any sequence of frames, pauses and drops. Why: a word must come back to
// where it was said, whatever lay between.
func TestTimeline(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tl timeline
		starts := []time.Duration{}
		at := time.Duration(rapid.IntRange(0, 1000).Draw(t, "begin")) * time.Millisecond
		if rapid.Bool().Draw(t, "padded") {
			tl.pad()
			starts = append(starts, -1)
		}
		for range rapid.IntRange(1, 200).Draw(t, "frames") {
			if rapid.IntRange(0, 9).Draw(t, "pause") == 0 {
				at += time.Duration(rapid.IntRange(20, 100000).Draw(t, "length")) * time.Millisecond
			}
			tl.add(at)
			starts = append(starts, at)
			at += audio.FrameDuration
		}
		for i, want := range starts {
			if want < 0 {
				continue
			}
			from := time.Duration(i) * audio.FrameDuration
			if got := tl.start(from); got != want {
				t.Fatalf("frame %d starts at %v, want %v", i, got, want)
			}
			if got := tl.end(from + audio.FrameDuration); got != want+audio.FrameDuration {
				t.Fatalf("frame %d ends at %v, want %v", i, got, want+audio.FrameDuration)
			}
		}
	})
}

func TestTimelineIsBounded(t *testing.T) {
	var tl timeline
	for i := range 10 * maxStretches {
		tl.add(time.Duration(i) * time.Second)
	}
	if len(tl.stretches) > maxStretches {
		t.Errorf("%d stretches", len(tl.stretches))
	}
	if got, want := tl.start(tl.sent-audio.FrameDuration), time.Duration(10*maxStretches-1)*time.Second; got != want {
		t.Errorf("the newest frame is at %v, want %v", got, want)
	}
}

// What: pushes, pops and rewinds at random. Why: every frame must be popped in
// order, or be counted as lost, or have been popped before.
func TestRing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRing()
		next, lost := 0, 0
		pushed := 0
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				for range rapid.IntRange(1, 2*ringFrames/3).Draw(t, "push") {
					gap, n := r.push(&audio.Frame{Start: time.Duration(pushed) * audio.FrameDuration})
					if n > 0 {
						if want := time.Duration(next) * audio.FrameDuration; gap.Start != want || gap.End != want+time.Duration(n)*audio.FrameDuration {
							t.Fatalf("gap %v at frame %d", gap, next)
						}
					}
					next += n
					lost += n
					pushed++
				}
			case 1:
				for range rapid.IntRange(0, 1000).Draw(t, "pop") {
					if r.next == r.head {
						break
					}
					if f := r.pop(); f.Start != time.Duration(next)*audio.FrameDuration {
						t.Fatalf("popped %v, want frame %d", f.Start, next)
					}
					next++
				}
			case 2:
				to := rapid.IntRange(0, pushed).Draw(t, "rewind")
				gap, missing := r.rewind(time.Duration(to) * audio.FrameDuration)
				next = int(r.next)
				if kept := max(to, int(r.first)); next != kept {
					t.Fatalf("rewound to %d, want %d", next, kept)
				}
				if missing != (to < int(r.first)) || missing && gap.End != time.Duration(r.first)*audio.FrameDuration {
					t.Fatalf("rewound to %d of %d: gap %v %v", to, r.first, gap, missing)
				}
			}
		}
	})
}

// What: any words, cut into pieces at random, heard again from the last final on
// and cut otherwise, with times that differ a little. Why: no word twice, none
// lost, for all cuts and not only for those one thinks of.
func TestLaneTellsEveryWordOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var words []Word
		at := time.Duration(0)
		for i := range rapid.IntRange(1, 30).Draw(t, "words") {
			at += time.Duration(rapid.IntRange(60, 900).Draw(t, "pause")) * time.Millisecond
			length := time.Duration(rapid.IntRange(80, 500).Draw(t, "length")) * time.Millisecond
			words = append(words, Word{Text: fmt.Sprintf("w%d", i), Start: at, End: at + length})
			at += length
		}
		l := &lane{}
		now := time.Now()
		var got []string
		hear := func(from, to int, start, end time.Duration, final bool) {
			jitter := time.Duration(rapid.IntRange(-25, 25).Draw(t, "jitter")) * time.Millisecond
			piece := Transcript{Start: start, End: end, Final: final}
			var texts []string
			for _, w := range words[from:to] {
				w.Start, w.End = w.Start+jitter, w.End+jitter
				piece.Words = append(piece.Words, w)
				texts = append(texts, w.Text)
			}
			piece.Text = strings.Join(texts, " ")
			if told, tell := l.hear(piece, now); tell && told.Final {
				got = append(got, strings.Fields(told.Text)...)
			}
		}
		// pass hears words from on, and stops at a random place.
		pass := func(from int, start time.Duration, whole bool) {
			for from < len(words) && (whole || rapid.IntRange(0, 4).Draw(t, "stop") > 0) {
				to := rapid.IntRange(from+1, len(words)).Draw(t, "cut")
				end := words[to-1].End + 30*time.Millisecond
				hear(from, to, start, end, false)
				hear(from, to, start, end, true)
				from, start = to, end
			}
		}
		pass(0, 0, false)
		for i := range rapid.IntRange(1, 3).Draw(t, "losses") {
			l.lose()
			// The other channel may be behind, so that we hear more again.
			back := rapid.IntRange(0, 5).Draw(t, "back")
			from := slices.IndexFunc(words, func(w Word) bool { return w.Start >= l.settled })
			if from < 0 {
				from = len(words)
			}
			from = max(0, from-back)
			start := l.settled
			if back > 0 && from < len(words) {
				start = min(start, words[from].Start)
			}
			pass(from, start, i == 0)
		}
		var want []string
		for _, w := range words {
			want = append(want, w.Text)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

// What: a word heard again, somewhat later than the first time. Why: its place
// alone would make it a new word.
func TestLaneKnowsAWordAgain(t *testing.T) {
	ms := time.Millisecond
	l := &lane{}
	l.hear(Transcript{Text: "to be", Words: []Word{{Text: "to", Start: 0, End: 100 * ms}, {Text: "be", Start: 100 * ms, End: 200 * ms}}, End: 200 * ms, Final: true}, time.Now())
	got, _ := l.hear(Transcript{Text: "to Be, be", End: 600 * ms, Final: true, Words: []Word{
		{Text: "to", Start: 20 * ms, End: 120 * ms}, {Text: "Be,", Start: 180 * ms, End: 280 * ms}, {Text: "be", Start: 300 * ms, End: 400 * ms},
	}}, time.Now())
	if got.Text != "be" || got.Start != 300*ms {
		t.Errorf("told %q at %v", got.Text, got.Start)
	}
}

// What: the watchdog's clock. Why: it must neither cut off a speaker nor wait for
// an answer that never comes.
func TestLaneWatchdog(t *testing.T) {
	begin := time.Now()
	at := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	interim := func(text string) Transcript { return Transcript{Text: text, End: time.Second} }
	l := &lane{}
	want := func(ms int, wantTell, wantAsk bool) {
		t.Helper()
		if _, tell, ask := l.expire(at(ms)); tell != wantTell || ask != wantAsk {
			t.Errorf("at %d ms: tell %v, ask %v", ms, tell, ask)
		}
	}
	want(10000, false, false) // nothing was said
	l.hear(interim("a"), at(0))
	l.hear(interim("a"), at(1000)) // the same again is no change
	want(1499, false, false)
	want(1500, false, true)
	l.hear(interim("a b"), at(1600)) // speech goes on after all
	want(2600, false, false)
	want(3100, false, true)
	want(4099, false, false)
	want(4100, true, false)
	if !l.due().IsZero() {
		t.Error("the watchdog barks on")
	}
	// A final without a pause after it is closed as well.
	l.hear(Transcript{Text: "c", Final: true, Start: 2 * time.Second, End: 3 * time.Second}, at(5000))
	want(6500, false, true)
	if got, tell := l.hear(Transcript{Final: true, Finalized: true, Start: 3 * time.Second, End: 4 * time.Second}, at(6600)); !tell || !got.SpeechFinal {
		t.Errorf("the answer to the watchdog became %+v, told %v", got, tell)
	}
	// UtteranceEnd over words that are not final yet asks for them at once.
	l.hear(Transcript{Text: "d", Start: 4 * time.Second, End: 5 * time.Second}, at(7000))
	if tell, ask := l.utteranceEnd(5*time.Second, at(7100)); tell || !ask {
		t.Errorf("utterance end: tell %v, ask %v", tell, ask)
	}
	if tell, ask := l.utteranceEnd(5*time.Second, at(7200)); tell || ask {
		t.Errorf("second utterance end: tell %v, ask %v", tell, ask)
	}
	want(8100, true, false)
}

func TestBackoff(t *testing.T) {
	var b backoff
	lost, full := &Error{Code: CodeLost}, &Error{Status: 429}
	if d := b.next(lost); d != 0 {
		t.Errorf("the first attempt waits %v", d)
	}
	for n := range 100 {
		d := b.next(lost)
		low, high := min(shortWait, firstWait<<min(n, 10)), shortWait*3/2
		if n+1 > keptAttempts {
			low, high = longWait, longWait*3/2
		}
		if d < low || d > high {
			t.Errorf("attempt %d waits %v", n+2, d)
		}
	}
	b = 0
	if d := b.next(full); d < fullWait {
		t.Errorf("a full service is asked again after %v", d)
	}
	full.RetryAfter = 20 * time.Second
	if d := b.next(full); d < full.RetryAfter || d > 31*time.Second {
		t.Errorf("retry-after of 20 s became %v", d)
	}
}

func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		`{"type":"Results","channel_index":[0,2],"start":1.02,"duration":1.98,"is_final":true,"speech_final":false,"from_finalize":false,"channel":{"alternatives":[{"transcript":"hello there","confidence":0.99,"languages":["en"],"words":[{"word":"hello","start":1.1,"end":1.4,"confidence":0.99,"punctuated_word":"Hello","speaker":0}]}]},"metadata":{"request_id":"uuid"},"entities":[]}`,
		`{"type":"Results","channel":{"alternatives":[]},"start":"x","channel_index":"y"}`,
		`{"type":"Results","start":1e308,"duration":-1,"channel":[0,2]}`,
		`{"type":"UtteranceEnd","channel":[1,2],"last_word_end":-1}`,
		`{"type":"SpeechStarted","channel":[0,2],"timestamp":1.9}`,
		`{"type":"Metadata","request_id":"r","duration":12.3,"channels":2}`,
		`{"type":"Error","err_code":7,"err_msg":"m","variant":"v"}`,
		`{"type":"Error","code":"C","description":"d","sequence_id":9}`,
		`{"type":["Results"]}`, `[]`, `null`, `{"type":"Results","channel_index":[-1,2]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parse(text)
		if err != nil {
			return
		}
		if m.Type == "" || m.Channel < 0 || m.Channel >= audio.Channels || m.Start < 0 || m.Duration < 0 || m.Start+m.Duration < 0 {
			t.Fatalf("%q became %+v", text, m)
		}
		for _, w := range m.Words {
			if w.Text == "" || w.Start < 0 || w.End < w.Start {
				t.Fatalf("%q has the word %+v", text, w)
			}
		}
		// Whatever came, the channel's state must take it.
		l := &lane{}
		for range 2 {
			l.hear(Transcript{Text: m.Transcript, Words: m.Words, Start: m.Start, End: m.Start + m.Duration, Final: m.Final}, time.Now())
		}
		l.utteranceEnd(m.At, time.Now())
		l.promote()
	})
}
