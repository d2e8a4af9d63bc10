package main

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

var unlogged = slog.New(slog.DiscardHandler)

// U6: whoever comes second has the first one's window shown, and opens none.
func TestU6_SecondInstanceShowsTheFirst(t *testing.T) {
	settings := filepath.Join(t.TempDir(), "app", "settings.json")
	first, is := claim(settings, unlogged)
	if !is {
		t.Fatal("the first is not the first")
	}
	var shown atomic.Int64
	done := make(chan struct{})
	go func() { first.Run(func() { shown.Add(1) }); close(done) }()
	for n := range int64(3) {
		if _, is := claim(settings, unlogged); is {
			t.Fatal("two are first")
		}
		if shown.Load() != n+1 {
			t.Errorf("shown %d times", shown.Load())
		}
	}
	first.Close()
	first.Close()
	<-done
	again, is := claim(settings, unlogged)
	if !is {
		t.Error("nobody is first after the first has gone")
	}
	again.Close()
	if _, err := os.Lstat(filepath.Join(filepath.Dir(settings), "window.sock")); err == nil {
		t.Error("the socket is left behind")
	}
}

// U6: a run that crashed leaves its socket behind. However many start at once
// then, one window opens.
func TestU6_AfterACrash(t *testing.T) {
	for range 5 {
		settings := filepath.Join(t.TempDir(), "settings.json")
		path := filepath.Join(filepath.Dir(settings), "window.sock")
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		l.Close()
		var firsts atomic.Int64
		var wg, holding sync.WaitGroup
		var mu sync.Mutex
		var held []*instance
		for range 8 {
			wg.Go(func() {
				i, is := claim(settings, unlogged)
				if !is {
					return
				}
				firsts.Add(1)
				mu.Lock()
				held = append(held, i)
				mu.Unlock()
				holding.Go(func() { i.Run(func() {}) })
			})
		}
		wg.Wait()
		for _, i := range held {
			i.Close()
		}
		holding.Wait()
		if firsts.Load() != 1 {
			t.Errorf("%d windows", firsts.Load())
		}
	}
}

// Where no socket can be had, the program opens all the same.
func TestNoPlaceForTheSocket(t *testing.T) {
	for _, settings := range []string{"", filepath.Join(t.TempDir(), string(make([]byte, 200)), "settings.json")} {
		i, is := claim(settings, unlogged)
		if !is {
			t.Fatal("refused")
		}
		i.Run(nil)
		i.Close()
	}
}
