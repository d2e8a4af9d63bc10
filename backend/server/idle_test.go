package server

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"copilot/backend/api"
)

// L1: thousands of connections that say nothing hold little memory, keep nobody
// else from being served, and are closed when the time for a header is over.
func TestL1_IdleSockets(t *testing.T) {
	n := 8000
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	n = min(n, int(files.Cur-1000)/2) // both ends are ours
	if n < 1000 {
		t.Fatalf("only %d files may be open: ulimit -n 4000", files.Cur)
	}
	r := newRig(t)
	r.serve(r.Handler(), func(h *http.Server) { h.ReadHeaderTimeout = 3 * time.Second })
	c, _ := r.client(10)
	s := r.open(c, api.SessionOptions{})
	used := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	before := used()
	var idle []net.Conn
	defer func() {
		for _, conn := range idle {
			conn.Close()
		}
	}()
	for range n {
		conn, err := net.Dial("tcp", strings.TrimPrefix(r.http.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, conn)
	}
	if each := (used() - before) / uint64(n); each > 32<<10 {
		t.Errorf("%d bytes for each of %d silent connections", each, n)
	}
	if resp, body := r.ask(c, s.Started.SessionID, ordinaryQuestion); resp.StatusCode != 200 {
		t.Errorf("an honest client: %s", body)
	}
	for _, conn := range idle {
		conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("a silent connection is still waited for")
		}
	}
}
