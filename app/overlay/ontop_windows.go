package overlay

import (
	"unsafe"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver"
	"golang.org/x/sys/windows"
)

const (
	swpNoSize     = 0x0001
	swpNoMove     = 0x0002
	swpNoActivate = 0x0010
	wsExLayered   = 0x00080000
	lwaAlpha      = 0x2
)

func user32(name string) *windows.LazyProc {
	return windows.NewLazySystemDLL("user32.dll").NewProc(name)
}

// onWindow runs do with the window's handle. It returns false while the window
// has none yet.
func onWindow(w fyne.Window, do func(hwnd uintptr)) bool {
	native, ok := w.(driver.NativeWindow)
	if !ok {
		return true
	}
	ready := true
	native.RunNative(func(context any) {
		c, ok := context.(driver.WindowsWindowContext)
		if !ok {
			return
		}
		if ready = c.HWND != 0; ready {
			do(c.HWND)
		}
	})
	return ready
}

// setOnTop makes the window topmost, or no longer. It reports false when the
// window is not there yet.
func setOnTop(w fyne.Window, on bool) bool {
	return onWindow(w, func(hwnd uintptr) {
		after := ^uintptr(0) // HWND_TOPMOST, -1
		if !on {
			after-- // HWND_NOTOPMOST, -2
		}
		user32("SetWindowPos").Call(hwnd, after, 0, 0, 0, 0, swpNoMove|swpNoSize|swpNoActivate)
	})
}

// setOpacity makes the whole window see-through. It reports false when the
// window is not there yet.
func setOpacity(w fyne.Window, opacity float64) bool {
	return onWindow(w, func(hwnd uintptr) {
		index := ^uintptr(19) // GWL_EXSTYLE, -20
		style, _, _ := user32("GetWindowLongPtrW").Call(hwnd, index)
		if opacity >= 1 {
			user32("SetWindowLongPtrW").Call(hwnd, index, style&^wsExLayered)
			return
		}
		user32("SetWindowLongPtrW").Call(hwnd, index, style|wsExLayered)
		user32("SetLayeredWindowAttributes").Call(hwnd, 0, uintptr(opacity*255), lwaAlpha)
	})
}

// position is where the window's client area is.
func position(w fyne.Window) (x, y int, ok bool) {
	onWindow(w, func(hwnd uintptr) {
		var p struct{ x, y int32 }
		r, _, _ := user32("ClientToScreen").Call(hwnd, uintptr(unsafe.Pointer(&p)))
		x, y, ok = int(p.x), int(p.y), r != 0
	})
	return x, y, ok
}

// monitors are the screens of the desktop.
func monitors() []monitor {
	type info struct {
		size          uint32
		monitor, work windows.Rect
		flags         uint32
	}
	var all []monitor
	visit := windows.NewCallback(func(handle, dc, rect, data uintptr) uintptr {
		i := info{}
		i.size = uint32(unsafe.Sizeof(i))
		if r, _, _ := user32("GetMonitorInfoW").Call(handle, uintptr(unsafe.Pointer(&i))); r != 0 {
			m := i.monitor
			all = append(all, monitor{int(m.Left), int(m.Top), int(m.Right - m.Left), int(m.Bottom - m.Top)})
		}
		return 1
	})
	user32("EnumDisplayMonitors").Call(0, 0, visit, 0)
	return all
}

func fades() bool { return true }

func nativeAdvice() string { return "" }
