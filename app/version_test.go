package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// What the packages say of the program is what it says of itself.
func TestPackagesAgreeWithTheProgram(t *testing.T) {
	var f struct {
		Details struct{ ID, Name, Version, Icon string }
	}
	if _, err := toml.DecodeFile("../FyneApp.toml", &f); err != nil {
		t.Fatal(err)
	}
	if d := f.Details; d.ID != appID || d.Name != appName || d.Version != version {
		t.Errorf("FyneApp.toml has %q, %q, %q; the program %q, %q, %q", d.ID, d.Name, d.Version, appID, appName, version)
	}
	if _, err := os.Stat("../" + f.Details.Icon); err != nil {
		t.Error(err)
	}
	if _, err := parseVersion(version); err != nil {
		t.Errorf("version %q: %v", version, err)
	}
	entry, err := os.ReadFile("../assets/packaging/" + appID + ".desktop")
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^Name=`+appName+`$`).Match(entry) || !strings.Contains(string(entry), "Exec=interview-copilot") {
		t.Errorf("the desktop entry names another program:\n%s", entry)
	}
}
