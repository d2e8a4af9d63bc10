package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jezek/xgb/xproto"

	"copilot/app/overlay"
	"copilot/app/rehearsal"
	"copilot/audio"
	"copilot/audio/device/pulsetest"
)

// acceptNotice writes settings in which the first-start notice was read.
func (d *desktop) acceptNotice(change func(*overlay.Settings)) {
	d.t.Helper()
	s := overlay.DefaultSettings()
	s.NoticeSeen = true
	if change != nil {
		change(&s)
	}
	path := filepath.Join(d.home, ".config", "interview-copilot", "settings.json")
	if err := overlay.SaveSettings(path, s); err != nil {
		d.t.Fatal(err)
	}
}

// laneFiles writes both voices of a part of the bundled interview.
func laneFiles(t *testing.T, iv *rehearsal.Interview, from, to time.Duration) (files [audio.Channels]string) {
	t.Helper()
	for c := range audio.Channel(audio.Channels) {
		var b bytes.Buffer
		if err := iv.WriteWAV(&b, c, from, to); err != nil {
			t.Fatal(err)
		}
		files[c] = filepath.Join(t.TempDir(), c.String()+".wav")
		if err := os.WriteFile(files[c], b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// The whole way, for real: two voices are played into PulseAudio, the program
// captures both through PortAudio, sends them to the strict stand-ins, and the
// captions, the question and the answer stand in a window above the others.
func TestWindowHearsBothSidesAndAnswers(t *testing.T) {
	d := newDesktop(t)
	d.acceptNotice(nil)
	sound := pulsetest.Start(t)
	vendors, err := rehearsal.Start(t.Context(), rehearsal.Options{KeepAudio: true, Burst: 10 * time.Second}) // a busy machine
	if err != nil {
		t.Fatal(err)
	}
	defer vendors.Close()
	const length = 42 * time.Second
	files := laneFiles(t, vendors.Interview(), 0, length)

	p := d.launch(append(sound.Env(),
		"DEEPGRAM_URL="+vendors.DeepgramURL(), "GROQ_URL="+vendors.GroqURL(),
		"DEEPGRAM_API_KEY="+vendors.DeepgramKey(), "GROQ_API_KEY="+vendors.GroqKey(),
		"GROQ_MODEL=openai/gpt-oss-20b"),
		"listen", "--window", "--jsonl")
	d.eventually("both lanes are heard", 60*time.Second, func() bool {
		return vendors.Stats().Audio > time.Second
	})
	d.screenshot("1-listening")

	heardQuestion := sound.Play(pulsetest.Speakers, files[audio.Interviewer])
	heardReply := sound.Play(pulsetest.MicBus, files[audio.Candidate])

	ours := d.titled("Interview Copilot")
	if ours == 0 {
		t.Fatal("there is no window")
	}
	if !d.hasState(ours, "_NET_WM_STATE_ABOVE") {
		t.Error("the window is not always on top")
	}
	d.start("xev", "-name", "another window", "-geometry", "900x700+100+50")
	d.eventually("the window is above another one", 10*time.Second, func() bool {
		other := d.titled("another window")
		stack := d.windows("_NET_CLIENT_LIST_STACKING") // bottom to top
		return other != 0 && len(stack) > 0 && stack[len(stack)-1] == ours && contains(stack, other)
	})

	asked := func(l line) bool { return l.Type == "question" }
	answered := func(l line) bool { return l.Type == "answer" && l.Status == "done" }
	d.eventually("a question is asked", 60*time.Second, func() bool { return p.count(asked) > 0 })
	d.eventually("an answer is written", 20*time.Second, func() bool { return p.count(answered) > 0 })
	time.Sleep(300 * time.Millisecond) // a few display frames
	seen := d.read(d.screenshot("2-answered"))
	for _, words := range []string{"Walk me through your background", "payments at Larkfield"} {
		if !strings.Contains(seen, words) {
			t.Errorf("%q is not on the screen, which reads: %s", words, seen)
		}
	}
	heardQuestion()
	heardReply()
	d.eventually("what both sides said is captioned", 20*time.Second, func() bool {
		said := map[string]string{}
		for _, l := range p.all() {
			if l.Type == "transcript" && l.Final {
				said[l.Speaker] += l.Text + " "
			}
		}
		// A busy machine's mixer may drop a short word.
		return strings.Contains(said["interviewer"], "nice to meet you") && strings.Contains(said["candidate"], "nine years") &&
			strings.Contains(said["candidate"], "experience")
	})
	d.screenshot("3-dialogue")
	if err := p.stop(); err != nil {
		t.Errorf("the program ended with %v", err)
	}
	vendorsWereContent(t, vendors)
	heardOnTheRightChannel(t, vendors, length)
}

func contains(ids []xproto.Window, id xproto.Window) bool {
	for _, i := range ids {
		if i == id {
			return true
		}
	}
	return false
}

func vendorsWereContent(t *testing.T, s *rehearsal.Server) {
	t.Helper()
	if stats := s.Stats(); stats.Violations > 0 {
		t.Errorf("the vendors would have refused: %+v", stats.Notes)
	}
}

// heardOnTheRightChannel compares what arrived at the transcription with what
// was played, lane by lane.
func heardOnTheRightChannel(t *testing.T, s *rehearsal.Server, length time.Duration) {
	t.Helper()
	arrived := s.Heard()
	if len(arrived) == 0 {
		t.Fatal("nothing arrived")
	}
	for c := range audio.Channel(audio.Channels) {
		played := s.Interview().PCM(c, 0, length)
		right := pulsetest.Median(pulsetest.Likeness(played, arrived[0].Channels[c]))
		wrong := pulsetest.Median(pulsetest.Likeness(played, arrived[0].Channels[1-c]))
		t.Logf("%v: likeness %.3f on its channel, %.3f on the other", c, right, wrong)
		if right < 0.9 || wrong > 0.5 {
			t.Errorf("%v: likeness %.3f on its channel, %.3f on the other", c, right, wrong)
		}
	}
}

// The bundled interview in the window, as "make run" shows it.
func TestWindowRehearses(t *testing.T) {
	d := newDesktop(t)
	d.acceptNotice(nil)
	p := d.launch(nil, "rehearse", "--window", "--jsonl", "--from", "5s", "--to", "22s")
	d.eventually("the rehearsal is answered", 60*time.Second, func() bool {
		return p.count(func(l line) bool { return l.Type == "answer" }) > 0
	})
	time.Sleep(300 * time.Millisecond)
	seen := d.read(d.screenshot("4-rehearsal"))
	if !strings.Contains(seen, "ehearsal") || !strings.Contains(seen, "come from the recording") {
		t.Errorf("the screen does not say that this is a rehearsal: %s", seen)
	}
	d.eventually("it ends", 60*time.Second, func() bool {
		return p.count(func(l line) bool { return l.Type == "status" && l.State == "ended" }) > 0
	})
	d.screenshot("5-ended")
}

// The very first start shows the notice, once, and the rehearsal begins after it.
func TestFirstStartShowsTheNotice(t *testing.T) {
	d := newDesktop(t)
	p := d.launch(nil, "rehearse", "--window", "--jsonl")
	d.eventually("the window is there", 60*time.Second, func() bool { return d.titled("Interview Copilot") != 0 })
	d.eventually("the notice is shown", 20*time.Second, func() bool {
		return strings.Contains(d.read(d.screenshot("0-first-start")), "Before your first interview")
	})
	if n := len(p.all()); n > 0 {
		t.Errorf("the interview began behind the notice: %+v", p.all())
	}
	d.eventually("the notice is taken away", 60*time.Second, func() bool {
		d.click(d.titled("Interview Copilot"), 66, 433) // I understand
		time.Sleep(time.Second)
		return !strings.Contains(d.read(d.screenshot("0-first-start-read")), "Before your first interview")
	})
	d.eventually("the rehearsal begins", 60*time.Second, func() bool {
		return p.count(func(l line) bool { return l.Type == "status" && l.State == "listening" }) > 0
	})
}

// What: the person closes the window, whatever is going on. Why: the program must
// end with it, soon and well, so that nothing is heard or paid for any longer.
func TestU3_ClosingTheWindowEndsTheProgram(t *testing.T) {
	d := newDesktop(t)
	vendors, err := rehearsal.Start(t.Context(), rehearsal.Options{Burst: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer vendors.Close()
	file := laneFiles(t, vendors.Interview(), 5*time.Second, 60*time.Second)[audio.Interviewer]
	env := []string{"DEEPGRAM_URL=" + vendors.DeepgramURL(), "GROQ_URL=" + vendors.GroqURL(),
		"DEEPGRAM_API_KEY=" + vendors.DeepgramKey(), "GROQ_API_KEY=" + vendors.GroqKey()}
	listen := []string{"listen", "--window", "--jsonl", "--input", file}
	states := []struct {
		name, theme, says string
		args              []string
		reach             func(p *process)
	}{
		{"10-notice", "", "Before your first", nil, nil},
		{"11-set-up", overlay.ThemeLight, "Your documents", nil, nil},
		{"12-answered-light", overlay.ThemeLight, "Backend engineer", listen, func(p *process) {
			d.eventually("an answer is written", 60*time.Second, func() bool {
				return p.count(func(l line) bool { return l.Type == "answer" && l.Status == "done" }) > 0
			})
		}},
		{"13-paused-high-contrast", overlay.ThemeContrast, "nothing is heard or sent", listen, func(p *process) {
			d.eventually("it listens", 60*time.Second, func() bool { return p.reached("listening") })
			d.click(d.titled("Interview Copilot"), 40, 436)
			d.eventually("it is paused", 10*time.Second, func() bool { return p.reached("paused") })
		}},
		{"14-offline", overlay.ThemeDark, "connection", listen, func(p *process) {
			d.eventually("it listens", 60*time.Second, func() bool { return p.reached("listening") })
			vendors.Close()
			d.eventually("it is offline", 30*time.Second, func() bool { return p.reached("offline") })
		}},
	}
	for _, s := range states {
		if s.theme != "" {
			d.acceptNotice(func(o *overlay.Settings) { o.Theme = s.theme })
		}
		p := d.launch(env, s.args...)
		d.eventually(s.name+": the window is there", 60*time.Second, func() bool { return d.titled("Interview Copilot") != 0 })
		if s.reach != nil {
			s.reach(p)
		}
		d.eventually(s.name+": it is on the screen", 30*time.Second, func() bool {
			return strings.Contains(d.read(d.screenshot(s.name)), s.says)
		})
		cmd := exec.Command("wmctrl", "-F", "-c", "Interview Copilot")
		cmd.Env = d.env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: close the window: %v\n%s", s.name, err, out)
		}
		if err := p.wait(15 * time.Second); err != nil { // two seconds, without the race detector and on a free machine
			t.Errorf("%s: the program ended with %v", s.name, err)
		}
	}
}

// Without a display the same commands run in the terminal and say so; with Flux,
// too, which hears over two streams.
func TestNoDisplayFallsBackToTheTerminal(t *testing.T) {
	d := newDesktop(t)
	programs := map[string]*process{}
	for route, model := range map[string]string{"/v1/listen": "", "/v2/listen": "flux"} {
		programs[route] = d.launch([]string{"DISPLAY="}, "rehearse", "--from", "6s", "--to", "16s", "--listen-model", model)
	}
	for route, p := range programs {
		if err := p.wait(60 * time.Second); err != nil {
			t.Fatalf("%s: ended with %v", route, err)
		}
		told := p.stderr.String()
		if !strings.Contains(told, "No window: there is no display") {
			t.Errorf("it does not say why: %s", told)
		}
		if want := map[string]int{"/v1/listen": 1, "/v2/listen": 2}[route]; strings.Count(told, "route="+route) != want || strings.Contains(told, "a vendor would not") {
			t.Errorf("not %d streams of %s, or not as a vendor wants them: %s", want, route, told)
		}
		var printed strings.Builder
		for _, l := range p.all() {
			printed.WriteString(l.Text + "\n")
		}
		for _, words := range []string{"Rehearsal: captions and answers come from the recording.", "Question: Walk me through", "complete after"} {
			if !strings.Contains(printed.String(), words) {
				t.Errorf("%s: %q is missing in:\n%s", route, words, printed.String())
			}
		}
	}
}

// A WAV file is a source as well: left is the interviewer, right the candidate.
func TestListenToAFile(t *testing.T) {
	d := newDesktop(t)
	vendors, err := rehearsal.Start(t.Context(), rehearsal.Options{KeepAudio: true, Burst: 10 * time.Second}) // a busy machine
	if err != nil {
		t.Fatal(err)
	}
	defer vendors.Close()
	iv := vendors.Interview()
	const from, to = 5 * time.Second, 22 * time.Second
	left, right := iv.PCM(audio.Interviewer, from, to), iv.PCM(audio.Candidate, from, to)
	stereo := make([]int16, 0, 2*len(left))
	for i := range left {
		stereo = append(stereo, left[i], right[i])
	}
	var b bytes.Buffer
	if err := audio.WriteWAV(&b, audio.SampleRate, 2, stereo); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "interview.wav")
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	env := []string{"DEEPGRAM_URL=" + vendors.DeepgramURL(), "GROQ_URL=" + vendors.GroqURL(),
		"DEEPGRAM_API_KEY=" + vendors.DeepgramKey(), "GROQ_API_KEY=" + vendors.GroqKey(), "GROQ_MODEL=openai/gpt-oss-20b"}
	p := d.launch(env, "listen", "--input", file, "--jsonl", "--speed", "1.2")
	if err := p.wait(60 * time.Second); err != nil {
		t.Fatalf("ended with %v", err)
	}
	if n := p.count(func(l line) bool {
		return l.Type == "answer" && l.Status == "done" && l.Text != "" && l.FirstTokenMS <= l.DoneMS
	}); n == 0 {
		t.Error("no answer was written")
	}
	vendorsWereContent(t, vendors)

	// A key the vendor does not know becomes a sentence, and exit code 1.
	p = d.launch(append(env, "DEEPGRAM_API_KEY=wrong"), "listen", "--input", file, "--jsonl")
	if err := p.wait(60 * time.Second); err == nil {
		t.Error("a wrong key is no failure")
	}
	if n := p.count(func(l line) bool { return l.Type == "error" && strings.Contains(l.Message, "key") }); n == 0 {
		t.Errorf("the person is not told about the key: %+v", p.all())
	}
}
