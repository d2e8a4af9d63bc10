package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"copilot/app/account"
	"copilot/app/overlay"
	"copilot/audio/device"
)

// supportBundle writes a ZIP that a person can send to somebody: versions, what
// doctor found, the devices, the settings without names and paths, the end of
// the log and of the last crash. It holds no key, no token, no document and no
// word of an interview; what looks like a secret is taken out of every text.
func (p *program) supportBundle(ctx context.Context, w io.Writer, found []byte) error {
	z := zip.NewWriter(w)
	for _, part := range []struct {
		name string
		text []byte
	}{
		{"about.txt", p.aboutThis()},
		{"doctor.txt", found},
		{"devices.txt", devicesText(ctx)},
		{"settings.json", settingsText()},
		{"log.txt", p.tail.Bytes()},
		{"crash.txt", p.lastCrash()},
	} {
		out, err := z.Create(part.name)
		if err == nil {
			_, err = out.Write(p.withoutSecrets(ctx, part.text))
		}
		if err != nil {
			return fmt.Errorf("write support bundle: %w", err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("write support bundle: %w", err)
	}
	return nil
}

// writeBundle writes the support bundle to a file that must not exist yet.
func (p *program) writeBundle(ctx context.Context, path string, found []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return &sayError{"The bundle could not be written: " + path + " exists already, or its folder cannot be written to.", err}
	}
	err = p.supportBundle(ctx, f, found)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "Written to %s, without keys and texts. Have a look at it before you send it.\n", path)
	return err
}

// withoutSecrets takes the person's keys, and all that looks like one, out of a
// text.
func (p *program) withoutSecrets(ctx context.Context, text []byte) []byte {
	secrets := []string{p.config.DeepgramKey, p.config.GroqKey, p.config.SupabaseKey}
	for _, name := range []string{account.Deepgram, account.Groq, account.VaultKey} {
		if s, err := p.keys.Get(ctx, name); err == nil {
			secrets = append(secrets, s)
		}
	}
	for _, s := range secrets {
		if len(s) >= 6 {
			text = bytes.ReplaceAll(text, []byte(s), []byte("[secret]"))
		}
	}
	if home, err := os.UserHomeDir(); err == nil && len(home) > 1 { // has the person's name
		text = bytes.ReplaceAll(text, []byte(home), []byte("~"))
	}
	return secretShapes.ReplaceAll(text, []byte("[secret]"))
}

func (p *program) aboutThis() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "interview-copilot %s\n%s/%s, %s, %d processors\n\n", version, runtime.GOOS, runtime.GOARCH, runtime.Version(), runtime.NumCPU())
	for _, a := range p.config.LogValue().Group() { // keys are "set" or "missing"
		fmt.Fprintf(&b, "%s: %s\n", a.Key, a.Value)
	}
	for _, name := range []string{"XDG_SESSION_TYPE", "XDG_CURRENT_DESKTOP", "LANG"} {
		fmt.Fprintf(&b, "%s: %s\n", name, p.getenv(name))
	}
	return b.Bytes()
}

func devicesText(ctx context.Context) []byte {
	found, err := device.List(ctx)
	if err != nil {
		return []byte("the sound system cannot be reached: " + err.Error() + "\n")
	}
	var b bytes.Buffer
	for _, d := range found {
		fmt.Fprintf(&b, "%s: %s (%s), default %v\n", d.Kind, d.Name, d.ID, d.Default)
	}
	return b.Bytes()
}

// settingsText is the settings without what tells of the person: the paths of
// documents and the interviews' names.
func settingsText() []byte {
	path, err := overlay.SettingsPath()
	if err != nil {
		return []byte(err.Error() + "\n")
	}
	s, problem := overlay.LoadSettings(path)
	s.Resume, s.Job, s.Prepared, s.PreparedName = given(s.Resume), given(s.Job), given(s.Prepared), ""
	text, _ := json.MarshalIndent(s, "", "\t") // texts and numbers always can
	if problem != "" {
		text = append(text, ("\n" + problem + "\n")...)
	}
	return text
}

func given(s string) string {
	if s == "" {
		return ""
	}
	return "(given)"
}

// lastCrash is the newest crash report; it was made without secrets.
func (p *program) lastCrash() []byte {
	dir, err := stateDir(p.getenv)
	if err != nil {
		return nil
	}
	all, _ := filepath.Glob(filepath.Join(dir, reportPrefix+"*.txt")) // sorted, as times are
	if len(all) == 0 {
		return []byte("none\n")
	}
	text, err := os.ReadFile(all[len(all)-1])
	if err != nil {
		return []byte(err.Error() + "\n")
	}
	return text
}

// tail keeps the end of what is written to it. Any number of goroutines may
// write.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailBytes = 64 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if len(t.text) > 2*tailBytes {
		t.text = append(t.text[:0], t.text[len(t.text)-tailBytes:]...)
	}
	return len(b), nil
}

// Bytes returns what is kept, from the beginning of a line.
func (t *tail) Bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := t.text
	if len(text) > tailBytes {
		text = text[len(text)-tailBytes:]
		text = text[bytes.IndexByte(text, '\n')+1:]
	}
	return bytes.Clone(text)
}
