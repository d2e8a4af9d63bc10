// Package chromium drives a real Chromium without a window, for tests that
// press the buttons of a page: what a person would see and click, and nothing
// more. It speaks the browser's own debugging protocol.
//
// [Start] needs Debian's chromium. A Browser is used by one goroutine at a
// time; Close ends its processes and removes its profile.
package chromium

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
)

// Browser is one window with one page.
type Browser struct {
	cmd     *exec.Cmd
	profile string
	conn    *websocket.Conn
	calls   int
}

// Start returns a browser that shows an empty page.
func Start(ctx context.Context) (*Browser, error) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return nil, fmt.Errorf("chromium: %w: apt-get install chromium", err)
	}
	b := &Browser{}
	if b.profile, err = os.MkdirTemp("", "chromium"); err != nil {
		return nil, err
	}
	b.cmd = exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--user-data-dir="+b.profile, "--remote-debugging-port=0", "about:blank")
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its children end with it
	if err := b.cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(b.profile))
	}
	if err := b.connect(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("chromium: %w", err), b.Close())
	}
	return b, nil
}

// Close ends the browser and waits for it.
func (b *Browser) Close() error {
	if b.conn != nil {
		_ = b.conn.Close()
	}
	_ = syscall.Kill(-b.cmd.Process.Pid, syscall.SIGKILL)
	_ = b.cmd.Wait()
	return os.RemoveAll(b.profile)
}

// connect finds the port in a file that the browser writes, and its page.
func (b *Browser) connect(ctx context.Context) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		if port, err := os.ReadFile(filepath.Join(b.profile, "DevToolsActivePort")); err == nil {
			host, _, _ := strings.Cut(string(port), "\n")
			if b.attach(ctx, client, "127.0.0.1:"+host) == nil {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (b *Browser) attach(ctx context.Context, client *http.Client, host string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/json/list", nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var targets []struct{ Type, WebSocketDebuggerURL string }
	if err := json.NewDecoder(resp.Body).Decode(&targets); err != nil {
		return err
	}
	for _, t := range targets {
		if t.Type == "page" {
			b.conn, _, err = websocket.DefaultDialer.DialContext(ctx, t.WebSocketDebuggerURL, nil)
			return err
		}
	}
	return errors.New("no page yet")
}

// call sends a command and waits for its answer, past all events.
func (b *Browser) call(ctx context.Context, method string, params any) (json.RawMessage, error) {
	b.calls++
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(30 * time.Second)
	}
	_ = b.conn.SetReadDeadline(deadline)
	_ = b.conn.SetWriteDeadline(deadline)
	if err := b.conn.WriteJSON(map[string]any{"id": b.calls, "method": method, "params": params}); err != nil {
		return nil, err
	}
	for {
		var m struct {
			ID     int
			Result json.RawMessage
			Error  *struct{ Message string }
		}
		if err := b.conn.ReadJSON(&m); err != nil {
			return nil, err
		}
		if m.ID != b.calls {
			continue
		}
		if m.Error != nil {
			return nil, fmt.Errorf("chromium: %s: %s", method, m.Error.Message)
		}
		return m.Result, nil
	}
}

// Open goes to an address.
func (b *Browser) Open(ctx context.Context, url string) error {
	_, err := b.call(ctx, "Page.navigate", map[string]any{"url": url})
	return err
}

// Eval evaluates an expression in the page and returns its value as text.
func (b *Browser) Eval(ctx context.Context, expression string) (string, error) {
	raw, err := b.call(ctx, "Runtime.evaluate", map[string]any{"expression": "String(" + expression + ")", "returnByValue": true})
	if err != nil {
		return "", err
	}
	var r struct {
		Result           struct{ Value string }
		ExceptionDetails *struct{ Text string }
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return "", err
	}
	if r.ExceptionDetails != nil {
		return "", fmt.Errorf("chromium: %s: %s", expression, r.ExceptionDetails.Text)
	}
	return r.Result.Value, nil
}

// Wait evaluates an expression until it is true.
func (b *Browser) Wait(ctx context.Context, expression string) error {
	for {
		// While a page is replaced there is nothing to evaluate in.
		if v, err := b.Eval(ctx, expression); err == nil && v == "true" {
			return nil
		}
		select {
		case <-ctx.Done():
			text, _ := b.Eval(context.WithoutCancel(ctx), "location.href + '\\n' + document.body.innerText")
			return fmt.Errorf("chromium: waited for %s: %w; the page is %s", expression, ctx.Err(), text)
		case <-time.After(30 * time.Millisecond):
		}
	}
}

// Click waits until the element that a CSS selector names is there and clicks
// it with the mouse, in the middle.
func (b *Browser) Click(ctx context.Context, selector string) error {
	quoted, _ := json.Marshal(selector)
	element := "document.querySelector(" + string(quoted) + ")"
	if err := b.Wait(ctx, "document.readyState === 'complete' && "+element+" !== null"); err != nil {
		return err
	}
	at, err := b.Eval(ctx, "(r => r.x + r.width / 2 + ' ' + (r.y + r.height / 2))("+element+".getBoundingClientRect())")
	if err != nil {
		return err
	}
	var x, y float64
	if _, err := fmt.Sscan(at, &x, &y); err != nil {
		return fmt.Errorf("chromium: %s is nowhere: %q", selector, at)
	}
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		if _, err := b.call(ctx, "Input.dispatchMouseEvent", map[string]any{"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1}); err != nil {
			return err
		}
	}
	return nil
}
