package overlay

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// settingsFile is what settings are exported as.
type settingsFile struct {
	Kind     string          `json:"kind"`
	Version  int             `json:"version"`
	Settings json.RawMessage `json:"settings"`
}

const (
	settingsKind    = "interview-copilot settings"
	settingsVersion = 1
	maxSettings     = 1 << 20 // bytes of a file; ours have one or two thousand
)

// exportSettings writes what makes sense on another computer too: not the paths
// of documents, the prepared interview or the places of the window.
func exportSettings(s Settings) []byte {
	s.Resume, s.Job, s.Prepared, s.PreparedName, s.Places, s.NoticeSeen = "", "", "", "", nil, false
	inner, _ := json.Marshal(s) // texts and numbers always can
	data, _ := json.MarshalIndent(settingsFile{settingsKind, settingsVersion, inner}, "", "\t")
	return append(data, '\n')
}

// importSettings returns now with what an exported file says. What is out of
// range is put right; what the file leaves out has its default. Errors are
// sentences for the person, who keeps the settings of now then.
func importSettings(data []byte, now Settings) (Settings, error) {
	if len(data) > maxSettings {
		return now, errors.New("the file is too large to hold settings")
	}
	var f settingsFile
	if err := json.Unmarshal(data, &f); err != nil || f.Kind != settingsKind {
		return now, errors.New("this file holds no settings of Interview Copilot; choose one that was exported here")
	}
	if f.Version > settingsVersion {
		return now, errors.New("this file is of a newer version; update the program first")
	}
	s := DefaultSettings()
	d := json.NewDecoder(bytes.NewReader(f.Settings))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil || d.Decode(&struct{}{}) != io.EOF {
		return now, errors.New("the settings in this file are damaged; export them again")
	}
	s.Resume, s.Job, s.Prepared, s.PreparedName, s.Places, s.NoticeSeen = now.Resume, now.Job, now.Prepared, now.PreparedName, now.Places, now.NoticeSeen
	for action, keys := range s.Hotkeys {
		if keys == "" {
			continue // switched off
		}
		if _, err := parseChord(keys); err != nil {
			return now, errors.New("the key " + plain(keys) + " for " + plain(action) + " in this file is none")
		}
	}
	return s.valid(), nil
}
