//go:build !linux && !windows && !darwin

package overlay

import "fyne.io/fyne/v2"

// These systems have no call that we know: the window is asked to stay on top
// through Fyne before it is shown, and that is all.
func setOnTop(fyne.Window, bool) bool          { return true }
func setOpacity(fyne.Window, float64) bool     { return true }
func position(fyne.Window) (x, y int, ok bool) { return 0, 0, false }
func monitors() []monitor                      { return nil }
func fades() bool                              { return false }
func nativeAdvice() string                     { return "" }
