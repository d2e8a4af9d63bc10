package resume

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Limits of the child, beyond what it used to get ready.
const (
	limitData = raceFactor * 192 << 20 // private writable mappings, of which Go takes 64 MiB at a time; less becomes resident
	limitCPU  = 5                      // seconds, of all threads
)

// limitSelf gives up, for good, what reading a document does not need. It limits
// data, not the address space: Go and wazero reserve 1.6 GB that they never touch.
func limitSelf() error {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		return fmt.Errorf("reading processor time: %w", err)
	}
	data, err := dataUsed()
	if err != nil {
		return fmt.Errorf("reading memory: %w", err)
	}
	for _, l := range []struct {
		resource int
		max      uint64
	}{
		{unix.RLIMIT_CPU, uint64(used.Utime.Sec+used.Stime.Sec) + limitCPU},
		{unix.RLIMIT_DATA, data + limitData},
		{unix.RLIMIT_FSIZE, 0},   // no file is written
		{unix.RLIMIT_NOFILE, 16}, // Go's own poller wants a few
		{unix.RLIMIT_CORE, 0},    // the document is not left in a core dump
	} {
		if err := unix.Setrlimit(l.resource, &unix.Rlimit{Cur: l.max, Max: l.max}); err != nil {
			return fmt.Errorf("limiting resource %d: %w", l.resource, err)
		}
	}
	return nil
}

// dataUsed is the size of what RLIMIT_DATA counts: the sixth field of
// proc(5)'s statm, in pages.
func dataUsed() (uint64, error) {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(statm))
	if len(fields) < 6 {
		return 0, errors.New("statm is short")
	}
	pages, err := strconv.ParseUint(fields[5], 10, 64)
	return pages * uint64(os.Getpagesize()), err
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
