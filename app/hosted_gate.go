package main

import (
	"context"
	"sync"

	"copilot/app/interview"
	"copilot/audio"
)

// gate is a source that can be stopped and begun again while an interview goes
// on: closed, the devices are closed too. The source under it must be able to
// run more than once on one timeline, as device.Capture is.
type gate struct {
	source interview.Source

	mu     sync.Mutex
	closed bool
	moved  chan struct{} // closed at the next change
}

func newGate(s interview.Source) *gate { return &gate{source: s, moved: make(chan struct{})} }

// open lets the sound through or stops it. A nil gate does nothing.
func (g *gate) open(yes bool) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed == yes {
		g.closed = !yes
		close(g.moved)
		g.moved = make(chan struct{})
	}
}

func (g *gate) now() (closed bool, moved <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed, g.moved
}

// Run implements interview.Source.
func (g *gate) Run(ctx context.Context, emit func(audio.Frame), status func(audio.LaneStatus)) error {
	for {
		closed, moved := g.now()
		if closed {
			select {
			case <-moved:
				continue
			case <-ctx.Done():
				return nil
			}
		}
		running, stop := context.WithCancel(ctx)
		go func() {
			select {
			case <-moved:
				stop()
			case <-running.Done():
			}
		}()
		err := g.source.Run(running, emit, status)
		cut := running.Err() != nil
		stop()
		if err != nil || !cut || ctx.Err() != nil {
			return err
		}
	}
}
