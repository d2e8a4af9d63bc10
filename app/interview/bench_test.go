package interview

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"copilot/app/deepgram"
	"copilot/app/groq"
)

// benchmarkRig runs a session in real time around an answerer.
func benchmarkRig(b *testing.B, answer answererFunc, observe func(State, Event)) (e *ears, stop func()) {
	e = newEars()
	s := New(Options{
		Source: &mouth{}, Answerer: answer, Observe: observe,
		Transcribe: func(context.Context) (Transcriber, error) { return e, nil },
		Profile:    Profile{Resume: strings.Repeat("Go at Acme. ", 1000)},
	})
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return e, func() { cancel(); <-ended }
}

type answererFunc func(ctx context.Context, r groq.Request, delta func(string)) (groq.Result, error)

func (f answererFunc) Complete(ctx context.Context, r groq.Request, delta func(string)) (groq.Result, error) {
	return f(ctx, r, delta)
}

// theQuestion is the n-th question a benchmark asks, ten seconds after the one before.
func theQuestion(n int) deepgram.Transcript {
	t := transcript(interviewer, time.Duration(n)*10*time.Second, strings.Fields("What did you learn from it?"))
	t.Final, t.SpeechFinal = true, true
	return t
}

func reportQuantiles(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1e6, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1e6, "p99-ms")
	b.ReportMetric(0, "ns/op") // the pace is the benchmark's own
}

// From a token handed over by the answerer to the state that holds it (A-G1;
// goal: p99 <= 1 ms), at 500 tokens a second.
func BenchmarkTokenToState(b *testing.B) {
	sent := make([]time.Time, b.N)
	took := make([]time.Duration, 0, b.N)
	done := make(chan struct{})
	bytes := 0
	e, stop := benchmarkRig(b,
		func(ctx context.Context, r groq.Request, delta func(string)) (groq.Result, error) {
			for i := range sent {
				time.Sleep(2 * time.Millisecond)
				sent[i] = time.Now()
				delta("x")
			}
			return groq.Result{}, nil
		},
		func(s State, ev Event) {
			switch ev.(type) {
			case DeltaCame:
				now := time.Now()
				for n := s.Questions.At(s.Questions.Len() - 1).Answer.Text.Len(); bytes < n; bytes++ {
					took = append(took, now.Sub(sent[bytes]))
				}
			case AnswerEnded:
				close(done)
			}
		})
	e.events <- theQuestion(1)
	<-done
	stop()
	reportQuantiles(b, took)
}

// From a final off the transcriber's queue to the request handed to the
// answerer (A-G1; goal: p99 <= 2 ms).
func BenchmarkFinalToRequest(b *testing.B) {
	asked := make(chan time.Time, 1)
	ended := make(chan struct{}, 1)
	e, stop := benchmarkRig(b,
		func(ctx context.Context, r groq.Request, delta func(string)) (groq.Result, error) {
			asked <- time.Now()
			delta("Yes.")
			return groq.Result{Text: "Yes."}, nil
		},
		func(_ State, ev Event) {
			if _, ok := ev.(AnswerEnded); ok {
				ended <- struct{}{}
			}
		})
	took := make([]time.Duration, b.N)
	for i := range took {
		time.Sleep(2 * time.Millisecond) // nobody asks without a pause, and the collector is to be done
		begin := time.Now()
		e.events <- theQuestion(i)
		took[i] = (<-asked).Sub(begin)
		<-ended
	}
	stop()
	reportQuantiles(b, took)
}

// What one more token costs at 4,000 tokens, over what it costs at 100 (A-G5;
// goal: <= 1.5). Sending the whole text with each token would give 40.
func BenchmarkTokenCost(b *testing.B) {
	at := func(tokens int) (State, time.Duration) {
		s := newState(Options{}).Apply(SessionBegan{testBegan}).Apply(Heard{testBegan.Add(time.Minute), theQuestion(1)})
		ev := DeltaCame{testBegan.Add(time.Minute), s.wanted.n, "token "}
		for range tokens {
			s = s.Apply(ev)
		}
		begin := time.Now()
		const more = 100
		for range more {
			s = s.Apply(ev)
		}
		return s, time.Since(begin) / more
	}
	var few, many time.Duration
	for b.Loop() {
		_, a := at(100)
		_, z := at(4000)
		few, many = few+a, many+z
	}
	b.ReportMetric(float64(many)/float64(few), "ratio-4000/100")
	b.ReportMetric(float64(few.Nanoseconds())/float64(b.N), "ns/token")
}

// The cost per token is counted, not timed: no more bytes are allocated for one
// at 4,000 tokens than 1.5 times those at 100.
func TestTokenCostIsFlat(t *testing.T) {
	cost := func(tokens int) float64 {
		s := newState(Options{}).Apply(SessionBegan{testBegan}).Apply(Heard{testBegan.Add(time.Minute), theQuestion(1)})
		ev := DeltaCame{testBegan.Add(time.Minute), s.wanted.n, "token "}
		for range tokens {
			s = s.Apply(ev)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 2000 {
			s = s.Apply(ev)
		}
		runtime.ReadMemStats(&after)
		return float64(after.TotalAlloc-before.TotalAlloc) / 2000
	}
	if few, many := cost(100), cost(4000); many > 1.5*few {
		t.Errorf("%.0f bytes for a token at 4,000, %.0f at 100", many, few)
	}
}
