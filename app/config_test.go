package main

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestConfigReportsAllProblemsTogether(t *testing.T) {
	env := map[string]string{
		"DEEPGRAM_URL":     "api.deepgram.com",
		"GROQ_URL":         "ftp://x.example",
		"BACKEND_URL":      "https://user:secret-word@x.example",
		"DEEPGRAM_API_KEY": "two words",
	}
	_, err := loadConfig(func(k string) string { return env[k] })
	if err == nil {
		t.Fatal("accepted")
	}
	for name := range env {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named in %q", name, err)
		}
	}
	if strings.Contains(err.Error(), "secret-word") {
		t.Errorf("the error holds a secret: %q", err)
	}
}

func TestConfigKeepsKeysOutOfLogs(t *testing.T) {
	env := map[string]string{"DEEPGRAM_API_KEY": "canary-1", "GROQ_API_KEY": "canary-2", "SUPABASE_ANON_KEY": "canary-3",
		"BACKEND_URL": "https://b.example", "SUPABASE_URL": "https://s.example", "GROQ_URL": "http://localhost:11434/v1/"}
	c, err := loadConfig(func(k string) string { return env[k] })
	if err != nil {
		t.Fatal(err)
	}
	if c.GroqURL != "http://localhost:11434/v1" {
		t.Errorf("GroqURL = %q", c.GroqURL)
	}
	var out strings.Builder
	slog.New(slog.NewTextHandler(&out, nil)).Info("config", "config", c)
	fmt.Fprint(&out, c.LogValue())
	if strings.Contains(out.String(), "canary") {
		t.Errorf("a key is in the log: %s", out.String())
	}
}

// The hosted mode's three settings make sense together only.
func TestConfigOfHostedModeIsWholeOrNone(t *testing.T) {
	for env, ok := range map[string]bool{
		"": true, "BACKEND_URL SUPABASE_URL SUPABASE_ANON_KEY": true, "BACKEND_URL": false,
		"SUPABASE_URL SUPABASE_ANON_KEY": false, "SUPABASE_ANON_KEY": false,
	} {
		_, err := loadConfig(func(k string) string {
			if env == "" || !strings.Contains(" "+env+" ", " "+k+" ") {
				return ""
			}
			return "https://example.com"
		})
		if (err == nil) != ok {
			t.Errorf("%q: %v", env, err)
		}
	}
}
