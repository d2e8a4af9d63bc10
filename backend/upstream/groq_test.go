package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const groqKey = "gsk_canary_of_the_owner"

// groqStandIn is Groq's side of the wire over HTTP/2, as strict as Groq about
// the key and the form of a request; stream then writes the answer.
func groqStandIn(t *testing.T, stream http.HandlerFunc) *Groq {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /openai/v1/chat/completions", func(w http.ResponseWriter, r *http.Request) {
		var req struct {
			Model    string `json:"model"`
			Stream   bool   `json:"stream"`
			Messages []any  `json:"messages"`
		}
		body, err := io.ReadAll(r.Body)
		switch {
		case r.Header.Get("Authorization") != "Bearer "+groqKey:
			http.Error(w, `{"error":{"message":"Invalid API Key","type":"invalid_request_error","code":"invalid_api_key"}}`, 401)
		case err != nil, json.Unmarshal(body, &req) != nil, r.Header.Get("Content-Type") != "application/json",
			req.Model == "", !req.Stream, len(req.Messages) == 0:
			http.Error(w, `{"error":{"message":"bad request","type":"invalid_request_error"}}`, 400)
		default:
			stream(w, r)
		}
	})
	mux.HandleFunc("GET /openai/v1/models", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"object":"list","data":[{"id":"a","object":"model"},{"id":"b","object":"model"}]}`)
	})
	srv := httptest.NewUnstartedServer(mux)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	tr := Transport()
	tr.TLSClientConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	g := NewGroq(GroqOptions{URL: srv.URL + "/openai/v1/", Key: groqKey, Transport: tr})
	t.Cleanup(g.Close)
	return g
}

var question = []byte(`{"model":"openai/gpt-oss-20b","stream":true,"messages":[{"role":"user","content":"Why?"}]}`)

func chunk(content string) string {
	b, _ := json.Marshal(content)
	return `{"id":"c1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":` + string(b) + `},"finish_reason":null}]}`
}

const (
	lastChunk = `{"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"x_groq":{"id":"req_1","usage":{"prompt_tokens":20,"completion_tokens":9,"prompt_tokens_details":{"cached_tokens":16}}}}`
	noFlush   = "data: "
)

// ask copies one answer to its end.
func ask(t *testing.T, g *Groq) (string, Usage, error) {
	t.Helper()
	a, err := g.Answer(t.Context(), question)
	if err != nil {
		return "", Usage{}, err
	}
	defer a.Close()
	var out strings.Builder
	usage, err := a.Copy(&out, func() error { return nil })
	return out.String(), usage, err
}

// Each event reaches the client before the vendor writes the next one.
func TestEachEventIsFlushed(t *testing.T) {
	next := make(chan struct{})
	g := groqStandIn(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("asked over %s, want HTTP/2", r.Proto)
		}
		for i := range 5 {
			fmt.Fprintf(w, "data: %s\n\n", chunk(fmt.Sprint(i)))
			w.(http.Flusher).Flush()
			<-next
		}
		fmt.Fprintf(w, "data: %s\n\ndata: [DONE]\n\n", lastChunk)
	})
	a, err := g.Answer(t.Context(), question)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	var out bytes.Buffer
	flushes := 0
	usage, err := a.Copy(&out, func() error {
		if flushes < 5 {
			if want := fmt.Sprintf("data: %s\n\n", chunk(fmt.Sprint(flushes))); out.String() != want {
				t.Errorf("flush %d holds %q, want %q", flushes, out.String(), want)
			}
			out.Reset()
			next <- struct{}{}
		}
		flushes++
		return nil
	})
	if err != nil || flushes < 6 || !strings.HasSuffix(out.String(), "data: [DONE]\n\n") {
		t.Fatalf("%d flushes, %v, rest %q", flushes, err, out.String())
	}
	if usage.PromptTokens != 20 || usage.CompletionTokens != 9 || usage.Details.CachedTokens != 16 {
		t.Errorf("usage %+v", usage)
	}
}

func TestStreams(t *testing.T) {
	const secret = "vendor words"
	long := chunk(strings.Repeat("x", 100<<10))
	events := func(data ...string) string {
		var b strings.Builder
		for _, d := range data {
			b.WriteString("data: " + d + "\n\n")
		}
		return b.String()
	}
	tests := []struct {
		name, sent, want string
		kind             Kind
	}{
		{"plain", events(chunk("a"), lastChunk, "[DONE]"), events(chunk("a"), lastChunk, "[DONE]"), ""},
		{"carriage returns, comments and ids", ": hi\r\nid: 4\r\ndata:" + chunk("a") + "\r\n\r\ndata: [DONE]\r\n\r\n", events(chunk("a"), "[DONE]"), ""},
		{"a long line", events(long, "[DONE]"), events(long, "[DONE]"), ""},
		{"no [DONE] after the finish reason", events(chunk("a"), lastChunk), events(chunk("a"), lastChunk), ""},
		{"talk of errors", events(chunk(`an "error": {"x"}`), chunk("error"), "[DONE]"), events(chunk(`an "error": {"x"}`), chunk("error"), "[DONE]"), ""},
		{"null errors", events(`{"error":null,"x_groq":{"error":""}}`, "[DONE]"), events(`{"error":null,"x_groq":{"error":""}}`, "[DONE]"), ""},
		{"cut", events(chunk("a")), events(chunk("a")), Broken},
		{"cut in a line", events(chunk("a")) + "data: {", events(chunk("a")), Broken},
		{"empty", "", "", Broken},
		{"error object", events(chunk("a"), `{"error":{"message":"`+secret+`","code":"server_error"}}`), events(chunk("a")), Broken},
		{"error object, not first", events(`{"id":"x", "error" : {"message":"` + secret + `"}}`), "", Broken},
		{"rate limit within", events(`{"error":{"message":"` + secret + `","code":"rate_limit_exceeded"}}`), "", Busy},
		{"error event", events(chunk("a")) + "event: error\ndata: {\"message\":\"" + secret + "\"}\n\n", events(chunk("a")), Broken},
		{"error event of text", "event: error\ndata: " + secret + "\n\n", "", Broken},
		{"error in x_groq", events(`{"choices":[],"x_groq":{"error":"` + secret + `"}}`), "", Broken},
		{"text", "data: " + secret + "\n\n", "", Broken},
		{"half an object", "data: {\"a\":\n\n", "", Broken},
		{"a line without end", "data: {" + strings.Repeat("x", maxEvent+readBuffer), "", Broken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := groqStandIn(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, tt.sent) })
			got, _, err := ask(t, g)
			if got != tt.want {
				t.Errorf("passed on %.300q, want %.300q", got, tt.want)
			}
			failed, _ := errors.AsType[*Error](err)
			if (failed == nil) != (tt.kind == "") || (failed != nil && failed.Kind != tt.kind) {
				t.Errorf("error %v, want kind %q", err, tt.kind)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("the error repeats the vendor: %v", err)
			}
		})
	}
}

// However the stream is cut into pieces, the same is passed on.
func TestPieces(t *testing.T) {
	sent := ": c\r\ndata: " + chunk("naïve – 世界") + "\n\ndata: " + chunk(strings.Repeat("é", readBuffer)) + "\n\ndata: " + lastChunk + "\n\ndata: [DONE]\n\n"
	for name, r := range map[string]io.Reader{
		"whole": strings.NewReader(sent), "bytes": iotest.OneByteReader(strings.NewReader(sent)), "halves": iotest.HalfReader(strings.NewReader(sent)),
	} {
		var out strings.Builder
		if _, err := answerOf(r).Copy(&out, func() error { return nil }); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if want := strings.ReplaceAll(sent, ": c\r\n", ""); out.String() != want {
			t.Errorf("%s: %.200q", name, out.String())
		}
	}
}

func answerOf(r io.Reader) *Answer {
	g := NewGroq(GroqOptions{URL: "http://127.0.0.1"})
	ctx, cancel := context.WithCancelCause(context.Background())
	stall := time.AfterFunc(time.Hour, func() {})
	stall.Stop()
	return &Answer{groq: g, ctx: ctx, cancel: cancel, body: io.NopCloser(r), stall: stall}
}

// Whatever a vendor sends, the client gets whole events, each an object or
// [DONE], and none that reports an error.
func FuzzCopy(f *testing.F) {
	f.Add("data: " + chunk("a") + "\n\ndata: [DONE]\n\n")
	f.Add("event: error\ndata: {\"error\":{\"code\":\"x\"}}\n\n")
	f.Add("data: {\"error\":1}\r\n\r\ndata:[DONE]\ndata: {}\n")
	f.Fuzz(func(t *testing.T, sent string) {
		var out strings.Builder
		_, err := answerOf(strings.NewReader(sent)).Copy(&out, func() error { return nil })
		rest, done := out.String(), false
		for rest != "" {
			var event string
			var ok bool
			if event, rest, ok = strings.Cut(rest, "\n\n"); !ok {
				t.Fatalf("half an event: %q", out.String())
			}
			data, ok := strings.CutPrefix(event, "data: ")
			if !ok || strings.Contains(data, "\n") || done {
				t.Fatalf("not an event: %q", event)
			}
			if done = data == "[DONE]"; !done && (!strings.HasPrefix(data, "{") || !strings.HasSuffix(data, "}")) {
				t.Fatalf("not an object: %q", event)
			}
			var v map[string]json.RawMessage
			if json.Unmarshal([]byte(data), &v) == nil && strings.Contains(data, `"error"`) && told(v["error"]) {
				t.Fatalf("an error was passed on: %q", event)
			}
		}
		if done && err != nil {
			t.Fatalf("whole and yet %v", err)
		}
	})
}

func TestRefusals(t *testing.T) {
	const secret = "org_canary of the owner has no quota"
	tests := []struct {
		status int
		code   string
		header string
		kind   Kind
		wait   time.Duration
	}{
		{429, "rate_limit_exceeded", "7", Busy, 7 * time.Second},
		{429, "", "1.5", Busy, 1500 * time.Millisecond},
		{429, "", "99999", Busy, time.Minute},
		{429, "", "soon", Busy, 0},
		{498, "capacity_exceeded", "", Busy, 0},
		{400, "", "", Rejected, 0},
		{400, "model_decommissioned", "", NoModel, 0},
		{404, "model_not_found", "", NoModel, 0},
		{413, "", "", TooLarge, 0},
		{422, "", "", Rejected, 0},
		{401, "invalid_api_key", "", Refused, 0},
		{402, "", "", Refused, 0},
		{403, "", "", Refused, 0},
		{307, "", "", Away, 0},
		{500, "", "", Away, 0},
		{503, "", "3", Away, 3 * time.Second},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.status, tt.code, tt.header), func(t *testing.T) {
			g := groqStandIn(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", tt.header)
				w.Header().Set("Location", "https://127.0.0.1:1/")
				w.WriteHeader(tt.status)
				fmt.Fprintf(w, `{"error":{"message":%q,"code":%q}}`, secret, tt.code)
			})
			_, err := g.Answer(t.Context(), question)
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Kind != tt.kind || e.RetryAfter != tt.wait || e.Status != tt.status || e.Code != tt.code {
				t.Fatalf("got %#v, want %+v", err, tt)
			}
			if s := err.Error(); strings.Contains(s, "canary") || strings.Contains(s, groqKey) {
				t.Errorf("the error tells too much: %s", s)
			}
		})
	}
}

// Nobody pays for words that nobody waits for: the vendor sees the cancelled
// request within 100 ms. A busy machine may take longer, so one of ten is enough.
func TestN12_CancelledUpstream(t *testing.T) {
	gone := make(chan time.Time, 1)
	g := groqStandIn(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "data: %s\n\n", chunk("a"))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		gone <- time.Now()
	})
	best := time.Hour
	for range 10 {
		ctx, cancel := context.WithCancel(t.Context())
		a, err := g.Answer(ctx, question)
		if err != nil {
			t.Fatal(err)
		}
		var left time.Time
		_, err = a.Copy(io.Discard, func() error { left = time.Now(); cancel(); return nil })
		a.Close()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("copy ended with %v", err)
		}
		best = min(best, (<-gone).Sub(left))
	}
	if best > 100*time.Millisecond {
		t.Errorf("the vendor learned of it after %v", best)
	}
}

// A client that cannot be written to ends the answer as well.
func TestN12_ClientDoesNotRead(t *testing.T) {
	gone := make(chan struct{})
	g := groqStandIn(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "data: %s\n\n", chunk("a"))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		close(gone)
	})
	a, err := g.Answer(t.Context(), question)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = a.Copy(io.Discard, func() error { return io.ErrClosedPipe }); err != io.ErrClosedPipe {
		t.Errorf("got %v", err)
	}
	a.Close()
	<-gone
}

// An answer that says nothing any more is given up.
func TestStall(t *testing.T) {
	g := groqStandIn(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "data: %s\n\n", chunk("a"))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	g.stall = 50 * time.Millisecond
	got, _, err := ask(t, g)
	if e, ok := errors.AsType[*Error](err); !ok || e.Kind != Broken || !errors.Is(err, errStalled) || !strings.HasPrefix(got, noFlush) {
		t.Fatalf("got %q, %v", got, err)
	}
}

func TestModels(t *testing.T) {
	g := groqStandIn(t, nil)
	ids, err := g.Models(t.Context())
	if err != nil || fmt.Sprint(ids) != "[a b]" {
		t.Fatal(ids, err)
	}
}

func TestNoConnection(t *testing.T) {
	srv := httptest.NewServer(nil)
	srv.Close()
	g := NewGroq(GroqOptions{URL: srv.URL, Key: groqKey})
	_, err := g.Answer(t.Context(), question)
	if e, ok := errors.AsType[*Error](err); !ok || e.Kind != Away || e.Status != 0 {
		t.Fatal(err)
	}
}

func BenchmarkCopy(b *testing.B) {
	sent := strings.Repeat("data: "+chunk(" word")+"\n\n", 60) + "data: " + lastChunk + "\n\ndata: [DONE]\n\n"
	a := answerOf(nil)
	b.ReportAllocs()
	for b.Loop() {
		a.body = io.NopCloser(iotest.DataErrReader(strings.NewReader(sent)))
		if _, err := a.Copy(io.Discard, func() error { return nil }); err != nil {
			b.Fatal(err)
		}
		a.stall.Stop()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/62, "ns/event")
}
