package overlay

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func TestSettingsRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "settings.json")
	s := DefaultSettings()
	s.NoticeSeen, s.Mode, s.Resume, s.Microphone = true, ModeOwnKeys, "/home/a/cv.pdf", "Headset"
	s.Places = map[string]Place{"1280x800+0+0": {X: 3, Y: 4, Width: 500, Height: 400}}
	if err := SaveSettings(path, s); err != nil {
		t.Fatal(err)
	}
	got, problem := LoadSettings(path)
	if problem != "" || !reflect.DeepEqual(got, s) {
		t.Errorf("got %+v, %q", got, problem)
	}
	if info, _ := os.Stat(path); runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("others can read it: %v", info.Mode())
	}
}

func TestFirstStartHasNoFileAndNoProblem(t *testing.T) {
	s, problem := LoadSettings(filepath.Join(t.TempDir(), "settings.json"))
	if problem != "" || !reflect.DeepEqual(s, DefaultSettings()) {
		t.Errorf("got %+v, %q", s, problem)
	}
}

func TestSettingsOutOfRangeArePutRight(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.json")
	os.WriteFile(path, []byte(`{"text_size": 900, "opacity": 0, "theme": "pink", "mode": "x", "language": ""}`), 0o600)
	s, problem := LoadSettings(path)
	want := DefaultSettings()
	want.TextSize, want.Opacity = maxTextSize, minOpacity
	if problem != "" || !reflect.DeepEqual(s, want) {
		t.Errorf("got %+v, %q", s, problem)
	}
}

// What: a settings file that makes no sense. Why: the program must start, say
// so, and keep the file for whoever wants to repair it.
func TestU4_CorruptSettings(t *testing.T) {
	for _, damage := range []string{"", "{", "null x", `{"text_size": "big"}`, "\x00\x00\x00\x00", "[]"} {
		path := filepath.Join(t.TempDir(), "settings.json")
		os.WriteFile(path, []byte(damage), 0o600)
		s, problem := LoadSettings(path)
		if !reflect.DeepEqual(s, DefaultSettings()) || !strings.Contains(problem, ".damaged-1") {
			t.Fatalf("%q: got %+v, %q", damage, s, problem)
		}
		if kept, err := os.ReadFile(path + ".damaged-1"); err != nil || string(kept) != damage {
			t.Errorf("%q: the old file was not kept: %q, %v", damage, kept, err)
		}
		if err := SaveSettings(path, s); err != nil {
			t.Errorf("%q: %v", damage, err)
		}
		os.WriteFile(path, []byte(damage), 0o600)
		LoadSettings(path)
		if _, err := os.Stat(path + ".damaged-2"); err != nil {
			t.Errorf("%q: the second damaged file was not kept: %v", damage, err)
		}
	}
}

// What: a folder that cannot be written. Why: settings hold for the run, and the
// person is told.
func TestU4_ReadOnly(t *testing.T) {
	dir := t.TempDir()
	blocked := filepath.Join(dir, "config")
	os.WriteFile(blocked, nil, 0o600) // a file where the folder belongs stops root too
	path := filepath.Join(blocked, "settings.json")
	s, problem := LoadSettings(path)
	if !reflect.DeepEqual(s, DefaultSettings()) || problem == "" {
		t.Errorf("got %+v, %q", s, problem)
	}
	if err := SaveSettings(path, s); err == nil {
		t.Error("saved into a file")
	}
	w := newTestWindow(t, Options{Settings: s, Notice: problem, SettingsPath: path})
	w.Show(state(interview0))
	w.change(func(s *Settings) { s.Auto = false })
	w.work()
	if w.settings.Auto {
		t.Error("the change does not hold for the run")
	}
	if text, _ := w.tele.view.banner(); !strings.Contains(text, "could not be saved") {
		t.Errorf("the person was told %q", text)
	}
}

// What: a settings file that cannot be read now. Why: it may be fine; it must
// not be overwritten.
func TestU4_UnreadableSettingsAreNotOverwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.json")
	if err := os.Mkdir(path, 0o700); err != nil { // reading a folder fails, even for root
		t.Fatal(err)
	}
	if _, problem := LoadSettings(path); problem == "" {
		t.Error("no problem was reported")
	}
	damaged := filepath.Join(t.TempDir(), "settings.json")
	os.WriteFile(damaged, []byte("{"), 0o600) // as when it could not be renamed
	for _, path := range []string{path, damaged} {
		if err := SaveSettings(path, DefaultSettings()); err == nil {
			t.Error("saved over it")
		}
	}
	if kept, _ := os.ReadFile(damaged); string(kept) != "{" {
		t.Errorf("the damaged file now holds %q", kept)
	}
}

// Nothing secret has a field.
func TestSettingsHaveNoSecrets(t *testing.T) {
	data, _ := json.Marshal(DefaultSettings())
	for _, word := range []string{"key", "token", "secret", "password"} {
		if strings.Contains(strings.ToLower(string(data)), word) {
			t.Errorf("%s in %s", word, data)
		}
	}
}
