package server

import (
	"maps"
	"slices"
	"sync"
	"time"

	"copilot/backend/api"
)

// hub knows the sockets that are open on this instance: by session, and by
// person, who has one at most.
type hub struct {
	metrics *metrics

	mu      sync.RWMutex
	byID    map[string]*socket
	byUser  map[string]*socket
	closed  bool
	working crew // readers and writers of sockets
}

func newHub(m *metrics) *hub {
	h := &hub{metrics: m, byID: map[string]*socket{}, byUser: map[string]*socket{}}
	h.working.idle.L = &h.working.mu
	return h
}

// crew counts goroutines. Unlike with a WaitGroup, the first may begin while
// somebody waits for the last to end.
type crew struct {
	mu   sync.Mutex
	n    int
	idle sync.Cond // n is 0
}

func (c *crew) add(d int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n += d; c.n == 0 {
		c.idle.Broadcast()
	}
}

func (c *crew) wait() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.n > 0 {
		c.idle.Wait()
	}
}

// spawn runs f as a goroutine that close waits for.
func (h *hub) spawn(f func()) {
	h.metrics.goroutines.Inc()
	h.working.add(1)
	go func() {
		defer h.working.add(-1)
		defer h.metrics.goroutines.Dec()
		f()
	}()
}

// add takes in a socket and runs serve as a goroutine of its own. A socket that
// the same person had before is cut off when its client has come back by the
// same session, and told when another took it over. It reports false when the
// hub is closed.
func (h *hub) add(k *socket, serve func()) bool {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return false
	}
	h.spawn(serve)
	old := h.byUser[k.user]
	if old != nil {
		delete(h.byID, old.id)
	}
	h.byID[k.id], h.byUser[k.user] = k, k
	h.metrics.sessions.Set(float64(len(h.byID)))
	h.mu.Unlock()
	switch {
	case old == nil:
	case old.id != k.id:
		old.end(api.ReasonTakenOver)
	default:
		old.drop()
	}
	return true
}

// remove takes out a socket and reports whether it was still in.
func (h *hub) remove(k *socket) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byID[k.id] != k {
		return false
	}
	delete(h.byID, k.id)
	delete(h.byUser, k.user)
	h.metrics.sessions.Set(float64(len(h.byID)))
	return true
}

func (h *hub) session(id string) *socket {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.byID[id]
}

func (h *hub) person(id string) *socket {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.byUser[id]
}

// all returns the sockets that are open.
func (h *hub) all() []*socket {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return slices.Collect(maps.Values(h.byID))
}

// ping sends the pings that are due.
func (h *hub) ping(now time.Time) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, k := range h.byID {
		k.ping(now)
	}
}

// close ends every socket: clients come back by themselves, to whichever
// instance is there. It waits for all of them, which takes a few seconds at
// most, and returns them.
func (h *hub) close() []*socket {
	h.mu.Lock()
	h.closed = true
	sockets := slices.Collect(maps.Values(h.byID))
	clear(h.byID)
	clear(h.byUser)
	h.metrics.sessions.Set(0)
	h.mu.Unlock()
	for _, k := range sockets {
		k.end(api.ReasonShutdown)
	}
	h.working.wait()
	return sockets
}
