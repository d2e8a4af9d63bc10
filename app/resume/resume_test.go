package resume

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// The test binary is its own child, as the program is; the compiled reader is
// kept for the run alone.
func TestMain(m *testing.M) {
	if IsChild(os.Args) {
		becomePlain()
		os.Exit(RunChild(os.Stdin, os.Stdout))
	}
	os.Exit(run(m))
}

// plainName is the test binary built without the race detector, beside this one.
// Under the detector children become it: hundreds of them would each take
// seconds to load PDFium, and their limits would not be those of the program.
const plainName = "plain.test"

func buildPlain() error {
	exe, err := os.Executable()
	if err != nil || raceFactor == 1 {
		return err
	}
	out, err := exec.Command("go", "test", "-c", "-o", filepath.Join(filepath.Dir(exe), plainName), ".").CombinedOutput()
	if err != nil {
		return fmt.Errorf("building the plain child: %w: %s", err, out)
	}
	return nil
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "resume")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := buildPlain(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, name := range []string{"XDG_CACHE_HOME", "LocalAppData"} {
		if err := os.Setenv(name, dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}
