package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

var built []string // directories of programs that the tests have built

// binary is the program as the tests drive it: with the race detector, and
// without the tag migrated_fynedo, so that Fyne checks its threads.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "copilot-e2e")
	if err != nil {
		return "", err
	}
	built = append(built, dir)
	path := filepath.Join(dir, "interview-copilot")
	out, err := exec.Command("go", "build", "-race", "-tags", "x11", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	for _, dir := range built {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// desktop is a private X display with a window manager and a session bus.
type desktop struct {
	t       testing.TB
	display string
	env     []string
	home    string
}

// newDesktop starts everything and stops it at cleanup.
func newDesktop(t testing.TB) *desktop {
	t.Helper()
	d := &desktop{t: t, home: t.TempDir()}
	xgb.Logger = log.New(io.Discard, "", 0) // it reports that the display needs no password
	for _, dir := range []string{".cache", ".config", "run"} {
		if err := os.MkdirAll(filepath.Join(d.home, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	d.display = d.startXvfb()
	bus := d.startBus()
	d.env = append(os.Environ(),
		"DISPLAY="+d.display, "DBUS_SESSION_BUS_ADDRESS="+bus,
		"HOME="+d.home, "XDG_CONFIG_HOME="+filepath.Join(d.home, ".config"), "XDG_CACHE_HOME="+filepath.Join(d.home, ".cache"),
		"LANG=en_US.UTF-8", "COPILOT_DEBUG=1",
		"DEEPGRAM_API_KEY=", "GROQ_API_KEY=", "DEEPGRAM_URL=", "GROQ_URL=", "GROQ_MODEL=")
	d.start("openbox", "--sm-disable")
	d.eventually("the window manager is up", 20*time.Second, func() bool {
		return len(d.windows("_NET_SUPPORTING_WM_CHECK")) > 0
	})
	return d
}

func (d *desktop) startXvfb() string {
	d.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		d.t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "1280x800x24", "+extension", "GLX", "+extension", "RANDR", "+render", "-noreset", "-nolisten", "tcp")
	cmd.ExtraFiles = []*os.File{w}
	d.run(cmd)
	w.Close()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		d.t.Fatalf("Xvfb did not start: %v", err)
	}
	return ":" + strings.TrimSpace(line)
}

func (d *desktop) startBus() string {
	d.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		d.t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command("dbus-daemon", "--session", "--nofork", "--print-address=3")
	cmd.ExtraFiles = []*os.File{w}
	d.run(cmd)
	w.Close()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		d.t.Fatalf("dbus-daemon did not start: %v", err)
	}
	return strings.TrimSpace(line)
}

// start runs a program on the desktop until the end of the test.
func (d *desktop) start(name string, args ...string) {
	d.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = d.env
	d.run(cmd)
}

func (d *desktop) run(cmd *exec.Cmd) {
	d.t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		d.t.Fatalf("start %s: %v (.ci/setup test installs it)", cmd.Path, err)
	}
	d.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
}

func (d *desktop) eventually(what string, limit time.Duration, is func() bool) {
	d.t.Helper()
	for deadline := time.Now().Add(limit); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.t.Fatalf("after %v not yet: %s", limit, what)
		}
	}
}

// x runs f on a connection to the display.
func (d *desktop) x(f func(c *xgb.Conn, root xproto.Window)) {
	c, err := xgb.NewConnDisplay(d.display)
	if err != nil {
		return
	}
	defer c.Close()
	f(c, xproto.Setup(c).DefaultScreen(c).Root)
}

func atom(c *xgb.Conn, name string) xproto.Atom {
	r, err := xproto.InternAtom(c, false, uint16(len(name)), name).Reply()
	if err != nil {
		return 0
	}
	return r.Atom
}

func property(c *xgb.Conn, w xproto.Window, name string) []byte {
	r, err := xproto.GetProperty(c, false, w, atom(c, name), xproto.GetPropertyTypeAny, 0, 1024).Reply()
	if err != nil {
		return nil
	}
	return r.Value
}

// windows returns the windows in a property of the root.
func (d *desktop) windows(name string) (ids []xproto.Window) {
	d.x(func(c *xgb.Conn, root xproto.Window) {
		for b := property(c, root, name); len(b) >= 4; b = b[4:] {
			ids = append(ids, xproto.Window(xgb.Get32(b)))
		}
	})
	return ids
}

// titled returns the window with a title.
func (d *desktop) titled(title string) (found xproto.Window) {
	for _, w := range d.windows("_NET_CLIENT_LIST") {
		d.x(func(c *xgb.Conn, _ xproto.Window) {
			if string(property(c, w, "_NET_WM_NAME")) == title || string(property(c, w, "WM_NAME")) == title {
				found = w
			}
		})
	}
	return found
}

// hasState says whether a window has an atom in _NET_WM_STATE.
func (d *desktop) hasState(w xproto.Window, state string) (has bool) {
	d.x(func(c *xgb.Conn, _ xproto.Window) {
		want := atom(c, state)
		for b := property(c, w, "_NET_WM_STATE"); len(b) >= 4; b = b[4:] {
			has = has || xproto.Atom(xgb.Get32(b)) == want
		}
	})
	return has
}

// click presses the mouse at a place within a window.
func (d *desktop) click(w xproto.Window, x, y int) {
	d.t.Helper()
	cmd := exec.Command("xdotool", "mousemove", "--window", fmt.Sprint(w), fmt.Sprint(x), fmt.Sprint(y), "click", "1")
	cmd.Env = d.env
	if out, err := cmd.CombinedOutput(); err != nil {
		d.t.Fatalf("click: %v\n%s", err, out)
	}
}

// screenshot writes the screen to build/screenshots/NAME.png and returns it.
func (d *desktop) screenshot(name string) string {
	d.t.Helper()
	path := filepath.Join("..", "build", "screenshots", name+".png")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		d.t.Fatal(err)
	}
	var picture *image.RGBA
	d.x(func(c *xgb.Conn, root xproto.Window) {
		s := xproto.Setup(c).DefaultScreen(c)
		got, err := xproto.GetImage(c, xproto.ImageFormatZPixmap, xproto.Drawable(root), 0, 0, s.WidthInPixels, s.HeightInPixels, ^uint32(0)).Reply()
		if err != nil {
			return
		}
		picture = image.NewRGBA(image.Rect(0, 0, int(s.WidthInPixels), int(s.HeightInPixels)))
		for i := 0; i+3 < len(got.Data) && i+3 < len(picture.Pix); i += 4 {
			picture.Pix[i], picture.Pix[i+1], picture.Pix[i+2], picture.Pix[i+3] = got.Data[i+2], got.Data[i+1], got.Data[i], 255
		}
	})
	if picture == nil {
		d.t.Fatal("no screenshot could be taken")
	}
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		d.t.Fatal(err)
	}
	return path
}

// read recognises the text on a picture, enlarged for the small print.
func (d *desktop) read(picture string) string {
	d.t.Helper()
	big := filepath.Join(d.t.TempDir(), "big.png")
	if out, err := exec.Command("convert", picture, "-colorspace", "Gray", "-resize", "250%", "-negate", big).CombinedOutput(); err != nil {
		d.t.Fatalf("enlarge the picture: %v\n%s", err, out)
	}
	out, err := exec.Command("tesseract", big, "-", "--psm", "4").Output()
	if err != nil {
		d.t.Fatalf("read the picture: %v", err)
	}
	return strings.Join(strings.Fields(string(out)), " ")
}

// process is the program at work, its JSON lines collected.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	stderr lockedBuffer
	ended  chan error

	mu    sync.Mutex
	lines []line
}

// line is any of the program's JSON lines.
type line struct {
	Type, Speaker, Text, State, Code, Message, Status string
	Final                                             bool
	ID, Question                                      int
	FirstTokenMS                                      int64 `json:"first_token_ms"`
	DoneMS                                            int64 `json:"done_ms"`
}

// launch starts the program. It is stopped at cleanup at the latest, and must
// not have been caught at a data race or at calling Fyne from a wrong goroutine.
func (d *desktop) launch(env []string, args ...string) *process {
	d.t.Helper()
	path, err := binary()
	if err != nil {
		d.t.Fatal(err)
	}
	return d.watch(exec.Command(path, args...), env)
}

// watch is launch for a command that runs the program.
func (d *desktop) watch(cmd *exec.Cmd, env []string) *process {
	d.t.Helper()
	p := &process{t: d.t, cmd: cmd, ended: make(chan error, 1)}
	p.cmd.Env = append(append([]string{}, d.env...), env...)
	p.cmd.Stderr = &p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	go func() {
		s := bufio.NewScanner(out)
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			var l line
			if json.Unmarshal(s.Bytes(), &l) != nil {
				l = line{Type: "text", Text: s.Text()}
			}
			p.mu.Lock()
			p.lines = append(p.lines, l)
			p.mu.Unlock()
		}
		p.ended <- p.cmd.Wait()
		close(p.ended)
	}()
	d.t.Cleanup(func() {
		p.stop()
		for _, bad := range []string{"Error in Fyne call thread", "DATA RACE", "panic:"} {
			if strings.Contains(p.stderr.String(), bad) {
				d.t.Errorf("the program's log holds %q:\n%s", bad, p.stderr.String())
			}
		}
		if d.t.Failed() {
			d.t.Logf("log of the program:\n%s", p.stderr.String())
			for _, l := range p.all() {
				d.t.Logf("line: %+v", l)
			}
		}
	})
	return p
}

// all returns the lines up to now.
func (p *process) all() []line {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]line(nil), p.lines...)
}

// count returns how many lines fit.
func (p *process) count(fits func(line) bool) (n int) {
	for _, l := range p.all() {
		if fits(l) {
			n++
		}
	}
	return n
}

// reached says whether the interview was in a state.
func (p *process) reached(state string) bool {
	return p.count(func(l line) bool { return l.Type == "status" && l.State == state }) > 0
}

// stop interrupts the program and returns how it ended; it must end soon.
func (p *process) stop() error {
	p.cmd.Process.Signal(os.Interrupt)
	return p.wait(20 * time.Second)
}

func (p *process) wait(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	select {
	case err := <-p.ended:
		return err
	case <-ctx.Done():
		p.cmd.Process.Kill()
		<-p.ended
		p.t.Errorf("the program did not end within %v", limit)
		return ctx.Err()
	}
}
