package overlay

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// Every part of the settings is named on the page and can be had from there.
func TestSettingsAreFound(t *testing.T) {
	w := everyScreenWindow(t, ThemeDark)
	w.showAccount(ada)
	for part, texts := range map[string][]string{
		partAudio:      {"Your microphone", "Interviewer heard on", "Captions by", "Nova-3", "Sound check"},
		partAnswers:    {"Language", "Answers by", "Answer questions by itself", "Prepared interviews"},
		partAppearance: {"Text size", "Colours", "Eyes to screen", "Line spacing", "Keep the window above others", "Closing the window keeps"},
		partKeys:       {"Deepgram", "Groq", "Keyboard and hotkeys"},
		partAccount:    {"ada@example.com", "Time, receipts, sign out"},
		partPrivacy:    {"Past interviews", "Delete everything", "Look for new versions", "Export…", "Import…", "settings.json"},
	} {
		w.open(settingsScreen)
		tapOn(t, w, part, 0)
		wantText(t, w, texts...)
	}
	alone := newTestWindow(t, Options{})
	alone.open(settingsScreen)
	if seen := onScreen(alone); strings.Contains(seen, partAudio) || strings.Contains(seen, partAccount) {
		t.Errorf("parts without anything to set: %s", seen)
	}
}

// The focus stays where it is while a setting redraws the window.
func TestSettingsKeepTheFocus(t *testing.T) {
	w := everyScreenWindow(t, ThemeDark)
	w.open(settingsScreen)
	w.refocus("button A +")
	w.resizeText(2)
	if got := w.focusOn(); got != "button A +" {
		t.Errorf("the focus is on %q", got)
	}
}

// Settings go to another computer and come back the same, but for what belongs
// to this one. Nothing secret is among them.
func TestSettingsExportAndImport(t *testing.T) {
	s := DefaultSettings()
	s.Theme, s.TextSize, s.Language, s.Listen, s.Retain = ThemeLight, 30, "de", ListenFlux, RetainNothing
	s.Hotkeys = map[string]string{"pause": "Ctrl+Alt+F9", "copy": ""}
	s.Comfort = Comfort{EasyFont: true, Column: 45}
	s.Resume, s.Prepared, s.PreparedName, s.NoticeSeen = "/home/ada/cv.pdf", "p1", "Brückenbank", true
	s.Places = map[string]Place{"one": {X: 4}}
	file := exportSettings(s)
	for _, private := range []string{"ada", "p1", "Brückenbank", "one"} {
		if strings.Contains(string(file), `"`+private) || strings.Contains(string(file), "/ada/") {
			t.Errorf("%q is exported", private)
		}
	}
	here := DefaultSettings()
	here.NoticeSeen, here.Resume, here.TextSize = true, "/mine.pdf", 15
	got, err := importSettings(file, here)
	want := s
	want.Resume, want.Prepared, want.PreparedName, want.Places = "/mine.pdf", "", "", nil
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n%+v\n%+v", err, got, want)
	}

	for name, bad := range map[string]string{
		"empty":         "",
		"no JSON":       "text_size = 20",
		"another file":  `{"name":"package.json"}`,
		"a list":        `[1]`,
		"newer":         `{"kind":"interview-copilot settings","version":2,"settings":{}}`,
		"cut off":       string(file[:len(file)/2]),
		"wrong type":    `{"kind":"interview-copilot settings","version":1,"settings":{"text_size":"big"}}`,
		"unknown field": `{"kind":"interview-copilot settings","version":1,"settings":{"deepgram_key":"x"}}`,
		"no settings":   `{"kind":"interview-copilot settings","version":1}`,
		"bad key":       `{"kind":"interview-copilot settings","version":1,"settings":{"hotkeys":{"pause":"Ctrl+Nonsense"}}}`,
		"huge":          strings.Repeat(" ", maxSettings+1),
	} {
		path := filepath.Join(t.TempDir(), "settings.json")
		w := newTestWindow(t, Options{Settings: here, SettingsPath: path})
		before := w.settings
		w.takeSettings(strings.NewReader(bad))
		w.work()
		if !reflect.DeepEqual(w.settings, before) {
			t.Errorf("%s: the settings are %+v", name, w.settings)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: settings were saved", name)
		}
		if top := w.win.Canvas().Overlays().Top(); top == nil {
			t.Errorf("%s: nothing is told", name)
		}
	}
	w := newTestWindow(t, Options{Settings: here})
	w.takeSettings(strings.NewReader(string(file)))
	if w.settings.TextSize != 30 || w.settings.Theme != ThemeLight || w.look.dark {
		t.Errorf("%+v", w.settings)
	}
}

// The first run has four screens at most on the way to an interview: the notice,
// the set-up and, with an account, two to sign up.
func TestFirstRunInFourScreens(t *testing.T) {
	h := &fakeHosted{browse: make(chan struct{})}
	started := 0
	w := newTestWindow(t, Options{Settings: DefaultSettings(), Hosted: h, Start: func(Settings) { started++ }})
	seen := []screen{w.screen}
	next := func() {
		w.work()
		if w.screen != seen[len(seen)-1] || w.screen == signInScreen && w.signing.code {
			seen = append(seen, w.screen)
		}
	}
	if w.screen != welcomeScreen {
		t.Fatalf("it begins with %d", w.screen)
	}
	tapOn(t, w, "I understand", 0)
	next()
	w.change(func(s *Settings) { s.Mode = ModeHosted })
	w.open(setupScreen)
	tapOn(t, w, "Sign in or create an account", 0)
	next()
	f := fields(w)
	f[0].SetText("ada@example.com")
	f[1].SetText("correct horse")
	tapOn(t, w, "Create an account", 0)
	next()
	fields(w)[0].SetText("123456")
	tapOn(t, w, "Go on", 0)
	w.showAccount(ada)
	w.work()
	if w.screen != setupScreen {
		t.Fatalf("after signing up: screen %d", w.screen)
	}
	tapOn(t, w, "Start", 0)
	if started != 1 || len(seen) > 4 {
		t.Errorf("started %d times after the screens %v", started, seen)
	}
}
