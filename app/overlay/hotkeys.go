package overlay

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fyne.io/fyne/v2"

	"copilot/app/interview"
)

// A hotkey works in every program, so that the call can keep the focus. Which
// chord does what is Settings.Hotkeys; an empty chord switches the action off.
type hotkey struct {
	name  string // stable, in the settings file
	does  string
	chord string // the default
	do    func(*Window)
}

// hotkeys lists what can be had from anywhere, in the order of the settings. The
// defaults keep clear of what GNOME, KDE, Windows and macOS take for themselves.
func hotkeys() []hotkey {
	do := func(c interview.Command) func(*Window) { return func(w *Window) { w.doRunning(c) } }
	return []hotkey{
		{"answer_now", "Answer now", "Ctrl+Alt+Space", do(interview.AnswerNow)},
		{"show_hide", "Show or hide the window", "Ctrl+Alt+H", (*Window).showHide},
		{"pause", "Pause, go on", "Ctrl+Alt+P", (*Window).pauseKey},
		{"previous", "Answer before", "Ctrl+Alt+J", do(interview.Previous)},
		{"next", "Answer after", "Ctrl+Alt+K", do(interview.Next)},
		{"larger", "Larger text", "Ctrl+Alt+=", func(w *Window) { w.resizeText(2) }},
		{"smaller", "Smaller text", "Ctrl+Alt+-", func(w *Window) { w.resizeText(-2) }},
		{"copy", "Copy the answer", "Ctrl+Alt+C", (*Window).copyAnswer},
	}
}

// chord is a key with the modifiers that are held.
type chord struct {
	mods fyne.KeyModifier
	key  fyne.KeyName
}

var modifiers = []struct {
	mod  fyne.KeyModifier
	name string
}{
	{fyne.KeyModifierControl, "Ctrl"}, {fyne.KeyModifierAlt, "Alt"},
	{fyne.KeyModifierShift, "Shift"}, {fyne.KeyModifierSuper, "Super"},
}

// namedKeys are the keys that chords may have, besides letters, digits and F1 to F12.
var namedKeys = map[fyne.KeyName]string{
	fyne.KeySpace: "Space", fyne.KeyLeft: "Left", fyne.KeyRight: "Right", fyne.KeyUp: "Up", fyne.KeyDown: "Down",
	fyne.KeyHome: "Home", fyne.KeyEnd: "End", fyne.KeyPageUp: "PageUp", fyne.KeyPageDown: "PageDown",
	fyne.KeyEqual: "=", fyne.KeyMinus: "-", fyne.KeyComma: ",", fyne.KeyPeriod: ".",
}

// functionKeys are F1 to F12, which are chords without a modifier too.
var functionKeys = []fyne.KeyName{fyne.KeyF1, fyne.KeyF2, fyne.KeyF3, fyne.KeyF4, fyne.KeyF5, fyne.KeyF6,
	fyne.KeyF7, fyne.KeyF8, fyne.KeyF9, fyne.KeyF10, fyne.KeyF11, fyne.KeyF12}

// String is how a chord is shown and saved: "Ctrl+Alt+Space".
func (c chord) String() string {
	var parts []string
	for _, m := range modifiers {
		if c.mods&m.mod != 0 {
			parts = append(parts, m.name)
		}
	}
	name := string(c.key)
	if n, ok := namedKeys[c.key]; ok {
		name = n
	}
	return strings.Join(append(parts, name), "+")
}

// parseChord reads what String wrote. Errors are sentences for the person.
func parseChord(s string) (chord, error) {
	var c chord
	parts := strings.Split(s, "+")
	for _, p := range parts[:len(parts)-1] {
		i := slices.IndexFunc(modifiers, func(m struct {
			mod  fyne.KeyModifier
			name string
		}) bool {
			return m.name == p
		})
		if i < 0 {
			return chord{}, fmt.Errorf("%q is not a key to hold", p)
		}
		c.mods |= modifiers[i].mod
	}
	name := parts[len(parts)-1]
	c.key = fyne.KeyName(name)
	for key, n := range namedKeys {
		if n == name {
			c.key = key
		}
	}
	return c, c.valid()
}

func (c chord) valid() error {
	_, named := namedKeys[c.key]
	function := slices.Contains(functionKeys, c.key)
	plain := len(c.key) == 1 && (c.key[0] >= 'A' && c.key[0] <= 'Z' || c.key[0] >= '0' && c.key[0] <= '9')
	switch {
	case !named && !function && !plain:
		return errors.New("this key cannot be used everywhere; take a letter, a digit, an arrow or F1 to F12")
	case !function && c.mods&^fyne.KeyModifierShift == 0:
		return errors.New("hold Ctrl, Alt or Super with it, or it could not be typed any more")
	}
	return nil
}

// chordOf returns the chord of a hotkey, and false when it is switched off or
// makes no sense.
func (s Settings) chordOf(h hotkey) (chord, bool) {
	text, ok := s.Hotkeys[h.name]
	if !ok {
		text = h.chord
	}
	c, err := parseChord(text)
	return c, err == nil
}

// bindHotkey gives a hotkey another chord, or none when text is empty. A chord
// that another hotkey has is refused with a sentence.
func (s *Settings) bindHotkey(h hotkey, text string) error {
	if text != "" {
		c, err := parseChord(text)
		if err != nil {
			return err
		}
		for _, other := range hotkeys() {
			if o, ok := s.chordOf(other); ok && o == c && other.name != h.name {
				return fmt.Errorf("%s is taken: %s", c, strings.ToLower(other.does))
			}
		}
	}
	s.Hotkeys = maps.Clone(s.Hotkeys)
	if s.Hotkeys == nil {
		s.Hotkeys = map[string]string{}
	}
	if s.Hotkeys[h.name] = text; text == h.chord {
		delete(s.Hotkeys, h.name)
	}
	return nil
}

// grabber holds chords for the whole desktop. pressed is called on a goroutine
// of the grabber's, once for each press however long it is held.
type grabber interface {
	// grab takes the chords in place of those it had. The errors, by chord, are
	// those of chords that cannot be had: another program has them.
	grab(chords []chord) map[chord]error
	// close gives everything back and waits for the goroutine.
	close()
}

// Why a chord cannot be had.
var (
	errTaken = errors.New("another program has it")
	errNoKey = errors.New("this keyboard has no such key")
)

// regrab takes the hotkeys as the settings have them.
func (w *Window) regrab() {
	if w.grabber == nil {
		return
	}
	var chords []chord
	does := map[chord]func(*Window){}
	for _, h := range hotkeys() {
		if c, ok := w.settings.chordOf(h); ok && does[c] == nil {
			chords = append(chords, c)
			does[c] = h.do
		}
	}
	w.hotkeyDoes = does
	w.hotkeyErrors = w.grabber.grab(chords)
}

// hotkeyPressed is called on the grabber's goroutine.
func (w *Window) hotkeyPressed(c chord) {
	w.ui(func() {
		if do := w.hotkeyDoes[c]; do != nil {
			do(w)
		}
	})
}

// showHide takes the window away, or brings it back where it was.
func (w *Window) showHide() {
	if w.hidden = !w.hidden; w.hidden {
		w.keepPlace()
		w.win.Hide()
		return
	}
	w.win.Show()
	w.restorePlace()
	w.applyNative()
}
