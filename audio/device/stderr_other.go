//go:build !unix

package device

// silenceStderr does nothing: the sound systems here write no noise.
func silenceStderr() (restore func()) { return func() {} }
