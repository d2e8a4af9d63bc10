package audio_test

import (
	"math"
	"testing"
	"time"

	"copilot/audio"

	"pgregory.net/rapid"
)

// rig drives an Interleaver in virtual time with sound that carries its own
// time: each lane is a click every second of its own, heard at true time.
type rig struct {
	il     *audio.Interleaver
	origin time.Time
	now    time.Duration
	frames []audio.Frame
}

func newRig(t testing.TB, rates ...int) *rig {
	t.Helper()
	r := &rig{origin: time.Unix(1000, 0)}
	r.il = audio.NewInterleaver(r.origin)
	for ch, rate := range rates {
		if err := r.il.Open(audio.Channel(ch), rate); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func (r *rig) push(ch audio.Channel, mono []int16) {
	r.il.Push(ch, mono, r.origin.Add(r.now))
	r.drain()
}

func (r *rig) drain() {
	var f audio.Frame
	for r.il.Next(r.origin.Add(r.now), &f) {
		r.frames = append(r.frames, f)
	}
}

// contiguous checks that frames follow each other.
func (r *rig) contiguous(t interface {
	Helper()
	Fatalf(format string, args ...any)
}) {
	t.Helper()
	for i, f := range r.frames {
		if want := time.Duration(i) * audio.FrameDuration; f.Start != want {
			t.Fatalf("frame %d starts at %v, want %v", i, f.Start, want)
		}
	}
}

// level is the constant a lane shows in a frame's middle.
func level(f audio.Frame, ch audio.Channel) int16 { return f.Samples[320+int(ch)] }

func constant(n int, v int16) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// What: two lanes of different rates come out side by side in 20 ms frames.
func TestInterleaverPairsLanes(t *testing.T) {
	r := newRig(t, 48000, 16000)
	for range 50 {
		r.now += 20 * time.Millisecond
		r.push(audio.Interviewer, constant(960, 1000))
		r.push(audio.Candidate, constant(320, -2000))
	}
	if len(r.frames) < 48 {
		t.Fatalf("%d frames from a second of sound", len(r.frames))
	}
	r.contiguous(t)
	for _, f := range r.frames[2:] {
		if level(f, 0) != 1000 || level(f, 1) != -2000 || f.Silent != [2]bool{} {
			t.Fatalf("frame at %v holds %d and %d, silent %v", f.Start, level(f, 0), level(f, 1), f.Silent)
		}
	}
	if age := r.origin.Add(r.now).Sub(r.frames[len(r.frames)-1].Captured); age != 0 {
		t.Errorf("the newest frame says it was read %v ago", age)
	}
}

// What: a lane without a device is silence and holds nothing up; both without
// give silent frames in step with the clock.
func TestInterleaverSilence(t *testing.T) {
	r := newRig(t, 16000)
	for range 50 {
		r.now += 20 * time.Millisecond
		r.push(audio.Interviewer, constant(320, 500))
	}
	if len(r.frames) < 48 {
		t.Fatalf("%d frames while one lane is missing", len(r.frames))
	}
	for _, f := range r.frames[2:] {
		if f.Silent != [2]bool{false, true} || level(f, 0) != 500 || level(f, 1) != 0 {
			t.Fatalf("frame at %v: silent %v, holds %d and %d", f.Start, f.Silent, level(f, 0), level(f, 1))
		}
	}
	r.il.Shut(audio.Interviewer)
	n := len(r.frames)
	for range 100 {
		r.now += 10 * time.Millisecond
		r.drain()
	}
	if got := len(r.frames) - n; got < 46 || got > 51 {
		t.Errorf("%d frames in a second without lanes", got)
	}
	r.contiguous(t)
	if last := r.frames[len(r.frames)-1]; last.Silent != [2]bool{true, true} {
		t.Errorf("silent %v without lanes", last.Silent)
	}
	if lost := r.il.Lost(audio.Interviewer) + r.il.Lost(audio.Candidate); lost > 1 {
		t.Errorf("%d frames counted as lost although no device was open", lost)
	}
}

// What: a callback that is 200 ms late, whether its sound was kept or lost,
// leaves a marked gap and everything after it in its right place; clocks 400 ppm
// apart stay within 20 ms for 8 hours (clock_test.go has the hours, this the sound).
func TestA3_LateCallbackKeepsTimeline(t *testing.T) {
	for _, kept := range []bool{true, false} {
		r := newRig(t, 16000, 16000)
		// Both lanes play a staircase: the value tells the time it was spoken.
		stair := func(at time.Duration) int16 { return int16(at / (20 * time.Millisecond)) }
		pending := 0
		for i := range 300 {
			at := r.now
			r.now += 20 * time.Millisecond
			r.push(audio.Candidate, constant(320, stair(at)))
			if i >= 100 && i < 110 { // stalled
				pending++
				r.drain()
				continue
			}
			for p := pending; p > 0 && kept; p-- {
				r.push(audio.Interviewer, constant(320, stair(at-time.Duration(p)*20*time.Millisecond)))
			}
			pending = 0
			r.push(audio.Interviewer, constant(320, stair(at)))
		}
		r.contiguous(t)
		gap := 0
		for i, f := range r.frames {
			if f.Silent[audio.Interviewer] && i > 0 { // the candidate's lane began first
				gap++
				if f.Start < 1900*time.Millisecond || f.Start > 2300*time.Millisecond {
					t.Errorf("kept=%v: silent at %v", kept, f.Start)
				}
			}
			if f.Silent[audio.Candidate] && i > 0 {
				t.Errorf("kept=%v: the other lane is silent at %v", kept, f.Start)
			}
			if i > 2 && !f.Silent[audio.Interviewer] {
				if d := level(f, 0) - level(f, 1); d < -1 || d > 1 {
					t.Errorf("kept=%v: at %v the lanes are %d ms apart", kept, f.Start, int(d)*20)
				}
			}
		}
		if gap < 4 || gap > 10 {
			t.Errorf("kept=%v: %d silent frames for a gap of 200 ms", kept, gap)
		}
		if lost := r.il.Lost(audio.Interviewer); lost < gap-1 || lost > gap+1 {
			t.Errorf("kept=%v: %d frames counted as lost, %d were silent", kept, lost, gap)
		}
	}
}

// What: with real resampling, clicks spoken at the same true time on devices
// whose clocks are +200 and -200 ppm off stay together.
func TestA3_SkewedClocksStayTogether(t *testing.T) {
	const minutes = 2 // untrimmed, the lanes would be 48 ms apart by then
	r := newRig(t, 16000, 16000)
	ppm := [2]float64{200e-6, -200e-6}
	var spoken [2]float64 // samples so far, by each device's clock
	block := make([]int16, 0, 400)
	var worst, last time.Duration
	lastClick := [2]time.Duration{-1, -1}
	seen := 0
	for i := range minutes * 60 * 50 {
		r.now += 20 * time.Millisecond
		for ch := range 2 {
			upTo := math.Floor(r.now.Seconds() * 16000 * (1 + ppm[ch]))
			block = block[:0]
			for s := spoken[ch]; s < upTo; s++ {
				var v int16
				if at := s / 16000 / (1 + ppm[ch]); at-math.Floor(at) < 0.0005 { // 0.5 ms each true second
					v = 20000
				}
				block = append(block, v)
			}
			spoken[ch] = upTo
			r.push(audio.Channel(ch), block)
		}
		for _, f := range r.frames {
			for k := range audio.FrameSamples {
				for ch := range 2 {
					at := f.Start + time.Duration(k)*time.Second/16000
					if f.Samples[2*k+ch] > 8000 && at-lastClick[ch] > 500*time.Millisecond {
						lastClick[ch] = at
						seen++
					}
				}
			}
		}
		r.frames = r.frames[:0]
		if i%50 == 25 && lastClick[0] >= 0 && lastClick[1] >= 0 {
			apart := (lastClick[0] - lastClick[1]).Abs()
			worst, last = max(worst, apart), apart
		}
	}
	if seen < 2*minutes*60-4 {
		t.Fatalf("%d clicks came out of %d", seen, 2*minutes*60)
	}
	if worst > 20*time.Millisecond {
		t.Errorf("lanes were up to %v apart, %v at the end", worst, last)
	}
}

// What: however a lane stalls, bursts or comes and goes, frames never repeat or
// jump while somebody reads, and memory and waiting stay bounded.
func TestInterleaverProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &rig{origin: time.Unix(1000, 0)}
		r.il = audio.NewInterleaver(r.origin)
		rate := [2]int{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			ch := audio.Channel(rapid.IntRange(0, 1).Draw(t, "lane"))
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				rate[ch] = rapid.SampledFrom([]int{8000, 22050, 48000}).Draw(t, "rate")
				if err := r.il.Open(ch, rate[ch]); err != nil {
					t.Fatal(err)
				}
			case 1:
				r.il.Shut(ch)
			default:
				r.now += time.Duration(rapid.IntRange(0, 300).Draw(t, "ms")) * time.Millisecond
				if rate[ch] > 0 {
					r.push(ch, make([]int16, rapid.SampledFrom([]int{0, 1, 160, rate[ch] / 50, rate[ch] / 10, rate[ch]}).Draw(t, "samples")))
				}
				r.drain()
			}
		}
		r.contiguous(t)
		end := time.Duration(len(r.frames)) * audio.FrameDuration
		if behind := r.now - end; behind > audio.MaxWait+audio.FrameDuration {
			t.Fatalf("frames are %v behind", behind)
		}
	})
}

// What: a reader who was away gets the last second, not the whole past.
func TestInterleaverForgetsBacklog(t *testing.T) {
	r := newRig(t, 16000, 16000)
	for range 20 * 50 {
		r.now += 20 * time.Millisecond
		r.il.Push(audio.Interviewer, constant(320, 7), r.origin.Add(r.now))
		r.il.Push(audio.Candidate, constant(320, 8), r.origin.Add(r.now))
	}
	r.drain()
	if n := len(r.frames); n < 48 || n > 56 {
		t.Errorf("%d frames after 20 s away", n)
	}
	if first := r.frames[0].Start; first < 18*time.Second {
		t.Errorf("the first is from %v", first)
	}
	if lost := r.il.Lost(audio.Candidate); lost < 900 {
		t.Errorf("%d frames counted as lost", lost)
	}
	if last := r.frames[len(r.frames)-1]; level(last, 0) != 7 || level(last, 1) != 8 {
		t.Errorf("the last holds %d and %d", level(last, 0), level(last, 1))
	}
}

// What: the path of a frame does not allocate.
func TestInterleaverDoesNotAllocate(t *testing.T) {
	il, step := pushBoth(t)
	var f audio.Frame
	now := time.Unix(1000, 0)
	if n := testing.AllocsPerRun(500, func() {
		now = now.Add(20 * time.Millisecond)
		step(now)
		for il.Next(now, &f) {
		}
	}); n != 0 {
		t.Errorf("%v allocations per frame", n)
	}
}

func pushBoth(t testing.TB) (*audio.Interleaver, func(now time.Time)) {
	il := audio.NewInterleaver(time.Unix(1000, 0))
	for ch := range audio.Channel(2) {
		if err := il.Open(ch, 48000); err != nil {
			t.Fatal(err)
		}
	}
	block := tone(48000, 440, 0.5, 0.02)
	return il, func(now time.Time) {
		il.Push(audio.Interviewer, block, now)
		il.Push(audio.Candidate, block, now)
	}
}

// BenchmarkFrameInterleave is our share of the audio path: two 48 kHz lanes
// resampled and paired into one frame (goals A-G6: 0 allocations).
func BenchmarkFrameInterleave(b *testing.B) {
	il, step := pushBoth(b)
	var f audio.Frame
	now := time.Unix(1000, 0)
	frames := 0
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(20 * time.Millisecond)
		step(now)
		for il.Next(now, &f) {
			frames++
		}
	}
	if frames > 0 {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(frames), "ns/frame")
	}
}
