//go:build !linux && !windows && !darwin

package overlay

func openGrabber(func(chord)) grabber { return nil }

func hotkeyAdvice() string {
	return "This system gives no program keys outside its own window."
}
