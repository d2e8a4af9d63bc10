package device_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"copilot/audio"
	"copilot/audio/device"
	"copilot/audio/device/pulsetest"

	"go.uber.org/goleak"
)

// patience is how long a busy machine may take for what takes milliseconds.
const patience = 20 * time.Second

// recorder runs a Capture and keeps what it says.
type recorder struct {
	t        *testing.T
	speakers string // where the system's sound is played
	cancel   context.CancelFunc
	done     chan error

	mu     sync.Mutex
	frames []audio.Frame
	lanes  [audio.Channels]audio.LaneStatus
	told   [audio.Channels][]audio.LaneStatus
}

func record(t *testing.T, c device.Config) *recorder {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &recorder{t: t, speakers: pulsetest.Speakers, cancel: cancel, done: make(chan error, 1)}
	go func() {
		r.done <- device.New(c).Run(ctx, r.emit, r.status)
	}()
	t.Cleanup(r.stop)
	return r
}

func (r *recorder) emit(f audio.Frame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frames = append(r.frames, f)
}

func (r *recorder) status(s audio.LaneStatus) {
	r.t.Logf("%s: %s %q %s (%d dropped)", s.Channel, s.State, s.Device, s.Advice, s.Dropped)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lanes[s.Channel] = s
	r.told[s.Channel] = append(r.told[s.Channel], s)
}

// stop ends Run, once.
func (r *recorder) stop() {
	r.t.Helper()
	r.cancel()
	select {
	case err, first := <-r.done:
		if first {
			close(r.done)
			if err != nil {
				r.t.Errorf("Run: %v", err)
			}
		}
	case <-time.After(patience):
		r.t.Fatal("Run does not return")
	}
}

func (r *recorder) lane(ch audio.Channel) audio.LaneStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lanes[ch]
}

// await waits for a lane's status.
func (r *recorder) await(ch audio.Channel, what string, ok func(audio.LaneStatus) bool) audio.LaneStatus {
	r.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if s := r.lane(ch); ok(s) {
			return s
		}
	}
	r.t.Fatalf("the %s's lane is not %s but %+v", ch, what, r.lane(ch))
	panic("unreachable")
}

func (r *recorder) awaitState(ch audio.Channel, state audio.LaneState) audio.LaneStatus {
	r.t.Helper()
	return r.await(ch, state.String(), func(s audio.LaneStatus) bool { return s.State == state })
}

func (r *recorder) awaitBoth(state audio.LaneState) {
	r.t.Helper()
	r.awaitState(audio.Interviewer, state)
	r.awaitState(audio.Candidate, state)
}

// mark returns how many frames there are; since returns those after a mark.
func (r *recorder) mark() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.frames)
}

func (r *recorder) since(mark int) []audio.Frame {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.frames[mark:])
}

// talk plays a voice on each side at once, waits for the end and returns what
// was heard meanwhile.
func (r *recorder) talk(s *pulsetest.Server, system, mic string) []audio.Frame {
	r.t.Helper()
	from := r.mark()
	var waits []func()
	if system != "" {
		waits = append(waits, s.Play(r.speakers, system))
	}
	if mic != "" {
		waits = append(waits, s.Play(pulsetest.MicBus, mic))
	}
	for _, wait := range waits {
		wait()
	}
	time.Sleep(300 * time.Millisecond) // the last of it is still on its way
	return r.since(from)
}

// hears plays a voice on one or both sides and checks that each lane carries its
// own and nothing of the other. Only the first may take another try: a machine
// too busy to play in time makes gaps, and a defect fails every time.
func (r *recorder) hears(s *pulsetest.Server, system, mic string) (last []audio.Frame) {
	r.t.Helper()
	for try := 1; ; try++ {
		last = r.talk(s, system, mic)
		good := r.carries(last, audio.Interviewer, system, mic)
		good = r.carries(last, audio.Candidate, mic, system) && good
		if good {
			return last
		}
		if try == 3 {
			r.t.Fatal("what was played was not heard")
		}
	}
}

// carries says whether a lane has at least four of five chunks of what was
// played there. The other side's voice on it is an error.
func (r *recorder) carries(frames []audio.Frame, ch audio.Channel, own, other string) bool {
	r.t.Helper()
	if other != "" {
		unheard(r.t, frames, ch, pulsetest.Samples(r.t, other))
	}
	if own == "" {
		return true
	}
	like := pulsetest.Likeness(pulsetest.Samples(r.t, own), pulsetest.Lane(frames, ch))
	r.t.Logf("%s: own voice %.3f", ch, like)
	good := 0
	for _, v := range like {
		if v > 0.9 {
			good++
		}
	}
	return len(like) >= 4 && good*5 >= len(like)*4
}

// unheard checks that a lane does not carry what was played.
func unheard(t *testing.T, frames []audio.Frame, ch audio.Channel, played []int16) {
	t.Helper()
	if like := pulsetest.Likeness(played, pulsetest.Lane(frames, ch)); len(like) == 0 || slices.Max(like) > 0.5 {
		t.Errorf("%s: carries a voice it must not: %.2f", ch, like)
	}
}

// voices returns two different sentences by two voices.
func voices(t *testing.T) (system, mic string) {
	return pulsetest.Say(t, "en-us", "Tell me about a time you disagreed with your manager."),
		pulsetest.Say(t, "en-gb+f3", "In my last job I rebuilt the whole billing system.")
}

func verifyNoLeak(t *testing.T) {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
}

// What: both lanes are captured at once, each with its own sound, in frames
// that follow each other; stopping leaves nothing behind.
func TestCaptureBothLanes(t *testing.T) {
	verifyNoLeak(t)
	s := pulsetest.Start(t)
	system, mic := voices(t)
	r := record(t, device.Config{})
	r.awaitBoth(audio.LaneLive)
	if a, b := r.lane(audio.Interviewer).Device, r.lane(audio.Candidate).Device; a != pulsetest.SpeakersName || b != pulsetest.MicrophoneName {
		t.Errorf("devices %q and %q", a, b)
	}
	frames := r.hears(s, system, mic)
	r.stop()
	for i := 1; i < len(frames); i++ {
		if d := frames[i].Start - frames[i-1].Start; d != audio.FrameDuration {
			t.Errorf("frame %d starts %v after the one before", i, d)
		}
	}
}

// What: a microphone that is pulled out is lost within 2 s while the other side
// goes on, and is back within 2 s of being put in again.
func TestA1_MicrophoneUnplugged(t *testing.T) {
	verifyNoLeak(t)
	s := pulsetest.Start(t)
	system, mic := voices(t)
	r := record(t, device.Config{})
	r.awaitBoth(audio.LaneLive)

	s.Unplug(pulsetest.Microphone)
	lost := r.awaitState(audio.Candidate, audio.LaneLost)
	if lost.Advice == "" {
		t.Error("no advice")
	}
	frames := r.hears(s, system, "")
	for _, f := range frames[len(frames)/2:] {
		if !f.Silent[audio.Candidate] {
			t.Fatalf("frame at %v is not silent although the microphone is gone", f.Start)
		}
	}

	s.Plug(pulsetest.Microphone)
	r.awaitState(audio.Candidate, audio.LaneLive)
	r.hears(s, "", mic)
}

// What: when the loudspeaker is pulled out, the interviewer's lane is lost. Why:
// the server moves the stream to the default source, and the candidate's own
// words would come in as the interviewer's.
func TestA1_SystemSoundNeverBecomesMicrophone(t *testing.T) {
	verifyNoLeak(t)
	s := pulsetest.Start(t)
	system, mic := voices(t)
	for _, output := range []string{"", pulsetest.SpeakersName} {
		r := record(t, device.Config{Output: output})
		r.awaitBoth(audio.LaneLive)
		speaking := s.Play(pulsetest.MicBus, mic) // all the while
		from := r.mark()
		s.Unplug(pulsetest.Speakers)
		lost := r.awaitState(audio.Interviewer, audio.LaneLost)
		if lost.Advice == "" {
			t.Error("no advice")
		}
		speaking()
		unheard(t, r.since(from), audio.Interviewer, pulsetest.Samples(t, mic))
		if state := r.lane(audio.Candidate).State; state != audio.LaneLive {
			t.Errorf("the microphone is %v", state)
		}

		s.Plug(pulsetest.Speakers)
		r.awaitState(audio.Interviewer, audio.LaneLive)
		if output == "" {
			r.hears(s, system, "")
		}
		r.stop()
	}
}

// What: when the person switches to another output in the system's settings,
// one that runs at 44.1 kHz, the lane follows at the right pitch.
func TestA1_DefaultOutputChanges(t *testing.T) {
	verifyNoLeak(t)
	s := pulsetest.Start(t)
	system, _ := voices(t)
	r := record(t, device.Config{})
	r.awaitBoth(audio.LaneLive)
	s.Pactl("load-module", "module-null-sink", "sink_name=usb", "norewinds=1", "rate=44100", "channels=2",
		"sink_properties=device.description=USB_Headphones")
	s.Pactl("set-default-sink", "usb")
	r.await(audio.Interviewer, "live on the new output", func(l audio.LaneStatus) bool {
		return l.State == audio.LaneLive && l.Device == "USB_Headphones"
	})
	r.speakers = "usb"
	r.hears(s, system, "")
	r.stop()
	opened := 0
	for _, l := range r.told[audio.Candidate] {
		if l.State == audio.LaneOpening && l.Device != "" {
			opened++
		}
	}
	if opened != 1 {
		t.Errorf("the microphone was opened %d times", opened)
	}
}

// What: a sound server that crashes loses both lanes, and both are back by
// themselves when it is.
func TestA1_SoundServerRestarts(t *testing.T) {
	verifyNoLeak(t)
	s := pulsetest.Start(t)
	system, mic := voices(t)
	r := record(t, device.Config{})
	r.awaitBoth(audio.LaneLive)
	s.Kill()
	r.awaitBoth(audio.LaneLost)
	from := r.mark()
	time.Sleep(500 * time.Millisecond)
	if n := len(r.since(from)); n == 0 {
		t.Error("the timeline stands still")
	}
	s.Restart()
	r.awaitBoth(audio.LaneLive)
	r.hears(s, system, mic)
}

// What: a device that is there but gives no data (suspended, asleep) counts as
// lost after half a second, does not hold Run up, and comes back.
func TestA1_DeviceStalls(t *testing.T) {
	verifyNoLeak(t)
	s := pulsetest.Start(t)
	r := record(t, device.Config{})
	r.awaitBoth(audio.LaneLive)
	s.Pactl("suspend-sink", "spk", "1")
	r.awaitState(audio.Interviewer, audio.LaneLost)
	if state := r.lane(audio.Candidate).State; state != audio.LaneLive {
		t.Errorf("the microphone is %v", state)
	}
	r.await(audio.Interviewer, "opened again", func(l audio.LaneStatus) bool { return strings.HasPrefix(l.Advice, `"Speakers" gives no sound`) })
	time.Sleep(time.Second) // it is tried more than once meanwhile
	s.Pactl("suspend-sink", "spk", "0")
	r.awaitState(audio.Interviewer, audio.LaneLive)
	s.Pactl("suspend-sink", "spk", "1")
	r.stop() // returns although a read is waiting
}

// What: a server that hangs does not keep Run from ending.
func TestRunEndsWhileServerHangs(t *testing.T) {
	s := pulsetest.Start(t)
	r := record(t, device.Config{})
	r.awaitBoth(audio.LaneLive)
	s.Freeze()
	r.awaitBoth(audio.LaneLost)
	r.stop()
	s.Thaw()
	time.Sleep(200 * time.Millisecond) // the stream that was given up ends
}

// What: a lane whose device does not exist is missing with a sentence of advice,
// the other one is heard, and the device is taken when it comes.
func TestA2_OneLaneMissing(t *testing.T) {
	verifyNoLeak(t)
	s := pulsetest.Start(t)
	system, _ := voices(t)
	s.Unplug(pulsetest.Microphone)
	r := record(t, device.Config{})
	missing := r.awaitState(audio.Candidate, audio.LaneMissing)
	if !strings.Contains(missing.Advice, "microphone") || missing.Device != "" {
		t.Errorf("status %+v", missing)
	}
	r.awaitState(audio.Interviewer, audio.LaneLive)
	frames := r.hears(s, system, "")
	unheard(t, frames, audio.Candidate, pulsetest.Samples(t, system)) // its monitor is the default source now
	s.Plug(pulsetest.Microphone)
	r.awaitState(audio.Candidate, audio.LaneLive)
	r.stop()

	r = record(t, device.Config{Microphone: "Studio Microphone"})
	if advice := r.awaitState(audio.Candidate, audio.LaneMissing).Advice; !strings.Contains(advice, `"Studio Microphone" is not connected`) {
		t.Errorf("advice %q", advice)
	}
	r.awaitState(audio.Interviewer, audio.LaneLive)
}

// What: without a sound server the microphone comes through plain ALSA, and both
// lanes as soon as there is a server.
func TestA2_NoSoundServer(t *testing.T) {
	verifyNoLeak(t)
	s := pulsetest.Start(t)
	server := os.Getenv("PULSE_SERVER")
	// The machine's own ALSA configuration, whose default happens to be the rig.
	config := filepath.Join(t.TempDir(), "alsa.conf")
	text := `pcm.default { type pulse server "` + server + `" device "mic" }` + "\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ALSA_CONFIG_PATH", config)
	t.Setenv("PULSE_SERVER", "unix:/nonexistent")
	_, mic := voices(t)
	r := record(t, device.Config{})
	if advice := r.awaitState(audio.Interviewer, audio.LaneMissing).Advice; !strings.Contains(advice, "PulseAudio") {
		t.Errorf("advice %q", advice)
	}
	r.awaitState(audio.Candidate, audio.LaneLive)
	r.hears(s, "", mic)

	os.Setenv("PULSE_SERVER", server) // restored by t.Setenv
	r.awaitBoth(audio.LaneLive)
}

// What: with neither server nor devices Run waits for some, advising.
func TestA2_NothingAtAll(t *testing.T) {
	verifyNoLeak(t)
	config := filepath.Join(t.TempDir(), "alsa.conf")
	if err := os.WriteFile(config, []byte("pcm.default { type pulse server \"unix:/nonexistent\" }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ALSA_CONFIG_PATH", config)
	t.Setenv("PULSE_SERVER", "unix:/nonexistent")
	r := record(t, device.Config{})
	r.awaitBoth(audio.LaneMissing)
	for ch := range audio.Channel(audio.Channels) {
		if r.lane(ch).Advice == "" {
			t.Errorf("%s: no advice", ch)
		}
	}
	from := r.mark()
	time.Sleep(300 * time.Millisecond)
	if len(r.since(from)) == 0 {
		t.Error("no silent frames")
	}
}

// What: without ALSA's pulse plugin the person is told which package to install.
func TestA2_PulsePluginMissing(t *testing.T) {
	verifyNoLeak(t)
	pulsetest.Start(t)
	t.Setenv("ALSA_PLUGIN_DIR", t.TempDir())
	r := record(t, device.Config{})
	r.awaitBoth(audio.LaneMissing)
	if advice := r.lane(audio.Interviewer).Advice; !strings.Contains(advice, "libasound2-plugins") {
		t.Errorf("advice %q", advice)
	}
}

// What: devices carry the names people know.
func TestList(t *testing.T) {
	verifyNoLeak(t)
	s := pulsetest.Start(t)
	s.Pactl("load-module", "module-null-sink", "sink_name=hdmi", "sink_properties=device.description=Television")
	got, err := device.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []device.Info{
		{ID: "mic", Name: pulsetest.MicrophoneName, Kind: device.Microphone, Default: true},
		{ID: "spk", Name: pulsetest.SpeakersName, Kind: device.SystemSound, Default: true},
		{ID: "micbus", Name: "MicBus", Kind: device.SystemSound},
		{ID: "hdmi", Name: "Television", Kind: device.SystemSound},
	}
	if !slices.Equal(got, want) {
		t.Errorf("devices %+v", got)
	}
}
