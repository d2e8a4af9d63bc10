package device

import (
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jfreymuth/pulse/proto"
	"go.uber.org/goleak"
)

func TestA2_ChoosePulse(t *testing.T) {
	speakers := pulseDevice{source: "spk.monitor", index: 1, id: "spk", name: "Speakers"}
	headset := pulseDevice{source: "usb.monitor", index: 2, id: "usb", name: "USB Headset"}
	built := pulseDevice{source: "mic", index: 3, id: "mic", name: "Built-in Microphone"}
	boom := pulseDevice{source: "boom", index: 4, id: "boom", name: "USB Headset"}
	cleaned := pulseDevice{source: "clean", index: 5, id: "clean", name: "Noise-free Microphone", carrier: "cleanbus.monitor"}
	cleanBus := pulseDevice{source: "cleanbus.monitor", index: 6, id: "cleanbus", name: "Bus"}
	both := pulseState{defaultSink: "spk", defaultSource: "mic", microphones: []pulseDevice{boom, built}, outputs: []pulseDevice{headset, speakers}}
	with := func(s pulseState, change func(*pulseState)) pulseState { change(&s); return s }
	for _, c := range []struct {
		name               string
		state              pulseState
		config             Config
		microphone, system string // a source, or "?" and part of the advice
	}{
		{"defaults", both, Config{}, "mic", "spk.monitor"},
		{"other defaults", with(both, func(s *pulseState) { s.defaultSink, s.defaultSource = "usb", "boom" }), Config{}, "boom", "usb.monitor"},
		{"by name", both, Config{Microphone: "usb headset", Output: "USB Headset"}, "boom", "usb.monitor"},
		{"by id", both, Config{Microphone: "boom", Output: "usb"}, "boom", "usb.monitor"},
		{"named and away", both, Config{Microphone: "Yeti", Output: "Television"}, `?"Yeti"`, `?"Television"`},
		{"the default source is a monitor", with(both, func(s *pulseState) { s.defaultSource = "spk.monitor" }), Config{}, "boom", "spk.monitor"},
		{"a monitor named as microphone", both, Config{Microphone: "spk.monitor"}, "?not connected", "spk.monitor"},
		{"no microphone", with(both, func(s *pulseState) { s.microphones = nil }), Config{}, "?Connect a microphone", "spk.monitor"},
		{"no output", with(both, func(s *pulseState) { s.outputs = nil }), Config{}, "mic", "?Connect a loudspeaker"},
		{"nothing", pulseState{}, Config{}, "?Connect a microphone", "?Connect a loudspeaker"},
		{"the microphone is made of the default output", pulseState{defaultSink: "cleanbus", defaultSource: "clean",
			microphones: []pulseDevice{cleaned}, outputs: []pulseDevice{cleanBus, speakers}}, Config{}, "clean", "spk.monitor"},
		{"and there is no other", pulseState{defaultSink: "cleanbus", defaultSource: "clean",
			microphones: []pulseDevice{cleaned}, outputs: []pulseDevice{cleanBus}}, Config{}, "clean", "?Connect a loudspeaker"},
	} {
		t.Run(c.name, func(t *testing.T) {
			microphone, system := choosePulse(c.state, c.config)
			check := func(lane string, got target, want string) {
				t.Helper()
				if advice, none := strings.CutPrefix(want, "?"); none {
					if got.device.source != "" || !strings.Contains(got.advice, advice) {
						t.Errorf("%s: %+v, want advice with %q", lane, got, advice)
					}
				} else if got.device.source != want || got.advice != "" {
					t.Errorf("%s: %+v, want %q", lane, got, want)
				}
			}
			check("microphone", microphone, c.microphone)
			check("system", system, c.system)
		})
	}
}

// What: a microphone made of an output's monitor is known by either server's
// marks, and only our own streams count.
func TestReadState(t *testing.T) {
	props := func(kv ...string) proto.PropList {
		p := proto.PropList{}
		for i := 0; i < len(kv); i += 2 {
			p[kv[i]] = proto.PropListString(kv[i+1])
		}
		return p
	}
	source := func(index uint32, name, monitored string, p proto.PropList) *proto.GetSourceInfoReply {
		return &proto.GetSourceInfoReply{SourceIndex: index, SourceName: name, MonitorSourceName: monitored, Properties: p,
			SampleSpec: proto.SampleSpec{Rate: 44100}}
	}
	got := readState(
		proto.GetServerInfoReply{DefaultSinkName: "spk", DefaultSourceName: "mic"},
		proto.GetSinkInfoListReply{
			{SinkName: "spk", MonitorSourceName: "spk.monitor", Properties: props("device.description", "Speakers"), SampleSpec: proto.SampleSpec{Rate: 48000}},
			{SinkName: "mute", MonitorSourceName: "mute.monitor"}, // its monitor is not listed
		},
		proto.GetSourceInfoListReply{
			source(1, "spk.monitor", "spk", props("device.description", "Monitor of Speakers")),
			source(2, "pw", "", props("device.description", "Cleaned", "node.link-group", "loop-1")),
			source(3, "pa", "", props("device.master_device", "spk.monitor")),
			source(4, "plain", "", nil),
		},
		proto.GetSourceOutputInfoListReply{
			{SourceOutpuIndex: 10, SourceIndex: 1, Properties: props("node.link-group", "loop-1")},
			{SourceOutpuIndex: 11, SourceIndex: 4, Properties: props("application.process.id", "77")},
			{SourceOutpuIndex: 12, SourceIndex: 1, Properties: props("application.process.id", "78")},
		}, 77)
	want := pulseState{
		defaultSink: "spk", defaultSource: "mic",
		microphones: []pulseDevice{
			{source: "pw", index: 2, id: "pw", name: "Cleaned", rate: 44100, carrier: "spk.monitor"},
			{source: "pa", index: 3, id: "pa", name: "pa", rate: 44100, carrier: "spk.monitor"},
			{source: "plain", index: 4, id: "plain", name: "plain", rate: 44100},
		},
		outputs: []pulseDevice{{source: "spk.monitor", index: 1, id: "spk", name: "Speakers", rate: 48000}},
		streams: map[uint32]uint32{11: 4},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestPulseAddresses(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want []pulseAddress
	}{
		{map[string]string{"XDG_RUNTIME_DIR": "/run/user/7"}, []pulseAddress{{"unix", "/run/user/7/pulse/native"}}},
		{map[string]string{"XDG_RUNTIME_DIR": "/run/user/7", "PULSE_RUNTIME_PATH": "/p"}, []pulseAddress{{"unix", "/p/native"}}},
		{map[string]string{"PULSE_SERVER": "unix:/a/b"}, []pulseAddress{{"unix", "/a/b"}}},
		{map[string]string{"PULSE_SERVER": "/a/b"}, []pulseAddress{{"unix", "/a/b"}}},
		{map[string]string{"PULSE_SERVER": "{0123}unix:/a tcp:host tcp4:host:99 tcp6:[::1]:4713"},
			[]pulseAddress{{"unix", "/a"}, {"tcp", "host:4713"}, {"tcp4", "host:99"}, {"tcp6", "[::1]:4713"}}},
		{map[string]string{"PULSE_SERVER": "{0123 nonsense:x {}"}, nil},
	} {
		if got := pulseAddresses(func(k string) string { return c.env[k] }); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.env, got, c.want)
		}
	}
}

// What: a server that hangs up during the login is an error. Why: the library's
// own Connect crashes the process there.
func TestDialPulseHangsUp(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	path := filepath.Join(t.TempDir(), "native")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Read(make([]byte, 1))
			conn.Close()
		}
	}()
	t.Setenv("PULSE_SERVER", "unix:"+path)
	for range 5 {
		if _, err := dialPulse(t.Context()); err == nil {
			t.Fatal("no error")
		}
	}
}

// What: our ALSA configuration lies where only this user can write it, with or
// without a runtime directory, and a temporary one is removed.
func TestWriteALSAConfig(t *testing.T) {
	runtime := t.TempDir()
	for _, dir := range []string{runtime, "", filepath.Join(runtime, "file", "below")} {
		if err := os.WriteFile(filepath.Join(runtime, "file"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("XDG_RUNTIME_DIR", dir)
		path, remove, err := writeALSAConfig()
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), "pcm.default") {
			t.Errorf("%q: %v", text, err)
		}
		if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("directory %v, %v", info.Mode(), err)
		}
		remove()
		if _, err := os.Stat(path); (err == nil) != (dir == runtime) {
			t.Errorf("in %q after removing: %v", dir, err)
		}
	}
}

// What: errors of the library end a request in bounded time. Why: a server that
// accepts and then says nothing must not hang the program.
func TestDialPulseSilentServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "native")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	t.Setenv("PULSE_SERVER", "unix:"+path)
	began := time.Now()
	if _, err := dialPulse(t.Context()); err == nil {
		t.Fatal("no error")
	}
	if d := time.Since(began); d > 10*pulseTimeout {
		t.Errorf("took %v", d)
	}
}
