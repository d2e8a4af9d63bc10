//go:build wine

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"copilot/app/overlay"
	"copilot/app/rehearsal"
	"copilot/audio"
	"copilot/audio/device/pulsetest"
)

// What "make test-windows" runs: the Windows program, as .ci/package-windows
// built it, under wine on a private display and sound server. It shows what wine
// can: that the program starts, draws, stays on top, keeps secrets and captures
// both lanes. WASAPI loopback wine does not have; there the interviewer's lane
// comes from the sound server's monitor, as from a "Stereo Mix".

// bcryptprimitives is the one library of Windows 10 that wine 8 lacks and every
// Go program loads.
const bcryptprimitives = `#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE p, SIZE_T n) { return SystemFunction036(p, (ULONG)n); }`

// wine is a Windows of its own on the desktop.
type wine struct {
	*desktop
	drive string // C:
	env   []string
}

// newWine makes one; its programs end with the test.
func newWine(t *testing.T, extra ...string) *wine {
	t.Helper()
	w := &wine{desktop: newDesktop(t)}
	prefix := filepath.Join(w.home, "wine")
	w.drive = filepath.Join(prefix, "drive_c")
	w.env = append([]string{"WINEPREFIX=" + prefix, "WINEARCH=win64", "WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml="}, extra...)
	t.Cleanup(w.end)
	w.must("wine", "wineboot", "-i")
	source := filepath.Join(w.home, "shim.c")
	if err := os.WriteFile(source, []byte(bcryptprimitives), 0o600); err != nil {
		t.Fatal(err)
	}
	w.must("x86_64-w64-mingw32-gcc", "-shared", "-O2", "-o", filepath.Join(w.drive, "windows", "system32", "bcryptprimitives.dll"), source, "-ladvapi32")
	return w
}

func (w *wine) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = append(append([]string{}, w.desktop.env...), w.env...)
	return cmd
}

func (w *wine) end() { w.command("wineserver", "-k").Run() }

func (w *wine) must(name string, args ...string) string {
	w.t.Helper()
	out, err := w.command(name, args...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// packaged is a file of the package.
func packaged(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join("..", "build", "package", pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("no %s: .ci/package-windows builds it", pattern)
	}
	path, err := filepath.Abs(found[len(found)-1])
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// windowsProgram is what the tests run without installing it.
func windowsProgram(t *testing.T) string { return packaged(t, "windows/InterviewCopilot.exe") }

// The installer as a person runs it who asks nothing of it, and its way back.
func TestWindowsInstaller(t *testing.T) {
	w := newWine(t)
	w.must("wine", packaged(t, "*-setup.exe"), "/S")
	installed, err := filepath.Glob(filepath.Join(w.drive, "users", "*", "AppData", "Local", "Programs", appName, "InterviewCopilot.exe"))
	if err != nil || len(installed) != 1 {
		t.Fatalf("the installer left %v, %v", installed, err)
	}
	if got := strings.TrimSpace(w.must("wine", installed[0], "version")); got != "interview-copilot "+version {
		t.Errorf("the program says %q, want version %s", got, version)
	}
	w.must("wine", filepath.Join(filepath.Dir(installed[0]), "Uninstall.exe"), "/S")
	w.eventually("the program is gone", 30*time.Second, func() bool {
		_, err := os.Stat(filepath.Dir(installed[0]))
		return os.IsNotExist(err)
	})
}

// The rehearsal in the window, above others.
func TestWindowsWindow(t *testing.T) {
	w := newWine(t)
	exe := windowsProgram(t)
	w.settings()
	p := w.watch(w.command("wine", exe, "rehearse", "--window", "--jsonl", "--from", "5s", "--to", "22s"), w.env)
	w.eventually("there is a window", 60*time.Second, func() bool { return w.titled(appName) != 0 })
	ours := w.titled(appName)
	w.eventually("it is always on top", 20*time.Second, func() bool { return w.hasState(ours, "_NET_WM_STATE_ABOVE") })
	w.eventually("an answer is written", 60*time.Second, func() bool {
		return p.count(func(l line) bool { return l.Type == "answer" && l.Status == "done" }) > 0
	})
	time.Sleep(time.Second)
	if seen := w.read(w.screenshot("windows-window")); !strings.Contains(seen, "background") {
		t.Errorf("the question is not on the screen, which reads: %s", seen)
	}
	w.end()
}

// settings are those of somebody who has read the first start's notice.
func (w *wine) settings() {
	w.t.Helper()
	s := overlay.DefaultSettings()
	s.NoticeSeen = true
	users, err := filepath.Glob(filepath.Join(w.drive, "users", "*", "AppData", "Roaming"))
	if err != nil || len(users) == 0 {
		w.t.Fatalf("no user: %v, %v", users, err)
	}
	for _, dir := range users {
		if err := overlay.SaveSettings(filepath.Join(dir, "interview-copilot", "settings.json"), s); err != nil {
			w.t.Fatal(err)
		}
	}
}

// Both lanes through PortAudio's WASAPI, each on its channel.
func TestWindowsHearsBothLanes(t *testing.T) {
	sound := pulsetest.Start(t)
	w := newWine(t, sound.Env()...)
	exe := windowsProgram(t)
	// It fails for want of keys, and says what else it found.
	if seen, err := w.command("wine", exe, "doctor").Output(); err == nil || !strings.Contains(string(seen), "keyring            answers") {
		t.Errorf("the keyring does not answer: %v\n%s", err, seen)
	}
	vendors, err := rehearsal.Start(t.Context(), rehearsal.Options{KeepAudio: true})
	if err != nil {
		t.Fatal(err)
	}
	defer vendors.Close()
	const length = 16 * time.Second
	files := laneFiles(t, vendors.Interview(), 0, length)
	env := append(w.env, "DEEPGRAM_URL="+vendors.DeepgramURL(), "GROQ_URL="+vendors.GroqURL(),
		"DEEPGRAM_API_KEY="+vendors.DeepgramKey(), "GROQ_API_KEY="+vendors.GroqKey())
	p := w.watch(w.command("wine", exe, "listen", "--jsonl",
		"--microphone", pulsetest.MicrophoneName, "--output", "Monitor of "+pulsetest.SpeakersName), env)
	w.eventually("both lanes are heard", 60*time.Second, func() bool { return vendors.Stats().Audio > time.Second })
	heardQuestion := sound.Play(pulsetest.Speakers, files[audio.Interviewer])
	heardReply := sound.Play(pulsetest.MicBus, files[audio.Candidate])
	heardQuestion()
	heardReply()
	// The stand-in captions words only where their recorded sound arrives. How
	// like it is says less here: wine's mixer drops pieces on a busy machine.
	said := func(speaker, words string) bool {
		return p.count(func(l line) bool {
			return l.Type == "transcript" && l.Final && l.Speaker == speaker && strings.Contains(l.Text, words)
		}) > 0
	}
	w.eventually("each side is captioned as who they are", 30*time.Second, func() bool {
		return said("interviewer", "Hi Maya") && said("candidate", "Hi Daniel")
	})
	w.end()
	vendorsWereContent(t, vendors)
}

// Tests of single packages, built for Windows: the keyring is that of Windows,
// and miniaudio delivers.
func TestWindowsPackages(t *testing.T) {
	sound := pulsetest.Start(t)
	w := newWine(t, sound.Env()...)
	for _, pkg := range []string{"account", "device"} {
		out := w.must("wine", packaged(t, "windows/"+pkg+".test.exe"), "-test.v")
		if !strings.Contains(out, "--- PASS") || strings.Contains(out, "--- SKIP") {
			t.Errorf("%s:\n%s", pkg, out)
		}
	}
}
