package resume

import (
	"os"
	"syscall"
)

// peak is the most memory a process had resident, in bytes.
func peak(s *os.ProcessState) int64 { return s.SysUsage().(*syscall.Rusage).Maxrss << 10 }
