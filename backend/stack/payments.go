package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"

	"copilot/backend/supabase/litetest"
	"copilot/billing/stripetest"
)

// startPayments starts the stand-in for Stripe and lets the backend set it up as
// it would Stripe itself. The stand-in remembers nothing between starts, so the
// database forgets who was a customer there; what was bought stays.
func (s *stack) startPayments(ctx context.Context) error {
	port, err := freePort(s.o.Payments)
	if err != nil {
		return err
	}
	s.stripe, err = stripetest.Start(stripetest.Options{
		Key: "sk_test_" + rand.Text(), Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
	})
	if err != nil {
		return err
	}
	forget := exec.CommandContext(ctx, "psql", "-qX", "-v", "ON_ERROR_STOP=1", s.pg.URL("postgres", database),
		"-c", "update public.user_credits set stripe_customer_id = null where stripe_customer_id is not null")
	forget.Dir = s.o.Dir
	if out, err := forget.CombinedOutput(); err != nil {
		return fmt.Errorf("forget the customers: %w\n%s", err, out)
	}
	if port, err = freePort(s.o.Backend); err != nil {
		return err
	}
	s.addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	s.BackendURL = "http://" + s.addr
	s.payEnv = []string{"STRIPE_SECRET_KEY=" + s.stripe.Key, "STRIPE_URL=" + s.stripe.URL, "PUBLIC_URL=" + s.BackendURL, "ADDR=" + s.addr}
	setup := exec.CommandContext(ctx, s.program(), "-stripe-setup")
	setup.Env = append(litetest.BaseEnv(), s.payEnv...)
	out, err := setup.Output()
	if err != nil {
		return fmt.Errorf("backend -stripe-setup: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "STRIPE_") {
			s.payEnv = append(s.payEnv, strings.TrimSpace(line))
		}
	}
	return nil
}
