package resume

import (
	"os"
	"syscall"
)

// peak is the most memory a process had resident, in bytes.
func peak(s *os.ProcessState) int64 { return s.SysUsage().(*syscall.Rusage).Maxrss << 10 }

// ownPeak is the same of this process. A child is born with it, as Linux counts.
func ownPeak() int64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Maxrss << 10
}
