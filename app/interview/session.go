package interview

import (
	"context"
	"log/slog"
)

// Profile is what the candidate brings: plain text, as understood from files.
type Profile struct {
	Resume   string
	Job      string
	Notes    string
	Language string // BCP-47; empty means English
}

// Options of a Session. Source, Transcribe and Answerer are required.
type Options struct {
	Mode       string
	Source     Source
	Transcribe func(ctx context.Context) (Transcriber, error)
	Answerer   Answerer
	Profile    Profile
	Model      string // of the answers; empty: the Answerer's default
	Fallback   string // model tried when Model fails; empty: none
	Manual     bool   // begin without automatic answers
	Log        *slog.Logger
	// Observe, when set, is called by Run after each event with the new state.
	// It must not block.
	Observe func(State, Event)
}
