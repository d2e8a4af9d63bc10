package device

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jfreymuth/pulse/proto"
)

// pulseTimeout bounds every request; a local server answers within milliseconds.
const pulseTimeout = 2 * time.Second

// pulseServer is a control connection to PulseAudio or PipeWire's pulse server.
// It carries no sound.
type pulseServer struct {
	c    *proto.Client
	conn net.Conn
	// events counts what may have changed, as the server tells it; wake is
	// signalled after each.
	events atomic.Int64
	wake   chan struct{}
	gone   chan struct{} // closed when the connection has ended
}

// dialPulse connects and subscribes to changes.
//
// The library's own Connect is not used: it calls a callback that is not yet
// set, and so crashes, when the server hangs up during the login, and it reports
// the end of a connection only for one of the ways it can end.
func dialPulse(ctx context.Context) (*pulseServer, error) {
	conn, err := dialAny(ctx)
	if err != nil {
		return nil, fmt.Errorf("reach the sound server: %w", err)
	}
	p := &pulseServer{c: &proto.Client{}, conn: conn, wake: make(chan struct{}, 1), gone: make(chan struct{})}
	p.c.Callback = p.hear
	p.c.SetTimeout(pulseTimeout)
	p.c.Open(endsInEOF{conn})
	if err := p.login(); err != nil {
		p.close()
		return nil, fmt.Errorf("log in to the sound server: %w", err)
	}
	return p, nil
}

// endsInEOF turns every error into io.EOF, the only one that the library reports.
type endsInEOF struct{ net.Conn }

func (r endsInEOF) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	if err != nil {
		err = io.EOF
	}
	return n, err
}

// dialAny tries PULSE_SERVER's addresses, or the user's own socket.
func dialAny(ctx context.Context) (net.Conn, error) {
	var dialer net.Dialer
	err := errors.New("no address for it")
	for _, a := range pulseAddresses(os.Getenv) {
		var conn net.Conn
		if conn, err = dialer.DialContext(ctx, a.network, a.address); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

type pulseAddress struct{ network, address string }

// pulseAddresses understands the server strings of PulseAudio's documentation
// ("Server String Format"): space-separated, {host-id} prefixes, unix:, tcp:.
func pulseAddresses(getenv func(string) string) []pulseAddress {
	servers := getenv("PULSE_SERVER")
	if servers == "" {
		dir := cmp.Or(getenv("PULSE_RUNTIME_PATH"), filepath.Join(getenv("XDG_RUNTIME_DIR"), "pulse"))
		return []pulseAddress{{"unix", filepath.Join(dir, "native")}}
	}
	var out []pulseAddress
	for _, s := range strings.Fields(servers) {
		if strings.HasPrefix(s, "{") {
			if _, s, _ = strings.Cut(s, "}"); s == "" {
				continue
			}
		}
		kind, rest, _ := strings.Cut(s, ":")
		switch kind {
		case "unix":
			out = append(out, pulseAddress{"unix", rest})
		case "tcp", "tcp4", "tcp6":
			if _, _, err := net.SplitHostPort(rest); err != nil {
				rest = net.JoinHostPort(rest, "4713")
			}
			out = append(out, pulseAddress{kind, rest})
		default:
			if strings.HasPrefix(s, "/") {
				out = append(out, pulseAddress{"unix", s})
			}
		}
	}
	return out
}

func (p *pulseServer) login() error {
	var auth proto.AuthReply
	if err := p.c.Request(&proto.Auth{Version: p.c.Version(), Cookie: pulseCookie()}, &auth); err != nil {
		return err
	}
	p.c.SetVersion(auth.Version)
	props := proto.PropList{
		"application.name":       proto.PropListString("Interview Copilot"),
		"application.process.id": proto.PropListString(strconv.Itoa(os.Getpid())),
	}
	if err := p.c.Request(&proto.SetClientName{Props: props}, &proto.SetClientNameReply{}); err != nil {
		return err
	}
	mask := proto.SubscriptionMaskSink | proto.SubscriptionMaskSource |
		proto.SubscriptionMaskSourceInput | // the library's name for source outputs
		proto.SubscriptionMaskServer
	return p.c.Request(&proto.Subscribe{Mask: mask}, nil)
}

// pulseCookie is the user's secret, which PulseAudio asks for. PipeWire, and a
// PulseAudio that lets everyone in, take any 256 bytes.
func pulseCookie() []byte {
	home, _ := os.UserHomeDir()
	for _, path := range []string{os.Getenv("PULSE_COOKIE"), filepath.Join(home, ".config/pulse/cookie"), filepath.Join(home, ".pulse-cookie")} {
		if b, err := os.ReadFile(path); err == nil && len(b) == 256 {
			return b
		}
	}
	return make([]byte, 256)
}

// hear is called by the connection's reader. It must not send requests.
func (p *pulseServer) hear(message any) {
	switch message.(type) {
	case *proto.ConnectionClosed:
		p.conn.Close()
		close(p.gone)
	case *proto.SubscribeEvent:
		p.events.Add(1)
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
}

// close hangs up and waits for the reader to end.
func (p *pulseServer) close() {
	p.conn.Close()
	<-p.gone
}

// kill ends one of our streams: its reader gets an error at once.
func (p *pulseServer) kill(output uint32) error {
	return p.c.Request(&proto.KillSourceOutput{SourceOutputIndex: output}, nil)
}

// pulseDevice is something to capture from.
type pulseDevice struct {
	source  string // name of the source
	index   uint32 // of the source
	id      string // name of the sink or source that the person knows
	name    string
	rate    int
	carrier string // the source that this one is made of, by PulseAudio's remapping or PipeWire's filters
}

// pulseState is what the server has at one moment.
type pulseState struct {
	defaultSink, defaultSource string
	microphones                []pulseDevice
	outputs                    []pulseDevice     // sinks, captured by their monitors
	streams                    map[uint32]uint32 // this process's source outputs → their sources
}

// state asks the server for everything we need to know: a few milliseconds.
func (p *pulseServer) state() (pulseState, error) {
	var server proto.GetServerInfoReply
	var sinks proto.GetSinkInfoListReply
	var sources proto.GetSourceInfoListReply
	var outputs proto.GetSourceOutputInfoListReply
	if err := errors.Join(
		p.c.Request(&proto.GetServerInfo{}, &server),
		p.c.Request(&proto.GetSinkInfoList{}, &sinks),
		p.c.Request(&proto.GetSourceInfoList{}, &sources),
		p.c.Request(&proto.GetSourceOutputInfoList{}, &outputs),
	); err != nil {
		return pulseState{}, fmt.Errorf("ask the sound server: %w", err)
	}
	return readState(server, sinks, sources, outputs, os.Getpid()), nil
}

// readState picks out of a server's answers what matters to process pid.
func readState(server proto.GetServerInfoReply, sinks proto.GetSinkInfoListReply, sources proto.GetSourceInfoListReply,
	outputs proto.GetSourceOutputInfoListReply, pid int) pulseState {
	s := pulseState{
		defaultSink:   server.DefaultSinkName,
		defaultSource: server.DefaultSourceName,
		streams:       map[uint32]uint32{},
	}
	listening := map[string]uint32{} // PipeWire's filters, by what joins their two ends → source
	for _, o := range outputs {
		if property(o.Properties, "application.process.id") == strconv.Itoa(pid) {
			s.streams[o.SourceOutpuIndex] = o.SourceIndex
		}
		if group := property(o.Properties, "node.link-group"); group != "" {
			listening[group] = o.SourceIndex
		}
	}
	monitors := map[string]uint32{}
	names := map[uint32]string{}
	for _, src := range sources {
		names[src.SourceIndex] = src.SourceName
		if src.MonitorSourceName != "" { // a source's "monitor source" is the sink it monitors
			monitors[src.SourceName] = src.SourceIndex
		}
	}
	for _, src := range sources {
		if _, monitor := monitors[src.SourceName]; monitor {
			continue
		}
		d := pulseDevice{
			source: src.SourceName, index: src.SourceIndex, id: src.SourceName,
			name: cmp.Or(property(src.Properties, "device.description"), src.SourceName),
			rate: int(src.Rate), carrier: property(src.Properties, "device.master_device"),
		}
		if from, ok := listening[property(src.Properties, "node.link-group")]; ok {
			d.carrier = names[from]
		}
		s.microphones = append(s.microphones, d)
	}
	for _, sink := range sinks {
		if index, ok := monitors[sink.MonitorSourceName]; ok {
			s.outputs = append(s.outputs, pulseDevice{
				source: sink.MonitorSourceName, index: index, id: sink.SinkName,
				name: cmp.Or(property(sink.Properties, "device.description"), sink.SinkName), rate: int(sink.Rate),
			})
		}
	}
	return s
}

func property(props proto.PropList, key string) string {
	if v, ok := props[key]; ok {
		return v.String()
	}
	return ""
}

// target is what one lane is to capture: nothing when device.source is empty.
type target struct {
	device pulseDevice
	advice string
}

// choosePulse decides what to capture. A monitor is never taken for a
// microphone, nor the monitor that the microphone is made of for the system's
// sound (virtual microphones are built like that).
func choosePulse(s pulseState, c Config) (microphone, system target) {
	pick := func(devices []pulseDevice, wanted, byDefault, what string) target {
		if wanted != "" {
			i := slices.IndexFunc(devices, func(d pulseDevice) bool { return d.id == wanted || strings.EqualFold(d.name, wanted) })
			if i < 0 {
				return target{advice: notConnected(wanted, what)}
			}
			return target{device: devices[i]}
		}
		if i := slices.IndexFunc(devices, func(d pulseDevice) bool { return d.id == byDefault }); i >= 0 {
			return target{device: devices[i]}
		}
		if len(devices) > 0 {
			return target{device: devices[0]}
		}
		return target{}
	}
	microphone = pick(s.microphones, c.Microphone, s.defaultSource, "microphone")
	if microphone == (target{}) {
		microphone.advice = microphoneAdvice
	}
	outputs := slices.DeleteFunc(slices.Clone(s.outputs), func(d pulseDevice) bool {
		return microphone.device.carrier != "" && d.source == microphone.device.carrier
	})
	system = pick(outputs, c.Output, s.defaultSink, "output")
	if system == (target{}) {
		system.advice = "Connect a loudspeaker or headphones to hear the interviewer through."
	}
	return microphone, system
}
