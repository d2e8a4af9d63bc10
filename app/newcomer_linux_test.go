package main

import (
	"archive/zip"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"copilot/app/account/authtest"
	"copilot/app/overlay"
	"copilot/audio"
	"copilot/audio/device/pulsetest"
	"copilot/billing/stripetest/chromium"
)

// keyboard drives the program's window by keys alone. Where the focus is, the
// program's own log says.
type keyboard struct {
	d *desktop
	p *process
}

func (k keyboard) xdotool(args ...string) {
	k.d.t.Helper()
	cmd := exec.Command("xdotool", args...)
	cmd.Env = k.d.env
	if out, err := cmd.CombinedOutput(); err != nil {
		k.d.t.Fatalf("xdotool %q: %v\n%s", args, err, out)
	}
}

func (k keyboard) hit(keys ...string) { k.d.t.Helper(); k.xdotool(append([]string{"key"}, keys...)...) }
func (k keyboard) write(text string)  { k.d.t.Helper(); k.xdotool("type", "--delay", "15", text) }
func (k keyboard) focused() (at int, on string) {
	log := k.p.stderr.String()
	const mark = `msg=focus on=`
	at = strings.LastIndex(log, mark)
	if at < 0 {
		return at, ""
	}
	on, _, _ = strings.Cut(log[at+len(mark):], "\n")
	return at, strings.Trim(on, `"`)
}

// to goes on with Tab until a thing has the focus.
func (k keyboard) to(name string) {
	k.d.t.Helper()
	var passed []string
	for end := time.Now().Add(45 * time.Second); time.Now().Before(end); {
		before, _ := k.focused()
		k.hit("Tab")
		for moved := time.Now().Add(time.Second); time.Now().Before(moved); time.Sleep(15 * time.Millisecond) {
			at, on := k.focused()
			if at == before {
				continue
			}
			if strings.HasPrefix(on, name) {
				return
			}
			passed = append(passed, on)
			break
		}
	}
	k.d.screenshot("newcomer-lost")
	k.d.t.Fatalf("Tab does not come to %q, only to %q", name, passed)
}

// awaits waits until a thing has got the focus by itself.
func (k keyboard) awaits(name string) {
	k.d.t.Helper()
	k.d.eventually(name+" has the focus", 30*time.Second, func() bool {
		_, on := k.focused()
		return strings.HasPrefix(on, name)
	})
}

// rests waits until the focus has stood still for a moment.
func (k keyboard) rests() {
	for at, since := -1, time.Now(); time.Since(since) < 400*time.Millisecond; time.Sleep(20 * time.Millisecond) {
		if now, _ := k.focused(); now != at {
			at, since = now, time.Now()
		}
	}
}

// press goes to a button and presses it.
func (k keyboard) press(name string) {
	k.d.t.Helper()
	k.to(name)
	k.hit("space")
}

// settings are those that the program has saved.
func (d *desktop) settings() overlay.Settings {
	s, _ := overlay.LoadSettings(filepath.Join(d.home, ".config", "interview-copilot", "settings.json"))
	return s
}

const (
	newcomer         = "grace@example.com"
	newcomerPassword = "canary-password-of-grace"
)

// A newcomer's whole path, without a mouse: the notice of the first start, an
// account at Supabase Lite, an interview prepared with a real PDF, the sound check, a hosted
// interview on real sound with captions and an answer, the minutes going down in
// the tray, the last of them, a payment in a real browser after which it goes on
// by itself, the debrief, and what is exported.
//
// D-G7: on the way keys, passwords and tokens are planted, and none is found
// where it does not belong: in the program, its log, its files, a crash report,
// a bundle for the support, or on the wire.
func TestNewcomer(t *testing.T) {
	s := serviceOf(t, nil, true)
	d := newDesktop(t)
	d.startKeyring()
	sound := pulsetest.Start(t)
	path, page := d.browser()
	c := newCanaries(t, s)
	env := append(sound.Env(), path, "BACKEND_URL="+c.backend.url, "SUPABASE_URL="+c.auth.url, "SUPABASE_ANON_KEY="+authtest.Key,
		"DEEPGRAM_URL="+c.deepgram.url, "DEEPGRAM_API_KEY="+canaryDeepgram, "GROQ_API_KEY="+canaryGroq)
	s.lite()
	p := d.launchReleased(env)
	k := keyboard{d, p}
	d.eventually("the window is there", 60*time.Second, func() bool { return d.titled("Interview Copilot") != 0 })

	// The first run: the notice, the set-up, the sign-in, the code: four screens.
	k.press("button I understand")
	d.eventually("the notice was read", 20*time.Second, func() bool { return d.settings().NoticeSeen })
	k.press("choice Account")
	d.eventually("the mode is chosen", 20*time.Second, func() bool { return d.settings().Mode == overlay.ModeHosted })
	k.press("button Sign in or create an account")
	k.awaits("field you@example.com")
	k.write(newcomer)
	k.hit("Return")
	k.awaits("field at least 8 characters")
	k.write(newcomerPassword)
	k.press("button Create an account")
	k.awaits("field 123456")
	d.eventually("a code was sent", 20*time.Second, func() bool { return s.mails.code(newcomer) != "" })
	s.person = s.idOf(newcomer)
	s.credit(2)
	k.write(s.mails.code(newcomer))
	k.hit("Return")
	tray := d.tray()
	tray.shows("2 minutes left")
	d.screenshot("newcomer-1-signed-in")

	// Prepare, with a PDF.
	k.press("button Prepare")
	k.press("button Prepare an interview")
	k.to("field Second round, payments team")
	k.write("Second round")
	k.to("field Who invites you")
	k.write("Larkfield")
	k.press("button Paste")
	k.awaits("field Paste the text here")
	pdf, err := filepath.Abs(filepath.Join("..", "assets", "rehearsal", "resume.pdf"))
	if err != nil {
		t.Fatal(err)
	}
	k.write(pdf)
	k.press("button Use this text")
	d.reads("newcomer-2-prepared", "5 sections") // the PDF was understood
	k.press("button Save and use")
	d.eventually("the interview is prepared and in use", 20*time.Second, func() bool { return d.settings().PreparedName == "Second round" })
	k.press("button Done")

	// The sound check, on real devices, with live words and before anything is charged.
	files := laneFiles(t, s.vendors.Interview(), 0, 8*time.Second)
	k.press("button Sound check")
	k.to("button Record 10 seconds")
	waitBoth := [...]func(){sound.Play(pulsetest.Speakers, files[audio.Interviewer]), sound.Play(pulsetest.MicBus, files[audio.Candidate])}
	d.reads("newcomer-3-sound", "Sounds good.")
	d.reads("newcomer-3-words", "How are you today")
	k.press("button Done")
	for _, wait := range waitBoth {
		wait()
	}
	d.eventually("the check's stream has ended", 20*time.Second, func() bool { return s.vendors.Stats().LiveStreams == 0 })
	checked := s.vendors.Stats()
	if balance, charged := s.books(); checked.Streams != 1 || balance != 2 || charged != 0 || s.alive() {
		t.Errorf("the sound check: %+v, balance %d, %d charged", checked, balance, charged)
	}

	// The interview.
	k.to("button Sound check") // the set-up is back
	k.hit("ctrl+s")
	tray.shows("Listening", "1 minute left")
	d.eventually("sound arrives", 20*time.Second, func() bool { return s.vendors.Stats().Audio > checked.Audio+time.Second })
	files = laneFiles(t, s.vendors.Interview(), 0, 42*time.Second)
	sound.Play(pulsetest.Speakers, files[audio.Interviewer])
	sound.Play(pulsetest.MicBus, files[audio.Candidate])
	d.reads("newcomer-4-answer", "Walk me through your background", "payments at Larkfield")
	s.pass("the last minute begins", func() bool { return strings.Contains(tray.labels(), "No minutes left") })
	tray.shows("Listening", "No minutes left")
	s.pass("the minutes are used up", func() bool { return strings.Contains(tray.labels(), "Out of minutes") })
	d.screenshot("newcomer-5-out-of-minutes")

	// Paid, in a browser; it goes on by itself.
	k.press("button Add time")
	pay(t, page())
	tray.shows("Listening", "119 minutes left")
	d.reads("newcomer-6-goes-on", "119 min left")
	k.hit("ctrl+period")
	tray.shows("No interview", "119 minutes left")

	// The debrief, with the coach's words, and its exports.
	answered := s.vendors.Stats().Answers
	k.press("button Debrief")
	k.press("button Ask for feedback")
	d.eventually("the coach has written", 20*time.Second, func() bool { return s.vendors.Stats().Answers > answered })
	d.screenshot("newcomer-7-debrief")
	for _, format := range []struct{ button, ending string }{{"Markdown", "md"}, {"PDF", "pdf"}, {"Word", "docx"}} {
		k.press("button " + format.button)
		k.awaits("field Enter filename")
		k.hit("Return")
		var file string
		d.eventually("the "+format.ending+" is written", 20*time.Second, func() bool {
			found, _ := filepath.Glob(filepath.Join(d.home, "*."+format.ending))
			if len(found) == 1 {
				file = found[0]
			}
			return file != ""
		})
		text := d.exported(file)
		for _, words := range []string{"Second round", "Walk me through your background", "Larkfield"} {
			if !strings.Contains(text, words) {
				t.Errorf("%s has no %q: %.2000s", filepath.Base(file), words, text)
			}
		}
	}

	// The receipts, saved.
	k.hit("ctrl+comma")
	k.press("button Account")
	k.rests() // the page is made anew, and the button has the focus again
	k.press("button Time, receipts, sign out")
	k.press("button Receipts")
	k.press("button Save as CSV")
	k.awaits("field Enter filename")
	k.hit("Return")
	d.eventually("the receipts are written", 20*time.Second, func() bool {
		found, _ := filepath.Glob(filepath.Join(d.home, "*.csv"))
		return len(found) == 1 && strings.Contains(d.exported(found[0]), "payment,") && strings.Contains(d.exported(found[0]), "5.00")
	})
	k.to("button Done")
	k.hit("Escape") // leaves the page, though a button has the focus
	k.to("button Set up")
	tray.press("Quit")
	if err := p.wait(20 * time.Second); err != nil {
		t.Errorf("quit: %v", err)
	}
	balance, charged := s.books()
	if balance != 119 || charged != 3 {
		t.Errorf("balance %d, %d charged", balance, charged)
	}
	vendorsWereContent(t, s.vendors)
	c.look(d, env, p)
}

// launchReleased is launch for the program as people get it.
func (d *desktop) launchReleased(env []string) *process {
	d.t.Helper()
	path, err := released()
	if err != nil {
		d.t.Fatal(err)
	}
	return d.watch(exec.Command(path), env)
}

// pay pays on a page in a real browser.
func pay(t *testing.T, page string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b, err := chromium.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, err := range []error{
		b.Open(ctx, page),
		b.Click(ctx, "#pay"),
		// The interview may have gone on, and a minute be charged, by the time it is told.
		b.Wait(ctx, "location.pathname === '/checkout/done' && /^1(20|19) minutes$/.test(document.querySelector('#head')?.innerText)"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// exported is the text of an exported file.
func (d *desktop) exported(file string) string {
	d.t.Helper()
	switch filepath.Ext(file) {
	case ".docx":
		z, err := zip.OpenReader(file)
		if err != nil {
			d.t.Fatal(err)
		}
		defer z.Close()
		f, err := z.Open("word/document.xml")
		if err != nil {
			d.t.Fatal(err)
		}
		text, err := io.ReadAll(f)
		if err != nil {
			d.t.Fatal(err)
		}
		return string(text)
	case ".pdf":
		program, err := released()
		if err != nil {
			d.t.Fatal(err)
		}
		text, err := exec.Command(program, "resume", file).Output()
		if err != nil {
			d.t.Fatalf("read %s: %v", file, err)
		}
		return strings.Join(strings.Fields(string(text)), " ")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(text)
}
