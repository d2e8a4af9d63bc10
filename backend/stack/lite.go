package main

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

// modules is where the packages of this lock file are kept, for this stack and
// every later one.
func modules() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(packageLock)
	return filepath.Join(cache, "interview-copilot", "lite-"+hex.EncodeToString(sum[:6])), nil
}

// installLite installs what package-lock.json names, exactly and checked by its
// hashes, unless it is there. Nothing of the packages is run meanwhile.
func (s *stack) installLite(ctx context.Context) error {
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

// lite is Supabase Lite's process, which ends when its standard input does.
type lite struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	words chan string // warm, listening
	log   string
	done  chan struct{}
	err   error // after done
}

// startLite brings Supabase Lite up in the order that keeps the privileges: its
// own tables, our migrations, its first request, our privileges again, and only
// then the port.
func (s *stack) startLite(ctx context.Context) error {
	dir, err := modules()
	if err != nil {
		return err
	}
	port, err := freePort(s.o.API)
	if err != nil {
		return err
	}
	owner := s.pg.URL("postgres", database)
	if _, err := supabase.Migrate(ctx, owner); err != nil {
		return err
	}
	s.SupabaseURL = "http://127.0.0.1:" + strconv.Itoa(port)
	confirm := "0"
	if s.o.Confirm {
		confirm = "1"
	}
	s.lite, err = startLite(dir, filepath.Join(s.o.Dir, "supabase.log"), s.mail, []string{
		"LITE_DB=" + s.pg.TCP(s.pg.Superuser(), database), "LITE_URL=" + s.SupabaseURL, "LITE_PORT=" + strconv.Itoa(port),
		"LITE_SECRET=" + s.secrets.JWT, "LITE_KEY=" + s.secrets.Key, "LITE_CONFIRM=" + confirm,
		"DO_NOT_TRACK=1", "LITE_TELEMETRY=0",
		"LITE_STACK=" + s.o.Dir, // for people who look whose process this is
	})
	if err != nil {
		return err
	}
	if err := s.lite.await(ctx, "warm"); err != nil {
		return err
	}
	if err := supabase.ApplyPrivileges(ctx, owner); err != nil {
		return err
	}
	return s.lite.goOn(ctx, "listening")
}

func startLite(modules, log string, mail func(string), env []string) (*lite, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	l := &lite{words: make(chan string, 4), log: log, done: make(chan struct{})}
	l.cmd = exec.Command("node", "--input-type=module", "--eval", liteScript)
	l.cmd.Dir, l.cmd.Stderr, l.cmd.Env = modules, out, append(baseEnv(), env...)
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
		l.listen(stdout, mail)
		l.err = l.cmd.Wait()
	}()
	return l, nil
}

// listen passes on what the process says, until it ends.
func (l *lite) listen(stdout io.Reader, mail func(string)) {
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
func (l *lite) goOn(ctx context.Context, word string) error {
	if _, err := io.WriteString(l.stdin, "\n"); err != nil {
		return lastWords(err, l.log)
	}
	return l.await(ctx, word)
}

func (l *lite) await(ctx context.Context, word string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	select {
	case got := <-l.words:
		if got != word {
			return fmt.Errorf("said %q instead of %q", got, word)
		}
		return nil
	case <-l.done:
		return l.failure()
	case <-ctx.Done():
		return fmt.Errorf("waiting for %q: %w; see %s", word, ctx.Err(), l.log)
	}
}

func (l *lite) failure() error { return lastWords(l.err, l.log) }

// stop ends the process and waits for it.
func (l *lite) stop() {
	_ = l.stdin.Close()
	select {
	case <-l.done:
	case <-time.After(5 * time.Second):
		_ = l.cmd.Process.Kill()
		<-l.done
	}
}
