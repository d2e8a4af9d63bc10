// Command interview-copilot is the desktop program: a teleprompter that hears
// both sides of a video call and writes the answer while the question is asked.
//
// This package only wires: it reads flags, environment, keyring and settings,
// builds one interview out of them (plan.go) and shows it in the window, in the
// terminal or as JSON lines. What an interview is lies in app/interview, what it
// looks like in app/overlay.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"copilot/app/account"
	"copilot/app/interview"
	"copilot/app/resume"
)

func main() {
	if resume.IsChild(os.Args) {
		os.Exit(resume.RunChild(os.Stdin, os.Stdout))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	p := &program{getenv: os.Getenv, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, keys: account.NewKeys()}
	safe := p.watchCrashes()
	code := p.run(ctx, os.Args[1:])
	stop()
	safe()
	os.Exit(code)
}

// program is what a command may touch of the outside world.
type program struct {
	getenv         func(string) string
	stdin          *os.File
	stdout, stderr io.Writer
	log            *slog.Logger
	tail           *tail // the end of what was logged
	config         config
	keys           *account.Keys
	hosted         *hosted          // nil: no server is known
	sound          interview.Source // in place of the devices, in tests
}

const usage = `Interview Copilot hears the interviewer and puts the answer on a teleprompter.

usage: interview-copilot [command] [flags]

  (no command)   open the window
  rehearse       play the bundled interview: no account, no keys, no network
  listen         run an interview from the devices, or from a WAV file (--input)
  devices        list microphones and outputs
  doctor         check sound, keys and network, and say what to do
  resume FILE    print what is understood of a résumé or job description
  version        print the version

rehearse and listen take --terminal (a teleprompter for the terminal) and
--jsonl (one JSON object a line). "interview-copilot COMMAND -h" lists the flags.

environment (all optional; keys can also be entered in the window):
  DEEPGRAM_API_KEY, GROQ_API_KEY   your own keys
  GROQ_MODEL                       the model that answers
  DEEPGRAM_URL, GROQ_URL           other servers, e.g. https://api.eu.deepgram.com
                                   or http://localhost:11434/v1 (Ollama)
  BACKEND_URL, SUPABASE_URL, SUPABASE_ANON_KEY
                                   the server of the hosted mode and its sign-in
  COPILOT_DEBUG=1                  log to the standard error
`

// run executes one command and returns the exit code: 0 done, 1 failed, 2 misused.
func (p *program) run(ctx context.Context, args []string) int {
	level := slog.LevelError
	if p.getenv("COPILOT_DEBUG") != "" {
		level = slog.LevelDebug
	}
	p.tail = &tail{}
	p.log = slog.New(slog.NewTextHandler(io.MultiWriter(p.stderr, p.tail), &slog.HandlerOptions{Level: level}))
	command := ""
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		command, args = args[0], args[1:]
	}
	err := p.command(ctx, command, args)
	var misuse *misuseError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &misuse):
		fmt.Fprintln(p.stderr, err)
		return 2
	}
	fmt.Fprintln(p.stderr, sentence(err))
	p.log.Debug("command failed", "command", command, "err", err)
	return 1
}

func (p *program) command(ctx context.Context, command string, args []string) (err error) {
	if p.config, err = loadConfig(p.getenv); err != nil {
		return err
	}
	if p.hosted, err = newHosted(p.config, p.keys, p.log); err != nil {
		return err
	}
	if p.hosted != nil {
		defer p.hosted.account.Close() // a new refresh token must reach the keyring
	}
	switch command {
	case "":
		return p.window(ctx, args)
	case "rehearse":
		return p.rehearse(ctx, args)
	case "listen":
		return p.listen(ctx, args)
	case "devices":
		return p.devices(ctx, args)
	case "doctor":
		return p.doctor(ctx, args)
	case "resume":
		return p.resume(ctx, args)
	case "version":
		_, err := fmt.Fprintln(p.stdout, "interview-copilot "+version)
		return err
	case "help":
		_, err := io.WriteString(p.stdout, usage)
		return err
	}
	return &misuseError{fmt.Sprintf("There is no command %q. Try \"interview-copilot help\".", command)}
}

// misuseError is a command line that cannot be understood.
type misuseError struct{ message string }

func (e *misuseError) Error() string { return e.message }

// sentence is what a person is told of err: the sentence of the error that has
// one, else its text.
func sentence(err error) string {
	var s interface{ Sentence() string }
	if errors.As(err, &s) {
		return s.Sentence()
	}
	return err.Error()
}
