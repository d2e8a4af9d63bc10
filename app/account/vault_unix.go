//go:build !windows

package account

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// dataHome is where programs keep their data, below the home directory.
func dataHome() string {
	if runtime.GOOS == "darwin" {
		return filepath.Join("Library", "Application Support")
	}
	return filepath.Join(".local", "share")
}

// syncDir makes a renamed or removed file so on the disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}
