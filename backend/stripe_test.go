package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"copilot/backend/supabase"
	"copilot/backend/supabase/pgtest"
	"copilot/billing"
	"copilot/billing/stripetest"
)

func standIn(t *testing.T) *stripetest.Stripe {
	t.Helper()
	s, err := stripetest.Start(stripetest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.Deliver(stripetest.Delivery{Hold: true})
	return s
}

// What the set-up prints can be read as an environment, with which the backend
// then sells; the second time nothing is made, and no secret told.
func TestStripeSetup(t *testing.T) {
	s := standIn(t)
	env := map[string]string{"STRIPE_SECRET_KEY": s.Key, "STRIPE_URL": s.URL, "PUBLIC_URL": "https://copilot.test/"}
	setUp := func() (string, map[string]string) {
		t.Helper()
		var out bytes.Buffer
		if err := setUpStripe(t.Context(), from(env), &out); err != nil {
			t.Fatal(err)
		}
		vars := map[string]string{}
		for line := range strings.SplitSeq(out.String(), "\n") {
			if k, v, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(k, "#") {
				vars[k] = v
			}
		}
		return out.String(), vars
	}
	out, vars := setUp()
	all := complete()
	for k, v := range vars {
		all[k] = v
	}
	c, err := loadConfig(from(all))
	if err != nil || c.StripePrices[billing.PriceMinutes120] == "" || len(c.StripeSecrets) != 1 || c.PublicURL != "https://copilot.test" {
		t.Errorf("%v\n%s", err, out)
	}
	again, second := setUp()
	if strings.Contains(again, "# made") || second["STRIPE_WEBHOOK_SECRET"] != "" || second["STRIPE_PRICE_PRO"] != vars["STRIPE_PRICE_PRO"] {
		t.Errorf("the second time:\n%s", again)
	}
	if err := setUpStripe(t.Context(), from(nil), &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "STRIPE_SECRET_KEY") ||
		strings.Contains(err.Error(), "GROQ") {
		t.Errorf("without a key: %v", err)
	}
	for address, want := range map[string]bool{"https://copilot.test": true, "http://localhost:8000": false, "https://10.0.0.1": false, "https://127.0.0.1": false} {
		if public(address) != want {
			t.Errorf("%s is public: %v", address, !want)
		}
	}
}

// -reconcile makes up for a payment whose webhook never came, and ends.
func TestReconcileCommand(t *testing.T) {
	pg, err := pgtest.Start(t.Context(), pgtest.Options{Template: func(ctx context.Context, url string) error {
		_, err := supabase.Migrate(ctx, url)
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pg.Close() })
	db, s := pg.Database(t), standIn(t)
	const user = "00000000-0000-4000-8000-000000000001"
	if _, err := db.Super(t).Exec(t.Context(), "insert into auth.users (id) values ($1)", user); err != nil {
		t.Fatal(err)
	}
	store, err := supabase.Open(t.Context(), db.URL("copilot_backend"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	seller := billing.New(billing.Options{Key: s.Key, URL: s.URL, PublicURL: "http://copilot.test"})
	if _, err := seller.Setup(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	customer, err := seller.NewCustomer(t.Context(), user, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.SetCustomer(t.Context(), user, customer); err != nil {
		t.Fatal(err)
	}
	if _, err := seller.Checkout(t.Context(), billing.Order{UserID: user, Customer: customer, Price: billing.PriceMinutes120, Attempt: "1"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Pay(s.Ids("checkout.session")[0]); err != nil {
		t.Fatal(err)
	}
	env := complete()
	env["SUPABASE_DB_URL"], env["STRIPE_URL"], env["STRIPE_SECRET_KEY"] = db.URL("copilot_backend"), s.URL, s.Key
	var log lines
	if err := run(t.Context(), []string{"-reconcile"}, from(env), &log); err != nil {
		t.Fatal(err)
	}
	if a, err := store.Account(t.Context(), user); err != nil || a.MinutesLeft != 120 || log.find("healed") != "1" {
		t.Errorf("%+v, %v\n%s", a, err, log.String())
	}
}
