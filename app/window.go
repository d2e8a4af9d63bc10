package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"
	"github.com/go-gl/glfw/v3.4/glfw"

	"copilot/app/account"
	"copilot/app/interview"
	"copilot/app/overlay"
	"copilot/app/resume"
	"copilot/assets"
	"copilot/audio/device"
)

// window opens the window and waits for the person.
func (p *program) window(ctx context.Context, args []string) error {
	f := p.flags("")
	if err := parse(f, args, 0); err != nil {
		return err
	}
	if err := displayProblem(p.getenv); err != nil {
		fmt.Fprintf(p.stderr, "No window: %s. The rehearsal plays in the terminal instead; \"help\" lists the other commands.\n", err)
		return p.show(ctx, display{terminal: true}, choices{Mode: overlay.ModeRehearsal})
	}
	return p.open(ctx, nil, nil)
}

// open shows the window until the person closes it or ctx is cancelled; begin,
// when not nil, is an interview to begin with, and observe an observer of all.
// Where a window of this person's is open already, that one comes to the front.
func (p *program) open(ctx context.Context, begin *choices, observe func(interview.State, interview.Event)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	path, err := overlay.SettingsPath()
	if err != nil {
		p.log.Warn("settings are not kept", "err", err)
	}
	only, first := claim(path, p.log)
	if !first {
		if begin != nil {
			return &sayError{"Interview Copilot is open already; its window was brought to the front. Start there, or close it first.", errors.New("open: another instance runs")}
		}
		fmt.Fprintln(p.stderr, "Interview Copilot is open already; its window was brought to the front.")
		return nil
	}
	defer only.Close()
	settings, problem := overlay.LoadSettings(path)

	app.SetMetadata(fyne.AppMetadata{
		ID: appID, Name: appName, Version: version,
		Icon:       fyne.NewStaticResource("icon.png", assets.AppIcon),
		Migrations: map[string]bool{"fyneDo": true},
	})
	a := app.NewWithID(appID)
	stage := newStage(p)
	stage.observe = observe
	options := overlay.Options{
		Settings: settings, SettingsPath: path, Notice: p.firstNotice(problem),
		Events: windowEvents(), Log: p.log, Tray: true, Hotkeys: true,
		Start: stage.start,
		Stop:  stage.stop,
		Do:    stage.do,
		Ask:   stage.ask,
		Changed: func(o overlay.Settings) {
			if begin != nil && o.NoticeSeen { // it has waited for the notice to be read
				stage.begin(*begin)
				begin = nil
			}
		},
		Closed:       cancel,
		ReadDocument: stage.readDocument,
		UseText:      stage.useText,
		Keys:         p.keyState,
		SaveKey:      p.saveKey,
		DeleteKey:    func(ctx context.Context, name string) error { return p.keys.Delete(ctx, name) },
		Devices:      deviceNames,
	}
	if p.hosted != nil {
		options.Hosted = p.hosted
	}
	if stage.desk, err = p.newDesk(settings.Retain); err != nil {
		p.log.Warn("nothing can be prepared or kept", "err", err)
	} else {
		begun := options.Changed
		options.Desk = stage.desk
		options.Changed = func(o overlay.Settings) {
			begun(o)
			stage.desk.changed(o)
		}
	}
	drawn := make(chan struct{})
	options.Updates, options.Started = updateAddress(p.getenv) != "", func() { close(drawn) }
	options.Models = func(ctx context.Context) ([]string, error) {
		awaitFrame(ctx, drawn)
		return p.modelNames(ctx)
	}
	window := overlay.New(a, options)
	if begin != nil && settings.NoticeSeen {
		stage.begin(*begin)
		begin = nil
	}
	var running sync.WaitGroup
	if d := stage.desk; d != nil {
		d.begin, d.ready = stage.begin, window.PastReady
		running.Go(func() { d.Run(ctx) })
	}
	if h := p.hosted; h != nil {
		h.attach(window.ShowAccount, stage.takeOver, func(page string) error {
			u, err := url.Parse(page)
			if err != nil {
				return err
			}
			return a.OpenURL(u)
		})
		running.Go(func() {
			awaitFrame(ctx, drawn)
			h.Run(ctx)
		})
	}
	running.Go(func() { only.Run(window.Reveal) })
	running.Go(func() { p.tellUpdate(ctx, settings.NoUpdates, drawn, updateWait, window.Tell) })
	running.Go(func() {
		awaitFrame(ctx, drawn)
		stage.Run(ctx, window.Show)
		window.Close()
	})
	window.Run()
	cancel()
	only.Close()
	running.Wait()
	return nil
}

// awaitFrame waits for the first frame: nothing is asked of the network before it.
func awaitFrame(ctx context.Context, drawn <-chan struct{}) {
	select {
	case <-drawn:
	case <-ctx.Done():
	}
}

// stage holds one interview after the other, as the window asks for them. Run
// is the only goroutine that starts and ends one.
type stage struct {
	program  *program
	starts   chan choices
	stops    chan struct{}
	commands chan interview.Command
	asks     chan string
	observe  func(interview.State, interview.Event)

	desk *desk // nil: nothing is prepared or kept

	mu        sync.Mutex
	documents [2]resume.Document // by overlay.DocumentKind
	last      choices            // begun last
	lease     *lease             // of the running interview; nil: it has none
}

func newStage(p *program) *stage {
	return &stage{
		program: p,
		starts:  make(chan choices, 1), stops: make(chan struct{}, 1),
		commands: make(chan interview.Command, 8), asks: make(chan string, 1),
	}
}

// The window's wishes never block: one that comes while the same is still
// waiting is the same wish.

func (s *stage) begin(c choices) {
	s.mu.Lock()
	s.last = c
	s.mu.Unlock()
	select {
	case s.starts <- c:
	default:
	}
}

func (s *stage) start(o overlay.Settings) {
	s.mu.Lock()
	documents := s.documents
	s.mu.Unlock()
	s.begin(choices{
		Mode: o.Mode, Microphone: o.Microphone, Output: o.Output, Language: o.Language, Model: o.Model, Manual: !o.Auto,
		Resume: documents[overlay.Resume], Job: documents[overlay.Job], Prepared: o.Prepared,
	})
}

func (s *stage) stop() {
	select {
	case s.stops <- struct{}{}:
	default:
	}
}

// takeOver begins the last interview anew, with the session of another device.
func (s *stage) takeOver() {
	s.mu.Lock()
	c := s.last
	s.mu.Unlock()
	c.TakeOver = true
	s.begin(c)
}

// do passes a command on. A pause of a metered interview goes through its lease,
// which tells the server and the interview.
func (s *stage) do(c interview.Command) {
	s.mu.Lock()
	l := s.lease
	s.mu.Unlock()
	switch {
	case l != nil && c == interview.Pause:
		l.ask(wishPause)
		return
	case l != nil && c == interview.Resume:
		l.ask(wishResume)
		return
	}
	select {
	case s.commands <- c:
	default:
	}
}

// ask passes on a question that the person typed.
func (s *stage) ask(text string) {
	select {
	case s.asks <- text:
	default:
	}
}

// Run holds the interviews until ctx is cancelled, then ends the running one.
func (s *stage) Run(ctx context.Context, show func(interview.State)) {
	for {
		select {
		case c := <-s.starts:
			s.interview(ctx, c, show)
		case <-s.stops: // nothing runs
		case <-s.commands:
		case <-s.asks:
		case <-ctx.Done():
			return
		}
	}
}

// interview holds one interview to its end.
func (s *stage) interview(ctx context.Context, c choices, show func(interview.State)) {
	open := ctx // until the window closes
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	show(interview.State{Mode: c.Mode, Phase: interview.Starting, Auto: !c.Manual, Shown: -1})
	record := &interview.Record{}
	c, plan, err := s.plan(ctx, c, record)
	if err != nil {
		s.program.log.Error("the interview did not start", "err", err)
		show(interview.State{Mode: c.Mode, Phase: interview.Ended, Auto: !c.Manual, Shown: -1,
			Notice: interview.Notice{Code: "not_started", Message: sentence(err)}})
		return
	}
	plan.options.Observe = both(record.Observe, s.observe)
	session := interview.New(plan.options)
	s.hold(plan.lease)
	defer s.hold(nil)
	done := make(chan error, 1)
	go func() { done <- plan.Run(ctx, session) }()
	for {
		select {
		case <-session.Changed():
			show(session.State())
		case c := <-s.commands:
			session.Do(c)
		case text := <-s.asks:
			session.Ask(text)
		case <-s.stops:
			cancel()
		case <-s.starts: // one at a time
		case err := <-done:
			if err != nil {
				s.program.log.Error("the interview ended", "err", err)
			}
			show(session.State())
			if s.desk != nil {
				talk := record.Talk()
				if q, ok := c.Source.(*questioner); ok && c.Mode == overlay.ModeRehearsal {
					talk = q.spokenOnly(talk)
				}
				s.desk.held(open, c, plan.options.Profile, talk, time.Now())
			}
			return
		}
	}
}

// plan builds the interview that the choices mean.
func (s *stage) plan(ctx context.Context, c choices, record *interview.Record) (choices, *plan, error) {
	if s.desk != nil {
		var err error
		if c, err = s.desk.fill(ctx, c); err != nil {
			return c, nil, err
		}
	}
	if !c.Practice {
		plan, err := s.program.newPlan(ctx, c)
		return c, plan, err
	}
	q, err := s.program.practiceSource(c, record)
	if err != nil {
		return c, nil, err
	}
	c.Source = q
	plan, err := s.program.newPlan(ctx, c)
	if err == nil && q.next == nil {
		q.interviewBy(plan.options.Answerer, systemVoice(), plan.options)
	}
	return c, plan, err
}

// both calls two observers, of which the second may be nil.
func both(first, second func(interview.State, interview.Event)) func(interview.State, interview.Event) {
	if second == nil {
		return first
	}
	return func(s interview.State, ev interview.Event) {
		first(s, ev)
		second(s, ev)
	}
}

func (s *stage) hold(l *lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lease = l
}

func (s *stage) readDocument(ctx context.Context, kind overlay.DocumentKind, path string) (overlay.Document, error) {
	d, err := resume.Parse(ctx, path)
	if err != nil {
		return overlay.Document{}, errors.New(sentence(err))
	}
	return s.keep(kind, filepath.Base(path), d), nil
}

func (s *stage) useText(_ context.Context, kind overlay.DocumentKind, text string) (overlay.Document, error) {
	return s.keep(kind, "pasted text", resume.FromText(text)), nil
}

func (s *stage) keep(kind overlay.DocumentKind, name string, d resume.Document) overlay.Document {
	s.mu.Lock()
	s.documents[kind] = d
	s.mu.Unlock()
	sections := 0
	for _, section := range d.Sections {
		if section.Title != "" {
			sections++
		}
	}
	summary := fmt.Sprintf("%s, %s", count(sections, "section"), count(len(d.Terms), "key term"))
	if d.Pages > 0 {
		summary = count(d.Pages, "page") + ", " + summary
	}
	return overlay.Document{Name: name, Summary: summary}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// keyState tells the window which keys there are, never what they are.
func (p *program) keyState(ctx context.Context) overlay.KeyState {
	state := overlay.KeyState{}
	for _, k := range []overlay.Key{
		{Name: account.Deepgram, Label: keyLabel(account.Deepgram), Use: "hears both sides"},
		{Name: account.Groq, Label: keyLabel(account.Groq), Use: "writes the answers"},
	} {
		if p.environmentKey(k.Name) != "" {
			k.Set, k.Fixed, k.From = true, true, "environment"
		} else if _, err := p.keys.Get(ctx, k.Name); err == nil {
			k.Set, k.From = true, "keyring"
			if !p.keys.Persistent() {
				k.From = "this run"
			}
		}
		state.Keys = append(state.Keys, k)
	}
	state.Where = "Keys are kept in the system's keyring, never in a file."
	if why := p.keys.Sentence(); why != "" {
		state.Where = why
	}
	return state
}

func (p *program) saveKey(ctx context.Context, name, pasted string) error {
	key, err := account.CleanKey(pasted)
	if err == nil {
		err = p.keys.Set(ctx, name, key)
	}
	if err != nil {
		return errors.New(sentence(err))
	}
	return nil
}

func deviceNames(ctx context.Context) (overlay.Devices, error) {
	found, err := device.List(ctx)
	var names overlay.Devices
	for _, d := range found {
		if d.Kind == device.Microphone {
			names.Microphones = append(names.Microphones, d.Name)
		} else {
			names.Outputs = append(names.Outputs, d.Name)
		}
	}
	return names, err
}

// modelNames lists the models the person's own key may use.
func (p *program) modelNames(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	answers, err := p.ownAnswers(ctx)
	if err != nil {
		return nil, errors.New(sentence(err))
	}
	defer answers.Close()
	models, err := answers.Models(ctx)
	if err != nil {
		return nil, errors.New(sentence(err))
	}
	var names []string
	for _, m := range models {
		names = append(names, m.ID)
	}
	return names, nil
}

// displayProblem says why no window can be opened, or nil.
func displayProblem(getenv func(string) string) error {
	if runtime.GOOS != "linux" {
		return nil
	}
	if getenv("DISPLAY") == "" {
		return errors.New("there is no display (DISPLAY is not set)")
	}
	return dialDisplay()
}

// windowEvents is the event queue of Fyne's desktop driver, which is GLFW.
func windowEvents() *overlay.Events {
	return &overlay.Events{
		Wait: func(d time.Duration) { glfw.WaitEventsTimeout(d.Seconds()) },
		Post: glfw.PostEmptyEvent,
	}
}
