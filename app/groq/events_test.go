package groq

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func readEvents(r io.Reader) (all []string, err error) {
	ev := newEvents(r)
	for {
		e, err := ev.next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, e.name+"|"+string(e.data))
	}
}

func TestEvents(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     []string
	}{
		{"plain", "data: a\n\ndata: b\n\n", []string{"|a", "|b"}},
		{"crlf", "data: a\r\n\r\ndata: b\r\n\r\n", []string{"|a", "|b"}},
		{"cr", "data: a\r\rdata: b\r\r", []string{"|a", "|b"}},
		{"mixed", "data: a\r\ndata: b\n\rdata: c\r\r\n", []string{"|a\nb", "|c"}},
		{"no space", "data:a\n\n", []string{"|a"}},
		{"one space only", "data:  a\n\n", []string{"| a"}},
		{"lines", "data: a\ndata\ndata: b\n\n", []string{"|a\n\nb"}},
		{"comments", ": hello\ndata: a\n: again\n\n:\n\n", []string{"|a"}},
		{"named", "event: error\ndata: a\n\ndata: b\n\n", []string{"error|a", "|b"}},
		{"name without data", "event: ping\n\ndata: a\n\n", []string{"|a"}},
		{"other fields", "id: 1\nretry: 5\nfoo\ndata: a\n\n", []string{"|a"}},
		{"byte order mark", "\xef\xbb\xbfdata: a\n\n", []string{"|a"}},
		{"empty data", "data\n\n", []string{"|"}},
		{"no end", "data: a\n\ndata: b", []string{"|a", "|b"}},
		{"utf-8", "data: 数据 😀\n\n", []string{"|数据 😀"}},
		{"nothing", "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for name, r := range map[string]io.Reader{
				"whole":       strings.NewReader(tc.in),
				"by the byte": iotest.OneByteReader(strings.NewReader(tc.in)),
			} {
				if got, err := readEvents(r); err != nil || !slices.Equal(got, tc.want) {
					t.Errorf("%s: %q, %v, want %q", name, got, err, tc.want)
				}
			}
		})
	}
}

// A line or an event of up to 1 MiB is read, a longer one is an error that
// comes before it is kept.
func TestEventsBounded(t *testing.T) {
	most := strings.Repeat("x", maxEvent-len("data: "))
	if got, err := readEvents(strings.NewReader("data: " + most + "\n\n")); err != nil || len(got) != 1 || len(got[0]) != len(most)+1 {
		t.Errorf("1 MiB: %v", err)
	}
	half := "data: " + strings.Repeat("x", maxEvent/2) + "\n"
	for name, in := range map[string]string{
		"line":    "data: " + strings.Repeat("x", 2*maxEvent),
		"comment": ":" + strings.Repeat("x", 2*maxEvent),
		"lines":   half + half + half,
	} {
		r := strings.NewReader(in)
		if _, err := readEvents(r); !errors.Is(err, errEventTooLong) {
			t.Errorf("%s: %v", name, err)
		}
		if read := len(in) - r.Len(); read > maxEvent+maxEvent/2+64<<10 {
			t.Errorf("%s: %d bytes were read", name, read)
		}
	}
}

// oracle reads events the plain way: all at once, line by line.
func oracle(in []byte) (all []string) {
	in = bytes.ReplaceAll(in, []byte("\r\n"), []byte("\n"))
	in = bytes.ReplaceAll(in, []byte("\r"), []byte("\n"))
	in = bytes.TrimPrefix(in, []byte("\xef\xbb\xbf"))
	name, data := "", []string(nil)
	for _, line := range append(strings.Split(string(in), "\n"), "") { // the end of the stream ends an event
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if data != nil {
				all = append(all, name+"|"+strings.Join(data, "\n"))
			}
			name, data = "", nil
		case field == "data":
			data = append(data, value)
		case field == "event":
			name = value
		}
	}
	return all
}

func FuzzEvents(f *testing.F) {
	for _, s := range []string{"data: a\n\n", "data: a\r\n\r\ndata: b\r\r", "event: error\ndata: {}\n\n", ": c\n\ndata\n\n",
		"\xef\xbb\xbfdata: a", "data: [DONE]", "data: \xf0\x9f\x98\x80\n\n", "event: x\n\ndata: y\n\n", "\r\n\r", "\xef\xbb\xbf\xef\xbb\xbfdata: a\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		want := oracle(in)
		for _, r := range []io.Reader{bytes.NewReader(in), iotest.OneByteReader(bytes.NewReader(in)), iotest.HalfReader(bytes.NewReader(in))} {
			if got, err := readEvents(r); err != nil || !slices.Equal(got, want) {
				t.Fatalf("%q, %v, want %q", got, err, want)
			}
		}
	})
}

// Whatever a server sends, an answer ends with the text its deltas make and
// never with more than was sent.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: [DONE]\n\n"))
	f.Add([]byte("data: {\"error\":\"x\"}\n\n"))
	f.Add([]byte("event: error\ndata: {}\n\n"))
	f.Add([]byte("data: {\"choices\":[{\"delta\":{\"content\":\"\\ud83d\"},\"finish_reason\":\"length\"}],\"x_groq\":{\"error\":\"e\"}}\n\n"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		var said strings.Builder
		a := &answer{c: New(Options{}), delta: func(s string) { said.WriteString(s) }}
		stall := time.AfterFunc(time.Hour, func() {})
		defer stall.Stop()
		failed := (&stream{answer: a, stall: stall, patience: time.Hour}).read(bytes.NewReader(wire))
		text := a.finish().Text
		if failed == nil && text == "" {
			t.Fatal("no text and no error")
		}
		if failed != nil {
			checkWords(t, failed)
		}
		if said.String() != text || len(text) > 3*len(wire) { // a bad byte becomes U+FFFD
			t.Fatalf("deltas %q, text %q", said.String(), text)
		}
	})
}
