//go:build unix

package resume

import (
	"os"
	"path/filepath"
	"syscall"
)

// becomePlain goes on as the plain test binary, where there is one.
func becomePlain() {
	if exe, err := os.Executable(); err == nil && raceFactor > 1 {
		plain := filepath.Join(filepath.Dir(exe), plainName)
		_ = syscall.Exec(plain, append([]string{plain}, os.Args[1:]...), os.Environ())
	}
}
