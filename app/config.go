package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
)

// config is what the environment says. Every field is optional: without any of
// them the program rehearses, and keys can be entered in the window instead.
type config struct {
	DeepgramKey string // DEEPGRAM_API_KEY: own key for transcription
	DeepgramURL string // DEEPGRAM_URL: another host than https://api.deepgram.com (its EU host, a stand-in)
	GroqKey     string // GROQ_API_KEY: own key for answers
	GroqURL     string // GROQ_URL: any OpenAI-compatible server, e.g. http://localhost:11434/v1
	GroqModel   string // GROQ_MODEL: the model that answers
	BackendURL  string // BACKEND_URL: the hosted mode's server
	SupabaseURL string // SUPABASE_URL: where people sign in
	SupabaseKey string // SUPABASE_ANON_KEY: the project's publishable key
}

// The hosted mode's server, set by the release build (-ldflags -X). None of it
// is secret: the key is the project's publishable one.
var defaultBackend, defaultSupabase, defaultSupabaseKey string

// loadConfig reads and checks the environment and reports all problems together.
func loadConfig(getenv func(string) string) (config, error) {
	var problems []error
	text := func(name string) string {
		v := strings.TrimSpace(getenv(name))
		if strings.ContainsAny(v, " \t\r\n") {
			problems = append(problems, fmt.Errorf("%s must not contain white space", name))
		}
		return v
	}
	address := func(name string) string {
		v := strings.TrimRight(text(name), "/")
		if v == "" {
			return v
		}
		u, err := url.Parse(v)
		switch {
		case err != nil || u.Host == "":
			problems = append(problems, fmt.Errorf("%s is not an address like https://example.com", name))
		case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "ws" && u.Scheme != "wss":
			problems = append(problems, fmt.Errorf("%s must begin with https:// or http://", name))
		case u.User != nil || u.RawQuery != "":
			problems = append(problems, fmt.Errorf("%s must not carry a user name, a password or a query", name))
		}
		return v
	}
	c := config{
		DeepgramKey: text("DEEPGRAM_API_KEY"),
		DeepgramURL: address("DEEPGRAM_URL"),
		GroqKey:     text("GROQ_API_KEY"),
		GroqURL:     address("GROQ_URL"),
		GroqModel:   text("GROQ_MODEL"),
		BackendURL:  address("BACKEND_URL"),
		SupabaseURL: address("SUPABASE_URL"),
		SupabaseKey: text("SUPABASE_ANON_KEY"),
	}
	if c.BackendURL == "" && c.SupabaseURL == "" && c.SupabaseKey == "" {
		c.BackendURL, c.SupabaseURL, c.SupabaseKey = defaultBackend, defaultSupabase, defaultSupabaseKey
	}
	if n := len(presence(c.BackendURL) + presence(c.SupabaseURL) + presence(c.SupabaseKey)); n != 3*len("set") && n != 3*len("missing") {
		problems = append(problems, errors.New("BACKEND_URL, SUPABASE_URL and SUPABASE_ANON_KEY belong together: set all of them or none"))
	}
	return c, errors.Join(problems...)
}

// LogValue keeps the keys out of logs: they are "set" or "missing".
func (c config) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("deepgram_key", presence(c.DeepgramKey)),
		slog.String("deepgram_url", c.DeepgramURL),
		slog.String("groq_key", presence(c.GroqKey)),
		slog.String("groq_url", c.GroqURL),
		slog.String("groq_model", c.GroqModel),
		slog.String("backend_url", c.BackendURL),
		slog.String("supabase_url", c.SupabaseURL),
		slog.String("supabase_key", presence(c.SupabaseKey)),
	)
}

func presence(secret string) string {
	if secret == "" {
		return "missing"
	}
	return "set"
}
