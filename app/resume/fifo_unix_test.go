//go:build unix

package resume

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
)

// What/why: a pipe nobody writes to, and a device without end, are refused
// without being opened; else choosing one would hang the program.
func TestF9_PipeAndDevice(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "resume.pdf")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, "/dev/zero"} {
		_, err := Parse(t.Context(), path)
		var e *Error
		if !errors.As(err, &e) || e.Problem != NotAFile {
			t.Errorf("%s: %v", path, err)
		}
	}
}
