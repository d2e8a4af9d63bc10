package overlay

import (
	"reflect"
	"sync"
	"time"

	"fyne.io/fyne/v2"
)

const (
	// idleWait is how long the window sleeps when nothing happens: the longest
	// that something inside Fyne may have to wait that does not come through
	// Window.ui, such as a change of the system's theme.
	idleWait = 750 * time.Millisecond
	// awakeAfterInput is how long Fyne's own loop runs after an event of the
	// system: mouse and keys come in bursts, and a double click takes 300 ms.
	awakeAfterInput = 600 * time.Millisecond
	// awakeAfterShow is the same after something of ours: a frame and a half.
	awakeAfterShow = 25 * time.Millisecond
)

// idler keeps Fyne's loop from turning when there is nothing to do. The loop
// polls for events sixty times a second (Fyne 2.8.1, issue 2506), which costs
// two percent of a core for a window that stands still. The idler occupies the
// loop with one function that waits for the next event in the system's own
// queue, and gives the loop back as soon as there is one.
type idler struct {
	events *Events
	do     func(func()) // hands a function to Fyne's goroutine, by take and arrived

	look      func()    // after events; nil: nothing
	until     time.Time // when to sleep again; of Fyne's goroutine
	changed   bool      // something may have to be drawn; of Fyne's goroutine
	drawFirst func()    // makes animated say yes until Fyne has drawn

	mu       sync.Mutex
	pending  int      // functions on their way to Fyne's goroutine
	waiting  bool     // Fyne's goroutine is in events.Wait
	woken    bool     // by take, not by the system
	taken    []func() // what it was woken for
	stopped  bool
	animated func() bool
	timer    *time.Timer
	asking   sync.Mutex // held while the timer's goroutine hands over step
}

// start begins to save work. It is called on Fyne's goroutine.
func (i *idler) start() {
	if i.events == nil {
		return
	}
	i.animated = animations(fyne.CurrentApp().Driver())
	// Fyne's loop moves animations on right before it draws.
	i.drawFirst = fyne.NewAnimation(0, func(float32) {}).Start
	i.again(awakeAfterInput)
}

// stop makes sure that nothing waits or will.
func (i *idler) stop() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.stopped = true
	if i.timer != nil {
		i.timer.Stop()
	}
}

// take keeps f for step when Fyne's goroutine waits for an event, and ends the
// wait: what f changes is drawn at once, since Fyne's tick is overdue by then.
// Else the caller hands f over itself, and it calls arrived.
func (i *idler) take(f func()) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.waiting {
		i.pending++
		return false
	}
	i.taken = append(i.taken, f)
	if !i.woken {
		i.woken = true
		i.events.Post()
	}
	return true
}

func (i *idler) arrived() {
	i.mu.Lock()
	i.pending--
	i.mu.Unlock()
}

// again has step called after a time in which Fyne's loop runs as it likes.
func (i *idler) again(after time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.stopped {
		i.timer = time.AfterFunc(after, i.ask)
	}
}

// ask hands step to Fyne's goroutine. Once its loop has ended, Fyne runs what it
// is given right here; the lock tells step so, for it must not wait then.
func (i *idler) ask() {
	i.asking.Lock()
	defer i.asking.Unlock()
	i.do(func() {
		if !i.asking.TryLock() {
			i.again(awakeAfterShow)
			return
		}
		i.asking.Unlock()
		i.step()
	})
}

// step waits for an event, on Fyne's goroutine.
func (i *idler) step() {
	if i.changed { // on a busy machine this comes before Fyne's next frame
		i.changed = false
		i.drawFirst()
	}
	if i.look != nil {
		i.look()
	}
	if i.animated() {
		i.again(frame)
		return
	}
	if time.Now().Before(i.until) {
		i.again(lookAtFocus)
		return
	}
	i.mu.Lock()
	if i.stopped || i.pending > 0 {
		i.mu.Unlock()
		i.again(awakeAfterShow)
		return
	}
	i.waiting, i.woken = true, false
	i.mu.Unlock()

	began := time.Now()
	i.events.Wait(idleWait)
	quiet := time.Since(began) >= idleWait-idleWait/50

	i.mu.Lock()
	i.waiting = false
	woken, taken := i.woken, i.taken
	i.taken = nil
	i.mu.Unlock()
	for _, f := range taken {
		f()
	}
	i.changed = i.changed || !woken && !quiet // by an event
	switch {
	case woken:
		i.again(awakeAfterShow)
	case quiet:
		i.again(0)
	default:
		i.until = time.Now().Add(awakeAfterInput)
		i.again(lookAtFocus)
	}
}

// animations returns a function that says whether Fyne is animating something,
// which needs its loop. The runner has no public face; where it cannot be found
// the answer is always yes, and the loop turns as Fyne made it.
func animations(driver any) func() bool {
	always := func() bool { return true }
	v := reflect.ValueOf(driver)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return always
	}
	runner := v.Elem().FieldByName("animation")
	if !runner.IsValid() || runner.Kind() != reflect.Struct {
		return always
	}
	started := runner.FieldByName("runnerStarted")
	if !started.IsValid() || started.Kind() != reflect.Bool {
		return always
	}
	return started.Bool
}
