package groq

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
)

var discardLog = log.New(io.Discard, "", 0)

// checkWords checks that an error reads as ours do, and that neither it nor its
// sentence shows a secret.
func checkWords(t testing.TB, e *Error) {
	t.Helper()
	s := e.Sentence()
	if s == "" || !unicode.IsUpper([]rune(s)[0]) || !strings.HasSuffix(s, ".") {
		t.Errorf("sentence %q", s)
	}
	if !strings.HasPrefix(e.Error(), "groq: ") {
		t.Errorf("error %q", e.Error())
	}
	for _, text := range []string{s, e.Error(), e.Message, e.Code} {
		if strings.Contains(text, "gsk_") || strings.Contains(text, "<html") || strings.ContainsAny(text, "\n\x00") {
			t.Errorf("%q shows what it should not", text)
		}
	}
}

func TestErrorSentences(t *testing.T) {
	for _, tc := range []struct {
		status int
		kind   string // content type; empty: JSON
		body   string
		code   string
		says   string
	}{
		{401, "", `{"error":{"message":"Invalid API Key: ` + testKey + `","code":"invalid_api_key"}}`, "invalid_api_key", "Groq does not accept the key"},
		{401, "", `{"error":{"message":"","code":"unauthenticated"}}`, "unauthenticated", "Sign in again."},
		{402, "", `{"error":{"code":"out_of_minutes","message":"none"}}`, "out_of_minutes", "Add time to go on."},
		{403, "", `{"error":{"message":"Bearer abc\u0000\ndef"}}`, "", "does not allow this"},
		{404, "", `{"error":{"code":"model_not_found"}}`, "model_not_found", `no model "some/model"`},
		{409, "", `{"error":{"code":"session_elsewhere"}}`, "session_elsewhere", "another device"},
		{413, "", `{"error":{"code":"request_too_large"}}`, "request_too_large", "Shorten the résumé"},
		{422, "", `{"error":"bad"}`, "", "did not understand"},
		{400, "", `{"error":{"code":12,"message":"` + strings.Repeat("long ", 1000) + `"}}`, "12", "did not understand"},
		{400, "", `{"error":{"code":"<script>alert(1)</script>"}}`, "scriptalert1script", "did not understand"},
		{498, "", `{"error":{"code":"capacity_exceeded"}}`, "capacity_exceeded", "no capacity left"},
		{407, "", ``, CodeProxy, "proxy refuses"},
		{511, "text/html", `<html>`, CodePortal, "sign in to the network"},
		{302, "text/html", `<html>`, CodePortal, "sign in to the network"},
		{200, "text/html; charset=utf-8", `<html>gsk_</html>`, CodePortal, "sign in to the network"},
		{429, "", `{}`, "", "Try again in 2 minutes"},
		{502, "text/html", `<html>bad gateway`, "", "has trouble just now"},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if tc.kind == "" {
				tc.kind = "application/json"
			}
			w.Header().Set("Content-Type", tc.kind)
			w.Header().Set("X-Should-Retry", "false")
			if tc.status == 429 {
				w.Header().Set("Retry-After", "100")
			}
			w.WriteHeader(tc.status)
			io.WriteString(w, tc.body)
		}))
		var logged bytes.Buffer
		o := optionsFor(srv.URL)
		o.Name = "groq"
		o.Log = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c := New(o)
		_, _, err := ask(t, c, Request{Model: "some/model"})
		var e *Error
		if !errors.As(err, &e) || e.Status != tc.status || e.Code != tc.code || !strings.Contains(e.Sentence(), tc.says) || len(e.Message) > 310 {
			t.Errorf("%d %s: %v, %q", tc.status, tc.body, err, e.Sentence())
		}
		checkWords(t, e)
		if strings.Contains(logged.String(), testKey) {
			t.Errorf("log shows the key: %s", &logged)
		}
		c.Close()
		srv.Close()
	}
}

func TestSafe(t *testing.T) {
	for in, want := range map[string]string{
		"key own-secret-1 is bad":  "key *** is bad",
		"Bearer abc.def sk-123 ok": "*** *** ok",
		"two\nlines\x00\tof it":    "two lines of it",
		"数据数据":                     "数据数…",
	} {
		most := 300
		if strings.HasPrefix(in, "数") {
			most = 10
		}
		if got := safe(in, "own-secret-1", most); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestBadAddress(t *testing.T) {
	_, _, err := ask(t, New(optionsFor("http://[::1")), Request{})
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeAddress {
		t.Fatal(err)
	}
	checkWords(t, e)
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for in, want := range map[string]time.Duration{
		"": 0, "0": 0, "-3": 0, "3": 3 * time.Second, "0.25": 250 * time.Millisecond, "soon": 0, "NaN": 0, "Inf": 24 * time.Hour, "1e99": 24 * time.Hour,
		"Fri, 02 Jan 2026 03:04:15 GMT": 10 * time.Second, "Fri, 02 Jan 2026 03:04:00 GMT": 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {in}}, now); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}

// N15: without a network, behind a portal or a refusing proxy the person hears
// of it within five seconds, and the client stops by itself.
func TestN15_NoNetwork(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	defer refusing.Close()
	portal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, "<html>Welcome to the hotel</html>")
	}))
	defer portal.Close()
	selfSigned := httptest.NewUnstartedServer(nil)
	selfSigned.Config.ErrorLog = discardLog
	selfSigned.StartTLS()
	defer selfSigned.Close()
	proxy, _ := url.Parse(refusing.URL)

	for _, tc := range []struct {
		name, url, code string
		change          func(tr *http.Transport)
	}{
		{"no such name", "http://groq.test", CodeDNS, func(tr *http.Transport) {
			// A resolver of our own, so that no real one is asked.
			tr.DialContext = (&net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Net: "udp", Err: os.NewSyscallError("connect", errors.New("network is unreachable"))}
			}}}).DialContext
		}},
		{"connection refused", "http://127.0.0.1:1", CodeNetwork, func(*http.Transport) {}},
		{"portal", portal.URL, CodePortal, func(*http.Transport) {}},
		{"proxy, https", "https://groq.test", CodeProxy, func(tr *http.Transport) { tr.Proxy = http.ProxyURL(proxy) }},
		{"proxy, http", "http://groq.test", CodeProxy, func(tr *http.Transport) { tr.Proxy = http.ProxyURL(proxy) }},
		{"untrusted certificate", selfSigned.URL, CodeTLS, func(*http.Transport) {}},
		{"no TLS there", strings.Replace(portal.URL, "http", "https", 1), CodeTLS, func(*http.Transport) {}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tr := newTransport()
			tc.change(tr)
			o := optionsFor(tc.url)
			o.Transport = tr
			c := New(o)
			defer c.Close()
			begin := time.Now()
			_, _, err := ask(t, c, Request{})
			var e *Error
			if !errors.As(err, &e) || e.Code != tc.code {
				t.Fatalf("%v, want %s", err, tc.code)
			}
			checkWords(t, e)
			if e = nil; !errors.As(c.Warm(t.Context()), &e) || e.Code != tc.code {
				t.Errorf("warm: %v", e)
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// N15: a network that swallows everything is given up within five seconds, and
// one that fails slowly is not tried again and again.
func TestN15_BlackHole(t *testing.T) {
	for _, slow := range []time.Duration{0, 2 * time.Second, 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			tr := newTransport()
			tr.Proxy = nil
			tr.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
				time.Sleep(slow)
				return nil, &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
			}
			o := optionsFor("http://groq.test")
			o.Transport = tr
			begin := time.Now()
			_, _, err := ask(t, New(o), Request{})
			if took := time.Since(begin); err == nil || took > 5*time.Second {
				t.Errorf("dial of %v: %v after %v", slow, err, took)
			}
		})
	}
}
