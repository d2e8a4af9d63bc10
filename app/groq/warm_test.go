package groq

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// A-G2: once the connection is warm, no answer waits for a new one, whether the
// one before was finished or cancelled.
func TestAG2_AnswersReuseTheWarmConnection(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprint("http2 ", h2), func(t *testing.T) {
			v := newVendor(t, func(n int, r wireRequest, w *reply) { w.whole("One ", "two.") })
			o, dials := serveCounted(t, v, h2)
			c := New(o)
			defer c.Close()
			if err := c.Warm(t.Context()); err != nil {
				t.Fatal(err)
			}
			warm := dials.Load()
			for i := range 20 {
				res, _, err := ask(t, c, Request{})
				if err != nil || !res.Reused {
					t.Fatalf("answer %d: %+v, %v", i, res, err)
				}
			}
			if n := dials.Load() - warm; n != 0 {
				t.Errorf("%d connections dialled", n)
			}
		})
	}
}

// A-G2: a draft is cancelled and its successor goes out over an open
// connection, again and again.
func TestAG2_CancelledDraftLeavesAWarmConnection(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprint("http2 ", h2), func(t *testing.T) {
			v := newVendor(t, func(n int, r wireRequest, w *reply) {
				w.open()
				if n%2 == 0 {
					w.say("Draft")
					w.stall()
					return
				}
				w.whole("Answer.")
			})
			o, dials := serveCounted(t, v, h2)
			c := New(o)
			defer c.Close()
			for i := range 5 {
				if i > 0 && !h2 {
					select {
					case <-c.lost: // what KeepWarm waits for; here it is its turn now
					default:
						t.Fatal("KeepWarm was not told of the cancelled one")
					}
				}
				if i == 0 || !h2 {
					if err := c.Warm(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				draft, cancel := context.WithCancel(t.Context())
				c.Complete(draft, Request{Messages: []Message{{"user", "?"}}}, func(string) { cancel() })
				res, _, err := ask(t, c, Request{})
				if err != nil || !res.Reused {
					t.Fatalf("answer %d: %+v, %v", i, res, err)
				}
			}
			if h2 && dials.Load() != 1 {
				t.Errorf("%d connections dialled over HTTP/2", dials.Load())
			}
		})
	}
}

// A connection that died without a word is not used for the repetition.
func TestStallLeavesDeadConnection(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		for _, begun := range []bool{false, true} {
			t.Run(fmt.Sprint("http2 ", h2, " begun ", begun), func(t *testing.T) {
				v := newVendor(t, func(n int, r wireRequest, w *reply) {
					if n > 0 {
						w.whole("One two.")
						return
					}
					if begun {
						w.say("One ")
					}
					w.stall()
				})
				o, _ := serveCounted(t, v, h2)
				o.Stall = 200 * time.Millisecond
				c := New(o)
				defer c.Close()
				if err := c.Warm(t.Context()); err != nil {
					t.Fatal(err)
				}
				res, text, err := ask(t, c, Request{})
				if err != nil || text != "One two." || res.Reused || res.Retries != 1 {
					t.Errorf("%+v, %v", res, err)
				}
			})
		}
	}
}

// KeepWarm uses an idle connection before servers close it, and opens another at
// once when one is used up.
func TestKeepWarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lists := 0
		v := newVendor(t, nil)
		o, stop := servePipes(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			lists++
			v.ServeHTTP(w, r)
		}))
		defer stop()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		c := New(o)
		time.AfterFunc(20*time.Second, c.usedUp) // one round more, and the others later
		c.KeepWarm(ctx)
		if rounds := 1 + 1 + (10*60-20)/55; lists != 2*rounds { // HTTP/1.1: two connections
			t.Errorf("%d lists in ten minutes, want %d", lists, 2*rounds)
		}
	})
}

func TestWarm(t *testing.T) {
	for _, tc := range []struct {
		status int
		ok     bool
	}{{200, true}, {404, true}, {405, true}, {401, false}, {403, false}, {500, false}} {
		v := newVendor(t, nil)
		o := serve(t, v)
		if tc.status != 200 {
			o, _ = serveCounted(t, v, false)
			o.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: tc.status, ProtoMajor: 2, Body: http.NoBody, Request: r}, nil
			})
		}
		err := New(o).Warm(t.Context())
		var e *Error
		if (err == nil) != tc.ok || !tc.ok && (!errors.As(err, &e) || e.Status != tc.status) {
			t.Errorf("%d: %v", tc.status, err)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestModels(t *testing.T) {
	v := newVendor(t, nil)
	c := New(serve(t, v))
	defer c.Close()
	got, err := c.Models(t.Context())
	if err != nil || len(got) != 2 || got[0].ID != "openai/gpt-oss-120b" || got[1].ID != "openai/gpt-oss-20b" || got[1].ContextWindow != 131072 {
		t.Fatalf("%+v, %v", got, err)
	}
	var e *Error
	v.models = "<html>"
	if _, err := c.Models(t.Context()); !errors.As(err, &e) || e.Code != CodeMalformed {
		t.Errorf("%v", err)
	}
	c.o.Credential = nil
	if _, err := c.Models(t.Context()); !errors.As(err, &e) || e.Status != 401 {
		t.Errorf("%v", err)
	}
}
