package audio_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"context"

	"copilot/audio"
)

// wavBytes makes a WAV by hand: any format code, width and extra chunks.
func wavBytes(code, channels, rate, bits int, extensible bool, data []byte) []byte {
	le := binary.LittleEndian
	format := le.AppendUint16(nil, uint16(code))
	if extensible {
		format = le.AppendUint16(nil, 0xFFFE)
	}
	format = le.AppendUint16(format, uint16(channels))
	format = le.AppendUint32(format, uint32(rate))
	format = le.AppendUint32(format, uint32(rate*channels*bits/8))
	format = le.AppendUint16(format, uint16(channels*bits/8))
	format = le.AppendUint16(format, uint16(bits))
	if extensible {
		format = le.AppendUint16(format, 22)
		format = le.AppendUint16(format, uint16(bits))
		format = le.AppendUint32(format, 3)
		format = le.AppendUint16(format, uint16(code))
		format = append(format, "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"...)
	}
	var b []byte
	b = append(b, "RIFF\x00\x00\x00\x00WAVE"...)
	b = append(b, "LIST\x03\x00\x00\x00abc\x00"...) // odd, padded
	b = append(b, "fmt "...)
	b = le.AppendUint32(b, uint32(len(format)))
	b = append(b, format...)
	b = append(b, "data"...)
	b = le.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}

// encode writes v (−1…1) in the given format.
func encode(code, bits int, v float64) []byte {
	le := binary.LittleEndian
	switch {
	case code == 3:
		return le.AppendUint32(nil, math.Float32bits(float32(v)))
	case bits == 8:
		return []byte{byte(int(v*127) + 128)}
	case bits == 16:
		return le.AppendUint16(nil, uint16(int16(v*32767)))
	case bits == 24:
		return le.AppendUint32(nil, uint32(int32(v*8388607)))[:3]
	}
	return le.AppendUint32(nil, uint32(int32(v*2147483647)))
}

func allFrames(t testing.TB, w *audio.WAV) []audio.Frame {
	t.Helper()
	var out []audio.Frame
	for {
		var f audio.Frame
		if err := w.Next(&f); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		out = append(out, f)
	}
}

// What: every format gives the same tones on the right lanes.
func TestWAVFormats(t *testing.T) {
	for _, c := range []struct {
		name                       string
		code, channels, rate, bits int
		extensible                 bool
	}{
		{"8-bit mono 8k", 1, 1, 8000, 8, false},
		{"16-bit stereo 16k", 1, 2, 16000, 16, false},
		{"16-bit mono 44.1k", 1, 1, 44100, 16, false},
		{"24-bit stereo 48k", 1, 2, 48000, 24, true},
		{"32-bit stereo 96k", 1, 2, 96000, 32, false},
		{"float stereo 22.05k", 3, 2, 22050, 32, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var data []byte
			const seconds = 0.51
			for i := range int(seconds * float64(c.rate)) {
				x := float64(i) / float64(c.rate)
				data = append(data, encode(c.code, c.bits, 0.5*math.Sin(2*math.Pi*400*x))...)
				if c.channels == 2 {
					data = append(data, encode(c.code, c.bits, 0.25*math.Sin(2*math.Pi*1000*x))...)
				}
			}
			w, err := audio.NewWAV(bytes.NewReader(wavBytes(c.code, c.channels, c.rate, c.bits, c.extensible, data)))
			if err != nil {
				t.Fatal(err)
			}
			if d := w.Duration().Seconds(); math.Abs(d-seconds) > 0.001 || w.Mono() != (c.channels == 1) {
				t.Errorf("lasts %v, mono %v", d, w.Mono())
			}
			frames := allFrames(t, w)
			if len(frames) != 26 { // 25.5
				t.Fatalf("%d frames", len(frames))
			}
			left, right := tone(16000, 400, 0.5, seconds), tone(16000, 1000, 0.25, seconds)
			for i, f := range frames[2:24] {
				for k := range audio.FrameSamples {
					at := (i+2)*audio.FrameSamples + k
					wantRight := int16(0)
					if c.channels == 2 {
						wantRight = right[at]
					}
					if d := math.Abs(float64(f.Samples[2*k]) - float64(left[at])); d > 400 {
						t.Fatalf("left sample %d is off by %v", at, d)
					}
					if d := math.Abs(float64(f.Samples[2*k+1]) - float64(wantRight)); d > 400 {
						t.Fatalf("right sample %d is off by %v", at, d)
					}
				}
				if f.Silent != [2]bool{false, c.channels == 1} || f.Start != time.Duration(i+2)*audio.FrameDuration {
					t.Fatalf("frame at %v: silent %v", f.Start, f.Silent)
				}
			}
			if last := frames[25]; last.Samples[638] != 0 || last.Samples[2*110] == 0 {
				t.Error("the last frame is not half sound and half silence")
			}
		})
	}
}

// What: a 16 kHz stereo file is carried bit by bit.
func TestWriteWAVRoundTrip(t *testing.T) {
	samples := make([]int16, 2*audio.FrameSamples*3)
	for i := range samples {
		samples[i] = int16(i*7919 + i*i)
	}
	var b bytes.Buffer
	if err := audio.WriteWAV(&b, audio.SampleRate, 2, samples); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.wav")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := audio.OpenWAV(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	frames := allFrames(t, w)
	if len(frames) != 3 {
		t.Fatalf("%d frames", len(frames))
	}
	for i, f := range frames {
		for k, s := range f.Samples {
			if s != samples[i*640+k] {
				t.Fatalf("frame %d, sample %d: %d, want %d", i, k, s, samples[i*640+k])
			}
		}
	}
}

// What: what is not a WAV we read is refused in words; a cut-off file ends early.
func TestWAVRefusals(t *testing.T) {
	good := wavBytes(1, 1, 16000, 16, false, make([]byte, 640))
	hugeChunk := append([]byte("RIFF\x00\x00\x00\x00WAVEfmt "), 0xff, 0xff, 0xff, 0x7f)
	for _, c := range []struct {
		name, want string
		data       []byte
	}{
		{"empty", "too short", nil},
		{"a PDF", "not a WAV file", []byte("%PDF-1.7 and some more")},
		{"no chunks", "no data chunk", good[:12]},
		{"no data", "no data chunk", good[:len(good)-640-8]},
		{"huge format chunk", "format chunk of 2147483647 bytes", hugeChunk},
		{"skipped chunk is cut off", `chunk "LIST" is cut off`, append([]byte("RIFF\x00\x00\x00\x00WAVELIST"), 0xff, 0xff, 0xff, 0xff, 1)},
		{"data first", "data chunk before", append([]byte("RIFF\x00\x00\x00\x00WAVEdata"), 4, 0, 0, 0, 1, 2, 3, 4)},
		{"six channels", "6 channels", wavBytes(1, 6, 48000, 16, false, nil)},
		{"no channels", "0 channels", wavBytes(1, 0, 48000, 16, false, nil)},
		{"1 Hz", "1 Hz", wavBytes(1, 1, 1, 16, false, nil)},
		{"MP3 in WAV", "compressed (format 85)", wavBytes(85, 2, 44100, 16, false, nil)},
		{"12 bits", "12-bit samples", wavBytes(1, 2, 44100, 12, false, nil)},
		{"64-bit float", "64-bit samples", wavBytes(3, 2, 44100, 64, false, nil)},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := audio.NewWAV(bytes.NewReader(c.data))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	t.Run("cut off", func(t *testing.T) {
		w, err := audio.NewWAV(bytes.NewReader(good[:len(good)-301]))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(allFrames(t, w)); n != 1 {
			t.Errorf("%d frames", n)
		}
	})
	t.Run("no such file", func(t *testing.T) {
		if _, err := audio.OpenWAV(filepath.Join(t.TempDir(), "none.wav")); !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	})
}

// What: frames come when their sound has ended, by the clock and not by the sum
// of sleeps, however slow the receiver is; at a set speed; and stop with ctx.
func TestWAVRunPace(t *testing.T) {
	for _, speed := range []float64{0, 1, 4} {
		synctest.Test(t, func(t *testing.T) {
			w, err := audio.NewWAV(bytes.NewReader(wavBytes(1, 1, 16000, 16, false, make([]byte, 640*100))))
			if err != nil {
				t.Fatal(err)
			}
			w.Speed = speed
			began, n := time.Now(), 0
			var lanes []audio.LaneStatus
			per := audio.FrameDuration / time.Duration(max(1, speed))
			err = w.Run(t.Context(), func(f audio.Frame) {
				n++
				if want := time.Duration(n) * per; f.Captured.Sub(began) != want {
					t.Fatalf("speed %v: frame %d after %v, want %v", speed, n, f.Captured.Sub(began), want)
				}
				time.Sleep(per * 9 / 10) // slow, yet in time
			}, func(s audio.LaneStatus) { lanes = append(lanes, s) })
			if err != nil || n != 100 {
				t.Errorf("%d frames, %v", n, err)
			}
			if len(lanes) != 2 || lanes[0].State != audio.LaneLive || lanes[1].State != audio.LaneMissing {
				t.Errorf("lanes %v", lanes)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		w, err := audio.NewWAV(bytes.NewReader(wavBytes(1, 2, 16000, 16, false, make([]byte, 1280*100))))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		n := 0
		if err := w.Run(ctx, func(audio.Frame) { n++ }, func(audio.LaneStatus) {}); err != nil || n < 49 || n > 50 {
			t.Errorf("%d frames within a second, %v", n, err)
		}
	})
}

// What: no input makes the reader panic, allocate without bound or run for ever.
func FuzzWAV(f *testing.F) {
	f.Add(wavBytes(1, 1, 16000, 16, false, make([]byte, 1000)))
	f.Add(wavBytes(3, 2, 44100, 32, true, []byte("\xff\xff\xff\xff\x00\x00\xc0\x7f\x00\x00\x80\x7f\x01")))
	f.Add(wavBytes(1, 2, 192000, 24, false, make([]byte, 6000)))
	f.Add(wavBytes(1, 1, 8000, 8, false, make([]byte, 333)))
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVEdata\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := audio.NewWAV(bytes.NewReader(data))
		if err != nil {
			return
		}
		n := 0
		var frame audio.Frame
		for w.Next(&frame) == nil {
			n++
		}
		if limit := len(data)/audio.FrameSamples*2 + 2; n > limit { // 8-bit mono at 8 kHz doubles
			t.Errorf("%d frames from %d bytes", n, len(data))
		}
		if err := w.Next(&frame); !errors.Is(err, io.EOF) {
			t.Errorf("after the end: %v", err)
		}
	})
}
