package device

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"copilot/audio"

	"github.com/gen2brain/malgo"
)

// Windows can give back what an output plays (WASAPI loopback), but no release
// of PortAudio asks for it. So for this one lane miniaudio does, which brings
// its own C and no library. Everything else stays with PortAudio.

const (
	loopbackAPI    = "WASAPI loopback"
	loopbackSuffix = " [Loopback]" // as PortAudio's next release will name them
	loopbackRate   = 48000
	loopbackBlock  = loopbackRate / 50 * 2 // 20 ms of two channels
	loopbackQueue  = loopbackRate * 2      // one second; then the oldest goes
)

// loopbacks are the inputs that stand for the outputs among all.
func loopbacks(all []port) []port {
	var out []port
	for _, p := range all {
		if p.outputs > 0 && strings.Contains(p.api, "WASAPI") {
			out = append(out, port{index: -1, name: p.name + loopbackSuffix, api: loopbackAPI, inputs: 2, rate: loopbackRate})
		}
	}
	return out
}

// loopback is an open output that is listened to. Only the goroutine that opened
// it may use it. miniaudio's own thread fills the queue.
type loopback struct {
	context  *malgo.AllocatedContext
	devices  []*malgo.Device
	block    []int16
	mono     []int16
	progress atomic.Int64 // Unix nanoseconds of the last data

	mu      sync.Mutex
	queue   []int16 // interleaved, at most loopbackQueue
	stopped bool    // the output is gone
}

// openLoopback listens to the output that p stands for.
func openLoopback(p port) (input, error) {
	l, err := openMiniaudio(malgo.Loopback, strings.TrimSuffix(p.name, loopbackSuffix))
	if err != nil {
		return nil, fmt.Errorf("open loopback: %w", err)
	}
	return l, nil
}

// openMiniaudio opens an output's loopback, or a microphone, by its name.
func openMiniaudio(kind malgo.DeviceType, name string) (l *loopback, err error) {
	runtime.LockOSThread() // COM is initialised for this thread
	l = &loopback{block: make([]int16, loopbackBlock), mono: make([]int16, 0, loopbackBlock/2)}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if l.context, err = malgo.InitContext([]malgo.Backend{malgo.BackendWasapi}, malgo.ContextConfig{}, nil); err != nil {
		l.context = nil
		return nil, err
	}
	list := malgo.Playback
	if kind == malgo.Capture {
		list = malgo.Capture
	}
	info, err := deviceNamed(l.context, list, name)
	if err != nil {
		return nil, err
	}
	if kind == malgo.Loopback {
		// An output that nobody plays on gives no data at all; silence of our own
		// keeps it going.
		if err := l.open(malgo.Playback, info, malgo.DeviceCallbacks{}); err != nil {
			return nil, err
		}
	}
	return l, l.open(kind, info, malgo.DeviceCallbacks{Data: l.fill, Stop: l.stop})
}

// deviceNamed returns the device of a name; PortAudio may have cut the name short.
func deviceNamed(context *malgo.AllocatedContext, kind malgo.DeviceType, name string) (malgo.DeviceInfo, error) {
	devices, err := context.Devices(kind)
	if err != nil {
		return malgo.DeviceInfo{}, err
	}
	for _, d := range devices {
		if d.Name() == name || len(name) > 20 && strings.HasPrefix(d.Name(), name) {
			return d, nil
		}
	}
	return malgo.DeviceInfo{}, fmt.Errorf("no device %q", name)
}

func (l *loopback) open(kind malgo.DeviceType, info malgo.DeviceInfo, callbacks malgo.DeviceCallbacks) error {
	config := malgo.DefaultDeviceConfig(kind)
	config.SampleRate, config.PeriodSizeInMilliseconds = loopbackRate, 20
	side := &config.Capture
	if kind == malgo.Playback {
		side = &config.Playback
	}
	side.Format, side.Channels = malgo.FormatS16, 2
	if info.IsDefault == 0 { // else none: it follows when another becomes the default
		side.DeviceID = info.ID.Pointer() // 64 bytes of C's memory, kept by the device
	}
	device, err := malgo.InitDevice(l.context.Context, config, callbacks)
	if err != nil {
		return err
	}
	l.devices = append(l.devices, device)
	l.progress.Store(time.Now().UnixNano())
	return device.Start()
}

// fill takes in what miniaudio has. It runs on miniaudio's thread.
func (l *loopback) fill(_, data []byte, frames uint32) {
	n := min(int(frames)*2, len(data)/2)
	l.mu.Lock()
	for i := range n {
		l.queue = append(l.queue, int16(binary.LittleEndian.Uint16(data[2*i:])))
	}
	if excess := len(l.queue) - loopbackQueue; excess > 0 {
		l.queue = l.queue[:copy(l.queue, l.queue[excess:])]
	}
	l.mu.Unlock()
	l.progress.Store(time.Now().UnixNano())
}

func (l *loopback) stop() {
	l.mu.Lock()
	l.stopped = true
	l.mu.Unlock()
}

func (l *loopback) ready() (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return false, errors.New("read loopback: the output is gone")
	}
	return len(l.queue) >= loopbackBlock, nil
}

// read returns the next 20 ms as mono, valid until the next read. It must be ready.
func (l *loopback) read() ([]int16, error) {
	l.mu.Lock()
	copy(l.block, l.queue)
	l.queue = l.queue[:copy(l.queue, l.queue[loopbackBlock:])]
	l.mu.Unlock()
	l.mono = audio.Downmix(l.mono[:0], l.block, 2)
	return l.mono, nil
}

func (l *loopback) waiting() time.Duration { return time.Since(time.Unix(0, l.progress.Load())) }

func (l *loopback) sampleRate() int { return loopbackRate }

func (l *loopback) close() {
	for _, d := range l.devices {
		d.Uninit()
	}
	if l.context != nil {
		_ = l.context.Uninit() // nothing can be done about an error
		l.context.Free()
	}
	runtime.UnlockOSThread()
}
