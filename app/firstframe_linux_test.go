package main

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"copilot/app/account/authtest"
	"copilot/app/overlay"
)

// wire passes bytes on to a server and keeps a copy of what went either way.
type wire struct {
	url      string
	asked    lockedBuffer // by the program
	answered lockedBuffer
}

// tap listens in on the way to a server until the end of the test. first, where
// it is not nil, is called at the first connection, which waits for it.
func tap(t *testing.T, to string, first func()) *wire {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{url: "http://" + l.Addr().String()}
	var once sync.Once
	var all sync.WaitGroup
	pass := func(from net.Conn) {
		defer from.Close()
		on, err := net.Dial("tcp", u.Host)
		if err != nil { // the server is away, which the program is to see
			return
		}
		defer on.Close()
		stop := make(chan struct{})
		defer close(stop)
		all.Go(func() { // the end of the test ends both ways
			select {
			case <-t.Context().Done():
			case <-stop:
			}
			from.Close()
			on.Close()
		})
		all.Go(func() {
			io.Copy(from, io.TeeReader(on, &w.answered))
			from.Close()
		})
		io.Copy(on, io.TeeReader(from, &w.asked))
	}
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if first != nil {
				once.Do(first)
			}
			all.Go(func() { pass(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return w
}

// painted says whether the window shows more than one colour: text, at least.
func (d *desktop) painted() (is bool) {
	w := d.titled("Interview Copilot")
	if w == 0 {
		return false
	}
	d.x(func(c *xgb.Conn, _ xproto.Window) {
		got, err := xproto.GetImage(c, xproto.ImageFormatZPixmap, xproto.Drawable(w), 10, 10, 300, 200, ^uint32(0)).Reply()
		if err != nil { // not there yet
			return
		}
		colours := map[[3]byte]bool{}
		for i := 0; i+3 < len(got.Data); i += 4 {
			colours[[3]byte(got.Data[i:i+3])] = true
		}
		is = len(colours) > 8
	})
	return is
}

// Nothing is asked of the network before the first frame: when the first
// connection arrives, wherever it goes, the window shows its page already.
func TestNothingOnTheNetworkBeforeTheFirstFrame(t *testing.T) {
	s := newService(t)
	s.credit(3)
	d := newDesktop(t)
	d.keyring(s)
	for _, mode := range []string{overlay.ModeHosted, overlay.ModeOwnKeys} {
		t.Run(mode, func(t *testing.T) {
			d.acceptNotice(func(o *overlay.Settings) { o.Mode = mode })
			asked := make(chan bool, 10)
			look := func() { asked <- d.painted() }
			p := d.launch([]string{"BACKEND_URL=" + tap(t, s.url(), look).url, "SUPABASE_URL=" + tap(t, s.auth.URL, look).url, "SUPABASE_ANON_KEY=" + authtest.Key,
				"DEEPGRAM_URL=" + tap(t, s.vendors.DeepgramURL(), look).url, "DEEPGRAM_API_KEY=" + s.vendors.DeepgramKey(),
				"GROQ_URL=" + tap(t, s.vendors.GroqURL(), look).url + "/openai/v1", "GROQ_API_KEY=" + s.vendors.GroqKey()})
			select {
			case painted := <-asked:
				if !painted {
					t.Error("the window is blank when the network is asked")
				}
			case <-time.After(60 * time.Second):
				t.Error("the network was never asked: the test proves nothing")
			}
			d.tray() // the tray's library does not survive an end before it has begun
			if err := p.stop(); err != nil {
				t.Error(err)
			}
		})
	}
}
