package resume

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// The test binary is its own child, as the program is; the compiled reader is
// kept for the run alone.
func TestMain(m *testing.M) {
	if IsChild(os.Args) {
		os.Exit(RunChild(os.Stdin, os.Stdout))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "resume")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
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
