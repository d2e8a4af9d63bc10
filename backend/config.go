package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"

	"copilot/billing"
)

// config is what the environment says. Its fields are described, required and
// defaulted in settings, which is also what -h prints.
type config struct {
	DeepgramKey     string
	DeepgramURL     string
	DeepgramProject string
	GroqKey         string
	GroqURL         string
	SupabaseURL     string
	DatabaseURL     string
	MigrateURL      string
	JWTSecret       string
	StripeKey       string
	StripeURL       string
	StripeSecrets   []string // of webhooks
	StripePrices    map[string]string
	PublicURL       string
	MetricsToken    string
	Addr            string
	LogLevel        slog.Level
}

// setting is one variable of the environment.
type setting struct {
	name     string
	help     string
	fallback string // taken when the variable is empty
	required bool
	secret   bool
	set      func(value string) error
}

func (c *config) settings() []setting {
	text := func(p *string) func(string) error {
		return func(v string) error { *p = v; return nil }
	}
	address := func(p *string) func(string) error {
		return func(v string) error { *p = strings.TrimRight(v, "/"); return checkAddress(v) }
	}
	database := func(p *string) func(string) error {
		return func(v string) error { *p = v; return checkDatabase(v) }
	}
	price := func(name string) func(string) error {
		return func(v string) error {
			if c.StripePrices == nil {
				c.StripePrices = map[string]string{}
			}
			c.StripePrices[name] = v
			return nil
		}
	}
	return []setting{
		{name: "SUPABASE_URL", required: true, set: address(&c.SupabaseURL),
			help: "The project people sign in to, e.g. https://abc.supabase.co. Access tokens are verified with its published keys."},
		{name: "SUPABASE_DB_URL", required: true, secret: true, set: database(&c.DatabaseURL),
			help: "Its Postgres, as the role copilot_backend: the direct connection or the session pooler (port 5432), with sslmode=verify-full and the project's sslrootcert."},
		{name: "SUPABASE_MIGRATE_URL", secret: true, set: database(&c.MigrateURL),
			help: "The same database as the role postgres, for -migrate alone. Without it -migrate uses SUPABASE_DB_URL."},
		{name: "SUPABASE_JWT_SECRET", secret: true, set: func(v string) error {
			c.JWTSecret = v
			if v != "" && len(v) < 32 {
				return errors.New("is shorter than 32 bytes")
			}
			return nil
		}, help: "For development only: access tokens are signed with this secret by HS256, and published keys are not used."},
		{name: "DEEPGRAM_API_KEY", required: true, secret: true, set: text(&c.DeepgramKey),
			help: "Deepgram's key, of the role Member or above: it issues the short-lived tokens."},
		{name: "DEEPGRAM_URL", fallback: "https://api.deepgram.com", set: address(&c.DeepgramURL),
			help: "Another host of Deepgram's, or a stand-in."},
		{name: "DEEPGRAM_PROJECT_ID", set: text(&c.DeepgramProject),
			help: "The project whose usage is reconciled. Needed when the key sees several."},
		{name: "GROQ_API_KEY", required: true, secret: true, set: text(&c.GroqKey), help: "Groq's key."},
		{name: "GROQ_URL", fallback: "https://api.groq.com/openai/v1", set: address(&c.GroqURL),
			help: "Another server of Groq's wire, up to and including the version."},
		{name: "STRIPE_SECRET_KEY", required: true, secret: true, set: text(&c.StripeKey),
			help: "Stripe's secret key, or a restricted one that may write customers, checkout and portal sessions, and read the rest of billing."},
		{name: "STRIPE_WEBHOOK_SECRET", required: true, secret: true, set: func(v string) error {
			for secret := range strings.SplitSeq(v, ",") {
				if secret = strings.TrimSpace(secret); len(secret) < 16 {
					return errors.New("holds a secret that is shorter than 16 characters")
				}
				c.StripeSecrets = append(c.StripeSecrets, secret)
			}
			return nil
		}, help: "Signs Stripe's webhooks; -stripe-setup prints it. Two, with a comma between, while one replaces the other."},
		{name: "STRIPE_PRICE_MINUTES", set: price(billing.PriceMinutes120),
			help: "Stripe's id of the price of 120 minutes. Without it the price with the lookup key minutes_120, which -stripe-setup makes."},
		{name: "STRIPE_PRICE_PRO", set: price(billing.PriceProMonthly), help: "The same of Pro, with the lookup key pro_monthly."},
		{name: "STRIPE_URL", set: address(&c.StripeURL), help: "A stand-in for Stripe. Without it Stripe itself."},
		{name: "PUBLIC_URL", set: address(&c.PublicURL),
			help: "Where people's browsers reach this server; Stripe sends them back to it. Without it https://$RAILWAY_PUBLIC_DOMAIN, as Railway sets it, or localhost."},
		{name: "METRICS_TOKEN", secret: true, set: text(&c.MetricsToken),
			help: "Bearer token for /metrics. Without it only this machine may read them."},
		{name: "ADDR", set: text(&c.Addr), help: "Where to listen: host:port or :port. Without it :$PORT, as Railway sets it, or :8000."},
		{name: "LOG_LEVEL", fallback: "info", set: func(v string) error { return c.LogLevel.UnmarshalText([]byte(v)) },
			help: "debug, info, warn or error."},
	}
}

// loadConfig reads and checks the environment, or of it only the named
// settings. All problems are reported together, one a line, and none repeats a
// secret's value.
func loadConfig(getenv func(string) string, only ...string) (config, error) {
	var c config
	var problems []error
	for _, s := range c.settings() {
		if len(only) > 0 && !slices.Contains(only, s.name) {
			continue
		}
		v := strings.TrimSpace(getenv(s.name))
		if v == "" {
			v = s.fallback
		}
		switch {
		case v == "" && s.required:
			problems = append(problems, fmt.Errorf("%s is missing: %s", s.name, s.help))
		case v == "":
		case strings.ContainsAny(v, "\r\n\x00"):
			problems = append(problems, fmt.Errorf("%s must be one line", s.name))
		default:
			if err := s.set(v); err != nil {
				problems = append(problems, fmt.Errorf("%s %w", s.name, err))
			}
		}
	}
	if c.Addr == "" {
		c.Addr = ":8000"
		if port := strings.TrimSpace(getenv("PORT")); port != "" {
			c.Addr = ":" + port
		}
	}
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		problems = append(problems, errors.New("ADDR is not like :8000 or 127.0.0.1:8000"))
	}
	if c.PublicURL == "" {
		if domain := strings.TrimSpace(getenv("RAILWAY_PUBLIC_DOMAIN")); domain != "" {
			c.PublicURL = "https://" + domain
		} else if _, port, err := net.SplitHostPort(c.Addr); err == nil {
			c.PublicURL = "http://localhost:" + port
		}
	}
	if c.MigrateURL == "" {
		c.MigrateURL = c.DatabaseURL
	}
	return c, errors.Join(problems...)
}

// checkAddress wants https, but for this machine.
func checkAddress(v string) error {
	u, err := url.Parse(v)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return errors.New("is not an address like https://example.com")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("must not carry a user name, a password or a query")
	case u.Scheme == "http" && !local(u.Hostname()):
		return errors.New("must begin with https://")
	}
	return nil
}

// checkDatabase wants an encrypted connection, but on this machine.
func checkDatabase(v string) error {
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Path == "" {
		return errors.New("is not like postgres://copilot_backend:…@host:5432/postgres?sslmode=verify-full")
	}
	host := u.Hostname()
	if host == "" {
		host = u.Query().Get("host") // of a socket
	}
	mode := u.Query().Get("sslmode")
	if !local(host) && mode != "verify-full" && mode != "verify-ca" && mode != "require" {
		return errors.New("must have sslmode=verify-full, or at least require")
	}
	return nil
}

// local reports whether a host is this machine, or a socket on it, or a private
// network's short name such as Docker's and Railway's.
func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasPrefix(host, "/") || ip != nil && ip.IsLoopback() ||
		ip == nil && !strings.Contains(host, ".") || strings.HasSuffix(host, ".railway.internal")
}

// explain prints every variable.
func explain(w io.Writer) {
	fmt.Fprintln(w, "\nenvironment:")
	for _, s := range new(config).settings() {
		fmt.Fprintf(w, "  %s", s.name)
		if s.required {
			fmt.Fprint(w, " (required)")
		}
		if s.fallback != "" {
			fmt.Fprintf(w, " (default %s)", s.fallback)
		}
		fmt.Fprintf(w, "\n\t%s\n", s.help)
	}
}

// LogValue shows what is set, and of secrets only that they are.
func (c config) LogValue() slog.Value {
	presence := func(v string) string {
		if v == "" {
			return "missing"
		}
		return "set"
	}
	return slog.GroupValue(
		slog.String("supabase_url", c.SupabaseURL), slog.String("supabase_db_url", presence(c.DatabaseURL)),
		slog.String("supabase_jwt_secret", presence(c.JWTSecret)),
		slog.String("deepgram_url", c.DeepgramURL), slog.String("deepgram_api_key", presence(c.DeepgramKey)),
		slog.String("groq_url", c.GroqURL), slog.String("groq_api_key", presence(c.GroqKey)),
		slog.String("stripe_url", c.StripeURL), slog.String("stripe_secret_key", presence(c.StripeKey)),
		slog.Int("stripe_webhook_secrets", len(c.StripeSecrets)), slog.Any("stripe_prices", c.StripePrices),
		slog.String("public_url", c.PublicURL), slog.String("metrics_token", presence(c.MetricsToken)), slog.String("addr", c.Addr),
	)
}
