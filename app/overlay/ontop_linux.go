package overlay

import (
	"io"
	"log"
	"os"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver"
	"github.com/jezek/xgb"
	"github.com/jezek/xgb/randr"
	"github.com/jezek/xgb/xproto"
)

// x11 is a connection of our own to the X server, for one errand.
type x11 struct {
	*xgb.Conn
	root xproto.Window
}

func dialX11() (*x11, bool) {
	if os.Getenv("DISPLAY") == "" {
		return nil, false
	}
	xgb.Logger = log.New(io.Discard, "", 0) // it reports every closed connection
	c, err := xgb.NewConn()
	if err != nil {
		return nil, false
	}
	return &x11{c, xproto.Setup(c).DefaultScreen(c).Root}, true
}

func (x *x11) atom(name string) xproto.Atom {
	r, err := xproto.InternAtom(x.Conn, false, uint16(len(name)), name).Reply()
	if err != nil {
		return xproto.AtomNone
	}
	return r.Atom
}

// onX11 runs do with the window's handle. It returns false while the window has
// none yet; windows that are not X11's have nothing to wait for.
func onX11(w fyne.Window, do func(x *x11, win xproto.Window)) bool {
	native, ok := w.(driver.NativeWindow)
	if !ok {
		return true
	}
	ready := true
	native.RunNative(func(context any) {
		c, ok := context.(driver.X11WindowContext)
		if !ok {
			return
		}
		if ready = c.WindowHandle != 0; !ready {
			return
		}
		if x, ok := dialX11(); ok {
			defer x.Close()
			do(x, xproto.Window(c.WindowHandle))
		}
	})
	return ready
}

// setOnTop asks the window manager (EWMH) to keep the window above others, or
// no longer. It reports false when the window is not there yet.
func setOnTop(w fyne.Window, on bool) bool {
	return onX11(w, func(x *x11, win xproto.Window) {
		action := uint32(0)
		if on {
			action = 1
		}
		e := xproto.ClientMessageEvent{
			Format: 32, Window: win, Type: x.atom("_NET_WM_STATE"),
			Data: xproto.ClientMessageDataUnionData32New([]uint32{action, uint32(x.atom("_NET_WM_STATE_ABOVE")), 0, 1, 0}),
		}
		const mask = xproto.EventMaskSubstructureNotify | xproto.EventMaskSubstructureRedirect
		xproto.SendEventChecked(x.Conn, false, x.root, mask, string(e.Bytes())).Check()
	})
}

// setOpacity asks the compositor to draw the window see-through. It reports
// false when the window is not there yet.
func setOpacity(w fyne.Window, opacity float64) bool {
	return onX11(w, func(x *x11, win xproto.Window) {
		property := x.atom("_NET_WM_WINDOW_OPACITY")
		if opacity >= 1 {
			xproto.DeletePropertyChecked(x.Conn, win, property).Check()
			return
		}
		data := make([]byte, 4)
		xgb.Put32(data, uint32(opacity*0xffffffff))
		xproto.ChangePropertyChecked(x.Conn, xproto.PropModeReplace, win, property,
			xproto.AtomCardinal, 32, 1, data).Check()
	})
}

// position is where the window's client area is. GLFW gives its windows static
// gravity, so the same numbers put it back exactly.
func position(w fyne.Window) (px, py int, ok bool) {
	onX11(w, func(x *x11, win xproto.Window) {
		r, err := xproto.TranslateCoordinates(x.Conn, win, x.root, 0, 0).Reply()
		if err == nil {
			px, py, ok = int(r.DstX), int(r.DstY), true
		}
	})
	return px, py, ok
}

// monitors are the screens that show something.
func monitors() []monitor {
	x, ok := dialX11()
	if !ok {
		return nil
	}
	defer x.Close()
	if randr.Init(x.Conn) != nil {
		return nil
	}
	res, err := randr.GetScreenResourcesCurrent(x.Conn, x.root).Reply()
	if err != nil {
		return nil
	}
	var all []monitor
	for _, crtc := range res.Crtcs {
		c, err := randr.GetCrtcInfo(x.Conn, crtc, res.ConfigTimestamp).Reply()
		if err == nil && c.Width > 0 && c.Height > 0 && len(c.Outputs) > 0 {
			all = append(all, monitor{int(c.X), int(c.Y), int(c.Width), int(c.Height)})
		}
	}
	return all
}

// fades says whether anything draws windows see-through here.
func fades() bool {
	x, ok := dialX11()
	if !ok {
		return false
	}
	defer x.Close()
	r, err := xproto.GetSelectionOwner(x.Conn, x.atom("_NET_WM_CM_S0")).Reply()
	return err == nil && r.Owner != xproto.WindowNone
}

// nativeAdvice says in one sentence what this desktop cannot do.
func nativeAdvice() string {
	switch {
	case os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") != "":
		return "Wayland lets no window stay above others or choose its place; install XWayland, or use your desktop's own “Always on top”."
	case os.Getenv("DISPLAY") != "" && !fades():
		return "This desktop runs no compositor, so the window cannot be made see-through."
	}
	return ""
}
