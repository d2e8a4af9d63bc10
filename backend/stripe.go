package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"time"

	"copilot/backend/api"
	"copilot/backend/server"
	"copilot/backend/supabase"
	"copilot/backend/upstream"
	"copilot/billing"
)

func newStripe(c config) *billing.Stripe {
	return billing.New(billing.Options{
		Key: c.StripeKey, URL: c.StripeURL, WebhookSecrets: c.StripeSecrets, PriceIDs: c.StripePrices, PublicURL: c.PublicURL,
	})
}

// setUpStripe makes at Stripe what the backend needs there and prints the
// environment that goes with it. Stripe sends webhooks to public addresses
// only, so a server on this machine gets none made.
func setUpStripe(ctx context.Context, getenv func(string) string, out io.Writer) error {
	c, err := loadConfig(getenv, "STRIPE_SECRET_KEY", "STRIPE_URL", "PUBLIC_URL", "ADDR")
	if err != nil {
		return fmt.Errorf("the environment is not complete; see backend -h\n%w", err)
	}
	webhook := c.PublicURL + api.PathWebhook
	if !public(c.PublicURL) && c.StripeURL == "" {
		webhook = ""
	}
	in, err := newStripe(c).Setup(ctx, webhook)
	for _, made := range in.Made {
		fmt.Fprintln(out, "# made", made)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "STRIPE_PRICE_MINUTES=%s\nSTRIPE_PRICE_PRO=%s\n", in.Prices[billing.PriceMinutes120], in.Prices[billing.PriceProMonthly])
	switch {
	case in.Secret != "":
		fmt.Fprintf(out, "STRIPE_WEBHOOK_SECRET=%s\n", in.Secret)
	case in.Endpoint != "":
		fmt.Fprintf(out, "# STRIPE_WEBHOOK_SECRET stays as it is: %s was there, and Stripe tells its secret only once.\n", in.Endpoint)
	default:
		fmt.Fprintf(out, "# STRIPE_WEBHOOK_SECRET is what this prints, where the events come through for as long as it runs:\n"+
			"#   stripe listen --events %s --forward-to %s\n", "'*'", c.PublicURL+api.PathWebhook)
	}
	fmt.Fprintf(out, "PUBLIC_URL=%s\n", c.PublicURL)
	return nil
}

// public reports whether Stripe may be able to reach an address.
func public(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" && !local(u.Hostname()) && (ip == nil || ip.IsGlobalUnicast() && !ip.IsPrivate())
}

const reconcileLast = 30 * 24 * time.Hour

// reconcilePayments makes up for lost webhooks once.
func reconcilePayments(ctx context.Context, c config, log *slog.Logger) error {
	db, err := supabase.Open(ctx, c.DatabaseURL)
	if err != nil {
		return err
	}
	defer db.Close()
	groq := upstream.NewGroq(upstream.GroqOptions{URL: c.GroqURL, Key: c.GroqKey})
	defer groq.Close()
	deepgram := upstream.NewDeepgram(upstream.DeepgramOptions{URL: c.DeepgramURL, Key: c.DeepgramKey})
	defer deepgram.Close()
	s, err := server.New(server.Options{
		Store: db, Groq: groq, Deepgram: deepgram, Stripe: newStripe(c), Instance: instanceName(),
		Issuer: c.SupabaseURL + "/auth/v1", Secret: c.JWTSecret, Log: log,
	})
	if err != nil {
		return err
	}
	_, err = s.ReconcilePayments(ctx, reconcileLast)
	return err
}
