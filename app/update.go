package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Updates. The program tells that there is a newer version and where; it fetches
// and installs nothing. It asks once a day at most, only while the window is
// open and after it was drawn, by one plain GET that says nothing of the person,
// the machine or the version; and never when it is switched off: in the
// settings, by COPILOT_UPDATES=off, or by a build that names no address.

// updateURL answers like GitHub's "latest release": {"tag_name":"v1.2.3",
// "html_url":"https://…"}. It is set by the release build.
var updateURL = ""

const (
	updateWait  = 5 * time.Second // once the window is there
	updateEvery = 24 * time.Hour
	updateLimit = 10 * time.Second
	askedFile   = "update-asked" // in the state folder; its time is when
)

// updateAddress is whom to ask; empty: nobody.
func updateAddress(getenv func(string) string) string {
	if strings.EqualFold(getenv("COPILOT_UPDATES"), "off") {
		return ""
	}
	if v := getenv("COPILOT_UPDATE_URL"); v != "" {
		return v
	}
	return updateURL
}

// tellUpdate waits until the window has been there for a while, asks if it is time to,
// and hands a sentence to tell when there is a newer version. Failures are for
// the log alone: the person has other things to do.
func (p *program) tellUpdate(ctx context.Context, off bool, drawn <-chan struct{}, wait time.Duration, tell func(string)) {
	address := updateAddress(p.getenv)
	dir, err := stateDir(p.getenv)
	if off || address == "" || err != nil {
		return
	}
	select {
	case <-ctx.Done():
		return
	case <-drawn:
	}
	select {
	case <-ctx.Done():
		return
	case <-time.After(wait):
	}
	asked := filepath.Join(dir, askedFile)
	if info, err := os.Stat(asked); err == nil && time.Since(info.ModTime()).Abs() < updateEvery {
		return
	}
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(asked, nil, 0o600)); err != nil {
		p.log.Warn("updates are not looked for", "err", err) // it would be asked at each start
		return
	}
	now := time.Now()
	_ = os.Chtimes(asked, now, now) // a file that was there keeps its time when nothing is written
	sentence, err := newerVersion(ctx, address, version)
	if err != nil { // as on a train
		p.log.Info("updates were not found out", "err", err)
		return
	}
	if sentence != "" {
		tell(sentence)
	}
}

// newerVersion asks an address and returns a sentence about a version newer than
// current; empty when there is none.
func newerVersion(ctx context.Context, address, current string) (string, error) {
	if err := checkUpdateAddress(address); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, updateLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", fmt.Errorf("look for updates: %w", err)
	}
	req.Header.Set("User-Agent", "interview-copilot") // and no more
	client := &http.Client{
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > 3 {
				return errors.New("too many redirects")
			}
			return checkUpdateAddress(r.URL.String())
		},
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("look for updates: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("look for updates: status %d", resp.StatusCode)
	}
	var latest struct {
		Version    string `json:"tag_name"`
		Page       string `json:"html_url"`
		Draft      bool   `json:"draft"`
		Prerelease bool   `json:"prerelease"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&latest); err != nil {
		return "", fmt.Errorf("look for updates: %w", err)
	}
	theirs, err := parseVersion(latest.Version)
	if err != nil {
		return "", fmt.Errorf("look for updates: %w", err)
	}
	ours, err := parseVersion(current)
	if err != nil || latest.Draft || latest.Prerelease || !theirs.newer(ours) {
		return "", err
	}
	sentence := fmt.Sprintf("Version %s of Interview Copilot is there; this is %s.", theirs, ours)
	if checkUpdateAddress(latest.Page) == nil {
		sentence += " Get it at " + latest.Page
	}
	return sentence, nil
}

// checkUpdateAddress wants https, but on this machine.
func checkUpdateAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return errors.New("look for updates: not an address like https://example.com")
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme == "https" || u.Scheme == "http" && ip != nil && ip.IsLoopback() {
		return nil
	}
	return errors.New("look for updates: only https will do")
}

// release is a version of three numbers. What follows them (-rc.1, +build) makes
// it a trial, which comes before the release itself.
type release struct {
	number [3]int
	trial  bool
}

func parseVersion(v string) (r release, err error) {
	v = strings.TrimPrefix(v, "v")
	if at := strings.IndexAny(v, "-+"); at >= 0 {
		r.trial = v[at] == '-'
		v = v[:at]
	}
	parts := strings.Split(v, ".")
	if len(parts) != 3 {
		return r, errors.New("not a version like 1.2.3")
	}
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil {
			return r, errors.New("not a version like 1.2.3")
		}
		r.number[i] = int(n)
	}
	return r, nil
}

func (r release) newer(than release) bool {
	for i, n := range r.number {
		if n != than.number[i] {
			return n > than.number[i]
		}
	}
	return than.trial && !r.trial
}

func (r release) String() string {
	s := fmt.Sprintf("%d.%d.%d", r.number[0], r.number[1], r.number[2])
	if r.trial {
		s += " (trial)"
	}
	return s
}
