package overlay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// The themes a person can choose.
const (
	ThemeSystem   = "system"
	ThemeLight    = "light"
	ThemeDark     = "dark"
	ThemeContrast = "high contrast"
)

// The modes a person can choose; they are those of interview.State.
const (
	ModeRehearsal = "rehearsal"
	ModeOwnKeys   = "own keys"
	ModeHosted    = "hosted"
)

// ListenFlux is the transcription by turns; the usual one has no name.
const ListenFlux = "flux"

// DefaultTextSize is the answer's, in Fyne's units: points at scale 1.
const DefaultTextSize = 21

const (
	minTextSize = 14
	maxTextSize = 44
	minOpacity  = 0.4
)

// Settings is what the window remembers. Nothing in it is secret: keys live in
// the system's keyring, the documents' text in no file of ours.
type Settings struct {
	NoticeSeen bool    `json:"notice_seen"` // the notice of the first start was read
	Mode       string  `json:"mode"`
	Resume     string  `json:"resume,omitempty"`     // path of the last résumé; empty: none, or it was pasted
	Job        string  `json:"job,omitempty"`        // the same for the job description
	Microphone string  `json:"microphone,omitempty"` // device name; empty: the system's default
	Output     string  `json:"output,omitempty"`     // what the interviewer is heard on; empty: the default
	Language   string  `json:"language"`             // BCP-47
	Listen     string  `json:"listen,omitempty"`     // how is transcribed: ListenFlux, or empty
	Model      string  `json:"model,omitempty"`      // of the answers; empty: the program's default
	Auto       bool    `json:"automatic_answers"`
	TextSize   float32 `json:"text_size"`
	Theme      string  `json:"theme"`
	Opacity    float64 `json:"opacity"` // minOpacity…1
	Comfort    Comfort `json:"reading"`
	OnTop      bool    `json:"always_on_top"`
	// KeepRunning says that closing the window leaves the interview running, in
	// the tray.
	KeepRunning bool             `json:"keep_running_when_closed,omitempty"`
	NoUpdates   bool             `json:"no_update_check,omitempty"` // do not look for new versions
	Places      map[string]Place `json:"places,omitempty"`          // by arrangement of monitors

	Prepared     string `json:"prepared,omitempty"`      // ID of the prepared interview in use
	PreparedName string `json:"prepared_name,omitempty"` // what it is called
	Retain       string `json:"keep_interviews"`         // one of the retentions

	Hotkeys map[string]string `json:"hotkeys,omitempty"` // chord by action, where it is not the default; empty: off
}

// Place is where the window stood: the client area's top left corner on the
// desktop in the system's pixels, and its size in Fyne's units.
type Place struct {
	X      int     `json:"x"`
	Y      int     `json:"y"`
	Width  float32 `json:"width"`
	Height float32 `json:"height"`
}

// DefaultSettings are those of the first start.
func DefaultSettings() Settings {
	return Settings{
		Mode: ModeRehearsal, Language: "en", Auto: true, TextSize: DefaultTextSize,
		Theme: ThemeSystem, Opacity: 1, OnTop: true, Retain: RetainMonth,
	}
}

// valid returns s with everything out of range put right.
func (s Settings) valid() Settings {
	d := DefaultSettings()
	if !slices.Contains([]string{ModeRehearsal, ModeOwnKeys, ModeHosted}, s.Mode) {
		s.Mode = d.Mode
	}
	if _, ok := palettes()[s.Theme]; !ok {
		s.Theme = d.Theme
	}
	if !slices.Contains([]string{RetainNothing, RetainMonth, RetainAll}, s.Retain) {
		s.Retain = d.Retain
	}
	if s.Listen != ListenFlux {
		s.Listen = ""
	}
	if s.Language == "" {
		s.Language = d.Language
	}
	s.TextSize = min(max(s.TextSize, minTextSize), maxTextSize)
	s.Opacity = min(max(s.Opacity, minOpacity), 1)
	s.Comfort = s.Comfort.valid()
	return s
}

// SettingsPath is where the settings of this person belong.
func SettingsPath() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("settings path: %w", err)
	}
	return filepath.Join(dir, "interview-copilot", "settings.json"), nil
}

// LoadSettings reads the file at path. It always returns settings to start with:
// where there is no file, or none that can be read, the default ones. problem is
// then a sentence for the person, empty at a first start. A file that makes no
// sense is renamed, never overwritten.
func LoadSettings(path string) (s Settings, problem string) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return DefaultSettings(), ""
	}
	if err != nil {
		return DefaultSettings(), "Your settings could not be read, so the default ones are used. Check the permissions of " + path + "."
	}
	s = DefaultSettings()
	if err := json.Unmarshal(data, &s); err == nil {
		return s.valid(), ""
	}
	aside, err := setAside(path)
	if err != nil {
		return DefaultSettings(), "Your settings file is damaged and could not be moved away; the default settings are used. Remove " + path + "."
	}
	return DefaultSettings(), "Your settings file was damaged, so the default settings are used. The old file was kept as " + aside + "."
}

// setAside renames the file to a name that is free.
func setAside(path string) (string, error) {
	for i := 1; i < 100; i++ {
		aside := fmt.Sprintf("%s.damaged-%d", path, i)
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			return aside, os.Rename(path, aside)
		}
	}
	return "", fmt.Errorf("set %s aside: too many damaged files", path)
}

// SaveSettings replaces the file at path in one step: whoever reads it, and
// whenever the power fails, finds the old settings or the new ones. It does not
// replace a file that LoadSettings could not read.
func SaveSettings(path string, s Settings) error {
	if err := checkReadable(path); err != nil {
		return fmt.Errorf("save settings: %w", err)
	}
	data, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return fmt.Errorf("save settings: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("save settings: %w", err)
	}
	if err := replaceFile(path, append(data, '\n')); err != nil {
		return fmt.Errorf("save settings: %w", err)
	}
	return nil
}

func checkReadable(path string) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var old Settings
	if err := json.Unmarshal(data, &old); err != nil {
		return fmt.Errorf("%s is damaged and is kept: %w", path, err)
	}
	return nil
}

// replaceFile writes data beside path, makes sure that it is on the disk, and
// renames it.
func replaceFile(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// saver writes settings off Fyne's goroutine, one file at a time, the latest
// only.
type saver struct {
	path string

	mu    sync.Mutex
	next  *Settings // not yet written
	busy  bool
	write sync.Mutex // held while writing
}

// save has s written by a job. failed is called on Fyne's goroutine.
func (v *saver) save(s Settings, job func(func(context.Context) func()), failed func(error)) {
	if v.path == "" {
		return
	}
	s.Places = maps.Clone(s.Places)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.next = &s
	if v.busy {
		return
	}
	v.busy = true
	job(func(context.Context) func() {
		err := v.flush()
		if err == nil {
			return nil
		}
		return func() { failed(err) }
	})
}

// flush writes what is left to write.
func (v *saver) flush() error {
	v.write.Lock()
	defer v.write.Unlock()
	for {
		v.mu.Lock()
		s := v.next
		v.next = nil
		if s == nil {
			v.busy = false
		}
		v.mu.Unlock()
		if s == nil {
			return nil
		}
		if err := SaveSettings(v.path, *s); err != nil {
			v.mu.Lock()
			v.busy = false
			v.mu.Unlock()
			return err
		}
	}
}
