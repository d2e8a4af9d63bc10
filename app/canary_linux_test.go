package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The person's own keys, which an interview by account must never use.
const (
	canaryDeepgram = "dg-canary-0123456789abcdef0123456789abcdef"
	canaryGroq     = "gsk_canarycanarycanarycanarycanarycanary"
)

// canaries are the secrets of a run, and the wires that they may be seen on.
type canaries struct {
	t                       *testing.T
	s                       *service
	auth, backend, deepgram *wire
}

func newCanaries(t *testing.T, s *service) *canaries {
	return &canaries{t, s, tap(t, s.signIn, nil), tap(t, s.url(), nil), tap(t, s.vendors.DeepgramURL(), nil)}
}

// held are the secrets that the person and the program have.
func (c *canaries) held() map[string]string {
	held := map[string]string{"own Deepgram key": canaryDeepgram, "own Groq key": canaryGroq, "password": newcomerPassword, "access token": "eyJ"}
	for i, token := range tokens(c.auth.answered.String(), "refresh_token") {
		held[fmt.Sprint("refresh token ", i+1)] = token
	}
	return held
}

// ours are the secrets that the service has.
func (c *canaries) ours() map[string]string {
	return map[string]string{"Deepgram key": c.s.vendors.DeepgramKey(), "Groq key": c.s.vendors.GroqKey(),
		"Stripe key": c.s.stripe.Key, "webhook secret": hookSecret, "secret of the tokens": "canary-of-the-tokens-"}
}

// free fails where a text holds one of the secrets that are not allowed there.
func (c *canaries) free(where, text string, secrets map[string]string, allowed ...string) {
	c.t.Helper()
	for name, secret := range secrets {
		for _, a := range allowed {
			if strings.HasPrefix(name, a) {
				secret = ""
			}
		}
		if i := strings.Index(text, secret); secret != "" && i >= 0 {
			c.t.Errorf("%s holds the %s: …%q…", where, name, text[max(0, i-60):min(len(text), i+len(secret)+10)])
		}
	}
}

// look searches all that the path left behind.
func (c *canaries) look(d *desktop, env []string, p *process) {
	c.t.Helper()
	c.free("the wire to the sign-in", c.auth.asked.String(), c.held(), "password", "refresh token", "access token")
	c.free("the wire to the server", c.backend.asked.String(), c.held(), "access token")
	c.free("the wire from the server", c.backend.answered.String(), c.held(), "access token") // the grants, which are tokens too
	deepgram := c.deepgram.asked.String()
	c.free("the wire to the transcription", deepgram, c.held(), "access token")
	refresh := tokens(c.auth.answered.String(), "refresh_token")
	if account := tokens(c.auth.answered.String(), "access_token"); len(account) == 0 || len(refresh) == 0 || !strings.Contains(deepgram, "/v1/listen") {
		c.t.Error("the taps heard nothing")
	} else {
		for _, token := range account {
			c.free("the wire to the transcription", deepgram, map[string]string{"account's token": token})
		}
	}
	for name, w := range map[string]*wire{"sign-in": c.auth, "server": c.backend, "transcription": c.deepgram} {
		c.free("the wire to the "+name, w.asked.String(), c.ours())
		c.free("the wire from the "+name, w.answered.String(), c.ours())
		for _, address := range addresses.FindAllString(w.asked.String(), -1) { // which others log
			c.free("an address at the "+name, address, c.held())
		}
	}
	c.free("the program's log", p.stderr.String(), c.held())
	c.free("the program's log", p.stderr.String(), c.ours())

	report := c.crash(d, env)
	c.free("the crash report", report, c.held())
	c.free("the crash report", report, c.ours())
	c.bundle(d, env)
	program, err := released()
	if err != nil {
		c.t.Fatal(err)
	}
	code, err := os.ReadFile(program)
	if err != nil {
		c.t.Fatal(err)
	}
	c.free("the program", string(code), c.held(), "access token") // a shape, no value
	c.free("the program", string(code), c.ours())
	c.files(d.home)
}

var addresses = regexp.MustCompile(`(GET|POST|PUT|DELETE) \S+ HTTP/1\.1`)

// tokens are those of a kind in the answers of the sign-in service.
func tokens(answers, kind string) (all []string) {
	mark := `"` + kind + `":"`
	for {
		_, rest, ok := strings.Cut(answers, mark)
		if !ok {
			return all
		}
		token, _, _ := strings.Cut(rest, `"`)
		all, answers = append(all, token), rest
	}
}

// files searches everything that was written into the person's home.
func (c *canaries) files(home string) {
	c.t.Helper()
	seen := 0
	err := filepath.WalkDir(home, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen++
		name := strings.TrimPrefix(path, home)
		c.free(name, string(text), c.held())
		c.free(name, string(text), c.ours())
		if strings.HasSuffix(path, ".pdf") || strings.HasSuffix(path, ".md") || strings.HasSuffix(path, ".docx") || strings.HasSuffix(path, ".csv") {
			return nil // the person's exports
		}
		c.free(name, string(text), map[string]string{"transcript": "Walk me through your background", "address": newcomer})
		return nil
	})
	if err != nil || seen < 6 {
		c.t.Errorf("%d files were searched: %v", seen, err)
	}
}

// crash has the program die while it is signed in, and returns the report that
// the next start makes of it.
func (c *canaries) crash(d *desktop, env []string) string {
	c.t.Helper()
	path, err := released()
	if err != nil {
		c.t.Fatal(err)
	}
	state := filepath.Join(d.home, ".local", "state", "interview-copilot")
	victim := exec.Command(path)
	victim.Env = append(append([]string{}, d.env...), env...)
	victim.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var last bytes.Buffer
	victim.Stderr = &last
	asked := len(c.backend.asked.String())
	if err := victim.Start(); err != nil {
		c.t.Fatal(err)
	}
	d.eventually("it has the account", 60*time.Second, func() bool {
		return strings.Contains(c.backend.asked.String()[asked:], "/v1/account")
	})
	victim.Process.Signal(syscall.SIGQUIT)
	victim.Wait()
	c.free("the last words", last.String(), c.ours())
	next := d.launchReleased(env)
	var report string
	d.eventually("a crash report is made", 60*time.Second, func() bool {
		found, _ := filepath.Glob(filepath.Join(state, reportPrefix+"*.txt"))
		for _, f := range found {
			text, _ := os.ReadFile(f)
			report = string(text)
		}
		return report != ""
	})
	if err := next.stop(); err != nil {
		c.t.Errorf("after a crash: %v", err)
	}
	if !strings.Contains(report, "SIGQUIT") || !strings.Contains(report, "goroutine") {
		c.t.Errorf("the report tells nothing: %.300s", report)
	}
	return report
}

// bundle searches a support bundle.
func (c *canaries) bundle(d *desktop, env []string) {
	c.t.Helper()
	path, err := released()
	if err != nil {
		c.t.Fatal(err)
	}
	zipped := filepath.Join(d.home, "bundle.zip")
	doctor := exec.Command(path, "doctor", "--bundle", zipped)
	doctor.Env = append(append([]string{}, d.env...), env...)
	out, _ := doctor.CombinedOutput() // it fails, as a key of the canaries is none
	c.free("what doctor prints", string(out), c.held())
	z, err := zip.OpenReader(zipped)
	if err != nil {
		c.t.Fatalf("%v\n%s", err, out)
	}
	defer z.Close()
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			c.t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			c.t.Fatal(err)
		}
		c.free("the bundle's "+f.Name, string(text), c.held())
		c.free("the bundle's "+f.Name, string(text), c.ours())
		c.free("the bundle's "+f.Name, string(text), map[string]string{"interview's name": "Second round", "address": newcomer})
	}
}
