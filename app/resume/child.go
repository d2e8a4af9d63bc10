package resume

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

const (
	childArg  = "__read-document"
	readyLine = "ready\n"
)

// request is the first line of the child's standard input; the document follows
// once the child has answered with readyLine.
type request struct {
	Kind  string `json:"kind"`
	Size  int    `json:"size"`  // of the document, in bytes
	Cache string `json:"cache"` // "" for none
}

// answer is what the child has to say, as one JSON value.
type answer struct {
	Text      string  `json:"text"`
	Pages     int     `json:"pages"`
	Reader    string  `json:"reader"`
	Truncated bool    `json:"truncated"`
	Problem   Problem `json:"problem,omitempty"`
}

// IsChild tells whether this process was started by [Parse] to read a document;
// args are os.Args.
func IsChild(args []string) bool { return len(args) == 2 && args[1] == childArg }

// RunChild is the whole life of such a process: it gets ready, locks itself up,
// reads one document from in, writes the answer to out and returns the exit
// code. Call it before anything else in main.
func RunChild(in io.Reader, out io.Writer) int {
	if err := serve(bufio.NewReader(in), out); err != nil {
		fmt.Fprintln(os.Stderr, err) // the parent puts it into its error
		return 1
	}
	return 0
}

func serve(in *bufio.Reader, out io.Writer) error {
	line, err := in.ReadSlice('\n') // at most 4 KiB
	if err != nil {
		return fmt.Errorf("reading the request: %w", err)
	}
	var req request
	if err := json.Unmarshal(line, &req); err != nil {
		return fmt.Errorf("reading the request: %w", err)
	}
	var engine *pdfEngine
	if req.Kind == typePDF {
		if engine, err = newPDFEngine(req.Cache); err != nil {
			return err
		}
	}
	if err := limitSelf(); err != nil {
		return err
	}
	if _, err := io.WriteString(out, readyLine); err != nil {
		return err
	}
	// The parent kills us at its deadline; this is for the day it died first.
	time.AfterFunc(parseDeadline+time.Second, func() { os.Exit(2) })
	data := make([]byte, min(req.Size, maxFile))
	if _, err := io.ReadFull(in, data); err != nil {
		return fmt.Errorf("reading the document: %w", err)
	}
	return json.NewEncoder(out).Encode(read(req.Kind, engine, data))
}

// read turns the document into an answer, whatever happens short of a crash.
func read(kind string, engine *pdfEngine, data []byte) answer {
	if len(data) == 0 { // only getting warm
		return answer{}
	}
	var a answer
	var err error
	switch kind {
	case typePDF:
		a, err = engine.read(data)
	case typeDOCX:
		a.Reader = readerDOCX
		a.Text, err = readDOCX(data)
	default:
		a.Reader = readerText
		a.Text, err = decodeText(data)
	}
	if err != nil {
		var e *Error
		if errors.As(err, &e) {
			return answer{Problem: e.Problem}
		}
		return answer{Problem: Damaged}
	}
	var cut bool
	a.Text, cut = clean(a.Text)
	a.Truncated = a.Truncated || cut
	if a.Text == "" {
		a.Problem = NoText
	}
	return a
}
