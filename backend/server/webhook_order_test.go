package server

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"copilot/backend/supabase"
	"copilot/billing"
	"copilot/billing/stripetest"
)

// lifecycle is five events of Stripe in the order they happen, and what they
// come to.
type lifecycle struct {
	price string
	// steps[i] lets event i happen; some let several happen at once.
	steps [5]func(p *purchase)
	end   string
}

// purchase is one person's way through a lifecycle.
type purchase struct {
	t        testing.TB
	remote   *stripetest.Stripe
	user     string
	checkout string
	dispute  string
	happened int // steps done
	before   int // events of the stand-in that are not this person's
}

func (p *purchase) intent() string { return p.remote.Get(p.checkout)["payment_intent"].(string) }

func (p *purchase) must(err error) {
	if err != nil {
		p.t.Error(err)
	}
}

func (p *purchase) subscription() string { return p.remote.Get(p.checkout)["subscription"].(string) }

var pack = lifecycle{
	price: billing.PriceMinutes120,
	steps: [5]func(*purchase){
		func(p *purchase) { p.must(p.remote.PayLater(p.checkout)) },         // completed, not paid
		func(p *purchase) { p.remote.Settle(p.checkout, true) },             // paid
		func(p *purchase) { p.remote.Refund(p.intent(), 250) },              // half goes back
		func(p *purchase) { p.dispute = p.remote.Dispute(p.intent(), 250) }, // the other half is held
		func(p *purchase) { p.remote.CloseDispute(p.dispute, true) },        // and comes back
	},
	end: "balance 60 debt 0; purchases 1 of 120, back -60; paid 500 lost 250; ",
}

var plan = lifecycle{
	price: billing.PriceProMonthly,
	steps: [5]func(*purchase){
		func(p *purchase) { p.must(p.remote.Pay(p.checkout)) }, // created, invoice paid, completed
		func(p *purchase) {},
		func(p *purchase) {},
		func(p *purchase) { p.remote.Cancel(p.subscription(), false) }, // updated
		func(p *purchase) { p.remote.Cancel(p.subscription(), true) },  // deleted
	},
	end: "balance 0 debt 0; purchases 0 of 0, back 0; paid 1500 lost 0; pro canceled",
}

// reach lets everything happen up to step i.
func (p *purchase) reach(l lifecycle, i int) {
	for ; p.happened <= i; p.happened++ {
		l.steps[p.happened](p)
	}
}

func (p *purchase) event(i int) stripetest.Event { return p.remote.Events()[p.before+i] }

// crashes are the steps of the handler after which it dies. Those with a table
// die inside the transaction, when the statement that writes it is done.
var crashes = []struct {
	name, table, when string
}{
	{name: "never"},
	{name: "asking Stripe"},
	{name: "before the transaction"},
	{name: "event recorded", table: "private.stripe_events", when: "insert"},
	{name: "payment saved", table: "private.payments", when: "insert"},
	{name: "ledger written", table: "public.credit_ledger", when: "insert"},
	{name: "balance changed", table: "public.user_credits", when: "update of balance, debt"},
	{name: "loss noted", table: "private.payments", when: "update"},
	{name: "subscription saved", table: "public.subscriptions", when: "insert or update"},
	{name: "before the commit", table: "private.stripe_events", when: "insert"}, // deferred to then
	{name: "after the commit"},
}

// dying is a store whose process ends at a step.
type dying struct {
	*supabase.DB
	step string
}

func (d *dying) Book(ctx context.Context, e billing.Event, f billing.Facts) (supabase.Outcome, error) {
	if d.step == "before the transaction" {
		panic("the process is gone")
	}
	outcome, err := d.DB.Book(ctx, e, f)
	if d.step == "after the commit" {
		panic("the process is gone")
	}
	return outcome, err
}

// failpoints makes the test's database fail after each statement that a
// connection with the setting test.crash executes, and returns a store for each.
func failpoints(t *testing.T, r *rig) map[string]Store {
	t.Helper()
	super := r.db.Super(t)
	exec := func(sql string) {
		t.Helper()
		if _, err := super.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(`create function private.crash() returns trigger language plpgsql security definer set search_path = '' as $$
		begin
			if current_setting('test.crash', true) = tg_argv[0] then raise exception 'the process is gone'; end if;
			return null;
		end $$`)
	// A clock that runs: what was asked later has the later time.
	exec(`create or replace function private.now() returns timestamptz language sql volatile security definer set search_path = '' as
		$$ select clock_timestamp() $$`)
	stores := map[string]Store{}
	for i, c := range crashes {
		url := r.dbURL
		if c.table != "" {
			kind, when := "trigger", ""
			if c.name == "before the commit" {
				kind, when = "constraint trigger", "deferrable initially deferred"
			}
			exec(fmt.Sprintf("create %s zz_crash_%d after %s on %s %s for each row execute function private.crash('%d')", kind, i, c.when, c.table, when, i))
			url += fmt.Sprintf("&test.crash=%d", i)
		}
		db, err := supabase.Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(db.Close)
		stores[c.name] = &dying{db, c.name}
	}
	return stores
}

// S1, S2, S5, S6: whatever the order of a lifecycle's events, however often each
// comes, whatever Stripe says by then, and wherever the handler dies in between,
// the books end the same, and minutes are granted once.
//
// All 120 orders × all steps of the handler; each event comes one to three
// times, in changing combinations. (Pro: each order with one of the steps.) With
// COPILOT_LONG set, each order and step is run with every event once, twice and
// three times.
func TestS1S2S5S6EveryOrder(t *testing.T) {
	r := newRig(t)
	stores := failpoints(t, r)
	for name, l := range map[string]lifecycle{"minutes": pack, "pro": plan} {
		t.Run(name, func(t *testing.T) { everyOrder(t, r, stores, l) })
	}
}

func everyOrder(t *testing.T, r *rig, stores map[string]Store, l lifecycle) {
	orders := permutations([]int{0, 1, 2, 3, 4})
	if len(orders) != 120 {
		t.Fatalf("%d orders", len(orders))
	}
	type work struct {
		no    int
		order []int
	}
	queue := make(chan work)
	var workers sync.WaitGroup
	var mu sync.Mutex
	fired := map[string]int{}
	deliveries := 0
	for range 4 {
		conn := r.db.Super(t)
		servers := map[string]*Server{}
		for name, store := range stores {
			s, err := New(Options{Store: store, Groq: r.groq, Deepgram: r.deepgram, Stripe: &billing.Stripe{}, Instance: name, Issuer: "http://issuer.test"})
			if err != nil {
				t.Fatal(err)
			}
			servers[name] = s
		}
		workers.Go(func() {
			for w := range queue {
				f, n := oneOrder(t, r, conn, servers, l, w.no, w.order)
				mu.Lock()
				for k, v := range f {
					fired[k] += v
				}
				deliveries += n
				mu.Unlock()
			}
		})
	}
	began := time.Now()
	for i, o := range orders {
		queue <- work{i, o}
	}
	close(queue)
	workers.Wait()
	t.Logf("%d deliveries in %v; deaths: %v", deliveries, time.Since(began).Round(time.Millisecond), fired)
	for _, c := range crashes {
		reachable := c.name != "never" && (l.price == billing.PriceProMonthly || c.name != "subscription saved") &&
			(l.price == billing.PriceMinutes120 || c.name != "ledger written" && c.name != "balance changed")
		if reachable && fired[c.name] == 0 {
			t.Errorf("nothing ever died at: %s", c.name)
		}
	}
}

// oneOrder runs one order with every crash, on a stand-in of its own.
func oneOrder(t *testing.T, r *rig, conn *pgx.Conn, servers map[string]*Server, l lifecycle, no int, order []int) (fired map[string]int, deliveries int) {
	fired = map[string]int{}
	remote := stripetest.New("http://stripe.test", stripetest.Options{})
	defer remote.Close()
	remote.Deliver(stripetest.Delivery{Hold: true})
	seller := billing.New(billing.Options{Key: remote.Key, URL: remote.URL, WebhookSecrets: []string{hookSecret},
		PublicURL: "http://copilot.test", HTTP: remote.Client()})
	if _, err := seller.Setup(t.Context(), ""); err != nil {
		t.Error(err)
		return
	}
	shop := &shop{rig: r}
	handlers := map[string]http.Handler{}
	for name, s := range servers {
		s.stripe = seller
		handlers[name] = s.Handler()
	}
	rounds := 1
	if os.Getenv("COPILOT_LONG") != "" {
		rounds = 3
	}
	for k, crash := range crashes {
		if l.price == billing.PriceProMonthly && rounds == 1 && k != no%len(crashes) {
			continue // the steps are the same: each order dies at one of them
		}
		for round := range rounds {
			p := buy(t, conn, r.pool, remote, seller, l)
			late := (no+k)%2 == 0 // Stripe knows the end when the first event is handled; or as little as can be
			if late {
				p.reach(l, 4)
			}
			for i, which := range order {
				p.reach(l, which)
				e := p.event(which)
				if crash.name != "never" {
					if crash.name == "asking Stripe" {
						remote.Fail(1)
					}
					deliveries++
					if shop.sendTo(handlers[crash.name], e) != http.StatusOK {
						fired[crash.name]++
					}
				}
				copies := 1 + (no+k+i)%3
				if rounds > 1 {
					copies = 1 + round
				}
				for range copies {
					deliveries++
					if code := shop.sendTo(handlers["never"], e); code != http.StatusOK {
						t.Errorf("order %v, death %s: %s answered with %d", order, crash.name, e.Type, code)
					}
				}
			}
			if end := books(t, conn, p.user); end != l.end {
				t.Errorf("order %v, death %s, late %v:\n%s\nwant\n%s", order, crash.name, late, end, l.end)
			}
		}
	}
	return fired, deliveries
}

// buy makes a person who has a payment page open.
func buy(t testing.TB, conn *pgx.Conn, db *supabase.DB, remote *stripetest.Stripe, seller *billing.Stripe, l lifecycle) *purchase {
	p := &purchase{t: t, remote: remote, user: uuid.NewString(), before: len(remote.Events())}
	ctx := context.Background()
	_, err := conn.Exec(ctx, "insert into auth.users (id) values ($1)", p.user)
	p.must(err)
	customer, err := seller.NewCustomer(ctx, p.user, "")
	p.must(err)
	_, err = db.SetCustomer(ctx, p.user, customer)
	p.must(err)
	_, err = seller.Checkout(ctx, billing.Order{UserID: p.user, Customer: customer, Price: l.price, Attempt: p.user})
	p.must(err)
	ids := remote.Ids("checkout.session")
	p.checkout = ids[len(ids)-1]
	return p
}

// books are what a person's events have come to, in one line.
func books(t testing.TB, conn *pgx.Conn, user string) (s string) {
	err := conn.QueryRow(context.Background(), `
		select format('balance %s debt %s; purchases %s of %s, back %s; paid %s lost %s; %s', c.balance, c.debt,
			count(*) filter (where kind = 'purchase'), coalesce(sum(l.minutes - l.debt) filter (where kind = 'purchase'), 0),
			coalesce(sum(l.minutes - l.debt) filter (where kind <> 'purchase'), 0),
			(select sum(amount_cents) from private.payments p where p.user_id = c.user_id),
			(select sum(lost_cents) from private.payments p where p.user_id = c.user_id),
			(select string_agg(plan || ' ' || status, ', ') from public.subscriptions b where b.user_id = c.user_id))
		from public.user_credits c left join public.credit_ledger l on l.user_id = c.user_id
		where c.user_id = $1 group by c.user_id`, user).Scan(&s)
	if err != nil {
		t.Error(err)
	}
	return s
}

func permutations(v []int) (all [][]int) {
	if len(v) < 2 {
		return [][]int{slices.Clone(v)}
	}
	for i := range v {
		rest := slices.Delete(slices.Clone(v), i, i+1)
		for _, p := range permutations(rest) {
			all = append(all, append([]int{v[i]}, p...))
		}
	}
	return all
}
