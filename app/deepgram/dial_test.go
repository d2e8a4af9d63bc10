package deepgram

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
)

// What: every way in which a network keeps us from Deepgram. Why: the person
// must be told within five seconds, and the program must not run in circles.
func TestN15_NoWayThrough(t *testing.T) {
	answer := func(status int, header, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if name, value, ok := strings.Cut(header, ": "); ok {
				w.Header().Set(name, value)
			}
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	fails := func(err error) func(context.Context) error { return func(context.Context) error { return err } }
	hangs := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	proxy := &url.URL{Scheme: "http", User: url.UserPassword("me", "proxy-secret"), Host: "proxy.test:3128"}
	for _, test := range []struct {
		name   string
		dial   func(context.Context) error
		answer http.Handler
		proxy  *url.URL
		code   string
		status int
		says   string
	}{
		{name: "DNS failure", dial: fails(&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "deepgram.test", IsNotFound: true}}), code: CodeDNS, says: "cannot be found"},
		{name: "DNS silence", dial: hangs, code: CodeTimeout, says: "did not answer"},
		{name: "refused", dial: fails(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), code: CodeRefused, says: "cannot be reached"},
		{name: "portal page", answer: answer(200, "Content-Type: text/html", "<html>Welcome to the hotel"), code: CodePortal, status: 200, says: "Sign in to the network"},
		{name: "portal redirect", answer: answer(302, "Location: http://login.hotel", ""), code: CodePortal, status: 302, says: "Sign in to the network"},
		{name: "portal by the book", answer: answer(511, "", ""), code: CodePortal, status: 511, says: "Sign in to the network"},
		{name: "server that never answers", answer: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), code: CodeTimeout, says: "did not answer"},
		{name: "proxy wants a password", proxy: proxy, answer: answer(407, "Proxy-Authenticate: Basic", ""), code: CodeProxy, status: 407, says: "user and password"},
		{name: "proxy forbids", proxy: proxy, answer: answer(403, "", ""), code: CodeProxy, status: 403, says: "did not let"},
		{name: "proxy is away", proxy: proxy, dial: fails(syscall.ECONNREFUSED), code: CodeProxy, says: "did not let"},
		{name: "proxy of unknown kind", proxy: &url.URL{Scheme: "gopher", Host: "x"}, code: CodeRefused, says: "cannot be reached"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				handler := test.answer
				if handler == nil {
					handler = http.NotFoundHandler()
				}
				network := serve(t, handler)
				dials := 0
				opts := Options{
					URL:        "http://deepgram.test",
					Credential: key,
					DialContext: func(ctx context.Context, n, addr string) (net.Conn, error) {
						dials++
						if test.dial != nil {
							return nil, test.dial(ctx)
						}
						return network.DialContext(ctx, n, addr)
					},
					Proxy: http.ProxyURL(test.proxy),
				}
				begun := time.Now()
				_, err := Dial(t.Context(), opts)
				var e *Error
				if !errors.As(err, &e) {
					t.Fatalf("Dial: %v", err)
				}
				if took := time.Since(begun); took > 5*time.Second {
					t.Errorf("told after %v", took)
				}
				if e.Code != test.code || e.Status != test.status || !e.Temporary() || !strings.Contains(e.Sentence(), test.says) {
					t.Errorf("got %+v: %s", e, e.Sentence())
				}
				if strings.Contains(fmt.Sprintf("%+v %v", e, err), "secret") {
					t.Errorf("a secret in %v", err)
				}
				if dials > 1 {
					t.Errorf("%d dials", dials)
				}
			})
		})
	}
}

// What: the network is gone for ten minutes in the middle. Why: attempts must
// neither stop nor become a loop.
func TestN15_NoCrashLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := open(t, &standIn{}, nil)
		u.speak(nil, time.Second)
		var attempts atomic.Int64
		inner := u.link.dial
		u.link.set(func(l *link) {
			l.dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				attempts.Add(1)
				return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
			}
		})
		u.link.reset()
		u.speak(nil, 10*time.Minute)
		if n := attempts.Load(); n < 60 || n > 200 {
			t.Errorf("%d attempts in ten minutes", n)
		}
		u.link.set(func(l *link) { l.dial = inner })
		u.speak(nil, 150*time.Second) // caught up at 1.25 times
		u.close(t)
		if len(u.heard()) != 2 {
			t.Errorf("%d connections", len(u.heard()))
		}
	})
}

// What: a certificate that is not Deepgram's, on a real network. Why: it is how
// hotels and companies listen in.
func TestN15_ForeignCertificate(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.StartTLS()
	defer srv.Close()
	_, err := Dial(t.Context(), Options{URL: srv.URL, Credential: key})
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeTLS || !strings.Contains(e.Sentence(), "certificate") {
		t.Errorf("Dial: %v", err)
	}
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	_, err = Dial(t.Context(), Options{URL: strings.Replace(plain.URL, "http", "https", 1), Credential: key})
	if !errors.As(err, &e) || e.Code != CodeTLS {
		t.Errorf("Dial to a server without TLS: %v", err)
	}
}

// What: a connection through an HTTP proxy that wants a password. Why: it is the
// one proxy we speak to ourselves.
func TestProxy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &standIn{t: t}
		target := serve(t, d)
		proxy := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if user, password, _ := (&http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}).BasicAuth(); r.Method != "CONNECT" || r.Host != "deepgram.test:80" || user != "me" || password != "secret" {
				t.Errorf("proxy got %s %s for %q", r.Method, r.Host, user)
			}
			inner, err := target.DialContext(r.Context(), "tcp", r.Host)
			if err != nil {
				t.Error(err)
				return
			}
			w.WriteHeader(200)
			outer, begun, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			go func() { io.Copy(inner, begun); inner.Close() }()
			io.Copy(outer, inner)
			outer.Close()
		}))
		u := &setup{standIn: d}
		var err error
		u.stream, err = Dial(t.Context(), Options{
			URL: "http://deepgram.test", Credential: key, DialContext: proxy.DialContext,
			Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy.test", User: url.UserPassword("me", "secret")}),
		})
		if err != nil {
			t.Fatal(err)
		}
		u.record = follow(u.stream)
		words := conversation(5 * time.Second)
		u.speak(words, 5*time.Second)
		u.close(t)
		u.checkWords(t, words)
	})
}

// What: refused handshakes in all three shapes of body. Why: each must become a
// sentence, and none may be tried again that cannot succeed.
func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		status    int
		header    string // dg-error
		body      string
		code      string
		message   string
		says      string
		temporary bool
		tries     int
	}{
		{400, "", `{"err_code":"INVALID_QUERY_PARAMETER","err_msg":"No such model.","request_id":"r1"}`, "INVALID_QUERY_PARAMETER", "No such model.", "(It said: No such model.)", false, 1},
		{401, "", `{"category":"INVALID_AUTH","message":"Invalid credentials.","details":"d","request_id":"r1"}`, "INVALID_AUTH", "Invalid credentials.", "did not accept the key", false, 2},
		{401, "", `{"err_code":"INSUFFICIENT_PERMISSIONS","err_msg":"no"}`, "INSUFFICIENT_PERMISSIONS", "no", "Member role", false, 2},
		{402, "Out of credit", `Payment required`, "", "Out of credit", "no credit left", false, 1},
		{403, "", `{"err_code":"FORBIDDEN","err_msg":"Not for ` + testKey + `"}`, "FORBIDDEN", "Not for [redacted]", "may not use the chosen model", false, 1},
		{404, "", `<html>nothing</html>`, "", "", "no transcription service at this address", false, 1},
		{405, "", `plain text`, "", "plain text", "no transcription service at this address", false, 1},
		{429, "", `{"err_code":"TOO_MANY_REQUESTS","err_msg":` + "\"a\u202eb\\nc\"}", "TOO_MANY_REQUESTS", "a b c", "in use", true, 1},
		{500, "", `{"err_code":5,"err_msg":"typed oddly"}`, "", "typed oddly", "on its side", true, 1},
		{503, "", strings.Repeat("x", 900), "", strings.Repeat("x", 200) + "…", "on its side", true, 1},
		{418, "", ``, "", "", "reported a problem", false, 1},
	} {
		t.Run(fmt.Sprint(test.status, test.code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &standIn{t: t, refuse: func(_ int, w http.ResponseWriter, r *http.Request) bool {
					if test.header != "" {
						w.Header().Set("dg-error", test.header)
					}
					w.WriteHeader(test.status)
					io.WriteString(w, test.body)
					return true
				}}
				network := serve(t, d)
				var logged bytes.Buffer
				_, err := Dial(t.Context(), Options{
					URL: "http://deepgram.test", Credential: key, DialContext: network.DialContext,
					Log: slog.New(slog.NewTextHandler(&logged, nil)),
				})
				var e *Error
				if !errors.As(err, &e) {
					t.Fatalf("Dial: %v", err)
				}
				if e.Status != test.status || e.Code != test.code || e.Message != test.message || e.Temporary() != test.temporary {
					t.Errorf("got %+v", e)
				}
				if !strings.Contains(e.Sentence(), test.says) {
					t.Errorf("says %q", e.Sentence())
				}
				if want := fmt.Sprintf("req-%d", test.tries-1); e.RequestID != want || len(d.tries()) != test.tries {
					t.Errorf("request %q after %d handshakes, want %q", e.RequestID, len(d.tries()), want)
				}
				if all := fmt.Sprintf("%v %+v %s %s", err, e, e.Sentence(), &logged); strings.Contains(all, testKey) {
					t.Errorf("the key in %s", all)
				}
			})
		})
	}
}

// What: closes that no new connection would mend, and ones that it would. Why:
// a stream that cannot be decoded must end with a sentence, not in a loop.
func TestCloseCodes(t *testing.T) {
	for _, test := range []struct {
		code  int
		text  string
		state State
		want  string
	}{
		{1008, "DATA-0000: could not decode", Closed, "could not decode"},
		{1011, "NET-0000", Open, ""},
		{1000, "", Open, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			u := open(t, &standIn{script: func(ws *websocket.Conn) { closeWith(ws, test.code, test.text) }}, nil)
			u.stream.Send(frame(0, nil))
			time.Sleep(10 * time.Millisecond)
			states := of[Status](u.record)
			last := states[len(states)-1]
			if last.State != test.state && !(test.state == Open && last.State == Reconnecting) {
				t.Errorf("%d: last state %+v", test.code, last)
			}
			var e *Error
			if test.want != "" && (!errors.As(last.Err, &e) || e.Status != test.code || !strings.Contains(e.Sentence(), test.want)) {
				t.Errorf("%d: ended by %v", test.code, last.Err)
			}
			time.Sleep(time.Minute) // each connection dies at its first frame
			if n := len(u.heard()); test.state == Closed && n != 1 || n > 60 {
				t.Errorf("%d: %d connections in a minute", test.code, n)
			}
		})
	}
}

// What: a credential func that fails. Why: a person who is signed out must hear
// it at once; a backend that is away for a moment must not end an interview.
func TestCredentialFailure(t *testing.T) {
	for _, test := range []struct {
		err  error
		want State
	}{
		{errors.New("backend away"), Open},
		{fmt.Errorf("signed out: %w", ErrNoCredential), Closed},
	} {
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			u := open(t, &standIn{}, func(o *Options) {
				o.Credential = func(ctx context.Context) (Credential, error) {
					if asked++; asked == 2 || asked == 3 {
						return Credential{}, test.err
					}
					return key(ctx)
				}
			})
			u.speak(nil, time.Second)
			u.link.reset()
			time.Sleep(5 * time.Second)
			states := of[Status](u.record)
			if last := states[len(states)-1]; last.State != test.want {
				t.Errorf("%v: last state %+v", test.err, last)
			}
		})
	}
	for _, bad := range []Credential{{}, {Scheme: "Token"}, {Scheme: "Basic", Value: "x"}, {Scheme: "Token", Value: "a\r\nb"}, {Scheme: "Token", Value: "a b"}} {
		_, err := Dial(t.Context(), Options{Credential: func(context.Context) (Credential, error) { return bad, nil }})
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeCredential || e.Temporary() {
			t.Errorf("%#v: %v", bad, err)
		}
	}
}

func TestCredentialIsNeverShown(t *testing.T) {
	c := Credential{Scheme: "Token", Value: "hidden"}
	var logged bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&logged, nil))
	log.Info("x", "credential", c, "in", struct{ C Credential }{c})
	if all := fmt.Sprintf("%v %+v %#v %s %q", c, c, c, c, c) + logged.String(); strings.Contains(all, "hidden") {
		t.Errorf("shown in %s", all)
	}
}

// What: each connection bears the tag that came with its credential. Why: the
// server reconciles streams with sessions by it, and a session may be followed
// by another while the interview goes on.
func TestTagOfTheCredential(t *testing.T) {
	var tags []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tags = append(tags, strings.Join(r.URL.Query()["tag"], " "))
		w.WriteHeader(http.StatusForbidden)
	}))
	defer srv.Close()
	for _, tag := range []string{"", "one", "two & more"} {
		_, err := Dial(t.Context(), Options{URL: srv.URL, Tag: "all", Credential: func(context.Context) (Credential, error) {
			return Credential{Scheme: "Bearer", Value: "jwt", Tag: tag}, nil
		}})
		if err == nil {
			t.Error("dialled a server that refuses")
		}
	}
	if want := []string{"all", "one", "two & more"}; !slices.Equal(slices.Compact(tags), want) {
		t.Errorf("tags %q, want %q", tags, want)
	}
}
