// Package billing holds what is sold, the rules minutes are counted by, and
// everything Stripe.
//
// The catalog is a table in this package: what a purchase grants is read here,
// never from Stripe's metadata and never from a client ([Lookup]). There is one
// pack (minutes, bought once) and one plan (Pro, each month); what an account
// may use follows from its plan ([Free], [ProPlan]).
//
// A minute begins with its first moment of connected, unpaused time and is
// charged when it begins; the first begins with the session. [MinutesDue] is
// that rule as a function, for receipts and for the tests of the database's
// meter, which is where charging happens. The ledger holds signed whole minutes
// of four kinds; the balance is their sum and never below zero. What a refund
// cannot take back because it was used is a debt, settled by the next purchase.
//
// [New] is an account at Stripe: payment pages, the customers' portal, verified
// webhooks, and the set-up of all that. An event only tells what to ask about;
// [Stripe.Look] asks, and answers with [Facts] in our own words, where what was
// paid has been held against the catalog. Whoever keeps the books saves them:
// the same facts in any order and number come to the same.
//
// The package knows nothing of sockets or of SQL, and starts no goroutines.
package billing

import (
	"errors"
	"time"
)

// Kind of a ledger entry.
type Kind string

const (
	Purchase   Kind = "purchase"   // minutes bought: above zero
	Usage      Kind = "usage"      // one minute of a session: -1, or 0 under Pro
	Refund     Kind = "refund"     // minutes taken back with the money: below zero
	Adjustment Kind = "adjustment" // given or taken by hand, or by our own rules
)

// Errors of an account that its owner can do something about.
var (
	// ErrOutOfMinutes: nothing is left to meter; buy minutes or Pro.
	ErrOutOfMinutes = errors.New("out of minutes")
	// ErrNoAccount: nobody with this id; the person was deleted.
	ErrNoAccount = errors.New("no such account")
	// ErrKeyReused: an idempotency key came with another entry than the first
	// time. Nothing was written; this is a bug or an attack, and worth an alarm.
	ErrKeyReused = errors.New("idempotency key was used for another entry")
)

// Plan names. Having no subscription is a plan too.
const (
	PlanMinutes = "minutes"
	PlanPro     = "pro"
)

// Price names of the catalog, as the app sends them.
const (
	PriceMinutes120 = "minutes_120"
	PriceProMonthly = "pro_monthly"
)

// Product is one thing for sale. Amounts are in the currency's smallest unit.
type Product struct {
	Price       string // our name of the price; Stripe's id is configuration
	Name        string
	AmountCents int64
	Currency    string // lower case, as Stripe writes it
	Minutes     int    // of a pack; 0 for a plan
	Plan        string // of a plan; empty for a pack
}

// Recurring tells a plan from a pack.
func (p Product) Recurring() bool { return p.Plan != "" }

// Catalog returns everything for sale.
func Catalog() []Product {
	return []Product{
		{Price: PriceMinutes120, Name: "120 minutes", AmountCents: 500, Currency: "usd", Minutes: 120},
		{Price: PriceProMonthly, Name: "Interview Copilot Pro", AmountCents: 1500, Currency: "usd", Plan: PlanPro},
	}
}

// Lookup finds a product by our name of its price.
func Lookup(price string) (Product, bool) {
	for _, p := range Catalog() {
		if p.Price == price {
			return p, true
		}
	}
	return Product{}, false
}

// Rights are what a plan lets an account use.
type Rights struct {
	Plan      string
	Unlimited bool     // minutes are recorded and cost nothing
	History   bool     // interviews may be saved
	Models    []string // at Groq, the default first
	Personas  []string // the default first
}

// Free is what minutes alone give.
func Free() Rights {
	return Rights{Plan: PlanMinutes, Models: []string{"openai/gpt-oss-20b"}, Personas: []string{"standard"}}
}

// ProPlan is what the subscription gives.
func ProPlan() Rights {
	return Rights{
		Plan: PlanPro, Unlimited: true, History: true,
		Models:   []string{"openai/gpt-oss-20b", "openai/gpt-oss-120b"},
		Personas: []string{"standard", "strict", "executive", "technical"},
	}
}

// MinutesDue says how many minutes have begun after so much connected, unpaused
// time: at once one, and the next only when the last is used up entirely.
func MinutesDue(used time.Duration) int {
	return max(1, int((used+time.Minute-1)/time.Minute))
}

// LowBalance reports whether a charge has brought a balance down to or past a
// threshold at which the person is warned, and which.
func LowBalance(before, after int) (threshold int, low bool) {
	for _, t := range [...]int{1, 5} {
		if after <= t && before > t {
			return t, true
		}
	}
	return 0, false
}

// ClawBack says how a refund of minutes is taken: from the balance as far as it
// goes, the rest as debt.
func ClawBack(balance, minutes int) (taken, debt int) {
	taken = min(balance, minutes)
	return taken, minutes - taken
}

// Settle says how bought minutes meet a debt: the debt first, the rest into the
// balance.
func Settle(debt, minutes int) (settled, credited int) {
	settled = min(debt, minutes)
	return settled, minutes - settled
}
