package groq

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// N9: a limit is waited for as long as the server says, in each of its forms;
// what was written stays.
func TestN9_GroqRateLimit(t *testing.T) {
	for _, tc := range []struct {
		name   string
		header func(h func(k, v string))
		want   time.Duration
	}{
		{"seconds", func(h func(k, v string)) { h("Retry-After", "7") }, 7 * time.Second},
		{"fraction", func(h func(k, v string)) { h("Retry-After", "1.5") }, 1500 * time.Millisecond},
		{"milliseconds first", func(h func(k, v string)) { h("Retry-After", "30"); h("Retry-After-Ms", "340") }, 340 * time.Millisecond},
		{"date", func(h func(k, v string)) {
			h("Retry-After", time.Now().Add(20*time.Second).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"))
		}, 20 * time.Second},
		{"longest", func(h func(k, v string)) { h("Retry-After", "60") }, time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var refused, again time.Time
				v := newVendor(t, func(n int, r wireRequest, w *reply) {
					if n == 0 {
						refused = time.Now()
						tc.header(w.Header().Set)
						refuse(w, 429, "rate_limit_exceeded", "Rate limit reached")
						return
					}
					again = time.Now()
					w.whole("Hello", " there.")
				})
				o, stop := servePipes(v)
				defer stop()
				var told []string
				res, text, err := ask(t, New(o), Request{Retrying: func(s string) { told = append(told, s) }})
				if err != nil || text != "Hello there." || res.Retries != 1 {
					t.Fatalf("%+v, %v", res, err)
				}
				if got := again.Sub(refused); got < tc.want*9/10 || got > tc.want*11/10 {
					t.Errorf("waited %v, want %v", got, tc.want)
				}
				if len(told) != 1 || !strings.Contains(told[0], "limit of Groq") {
					t.Errorf("told %q", told)
				}
			})
		})
	}
}

// N9: with a second model nobody waits for long; without, a wait beyond a
// minute is not begun.
func TestN9_GroqRateLimitFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVendor(t, func(n int, r wireRequest, w *reply) {
			if r.Model == "second" {
				w.whole("From the second.")
				return
			}
			w.Header().Set("Retry-After", "90")
			refuse(w, 429, "rate_limit_exceeded", "Rate limit reached")
		})
		o, stop := servePipes(v)
		defer stop()
		c, begin := New(o), time.Now()
		res, text, err := ask(t, c, Request{Model: "first", Fallback: "second"})
		if err != nil || res.Model != "second" || text != "From the second." || time.Since(begin) > time.Second {
			t.Errorf("%+v, %v after %v", res, err, time.Since(begin))
		}
		_, _, err = ask(t, c, Request{Model: "first"})
		var e *Error
		if !errors.As(err, &e) || e.Status != 429 || e.RetryAfter != 90*time.Second || time.Since(begin) > time.Second {
			t.Fatalf("%v after %v", err, time.Since(begin))
		}
		if want := "The limit of Groq is reached. Try again in 90 seconds."; e.Sentence() != want {
			t.Errorf("sentence %q, want %q", e.Sentence(), want)
		}
	})
}

// What is temporary is repeated at most twice with growing waits; then, and for
// unknown models at once, the second model is asked.
func TestRetries(t *testing.T) {
	for _, tc := range []struct {
		status       int
		code, header string
		fallback     bool
		requests     int
		ok           bool
	}{
		{408, "", "", false, 3, true},
		{409, "", "", false, 3, true},
		{409, "session_elsewhere", "", false, 1, false},
		{500, "", "", false, 3, true},
		{503, "", "", false, 3, true},
		{503, "", "false", false, 1, false},
		{500, "", "", true, 3, true}, // first, first, second
		{400, "", "", false, 1, false},
		{400, "", "true", false, 3, true},
		{401, "", "", true, 1, false},
		{402, "out_of_minutes", "", true, 1, false},
		{404, "model_not_found", "", false, 1, false},
		{404, "model_not_found", "", true, 2, true},
		{400, "model_decommissioned", "", true, 2, true},
		{413, "", "", true, 1, false},
		{498, "capacity_exceeded", "", true, 2, true},
	} {
		t.Run(fmt.Sprint(tc.status, tc.code, tc.header, tc.fallback), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var at []time.Time
				v := newVendor(t, func(n int, r wireRequest, w *reply) {
					at = append(at, time.Now())
					if n == 2 || r.Model == "second" {
						w.whole("Done.")
						return
					}
					if tc.header != "" {
						w.Header().Set("X-Should-Retry", tc.header)
					}
					refuse(w, tc.status, tc.code, "no")
				})
				o, stop := servePipes(v)
				defer stop()
				r := Request{Model: "first"}
				if tc.fallback {
					r.Fallback = "second"
				}
				res, _, err := ask(t, New(o), r)
				if len(at) != tc.requests || (err == nil) != tc.ok || res.Retries != tc.requests-1 {
					t.Fatalf("%d requests, %+v, %v", len(at), res, err)
				}
				if tc.requests == 3 && !tc.fallback {
					first, second := at[1].Sub(at[0]), at[2].Sub(at[1])
					if first < 375*time.Millisecond || first > 500*time.Millisecond || second < 750*time.Millisecond || second > time.Second {
						t.Errorf("waits %v, %v", first, second)
					}
				}
			})
		})
	}
}

const longAnswer = "**Short:** I led the migration to Postgres at Zürich's “Bank”.\n\n- *Cut* the nightly run from 6 h to 40 min, " +
	"the way I'd cut it again, the way I'd explain it.\n- Two engineers, no outage. 数据库 迁移 完成 😀 done."

// faults are the ways an answer breaks off after some tokens.
var faults = map[string]func(w *reply){
	"stall":         func(w *reply) { w.stall() },
	"cut":           func(w *reply) { w.cut() },
	"end":           func(w *reply) {},
	"error data":    func(w *reply) { w.raw("data: {\"error\":{\"message\":\"over\",\"type\":\"server_error\"}}\n\n") },
	"error event":   func(w *reply) { w.raw("event: error\ndata: {\"error\":{\"message\":\"over\"}}\n\n") },
	"error string":  func(w *reply) { w.raw("data: {\"error\":\"over\"}\n\n") },
	"x_groq.error":  func(w *reply) { w.chunk("{}", "null", `,"x_groq":{"id":"req_1","error":"over"}`) },
	"malformed":     func(w *reply) { w.raw("data: {\"choices\":[{\"del\n\n") },
	"too long line": func(w *reply) { w.raw("data: " + strings.Repeat("x", maxEvent+1) + "\n\n") },
}

// rests are the ways models go on with an answer that broke off: text is the
// answer, had what is there of it, anchor what it shall begin with.
var rests = map[string]func(text, had, anchor string) string{
	"from the last words": func(text, had, anchor string) string { return text[strings.LastIndex(had, anchor):] },
	"from the start":      func(text, had, anchor string) string { return text },
	"without marks": func(text, had, anchor string) string {
		at := strings.LastIndex(had, anchor)
		return strings.ReplaceAll(anchor, "*", "") + text[at+len(anchor):]
	},
}

// N10: whatever breaks an answer after k tokens, for every k: within five
// seconds the person hears of it, what is on screen stays, and the one
// repetition goes on without saying anything twice.
func TestN10_GroqBreaksAfterKTokens(t *testing.T) {
	all := tokens(longAnswer)
	for faultName, fault := range faults {
		for restName, rest := range rests {
			t.Run(faultName+" "+restName, func(t *testing.T) {
				step := 1
				if faultName == "too long line" {
					step = 9 // a megabyte each
				}
				for k := 0; k <= len(all); k += step {
					synctest.Test(t, func(t *testing.T) { breakAt(t, all, k, fault, rest) })
				}
			})
		}
	}
}

func breakAt(t *testing.T, all []string, k int, fault func(*reply), rest func(text, had, anchor string) string) {
	had := strings.Join(all[:k], "")
	var broke time.Time
	v := newVendor(t, func(n int, r wireRequest, w *reply) {
		switch n {
		case 0:
			if k > 0 {
				w.open()
			}
			w.say(all[:k]...)
			broke = time.Now()
			fault(w)
		case 1:
			if had == "" {
				w.whole(all...)
				return
			}
			partial, order := r.Messages[len(r.Messages)-2], r.Messages[len(r.Messages)-1]
			_, anchor, _ := strings.Cut(order.Content, "go on from there: ")
			if partial != (Message{"assistant", had}) || order.Role != "user" || !strings.Contains(had, anchor) || strings.TrimSpace(anchor) == "" {
				t.Errorf("k=%d: continued with %q, %q", k, partial, order)
			}
			w.whole(tokens(rest(longAnswer, had, anchor))...)
		default:
			refuse(w, 400, "", "asked too often")
		}
	})
	o, stop := servePipes(v)
	defer stop()
	var told time.Time
	res, text, err := ask(t, New(o), Request{Retrying: func(string) { told = time.Now() }})
	if err != nil || text != longAnswer || res.Retries != 1 {
		t.Errorf("k=%d: %+v, %v\n got %q\nwant %q", k, res, err, text, longAnswer)
	}
	if told.IsZero() || told.Sub(broke) > 5*time.Second {
		t.Errorf("k=%d: told after %v", k, told.Sub(broke))
	}
}

// N10, by the byte: a stream that is cut anywhere gives the whole answer.
func TestN10_GroqCutAtEveryByte(t *testing.T) {
	all := tokens("Yes: I led the **migration** of a 4 TB database in nine months.")
	var wire strings.Builder
	for _, s := range all {
		fmt.Fprintf(&wire, "data: {\"choices\":[{\"delta\":{\"content\":%s}}]}\r\n\r\n", strconv.Quote(s))
	}
	wire.WriteString("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
	text := strings.Join(all, "")
	for k := range wire.Len() {
		synctest.Test(t, func(t *testing.T) {
			v := newVendor(t, func(n int, r wireRequest, w *reply) {
				if n == 0 {
					w.raw(wire.String()[:k])
					return
				}
				if n > 1 {
					t.Errorf("byte %d: asked again", k)
				}
				w.whole(all...)
			})
			o, stop := servePipes(v)
			defer stop()
			if res, got, err := ask(t, New(o), Request{}); err != nil || got != text {
				t.Errorf("byte %d: %q, %+v, %v", k, got, res, err)
			}
		})
	}
}

// N10: the second break is the end; what was written is handed back.
func TestN10_OneRetryOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVendor(t, func(n int, r wireRequest, w *reply) {
			w.open()
			w.say("One ", "two ")
			if n == 1 {
				w.say("three ")
			}
			w.stall()
		})
		o, stop := servePipes(v)
		defer stop()
		begin := time.Now()
		res, _, err := ask(t, New(o), Request{})
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeStalled || res.Text != "One two three " || res.Retries != 1 {
			t.Fatalf("%+v, %v", res, err)
		}
		if took := time.Since(begin); took != 2*defaultStall+settle {
			t.Errorf("took %v", took)
		}
		if len(v.requests()) != 2 {
			t.Errorf("%d requests", len(v.requests()))
		}
	})
}
