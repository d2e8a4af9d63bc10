package overlay

/*
#cgo CFLAGS: -x objective-c -fno-objc-arc
#cgo LDFLAGS: -framework Cocoa
#import <Cocoa/Cocoa.h>

static void copilotSetLevel(uintptr_t handle, int on) {
	NSWindow *w = (NSWindow *)handle;
	[w setLevel:on ? NSFloatingWindowLevel : NSNormalWindowLevel];
	[w setCollectionBehavior:on
		? NSWindowCollectionBehaviorCanJoinAllSpaces | NSWindowCollectionBehaviorFullScreenAuxiliary
		: NSWindowCollectionBehaviorDefault];
}

static void copilotSetAlpha(uintptr_t handle, double alpha) {
	[(NSWindow *)handle setAlphaValue:alpha];
}

// Cocoa counts from the bottom of the first screen, GLFW from its top.
static double copilotTop(NSRect r) {
	return CGDisplayBounds(CGMainDisplayID()).size.height - r.origin.y - r.size.height;
}

static void copilotPosition(uintptr_t handle, int *x, int *y) {
	NSWindow *w = (NSWindow *)handle;
	NSRect r = [w contentRectForFrameRect:[w frame]];
	*x = (int)r.origin.x;
	*y = (int)copilotTop(r);
}

static int copilotScreens(int *out, int max) {
	int n = 0;
	for (NSScreen *s in [NSScreen screens]) {
		if (n == max) break;
		NSRect r = [s frame];
		out[4*n] = (int)r.origin.x;
		out[4*n+1] = (int)copilotTop(r);
		out[4*n+2] = (int)r.size.width;
		out[4*n+3] = (int)r.size.height;
		n++;
	}
	return n;
}
*/
import "C"

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver"
)

// onWindow runs do with the NSWindow. It returns false while there is none yet.
func onWindow(w fyne.Window, do func(handle C.uintptr_t)) bool {
	native, ok := w.(driver.NativeWindow)
	if !ok {
		return true
	}
	ready := true
	native.RunNative(func(context any) {
		c, ok := context.(driver.MacWindowContext)
		if !ok {
			return
		}
		if ready = c.NSWindow != 0; ready {
			do(C.uintptr_t(c.NSWindow))
		}
	})
	return ready
}

// setOnTop makes the window float above others, on every space, or no longer.
// It reports false when the window is not there yet.
func setOnTop(w fyne.Window, on bool) bool {
	return onWindow(w, func(handle C.uintptr_t) {
		if on {
			C.copilotSetLevel(handle, 1)
		} else {
			C.copilotSetLevel(handle, 0)
		}
	})
}

// setOpacity makes the whole window see-through. It reports false when the
// window is not there yet.
func setOpacity(w fyne.Window, opacity float64) bool {
	return onWindow(w, func(handle C.uintptr_t) { C.copilotSetAlpha(handle, C.double(opacity)) })
}

// position is where the window's content is, counted from the top left.
func position(w fyne.Window) (x, y int, ok bool) {
	onWindow(w, func(handle C.uintptr_t) {
		var cx, cy C.int
		C.copilotPosition(handle, &cx, &cy)
		x, y, ok = int(cx), int(cy), true
	})
	return x, y, ok
}

// monitors are the screens of the desktop.
func monitors() []monitor {
	const most = 16
	var out [4 * most]C.int
	n := int(C.copilotScreens(&out[0], most))
	all := make([]monitor, n)
	for i := range all {
		all[i] = monitor{int(out[4*i]), int(out[4*i+1]), int(out[4*i+2]), int(out[4*i+3])}
	}
	return all
}

func fades() bool { return true }

func nativeAdvice() string { return "" }
