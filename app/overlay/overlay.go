// Package overlay is the window: the teleprompter, the set-up, the settings and
// the notice of the first start. It is everything that knows Fyne, but for the
// creation of the app, which main does and hands to [New].
//
// The window knows no vendor and no device. It shows an interview.State and
// tells the callbacks in [Options] what the person wants. [Window.Run] blocks
// until the window is gone; meanwhile [Window.Show] and [Window.Close] may be
// called from any goroutine. Both go through one doorway to Fyne's goroutine;
// nothing else in the program calls fyne.Do.
//
// Drawing follows the screen, not the events: states that come faster than
// frames are merged, latest wins, and a state that looks like the one on screen
// costs nothing. The teleprompter appends. A line that is full is never parsed,
// measured or drawn again, so the four-thousandth token costs what the first
// did. When nothing happens the window sleeps until the system has news, instead
// of Fyne's sixty looks a second (see [Events]).
//
// It does not hide itself from screen sharing or from proctoring software, on
// purpose.
package overlay

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"copilot/app/interview"
)

// Options of a Window. The callbacks without a context are called on Fyne's
// goroutine and must not block; those with one are called on another, and their
// context ends with the window. A callback that is nil is a wish that cannot be
// had: its part of the window is left out.
type Options struct {
	Settings     Settings // as LoadSettings returned them
	SettingsPath string   // where changes are saved; empty: nowhere
	Hotkeys      bool     // take the keys that work everywhere
	Notice       string   // a sentence to show from the start, such as LoadSettings' problem
	Events       *Events  // nil: Fyne's own loop
	Log          *slog.Logger

	Start   func(Settings)          // begin an interview with these
	Stop    func()                  // end it
	Do      func(interview.Command) // everything else asked of a running interview
	Ask     func(question string)   // ask this in place of what was heard; empty ones never come
	Changed func(Settings)          // the person changed the settings; they are saved already

	// Drawn is called on Fyne's goroutine after a state was put on screen, for
	// measuring: its pixels follow within a frame. It must not block.
	Drawn func(interview.State)

	// Closed is called once when the person closes the window, which is hidden
	// by then. The program ends what it is doing and calls Window.Close. When it
	// is nil the window closes at once.
	Closed func()

	Started func() // called on Fyne's goroutine once the first frame is drawn
	Updates bool   // the program looks for new versions, unless Settings.NoUpdates

	// ReadDocument understands the file of the résumé or the job description and
	// keeps its text; UseText does the same with pasted text, where an empty one
	// takes the document away. Errors are sentences for the person.
	ReadDocument func(ctx context.Context, kind DocumentKind, path string) (Document, error)
	UseText      func(ctx context.Context, kind DocumentKind, text string) (Document, error)

	// Keys, SaveKey and DeleteKey are the person's own keys. The window never
	// reads one back.
	Keys      func(ctx context.Context) KeyState
	SaveKey   func(ctx context.Context, name, secret string) error
	DeleteKey func(ctx context.Context, name string) error

	Hosted Hosted // nil: there is no hosted mode
	Desk   Desk   // nil: nothing is prepared or kept
	Tray   bool   // put a menu into the system's tray, where there is one

	Devices func(ctx context.Context) (Devices, error)
	Models  func(ctx context.Context) ([]string, error)
}

// Events is the system's queue of window events, as the toolkit's driver has it
// (GLFW's WaitEventsTimeout and PostEmptyEvent). Fyne looks at the queue sixty
// times a second whatever happens; with Events the window waits in it instead.
type Events struct {
	Wait func(time.Duration) // handles events, waiting for the first no longer than this
	Post func()              // makes Wait return; callable from any goroutine
	// Escape has taken asked, on Fyne's goroutine, before a key Escape goes to
	// what has the focus in the window; true: it goes no further.
	Escape func(w fyne.Window, taken func() bool)
}

// DocumentKind tells the two documents apart.
type DocumentKind int

const (
	Resume DocumentKind = iota
	Job
)

// Document is what became of a file or a pasted text.
type Document struct {
	Name    string // of the file, or "pasted text"
	Summary string // one line: "2 pages, 6 roles, 34 key terms"
}

// KeyState says which keys there are and where they are kept.
type KeyState struct {
	Where string // one sentence: where keys that are entered now are kept
	Keys  []Key
}

// Key is one of the person's own keys.
type Key struct {
	Name  string // "deepgram"; SaveKey is called with it
	Label string // "Deepgram"
	Use   string // what it is for, in a few words
	Set   bool
	From  string // where it comes from when it is set: "keyring", "environment", "this run"
	Fixed bool   // it comes from the environment and cannot be changed here
}

// Devices are the names a person can choose from.
type Devices struct {
	Microphones []string
	Outputs     []string
}

// frame is how often the screen is brought up to date at most.
const frame = time.Second / 60

// clockRests is how soon after something else the clock alone is not drawn: it
// would be in the way of an answer's next word.
const clockRests = 200 * time.Millisecond

// Window is the program's window. New makes it, Run shows it.
type Window struct {
	app  fyne.App
	win  fyne.Window
	opts Options
	now  func() time.Time // the clock
	hand func(func())     // fyne.Do: hands a function to Fyne's goroutine

	// Of Fyne's goroutine.
	settings Settings
	look     *look
	screen   screen
	tele     *teleprompter
	shown    interview.State
	docs     documents
	cards    *fyne.Container // the set-up's documents
	problem  *block          // the set-up's notice
	pushed   string          // a notice of the window itself, until the next command
	closing  bool
	focused  fyne.Focusable // as it was last looked at
	parts    sheetParts     // of the page on screen; none: it is no page
	part     string         // of the settings, seen last

	account   Account
	signing   signing
	hostedRow *fyne.Container // the set-up's part for the hosted mode
	offers    *fyne.Container // below the teleprompter
	desk      desk
	offered   string // what stands there
	tray      *tray  // nil: there is none
	hidden    bool   // by a key; the interview goes on

	grabber      grabber // of the keys that work everywhere; nil where there are none
	hotkeyDoes   map[chord]func(*Window)
	hotkeyErrors map[chord]error
	listening    func() // gives the keyboard back; nil while no chord is listened for

	mailbox struct { // between Show's callers and Fyne's goroutine
		sync.Mutex
		state   interview.State
		view    view
		waiting bool      // a delivery is on its way
		last    time.Time // when a state was drawn
		before  time.Time // and the one before it
		closed  bool
		late    *time.Timer
	}
	loopEnded atomic.Bool // of Fyne, or is about to
	idle      idler
	saver     saver
	jobs      sync.WaitGroup
	ctx       context.Context
	end       context.CancelFunc
}

// New makes the window. It belongs to Fyne's goroutine, the main one.
func New(a fyne.App, o Options) *Window {
	w := &Window{app: a, opts: o, now: time.Now, hand: fyne.Do, settings: o.Settings.valid(), pushed: o.Notice}
	if w.opts.Log == nil {
		w.opts.Log = slog.New(slog.DiscardHandler)
	}
	w.ctx, w.end = context.WithCancel(context.Background())
	w.shown = interview.State{Mode: w.settings.Mode, Auto: w.settings.Auto, Shown: -1}
	w.mailbox.view = viewOf(w.shown)
	w.idle.events = o.Events
	w.idle.do, w.idle.look = w.pass, w.followFocus
	w.saver.path = o.SettingsPath
	w.win = a.NewWindow("Interview Copilot")
	w.win.SetPadded(false)
	w.win.SetMaster()
	w.win.SetCloseIntercept(w.closeAsked)
	w.win.SetOnDropped(w.dropped)
	w.bindKeys()
	w.restyle()
	w.restorePlace()
	if top, ok := w.win.(desktop.Window); ok && w.settings.OnTop {
		top.RequestAlwaysOnTop()
	}
	return w
}

// Run shows the window and blocks until it is gone. It must be called from the
// main goroutine. When it returns, every goroutine of the window has ended and
// the settings are saved.
func (w *Window) Run() {
	w.app.Lifecycle().SetOnStarted(w.started)
	w.app.Lifecycle().SetOnExitedForeground(w.keepPlace)
	w.startTray()
	w.win.Show()
	w.app.Run()
	w.loopEnded.Store(true) // by a signal, which Fyne takes for itself
	w.release()
}

func (w *Window) started() {
	w.settle()
	w.applyNative()
	w.idle.start()
	if e := w.opts.Events; e != nil && e.Escape != nil {
		e.Escape(w.win, w.escapeFocused)
	}
	if w.opts.Hotkeys {
		w.grabber = openGrabber(w.hotkeyPressed)
		w.regrab()
	}
	w.restoreDocuments()
	if w.opts.Started != nil {
		onceDrawn(func() {
			w.opts.Log.Debug("first frame")
			w.opts.Started()
		})
	}
}

// onceDrawn calls f when a frame has been drawn: Fyne's loop moves animations on
// right before it draws, so the second time comes after the first frame.
func onceDrawn(f func()) {
	times := 0
	var a *fyne.Animation
	a = fyne.NewAnimation(time.Minute, func(float32) {
		if times++; times == 2 {
			a.Stop()
			f()
		}
	})
	a.Start()
}

// release ends everything that Run and New began.
func (w *Window) release() {
	w.mailbox.Lock()
	w.mailbox.closed = true
	if w.mailbox.late != nil {
		w.mailbox.late.Stop()
	}
	w.mailbox.Unlock()
	if w.grabber != nil {
		w.grabber.close()
	}
	w.idle.stop()
	w.end()
	w.jobs.Wait()
	if err := w.saver.flush(); err != nil {
		w.opts.Log.Error("settings were not saved", "error", err)
	}
}

// Close ends Run. It may be called from any goroutine, and more than once.
func (w *Window) Close() {
	w.ui(func() {
		w.keepPlace()
		w.leave()
	})
}

// Show brings the screen to s. It may be called from any goroutine and never
// blocks. States that come faster than the screen is drawn are merged: the
// latest wins. One that looks no different is dropped.
func (w *Window) Show(s interview.State) {
	v := viewOf(s)
	if w.accept(s, v) {
		w.ui(w.deliver)
	}
}

// accept leaves s to be drawn and reports whether that is to happen now.
func (w *Window) accept(s interview.State, v view) bool {
	m := &w.mailbox
	m.Lock()
	defer m.Unlock()
	if m.closed || v == m.view {
		return false
	}
	if ticked := m.view; !m.waiting && w.now().Sub(m.last) < clockRests {
		if ticked.elapsed = v.elapsed; ticked == v { // the next state takes the clock along
			return false
		}
	}
	m.state, m.view = s, v
	if m.waiting {
		return false
	}
	m.waiting = true
	// One of a stream waits for the next frame; the second of two that happen to
	// meet does not, such as a word right after the clock.
	if wait := frame - w.now().Sub(m.last); wait > 0 && w.now().Sub(m.before) < 2*frame {
		m.late = time.AfterFunc(wait, func() { w.ui(w.deliver) })
		return false
	}
	return true
}

// deliver takes the newest state and draws it.
func (w *Window) deliver() {
	m := &w.mailbox
	m.Lock()
	s, v := m.state, m.view
	m.waiting, m.before, m.last = false, m.last, w.now()
	closed := m.closed
	m.Unlock()
	if closed {
		return
	}
	w.draw(s, v)
	if w.opts.Drawn != nil {
		w.opts.Drawn(s)
	}
}

// ui runs f on Fyne's goroutine, soon. It is the one doorway there.
func (w *Window) ui(f func()) {
	w.pass(func() {
		f()
		w.idle.changed = true
	})
}

func (w *Window) pass(f func()) {
	run := func() {
		if !w.loopEnded.Load() {
			f()
		}
	}
	if !w.idle.take(run) {
		w.hand(func() {
			w.idle.arrived()
			run()
		})
	}
}

// leave ends Fyne's loop. What is handed over after that would run on the
// caller's goroutine and find no window, so it does not run at all.
func (w *Window) leave() {
	w.loopEnded.Store(true)
	w.app.Quit()
}

// job runs work on a goroutine of its own and then done on Fyne's.
func (w *Window) job(work func(ctx context.Context) (done func())) {
	w.jobs.Add(1)
	go func() {
		defer w.jobs.Done()
		if done := work(w.ctx); done != nil && w.ctx.Err() == nil {
			w.ui(done)
		}
	}()
}
