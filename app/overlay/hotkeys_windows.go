package overlay

import (
	"runtime"
	"unsafe"

	"fyne.io/fyne/v2"
	"golang.org/x/sys/windows"
)

// winGrabber holds keys with RegisterHotKey, which belongs to a thread: one
// goroutine keeps its thread, registers, and sleeps in the thread's message
// queue. (golang.design/x/hotkey takes a thread for each key and looks a hundred
// times a second on every one of them.)
type winGrabber struct {
	thread  uint32
	asks    chan winAsk
	done    chan struct{}
	pressed func(chord)
}

type winAsk struct {
	chords []chord
	answer chan map[chord]error
}

const (
	wmQuit      = 0x0012
	wmHotkey    = 0x0312
	wmAsk       = 0x8000 // WM_APP: look at asks
	modNoRepeat = 0x4000
)

func openGrabber(pressed func(chord)) grabber {
	g := &winGrabber{asks: make(chan winAsk, 1), done: make(chan struct{}), pressed: pressed}
	ready := make(chan struct{})
	go g.run(ready)
	<-ready
	return g
}

func (g *winGrabber) run(ready chan<- struct{}) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(g.done)
	var msg struct {
		hwnd    uintptr
		message uint32
		wparam  uintptr
		lparam  uintptr
		time    uint32
		x, y    int32
		private uint32
	}
	user32("PeekMessageW").Call(uintptr(unsafe.Pointer(&msg)), 0, 0, 0, 0) // makes the queue
	g.thread = windows.GetCurrentThreadId()
	close(ready)
	var held []chord // by id
	for {
		r, _, _ := user32("GetMessageW").Call(uintptr(unsafe.Pointer(&msg)), 0, 0, 0)
		switch {
		case int32(r) <= 0: // WM_QUIT, or the queue is gone
			winRelease(held)
			return
		case msg.message == wmAsk:
			ask := <-g.asks
			winRelease(held)
			held = ask.chords
			ask.answer <- winRegister(held)
		case msg.message == wmHotkey && int(msg.wparam) < len(held):
			g.pressed(held[msg.wparam])
		}
	}
}

func winRegister(chords []chord) map[chord]error {
	failed := map[chord]error{}
	for id, c := range chords {
		key := winKey(c.key)
		if key == 0 {
			failed[c] = errNoKey
			continue
		}
		if ok, _, _ := user32("RegisterHotKey").Call(0, uintptr(id), winMods(c.mods)|modNoRepeat, key); ok == 0 {
			failed[c] = errTaken
		}
	}
	return failed
}

func winRelease(held []chord) {
	for id := range held {
		user32("UnregisterHotKey").Call(0, uintptr(id))
	}
}

func winMods(m fyne.KeyModifier) (mods uintptr) {
	for mod, bit := range map[fyne.KeyModifier]uintptr{
		fyne.KeyModifierAlt: 1, fyne.KeyModifierControl: 2, fyne.KeyModifierShift: 4, fyne.KeyModifierSuper: 8,
	} {
		if m&mod != 0 {
			mods |= bit
		}
	}
	return mods
}

// winKey is the virtual-key code.
func winKey(k fyne.KeyName) uintptr {
	special := map[fyne.KeyName]uintptr{
		fyne.KeySpace: 0x20, fyne.KeyPageUp: 0x21, fyne.KeyPageDown: 0x22, fyne.KeyEnd: 0x23, fyne.KeyHome: 0x24,
		fyne.KeyLeft: 0x25, fyne.KeyUp: 0x26, fyne.KeyRight: 0x27, fyne.KeyDown: 0x28,
		fyne.KeyEqual: 0xbb, fyne.KeyComma: 0xbc, fyne.KeyMinus: 0xbd, fyne.KeyPeriod: 0xbe,
	}
	if v, ok := special[k]; ok {
		return v
	}
	for i, f := range functionKeys {
		if f == k {
			return 0x70 + uintptr(i)
		}
	}
	if len(k) == 1 {
		return uintptr(k[0])
	}
	return 0
}

func (g *winGrabber) grab(chords []chord) map[chord]error {
	ask := winAsk{chords, make(chan map[chord]error, 1)}
	g.asks <- ask
	user32("PostThreadMessageW").Call(uintptr(g.thread), wmAsk, 0, 0)
	return <-ask.answer
}

func (g *winGrabber) close() {
	user32("PostThreadMessageW").Call(uintptr(g.thread), wmQuit, 0, 0)
	<-g.done
}

func hotkeyAdvice() string { return "" }
