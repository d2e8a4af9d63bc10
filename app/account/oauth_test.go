package account

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"copilot/app/account/authtest"
)

// visit goes to a page as a browser does, following what it is told.
func visit(t *testing.T, page string) (status int, text string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(page)
	if err != nil {
		t.Errorf("visit: %v", err)
		return 0, ""
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

func TestSignInWithBrowser(t *testing.T) {
	for _, provider := range []Provider{Google, GitHub} {
		g := authtest.New(t)
		a, _ := newAccount(t, g, noBus(t))
		var page string
		err := a.SignInWithBrowser(t.Context(), provider, func(p string) error {
			page = p
			go func() {
				if status, text := visit(t, p); status != 200 || !strings.Contains(text, "You are signed in") {
					t.Errorf("the browser shows %d %s", status, text)
				}
			}()
			return nil
		})
		if err != nil || a.Email() != authtest.Email {
			t.Fatalf("%v, %q", err, a.Email())
		}
		mustToken(t, a)
		u, _ := url.Parse(page)
		back, _ := url.Parse(u.Query().Get("redirect_to"))
		if !net.ParseIP(back.Hostname()).IsLoopback() || len(back.Query().Get("state")) < 22 {
			t.Errorf("the browser comes back to %s", back)
		}
		if _, err := net.Dial("tcp", back.Host); err == nil {
			t.Error("the listener outlives the sign-in")
		}
	}
}

func TestSignInWithBrowserFails(t *testing.T) {
	g := authtest.New(t)
	a, _ := newAccount(t, g, noBus(t))
	err := a.SignInWithBrowser(t.Context(), Google, func(string) error { return errors.New("no browser") })
	if err == nil || !strings.Contains(err.Error(), "no browser") {
		t.Errorf("%v", err)
	}
	err = a.SignInWithBrowser(t.Context(), Google, func(p string) error { go visit(t, p+"&deny=1"); return nil })
	says(t, err, "you said no")
	ctx, cancel := context.WithCancel(t.Context())
	err = a.SignInWithBrowser(ctx, Google, func(string) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	// A code that another program asked for: its verifier does not fit.
	err = a.SignInWithBrowser(t.Context(), Google, func(p string) error {
		u, _ := url.Parse(p)
		q := u.Query()
		q.Set("code_challenge", challenge("another verifier"))
		u.RawQuery = q.Encode()
		go visit(t, u.String())
		return nil
	})
	says(t, err, "Try again")
	if a.SignedIn() {
		t.Error("signed in")
	}
}

// T10: whatever comes to the listener that is not the one answer is refused, and
// the sign-in goes on waiting; after the answer there is no second one.
func TestT10_Callback(t *testing.T) {
	g := authtest.New(t)
	a, _ := newAccount(t, g, noBus(t))
	answered := make(chan int, 1)
	err := a.SignInWithBrowser(t.Context(), Google, func(p string) error {
		u, _ := url.Parse(p)
		back := u.Query().Get("redirect_to")
		home, _ := url.Parse(back)
		origin := "http://" + home.Host
		state := home.Query().Get("state")
		for what, r := range map[string]struct {
			method, url, host string
			body              io.Reader
			header            string
			status            int
		}{
			"wrong state":   {url: origin + callbackPath + "?code=x&state=wrong", status: 400},
			"no state":      {url: origin + callbackPath + "?code=x", status: 400},
			"no code":       {url: back, status: 400},
			"other path":    {url: origin + "/?code=x&state=" + state, status: 404},
			"path tricks":   {url: origin + "//signed-in?code=x&state=" + state, status: 404},
			"post":          {method: "POST", url: back + "&code=x", status: 404},
			"DNS rebinding": {url: back + "&code=x", host: "evil.example:80", status: 421},
			"localhost":     {url: back + "&code=x", host: "localhost:" + home.Port(), status: 421},
			"10 MB body":    {url: back + "&code=x", body: io.LimitReader(endless{}, 10<<20), status: 404},
			"10 MB header":  {url: back + "&code=x", header: strings.Repeat("x", 10<<20), status: 431},
		} {
			if r.method == "" {
				r.method = "GET"
			}
			req, err := http.NewRequest(r.method, r.url, r.body)
			if err != nil {
				t.Error(err)
				continue
			}
			if r.host != "" {
				req.Host = r.host
			}
			if r.header != "" {
				req.Header.Set("X-Large", r.header)
			}
			resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
			if err != nil { // hung up on in the middle of ten megabytes
				if r.body == nil && r.header == "" {
					t.Errorf("%s: %v", what, err)
				}
				continue
			}
			text, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != r.status || strings.Contains(string(text), "signed in.") || resp.Header.Get("Cache-Control") != "no-store" && r.header == "" {
				t.Errorf("%s: %d %s", what, resp.StatusCode, text)
			}
		}
		go func() {
			status, _ := visit(t, p)
			answered <- status
		}()
		return nil
	})
	if err != nil || <-answered != 200 || !a.SignedIn() {
		t.Fatalf("the good answer: %v", err)
	}
}

// T10: a second hit while the first is being handled changes nothing.
func TestT10_SecondHit(t *testing.T) {
	c, err := listenForCode(nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if status, _ := visit(t, c.address()+"&code=first"); status != 200 {
		t.Fatal(status)
	}
	if status, text := visit(t, c.address()+"&code=second"); status != 410 || strings.Contains(text, "You are") {
		t.Errorf("%d %s", status, text)
	}
	if code := <-c.code; code != "first" {
		t.Errorf("code %q", code)
	}
}

// T10: a listener that nobody comes to ends by itself.
func TestT10_FiveMinutes(t *testing.T) {
	g := authtest.New(t)
	a, _ := newAccount(t, g, noBus(t))
	if a.browserTime() != 5*time.Minute {
		t.Errorf("a person has %v", a.browserTime())
	}
	a.o.BrowserTime = 50 * time.Millisecond
	var host string
	err := a.SignInWithBrowser(t.Context(), Google, func(p string) error {
		u, _ := url.Parse(p)
		back, _ := url.Parse(u.Query().Get("redirect_to"))
		host = back.Host
		return nil
	})
	says(t, err, "took too long")
	if _, err := net.Dial("tcp", host); err == nil {
		t.Error("the listener is still there")
	}
}

// N18: a computer without IPv4's loopback, or without IPv6's, or with neither.
func TestN18_LoopbackOfEitherKind(t *testing.T) {
	without := func(network string) func(string, string) (net.Listener, error) {
		return func(n, address string) (net.Listener, error) {
			if n == network || network == "" {
				return nil, fmt.Errorf("listen %s: address family not supported", n)
			}
			return net.Listen(n, address)
		}
	}
	for missing, want := range map[string]string{"tcp4": "::1", "tcp6": "127.0.0.1", "": ""} {
		g := authtest.New(t)
		a, _ := newAccount(t, g, noBus(t))
		a.o.Listen = without(missing)
		var came string
		err := a.SignInWithBrowser(t.Context(), GitHub, func(p string) error {
			u, _ := url.Parse(p)
			back, _ := url.Parse(u.Query().Get("redirect_to"))
			came = back.Hostname()
			go visit(t, p)
			return nil
		})
		if want == "" {
			says(t, err, "e-mail address instead")
			continue
		}
		if err != nil || came != want {
			t.Errorf("without %s: %q, %v", missing, came, err)
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
