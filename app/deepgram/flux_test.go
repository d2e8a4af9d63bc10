package deepgram

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"copilot/audio"
)

func openFlux(t *testing.T, d *fluxStandIn, change func(*Options)) (*Flux, *record) {
	t.Helper()
	d.t = t
	net := serve(t, d)
	opts := Options{URL: "http://deepgram.test", Model: "flux-general-en", Credential: key, DialContext: net.DialContext}
	if change != nil {
		change(&opts)
	}
	f, err := DialFlux(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	r := &record{done: make(chan struct{})}
	go func() {
		defer close(r.done)
		for e := range f.Events() {
			r.mu.Lock()
			r.events, r.times = append(r.events, e), append(r.times, time.Now())
			r.mu.Unlock()
		}
	}()
	t.Cleanup(func() { f.Close(context.Background()); <-r.done })
	return f, r
}

func speakFlux(f *Flux, words []spoken, from, to int) {
	for i := from; i < to; i++ {
		f.Send(frame(i, words))
		time.Sleep(audio.FrameDuration)
	}
}

// wantWords wants each channel's words told once, in order.
func (r *record) wantWords(t *testing.T, words []spoken) {
	t.Helper()
	for c := range audio.Channel(audio.Channels) {
		var want, got []string
		for _, w := range words {
			if w.channel == c {
				want = append(want, w.String())
			}
		}
		for _, w := range r.finalWords(c) {
			got = append(got, w.Text)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v", c, got, want)
		}
	}
}

// Both channels over a connection each: turns are told once, whole, in order and
// in their place; the guess at a turn's end is marked.
func TestFlux(t *testing.T) {
	for _, untimed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			d := &fluxStandIn{untimed: untimed}
			f, r := openFlux(t, d, func(o *Options) { o.Keyterms, o.OptOut = []string{"Kubernetes"}, true })
			words := conversation(20 * time.Second)
			speakFlux(f, words, 0, 1000)
			if err := f.Close(t.Context()); err != nil {
				t.Error(err)
			}
			<-r.done
			r.wantWords(t, words)
			eager := 0
			for _, tr := range of[Transcript](r) {
				if tr.Eager {
					eager++
					if tr.Final {
						t.Error("a guess is final")
					}
				}
				if tr.Final && tr.SpeechFinal == tr.Finalized { // the last turn was ended by Close
					t.Errorf("a final that ends no turn, or not by one: %+v", tr)
				}
			}
			if eager == 0 {
				t.Error("no end of turn was guessed")
			}
			status := of[Status](r)
			if last := status[len(status)-1]; last.State != Closed || last.Err != nil {
				t.Errorf("the end is %+v", last)
			}
			sessions := d.heard()
			if len(sessions) != 2 || sessions[0].frames != 1000 || sessions[1].frames != 1000 {
				t.Errorf("%d connections", len(sessions))
			}
		})
	}
}

// Finalize forces the turn's end; where that is not known, the watchdog ends it.
func TestFluxForcedEnd(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			d := &fluxStandIn{deaf: deaf}
			f, r := openFlux(t, d, nil)
			words := []spoken{{0, 1, 10, 22}, {0, 2, 25, 37}}
			speakFlux(f, words, 0, 49)
			f.Finalize(audio.Interviewer)
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			if fs := r.finals(0); len(fs) != 1 && !deaf || len(fs) != 0 && deaf {
				t.Errorf("deaf %v: %d finals at once", deaf, len(fs))
			} else if !deaf && (!fs[0].Finalized || fs[0].SpeechFinal) {
				t.Errorf("an end that was asked for is taken for the speaker's: %+v", fs[0])
			}
			time.Sleep(4 * time.Second)
			synctest.Wait()
			if got := r.finalWords(0); len(got) != 2 {
				t.Errorf("deaf %v: %v", deaf, got)
			}
			if got := d.heard(); !slices.Contains(append(got[0].controls, got[1].controls...), "ForceEndTurn") {
				t.Error("nothing was forced")
			}
		})
	}
}

// A lost connection is opened again on its own, and its turn is heard again.
func TestFluxReconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fluxStandIn{}
		f, r := openFlux(t, d, nil)
		words := conversation(12 * time.Second)
		speakFlux(f, words, 0, 200)
		for _, h := range d.heard()[:1] {
			h.cut()
		}
		speakFlux(f, words, 200, 650)
		f.Close(t.Context())
		<-r.done
		r.wantWords(t, words)
		if _, ok := r.when(Reconnecting, time.Time{}); !ok {
			t.Error("the loss was not told")
		}
		if len(d.heard()) != 3 {
			t.Errorf("%d connections", len(d.heard()))
		}
	})
}

// When one channel cannot be had, neither is; the reason is told.
func TestFluxRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fluxStandIn{t: t, refuse: func(n int) int {
			if n == 1 {
				return 402
			}
			return 0
		}}
		net := serve(t, d)
		_, err := DialFlux(t.Context(), Options{URL: "http://deepgram.test", Model: "flux-general-en", Credential: key, DialContext: net.DialContext})
		var e *Error
		if !errors.As(err, &e) || e.Status != 402 {
			t.Errorf("%v", err)
		}
	})
	if _, err := Dial(t.Context(), Options{Model: "flux-general-en", Credential: key}); err == nil {
		t.Error("a Stream takes a flux model")
	}
}

// One credential opens both connections, and is used no third time: each may
// cost a grant, of which there are few. After Redial nothing of before is used.
func TestFluxSharesACredential(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fluxStandIn{}
		asked := 0
		f, _ := openFlux(t, d, func(o *Options) {
			o.Credential = func(ctx context.Context) (Credential, error) {
				time.Sleep(300 * time.Millisecond) // the server's time
				asked++
				c, err := key(ctx)
				c.Tag = strconv.Itoa(asked)
				return c, err
			}
		})
		tags := func() (all []string) {
			time.Sleep(2 * time.Second)
			synctest.Wait()
			for _, h := range d.heard() {
				all = append(all, h.tag)
			}
			return all
		}
		if got := tags(); !slices.Equal(got, []string{"1", "1"}) {
			t.Errorf("opened with %v", got)
		}
		for _, h := range d.heard() {
			h.cut()
		}
		if got := tags(); !slices.Equal(got[2:], []string{"2", "2"}) {
			t.Errorf("opened again with %v", got)
		}
		d.heard()[2].cut()
		if got := tags(); !slices.Equal(got[4:], []string{"3"}) {
			t.Errorf("one was opened again with %v", got)
		}
		f.Redial()
		if got := tags(); !slices.Equal(got[5:], []string{"4", "4"}) || asked != 4 {
			t.Errorf("after Redial with %v, asked %d times", got, asked)
		}
		for _, h := range d.heard()[5:] {
			h.cut()
			time.Sleep(15 * time.Second) // a credential is not kept
		}
		if got := tags(); !slices.Equal(got[7:], []string{"5", "6"}) {
			t.Errorf("one after the other with %v", got)
		}
	})
}

// The multilingual model is told of a language that it knows, and of no other.
func TestFluxLanguage(t *testing.T) {
	for _, tt := range []struct{ model, language, hint string }{
		{"flux-general-multi", "de", "de"}, {"flux-general-multi", "pt-BR", "pt"},
		{"flux-general-multi", "multi", ""}, {"flux-general-multi", "sv", ""}, {"flux-general-en", "en-GB", ""},
	} {
		o := Options{Model: tt.model, Language: tt.language}
		if got := o.fluxQuery().Get("language_hint"); got != tt.hint {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}
