//go:build darwin

package resume

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// limitSelf gives up what reading a document does not need. macOS does not
// enforce limits on memory; there it is bounded by construction: 20 MB of
// document, 64 MiB for PDFium, 20 MB unpacked from a DOCX.
func limitSelf() error {
	for _, l := range []struct {
		resource int
		max      uint64
	}{
		{unix.RLIMIT_CPU, 30}, // seconds, compiling included
		{unix.RLIMIT_FSIZE, 0},
		{unix.RLIMIT_CORE, 0},
	} {
		r := unix.Rlimit{Cur: l.max, Max: l.max}
		if err := unix.Setrlimit(l.resource, &r); err != nil {
			return fmt.Errorf("limiting resource %d: %w", l.resource, err)
		}
	}
	return nil
}

// isolate puts the child into a process group of its own.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return kill(cmd) }
}

// kill ends the child's whole group.
func kill(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// confine has nothing to add: the child limits itself before it sees the document.
func confine(*os.Process) (io.Closer, error) { return io.NopCloser(nil), nil }
