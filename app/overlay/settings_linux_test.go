package overlay

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

// What: a disk without room. Why: the old settings must survive the attempt.
func TestU4_DiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16k"); err != nil {
		t.Logf("no right to mount a small disk (%v); the read-only case covers failing writes", err)
		return
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	path := filepath.Join(dir, "settings.json")
	old := DefaultSettings()
	if err := SaveSettings(path, old); err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(dir, "filler"), make([]byte, 64<<10), 0o600)
	next := old
	next.Resume = strings.Repeat("a/", 20<<10)
	if err := SaveSettings(path, next); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("saved on a full disk: %v", err)
	}
	if got, problem := LoadSettings(path); problem != "" || !reflect.DeepEqual(got, old) {
		t.Errorf("the old settings are gone: %+v, %q", got, problem)
	}
	if left, _ := filepath.Glob(path + ".new-*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
