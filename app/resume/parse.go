package resume

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

const (
	maxFile       = 20 << 20        // bytes of a file
	parseDeadline = 3 * time.Second // from the first byte of the document to the child's end
	maxAnswer     = 4 << 20         // bytes of the child's answer: maxText runes, escaped

	// For the child to get ready; compiling PDFium is the bulk of it. The race
	// detector makes that ten times longer.
	startDeadline = raceFactor * time.Minute
)

// Parse reads the file at path. It takes up to three seconds, plus the time to
// compile the PDF reader once on a machine. Cancelling ctx kills the child and
// returns ctx's error; every other error is an [*Error].
func Parse(ctx context.Context, path string) (Document, error) {
	if err := ctx.Err(); err != nil {
		return Document{}, err
	}
	data, err := load(path)
	if err != nil {
		return Document{}, err
	}
	kind, err := sniff(data)
	if err != nil {
		return Document{}, err
	}
	if kind == typePDF && cold(cacheDir()) { // compile without the document: what that takes is not the document's to use
		if err := Warm(ctx); err != nil {
			return Document{}, err
		}
	}
	a, _, err := runChild(ctx, kind, data)
	if err != nil {
		return Document{}, err
	}
	d := FromText(a.Text)
	d.Pages, d.Reader = a.Pages, a.Reader
	d.Truncated = d.Truncated || a.Truncated
	if strings.TrimSpace(d.Text) == "" {
		return Document{}, problem(NoText, kind, nil)
	}
	return d, nil
}

// Warm compiles the PDF reader into the cache, so that the first Parse need not
// wait for it. Call it in the background; it may fail without harm.
func Warm(ctx context.Context) error {
	_, _, err := runChild(ctx, typePDF, nil)
	return err
}

// load reads a regular file of a sane size, and refuses the rest unread.
func load(path string) ([]byte, error) {
	// Before opening, because opening a pipe waits for its other end.
	info, err := os.Stat(path)
	if err != nil {
		return nil, problem(openProblem(err), "", err)
	}
	if err := admissible(info); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, problem(openProblem(err), "", err)
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil { // what was opened, in case it was swapped
		return nil, problem(Unreadable, "", err)
	}
	if err := admissible(info); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, problem(Unreadable, "", err)
	case len(data) > maxFile:
		return nil, problem(TooLarge, "", nil)
	case len(data) == 0:
		return nil, problem(Empty, "", nil)
	}
	return data, nil
}

func openProblem(err error) Problem {
	if errors.Is(err, fs.ErrNotExist) {
		return Missing
	}
	return Unreadable
}

func admissible(info fs.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return problem(NotAFile, "", nil)
	case info.Size() > maxFile:
		return problem(TooLarge, "", nil)
	case info.Size() == 0:
		return problem(Empty, "", nil)
	}
	return nil
}

// cacheDir is where PDFium's machine code lives, "" where there is no private
// place for it: code to run is never put into a shared directory.
func cacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	dir = filepath.Join(dir, "interview-copilot", "pdfium")
	if os.MkdirAll(dir, 0o700) != nil {
		return ""
	}
	return dir
}

// cold tells whether nothing has been compiled yet.
func cold(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && len(entries) == 0
}

var (
	errStart = errors.New("the reader did not get ready in time")
	errSlow  = errors.New("the deadline passed")
)

// runChild gives data to a child and returns its answer, and how the child ended
// (nil when it never started). Empty data only gets the child ready.
func runChild(ctx context.Context, kind string, data []byte) (answer, *os.ProcessState, error) {
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c, err := newChild(limited)
	if err != nil {
		return answer{}, nil, cmp.Or(ctx.Err(), error(problem(Internal, "", err)))
	}
	start := time.AfterFunc(startDeadline, func() { cancel(errStart) })
	err = c.begin(request{Kind: kind, Size: len(data), Cache: cacheDir()})
	start.Stop()
	if err != nil {
		err = errors.Join(context.Cause(limited), c.end(), err)
		return answer{}, c.cmd.ProcessState, cmp.Or(ctx.Err(), error(problem(Internal, "", err)))
	}

	deadline := time.AfterFunc(parseDeadline, func() { cancel(errSlow) })
	defer deadline.Stop()
	a, err := c.parse(data)
	waitErr := c.end()
	switch {
	case err == nil && a.Problem == UnknownType: // it was called text for want of anything better
		err = problem(UnknownType, "", nil)
	case err == nil && a.Problem != "":
		err = problem(a.Problem, kind, nil)
	case err == nil:
	case ctx.Err() != nil:
		err = ctx.Err()
	case errors.Is(context.Cause(limited), errSlow):
		err = problem(TimedOut, kind, nil)
	default: // it died of the document: memory, processor time or a crash
		err = problem(Damaged, kind, errors.Join(waitErr, err))
	}
	return a, c.cmd.ProcessState, err
}

// child is the parent's end of a child process.
type child struct {
	cmd    *exec.Cmd
	stderr firstLine
	in     io.WriteCloser
	out    *bufio.Reader
	jail   io.Closer
}

// newChild starts this program again, as a reader. Cancelling ctx kills it.
func newChild(ctx context.Context) (*child, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	if runtime.GOOS == "linux" {
		exe = "/proc/self/exe" // still this program after an update replaced the file
	}
	cmd := exec.CommandContext(ctx, exe, childArg)
	cmd.Env = childEnv()
	cmd.WaitDelay = time.Second
	c := &child{cmd: cmd}
	cmd.Stderr = &c.stderr
	isolate(cmd)
	if c.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = bufio.NewReader(io.LimitReader(out, maxAnswer))
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the reader: %w", err)
	}
	if c.jail, err = confine(cmd.Process); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, fmt.Errorf("confining the reader: %w", err)
	}
	return c, nil
}

// childEnv holds no secrets: a document that takes the child over finds none.
func childEnv() []string {
	env := []string{"GOMEMLIMIT=160MiB", "GOMAXPROCS=2", "GOTRACEBACK=none"}
	for _, name := range []string{"SYSTEMROOT", "WINDIR"} { // Windows' own DLLs want them
		if v := os.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// begin sends the request and waits until the child is ready for bytes.
func (c *child) begin(r request) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if _, err := c.in.Write(append(line, '\n')); err != nil {
		return err
	}
	ready, err := c.out.ReadString('\n')
	if err != nil {
		return fmt.Errorf("waiting for the reader: %w", err)
	}
	if ready != readyLine {
		return errors.New("the reader said something else than ready: is RunChild the first thing in main?")
	}
	return nil
}

// parse sends the document and returns the answer.
func (c *child) parse(data []byte) (answer, error) {
	if _, err := io.Copy(c.in, bytes.NewReader(data)); err != nil {
		return answer{}, err
	}
	if err := c.in.Close(); err != nil {
		return answer{}, err
	}
	var a answer
	if err := json.NewDecoder(c.out).Decode(&a); err != nil {
		return answer{}, fmt.Errorf("reading the answer: %w", err)
	}
	return a, nil
}

// end kills what still runs, waits for it and tells how it ended.
func (c *child) end() error {
	_ = c.in.Close()
	_ = kill(c.cmd)
	err := c.cmd.Wait()
	_ = c.jail.Close()
	if err != nil && len(c.stderr) > 0 {
		err = fmt.Errorf("%w: %s", err, c.stderr)
	}
	return err
}

// firstLine keeps the first line written to it: the reason of a crash, without
// the stack.
type firstLine []byte

func (l *firstLine) Write(p []byte) (int, error) {
	if len(*l) == 0 {
		line, _, _ := bytes.Cut(p, []byte("\n"))
		*l = bytes.Clone(line[:min(len(line), 200)])
	}
	return len(p), nil
}
