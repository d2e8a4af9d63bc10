package overlay

import (
	"sync"

	"fyne.io/fyne/v2"
	"golang.design/x/hotkey"
)

// macGrabber holds keys through golang.design/x/hotkey (Carbon's
// RegisterEventHotKey, served by the application's own event loop).
type macGrabber struct {
	pressed func(chord)
	mu      sync.Mutex
	held    []*hotkey.Hotkey
	readers sync.WaitGroup
}

func openGrabber(pressed func(chord)) grabber { return &macGrabber{pressed: pressed} }

func (g *macGrabber) grab(chords []chord) map[chord]error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.release()
	failed := map[chord]error{}
	for _, c := range chords {
		key, ok := macKeys[c.key]
		if !ok {
			failed[c] = errNoKey
			continue
		}
		h := hotkey.New(macMods(c.mods), key)
		if err := h.Register(); err != nil {
			failed[c] = errTaken
			continue
		}
		g.held = append(g.held, h)
		down := h.Keydown()
		g.readers.Go(func() {
			for range down {
				g.pressed(c)
			}
		})
	}
	return failed
}

// release unregisters everything, which closes the queues that readers read.
func (g *macGrabber) release() {
	for _, h := range g.held {
		h.Unregister()
	}
	g.held = nil
	g.readers.Wait()
}

func (g *macGrabber) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.release()
}

func macMods(m fyne.KeyModifier) (mods []hotkey.Modifier) {
	for mod, k := range map[fyne.KeyModifier]hotkey.Modifier{
		fyne.KeyModifierControl: hotkey.ModCtrl, fyne.KeyModifierAlt: hotkey.ModOption,
		fyne.KeyModifierShift: hotkey.ModShift, fyne.KeyModifierSuper: hotkey.ModCmd,
	} {
		if m&mod != 0 {
			mods = append(mods, k)
		}
	}
	return mods
}

// macKeys are Apple's virtual key codes (HIToolbox, Events.h).
var macKeys = map[fyne.KeyName]hotkey.Key{
	"A": 0x00, "B": 0x0b, "C": 0x08, "D": 0x02, "E": 0x0e, "F": 0x03, "G": 0x05, "H": 0x04, "I": 0x22, "J": 0x26,
	"K": 0x28, "L": 0x25, "M": 0x2e, "N": 0x2d, "O": 0x1f, "P": 0x23, "Q": 0x0c, "R": 0x0f, "S": 0x01, "T": 0x11,
	"U": 0x20, "V": 0x09, "W": 0x0d, "X": 0x07, "Y": 0x10, "Z": 0x06,
	"0": 0x1d, "1": 0x12, "2": 0x13, "3": 0x14, "4": 0x15, "5": 0x17, "6": 0x16, "7": 0x1a, "8": 0x1c, "9": 0x19,
	fyne.KeySpace: 0x31, fyne.KeyLeft: 0x7b, fyne.KeyRight: 0x7c, fyne.KeyDown: 0x7d, fyne.KeyUp: 0x7e,
	fyne.KeyHome: 0x73, fyne.KeyEnd: 0x77, fyne.KeyPageUp: 0x74, fyne.KeyPageDown: 0x79,
	fyne.KeyEqual: 0x18, fyne.KeyMinus: 0x1b, fyne.KeyComma: 0x2b, fyne.KeyPeriod: 0x2f,
	fyne.KeyF1: 0x7a, fyne.KeyF2: 0x78, fyne.KeyF3: 0x63, fyne.KeyF4: 0x76, fyne.KeyF5: 0x60, fyne.KeyF6: 0x61,
	fyne.KeyF7: 0x62, fyne.KeyF8: 0x64, fyne.KeyF9: 0x65, fyne.KeyF10: 0x6d, fyne.KeyF11: 0x67, fyne.KeyF12: 0x6f,
}

func hotkeyAdvice() string { return "" }
