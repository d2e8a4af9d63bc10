package overlay

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fyne.io/fyne/v2/test"
)

// queueOfEvents stands for the system's: Wait returns at a Post, an input or
// after its time.
type queueOfEvents struct {
	news  chan struct{}
	waits atomic.Int32
}

func (q *queueOfEvents) wait(d time.Duration) {
	q.waits.Add(1)
	select {
	case <-q.news:
	case <-time.After(d):
	}
}

func (q *queueOfEvents) post() { q.news <- struct{}{} }

// newTestIdler runs an idler with a loop like Fyne's.
func newTestIdler(q *queueOfEvents, animated func() bool) (i *idler, end func()) {
	loop, ended := make(chan func(), 100), make(chan struct{})
	go func() {
		defer close(ended)
		for f := range loop {
			f()
		}
	}()
	i = &idler{events: &Events{Wait: q.wait, Post: q.post}, drawFirst: func() {}}
	i.do = func(f func()) {
		if !i.take(f) {
			loop <- func() { i.arrived(); f() }
		}
	}
	i.animated = animated
	i.again(0)
	return i, func() {
		i.stop()
		synctest.Wait()
		time.Sleep(2 * idleWait)
		close(loop)
		<-ended
	}
}

// A window that stands still looks for events about once a second.
func TestIdleWindowSleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queueOfEvents{news: make(chan struct{}, 1)}
		_, end := newTestIdler(q, func() bool { return false })
		time.Sleep(time.Minute)
		if n := q.waits.Load(); n < 50 || n > 90 {
			t.Errorf("woke %d times in a minute", n)
		}
		end()
	})
}

// What is handed to Fyne's goroutine while it sleeps runs at once.
func TestSleepingWindowWakesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queueOfEvents{news: make(chan struct{}, 1)}
		i, end := newTestIdler(q, func() bool { return false })
		for n := range 100 {
			time.Sleep(time.Duration(n*37) * time.Millisecond)
			began, ran := time.Now(), make(chan struct{})
			i.do(func() { close(ran) })
			<-ran
			if late := time.Since(began); late > 0 {
				t.Fatalf("%d: ran after %v", n, late)
			}
		}
		end()
	})
}

// The window does not fall asleep over something that is on its way to it.
func TestNoSleepWhileSomethingIsComing(t *testing.T) {
	q := &queueOfEvents{news: make(chan struct{}, 1)}
	i := &idler{events: &Events{Wait: q.wait, Post: q.post}, animated: func() bool { return false }}
	i.do = func(func()) {}
	i.take(nil)
	i.step()
	i.stop()
	if n := q.waits.Load(); n > 0 {
		t.Errorf("slept %d times", n)
	}
}

// After an input Fyne has its loop for itself for a while.
func TestInputKeepsTheWindowAwake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queueOfEvents{news: make(chan struct{}, 1)}
		i, end := newTestIdler(q, func() bool { return false })
		time.Sleep(10*time.Second + idleWait/2)
		q.news <- struct{}{} // an input, not a Post
		time.Sleep(time.Millisecond)
		before := q.waits.Load()
		time.Sleep(awakeAfterInput - 2*time.Millisecond)
		if n := q.waits.Load(); n != before {
			t.Error("slept again at once")
		}
		_ = i
		end()
	})
}

// What was changed is drawn before the window sleeps, however long Fyne's loop is
// kept from its next frame.
func TestNoSleepBeforeTheChangeIsDrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queueOfEvents{news: make(chan struct{}, 1)}
		var undrawn atomic.Bool
		i, end := newTestIdler(q, undrawn.Load)
		i.drawFirst = func() { undrawn.Store(true) }
		time.Sleep(10 * time.Second)
		i.do(func() { i.changed = true })
		time.Sleep(idleWait) // its step has come
		before := q.waits.Load()
		time.Sleep(time.Minute)
		if n := q.waits.Load(); n != before {
			t.Errorf("slept %d times with the change not drawn", n-before)
		}
		undrawn.Store(false) // Fyne's frame
		time.Sleep(time.Minute)
		if n := q.waits.Load() - before; n < 50 || n > 90 {
			t.Errorf("then slept %d times in a minute", n)
		}
		end()
	})
}

func TestAnimationKeepsTheWindowAwake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queueOfEvents{news: make(chan struct{}, 1)}
		_, end := newTestIdler(q, func() bool { return true })
		time.Sleep(time.Minute)
		if n := q.waits.Load(); n > 0 {
			t.Errorf("slept %d times", n)
		}
		end()
	})
}

// Once Fyne's loop has ended it runs what it is given on the caller's goroutine;
// nothing may wait for events there.
func TestNothingWaitsAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queueOfEvents{news: make(chan struct{}, 1)}
		i := &idler{events: &Events{Wait: q.wait, Post: q.post}, animated: func() bool { return false }}
		i.do = func(f func()) { f() }
		i.again(0)
		time.Sleep(time.Minute)
		i.stop()
		if n := q.waits.Load(); n > 0 {
			t.Errorf("waited %d times", n)
		}
	})
}

// The runner of animations is found in a driver built like Fyne's, and only there.
func TestAnimations(t *testing.T) {
	type runner struct{ runnerStarted bool }
	type glDriver struct{ animation runner }
	d := &glDriver{}
	animated := animations(d)
	if animated() {
		t.Error("nothing moves, but the window is kept awake")
	}
	d.animation.runnerStarted = true
	if !animated() {
		t.Error("an animation is not seen")
	}
	for _, other := range []any{test.NewDriver(), nil, &struct{ animation int }{}, &struct{ animation struct{ x int } }{}} {
		if !animations(other)() {
			t.Errorf("%T is taken to stand still", other)
		}
	}
}
