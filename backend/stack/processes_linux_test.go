package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// processes lists those that run on a stack's data: their working folder, their
// arguments or their environment are in it.
func processes(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, p := range all {
		if filepath.Base(p) == fmt.Sprint(os.Getpid()) {
			continue
		}
		args, _ := os.ReadFile(p + "/cmdline") // empty once it has ended
		env, _ := os.ReadFile(p + "/environ")
		cwd, _ := os.Readlink(p + "/cwd")
		if strings.Contains(string(args)+"\x00"+string(env), dir) || strings.HasPrefix(cwd, dir) {
			found = append(found, strings.ReplaceAll(string(args), "\x00", " "))
		}
	}
	return found
}

// expectNobody waits a while for the end of what is ending.
func expectNobody(t *testing.T, dir string) {
	t.Helper()
	var left []string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if left = processes(t, dir); len(left) == 0 {
			return
		}
	}
	t.Errorf("still running: %q", left)
}

// Killed with no chance to say goodbye, the command leaves no process, and the
// data serve the next start.
func TestKilledStackLeavesNoProcess(t *testing.T) {
	dir := tempDir(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asStack+"="+dir)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	isUp := false
	for lines.Scan() {
		t.Log(lines.Text())
		if isUp = strings.Contains(lines.Text(), "The stack is up"); isUp {
			break
		}
	}
	running := strings.Join(processes(t, dir), "\n")
	for _, part := range []string{"postgres", "node", dir + "/backend"} {
		if isUp && !strings.Contains(running, part) {
			t.Errorf("%s is not among the processes, so that the test could not see it end:\n%s", part, running)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	var ended *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &ended) || ended.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("ended with %v instead", err)
	}
	if !isUp {
		t.Fatal("the command did not come up")
	}
	expectNobody(t, dir)

	r := start(t, options{Dir: dir})
	r.moneyIsNotForClients() // the privileges are undone at every start
	if got := r.balance(r.signIn(demoEmail, r.secrets.Demo)); got != demoMinutes {
		t.Errorf("the demo account has %d minutes, want %d", got, demoMinutes)
	}
}
