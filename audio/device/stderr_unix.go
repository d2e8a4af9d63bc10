//go:build unix

package device

import "golang.org/x/sys/unix"

// silenceStderr points file descriptor 2 to nowhere until the returned function
// is called: C libraries write there whatever we do. It lasts for milliseconds;
// if it cannot be done, the noise stays.
func silenceStderr() (restore func()) {
	null, err := unix.Open("/dev/null", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return func() {}
	}
	defer unix.Close(null)
	saved, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return func() {}
	}
	if err := unix.Dup2(null, 2); err != nil {
		unix.Close(saved)
		return func() {}
	}
	return func() {
		_ = unix.Dup2(saved, 2) // cannot fail: both descriptors are open
		unix.Close(saved)
	}
}
