package device

import (
	"testing"
	"time"

	"github.com/gen2brain/malgo"
)

// The queue between miniaudio's thread and ours: what is too much goes, the
// oldest first, and blocks come out whole and downmixed.
func TestLoopbackQueue(t *testing.T) {
	l := &loopback{block: make([]int16, loopbackBlock), mono: make([]int16, 0, loopbackBlock/2)}
	data := make([]byte, 2*loopbackBlock)
	for n := range 2 * loopbackQueue / loopbackBlock {
		for i := range loopbackBlock {
			data[2*i], data[2*i+1] = byte(n), 0
		}
		l.fill(nil, data, loopbackBlock/2)
	}
	if len(l.queue) != loopbackQueue {
		t.Errorf("%d samples are kept, want %d", len(l.queue), loopbackQueue)
	}
	for n := loopbackQueue / loopbackBlock; n < 2*loopbackQueue/loopbackBlock; n++ {
		if ready, err := l.ready(); !ready || err != nil {
			t.Fatalf("block %d: ready %v, %v", n, ready, err)
		}
		mono, err := l.read()
		if err != nil || len(mono) != loopbackBlock/2 || mono[0] != int16(n) {
			t.Fatalf("block %d: %d samples of %d, %v", n, len(mono), mono[0], err)
		}
	}
	if ready, _ := l.ready(); ready {
		t.Error("an empty queue is ready")
	}
	l.stop()
	if _, err := l.ready(); err == nil {
		t.Error("the end of the output is not told")
	}
}

// The same code on a microphone, since wine has no loopback: miniaudio finds the
// device by PortAudio's name for it and delivers in time.
func TestMiniaudioDelivers(t *testing.T) {
	if err := initialize(nil); err != nil {
		t.Fatal(err)
	}
	all, err := ports()
	terminate()
	if err != nil {
		t.Fatal(err)
	}
	microphone, _ := choosePorts("windows", all, Config{})
	if microphone.port == nil {
		t.Fatalf("no microphone among %v", all)
	}
	l, err := openMiniaudio(malgo.Capture, microphone.port.name)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	blocks := 0
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
		ready, err := l.ready()
		if err != nil {
			t.Fatal(err)
		}
		if !ready {
			time.Sleep(pollInterval)
			continue
		}
		if _, err := l.read(); err != nil {
			t.Fatal(err)
		}
		blocks++
	}
	if blocks < 25 || blocks > 115 { // a busy machine starts late
		t.Errorf("%d blocks of 20 ms in two seconds", blocks)
	}
}
