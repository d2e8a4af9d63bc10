package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestNewerVersion(t *testing.T) {
	for _, c := range []struct {
		latest, current string
		want            string
	}{
		{`{"tag_name":"v0.2.0","html_url":"https://example.com/get"}`, "0.1.0", "Version 0.2.0 of Interview Copilot is there; this is 0.1.0. Get it at https://example.com/get"},
		{`{"tag_name":"0.10.0","html_url":"http://example.com/get"}`, "0.9.9", "Version 0.10.0 of Interview Copilot is there; this is 0.9.9."},
		{`{"tag_name":"v0.2.0"}`, "0.2.0-rc.1", "Version 0.2.0 of Interview Copilot is there; this is 0.2.0 (trial)."},
		{`{"tag_name":"v0.2.0"}`, "0.2.0+linux", ""},
		{`{"tag_name":"v0.1.9"}`, "0.2.0", ""},
		{`{"tag_name":"v0.2.0-rc.1"}`, "0.2.0", ""},
		{`{"tag_name":"v0.3.0","prerelease":true}`, "0.2.0", ""},
		{`{"tag_name":"v0.3.0","draft":true}`, "0.2.0", ""},
		{`{"tag_name":"latest"}`, "0.2.0", "error"},
		{`{"tag_name":"v1.2"}`, "0.2.0", "error"},
		{`<html>`, "0.2.0", "error"},
		{`{"tag_name":"` + strings.Repeat("9", 2<<20) + `"}`, "0.2.0", "error"},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, c.latest) }))
		got, err := newerVersion(t.Context(), s.URL, c.current)
		s.Close()
		if got != c.want && (c.want != "error" || err == nil) {
			t.Errorf("%.60s for %s: %q, %v, want %q", c.latest, c.current, got, err, c.want)
		}
	}
}

// The request tells nothing of the person, the machine or the version, and does
// not go where a redirect would lead it in the clear.
func TestUpdateRequestTellsNothing(t *testing.T) {
	var asked *http.Request
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r
		w.Header().Set("Set-Cookie", "id=1")
		http.Redirect(w, r, "http://example.com/latest", http.StatusFound)
	}))
	defer s.Close()
	if _, err := newerVersion(t.Context(), s.URL+"/latest", version); err == nil || !strings.Contains(err.Error(), "only https") {
		t.Errorf("a redirect to http: %v", err)
	}
	var names []string
	for name := range asked.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	if got := fmt.Sprintf("%s %s %s", names, asked.UserAgent(), asked.URL); got != "[Accept-Encoding Connection User-Agent] interview-copilot /latest" {
		t.Errorf("the request says %s", got)
	}
	for _, address := range []string{"http://example.com", "ftp://127.0.0.1", "https://a:b@example.com", "example.com", ""} {
		if _, err := newerVersion(t.Context(), address, version); err == nil {
			t.Errorf("%q was asked", address)
		}
	}
}

// Asking says where to ask and keeps the state in a folder of the test.
func asking(dir string, env map[string]string) *program {
	return &program{log: slog.New(slog.DiscardHandler), getenv: func(name string) string {
		switch name {
		case "HOME", "XDG_STATE_HOME", "LOCALAPPDATA":
			return dir
		}
		return env[name]
	}}
}

func TestTellUpdate(t *testing.T) {
	dir := t.TempDir()
	var requests atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		io.WriteString(w, `{"tag_name":"v99.0.0"}`)
	}))
	defer s.Close()
	on := map[string]string{"COPILOT_UPDATE_URL": s.URL}
	drawn := make(chan struct{})
	close(drawn)
	for _, step := range []struct {
		what  string
		env   map[string]string
		off   bool
		later bool // by a day
		want  int32
	}{
		{"switched off in the environment", map[string]string{"COPILOT_UPDATE_URL": s.URL, "COPILOT_UPDATES": "off"}, false, false, 0},
		{"switched off in the settings", on, true, false, 0},
		{"a build that names no address", nil, false, false, 0},
		{"the first time", on, false, false, 1},
		{"again on the same day", on, false, false, 0},
		{"the next day", on, false, true, 1},
		{"and again", on, false, false, 0},
	} {
		p := asking(dir, step.env)
		if step.later {
			state, err := stateDir(p.getenv)
			old := time.Now().Add(-updateEvery - time.Minute)
			if err := errors.Join(err, os.Chtimes(filepath.Join(state, askedFile), old, old)); err != nil {
				t.Fatal(err)
			}
		}
		before, told := requests.Load(), int32(0)
		p.tellUpdate(t.Context(), step.off, drawn, 0, func(string) { told++ })
		if asked := requests.Load() - before; asked != step.want || told != step.want {
			t.Errorf("%s: asked %d times, told %d times, want %d", step.what, asked, told, step.want)
		}
	}
}

// Nobody is asked before the window is there, nor soon after, nor when it is
// closed meanwhile.
func TestUpdateIsNotAskedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		p := asking(dir, map[string]string{"COPILOT_UPDATE_URL": "https://127.0.0.1:1"})
		ctx, cancel := context.WithCancel(t.Context())
		drawn, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			p.tellUpdate(ctx, false, drawn, updateWait, func(string) { t.Error("told") })
		}()
		nobodyAsked := func(when string) {
			synctest.Wait()
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("%s: asked", when)
			}
		}
		time.Sleep(time.Hour)
		nobodyAsked("before the window is there")
		close(drawn)
		time.Sleep(updateWait - time.Millisecond)
		nobodyAsked("soon after")
		cancel()
		<-done
		nobodyAsked("after it was closed")
	})
}
