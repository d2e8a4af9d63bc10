//go:build linux

// Package pulsetest runs a private PulseAudio for tests, as net/http/httptest
// runs a web server: two people's worth of sound devices without any hardware.
//
// [Start] brings up a server with the output "Speakers", which stands for the
// call's sound, and the input "Headset_Microphone", into which whatever is
// played on "MicBus" is spoken. Devices can be pulled out and put back, and the
// server can be killed and started again. [Say] makes speech and [Likeness]
// tells whether it was heard.
//
// Everything runs as any user, root included, without D-Bus. A test fails when
// pulseaudio, pulseaudio-utils or espeak-ng are not installed.
package pulsetest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Devices of the rig by their PulseAudio names.
const (
	Speakers   = "spk"    // output; its monitor is the system's sound
	MicBus     = "micbus" // output; what is played here is spoken into Microphone
	Microphone = "mic"    // input
)

// Names of the devices as people see them.
const (
	SpeakersName   = "Speakers"
	MicrophoneName = "Headset_Microphone"
)

// norewinds=1 is essential: without it a null sink works two seconds ahead, and
// a new capture waits that long for its first sample.
var deviceModules = map[string][]string{
	Speakers:   {"module-null-sink", "sink_name=spk", "norewinds=1", "rate=48000", "channels=2", "sink_properties=device.description=" + SpeakersName},
	MicBus:     {"module-null-sink", "sink_name=micbus", "norewinds=1", "rate=48000", "channels=1", "sink_properties=device.description=MicBus"},
	Microphone: {"module-remap-source", "source_name=mic", "master=micbus.monitor", "source_properties=device.description=" + MicrophoneName},
}

// startTimeout is generous: the machine may be busy.
const startTimeout = 20 * time.Second

// Server is a running private PulseAudio.
type Server struct {
	tb      testing.TB
	dir     string
	cmd     *exec.Cmd
	exited  chan struct{}
	modules map[string]string // device to module index
}

// Start starts a server, sets this process's environment to use it for the rest
// of the test, and stops it at cleanup.
func Start(tb testing.TB) *Server {
	tb.Helper()
	dir, err := os.MkdirTemp("", "pulse") // short: socket paths are limited to 107 bytes
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{tb: tb, dir: dir}
	tb.Cleanup(func() {
		s.Kill()
		os.RemoveAll(dir)
	})
	if err := os.MkdirAll(filepath.Join(dir, "pulse"), 0o700); err != nil {
		tb.Fatal(err)
	}
	for _, kv := range s.Env() {
		k, v, _ := strings.Cut(kv, "=")
		tb.Setenv(k, v)
	}
	s.Restart()
	return s
}

// Env is what a process needs in its environment to use the server.
func (s *Server) Env() []string {
	return []string{
		"XDG_RUNTIME_DIR=" + s.dir,
		"PULSE_SERVER=unix:" + s.socket(),
		"PULSE_RUNTIME_PATH=" + filepath.Join(s.dir, "pulse"),
	}
}

func (s *Server) socket() string { return filepath.Join(s.dir, "pulse", "native") }

// Restart starts the server again after Kill, with all its devices.
func (s *Server) Restart() {
	s.tb.Helper()
	cmd := exec.Command("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm=yes",
		"--log-target=file:"+filepath.Join(s.dir, "log"),
		"-L", "module-native-protocol-unix auth-anonymous=1")
	cmd.Env = append(os.Environ(), s.Env()...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // never outlives the test
	if err := cmd.Start(); err != nil {
		s.tb.Fatalf("start pulseaudio (apt-get install pulseaudio): %v", err)
	}
	exited := make(chan struct{})
	go func() {
		cmd.Wait()
		close(exited)
	}()
	s.cmd, s.exited, s.modules = cmd, exited, map[string]string{}
	s.awaitSocket()
	for _, device := range []string{Speakers, MicBus, Microphone} {
		s.Plug(device)
	}
}

func (s *Server) awaitSocket() {
	s.tb.Helper()
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(5 * time.Millisecond) {
		if conn, err := net.Dial("unix", s.socket()); err == nil {
			conn.Close()
			return
		}
		select {
		case <-s.exited:
			s.tb.Fatalf("pulseaudio ended at once: %s", s.Log())
		default:
		}
		if time.Now().After(deadline) {
			s.tb.Fatalf("pulseaudio did not come up within %v: %s", startTimeout, s.Log())
		}
	}
}

// Kill kills the server as a crash would and waits until it is gone.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Kill()
	<-s.exited
	s.cmd = nil
}

// Freeze stops the server without ending it, Thaw lets it go on.
func (s *Server) Freeze() { s.signal(syscall.SIGSTOP) }

// Thaw undoes Freeze.
func (s *Server) Thaw() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig os.Signal) {
	s.tb.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.tb.Fatal(err)
	}
}

// Log returns what the server wrote.
func (s *Server) Log() string {
	b, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return string(b)
}

// Plug puts a device in and makes Speakers and Microphone the defaults.
func (s *Server) Plug(device string) {
	s.tb.Helper()
	s.modules[device] = s.Pactl(append([]string{"load-module"}, deviceModules[device]...)...)
	switch device {
	case Speakers:
		s.Pactl("set-default-sink", device)
	case Microphone:
		s.Pactl("set-default-source", device)
	}
}

// Unplug pulls a device out.
func (s *Server) Unplug(device string) {
	s.tb.Helper()
	s.Pactl("unload-module", s.modules[device])
}

// Pactl runs pactl and returns what it printed; the test fails when it fails.
func (s *Server) Pactl(args ...string) string {
	s.tb.Helper()
	cmd := exec.Command("pactl", args...)
	cmd.Env = append(os.Environ(), s.Env()...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.tb.Fatalf("pactl %s (apt-get install pulseaudio-utils): %v: %s", strings.Join(args, " "), err, out)
	}
	return string(bytes.TrimSpace(out))
}

// Play starts playing a WAV file on a sink (Speakers or MicBus). Call the
// returned function to wait for its end.
func (s *Server) Play(sink, wav string) (wait func()) {
	s.tb.Helper()
	cmd := exec.Command("paplay", "--device="+sink, wav)
	cmd.Env = append(os.Environ(), s.Env()...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		s.tb.Fatalf("play (apt-get install pulseaudio-utils): %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	s.tb.Cleanup(func() { cmd.Process.Kill() }) // no-op when it has ended
	return func() {
		s.tb.Helper()
		select {
		case err := <-done:
			if err != nil {
				s.tb.Fatalf("play %s: %v: %s", filepath.Base(wav), err, out.String())
			}
		case <-time.After(time.Minute):
			s.tb.Fatalf("play %s: still playing after a minute", filepath.Base(wav))
		}
	}
}

// Say has espeak-ng speak text in a voice ("en-us", "en-gb+f3", ...) into a WAV
// file and returns its path.
func Say(tb testing.TB, voice, text string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "say.wav")
	if out, err := exec.Command("espeak-ng", "-v", voice, "-w", path, text).CombinedOutput(); err != nil {
		tb.Fatalf("espeak-ng (apt-get install espeak-ng): %v: %s", err, out)
	}
	if info, err := os.Stat(path); err != nil || info.Size() < 1000 {
		tb.Fatal(fmt.Errorf("espeak-ng wrote no speech: %v", err))
	}
	return path
}
