package main

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"
)

// complete is an environment without a problem.
func complete() map[string]string {
	return map[string]string{
		"SUPABASE_URL":     "https://abc.supabase.co/",
		"SUPABASE_DB_URL":  "postgres://copilot_backend:canary@db.abc.supabase.co:5432/postgres?sslmode=verify-full",
		"DEEPGRAM_API_KEY": "dg_canary",
		"GROQ_API_KEY":     "gsk_canary",

		"STRIPE_SECRET_KEY":     "sk_test_canary",
		"STRIPE_WEBHOOK_SECRET": "whsec_canary_canary, whsec_canary_second",
	}
}

func from(env map[string]string) func(string) string {
	return func(name string) string { return env[name] }
}

func TestConfigDefaults(t *testing.T) {
	c, err := loadConfig(from(complete()))
	if err != nil {
		t.Fatal(err)
	}
	if c.SupabaseURL != "https://abc.supabase.co" || c.DeepgramURL != "https://api.deepgram.com" ||
		c.GroqURL != "https://api.groq.com/openai/v1" || c.Addr != ":8000" || c.LogLevel != slog.LevelInfo || c.MigrateURL != c.DatabaseURL ||
		len(c.StripeSecrets) != 2 || c.PublicURL != "http://localhost:8000" {
		t.Errorf("%+v", c)
	}
	env := complete()
	env["PORT"], env["LOG_LEVEL"] = "7000", "debug"
	if c, err := loadConfig(from(env)); err != nil || c.Addr != ":7000" || c.LogLevel != slog.LevelDebug {
		t.Errorf("%+v, %v", c, err)
	}
}

// All problems at once, each with its variable, and no secret among them.
func TestConfigProblems(t *testing.T) {
	_, err := loadConfig(from(map[string]string{
		"SUPABASE_URL": "http://abc.supabase.co", "SUPABASE_DB_URL": "postgres://u:canary@db.example.com/postgres",
		"SUPABASE_JWT_SECRET": "canary", "DEEPGRAM_URL": "ftp://x", "GROQ_URL": "https://u:canary@x",
		"ADDR": "8000", "LOG_LEVEL": "loud", "GROQ_API_KEY": "canary\ncanary", "STRIPE_WEBHOOK_SECRET": "canary", "PUBLIC_URL": "canary.example",
	}))
	if err == nil {
		t.Fatal("no problem")
	}
	lines := strings.Split(err.Error(), "\n")
	for _, name := range []string{"SUPABASE_URL", "SUPABASE_DB_URL", "SUPABASE_JWT_SECRET", "DEEPGRAM_API_KEY", "DEEPGRAM_URL",
		"GROQ_API_KEY", "GROQ_URL", "ADDR", "LOG_LEVEL", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "PUBLIC_URL"} {
		found := 0
		for _, line := range lines {
			if strings.HasPrefix(line, name+" ") {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%s is reported %d times in\n%v", name, found, err)
		}
	}
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("a secret is told: %v", err)
	}
}

func TestAddresses(t *testing.T) {
	for v, ok := range map[string]bool{
		"https://api.groq.com/openai/v1": true, "http://127.0.0.1:9": true, "http://localhost:9/x": true, "http://stand-in:80": true,
		"http://api.groq.com": false, "http://10.0.0.1": false, "api.groq.com": false, "https://x?y": false, "https://": false,
	} {
		if err := checkAddress(v); (err == nil) != ok {
			t.Errorf("%s: %v", v, err)
		}
	}
	for v, ok := range map[string]bool{
		"postgres://u@db.example.com/postgres?sslmode=require": true, "postgres://u@127.0.0.1/x": true, "postgres://u@/x?host=/tmp/pg": true,
		"postgresql://u@postgres.railway.internal:5432/x": true, "postgres://u@db.example.com/x": false,
		"postgres://u@db.example.com/x?sslmode=disable": false, "host=x": false, "mysql://x/y": false,
	} {
		if err := checkDatabase(v); (err == nil) != ok {
			t.Errorf("%s: %v", v, err)
		}
	}
}

func TestConfigInTheLogHasNoSecrets(t *testing.T) {
	env := complete()
	env["METRICS_TOKEN"], env["SUPABASE_JWT_SECRET"] = "canary", strings.Repeat("canary", 6)
	c, err := loadConfig(from(env))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "config", c)
	if strings.Contains(b.String(), "canary") || !strings.Contains(b.String(), `"groq_api_key":"set"`) {
		t.Error(b.String())
	}
}

// -h explains every variable.
func TestHelp(t *testing.T) {
	var b strings.Builder
	if err := run(t.Context(), []string{"-h"}, from(nil), &b); err != nil {
		t.Fatal(err)
	}
	for _, s := range new(config).settings() {
		if !strings.Contains(b.String(), s.name) || s.help == "" {
			t.Errorf("%s is not explained", s.name)
		}
	}
	for _, flag := range []string{"-migrate", "-stripe-setup", "-reconcile"} {
		if !strings.Contains(b.String(), flag) {
			t.Errorf("%s is not explained", flag)
		}
	}
	if err := run(t.Context(), []string{"-migrat"}, from(nil), &b); err == nil {
		t.Error("an unknown flag was accepted")
	}
	if err := run(t.Context(), nil, from(nil), &b); err == nil || !strings.Contains(err.Error(), "GROQ_API_KEY") {
		t.Errorf("an empty environment: %v", err)
	}
}

// The container is given every variable that the program cannot do without.
func TestComposeNamesWhatIsRequired(t *testing.T) {
	text, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range new(config).settings() {
		if s.required && !strings.Contains(string(text), "      "+s.name+":\n") {
			t.Errorf("%s is not in compose.yaml", s.name)
		}
	}
}
