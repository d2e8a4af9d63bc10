package groq

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxEvent bounds a line, and the data of an event, of a stream.
const maxEvent = 1 << 20

var errEventTooLong = errors.New("event of more than 1 MiB")

// event is one server-sent event. Data is valid until the next call of next.
type event struct {
	name string // empty: "message"
	data []byte
}

// events splits a stream into server-sent events as the HTML standard has it:
// lines end in LF, CRLF or CR, comments and unknown fields are passed over, the
// data lines of an event are joined by LF. Unlike there, an event that is cut
// off by the end of the stream is handed over: [DONE] may come that way, and a
// JSON text that was cut shows itself.
type events struct {
	r      *bufio.Reader
	line   []byte
	data   []byte
	skipLF bool // the last line ended in CR: an LF belongs to it
	begun  bool // the first line, which may begin with a byte order mark, was read
}

func newEvents(r io.Reader) *events {
	return &events{r: bufio.NewReaderSize(r, 16<<10)}
}

// next returns the next event that has data, io.EOF after the last one, or the
// error of the reader.
func (e *events) next() (event, error) {
	var ev event
	e.data = e.data[:0]
	some := false
	for {
		line, err := e.readLine()
		if err != nil {
			if err == io.EOF && some {
				ev.data = e.data
				return ev, nil
			}
			return event{}, err
		}
		if len(line) == 0 {
			if some {
				ev.data = e.data
				return ev, nil
			}
			ev.name = "" // an event without data is none
			continue
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "data":
			if some {
				e.data = append(e.data, '\n')
			}
			some = true
			if len(e.data)+len(value) > maxEvent {
				return event{}, errEventTooLong
			}
			e.data = append(e.data, value...)
		case "event":
			ev.name = string(value)
		}
	}
}

// readLine returns a line without its end, valid until the next call. The last
// line need not have an end.
func (e *events) readLine() ([]byte, error) {
	e.line = e.line[:0]
	for {
		if _, err := e.r.Peek(1); err != nil {
			if err == io.EOF && len(e.line) > 0 {
				return e.finish(), nil
			}
			return nil, err
		}
		buf, _ := e.r.Peek(e.r.Buffered())
		if e.skipLF {
			e.skipLF = false
			if buf[0] == '\n' {
				e.r.Discard(1)
				continue
			}
		}
		end := bytes.IndexAny(buf, "\r\n")
		part := buf
		if end >= 0 {
			part = buf[:end]
		}
		if len(e.line)+len(part) > maxEvent {
			return nil, errEventTooLong
		}
		e.line = append(e.line, part...)
		if end < 0 {
			e.r.Discard(len(buf))
			continue
		}
		e.skipLF = buf[end] == '\r'
		e.r.Discard(end + 1)
		return e.finish(), nil
	}
}

// finish takes the byte order mark off the stream's first line.
func (e *events) finish() []byte {
	if e.begun {
		return e.line
	}
	e.begun = true
	return bytes.TrimPrefix(e.line, []byte("\xef\xbb\xbf"))
}
