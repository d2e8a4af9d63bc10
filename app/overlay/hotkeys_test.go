package overlay

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"pgregory.net/rapid"
)

// Every chord that can be had reads back as what was written.
func TestChordsRoundTrip(t *testing.T) {
	var names []fyne.KeyName
	for c := 'A'; c <= 'Z'; c++ {
		names = append(names, fyne.KeyName(c))
	}
	names = append(names, "0", "9")
	names = append(names, functionKeys...)
	for k := range namedKeys {
		names = append(names, k)
	}
	rapid.Check(t, func(t *rapid.T) {
		c := chord{key: rapid.SampledFrom(names).Draw(t, "key")}
		for _, m := range modifiers {
			if rapid.Bool().Draw(t, m.name) {
				c.mods |= m.mod
			}
		}
		back, err := parseChord(c.String())
		if (err == nil) != (c.valid() == nil) || back != c {
			t.Fatalf("%q read as %+v, %v", c, back, err)
		}
	})
}

// A chord that would take a letter from everybody, or a key that is none, is
// refused with a sentence.
func TestChordsThatCannotBe(t *testing.T) {
	for _, s := range []string{"", "A", "Shift+A", "Hyper+A", "Ctrl+", "Ctrl+Ä", "Ctrl+Escape", "Ctrl", "+", "Ctrl+Return"} {
		if c, err := parseChord(s); err == nil {
			t.Errorf("%q was taken as %v", s, c)
		}
	}
	for _, s := range []string{"F5", "Ctrl+Alt+Space", "Super+1", "Alt+-", "Ctrl+=", "Shift+F1"} {
		if c, err := parseChord(s); err != nil || c.String() != s {
			t.Errorf("%q: %v, %v", s, c, err)
		}
	}
}

// The defaults are chords, and no two are the same.
func TestHotkeyDefaults(t *testing.T) {
	s := DefaultSettings()
	seen := map[chord]string{}
	for _, h := range hotkeys() {
		c, ok := s.chordOf(h)
		if !ok || seen[c] != "" {
			t.Errorf("%s: %q, also of %q", h.name, h.chord, seen[c])
		}
		seen[c] = h.name
	}
}

// Two actions cannot have one chord; a chord that was given up can be had again.
func TestBindHotkey(t *testing.T) {
	s := DefaultSettings()
	all := hotkeys()
	answer, hide := all[0], all[1]
	if err := s.bindHotkey(hide, answer.chord); err == nil || !strings.Contains(err.Error(), "answer now") {
		t.Errorf("the conflict was not told: %v", err)
	}
	if err := s.bindHotkey(answer, ""); err != nil {
		t.Fatal(err)
	}
	if _, on := s.chordOf(answer); on {
		t.Error("it is not off")
	}
	if err := s.bindHotkey(hide, answer.chord); err != nil {
		t.Errorf("what was given up cannot be had: %v", err)
	}
	if err := s.bindHotkey(hide, hide.chord); err != nil || len(s.Hotkeys) != 1 {
		t.Errorf("the default is saved as a choice: %v, %v", s.Hotkeys, err)
	}
}

// fakeGrabber is a desktop where another program holds one chord.
type fakeGrabber struct {
	taken chord
	held  []chord
	ended bool
}

func (g *fakeGrabber) grab(chords []chord) map[chord]error {
	g.held = chords
	return map[chord]error{g.taken: errTaken}
}

func (g *fakeGrabber) close() { g.ended = true }

// What another program holds is told beside the action, and everything is given
// back at the end.
func TestHotkeyConflictIsTold(t *testing.T) {
	w := newTestWindow(t, Options{})
	taken, _ := parseChord(hotkeys()[0].chord)
	g := &fakeGrabber{taken: taken}
	w.grabber = g
	w.regrab()
	w.open(helpScreen)
	if text := onScreen(w); !strings.Contains(text, "Another program has it.") || !strings.Contains(text, "Ctrl+Alt+Space") {
		t.Errorf("not told: %s", text)
	}
	w.rebind(hotkeys()[0], "Ctrl+Alt+H", func(told string) {
		if !strings.Contains(told, "is taken") {
			t.Errorf("told %q", told)
		}
	})
	w.rebind(hotkeys()[0], "F9", func(told string) { t.Errorf("told %q", told) })
	if got := w.settings.Hotkeys["answer_now"]; got != "F9" || len(g.held) != len(hotkeys()) {
		t.Errorf("bound to %q, %d held", got, len(g.held))
	}
	w.hotkeyPressed(chord{fyne.KeyModifierControl | fyne.KeyModifierAlt, "="})
	size := w.settings.TextSize
	w.run()
	if w.settings.TextSize != size+2 {
		t.Error("the key did nothing")
	}
	w.release()
	if !g.ended {
		t.Error("the keys were not given back")
	}
	w.grabber = nil
}
