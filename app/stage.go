package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"copilot/app/interview"
	"copilot/app/overlay"
	"copilot/app/resume"
)

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
		Mode: o.Mode, Microphone: o.Microphone, Output: o.Output, Language: o.Language, Listen: o.Listen, Model: o.Model, Manual: !o.Auto,
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
