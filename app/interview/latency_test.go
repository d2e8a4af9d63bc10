package interview

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// peer is another product by the waits in its own code, on the same words, the
// same network and the same vendors' delays. Where its code leaves something
// open, the kindest reading is taken.
type peer struct {
	name, source string
	heard        func(r *rand.Rand, l spokenLine) time.Duration // from the last word's end to the request
}

func uniform(r *rand.Rand, upTo float64) time.Duration {
	return time.Duration(r.Float64() * upTo * float64(time.Millisecond))
}

// Capture as Electron does it: a script processor of 4,096 samples at 24 kHz,
// passed on in pieces of 100 ms.
func electron(r *rand.Rand) time.Duration { return uniform(r, 170.7) + uniform(r, 100) }

// batch is an upload of the whole utterance to a batch transcription: OpenAI's
// 637/965 ms (pipecat-ai/stt-benchmark) less the 200 that the client waits.
func batch(r *rand.Rand) time.Duration { return simUp + simDown + logNormal(r, 437, 765) }

var peers = []peer{
	{"pipecat, defaults (a voice agent)", "200 ms of silence (vad_analyzer.py:27), turn model 12-60 ms, Finalize", func(r *rand.Rand, _ spokenLine) time.Duration {
		return uniform(r, 20) + 200*time.Millisecond + 12*time.Millisecond + uniform(r, 48) + simUp + simDown + logNormal(r, 47, 98)
	}},
	{"PowerInterview", "skip/answer/uncertain, 700 ms when uncertain; its final taken as the best published, 247/298 ms", func(r *rand.Rand, l spokenLine) time.Duration {
		d := logNormal(r, 247, 298)
		if judge("en", strings.Join(l.words, " ")).verdict == uncertain {
			d += 700 * time.Millisecond
		}
		return d
	}},
	{"pluely 51e5bce", "18 hops of 1,024 samples of silence = 384 ms, then a batch upload", func(r *rand.Rand, _ spokenLine) time.Duration {
		return uniform(r, 21.3) + 384*time.Millisecond + batch(r)
	}},
	{"cheating-daddy 998a056, local", "15 x 100 ms of silence, then Whisper on the whole utterance", func(r *rand.Rand, _ spokenLine) time.Duration {
		return electron(r) + 1500*time.Millisecond + batch(r)
	}},
	{"glass 71bc3dc", "COMPLETION_DEBOUNCE_MS = 2000 after each final; answers only when asked", func(r *rand.Rand, _ spokenLine) time.Duration {
		return electron(r) + simUp + simDown + logNormal(r, 47, 98) + 2*time.Second
	}},
}

func (p peer) tally(ls []spokenLine, seeds int) tally {
	s := tally{name: p.name}
	for i, l := range ls {
		for seed := range seeds {
			r := rand.New(rand.NewPCG(uint64(i*1000+seed), 11))
			if !l.none {
				s.add(outcome{line: l, answered: true, requests: 1,
					first: p.heard(r, l) + nova.think(r) + (simUsefulWords-1)*simToken + simFrame})
			}
		}
	}
	return s
}

// ourTally speaks lines one after the other, as in one interview.
func ourTally(t *testing.T, name string, e engine, ls []spokenLine, seeds, step int, change func(*Options)) tally {
	s := tally{name: name}
	for seed := range seeds {
		var o outcome
		for i := 0; i < len(ls); i += step {
			o = simulate(t, e, ls[i], uint64(i*1000+seed), o, change)
			s.add(o)
		}
	}
	return s
}

// The latency simulation (goals A-G1 to A-G4). LATENCY_SEEDS=50 (make
// bench-latency) speaks every line with 50 timings; without it a few lines are
// spoken once, and the counts are checked in both.
func TestLatencySimulation(t *testing.T) {
	lines := spokenLines(t)
	seeds, step := 1, 9
	if s := os.Getenv("LATENCY_SEEDS"); s != "" {
		seeds, step = 1, 1
		if n, err := strconv.Atoi(s); err != nil || n < 1 {
			t.Fatalf("LATENCY_SEEDS=%q", s)
		} else {
			seeds = n
		}
	}
	var tuned, held, early, last []spokenLine
	questions := 0
	for _, l := range lines {
		if !l.none {
			questions++
		}
		switch { // for the reader: drafts can only help where the end adds nothing
		case l.none:
		case len(l.words)-l.known >= 3:
			early = append(early, l)
		default:
			last = append(last, l)
		}
		if l.heldOut {
			held = append(held, l)
		} else {
			tuned = append(tuned, l)
		}
	}
	if questions < 200 {
		t.Fatalf("%d questions, fewer than 200", questions)
	}
	noDrafts := func(o *Options) { o.NoDrafts = true }
	dull := func(o *Options) { o.Answerer.(*simAnswers).dull = true }
	rows := []struct {
		name   string
		engine engine
		lines  []spokenLine
		change func(*Options)
	}{
		{"ours, asked when it is over", nova, tuned, noDrafts},
		{"  held out from tuning", nova, held, noDrafts},
		{"ours, with drafts", nova, tuned, nil},
		{"  held out from tuning", nova, held, nil},
		{"ours, with drafts, words each 250 ms", flux, tuned, nil},
		{"  held out from tuning", flux, held, nil},
		{"ours, with drafts and own keys", direct, tuned, nil},
		{"  held out from tuning", direct, held, nil},
		{"ours, with drafts, server 2 ms from Groq", near, tuned, nil},
		{"  held out from tuning", near, held, nil},
		{"  held out, a third of the guesses are none", nova, held, dull},
		{fmt.Sprintf("  the %d known 3 words before their end", len(early)), nova, early, nil},
		{fmt.Sprintf("  the %d decided by their last words", len(last)), nova, last, nil},
		{"our own waits alone, asked when it is over", ideal, tuned, noDrafts},
	}
	var out strings.Builder
	fmt.Fprintf(&out, "\n%d questions, %d of them held out, %d timings each; from the last word's end to the first useful words on screen\n",
		questions, len(held), seeds)
	fmt.Fprintf(&out, "%-44s %5s %5s %9s %9s %13s %10s\n", "", "p50", "p95", "before it", "requests", "contradicted", "adopted")
	if step > 1 { // the long run's only
		rows = slices.Delete(rows, 4, len(rows)-1)
	}
	tallies := make([]tally, len(rows))
	t.Run("ours", func(t *testing.T) {
		for i, row := range rows {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				tallies[i] = ourTally(t, row.name, row.engine, row.lines, seeds, step, row.change)
			})
		}
	})
	for _, s := range tallies {
		fmt.Fprintln(&out, s.String())
	}
	for _, p := range peers {
		s := p.tally(lines, max(seeds, 5))
		times := fmt.Sprintf("%.1fx", float64(s.quantile(0.5))/float64(tallies[0].quantile(0.5)))
		if with := tallies[2].quantile(0.5); with > 0 {
			times += fmt.Sprintf(", with drafts %.1fx", float64(s.quantile(0.5))/float64(with))
		} else {
			times += ", with drafts ours is there before the question is over"
		}
		fmt.Fprintf(&out, "%-44s %5d %5d   %s; %s\n", s.name, s.quantile(0.5).Milliseconds(), s.quantile(0.95).Milliseconds(), times, p.source)
	}
	t.Log(out.String())

	for _, s := range tallies {
		heldOut := strings.HasPrefix(s.name, "  held out")
		switch {
		case s.unanswered > 0:
			t.Errorf("%s: %d questions without an answer", s.name, s.unanswered)
		case s.perQuestion() > 1.6+float64(advance)/float64(s.questions) && !strings.HasPrefix(s.name, "  the "): // of an interview, not of its kinds of questions
			t.Errorf("%s: %.2f requests a question, more than 1.6", s.name, s.perQuestion())
		case s.share(s.contradicted) > 10 && s.questions > 20:
			t.Errorf("%s: %.1f %% of the questions had a draft that was contradicted, more than 10 %%", s.name, s.share(s.contradicted))
		case s.late > 0:
			t.Errorf("%s: %d times a request was not cancelled at once", s.name, s.late)
		case s.asked*50 > s.nothing && !heldOut: // two of eight are there
			t.Errorf("%s: %d of %d lines that want nothing were answered", s.name, s.asked, s.nothing)
		}
	}
	// Goal A-G3. Its p95 holds with own keys and with a server beside Groq, not with a
	// server elsewhere or with Flux; of the held-out questions just half have words
	// before the end.
	for i, s := range tallies {
		r := rows[i]
		p50, p95, early := s.quantile(0.5), s.quantile(0.95), s.share(s.early)
		if step > 1 || r.change != nil || len(r.lines) != len(tuned) && len(r.lines) != len(held) {
			continue
		}
		if p50 > 100*time.Millisecond || early < 50 && len(r.lines) == len(tuned) {
			t.Errorf("%s: p50 %v, %.1f %% before the end; the goals are 100 ms and 50 %%", s.name, p50, early)
		}
		if (r.engine.own || r.engine.near) && p95 > 450*time.Millisecond {
			t.Errorf("%s: p95 %v; the goal is 450 ms", s.name, p95)
		}
	}
	if p50, p95 := tallies[0].quantile(0.5), tallies[0].quantile(0.95); p50 > 450*time.Millisecond || p95 > 750*time.Millisecond {
		t.Errorf("without drafts: p50 %v, p95 %v; the goals are 450 and 750 ms", p50, p95)
	}
	if own := tallies[len(tallies)-1].quantile(0.5); own > 160*time.Millisecond { // the wait of 100 ms, a frame, and the ear's last frame
		t.Errorf("our own waits add up to %v", own)
	}
}
