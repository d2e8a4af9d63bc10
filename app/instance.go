package main

import (
	"bufio"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// instance is the right to be this person's one window, held as a socket beside
// their settings. Another run of the program finds it, and asks for the window.
// Where no socket can be had there may be several windows.
type instance struct {
	listener net.Listener // nil: none could be had
	once     sync.Once
}

const (
	revealRequest = "show\n"
	revealReply   = "shown\n"
	revealTime    = 2 * time.Second
	claimTime     = 5 * time.Second // for others to have claimed or been refused
)

// claim takes the right, or has the window of the instance that holds it shown
// and reports first as false.
func claim(settings string, log *slog.Logger) (i *instance, first bool) {
	if settings == "" {
		return &instance{}, true
	}
	path := filepath.Join(filepath.Dir(settings), "window.sock")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		log.Warn("a second window would not be noticed", "err", err)
		return &instance{}, true
	}
	// One at a time: two runs that find the socket of one that crashed would
	// remove each other's.
	for began := time.Now(); time.Since(began) < claimTime; time.Sleep(5 * time.Millisecond) {
		if lock, err := tryLock(path + ".lock"); err == nil {
			defer lock.Close()
			break
		}
	}
	for range 2 {
		l, err := net.Listen("unix", path)
		if err == nil {
			return &instance{listener: l}, true
		}
		if reveal(path) {
			return nil, false
		}
		// Nobody answers: the socket of a run that crashed, or no place for one.
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	log.Warn("a second window would not be noticed", "socket", path)
	return &instance{}, true
}

// reveal asks the instance behind a socket to show its window.
func reveal(path string) bool {
	c, err := net.DialTimeout("unix", path, revealTime)
	if err != nil {
		return false
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(revealTime))
	if _, err := c.Write([]byte(revealRequest)); err != nil {
		return false
	}
	reply, err := bufio.NewReaderSize(c, 16).ReadString('\n')
	return err == nil && reply == revealReply
}

// Run shows the window whenever another run asks for it, until Close.
func (i *instance) Run(show func()) {
	if i.listener == nil {
		return
	}
	for {
		c, err := i.listener.Accept()
		if err != nil {
			return
		}
		c.SetDeadline(time.Now().Add(revealTime))
		asked, err := bufio.NewReaderSize(c, 16).ReadString('\n')
		if err == nil && asked == revealRequest {
			show()
			c.Write([]byte(revealReply))
		}
		c.Close()
	}
}

// Close gives the right back and removes the socket.
func (i *instance) Close() {
	i.once.Do(func() {
		if i.listener != nil {
			i.listener.Close()
		}
	})
}
