package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"copilot/backend/supabase/litetest"
)

// keeper runs a program and ends it when standard input closes, which happens
// when this process is gone, however it went. The program's own standard input
// is empty, as a shell's background commands have it.
const keeper = `"$@" &
child=$!
exec 3<&0
{ read _ <&3; kill -TERM $child; } 2>/dev/null &
reader=$!
wait $child
code=$?
kill $reader 2>/dev/null
exit $code`

const stopLimit = 12 * time.Second // the backend lets answers end for 10 s

// child is a program that does not outlive this process.
type child struct {
	cmd  *exec.Cmd
	hold *os.File // its closing is the program's end
	log  string
	done chan struct{}
	err  error // after done
}

// startChild runs a program with nothing but env and what programs need anyway.
func startChild(log, program string, env []string) (*child, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	c := &child{hold: w, log: log, done: make(chan struct{})}
	c.cmd = exec.Command("/bin/sh", "-c", keeper, filepath.Base(program), program)
	c.cmd.Env = append(litetest.BaseEnv(), env...)
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = r, out, out
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us
	if err := c.cmd.Start(); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	go func() {
		defer close(c.done)
		c.err = c.cmd.Wait()
	}()
	return c, nil
}

// stop ends the program and waits for it.
func (c *child) stop() {
	_ = c.hold.Close()
	select {
	case <-c.done:
	case <-time.After(stopLimit):
		_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL) // the group: the program and its keeper
		<-c.done
	}
}

// ready waits until an address answers 200.
func (c *child) ready(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-c.done:
			return c.failure()
		case <-ctx.Done():
			return fmt.Errorf("does not get ready: %w; see %s", ctx.Err(), c.log)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// failure is why a program ended that should not have, with its last words.
func (c *child) failure() error { return litetest.LastWords(c.err, c.log) }
