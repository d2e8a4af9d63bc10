package server

import (
	"context"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"copilot/billing"
	"copilot/billing/stripetest"
)

// BenchmarkWebhook delivers payments of distinct people, 50 at a time, on one
// core, and tells what a delivery takes until it is committed: half of them
// (p50-ms), nearly all (p99-ms; the goal is 50), how many pass in a second, and
// how many would on a core of their own (events/cpu-s: what a busy machine does
// not change). Stripe's stand-in answers on the same core; Postgres has what is
// left of the machine, and does not wait for its disk. Run it with -benchtime
// 2000x.
func BenchmarkWebhook(b *testing.B) {
	r := newRig(b)
	remote := stripetest.New("http://stripe.test", stripetest.Options{})
	b.Cleanup(remote.Close)
	remote.Deliver(stripetest.Delivery{Hold: true})
	seller := billing.New(billing.Options{Key: remote.Key, URL: remote.URL, WebhookSecrets: []string{hookSecret},
		PublicURL: "http://copilot.test", HTTP: remote.Client()})
	if _, err := seller.Setup(b.Context(), ""); err != nil {
		b.Fatal(err)
	}
	r.Server.stripe = seller
	s := &shop{rig: r, stripe: remote, handler: r.Handler()}
	super := r.db.Super(b)
	const clock = `create or replace function private.now() returns timestamptz language plpgsql
		security definer set search_path = '' as $$ begin return clock_timestamp(); end $$`
	if _, err := super.Exec(b.Context(), clock); err != nil { // the schema's own again; the rig's reads a file each time
		b.Fatal(err)
	}
	for range b.N {
		user := uuid.NewString()
		if _, err := super.Exec(b.Context(), "insert into auth.users (id) values ($1)", user); err != nil {
			b.Fatal(err)
		}
		customer, err := seller.NewCustomer(b.Context(), user, "")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := super.Exec(b.Context(), "update public.user_credits set stripe_customer_id = $2 where user_id = $1", user, customer); err != nil {
			b.Fatal(err)
		}
		if _, err := seller.Checkout(b.Context(), billing.Order{UserID: user, Customer: customer, Price: billing.PriceMinutes120, Attempt: user}); err != nil {
			b.Fatal(err)
		}
	}
	for _, id := range remote.Ids("checkout.session") {
		s.pay(id)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	queue := make(chan stripetest.Event)
	took := make([]time.Duration, 0, b.N)
	var mu sync.Mutex
	var all sync.WaitGroup
	cpu := cpuTime(b)
	b.ResetTimer()
	for range 50 {
		all.Go(func() {
			for e := range queue {
				began := time.Now()
				code := s.send(e)
				d := time.Since(began)
				mu.Lock()
				took = append(took, d)
				mu.Unlock()
				if code != http.StatusOK {
					b.Errorf("%d", code)
				}
			}
		})
	}
	for _, e := range remote.Events() {
		queue <- e
	}
	close(queue)
	all.Wait()
	b.StopTimer()
	cpu = cpuTime(b) - cpu
	slices.Sort(took)
	ms := func(share int) float64 { return took[(len(took)-1)*share/100].Seconds() * 1000 }
	b.ReportMetric(ms(50), "p50-ms")
	b.ReportMetric(ms(99), "p99-ms")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(b.N)/cpu.Seconds(), "events/cpu-s")
	var minutes int
	if err := super.QueryRow(context.Background(), "select sum(balance) from public.user_credits").Scan(&minutes); err != nil || minutes != 120*b.N {
		b.Errorf("%d minutes for %d payments, %v", minutes, b.N, err)
	}
}

// cpuTime is what this process has used of the machine's cores.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
