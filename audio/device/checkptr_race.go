//go:build race

package device

import "github.com/gordonklaus/portaudio"

// skipBadIDs is for the race detector's builds only. The bindings hand PortAudio
// a counter disguised as a pointer, and the pointer checks that come with -race
// end the process for values from 1 to 4095, the unmapped first page. Streams
// that fail before they reach PortAudio use those numbers up. Call it while
// PortAudio is initialised.
func skipBadIDs() {
	for range 4096 {
		_, _ = portaudio.OpenStream(portaudio.StreamParameters{}) // refused: no buffer
	}
}
