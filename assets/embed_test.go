package assets

import (
	"bytes"
	"encoding/json"
	"image/png"
	"os"
	"strings"
	"testing"
)

func TestIcons(t *testing.T) {
	for name, icon := range map[string]struct {
		data []byte
		size int
	}{"app": {AppIcon, 512}, "tray-light": {TrayLight, 64}, "tray-dark": {TrayDark, 64}} {
		c, err := png.DecodeConfig(bytes.NewReader(icon.data))
		if err != nil || c.Width != icon.size || c.Height != icon.size {
			t.Errorf("%s: %dx%d %v, want %d", name, c.Width, c.Height, err, icon.size)
		}
	}
}

// The recording is small, and was made from the script as it is now.
func TestRehearsal(t *testing.T) {
	if size := len(RehearsalInterviewer) + len(RehearsalCandidate); size > 1500<<10 {
		t.Errorf("the recording has %d bytes", size)
	}
	script, err := os.ReadFile("rehearsal/script.txt")
	if err != nil {
		t.Fatal(err)
	}
	var interview struct {
		Utterances []struct{ Text string }
		Answers    []struct{ Text string }
	}
	if err := json.Unmarshal(RehearsalInterview, &interview); err != nil {
		t.Fatal(err)
	}
	want := strings.Count(string(script), "\n== ")
	if got := len(interview.Utterances) + len(interview.Answers); got != want || want == 0 {
		t.Errorf("%d parts recorded, %d in the script: run make.go", got, want)
	}
	for _, part := range append(interview.Utterances, interview.Answers...) {
		if !strings.Contains(string(script), part.Text+"\n") {
			t.Errorf("not in the script: %q: run make.go", part.Text)
		}
	}
}
