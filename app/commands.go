package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"copilot/app/interview"
	"copilot/app/overlay"
	"copilot/app/resume"
	"copilot/audio"
	"copilot/audio/device"
)

// display says how an interview is shown.
type display struct {
	terminal bool
	plain    bool
	jsonl    bool
	window   bool
}

// flags returns a flag set whose -h ends the program well.
func (p *program) flags(name string) *flag.FlagSet {
	f := flag.NewFlagSet("interview-copilot "+name, flag.ContinueOnError)
	f.SetOutput(p.stderr)
	return f
}

func parse(f *flag.FlagSet, args []string, positional int) error {
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return &misuseError{"See \"" + f.Name() + " -h\"."} // flag has printed the problem
	}
	if f.NArg() != positional {
		return &misuseError{fmt.Sprintf("%s takes %d arguments, not %d. See \"%s -h\".", f.Name(), positional, f.NArg(), f.Name())}
	}
	return nil
}

func (d *display) add(f *flag.FlagSet) {
	f.BoolVar(&d.terminal, "terminal", false, "a teleprompter for the terminal instead of the window")
	f.BoolVar(&d.plain, "plain", false, "with --terminal: no colours and no line that is redrawn (for screen readers)")
	f.BoolVar(&d.jsonl, "jsonl", false, "print one JSON object a line; nothing else is shown unless asked for")
	f.BoolVar(&d.window, "window", false, "the window, which is what you get anyway unless you ask for --terminal or --jsonl")
}

func listenFlag(f *flag.FlagSet, c *choices) {
	f.StringVar(&c.Listen, "listen-model", "", "Deepgram's model: nova-3 (default), nova-2, or flux (sooner, over two connections)")
}

// rehearse plays the bundled interview.
func (p *program) rehearse(ctx context.Context, args []string) error {
	var d display
	c := choices{Mode: overlay.ModeRehearsal}
	f := p.flags("rehearse")
	d.add(f)
	f.DurationVar(&c.From, "from", 0, "begin the recording here, e.g. 40s")
	f.DurationVar(&c.To, "to", 0, "end the recording here; 0: play it all")
	listenFlag(f, &c)
	if err := parse(f, args, 0); err != nil {
		return err
	}
	return p.show(ctx, d, c)
}

// listen runs an interview with the person's own keys.
func (p *program) listen(ctx context.Context, args []string) error {
	var d display
	var input, resumeFile, jobFile string
	var hosted bool
	c := choices{Mode: overlay.ModeOwnKeys}
	f := p.flags("listen")
	d.add(f)
	f.StringVar(&input, "input", "", "hear this WAV file instead of the devices (left: interviewer, right: candidate)")
	f.Float64Var(&c.Speed, "speed", 1, "with --input: play faster; for tests, Deepgram takes no more than 1.25")
	f.StringVar(&resumeFile, "resume", "", "your résumé: PDF, DOCX, text or Markdown")
	f.StringVar(&jobFile, "job", "", "the job description, in the same formats")
	f.StringVar(&c.Microphone, "microphone", "", "name of the microphone; see \"devices\"")
	f.StringVar(&c.Output, "output", "", "name of the output on which the interviewer is heard")
	f.StringVar(&c.Language, "language", "en", "language of the interview (BCP-47), or multi")
	listenFlag(f, &c)
	f.StringVar(&c.Model, "model", "", "the model that answers")
	f.BoolVar(&hosted, "hosted", false, "with your minutes instead of your own keys; sign in once in the window first")
	f.BoolVar(&c.Manual, "manual", false, "answer only when asked to")
	f.BoolVar(&c.NoDrafts, "no-drafts", false, "ask only once a question is over: later answers, fewer requests")
	if err := parse(f, args, 0); err != nil {
		return err
	}
	if hosted {
		c.Mode = overlay.ModeHosted
	}
	if c.Speed <= 0 || c.Speed > 100 {
		return &misuseError{"--speed must lie between 0 and 100."}
	}
	var err error
	if c.Resume, err = document(ctx, resumeFile); err != nil {
		return fmt.Errorf("read the résumé: %w", err)
	}
	if c.Job, err = document(ctx, jobFile); err != nil {
		return fmt.Errorf("read the job description: %w", err)
	}
	if input != "" {
		wav, err := audio.OpenWAV(input)
		if err != nil {
			return err
		}
		defer wav.Close()
		wav.Speed = c.Speed
		c.Source = wav
	}
	return p.show(ctx, d, c)
}

func document(ctx context.Context, path string) (resume.Document, error) {
	if path == "" {
		return resume.Document{}, nil
	}
	return resume.Parse(ctx, path)
}

// show holds one interview where the person can see it: in the window, or in
// the terminal when there is no display.
func (p *program) show(ctx context.Context, d display, c choices) error {
	if d.window || !d.terminal && !d.jsonl {
		err := displayProblem(p.getenv)
		if err == nil {
			return p.openAndPrint(ctx, d, c)
		}
		fmt.Fprintf(p.stderr, "No window: %s. Going on in the terminal.\n", err)
		d.terminal = true
	}
	if notice := p.firstNotice(""); notice != "" {
		fmt.Fprintln(p.stderr, notice)
	}
	if p.hosted != nil && c.Mode == overlay.ModeHosted {
		defer p.tellHosted(ctx)()
	}
	plan, err := p.newPlan(ctx, c)
	if err != nil {
		return err
	}
	return p.print(ctx, d, plan)
}

// tellHosted tells what holds a hosted interview up, where there is no window,
// and looks for the minutes that it waits for. stop ends that.
func (p *program) tellHosted(ctx context.Context) (stop func()) {
	told := ""
	p.hosted.attach(func(a overlay.Account) {
		if s := a.Sentence(); s != told {
			if told = s; s != "" {
				fmt.Fprintln(p.stderr, s)
			}
		}
	}, func() {}, func(string) error { return errors.New("no window") })
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.hosted.Run(ctx)
	}()
	return func() { cancel(); <-done }
}

// openAndPrint opens the window with one interview to begin with, and prints
// JSON lines beside it when asked to.
func (p *program) openAndPrint(ctx context.Context, d display, c choices) error {
	if !d.jsonl {
		return p.open(ctx, &c, nil)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines := newJSONL()
	var writing errgroup.Group
	writing.Go(func() error {
		defer cancel() // nobody reads: nobody is there
		return lines.Run(p.stdout)
	})
	err := p.open(ctx, &c, lines.Observe)
	lines.Close()
	return errors.Join(err, writing.Wait())
}

// print holds an interview in the terminal, as JSON lines, or both.
func (p *program) print(ctx context.Context, d display, plan *plan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var writing errgroup.Group
	var lines *jsonl
	if d.jsonl {
		lines = newJSONL()
		plan.options.Observe = lines.Observe
		writing.Go(func() error {
			defer cancel() // nobody reads: nobody is there
			return lines.Run(p.stdout)
		})
	}
	session := interview.New(plan.options)
	var screen *terminal
	if d.terminal {
		out := p.stdout
		if d.jsonl {
			out = p.stderr
		}
		var restore func()
		screen, restore = p.terminal(ctx, out, d.plain, session, cancel)
		defer restore()
	}
	done := make(chan error, 1)
	go func() { done <- plan.Run(ctx, session) }()
	for {
		select {
		case <-session.Changed():
			if screen != nil {
				screen.Show(session.State())
			}
		case err := <-done:
			if screen != nil {
				screen.Show(session.State())
				screen.Close()
			}
			if lines != nil {
				lines.Close()
			}
			return errors.Join(err, writing.Wait())
		}
	}
}

// terminal prepares the terminal for s. Where the input is a terminal too, keys
// are read from it as they are pressed; restore puts everything back.
func (p *program) terminal(ctx context.Context, out io.Writer, plain bool, s *interview.Session, quit func()) (t *terminal, restore func()) {
	t = newTerminal(out, 80)
	file, isFile := out.(*os.File)
	if !isFile || !term.IsTerminal(int(file.Fd())) {
		return t, func() {}
	}
	if w, _, err := term.GetSize(int(file.Fd())); err == nil && w >= 20 {
		t.Width = w
	}
	fancy := !plain && p.getenv("TERM") != "dumb"
	t.Live, t.Colour = fancy, fancy && p.getenv("NO_COLOR") == ""
	in := p.stdin
	if in == nil || !term.IsTerminal(int(in.Fd())) {
		return t, func() {}
	}
	old, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return t, func() {}
	}
	t.EOL = "\r\n"
	t.line("", "Keys: space answer now · p pause · r resume · c clear · a automatic · m by hand · x stop the answer · q quit")
	go readKeys(ctx, in, s, quit) // ends with the program: a read of the terminal cannot be cancelled
	return t, func() { term.Restore(int(in.Fd()), old) }
}

// readKeys turns keys into commands until the input ends.
func readKeys(ctx context.Context, in io.Reader, s *interview.Session, quit func()) {
	commands := map[byte]interview.Command{
		' ': interview.AnswerNow, '\r': interview.AnswerNow,
		'p': interview.Pause, 'r': interview.Resume, 'c': interview.Clear,
		'a': interview.AutoOn, 'm': interview.AutoOff, 'x': interview.CancelAnswer,
	}
	var key [1]byte
	for ctx.Err() == nil {
		if _, err := in.Read(key[:]); err != nil {
			return
		}
		if key[0] == 'q' || key[0] == 3 || key[0] == 4 { // Ctrl-C and Ctrl-D
			quit()
			return
		}
		if c, ok := commands[key[0]]; ok {
			s.Do(c)
		}
	}
}

// devices lists what can be heard.
func (p *program) devices(ctx context.Context, args []string) error {
	if err := parse(p.flags("devices"), args, 0); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	found, err := device.List(ctx)
	if err != nil {
		return fmt.Errorf("list devices: %w", err)
	}
	for _, kind := range []device.Kind{device.Microphone, device.SystemSound} {
		fmt.Fprintf(p.stdout, "%s:\n", strings.ToUpper(kind.String()[:1])+kind.String()[1:])
		n := 0
		for _, d := range found {
			if d.Kind != kind {
				continue
			}
			n++
			mark := " "
			if d.Default {
				mark = "*"
			}
			fmt.Fprintf(p.stdout, "  %s %s\n", mark, d.Name)
		}
		if n == 0 {
			fmt.Fprintln(p.stdout, "    none. \"doctor\" says what to do.")
		}
	}
	_, err = fmt.Fprintln(p.stdout, "* is used unless you choose another one.")
	return err
}

// resume prints what is understood of a document.
func (p *program) resume(ctx context.Context, args []string) error {
	f := p.flags("resume")
	if err := parse(f, args, 1); err != nil {
		return err
	}
	d, err := resume.Parse(ctx, f.Arg(0))
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%s\n", strings.TrimSpace(d.Text))
	if d.Truncated {
		fmt.Fprintln(p.stdout, "\n(The document is longer; this is what is kept of it.)")
	}
	var titles []string
	for _, s := range d.Sections {
		if s.Title != "" {
			titles = append(titles, s.Title)
		}
	}
	fmt.Fprintf(p.stdout, "\n--- sections ---\n%s\n", strings.Join(titles, "\n"))
	_, err = fmt.Fprintf(p.stdout, "\n--- key terms ---\n%s\n", strings.Join(d.Terms, "\n"))
	return err
}
