package overlay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
	"go.uber.org/goleak"

	"copilot/app/interview"
	"copilot/audio"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Fyne's own, alive as long as the process.
		goleak.IgnoreAnyFunction("fyne.io/fyne/v2/internal/async.(*UnboundedChan[...]).processing"),
		goleak.IgnoreAnyFunction("fyne.io/fyne/v2/internal/app.(*Lifecycle).RunEventQueue"),
		goleak.IgnoreAnyFunction("fyne.io/fyne/v2/app.(*settings).watchSettings.func1"))
}

// testWindow is a window on Fyne's test driver. What is handed to Fyne's
// goroutine waits until the test lets it run, on the test's own goroutine.
type testWindow struct {
	*Window
	mu    sync.Mutex
	queue []func()
}

func newTestWindow(t testing.TB, o Options) *testWindow {
	t.Helper()
	a := test.NewTempApp(t)
	if o.Settings.Mode == "" {
		o.Settings = DefaultSettings()
		o.Settings.NoticeSeen = true
	}
	o.Settings.Theme = ThemeDark
	w := &testWindow{Window: New(a, o)}
	now := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	w.now = func() time.Time { // moves on with every look at it: each Show is drawn
		now = now.Add(2 * frame)
		return now
	}
	w.hand = func(f func()) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.queue = append(w.queue, f)
	}
	w.win.Resize(fyne.NewSize(560, 460))
	w.settle()
	t.Cleanup(w.release)
	return w
}

// run lets Fyne's goroutine do what waits for it.
func (w *testWindow) run() {
	for {
		w.mu.Lock()
		queue := w.queue
		w.queue = nil
		w.mu.Unlock()
		if len(queue) == 0 {
			return
		}
		for _, f := range queue {
			f()
		}
	}
}

// work waits for the jobs under way and shows what came of them.
func (w *testWindow) work() {
	for range 3 { // a job may begin another
		w.jobs.Wait()
		w.run()
	}
}

// Show shows s at once.
func (w *testWindow) Show(s interview.State) {
	w.Window.Show(s)
	w.run()
}

const interview0 = "I led the **migration** of payments.\n\n- **Result:** deploys went from 14 days to 40 minutes."

// state is an interview in full swing with this answer.
func state(answer string) interview.State {
	s := interview.State{Mode: ModeOwnKeys, Phase: interview.Answering, Auto: true, Elapsed: 161 * time.Second}
	s.Lanes[0] = interview.Lane{LaneStatus: audio.LaneStatus{Channel: 0, State: audio.LaneLive, Device: "Speakers"}, Level: 0.7}
	s.Lanes[1] = interview.Lane{LaneStatus: audio.LaneStatus{Channel: 1, State: audio.LaneLive, Device: "Headset"}, Level: 0.1}
	s.Captions[0] = interview.Caption{Final: "Tell me about a time", Interim: "you changed your mind"}
	s.Turns = []interview.Turn{{Speaker: audio.Candidate, Text: "Thank you for having me."}}
	s.Questions = interview.QuestionsOf(
		interview.Question{ID: 1, Text: "Who are you?", Answer: interview.Answer{Status: interview.AnswerDone, FirstToken: 300 * time.Millisecond}},
		interview.Question{ID: 2, Text: "Tell me about a migration you led.", Answer: interview.Answer{
			Status: interview.AnswerStreaming, FirstToken: 412 * time.Millisecond, Text: interview.Text{}.Append(answer),
		}},
	)
	s.Shown = 1
	return s
}

// change changes the question on screen.
func change(s *interview.State, to func(q *interview.Question)) {
	s.Questions = s.Questions.With(s.Shown, to)
}

// onScreen is every text that is visible.
func onScreen(w *testWindow) string {
	var b strings.Builder
	for _, o := range test.LaidOutObjects(w.win.Content()) {
		if text, ok := o.(*canvas.Text); ok && text.Visible() {
			b.WriteString(text.Text + " ")
		}
	}
	return b.String()
}

// tapText presses the button with this text, as a person can: it must be there
// and enabled.
func tapText(t *testing.T, w *testWindow, text string) {
	t.Helper()
	for _, o := range test.LaidOutObjects(w.win.Content()) {
		if b, ok := o.(*widget.Button); ok && b.Text == text && b.Visible() {
			if b.Disabled() {
				t.Fatalf("%q is disabled", text)
			}
			test.Tap(b)
			return
		}
	}
	t.Fatalf("there is no button %q; the screen says: %s", text, onScreen(w))
}

// The screen in each state, as Fyne would draw it. A change that is wanted is
// taken over from testdata/failed.
func TestGoldenStates(t *testing.T) {
	tests := map[string]func() interview.State{
		"idle": func() interview.State { return interview.State{Auto: true, Shown: -1, Mode: ModeRehearsal} },
		"listening": func() interview.State {
			s := state("")
			s.Mode, s.Phase, s.Shown, s.Questions = ModeRehearsal, interview.Listening, -1, interview.Questions{}
			return s
		},
		"thinking": func() interview.State {
			s := state("")
			s.Phase = interview.Thinking
			change(&s, func(q *interview.Question) { q.Answer.Status, q.Answer.FirstToken = interview.AnswerWaiting, 0 })
			return s
		},
		"answering": func() interview.State { return state(interview0) },
		"paused": func() interview.State {
			s := state(interview0)
			s.Phase = interview.Paused
			change(&s, func(q *interview.Question) { q.Answer.Status = interview.AnswerDone })
			return s
		},
		"offline": func() interview.State {
			s := state(interview0)
			s.Phase = interview.Offline
			s.Lanes[1].State, s.Lanes[1].Advice = audio.LaneLost, "Plug the microphone in again."
			return s
		},
		"failed": func() interview.State {
			s := state("I led")
			s.Phase = interview.Listening
			change(&s, func(q *interview.Question) {
				q.Answer.Status, q.Answer.Problem = interview.AnswerFailed, "Groq does not answer; trying again."
			})
			s.Notice = interview.Notice{Code: "groq", Message: "Groq does not answer."}
			return s
		},
		"ended": func() interview.State {
			s := state(interview0)
			s.Phase = interview.Ended
			change(&s, func(q *interview.Question) { q.Answer.Status = interview.AnswerDone })
			return s
		},
	}
	for name, make := range tests {
		t.Run(name, func(t *testing.T) {
			w := newTestWindow(t, Options{})
			w.open(prompterScreen)
			w.Show(make())
			test.AssertRendersToMarkup(t, name+".xml", w.win.Canvas())
		})
	}
}

func TestShowOpensTheTeleprompter(t *testing.T) {
	w := newTestWindow(t, Options{})
	if w.screen != setupScreen {
		t.Fatalf("starts with screen %d", w.screen)
	}
	w.Show(state(""))
	if w.screen != prompterScreen {
		t.Errorf("stays on screen %d", w.screen)
	}
}

func TestFirstStart(t *testing.T) {
	s := DefaultSettings()
	started := 0
	w := newTestWindow(t, Options{Settings: s, SettingsPath: t.TempDir() + "/s.json", Start: func(Settings) { started++ }})
	if w.screen != welcomeScreen {
		t.Fatalf("starts with screen %d", w.screen)
	}
	w.startKey()
	w.Show(state(""))
	if w.screen != welcomeScreen || started > 0 {
		t.Error("the notice can be passed over")
	}
	tapText(t, w, "Copy the sentence")
	if got := w.app.Clipboard().Content(); got != askSentence {
		t.Errorf("copied %q", got)
	}
	tapText(t, w, "I understand")
	w.work()
	if w.screen != prompterScreen { // an interview is running
		t.Errorf("goes on with screen %d", w.screen)
	}
	if saved, _ := LoadSettings(w.opts.SettingsPath); !saved.NoticeSeen {
		t.Error("the notice would be shown again")
	}
}

func TestButtonsAndKeys(t *testing.T) {
	var did []string
	w := newTestWindow(t, Options{
		Do:    func(c interview.Command) { did = append(did, fmt.Sprint(int(c))) },
		Start: func(s Settings) { did = append(did, "start "+s.Mode) },
		Stop:  func() { did = append(did, "stop") },
	})
	tapText(t, w, "Start")
	s := state(interview0)
	w.Show(s)
	for _, b := range []string{"Pause", "Answer now", "Clear", "Copy"} {
		tapText(t, w, b)
	}
	if got := w.app.Clipboard().Content(); got != interview0 {
		t.Errorf("copied %q", got)
	}
	typed := w.win.Canvas().OnTypedKey()
	typed(&fyne.KeyEvent{Name: fyne.KeySpace})
	typed(&fyne.KeyEvent{Name: fyne.KeyEscape})
	for _, k := range keys() {
		if k.mod != 0 && k.name != fyne.KeyQ && k.name != fyne.KeyComma {
			k.do(w.Window)
		}
	}
	s.Phase = interview.Paused
	w.Show(s)
	tapText(t, w, "Resume")
	tapText(t, w, "Stop")
	want := fmt.Sprint([]any{"start rehearsal", int(interview.Pause), int(interview.AnswerNow), int(interview.Clear),
		int(interview.AnswerNow), int(interview.CancelAnswer),
		int(interview.AnswerNow), int(interview.Pause), "stop", int(interview.Clear), int(interview.Previous), int(interview.Next),
		int(interview.Resume), "stop"})
	if got := "[" + strings.Join(did, " ") + "]"; got != want {
		t.Errorf("did  %s\nwant %s", got, want)
	}
}

// A state that looks like the one on screen is not drawn.
func TestShowDrawsOnlyWhatChanged(t *testing.T) {
	drawn := 0
	w := newTestWindow(t, Options{Drawn: func(interview.State) { drawn++ }})
	s := state("a")
	w.Show(s)
	s.Lanes[0].Level += 0.001
	s.Elapsed += 10 * time.Millisecond
	s.Turns = append(s.Turns, interview.Turn{Speaker: audio.Interviewer, Text: "unseen, a caption is there"})
	for range 100 {
		w.Show(s)
	}
	if drawn != 1 {
		t.Errorf("drawn %d times", drawn)
	}
	s.Lanes[0].Level = 0.2
	w.Show(s)
	if drawn != 2 {
		t.Errorf("a change was not drawn: %d", drawn)
	}
}

// After the interview its answers can still be read, without a session.
func TestAnswersCanBeReadAfterTheEnd(t *testing.T) {
	w := newTestWindow(t, Options{Do: func(c interview.Command) { t.Errorf("command %d reached the session", c) }})
	s := state(interview0)
	s.Phase = interview.Ended
	change(&s, func(q *interview.Question) { q.Answer.Status = interview.AnswerDone })
	s.Questions = s.Questions.With(0, func(q *interview.Question) { q.Answer.Text = q.Answer.Text.Append("A Go engineer.") })
	w.Show(s)
	for range 3 {
		test.Tap(w.tele.previous)
	}
	if got := string(w.tele.answer.text); got != "A Go engineer." {
		t.Errorf("shows %q", got)
	}
	test.Tap(w.tele.next)
	if got := string(w.tele.answer.text); got != interview0 {
		t.Errorf("shows %q", got)
	}
}

// An answer that is begun anew with other words does not keep the old ones.
func TestAnswerBegunAnew(t *testing.T) {
	w := newTestWindow(t, Options{})
	w.Show(state("I led the first draft of it"))
	w.Show(state("Quite another and longer answer than that"))
	if got := string(w.tele.answer.text); got != "Quite another and longer answer than that" {
		t.Errorf("shows %q", got)
	}
	w.Show(state("Short"))
	if got := string(w.tele.answer.text); got != "Short" {
		t.Errorf("shows %q", got)
	}
}

func TestDocuments(t *testing.T) {
	s := DefaultSettings()
	s.NoticeSeen = true
	path := t.TempDir() + "/s.json"
	w := newTestWindow(t, Options{
		Settings: s, SettingsPath: path,
		ReadDocument: func(_ context.Context, kind DocumentKind, path string) (Document, error) {
			if strings.HasSuffix(path, "scan.pdf") {
				return Document{}, errors.New("this PDF has no text: it is a scan")
			}
			return Document{Name: "cv.pdf", Summary: fmt.Sprintf("2 pages, kind %d", kind)}, nil
		},
		UseText: func(_ context.Context, _ DocumentKind, text string) (Document, error) {
			return Document{Name: "pasted text", Summary: text}, nil
		},
	})
	w.dropped(fyne.NewPos(10, 200), []fyne.URI{storage.NewFileURI("/x/cv.pdf")})
	w.dropped(fyne.NewPos(500, 200), []fyne.URI{storage.NewFileURI("/x/scan.pdf")})
	w.work()
	if got := w.docs[Resume].doc.Summary; got != "2 pages, kind 0" {
		t.Errorf("résumé: %q", got)
	}
	if got := w.docs[Job].problem; got != "This PDF has no text: it is a scan." {
		t.Errorf("job: %q", got)
	}
	w.useText(Job, "Go engineer")
	w.work()
	if d := w.docs[Job]; d.problem != "" || d.doc.Summary != "Go engineer" {
		t.Errorf("job: %+v", d)
	}
	w.work()
	saved, _ := LoadSettings(path)
	if saved.Resume != "/x/cv.pdf" || saved.Job != "" {
		t.Errorf("remembered %q and %q", saved.Resume, saved.Job)
	}
}

func TestChoosingAndPastingOpenADialog(t *testing.T) {
	pasted := ""
	w := newTestWindow(t, Options{UseText: func(_ context.Context, _ DocumentKind, text string) (Document, error) {
		pasted = text
		return Document{Name: "pasted text"}, nil
	}})
	tapText(t, w, "Choose…")
	if w.win.Canvas().Overlays().Top() == nil {
		t.Fatal("no dialog to choose a file")
	}
	w.win.Canvas().Overlays().Top().Hide()
	tapText(t, w, "Paste…")
	w.win.Canvas().Focused().(*multiline).SetText("Go engineer, ten years")
	for _, o := range test.LaidOutObjects(w.win.Canvas().Overlays().Top()) {
		if b, ok := o.(*widget.Button); ok && b.Text == "Use this text" {
			test.Tap(b)
		}
	}
	w.work()
	if pasted != "Go engineer, ten years" {
		t.Errorf("pasted %q", pasted)
	}
}

func TestOwnKeys(t *testing.T) {
	s := DefaultSettings()
	s.NoticeSeen, s.Mode = true, ModeOwnKeys
	kept := map[string]string{}
	w := newTestWindow(t, Options{
		Settings: s,
		Keys: func(context.Context) KeyState {
			return KeyState{Where: "No keyring is running: keys are kept for this run only.", Keys: []Key{
				{Name: "deepgram", Label: "Deepgram", Set: kept["deepgram"] != "", From: "this run"},
				{Name: "groq", Label: "Groq", Set: true, From: "environment", Fixed: true},
			}}
		},
		SaveKey: func(_ context.Context, name, secret string) error {
			kept[name] = secret
			return nil
		},
		DeleteKey: func(_ context.Context, name string) error {
			delete(kept, name)
			return nil
		},
	})
	w.work()
	if text := onScreen(w); !strings.Contains(text, "this run only") || strings.Contains(text, "Remove") {
		t.Errorf("the screen says:\n%s", text)
	}
	var entry *widget.Entry
	for _, o := range test.LaidOutObjects(w.win.Content()) {
		if e, ok := o.(*widget.Entry); ok && e.Password {
			entry = e
		}
	}
	entry.SetText("  dg-secret ")
	entry.OnSubmitted(entry.Text)
	w.work()
	if kept["deepgram"] != "dg-secret" || entry.Text != "" {
		t.Errorf("kept %q, the field holds %q", kept["deepgram"], entry.Text)
	}
	tapText(t, w, "Remove")
	w.work()
	if len(kept) != 0 {
		t.Error("the key was not removed")
	}
}

// What: the person closes the window, whatever the interview is doing. Why: the
// program must hear of it once, and nothing of the window may outlive it.
func TestU3_WindowClosedInEachState(t *testing.T) {
	for phase := interview.Idle; phase <= interview.Ended; phase++ {
		for screen := welcomeScreen; screen <= helpScreen; screen++ {
			closed := 0
			w := newTestWindow(t, Options{
				Closed:  func() { closed++ },
				Devices: func(ctx context.Context) (Devices, error) { <-ctx.Done(); return Devices{}, ctx.Err() },
			})
			s := state(interview0)
			s.Phase = phase
			w.Show(s)
			w.open(screen)
			w.closeAsked()
			w.closeAsked()
			if closed != 1 {
				t.Errorf("%v, screen %d: told %d times", phase, screen, closed)
			}
			w.Close()
			w.run()
			w.ui(func() { t.Error("something ran after the end, when there is no window any more") })
			w.run()
			w.release()
			w.Show(state("too late"))
		}
	}
}
