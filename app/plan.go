package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"copilot/app/account"
	"copilot/app/deepgram"
	"copilot/app/groq"
	"copilot/app/interview"
	"copilot/app/overlay"
	"copilot/app/rehearsal"
	"copilot/app/resume"
	"copilot/audio/device"
)

// choices is what a person chose for one interview, by flags or in the window.
type choices struct {
	Mode       string           // one of overlay's modes
	TakeOver   bool             // hosted: take the session from another device
	Source     interview.Source // nil: the devices, or the recording of the rehearsal
	Microphone string
	Output     string
	Resume     resume.Document
	Job        resume.Document
	Notes      string
	Language   string          // BCP-47
	Listen     string          // Deepgram's model, or flux; empty: nova-3
	Model      string          // of the answers; empty: the environment's or the default
	Manual     bool            // answers only when asked for
	NoDrafts   bool            // no answer is begun before its question is over
	Prepared   string          // ID of the prepared interview; its parts take the place of others
	Title      string          // what it is called when it is kept
	Terms      []string        // key terms as the person corrected them; nil: those of the documents
	Deck       *interview.Deck // answers prepared before; may be nil
	Style      string          // how answers are to be, in words for the model
	Persona    string          // of the server's, in the hosted mode
	Practice   bool            // the questions come from a questioner
	From, To   time.Duration
	Speed      float64
}

// plan is one interview, ready to be run: an interview's options and what has
// to go on beside it.
type plan struct {
	options interview.Options
	answers *groq.Client
	server  *rehearsal.Server // nil but in a rehearsal
	lease   *lease            // nil but in the hosted mode, as is hosted
	hosted  *hosted
}

// fallbackModel answers when the default one is limited or gone.
const fallbackModel = "openai/gpt-oss-120b"

// newPlan builds an interview. The caller runs the plan once, or closes it.
func (p *program) newPlan(ctx context.Context, c choices) (*plan, error) {
	switch c.Mode {
	case overlay.ModeRehearsal:
		return p.rehearsalPlan(ctx, c)
	case overlay.ModeHosted:
		return p.hostedPlan(ctx, c)
	}
	return p.ownKeysPlan(ctx, c)
}

func (p *program) rehearsalPlan(ctx context.Context, c choices) (*plan, error) {
	server, err := rehearsal.Start(ctx, rehearsal.Options{Log: p.log})
	if err != nil {
		return nil, fmt.Errorf("start the rehearsal: %w", err)
	}
	recorded := server.Interview()
	if c.Source == nil {
		c.Source = &rehearsal.Recording{Interview: recorded, From: c.From, To: c.To, Speed: c.Speed}
	}
	c.Resume, c.Job, c.Language = resume.FromText(recorded.Resume), resume.FromText(recorded.Job), "en"
	answers := groq.New(groq.Options{
		BaseURL:    server.GroqURL(),
		Dialect:    groq.DialectGroq,
		Name:       "the rehearsal",
		Credential: func(context.Context) (string, error) { return server.GroqKey(), nil },
		Log:        p.log,
	})
	listen := deepgram.Options{
		URL:        server.DeepgramURL(),
		Credential: keyOf(func(context.Context) (string, error) { return server.DeepgramKey(), nil }),
	}
	plan := p.assemble(c, listen, answers)
	plan.server = server
	return plan, nil
}

func (p *program) ownKeysPlan(ctx context.Context, c choices) (*plan, error) {
	deepgramKey, err := p.key(ctx, account.Deepgram)
	if err != nil {
		return nil, err
	}
	answers, err := p.ownAnswers(ctx)
	if err != nil {
		return nil, err
	}
	if c.Model == "" {
		c.Model = p.config.GroqModel
	}
	if c.Source == nil {
		c.Source = p.capture(c)
	}
	listen := deepgram.Options{
		URL:        p.config.DeepgramURL,
		Credential: keyOf(func(context.Context) (string, error) { return deepgramKey, nil }),
		OptOut:     true,
	}
	return p.assemble(c, listen, answers), nil
}

// capture is this machine's sound.
func (p *program) capture(c choices) interview.Source {
	if p.sound != nil {
		return p.sound
	}
	return device.New(device.Config{Microphone: c.Microphone, Output: c.Output, Log: p.log})
}

// ownAnswers is the client of the person's own answering server. A server other
// than Groq's may need no key.
func (p *program) ownAnswers(ctx context.Context) (*groq.Client, error) {
	key, err := p.key(ctx, account.Groq)
	if err != nil && p.config.GroqURL == "" {
		return nil, err
	}
	return groq.New(groq.Options{
		BaseURL:    p.config.GroqURL,
		Credential: func(context.Context) (string, error) { return key, nil },
		Log:        p.log,
	}), nil
}

// assemble puts the parts together that every mode has.
func (p *program) assemble(c choices, listen deepgram.Options, answers *groq.Client) *plan {
	listen.Model, listen.Language = listenModel(c.Listen, c.Language), c.Language
	listen.Keyterms = resume.Terms(c.Resume, c.Job)
	if c.Terms != nil {
		listen.Keyterms = c.Terms
	}
	listen.Log = p.log
	o := interview.Options{
		Mode:   c.Mode,
		Source: c.Source,
		Transcribe: func(ctx context.Context) (interview.Transcriber, error) {
			var t redialer
			var err error
			if strings.HasPrefix(listen.Model, flux) {
				t, err = deepgram.DialFlux(ctx, listen)
			} else {
				t, err = deepgram.Dial(ctx, listen)
			}
			if err != nil { // a nil *Stream must not become a Transcriber
				return nil, err
			}
			return t, nil
		},
		Answerer: answers,
		Profile: interview.Profile{
			Resume: c.Resume.Text, Job: c.Job.Text, Notes: c.Notes, Language: c.Language, Style: c.Style,
		},
		Model:    c.Model,
		Manual:   c.Manual,
		NoDrafts: c.NoDrafts,
		Deck:     c.Deck,
		Log:      p.log,
	}
	if c.Model == "" && p.config.GroqURL == "" {
		o.Fallback = fallbackModel
	}
	return &plan{options: o, answers: answers}
}

// redialer is a transcription that can be told to connect anew.
type redialer interface {
	interview.Transcriber
	Redial()
}

// flux stands for the Flux model of the interview's language.
const flux = overlay.ListenFlux

// listenModel is Deepgram's name of the model that a person chose.
func listenModel(chosen, language string) string {
	switch {
	case chosen != flux:
		return chosen
	case language == "" || language == "en" || strings.HasPrefix(language, "en-"):
		return "flux-general-en"
	}
	return "flux-general-multi"
}

// Run holds the interview until ctx is cancelled or it is over, then releases
// everything.
func (pl *plan) Run(ctx context.Context, s *interview.Session) error {
	defer pl.Close()
	beside, stop := context.WithCancel(ctx)
	var g errgroup.Group
	g.Go(func() error { pl.answers.KeepWarm(beside); return nil })
	if pl.lease != nil {
		pl.hosted.begun(pl.lease)
		defer pl.hosted.ended()
		g.Go(func() error { return pl.lease.Run(beside, s.Do) })
	}
	g.Go(func() error {
		defer stop()
		return s.Run(ctx)
	})
	return g.Wait()
}

// Close releases what a plan holds that is not run.
func (pl *plan) Close() {
	pl.answers.Close()
	if pl.lease != nil {
		pl.lease.giveBack()
	}
	if pl.server != nil {
		pl.server.Close()
	}
}

// keyOf makes Deepgram's credential of an API key.
func keyOf(key func(context.Context) (string, error)) func(context.Context) (deepgram.Credential, error) {
	return func(ctx context.Context) (deepgram.Credential, error) {
		k, err := key(ctx)
		return deepgram.Credential{Scheme: "Token", Value: k}, err
	}
}

// key returns one of the person's own keys: the environment's, else the keyring's.
func (p *program) key(ctx context.Context, name string) (string, error) {
	if k := p.environmentKey(name); k != "" {
		return k, nil
	}
	k, err := p.keys.Get(ctx, name)
	if err == nil {
		return k, nil
	}
	if errors.Is(err, account.ErrNotFound) || errors.Is(err, account.ErrUnavailable) {
		return "", &missingKeyError{name, err}
	}
	return "", err
}

func (p *program) environmentKey(name string) string {
	if name == account.Deepgram {
		return p.config.DeepgramKey
	}
	return p.config.GroqKey
}

// missingKeyError says where a key is got and where it goes.
type missingKeyError struct {
	name  string
	cause error
}

func (e *missingKeyError) Error() string { return e.name + " key: " + e.cause.Error() }
func (e *missingKeyError) Unwrap() error { return e.cause }

// Sentence says what the person can do.
func (e *missingKeyError) Sentence() string {
	from := map[string]string{account.Deepgram: "console.deepgram.com", account.Groq: "console.groq.com"}[e.name]
	return fmt.Sprintf("No %s key yet: get one at %s and enter it in the window's set-up, or set %s_API_KEY. \"rehearse\" needs none.",
		keyLabel(e.name), from, strings.ToUpper(e.name))
}

func keyLabel(name string) string {
	return map[string]string{account.Deepgram: "Deepgram", account.Groq: "Groq"}[name]
}
