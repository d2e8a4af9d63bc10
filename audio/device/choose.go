package device

import (
	"fmt"
	"slices"
	"strings"
)

// port is a device as PortAudio lists it.
type port struct {
	index                       int
	name, api                   string
	inputs, outputs             int // channels
	rate                        int
	defaultInput, defaultOutput bool // of its api
}

// pick is what is to be captured for one lane: nothing when port is nil, and
// then advice says what to do.
type pick struct {
	port   *port
	advice string
}

// virtualDevices are inputs, by parts of their names, that carry what is played
// on the machine: they have no microphone behind them.
var virtualDevices = map[string][]string{
	"darwin": {"blackhole", "loopback audio", "vb-cable", "soundflower", "aggregate device", "ishowu audio"},
	"windows": {"[loopback]", "stereo mix", "stereomix", "what u hear", "wave out mix", "cable output",
		"voicemeeter out", "was hören sie", "mixage stéréo"},
}

// systemAdvice says what to do where the system's own sound cannot be had.
var systemAdvice = map[string]string{
	"darwin":  "To hear the interviewer, install BlackHole (existential.audio/blackhole), play the call through a Multi-Output Device that contains it, and start again.",
	"windows": "To hear the interviewer, connect and enable an output under Sound settings. Where its sound cannot be had, enable \"Stereo Mix\" or install VB-Cable, and choose that.",
	"linux":   "To hear the interviewer, install and start PulseAudio or PipeWire's pulse server.",
}

const microphoneAdvice = "Connect a microphone, and allow this program to use it in the system's privacy settings."

// choosePorts decides what PortAudio devices to capture on a system without a
// sound server to ask, by the names of its devices. One device may carry both
// lanes only if the person says so.
func choosePorts(goos string, all []port, c Config) (microphone, system pick) {
	inputs := preferred(goos, all, func(p port) bool { return p.inputs > 0 })
	virtual := func(p port) bool { return isVirtual(goos, p.name) }
	isDefault := func(p port) bool { return p.defaultInput }

	switch {
	case c.Microphone != "":
		microphone = named(inputs, c.Microphone, "microphone")
	default:
		microphone.port = find(inputs, func(p port) bool { return isDefault(p) && !virtual(p) })
		if microphone.port == nil {
			microphone.port = find(inputs, func(p port) bool { return !virtual(p) })
		}
		if microphone.port == nil {
			microphone.advice = microphoneAdvice
		}
	}
	switch {
	case c.Output != "":
		system = named(inputs, c.Output, "output")
	default:
		system.port = chooseLoopback(goos, all, inputs)
		if system.port == nil {
			system.advice = systemAdvice[goos]
		}
	}
	return microphone, system
}

// chooseLoopback prefers the loopback of the default output, then any.
func chooseLoopback(goos string, all, inputs []port) *port {
	outputs := preferred(goos, all, func(p port) bool { return p.outputs > 0 })
	if out := find(outputs, func(p port) bool { return p.defaultOutput }); out != nil {
		of := func(p port) bool {
			return isVirtual(goos, p.name) && strings.HasPrefix(strings.ToLower(p.name), strings.ToLower(out.name))
		}
		if p := find(inputs, of); p != nil {
			return p
		}
	}
	return find(inputs, func(p port) bool { return isVirtual(goos, p.name) })
}

// preferred keeps the ports wanted, and on Windows, where every device appears
// once per sound interface, only those of the best interface that has any.
func preferred(goos string, all []port, want func(port) bool) []port {
	apis := []string{""}
	if goos == "windows" {
		apis = []string{"WASAPI", "DirectSound", "MME", ""}
	}
	for _, api := range apis {
		var out []port
		for _, p := range all {
			if want(p) && strings.Contains(p.api, api) {
				out = append(out, p)
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

func isVirtual(goos, name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(virtualDevices[goos], func(part string) bool { return strings.Contains(name, part) })
}

func find(ports []port, want func(port) bool) *port {
	for i := range ports {
		if want(ports[i]) {
			return &ports[i]
		}
	}
	return nil
}

// named finds the port a person named.
func named(inputs []port, name, what string) pick {
	p := find(inputs, func(p port) bool { return strings.EqualFold(p.name, name) })
	if p == nil { // the loopback of an output carries a longer name
		p = find(inputs, func(p port) bool {
			return len(p.name) > len(name) && strings.EqualFold(p.name[:len(name)], name)
		})
	}
	if p == nil {
		return pick{advice: notConnected(name, what)}
	}
	return pick{port: p}
}

func notConnected(name, what string) string {
	return fmt.Sprintf("%q is not connected: connect it, or choose another %s.", name, what)
}

// channelsOf is how many channels to open: WASAPI takes only as many as the
// device has, everything else gives the first two.
func channelsOf(p port) int {
	if strings.Contains(p.api, "WASAPI") {
		return p.inputs
	}
	return min(p.inputs, 2)
}
