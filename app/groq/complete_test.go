package groq

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestComplete(t *testing.T) {
	v := newVendor(t, func(n int, r wireRequest, w *reply) {
		w.open()
		w.chunk(`{"reasoning":"The user wants..."}`, "null", "")
		w.say("Hi", " there", ".")
		w.end()
	})
	res, text, err := ask(t, New(serve(t, v)), Request{})
	if err != nil || text != "Hi there." {
		t.Fatalf("%q, %v", text, err)
	}
	if res.FirstToken <= 0 || res.Done < res.FirstToken {
		t.Errorf("first token %v, done %v", res.FirstToken, res.Done)
	}
	res.FirstToken, res.Done = 0, 0
	if want := (Result{Model: DefaultModel, Text: text, FinishReason: "stop", PromptTokens: 20, CachedTokens: 16, CompletionTokens: 9}); res != want {
		t.Errorf("%+v, want %+v", res, want)
	}
	want := `{"model":"openai/gpt-oss-20b","stream":true,"max_completion_tokens":1024,"reasoning_effort":"low","include_reasoning":false,` +
		`"messages":[{"role":"system","content":"You help."},{"role":"user","content":"Tell me about yourself."}]}`
	if got := string(v.requests()[0]); got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}

// Ollama and its like get what all such servers understand, and no credential.
func TestCompletePortable(t *testing.T) {
	v := newVendor(t, func(n int, r wireRequest, w *reply) {
		w.raw(`data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"Hi","reasoning_content":"hm"}}]}` + "\n\n")
		w.raw(`data: {"choices":[{"index":0,"delta":{"content":" you"},"finish_reason":"stop"}]}` + "\n\n")
		w.raw(`data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}` + "\n\ndata: [DONE]\n\n")
	})
	v.portable = true
	o := serve(t, v)
	o.Dialect, o.Credential, o.Model, o.MaxTokens = DialectAuto, nil, "llama3.2", 200
	res, text, err := ask(t, New(o), Request{Effort: "low"})
	if err != nil || text != "Hi you" || res.Model != "llama3.2" || res.PromptTokens != 7 {
		t.Fatalf("%q, %+v, %v", text, res, err)
	}
	want := `{"model":"llama3.2","stream":true,"max_tokens":200,"messages":`
	if got := string(v.requests()[0]); !strings.HasPrefix(got, want) {
		t.Errorf("sent %s, want %s", got, want)
	}
}

func TestDialect(t *testing.T) {
	for _, tc := range []struct {
		url  string
		set  Dialect
		want Dialect
		name string
	}{
		{"", DialectAuto, DialectGroq, "Groq"},
		{"https://api.groq.com/openai/v1/", DialectAuto, DialectGroq, "Groq"},
		{"http://localhost:11434/v1", DialectAuto, DialectPortable, "localhost"},
		{"https://notgroq.com/v1", DialectAuto, DialectPortable, "notgroq.com"},
		{"https://copilot.example/v1", DialectGroq, DialectGroq, "copilot.example"},
	} {
		if o := New(Options{BaseURL: tc.url, Dialect: tc.set}).o; o.Dialect != tc.want || o.Name != tc.name {
			t.Errorf("%s: %v, %s", tc.url, o.Dialect, o.Name)
		}
	}
}

// What is sent for a dialogue begins with the very bytes sent for the dialogue
// before it, so that the server's prompt cache is hit.
func TestPromptPrefixIsByteIdentical(t *testing.T) {
	v := newVendor(t, func(n int, r wireRequest, w *reply) { w.whole("Answer <&> ", "\u2028“", fmt.Sprint(n)) })
	c := New(serve(t, v))
	dialogue := []Message{{"system", "Résumé: \u2028 <b>&\" \\ 数据\x00\n" + strings.Repeat("fact ", 2000)}}
	for i := range 5 {
		dialogue = append(dialogue, Message{"user", fmt.Sprintf("Question %d?", i)})
		_, text, err := ask(t, c, Request{Messages: dialogue})
		if err != nil {
			t.Fatal(err)
		}
		dialogue = append(dialogue, Message{"assistant", text})
	}
	sent := v.requests()
	for i := 1; i < len(sent); i++ {
		if before := bytes.TrimSuffix(sent[i-1], []byte("]}")); !bytes.HasPrefix(sent[i], before) {
			t.Errorf("request %d does not begin as the one before", i)
		}
	}
}

// N11: whatever a stream looks like, the text is the same, or the error clean.
func TestN11_GroqMalformedStream(t *testing.T) {
	event := func(text string) string {
		return `data: {"choices":[{"index":0,"delta":{"content":"` + text + `"},"finish_reason":null}]}`
	}
	const finish, done = `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`, "data: [DONE]"
	for _, tc := range []struct {
		name string
		wire []string // one write each
		code string   // of the error; empty: the text is "Zürich 😀"
	}{
		{"split utf-8", []string{event("Z\xc3")[:len(event("Z\xc3"))-len(`"},"finish_reason":null}]}`)], "\xbcrich \xf0\x9f", "\x98\x80" + `"}}]}` + "\n\n", finish + "\n\n" + done + "\n\n"}, ""},
		{"crlf", []string{event("Zürich"), "\r", "\n\r\n", event(" 😀") + "\r\n\r\n" + finish + "\r\n\r\n" + done + "\r\n\r\n"}, ""},
		{"cr", []string{event("Zürich 😀") + "\r\r" + finish + "\r\r" + done + "\r\r"}, ""},
		{"comments", []string{": ping\n\n", event("Zürich 😀") + "\n: ping\n\n:\n\n" + finish + "\n\n" + done + "\n\n"}, ""},
		{"data in lines", []string{"data: {\"choices\":[\ndata: {\"delta\":{\"content\":\"Zürich 😀\"}}\ndata: ]}\n\n" + finish + "\n\n" + done + "\n\n"}, ""},
		{"long line", []string{"data: {\"pad\":\"" + strings.Repeat("x", 1<<20-200) + "\",\"choices\":[{\"delta\":{\"content\":\"Zürich 😀\"}}]}\n\n", finish + "\n\n" + done + "\n\n"}, ""},
		{"no done", []string{event("Zürich 😀") + "\n\n" + finish + "\n\n"}, ""},
		{"no done, no end", []string{event("Zürich 😀") + "\n\n" + finish}, ""},
		{"done at the very end", []string{event("Zürich 😀") + "\n\n" + done}, ""},
		{"empty choices and nulls", []string{`data: {"choices":[]}` + "\n\n", `data: {"choices":[{"delta":{"content":null},"finish_reason":null}],"usage":null,"x_groq":null}` + "\n\n" + event("Zürich 😀") + "\n\n" + done + "\n\n"}, ""},
		{"second choice", []string{event("Zürich 😀") + "\n\n", `data: {"choices":[{"index":1,"delta":{"content":"other"}}]}` + "\n\n" + done + "\n\n"}, ""},
		{"after done", []string{event("Zürich 😀") + "\n\n" + done + "\n\n" + event("more") + "\n\n"}, ""},
		{"line of 2 MiB", []string{"data: " + strings.Repeat("x", 2<<20) + "\n\n"}, CodeMalformed},
		{"not json", []string{"data: <html>\n\n"}, CodeMalformed},
		{"wrong types", []string{`data: {"choices":[{"delta":{"content":["a"]}}]}` + "\n\n"}, CodeMalformed},
		{"nothing", []string{""}, CodeCut},
		{"no answer", []string{finish + "\n\n" + done + "\n\n"}, CodeEmpty},
		{"error", []string{`data: {"error":{"message":"key gsk_abc is bad","type":"server_error","code":500}}` + "\n\n"}, CodeFailed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := newVendor(t, func(n int, r wireRequest, w *reply) {
				for _, s := range tc.wire {
					w.raw(s)
				}
			})
			_, text, err := ask(t, New(serve(t, v)), Request{})
			if tc.code == "" {
				if err != nil || text != "Zürich 😀" {
					t.Fatalf("%q, %v", text, err)
				}
				return
			}
			var e *Error
			if !errors.As(err, &e) || e.Code != tc.code || text != "" {
				t.Fatalf("%q, %v, want %s", text, err, tc.code)
			}
			checkWords(t, e)
		})
	}
}

// A server that keeps the stream open after the answer is not waited for.
func TestLateEndIsNotWaitedFor(t *testing.T) {
	for name, last := range map[string]string{"after done": "data: [DONE]\n\n", "before done": ""} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := newVendor(t, func(n int, r wireRequest, w *reply) {
					w.say("Hi.")
					w.chunk(`{}`, `"stop"`, "")
					w.raw(last)
					w.stall()
				})
				o, stop := servePipes(v)
				defer stop()
				begin := time.Now()
				if res, _, err := ask(t, New(o), Request{}); err != nil || res.Text != "Hi." || time.Since(begin) > time.Second {
					t.Errorf("%+v, %v after %v", res, err, time.Since(begin))
				}
			})
		})
	}
}

// High effort is waited for longer until the first word, and not after it.
func TestHighEffortMayThinkLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVendor(t, func(n int, r wireRequest, w *reply) {
			w.open()
			time.Sleep(11 * time.Second)
			w.say("Thought.")
			if n == 0 {
				time.Sleep(5 * time.Second)
			}
			w.end()
		})
		o, stop := servePipes(v)
		defer stop()
		if res, _, err := ask(t, New(o), Request{Effort: "high"}); err != nil || res.Retries != 1 || res.Text != "Thought." {
			t.Errorf("%+v, %v", res, err)
		}
	})
}

// N12, the client's half: cancelling closes the request at once, over both
// protocols, and what was written is handed back.
func TestN12_CancelClosesRequest(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprint("http2 ", h2), func(t *testing.T) {
			v := newVendor(t, func(n int, r wireRequest, w *reply) {
				w.open()
				w.say("One ", "two")
				w.stall()
			})
			o, _ := serveCounted(t, v, h2)
			c := New(o)
			defer c.Close()
			ctx, cancel := context.WithCancel(t.Context())
			var cancelled time.Time
			res, err := c.Complete(ctx, Request{Messages: []Message{{"user", "?"}}}, func(s string) {
				if s == "two" {
					cancelled = time.Now()
					cancel()
				}
			})
			if !errors.Is(err, context.Canceled) || res.Text != "One two" || len(v.requests()) != 1 {
				t.Errorf("%+v, %v, %d requests", res, err, len(v.requests()))
			}
			<-v.closed
			if took := time.Since(cancelled); took > 5*time.Second { // loopback on a busy machine; the promise is held in memory below
				t.Errorf("the server saw it after %v", took)
			}
		})
	}
}

// N12: the server sees the cancellation within 100 ms, before the first word as
// well as after it; measured on a clock of its own.
func TestN12_CancelClosesRequestInTime(t *testing.T) {
	for _, words := range []int{0, 1} {
		synctest.Test(t, func(t *testing.T) {
			var seen time.Time
			v := newVendor(t, func(n int, r wireRequest, w *reply) {
				w.say([]string{"One"}[:words]...)
				w.stall()
				seen = time.Now()
			})
			o, stop := servePipes(v)
			defer stop()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_, err := New(o).Complete(ctx, Request{Messages: []Message{{"user", "?"}}}, func(string) {})
			cancelled := time.Now()
			<-v.closed
			if took := seen.Sub(cancelled); err == nil || took > 100*time.Millisecond {
				t.Errorf("%v, seen after %v", err, took)
			}
		})
	}
}

// A wait for a limit is cancelled at once as well.
func TestCancelWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVendor(t, func(n int, r wireRequest, w *reply) {
			w.Header().Set("Retry-After", "30")
			refuse(w, 429, "", "")
		})
		o, stop := servePipes(v)
		defer stop()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		_, err := New(o).Complete(ctx, Request{Messages: []Message{{"user", "?"}}}, nil)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

// serveCounted serves v over loopback and counts the connections dialled.
func serveCounted(t testing.TB, v *vendor, h2 bool) (Options, *atomic.Int32) {
	srv := httptest.NewUnstartedServer(v)
	srv.Config.ErrorLog = discardLog
	if h2 {
		srv.EnableHTTP2 = true
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	var dials atomic.Int32
	tr := newTransport()
	dial := tr.DialContext
	tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		dials.Add(1)
		return dial(ctx, network, addr)
	}
	if h2 {
		tr.TLSClientConfig = &tls.Config{RootCAs: srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	}
	o := optionsFor(srv.URL)
	o.Transport = tr
	t.Cleanup(tr.CloseIdleConnections)
	return o, &dials
}

// The credential and the extra headers are asked for with each request; a
// failing credential asks nobody.
func TestCredential(t *testing.T) {
	v := newVendor(t, func(n int, r wireRequest, w *reply) {
		if got := w.r.Header.Get("X-Session"); got != "s1" {
			t.Errorf("X-Session %q", got)
		}
		w.whole("Hi.")
	})
	o := serve(t, v)
	asked, fails := 0, false
	o.Credential = func(context.Context) (string, error) {
		asked++
		if fails {
			return "", errors.New("expired")
		}
		return testKey, nil
	}
	o.Header = func(h http.Header) { h.Set("X-Session", "s1") }
	c := New(o)
	for range 2 {
		if _, _, err := ask(t, c, Request{}); err != nil {
			t.Fatal(err)
		}
	}
	fails = true
	_, _, err := ask(t, c, Request{})
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeCredential || asked != 3 || len(v.requests()) != 2 {
		t.Errorf("%v, asked %d times, %d requests", err, asked, len(v.requests()))
	}
	checkWords(t, e)
}

// A redirect is not followed: the credential would go along.
func TestRedirectIsRefused(t *testing.T) {
	var hits atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer other.Close()
	srv := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer srv.Close()
	_, _, err := ask(t, New(optionsFor(srv.URL)), Request{})
	var e *Error
	if !errors.As(err, &e) || e.Code != CodePortal || hits.Load() != 0 {
		t.Errorf("%v, %d hits", err, hits.Load())
	}
}
