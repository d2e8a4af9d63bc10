package audio

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"
)

// Formats of a WAV's samples (Microsoft's mmreg.h).
const (
	wavPCM        = 1
	wavFloat      = 3
	wavExtensible = 0xFFFE
)

// maxFormatChunk is far above any format chunk in use (40 bytes).
const maxFormatChunk = 1024

// WAV is a sound file as a source of frames: PCM of 8, 16, 24 or 32 bits or
// 32-bit float, of any rate a Resampler takes. In a stereo file the left side
// is the interviewer and the right side the candidate; a mono file is the
// interviewer alone. The file is streamed, never held in memory.
type WAV struct {
	// Speed is the pace of Run: 1 (or 0) is real time, 10 is ten times that.
	Speed float64

	name     string
	r        *bufio.Reader
	file     io.Closer // nil unless OpenWAV opened it
	format   wavFormat
	data     int64 // length of the samples in bytes, as the header says
	left     int64 // of data
	sides    [Channels]side
	raw      []byte // one input block
	mono     []int16
	flushed  bool
	frames   int64 // handed out
	expected int64 // frames that all samples make
	samples  int64 // per channel, read so far
}

type wavFormat struct {
	code     uint16
	channels int
	rate     int
	bits     int
}

// side is one side of the file on its way to 16 kHz.
type side struct {
	resample *Resampler // nil at 16 kHz
	ready    []int16
}

// OpenWAV opens a WAV file. The caller must Close it.
func OpenWAV(path string) (*WAV, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open wav: %w", err)
	}
	w, err := NewWAV(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	w.file, w.name = f, filepath.Base(path)
	return w, nil
}

// NewWAV reads the header of a WAV stream and leaves the samples to Next or Run.
func NewWAV(r io.Reader) (*WAV, error) {
	w := &WAV{r: bufio.NewReaderSize(r, 1<<16), name: "recording"}
	if err := w.readHeader(); err != nil {
		return nil, fmt.Errorf("read wav: %w", err)
	}
	block := w.format.rate / 50
	w.raw = make([]byte, block*w.blockAlign())
	w.mono = make([]int16, 0, block)
	for i := range w.format.channels {
		w.sides[i].ready = make([]int16, 0, 8*FrameSamples)
		if w.format.rate == SampleRate {
			continue
		}
		r, err := NewResampler(w.format.rate)
		if err != nil {
			return nil, fmt.Errorf("read wav: %w", err)
		}
		w.sides[i].resample = r
	}
	return w, nil
}

// Close closes the file.
func (w *WAV) Close() error {
	if w.file == nil {
		return nil
	}
	return w.file.Close()
}

// Duration is the length of the sound as the header states it.
func (w *WAV) Duration() time.Duration {
	n := w.data / int64(w.blockAlign())
	rate := int64(w.format.rate)
	return time.Duration(n/rate)*time.Second + time.Duration(n%rate)*time.Second/time.Duration(rate)
}

// Mono says that the file has the interviewer only.
func (w *WAV) Mono() bool { return w.format.channels == 1 }

func (w *WAV) blockAlign() int { return w.format.channels * w.format.bits / 8 }

// readHeader reads up to the first sample.
func (w *WAV) readHeader() error {
	var riff [12]byte
	if _, err := io.ReadFull(w.r, riff[:]); err != nil {
		return errors.New("not a WAV file: too short")
	}
	if string(riff[:4]) != "RIFF" || string(riff[8:]) != "WAVE" {
		return errors.New("not a WAV file")
	}
	known := false
	for {
		var h [8]byte
		if _, err := io.ReadFull(w.r, h[:]); err != nil {
			return errors.New("no data chunk")
		}
		size := int64(binary.LittleEndian.Uint32(h[4:]))
		switch string(h[:4]) {
		case "fmt ":
			if size < 16 || size > maxFormatChunk {
				return fmt.Errorf("format chunk of %d bytes", size)
			}
			chunk := make([]byte, size+size%2)
			if _, err := io.ReadFull(w.r, chunk); err != nil {
				return errors.New("format chunk is cut off")
			}
			if err := w.format.parse(chunk[:size]); err != nil {
				return err
			}
			known = true
		case "data":
			if !known {
				return errors.New("data chunk before the format chunk")
			}
			align := int64(w.blockAlign())
			w.data = size / align * align
			w.left = w.data
			return nil
		default:
			if _, err := io.CopyN(io.Discard, w.r, size+size%2); err != nil {
				return fmt.Errorf("chunk %q is cut off", h[:4])
			}
		}
	}
}

// parse reads a format chunk and refuses what is not read here.
func (f *wavFormat) parse(b []byte) error {
	le := binary.LittleEndian
	f.code = le.Uint16(b)
	f.channels = int(le.Uint16(b[2:]))
	rate := le.Uint32(b[4:])
	align := int(le.Uint16(b[12:]))
	f.bits = int(le.Uint16(b[14:]))
	if f.code == wavExtensible {
		if len(b) < 40 {
			return errors.New("extensible format chunk is too short")
		}
		f.code = le.Uint16(b[24:]) // the first two bytes of the sub-format's GUID
	}
	if f.channels < 1 || f.channels > Channels {
		return fmt.Errorf("%d channels: only mono and stereo are read", f.channels)
	}
	if rate < MinRate || rate > MaxRate {
		return fmt.Errorf("%d Hz: only %d to %d Hz are read", rate, MinRate, MaxRate)
	}
	f.rate = int(rate)
	switch {
	case f.code == wavPCM && (f.bits == 8 || f.bits == 16 || f.bits == 24 || f.bits == 32):
	case f.code == wavFloat && f.bits == 32:
	case f.code == wavPCM || f.code == wavFloat:
		return fmt.Errorf("%d-bit samples: only 8, 16, 24, 32 bits and 32-bit float are read", f.bits)
	default:
		return fmt.Errorf("compressed (format %d): only PCM is read", f.code)
	}
	if align != f.channels*f.bits/8 {
		return fmt.Errorf("%d bytes per sample do not fit %d channels of %d bits", align, f.channels, f.bits)
	}
	return nil
}

// sample decodes one sample to 16 bits.
func (f *wavFormat) sample(b []byte) int16 {
	switch {
	case f.code == wavFloat:
		v := float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
		if math.IsNaN(v) {
			return 0
		}
		return clip(float32(v * -math.MinInt16))
	case f.bits == 8:
		return (int16(b[0]) - 128) << 8
	case f.bits == 16:
		return int16(binary.LittleEndian.Uint16(b))
	case f.bits == 24:
		return int16(binary.LittleEndian.Uint16(b[1:]))
	}
	return int16(binary.LittleEndian.Uint16(b[2:]))
}

// Next fills f with the next frame and returns io.EOF after the last, whose end
// is padded with silence. A file that is shorter than its header says ends
// where it ends.
func (w *WAV) Next(f *Frame) error {
	for len(w.sides[0].ready) < FrameSamples && !w.flushed {
		if err := w.fill(); err != nil {
			return err
		}
	}
	if w.flushed && w.frames >= w.expected {
		return io.EOF
	}
	f.Start = time.Duration(w.frames) * FrameDuration
	f.Captured = time.Time{}
	for ch := range w.sides {
		s := &w.sides[ch]
		f.Silent[ch] = len(s.ready) == 0
		k := min(FrameSamples, len(s.ready))
		for i := range FrameSamples {
			var v int16
			if i < k {
				v = s.ready[i]
			}
			f.Samples[i*Channels+ch] = v
		}
		s.ready = s.ready[:copy(s.ready, s.ready[k:])]
	}
	w.frames++
	return nil
}

// fill reads one block of 20 ms; after the last one it flushes the filters.
func (w *WAV) fill() error {
	align := w.blockAlign()
	want := int(min(int64(len(w.raw)), w.left))
	n, err := io.ReadFull(w.r, w.raw[:want])
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return fmt.Errorf("read wav: %w", err)
	}
	n -= n % align
	w.left -= int64(n)
	w.samples += int64(n / align)
	w.push(w.raw[:n])
	if n > 0 && n == want && w.left > 0 {
		return nil
	}
	w.flushed = true
	at16k := (w.samples*SampleRate + int64(w.format.rate) - 1) / int64(w.format.rate)
	w.expected = (at16k + FrameSamples - 1) / FrameSamples
	for i := range w.format.channels {
		if r := w.sides[i].resample; r != nil {
			w.sides[i].ready = r.Append(w.sides[i].ready, make([]int16, r.taps))
			held := max(0, at16k-w.frames*FrameSamples)
			w.sides[i].ready = w.sides[i].ready[:min(int64(len(w.sides[i].ready)), held)]
		}
	}
	return nil
}

// push decodes raw samples onto the sides they belong to.
func (w *WAV) push(raw []byte) {
	align, width := w.blockAlign(), w.format.bits/8
	for ch := range w.format.channels {
		w.mono = w.mono[:0]
		for i := ch * width; i < len(raw); i += align {
			w.mono = append(w.mono, w.format.sample(raw[i:]))
		}
		s := &w.sides[ch]
		if s.resample == nil {
			s.ready = append(s.ready, w.mono...)
		} else {
			s.ready = s.resample.Append(s.ready, w.mono)
		}
	}
}

// WriteWAV writes interleaved 16-bit samples as a WAV file.
func WriteWAV(out io.Writer, rate, channels int, samples []int16) error {
	size := int64(len(samples)) * 2
	if size > math.MaxUint32-36 {
		return fmt.Errorf("write wav: %d bytes do not fit the format", size)
	}
	var b bytes.Buffer
	b.Grow(44 + len(samples)*2)
	le := binary.LittleEndian
	head := make([]byte, 0, 44)
	head = append(head, "RIFF"...)
	head = le.AppendUint32(head, uint32(size)+36)
	head = append(head, "WAVEfmt "...)
	head = le.AppendUint32(head, 16)
	head = le.AppendUint16(head, wavPCM)
	head = le.AppendUint16(head, uint16(channels))
	head = le.AppendUint32(head, uint32(rate))
	head = le.AppendUint32(head, uint32(rate*channels*2))
	head = le.AppendUint16(head, uint16(channels*2))
	head = le.AppendUint16(head, 16)
	head = append(head, "data"...)
	head = le.AppendUint32(head, uint32(size))
	b.Write(head)
	for _, s := range samples {
		b.Write([]byte{byte(s), byte(uint16(s) >> 8)})
	}
	if _, err := out.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write wav: %w", err)
	}
	return nil
}
