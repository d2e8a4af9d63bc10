package overlay

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// xvfb is an X server of the test's own.
func xvfb(t *testing.T) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	server := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "640x480x24", "-noreset", "-nolisten", "tcp")
	server.ExtraFiles = []*os.File{w}
	if err := server.Start(); err != nil {
		t.Fatalf("Xvfb: %v; make test installs it", err)
	}
	w.Close()
	t.Cleanup(func() { server.Process.Kill(); server.Wait() })
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb did not start: %v", err)
	}
	t.Setenv("DISPLAY", ":"+strings.TrimSpace(line))
}

func xdotool(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("xdotool", args...).CombinedOutput(); err != nil {
		t.Fatalf("xdotool: %v: %s", err, out)
	}
}

// Keys reach the program whatever has the focus, also with Num Lock and Caps Lock
// on, once for each press; what another program holds is an error.
func TestX11Hotkeys(t *testing.T) {
	xvfb(t)
	got := make(chan chord, 16)
	g := openGrabber(func(c chord) { got <- c })
	if g == nil {
		t.Fatal("no keys can be held")
	}
	defer g.close()
	space, _ := parseChord("Ctrl+Alt+Space")
	larger, _ := parseChord("Ctrl+Alt+=")
	f9, _ := parseChord("F9")
	if failed := g.grab([]chord{space, larger, f9}); len(failed) > 0 {
		t.Fatalf("failed: %v", failed)
	}
	expect := func(want chord) {
		t.Helper()
		select {
		case c := <-got:
			if c != want {
				t.Errorf("got %v, want %v", c, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%v did not come", want)
		}
	}
	xdotool(t, "key", "ctrl+alt+space")
	expect(space)
	xdotool(t, "key", "ctrl+alt+equal")
	expect(larger)
	xdotool(t, "key", "Num_Lock")
	xdotool(t, "key", "Caps_Lock")
	xdotool(t, "key", "F9")
	expect(f9)

	other := openGrabber(func(chord) {})
	failed := other.grab([]chord{space})
	if failed[space] != errTaken {
		t.Errorf("taking it twice: %v", failed)
	}
	g.grab([]chord{larger})
	if failed := other.grab([]chord{space}); len(failed) > 0 {
		t.Errorf("what was given back cannot be had: %v", failed)
	}
	other.close()
	xdotool(t, "key", "ctrl+alt+space")
	xdotool(t, "key", "ctrl+alt+equal")
	expect(larger)
	if len(got) > 0 {
		t.Errorf("more presses than keys: %v", <-got)
	}
}
