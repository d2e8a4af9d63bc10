package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"copilot/app/account"
	"copilot/app/overlay"
	"copilot/audio"
)

// D-G7: nothing that is secret or tells of the person is in a support bundle,
// wherever it stood before.
func TestSupportBundleHoldsNoSecrets(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "config"))
	t.Setenv("XDG_STATE_HOME", filepath.Join(home, "state"))
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(home, "nobody"))
	canaries := []string{
		"deepgramcanary0123456789abcdef", "gsk_canarygroqcanarygroqcanary", "sb_publishable_canarycanary",
		"eyJcanarycanary.eyJzdWIiOiJjYW5hcnkifQ.sig_canary", "canary.person@example.com", "keyringcanary-12345",
		"canary-cv.pdf", "Canary & Sons", home,
	}
	p := &program{getenv: os.Getenv, stdout: io.Discard, stderr: io.Discard, keys: account.NewKeys(), tail: &tail{},
		config: config{DeepgramKey: canaries[0], GroqKey: canaries[1], SupabaseKey: canaries[2], SupabaseURL: "https://x.supabase.co"}}
	p.log = slog.New(slog.NewTextHandler(p.tail, nil))
	if err := p.keys.Set(t.Context(), account.Groq, canaries[5]); err != nil {
		t.Fatal(err)
	}
	for _, c := range canaries {
		p.log.Error("a line that tells too much", "value", c, "header", "Bearer "+c)
	}
	path, err := overlay.SettingsPath()
	if err != nil {
		t.Fatal(err)
	}
	s := overlay.DefaultSettings()
	s.Resume, s.Prepared, s.PreparedName, s.Microphone = filepath.Join(home, canaries[6]), "an-id", canaries[7], "Headset"
	if err := overlay.SaveSettings(path, s); err != nil {
		t.Fatal(err)
	}
	dir, err := stateDir(os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	os.MkdirAll(dir, 0o700)
	if err := os.WriteFile(filepath.Join(dir, reportPrefix+"20260101-000000.txt"), []byte("panic: "+canaries[3]), 0o600); err != nil {
		t.Fatal(err)
	}

	var b bytes.Buffer
	if err := p.supportBundle(t.Context(), &b, []byte("doctor said "+canaries[1])); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	all := ""
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all += string(text)
		for _, c := range append(canaries[:6:6], home) {
			if bytes.Contains(text, []byte(c)) {
				t.Errorf("%s holds %q:\n%s", f.Name, c, text)
			}
		}
	}
	for _, c := range canaries[6:8] { // the log is ours: it never says such things
		if i := strings.Index(all, `"resume": "(given)"`); i < 0 || strings.Contains(all[i:], `prepared_name`) {
			t.Errorf("the settings tell %q", c)
		}
	}
	for _, want := range []string{"interview-copilot " + version, "deepgram_key: set", "Headset", "a line that tells too much", "doctor said [secret]", "panic: [secret]"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in the bundle", want)
		}
	}
}

// doctor writes the bundle with what it found, and never over another file.
func TestDoctorWritesABundle(t *testing.T) {
	home := t.TempDir()
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"} {
		t.Setenv(name, home)
	}
	t.Setenv("PULSE_SERVER", "unix:"+filepath.Join(home, "nobody"))
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(home, "nobody"))
	var out bytes.Buffer
	p := &program{getenv: func(name string) string { return map[string]string{"HOME": home}[name] }, stdout: &out, stderr: io.Discard,
		keys: account.NewKeys(), tail: &tail{}, log: slog.New(slog.DiscardHandler)}
	path := filepath.Join(home, "support.zip")
	if err := p.doctor(t.Context(), []string{"--bundle", path}); err == nil {
		t.Error("doctor finds nothing to do where nothing is")
	}
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	defer z.Close()
	r, err := z.Open("doctor.txt")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(r)
	if !strings.Contains(string(text), "!!  keyring") || !strings.Contains(out.String(), "Written to "+path) {
		t.Errorf("doctor.txt: %s\nsaid: %s", text, out.String())
	}
	if err := p.writeBundle(t.Context(), path, nil); err == nil {
		t.Error("an existing file was written over")
	}
}

func TestLaneVerdict(t *testing.T) {
	wrong := []audio.Finding{{Lane: audio.Candidate, Trouble: audio.Echo, Seen: "It echoes.", Advice: "Use headphones."}, {Lane: audio.Interviewer, Trouble: audio.NoSound}}
	for c, want := range map[audio.Channel][2]string{
		audio.Candidate: {". It echoes.", "Use headphones."}, audio.Interviewer: {", silent (nobody spoke, or nothing is playing)", ""},
	} {
		advice := ""
		if got := laneVerdict(c, wrong, &advice); got != want[0] || advice != want[1] {
			t.Errorf("%v: %q, %q", c, got, advice)
		}
	}
	advice := ""
	if got := laneVerdict(audio.Candidate, nil, &advice); got != ", sounds good" || advice != "" {
		t.Errorf("%q, %q", got, advice)
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	var log tail
	for i := range 20000 {
		fmt.Fprintf(&log, "line %d\n", i)
	}
	got := string(log.Bytes())
	if len(got) > tailBytes || !strings.HasPrefix(got, "line ") || !strings.HasSuffix(got, "line 19999\n") {
		t.Errorf("%d bytes: %.20q … %q", len(got), got, got[len(got)-20:])
	}
}
