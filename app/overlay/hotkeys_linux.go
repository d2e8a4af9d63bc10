package overlay

import (
	"os"
	"sync"

	"fyne.io/fyne/v2"
	"github.com/jezek/xgb/xproto"
)

// x11Grabber holds keys at the X server through a connection of its own.
type x11Grabber struct {
	x       *x11
	keys    map[xproto.Keysym]xproto.Keycode
	pressed func(chord)
	done    chan struct{}

	mu   sync.Mutex
	held map[grabbed]chord
}

// grabbed is a key as the X server names it.
type grabbed struct {
	code xproto.Keycode
	mods uint16
}

const heldMods = xproto.ModMaskShift | xproto.ModMaskControl | xproto.ModMask1 | xproto.ModMask4

// The X server compares modifiers exactly, so a chord is grabbed under each
// state of Caps Lock and Num Lock.
var lockMods = []uint16{0, xproto.ModMaskLock, xproto.ModMask2, xproto.ModMaskLock | xproto.ModMask2}

// openGrabber connects to where keys can be held, or returns nil where they
// cannot: see hotkeyAdvice.
func openGrabber(pressed func(chord)) grabber {
	x, ok := dialX11()
	if !ok {
		return nil
	}
	g := &x11Grabber{x: x, pressed: pressed, done: make(chan struct{}), held: map[grabbed]chord{}}
	if g.keys = x.keycodes(); g.keys == nil {
		x.Close()
		return nil
	}
	go g.read()
	return g
}

// keycodes returns which key of this keyboard makes which symbol.
func (x *x11) keycodes() map[xproto.Keysym]xproto.Keycode {
	setup := xproto.Setup(x.Conn)
	first, last := setup.MinKeycode, setup.MaxKeycode
	m, err := xproto.GetKeyboardMapping(x.Conn, first, byte(last-first+1)).Reply()
	if err != nil || m.KeysymsPerKeycode == 0 {
		return nil
	}
	per := int(m.KeysymsPerKeycode)
	keys := map[xproto.Keysym]xproto.Keycode{}
	for column := per - 1; column >= 0; column-- { // what needs no Shift wins
		for i := int(last - first); i >= 0; i-- {
			if sym := m.Keysyms[i*per+column]; sym != 0 {
				keys[sym] = first + xproto.Keycode(i)
			}
		}
	}
	return keys
}

// keysym is the X server's number of a key's symbol.
func keysym(k fyne.KeyName) xproto.Keysym {
	special := map[fyne.KeyName]xproto.Keysym{
		fyne.KeySpace: 0x20, fyne.KeyHome: 0xff50, fyne.KeyLeft: 0xff51, fyne.KeyUp: 0xff52, fyne.KeyRight: 0xff53,
		fyne.KeyDown: 0xff54, fyne.KeyPageUp: 0xff55, fyne.KeyPageDown: 0xff56, fyne.KeyEnd: 0xff57,
	}
	if s, ok := special[k]; ok {
		return s
	}
	for i, f := range functionKeys {
		if f == k {
			return 0xffbe + xproto.Keysym(i)
		}
	}
	if len(k) != 1 {
		return 0
	}
	if c := k[0]; c >= 'A' && c <= 'Z' {
		return xproto.Keysym(c - 'A' + 'a')
	}
	return xproto.Keysym(k[0])
}

func x11Mods(m fyne.KeyModifier) (mods uint16) {
	for mod, mask := range map[fyne.KeyModifier]uint16{
		fyne.KeyModifierShift: xproto.ModMaskShift, fyne.KeyModifierControl: xproto.ModMaskControl,
		fyne.KeyModifierAlt: xproto.ModMask1, fyne.KeyModifierSuper: xproto.ModMask4,
	} {
		if m&mod != 0 {
			mods |= mask
		}
	}
	return mods
}

func (g *x11Grabber) grab(chords []chord) map[chord]error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for k := range g.held {
		g.release(k)
	}
	g.held = map[grabbed]chord{}
	failed := map[chord]error{}
	for _, c := range chords {
		k := grabbed{g.keys[keysym(c.key)], x11Mods(c.mods)}
		if k.code == 0 { // this keyboard has no such key
			failed[c] = errNoKey
			continue
		}
		for _, lock := range lockMods {
			err := xproto.GrabKeyChecked(g.x.Conn, true, g.x.root, k.mods|lock, k.code, xproto.GrabModeAsync, xproto.GrabModeAsync).Check()
			if err != nil {
				failed[c] = errTaken
			}
		}
		if failed[c] != nil {
			g.release(k)
			continue
		}
		g.held[k] = c
	}
	return failed
}

func (g *x11Grabber) release(k grabbed) {
	for _, lock := range lockMods {
		xproto.UngrabKeyChecked(g.x.Conn, k.code, g.x.root, k.mods|lock).Check()
	}
}

// read waits for presses until the connection is closed. A key that is held
// sends a release and a press of the same moment again and again.
func (g *x11Grabber) read() {
	defer close(g.done)
	released := map[xproto.Keycode]xproto.Timestamp{}
	for {
		ev, err := g.x.WaitForEvent()
		switch ev := ev.(type) {
		case nil:
			if err == nil {
				return
			}
		case xproto.KeyReleaseEvent:
			released[ev.Detail] = ev.Time
		case xproto.KeyPressEvent:
			if at, ok := released[ev.Detail]; ok && ev.Time-at < 5 {
				continue
			}
			g.mu.Lock()
			c, ok := g.held[grabbed{ev.Detail, ev.State & heldMods}]
			g.mu.Unlock()
			if ok {
				g.pressed(c)
			}
		}
	}
}

func (g *x11Grabber) close() {
	g.x.Close() // the server gives the keys back
	<-g.done
}

// hotkeyAdvice says in one sentence why keys do not work everywhere here.
func hotkeyAdvice() string {
	switch {
	case os.Getenv("DISPLAY") == "":
		return "This desktop gives no program keys outside its own window; the keys of the help page work while the window has the focus."
	case os.Getenv("WAYLAND_DISPLAY") != "":
		return "Wayland passes these keys on only while another XWayland program has the focus; the keys of the help page always work in the window."
	}
	return ""
}
