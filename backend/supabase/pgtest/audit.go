package pgtest

import (
	"context"
	"testing"
)

// What must hold in a database of the backend at every moment: each query
// counts what contradicts its name.
var books = map[string]string{
	"balance is not the ledger's sum": `select count(*) from public.user_credits c left join (select user_id,
		sum(minutes) m, sum(debt) d from public.credit_ledger group by 1) l using (user_id)
		where c.balance <> coalesce(l.m, 0) or c.debt <> coalesce(l.d, 0)`,
	"negative balance or debt": `select count(*) from public.user_credits where balance < 0 or debt < 0`,
	"minutes of a session are not 1..n once": `select count(*) from (select session_id, count(*) n, count(distinct minute_no) d,
		min(minute_no) lo, max(minute_no) hi from public.credit_ledger where kind = 'usage' group by 1) x
		where lo <> 1 or hi <> n or n <> d`,
	"a session's count is not the ledger's": `select count(*) from public.interview_sessions s where minutes_charged <>
		(select count(*) from public.credit_ledger l where l.session_id = s.id and l.kind = 'usage') and end_reason is null
		or minutes_charged > (select count(*) from public.credit_ledger l where l.session_id = s.id and l.kind = 'usage')`,
	"more was charged at the end than was used": `select count(*) from public.interview_sessions s where ended_at is not null
		and end_reason <> 'account_deleted' and minutes_charged > greatest(1, ceil(extract(epoch from used) / 60))`,
	"used and not charged": `select count(*) from public.interview_sessions s where end_reason in ('stopped', 'expired', 'taken_over')
		and minutes_charged < greatest(1, ceil(extract(epoch from used) / 60))
		and exists (select from public.user_credits c where c.user_id = s.user_id and c.balance > 0)`,
	"given back is not what was charged too much": `select count(*) from public.credit_ledger a join public.interview_sessions s
		on s.id = a.session_id where a.idempotency_key like 'unheard:%' and a.minutes - a.debt <>
		(select count(*) from public.credit_ledger l where l.session_id = s.id and l.minute_no > s.minutes_charged and l.minutes < 0)`,
	"two live sessions of one person": `select count(*) from (select from public.interview_sessions where ended_at is null
		group by user_id having count(*) > 1) x`,
}

// Audit proves the books of a database: every balance and debt is its sum and
// not negative, every session's minutes are 1..n, each once, and each paid as
// recorded.
func (d *Database) Audit(t testing.TB) {
	t.Helper()
	c := d.Super(t)
	for what, sql := range books {
		var n int
		if err := c.QueryRow(context.Background(), sql).Scan(&n); err != nil {
			t.Fatalf("pgtest: audit: %v", err)
		}
		if n != 0 {
			t.Errorf("%s: %d", what, n)
		}
	}
}
