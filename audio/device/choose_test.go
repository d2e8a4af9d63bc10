package device

import (
	"strings"
	"testing"
)

// in and out shorten the tables.
func in(api, name string, channels, rate int) port {
	return port{api: api, name: name, inputs: channels, rate: rate}
}

func out(api, name string) port { return port{api: api, name: name, outputs: 2, rate: 48000} }

func (p port) byDefault() port {
	p.defaultInput, p.defaultOutput = p.inputs > 0, p.outputs > 0
	return p
}

var (
	mac = []port{
		in("Core Audio", "MacBook Pro Microphone", 1, 48000).byDefault(),
		out("Core Audio", "MacBook Pro Speakers").byDefault(),
		in("Core Audio", "AirPods Pro", 1, 24000),
	}
	windows = []port{
		in("MME", "Microsoft Sound Mapper - Input", 2, 44100).byDefault(),
		in("MME", "Microphone (Realtek(R) Audi", 2, 44100),
		out("MME", "Speakers (Realtek(R) Audio)").byDefault(),
		in("Windows DirectSound", "Microphone (Realtek(R) Audio)", 2, 44100).byDefault(),
		out("Windows WASAPI", "Speakers (Realtek(R) Audio)").byDefault(),
		out("Windows WASAPI", "Television (HDMI)"),
		in("Windows WASAPI", "Microphone (Realtek(R) Audio)", 2, 48000).byDefault(),
	}
	linux = []port{
		in("ALSA", "HDA Intel PCH: ALC257 Analog (hw:0,0)", 2, 44100),
		in("ALSA", "default", 32, 44100).byDefault(),
		out("ALSA", "default").byDefault(),
	}
)

// What: by the names that PortAudio lists, each system's microphone and loopback
// are told apart, and where there is none the person is told what to do.
func TestA2_ChoosePorts(t *testing.T) {
	with := func(ports []port, more ...port) []port { return append(append([]port(nil), ports...), more...) }
	for _, c := range []struct {
		name, goos         string
		ports              []port
		config             Config
		microphone, system string // a name, or "?" and part of the advice
	}{
		{"mac, bare", "darwin", mac, Config{}, "MacBook Pro Microphone", "?BlackHole"},
		{"mac, BlackHole", "darwin", with(mac, in("Core Audio", "BlackHole 2ch", 2, 48000)), Config{}, "MacBook Pro Microphone", "BlackHole 2ch"},
		{"mac, Loopback", "darwin", with(mac, in("Core Audio", "Loopback Audio", 2, 48000)), Config{}, "MacBook Pro Microphone", "Loopback Audio"},
		{"mac, VB-Cable", "darwin", with(mac, in("Core Audio", "VB-Cable", 2, 48000)), Config{}, "MacBook Pro Microphone", "VB-Cable"},
		{"mac, Soundflower", "darwin", with(mac, in("Core Audio", "Soundflower (2ch)", 2, 48000)), Config{}, "MacBook Pro Microphone", "Soundflower (2ch)"},
		{"mac, aggregate", "darwin", with(mac, in("Core Audio", "Aggregate Device", 3, 48000)), Config{}, "MacBook Pro Microphone", "Aggregate Device"},
		{"mac, the loopback is the default input", "darwin",
			[]port{in("Core Audio", "BlackHole 2ch", 2, 48000).byDefault(), in("Core Audio", "USB Mic", 1, 48000)}, Config{}, "USB Mic", "BlackHole 2ch"},
		{"mac, the loopback is the only input", "darwin",
			[]port{in("Core Audio", "BlackHole 2ch", 2, 48000).byDefault()}, Config{}, "?Connect a microphone", "BlackHole 2ch"},
		{"mac, named", "darwin", with(mac, in("Core Audio", "BlackHole 2ch", 2, 48000), in("Core Audio", "BlackHole 16ch", 16, 48000)),
			Config{Microphone: "airpods pro", Output: "BlackHole 16ch"}, "AirPods Pro", "BlackHole 16ch"},
		{"mac, named and away", "darwin", mac, Config{Microphone: "Yeti", Output: "Cable"}, `?"Yeti" is not connected`, `?"Cable" is not connected`},
		{"mac, nothing", "darwin", nil, Config{}, "?Connect a microphone", "?BlackHole"},

		{"windows, a release of PortAudio", "windows", windows, Config{}, "Microphone (Realtek(R) Audio)", "?Stereo Mix"},
		{"windows, with WASAPI loopback", "windows", with(windows,
			in("Windows WASAPI", "Television (HDMI) [Loopback]", 2, 48000),
			in("Windows WASAPI", "Speakers (Realtek(R) Audio) [Loopback]", 2, 48000)), Config{},
			"Microphone (Realtek(R) Audio)", "Speakers (Realtek(R) Audio) [Loopback]"},
		{"windows, loopback of a named output", "windows", with(windows,
			in("Windows WASAPI", "Speakers (Realtek(R) Audio) [Loopback]", 2, 48000),
			in("Windows WASAPI", "Television (HDMI) [Loopback]", 2, 48000)), Config{Output: "Television (HDMI)"},
			"Microphone (Realtek(R) Audio)", "Television (HDMI) [Loopback]"},
		{"windows, Stereo Mix", "windows", with(windows, in("Windows WASAPI", "Stereo Mix (Realtek(R) Audio)", 2, 48000)), Config{},
			"Microphone (Realtek(R) Audio)", "Stereo Mix (Realtek(R) Audio)"},
		{"windows, VB-Cable", "windows", with(windows, in("Windows WASAPI", "CABLE Output (VB-Audio Virtual Cable)", 2, 48000)), Config{},
			"Microphone (Realtek(R) Audio)", "CABLE Output (VB-Audio Virtual Cable)"},
		{"windows, MME only", "windows", windows[:3], Config{}, "Microsoft Sound Mapper - Input", "?Stereo Mix"},

		{"linux, ALSA alone", "linux", linux, Config{}, "default", "?PulseAudio"},
		{"linux, named card", "linux", linux, Config{Microphone: "HDA Intel PCH"}, "HDA Intel PCH: ALC257 Analog (hw:0,0)", "?PulseAudio"},
		{"linux, nothing", "linux", nil, Config{}, "?Connect a microphone", "?PulseAudio"},
	} {
		t.Run(c.name, func(t *testing.T) {
			microphone, system := choosePorts(c.goos, c.ports, c.config)
			check := func(lane string, got pick, want string) {
				t.Helper()
				if advice, none := strings.CutPrefix(want, "?"); none {
					if got.port != nil || !strings.Contains(got.advice, advice) {
						t.Errorf("%s: %+v, want advice with %q", lane, got, advice)
					}
				} else if got.port == nil || got.port.name != want || got.advice != "" {
					t.Errorf("%s: %+v, want %q", lane, got, want)
				} else if c.goos == "windows" && c.name != "windows, MME only" && got.port.api != "Windows WASAPI" {
					t.Errorf("%s: over %s", lane, got.port.api)
				}
			}
			check("microphone", microphone, c.microphone)
			check("system", system, c.system)
		})
	}
}

func TestChannelsOf(t *testing.T) {
	for _, c := range []struct {
		port port
		want int
	}{
		{in("Windows WASAPI", "Speakers [Loopback]", 8, 48000), 8},
		{in("Core Audio", "BlackHole 16ch", 16, 48000), 2},
		{in("ALSA", "default", 32, 44100), 2},
		{in("Core Audio", "AirPods", 1, 24000), 1},
	} {
		if got := channelsOf(c.port); got != c.want {
			t.Errorf("%s: %d channels, want %d", c.port.name, got, c.want)
		}
	}
}
