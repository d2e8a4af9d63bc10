// Package litetest runs Supabase Lite, which serves GoTrue's and PostgREST's wire
// over a PostgreSQL of ours: for the local stack and for tests. It is a program
// of Node's, whose packages are installed once from the npm registry. It belongs
// to neither the desktop program nor the server.
package litetest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"copilot/backend/supabase"
)

var (
	//go:embed lite.mjs
	liteScript string
	//go:embed package.json
	packageJSON []byte
	//go:embed package-lock.json
	packageLock []byte
)

// modules is where the packages of this lock file are kept, for every start.
func modules() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(packageLock)
	return filepath.Join(cache, "interview-copilot", "lite-"+hex.EncodeToString(sum[:6])), nil
}

// Install installs what package-lock.json names, exactly and checked by its
// hashes, unless it is there. Nothing of the packages is run meanwhile.
func Install(ctx context.Context) error {
	dir, err := modules()
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), "install-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	err = errors.Join(os.WriteFile(filepath.Join(temp, "package.json"), packageJSON, 0o644),
		os.WriteFile(filepath.Join(temp, "package-lock.json"), packageLock, 0o644))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error",
		"--fetch-retries=2", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=3000")
	cmd.Dir = temp
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the npm registry must be reachable once, and Node 18 or newer installed: npm ci: %w\n%s", err, bytes.TrimSpace(out))
	}
	if err := os.Rename(temp, dir); err != nil {
		if _, there := os.Stat(dir); there == nil { // another start was faster
			return nil
		}
		return err
	}
	return nil
}

// Options of a Lite. All but those said to be optional are required.
type Options struct {
	Owner     string // URL of the database for the role that owns the schema, which Migrate was given
	Superuser string // and for the superuser, over TCP
	Port      int    // of 127.0.0.1
	Secret    string // signs access tokens by HS256
	Key       string // the publishable key
	Confirm   bool   // new accounts confirm their address
	Log       string // the file of its log
	Mail      func(text string)
	Env       []string // optional; for people who look whose process this is
}

// Lite is Supabase Lite's process, which ends when its standard input does.
type Lite struct {
	URL string

	cmd   *exec.Cmd
	stdin io.WriteCloser
	words chan string // warm, listening
	log   string
	done  chan struct{}
	err   error // after done
}

// Start brings Supabase Lite up over a migrated database, in the order that
// keeps the privileges: its own tables, its first request, our privileges again,
// and only then the port. Install must have succeeded once. The caller stops it;
// cancelling ctx ends the start only.
func Start(ctx context.Context, o Options) (*Lite, error) {
	l, err := start(o)
	if err != nil {
		return nil, err
	}
	if err = l.await(ctx, "warm"); err == nil {
		if err = supabase.ApplyPrivileges(ctx, o.Owner); err == nil {
			err = l.goOn(ctx, "listening")
		}
	}
	if err != nil {
		l.Stop()
		return nil, err
	}
	return l, nil
}

func start(o Options) (*Lite, error) {
	dir, err := modules()
	if err != nil {
		return nil, err
	}
	out, err := os.Create(o.Log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	confirm := "0"
	if o.Confirm {
		confirm = "1"
	}
	l := &Lite{URL: "http://127.0.0.1:" + strconv.Itoa(o.Port), words: make(chan string, 4), log: o.Log, done: make(chan struct{})}
	l.cmd = exec.Command("node", "--input-type=module", "--eval", liteScript)
	l.cmd.Dir, l.cmd.Stderr = dir, out
	l.cmd.Env = append(BaseEnv(), "LITE_DB="+o.Superuser, "LITE_URL="+l.URL, "LITE_PORT="+strconv.Itoa(o.Port),
		"LITE_SECRET="+o.Secret, "LITE_KEY="+o.Key, "LITE_CONFIRM="+confirm, "DO_NOT_TRACK=1", "LITE_TELEMETRY=0")
	l.cmd.Env = append(l.cmd.Env, o.Env...)
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us
	if l.stdin, err = l.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := l.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := l.cmd.Start(); err != nil {
		return nil, fmt.Errorf("Node 18 or newer is needed: %w", err)
	}
	go func() {
		defer close(l.done)
		l.listen(stdout, o.Mail)
		l.err = l.cmd.Wait()
	}()
	return l, nil
}

// BaseEnv is what of this process's environment programs need anyway.
func BaseEnv() []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "LANG"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// listen passes on what the process says, until it ends.
func (l *Lite) listen(stdout io.Reader, mail func(string)) {
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		word, value, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "mail":
			var text string
			if json.Unmarshal([]byte(value), &text) == nil {
				mail(text)
			}
		case "warm", "listening":
			l.words <- word // each is said once
		}
	}
	_, _ = io.Copy(io.Discard, stdout) // after a line too long
}

// goOn lets the process do its next step.
func (l *Lite) goOn(ctx context.Context, word string) error {
	if _, err := io.WriteString(l.stdin, "\n"); err != nil {
		return LastWords(err, l.log)
	}
	return l.await(ctx, word)
}

func (l *Lite) await(ctx context.Context, word string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	select {
	case got := <-l.words:
		if got != word {
			return fmt.Errorf("said %q instead of %q", got, word)
		}
		return nil
	case <-l.done:
		return l.Failure()
	case <-ctx.Done():
		return fmt.Errorf("waiting for %q: %w; see %s", word, ctx.Err(), l.log)
	}
}

// Done is closed when the process has ended, and Failure then says why.
func (l *Lite) Done() <-chan struct{} { return l.done }

// Failure is to be called after Done only.
func (l *Lite) Failure() error { return LastWords(l.err, l.log) }

// LastWords adds the end of a program's log to why it ended.
func LastWords(err error, log string) error {
	if err == nil {
		err = errors.New("it ended by itself")
	}
	text, _ := os.ReadFile(log)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return fmt.Errorf("%w\n%s", err, strings.Join(lines[max(0, len(lines)-12):], "\n"))
}

// Stop ends the process and waits for it.
func (l *Lite) Stop() {
	_ = l.stdin.Close()
	select {
	case <-l.done:
	case <-time.After(5 * time.Second):
		_ = l.cmd.Process.Kill()
		<-l.done
	}
}
