package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// Crashes. While the program runs, an empty file of its own waits in the state
// folder for what Go's runtime says when it dies: of a panic in any goroutine,
// of a fatal error, of a signal in C. The next start makes a report of it that
// can be sent to somebody: the secrets that it knows, and all that looks like
// one, are taken out. Nothing is sent by the program.

const (
	runningPrefix = "running-" // then version, process id and ".txt"
	reportPrefix  = "crash-"   // then the time and ".txt"
	maxReport     = 256 << 10
	keptReports   = 5
	staleAfter    = 7 * 24 * time.Hour // an empty file that a killed program left
)

// stateDir is where the program keeps what is neither setting nor cache.
func stateDir(getenv func(string) string) (string, error) {
	switch runtime.GOOS {
	case "windows":
		if dir := getenv("LOCALAPPDATA"); dir != "" {
			return filepath.Join(dir, "interview-copilot"), nil
		}
	case "darwin":
		if home := getenv("HOME"); home != "" {
			return filepath.Join(home, "Library", "Logs", "interview-copilot"), nil
		}
	default:
		if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
			return filepath.Join(dir, "interview-copilot"), nil
		}
		if home := getenv("HOME"); home != "" {
			return filepath.Join(home, ".local", "state", "interview-copilot"), nil
		}
	}
	return "", errors.New("state folder: the environment names no home")
}

// watchCrashes prepares for a crash, where the system lets it, until the
// returned function is called.
func (p *program) watchCrashes() (safe func()) {
	dir, err := stateDir(p.getenv)
	if err == nil {
		safe, err = watchCrashes(dir)
	}
	if err != nil {
		return func() {} // an interview can be held all the same
	}
	return safe
}

// firstNotice is what the person is told at the start: that the program crashed
// last time, and another sentence.
func (p *program) firstNotice(other string) string {
	dir, err := stateDir(p.getenv)
	if err != nil {
		return other
	}
	return strings.TrimSpace(crashNotice(dir, p.config.DeepgramKey, p.config.GroqKey) + "\n" + other)
}

// watchCrashes makes the runtime write its last words into a file of dir. The
// returned function ends that, at the end of a run without a crash.
func watchCrashes(dir string) (done func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("watch crashes: %w", err)
	}
	path := filepath.Join(dir, fmt.Sprintf("%s%s-%d.txt", runningPrefix, version, os.Getpid()))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("watch crashes: %w", err)
	}
	defer f.Close() // the runtime has a descriptor of its own
	if err := debug.SetCrashOutput(f, debug.CrashOptions{}); err != nil {
		return nil, errors.Join(fmt.Errorf("watch crashes: %w", err), os.Remove(path))
	}
	return func() {
		_ = debug.SetCrashOutput(nil, debug.CrashOptions{})
		_ = os.Remove(path) // nothing is in it
	}, nil
}

// crashNotice makes reports of the crashes since it was asked last, and returns
// a sentence for the person; empty when there was none.
func crashNotice(dir string, secrets ...string) string {
	found, err := filepath.Glob(filepath.Join(dir, runningPrefix+"*.txt"))
	if err != nil {
		return ""
	}
	var report string
	for _, path := range found { // named after the version: the order says nothing
		info, err := os.Stat(path)
		switch {
		case err != nil:
		case info.Size() > 0:
			if r, err := writeReport(dir, path, info.ModTime(), secrets); err == nil {
				report = max(report, r) // the latest
			}
		case time.Since(info.ModTime()) > staleAfter:
			_ = os.Remove(path)
		}
	}
	if report == "" {
		return ""
	}
	forgetReports(dir)
	return "The program crashed last time. What happened lies at " + report + ", without your keys and texts; please send it to the support."
}

// writeReport turns the last words in a file into a report, and removes them.
func writeReport(dir, from string, crashed time.Time, secrets []string) (string, error) {
	f, err := os.Open(from)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxReport))
	f.Close()
	if err != nil {
		return "", err
	}
	of := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(from), runningPrefix), ".txt")
	of = of[:max(0, strings.LastIndexByte(of, '-'))]
	head := fmt.Sprintf("interview-copilot %s on %s/%s, %s, crashed at %s\n\n", of, runtime.GOOS, runtime.GOARCH,
		runtime.Version(), crashed.UTC().Format(time.RFC3339))
	path := filepath.Join(dir, reportPrefix+crashed.UTC().Format("20060102-150405")+".txt")
	if err := os.WriteFile(path, append([]byte(head), scrub(text, secrets)...), 0o600); err != nil {
		return "", err
	}
	return path, os.Remove(from)
}

// What a secret of ours, or of a vendor, looks like.
var secretShapes = regexp.MustCompile(`(?i)` +
	`eyJ[\w-]{8,}\.[\w-]+\.[\w-]*` + // a token
	`|\b(gsk|sk|pk|rk|sb|whsec|ghp|xox.)_[\w-]{8,}` +
	`|\bsk-[\w-]{16,}` +
	`|\b[0-9a-f]{32,}\b` + // Deepgram's
	`|\b(bearer|token|basic) [\w.~+/=-]{8,}` +
	`|([?&](access_token|refresh_token|token|code|apikey|key|secret|state)=)[^&\s"]+` +
	`|[\w.+-]+@[\w-]+\.[\w.-]+[a-z]`) // an e-mail address

// A panic's value may quote anything, a line of the résumé too; where it
// happened is told by the lines that follow.
const maxPanic = 300

// The runtime indents the further lines of a panic's value.
var stackBegins = regexp.MustCompile(`(?m)^(goroutine \d|runtime stack:)`)

// scrub takes out of a crash's text what must not be sent.
func scrub(text []byte, secrets []string) []byte {
	for _, s := range secrets {
		if len(s) >= 6 {
			text = bytes.ReplaceAll(text, []byte(s), []byte("[secret]"))
		}
	}
	stack := len(text)
	if at := stackBegins.FindIndex(text); at != nil {
		stack = at[0]
	}
	if stack > maxPanic {
		text = append(append(bytes.Clone(text[:maxPanic]), " [shortened]\n"...), text[stack:]...)
	}
	return secretShapes.ReplaceAll(text, []byte("[secret]"))
}

// forgetReports keeps the newest few.
func forgetReports(dir string) {
	all, err := filepath.Glob(filepath.Join(dir, reportPrefix+"*.txt")) // sorted, as times are
	if err != nil {
		return
	}
	for _, old := range all[:max(0, len(all)-keptReports)] {
		_ = os.Remove(old)
	}
}
