package overlay

import (
	"os"
	"testing"
)

func TestReachable(t *testing.T) {
	two := []monitor{{0, 0, 1280, 800}, {1280, 100, 1920, 1080}}
	tests := []struct {
		name string
		x, y int
		want bool
	}{
		{"first monitor", 300, 200, true},
		{"top left corner", 0, 0, true},
		{"second monitor", 2000, 150, true},
		{"above the second", 2000, 20, false},
		{"title bar above the screen", 300, -10, false},
		{"a sliver at the right end", 3190, 300, false},
		{"left of everything", -600, 300, false},
		{"partly left, top in sight", -40, 300, true},
		{"below everything", 300, 2000, false},
	}
	for _, tt := range tests {
		if got := (Place{X: tt.x, Y: tt.y}).reachable(two); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	if (Place{}).reachable(nil) {
		t.Error("reachable without a monitor")
	}
}

func TestArrangementsAreTold(t *testing.T) {
	one := []monitor{{0, 0, 1280, 800}}
	two := append(one, monitor{1280, 0, 1920, 1080})
	if arrangement(one) == arrangement(two) || arrangement(one) != "1280x800+0+0" {
		t.Errorf("%q, %q", arrangement(one), arrangement(two))
	}
}

// Without a display the system's calls do nothing, and say so.
func TestNoDisplay(t *testing.T) {
	if display, ok := os.LookupEnv("DISPLAY"); ok {
		os.Unsetenv("DISPLAY")
		defer os.Setenv("DISPLAY", display)
	}
	w := newTestWindow(t, Options{})
	w.change(func(s *Settings) { s.OnTop, s.Opacity = false, 0.5 })
	w.keepPlace()
	if len(w.settings.Places) > 0 {
		t.Errorf("remembers %v", w.settings.Places)
	}
	w.work()
}
