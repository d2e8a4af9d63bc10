package interview

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"copilot/app/groq"
)

// lateFinal is how long the last words may take to come before their answer is late
// unless it comes fast.
const lateFinal = 150 * time.Millisecond

// mayRace says whether the request for q that is ordered now, which nothing was begun
// ahead for, may be sent twice: where a person waits for it, or its last words were
// late, and no limit of a person's own key is in the way. Where words come fast the
// last ones are always late, and the budget does more for hunches.
func (s State) mayRace(q Question) bool {
	late := s.now.Sub(q.Heard) > lateFinal && !s.wordsAreFast()
	return s.race && (q.Manual || late) && s.spare(raceBudget)
}

// race sends a request twice and goes on with the one whose first word comes first,
// since a model's servers are not equally busy. The other one is cancelled at that
// moment; so is a second one that meets a limit. It returns once both have ended.
func race(ctx context.Context, a Answerer, r groq.Request, delta func(string)) (groq.Result, error) {
	type end struct {
		groq.Result
		err error
	}
	var (
		won     atomic.Int32 // 1 or 2: whose words are taken
		running sync.WaitGroup
		ends    [2]end
	)
	defer running.Wait()
	lanes, stop := [2]context.Context{}, [2]context.CancelFunc{}
	for i := range lanes {
		lanes[i], stop[i] = context.WithCancel(ctx)
		defer stop[i]()
	}
	ended := make(chan int, len(lanes))
	for i, lane := range lanes {
		r := r
		if i > 0 {
			r.Retrying = func(string) { stop[i]() }
		}
		running.Go(func() {
			me := int32(i + 1)
			result, err := a.Complete(lane, r, func(text string) {
				if won.CompareAndSwap(0, me) {
					stop[1-i]()
				}
				if won.Load() == me {
					delta(text)
				}
			})
			ends[i] = end{result, err}
			ended <- i
		})
	}
	i := <-ended
	if other := int32(2 - i); won.Load() == other || won.Load() == 0 && ends[i].err != nil {
		i = <-ended
	}
	return ends[i].Result, ends[i].err
}
