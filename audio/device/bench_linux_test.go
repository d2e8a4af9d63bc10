package device_test

import (
	"context"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"copilot/audio"
	"copilot/audio/device"
	"copilot/audio/device/pulsetest"
)

// BenchmarkFrameCapture measures the live path, devices to emit, at its own pace
// of 50 frames a second: allocations, processor time and how old a frame's last
// sample is when it is handed over; then the same with twice as many spinning
// processes as processors (goals A-G6).
func BenchmarkFrameCapture(b *testing.B) {
	b.Run("idle", func(b *testing.B) { benchmarkCapture(b, 0) })
	b.Run("busy", func(b *testing.B) { benchmarkCapture(b, 2*runtime.NumCPU()) })
}

func benchmarkCapture(b *testing.B, spinners int) {
	pulsetest.Start(b)
	for range spinners {
		cmd := exec.Command("sh", "-c", "while :; do :; done")
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			cmd.Process.Kill()
			cmd.Wait()
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ages := make(chan time.Duration, 1024)
	live := make(chan struct{}, 2)
	done := make(chan struct{})
	go func() {
		defer close(done)
		device.New(device.Config{}).Run(ctx, func(f audio.Frame) {
			select {
			case ages <- time.Since(f.Captured):
			default:
			}
		}, func(s audio.LaneStatus) {
			if s.State == audio.LaneLive && s.Dropped == 0 {
				select {
				case live <- struct{}{}:
				default:
				}
			}
		})
	}()
	<-live
	<-live
	time.Sleep(time.Second) // settled
	for len(ages) > 0 {
		<-ages
	}
	var all []time.Duration
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu := cpuTime(b)
	for b.Loop() {
		all = append(all, <-ages)
	}
	cpu = cpuTime(b) - cpu
	runtime.ReadMemStats(&after)
	n := float64(len(all))
	slices.Sort(all)
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/n, "allocs/frame")
	b.ReportMetric(float64(cpu.Nanoseconds())/n, "cpu-ns/frame")
	b.ReportMetric(all[len(all)*99/100].Seconds()*1e3, "age-p99-ms")
	b.ReportMetric(0, "ns/op") // the pace of real time says nothing
	cancel()
	<-done
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
