package main

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"copilot/audio"
)

// released is the program as people get it: no race detector, no checks.
var released = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "copilot-bench")
	if err != nil {
		return "", err
	}
	built = append(built, dir)
	path := filepath.Join(dir, "interview-copilot")
	out, err := exec.Command("go", "build", "-tags", "migrated_fynedo,x11,no_emoji", "-ldflags", "-s -w", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

// openReleased opens the window of the released program and returns its process
// and how long the window took to appear.
func (d *desktop) openReleased(env []string, args ...string) (pid int, took time.Duration) {
	d.t.Helper()
	began := time.Now()
	cmd := d.startReleased(env, args...)
	d.eventually("the window is there", 60*time.Second, func() bool { return d.titled("Interview Copilot") != 0 })
	return cmd.Process.Pid, time.Since(began)
}

func (d *desktop) startReleased(env []string, args ...string) *exec.Cmd {
	d.t.Helper()
	path, err := released()
	if err != nil {
		d.t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(append([]string{}, d.env...), env...)
	d.run(cmd)
	return cmd
}

// look looks again and again without rest and returns how long it took since
// began until it was so.
func (d *desktop) look(b *testing.B, began time.Time, is func() bool) time.Duration {
	b.Helper()
	for !is() {
		if time.Since(began) > time.Minute {
			b.Fatal("nothing after a minute")
		}
		time.Sleep(2 * time.Millisecond)
	}
	return time.Since(began)
}

// BenchmarkIdleWindow measures what the window costs while nothing happens:
// processor time in percent of one core, memory (its share of what is shared),
// and how long it took to appear. The figures to beat are those of the same page
// in Chromium: 0.2 %, 314 MiB, 0.78 s; a bare Fyne window idles at 1.9 %.
func BenchmarkIdleWindow(b *testing.B) {
	d := newDesktop(b)
	d.acceptNotice(nil)
	if _, err := released(); err != nil { // built before the clock runs
		b.Fatal(err)
	}
	began := time.Now()
	cmd := d.startReleased(nil)
	pid := cmd.Process.Pid
	took := d.look(b, began, func() bool { return d.titled("Interview Copilot") != 0 })
	painted := d.look(b, began, d.painted)
	time.Sleep(5 * time.Second) // settled
	const watch = 20 * time.Second
	before := ticks(b, pid)
	time.Sleep(watch)
	const perSecond = 100 // USER_HZ
	b.ReportMetric(float64(ticks(b, pid)-before)/perSecond/watch.Seconds()*100, "cpu-%")
	b.ReportMetric(float64(pss(b, pid))/1024, "MiB")
	b.ReportMetric(float64(took.Milliseconds()), "start-ms")
	b.ReportMetric(float64(painted.Milliseconds()), "first-frame-ms")
	b.ReportMetric(0, "ns/op")
}

// ticks is the processor time that a process has used.
func ticks(b *testing.B, pid int) (sum int) {
	b.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	for _, f := range fields[11:13] { // utime, stime
		n, err := strconv.Atoi(f)
		if err != nil {
			b.Fatal(err)
		}
		sum += n
	}
	return sum
}

// pss is the memory of a process in KiB.
func pss(b *testing.B, pid int) (kib int) {
	b.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if _, err := fmt.Sscanf(line, "Pss: %d kB", &kib); err == nil {
			return kib
		}
	}
	b.Fatal("smaps_rollup holds no Pss")
	return 0
}

// BenchmarkPixels measures from a token leaving the answering server to other
// pixels on the screen, in the real window. Looking takes about a millisecond.
func BenchmarkPixels(b *testing.B) {
	d := newDesktop(b)
	d.acceptNotice(nil)
	v := newVendors(b)
	file := filepath.Join(b.TempDir(), "silence.wav")
	var wav bytes.Buffer
	if err := audio.WriteWAV(&wav, audio.SampleRate, 1, make([]int16, 600*audio.SampleRate)); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(file, wav.Bytes(), 0o644); err != nil {
		b.Fatal(err)
	}
	d.openReleased([]string{"DEEPGRAM_URL=" + v.listening.URL, "GROQ_URL=" + v.answering.URL,
		"DEEPGRAM_API_KEY=key", "GROQ_API_KEY=key"}, "listen", "--window", "--input", file)
	win := d.titled("Interview Copilot")
	c, err := xgb.NewConnDisplay(d.display)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	const perAnswer = 40
	var took []time.Duration
	for n := range b.N {
		if n%perAnswer == 0 {
			if n > 0 {
				v.token <- ""
			}
			v.ask(b, n)
			v.say(b, "First ")
			time.Sleep(500 * time.Millisecond)
		}
		time.Sleep(time.Duration(50+n%17) * time.Millisecond) // not in step with the frames
		before := answerPixels(b, c, win)
		written := v.say(b, fmt.Sprintf("w%d ", n))
		for answerPixels(b, c, win) == before {
			if time.Since(written) > 5*time.Second {
				b.Fatalf("token %d is not on the screen", n)
			}
		}
		took = append(took, time.Since(written))
	}
	v.token <- ""
	quantiles(b, took, "to-pixels")
	b.ReportMetric(0, "ns/op")
}

var seed = maphash.MakeSeed()

// answerPixels is a hash of the part of the window where the answer stands.
func answerPixels(b *testing.B, c *xgb.Conn, win xproto.Window) uint64 {
	b.Helper()
	got, err := xproto.GetImage(c, xproto.ImageFormatZPixmap, xproto.Drawable(win), 14, 90, 520, 230, ^uint32(0)).Reply()
	if err != nil {
		b.Fatal(err)
	}
	return maphash.Bytes(seed, got.Data)
}
