package billing

import (
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

// The published rule at its edges: a minute is due with its first moment.
func TestMinutesDue(t *testing.T) {
	for _, c := range []struct {
		used time.Duration
		want int
	}{
		{0, 1}, {time.Nanosecond, 1}, {time.Minute, 1}, {time.Minute + 1, 2},
		{2 * time.Minute, 2}, {2*time.Minute + time.Microsecond, 3}, {-time.Second, 1}, {24 * time.Hour, 1440},
	} {
		if got := MinutesDue(c.used); got != c.want {
			t.Errorf("MinutesDue(%v) = %d, want %d", c.used, got, c.want)
		}
	}
}

// More use never costs less, and never a minute that has not begun.
func TestMinutesDueIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "a"))
		b := a + time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "more"))
		if MinutesDue(a) > MinutesDue(b) {
			t.Fatalf("%v costs more than %v", a, b)
		}
		if d := time.Duration(MinutesDue(a)-1) * time.Minute; d > a {
			t.Fatalf("%v is charged for a minute that begins at %v", a, d)
		}
	})
}

// A person is warned once at 5 and once at 1, also when minutes come in a lump.
func TestLowBalance(t *testing.T) {
	for _, c := range []struct {
		before, after, threshold int
		low                      bool
	}{
		{7, 6, 0, false}, {6, 5, 5, true}, {5, 4, 0, false}, {2, 1, 1, true}, {1, 0, 0, false},
		{8, 3, 5, true}, {8, 0, 1, true}, {0, 5, 0, false}, {1, 120, 0, false},
	} {
		got, low := LowBalance(c.before, c.after)
		if got != c.threshold || low != c.low {
			t.Errorf("LowBalance(%d, %d) = %d, %v, want %d, %v", c.before, c.after, got, low, c.threshold, c.low)
		}
	}
}

// Whatever the order of purchases, refunds and disputes, the books end the same.
func TestClawBackAndSettleCommute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		moves := rapid.SliceOf(rapid.IntRange(-300, 300)).Draw(t, "moves")
		balance, debt, net := 0, 0, 0
		for _, m := range moves {
			net += m
			if m >= 0 {
				settled, credited := Settle(debt, m)
				debt, balance = debt-settled, balance+credited
			} else {
				taken, owed := ClawBack(balance, -m)
				balance, debt = balance-taken, debt+owed
			}
		}
		if balance != max(net, 0) || debt != max(-net, 0) {
			t.Fatalf("net %d became balance %d and debt %d", net, balance, debt)
		}
	})
}

// The catalog is what the shop window says.
func TestCatalog(t *testing.T) {
	pack, ok := Lookup(PriceMinutes120)
	if !ok || pack.Minutes != 120 || pack.AmountCents != 500 || pack.Currency != "usd" || pack.Recurring() {
		t.Errorf("pack: %+v", pack)
	}
	plan, ok := Lookup(PriceProMonthly)
	if !ok || plan.Plan != PlanPro || plan.AmountCents != 1500 || plan.Currency != "usd" || !plan.Recurring() {
		t.Errorf("plan: %+v", plan)
	}
	if _, ok := Lookup("minutes_1000000"); ok {
		t.Error("an unknown price was found")
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
