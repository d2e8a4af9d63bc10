package device

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"copilot/audio"
)

// What: from a device's block to the frame handed over nothing is allocated.
func TestHubDoesNotAllocate(t *testing.T) {
	h := newHub(audio.NewInterleaver(time.Now()))
	block := make([]int16, 960)
	for i := range block {
		block[i] = int16(i)
	}
	for ch := range audio.Channel(2) {
		if err := h.open(ch, "d", 48000); err != nil {
			t.Fatal(err)
		}
	}
	var f audio.Frame
	if n := testing.AllocsPerRun(200, func() {
		h.push(audio.Interviewer, block, 48000)
		h.push(audio.Candidate, block, 48000)
		for ch := range audio.Channel(2) {
			h.news(ch, time.Now())
		}
		for h.il.Next(time.Now(), &f) {
		}
	}); n != 0 {
		t.Errorf("%v allocations per frame", n)
	}
}

// What: a microphone that gives exact zeroes for ten seconds, as a muted or
// forbidden one does, is live with advice; a word takes the advice away. A lane
// that stops pushing is lost after half a second and live at the next block.
func TestA2_MutedMicrophone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(audio.NewInterleaver(time.Now()))
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		var last audio.LaneStatus
		var frames atomic.Int64
		status := func() audio.LaneStatus {
			mu.Lock()
			defer mu.Unlock()
			return last
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			h.run(ctx, func(audio.Frame) { frames.Add(1) }, func(s audio.LaneStatus) {
				mu.Lock()
				defer mu.Unlock()
				if s.Channel == audio.Candidate {
					last = s
				}
			})
		}()
		if err := h.open(audio.Candidate, "Headset", 16000); err != nil {
			t.Fatal(err)
		}
		push := func(seconds int, v int16) {
			block := make([]int16, 320)
			block[7] = v
			for range seconds * 50 {
				time.Sleep(20 * time.Millisecond)
				h.push(audio.Candidate, block, 16000)
			}
			synctest.Wait()
		}
		push(9, 0)
		if s := status(); s.State != audio.LaneLive || s.Advice != "" {
			t.Errorf("after 9 s of zeroes: %+v", s)
		}
		push(2, 0)
		if s := status(); s.State != audio.LaneLive || s.Advice != muteAdvice {
			t.Errorf("after 11 s of zeroes: %+v", s)
		}
		push(1, 99)
		if s := status(); s.Advice != "" {
			t.Errorf("after a word: %+v", s)
		}
		time.Sleep(600 * time.Millisecond)
		synctest.Wait()
		if s := status(); s.State != audio.LaneLost {
			t.Errorf("after 600 ms without data: %+v", s)
		}
		push(1, 99)
		if s := status(); s.State != audio.LaneLive || s.Dropped == 0 {
			t.Errorf("after data came again: %+v", s)
		}
		cancel()
		<-done
		if n := frames.Load(); n < 13*50 {
			t.Errorf("%d frames in 13.6 s", n)
		}
	})
}
