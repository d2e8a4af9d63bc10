package supabase

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"copilot/billing"
)

// oracle is the meter as the migrations describe it, a second time: in Go, in
// memory, without indexes, batches or shortcuts, on the rules of package
// billing. It knows no SQL; the simulator compares the two after every step.
type oracle struct {
	now      time.Time
	people   map[string]*account
	sessions map[string]*meter
	entries  []string          // the ledger but usage
	keys     map[string]string // what each idempotency key was used for
}

type account struct {
	id            string
	balance, debt int
	plans         map[string]plan
	live          *meter
}

type plan struct{ asOf, proUntil time.Time }

type meter struct {
	id       string
	who      *account
	instance string
	lease    int
	alive    time.Time // last sign of life
	until    time.Time // end of the lease
	since    time.Time // of the open segment; zero: none
	used     time.Duration
	here     bool // connected
	paused   bool
	charged  int
	minutes  map[int]int // what each minute cost
	ended    EndReason
	open     bool // ended while a segment was open
	short    bool // a minute that had begun could not be paid
}

func (o *oracle) pro(a *account) bool {
	for _, p := range a.plans {
		if p.proUntil.After(o.now) {
			return true
		}
	}
	return false
}

// segment closes the open segment of use at an instant, if it is later.
func (m *meter) segment(end time.Time) time.Duration {
	if m.since.IsZero() {
		return 0
	}
	return max(0, end.Sub(m.since))
}

// settle charges what has begun and ends what must end; it answers as the meter.
func (o *oracle) settle(m *meter, reason EndReason) (charged, returned int) {
	end := earlier(o.now, m.alive.Add(Silence))
	if reason == EndStopped {
		end = o.now
	}
	if m.until.Before(o.now) {
		reason, end = EndExpired, m.alive
	}
	used := m.used + m.segment(end)
	due := billing.MinutesDue(used)
	for n := m.charged + 1; n <= due; n++ {
		cost := 1
		if o.pro(m.who) {
			cost = 0
		}
		if cost > m.who.balance {
			m.short = true
			if reason == "" {
				reason = EndOutOfMinutes
			}
			break
		}
		m.who.balance -= cost
		m.minutes[n] = cost
		m.charged = n
		charged++
	}
	if reason == "" {
		return charged, 0
	}
	if reason != EndOutOfMinutes && m.charged > due { // nobody was there when they began
		back := 0
		for n := due + 1; n <= m.charged; n++ {
			back += m.minutes[n]
		}
		returned, m.charged = m.charged-due, due
		if back > 0 {
			o.add(m.who, "adjustment", back, "unheard:"+m.id)
		}
	}
	m.open = !m.since.IsZero()
	m.used, m.since, m.ended, m.who.live = used, time.Time{}, reason, nil
	return charged, returned
}

// add moves minutes by an entry that is not usage.
func (o *oracle) add(a *account, kind string, minutes int, key string) {
	var m, d int
	if minutes >= 0 {
		d, m = billing.Settle(a.debt, minutes)
		d = -d
	} else {
		m, d = billing.ClawBack(a.balance, -minutes)
		m = -m
	}
	a.balance, a.debt = a.balance+m, a.debt+d
	o.entries = append(o.entries, line("entry", a.id, kind, m, d, key))
}

func (o *oracle) post(user, kind string, minutes int, key string) string {
	a := o.people[user]
	what := fmt.Sprint(user, kind, minutes)
	if before, used := o.keys[key]; used && before != what {
		return "CP002"
	} else if used {
		return line(false, a.balance, a.debt)
	}
	o.keys[key] = what
	o.add(a, kind, minutes, key)
	return line(true, a.balance, a.debt)
}

func (o *oracle) subscribe(user, id, status string, start, end time.Time, cancel bool, asOf time.Time) string {
	a := o.people[user]
	if old, known := a.plans[id]; known && old.asOf.After(asOf) {
		return ""
	}
	until := end
	switch {
	case status == "past_due":
		until = start.Add(72 * time.Hour)
	case status != "active":
		until = time.Time{}
	case !cancel:
		until = end.Add(24 * time.Hour)
	}
	a.plans[id] = plan{asOf, until}
	return ""
}

func (o *oracle) open(user, id, instance, mode string) string {
	a := o.people[user]
	if a.live != nil && a.live.until.Before(o.now) {
		o.settle(a.live, "")
	}
	outcome, s := "started", a.live
	switch {
	case s != nil && s.id == id && mode == "resume":
		outcome = "resumed"
		s.used += s.segment(earlier(o.now, s.alive.Add(Silence)))
		s.instance, s.here, s.since = instance, true, o.now
		if s.paused {
			s.since = time.Time{}
		}
		s.lease++
		s.alive, s.until = o.now, o.now.Add(Silence+Grace)
	case s != nil && s.id == id: // asked again
	case mode == "resume":
		return "no_session"
	case s != nil && mode == "start":
		return line("session_elsewhere", s.id, s.until.UnixMicro())
	case a.balance == 0 && !o.pro(a):
		return "out_of_minutes"
	default:
		if s != nil {
			o.settle(s, EndTakenOver)
		}
		s = &meter{id: id, who: a, instance: instance, lease: 1, alive: o.now, until: o.now.Add(Silence + Grace),
			since: o.now, here: true, minutes: map[int]int{}}
		a.live, o.sessions[id] = s, s
	}
	o.settle(s, "")
	if s.ended != "" {
		outcome = string(s.ended)
	}
	return line(outcome, s.id, s.lease, s.paused, s.charged, a.balance, o.pro(a), s.until.UnixMicro())
}

// lost says why a lease is worth nothing; empty while it holds.
func (o *oracle) lost(l Lease) EndReason {
	m := o.sessions[l.SessionID]
	switch {
	case m == nil:
		return EndUnknown
	case m.ended != "":
		return m.ended
	case m.lease != l.Number:
		return EndResumed
	case m.until.Before(o.now):
		return EndExpired
	}
	return ""
}

func (o *oracle) held(l Lease) *meter {
	if m := o.sessions[l.SessionID]; o.lost(l) == "" && m.here {
		return m
	}
	return nil
}

func (o *oracle) heartbeat(beats []Beat) string {
	var lost []string
	for _, b := range beats {
		seen := earlier(b.Seen, o.now)
		if m := o.held(b.Lease); m != nil && seen.After(m.alive) {
			m.alive, m.until = seen, later(m.until, seen.Add(Silence+Grace))
		}
		if why := o.lost(b.Lease); why != "" {
			lost = append(lost, line(b.SessionID, b.Number, why))
		}
	}
	slices.Sort(lost)
	return strings.Join(slices.Compact(lost), "; ")
}

func (o *oracle) disconnect(beats []Beat) string {
	for _, b := range beats {
		if m := o.held(b.Lease); m != nil {
			m.alive = later(m.alive, earlier(b.Seen, o.now))
			m.used += m.segment(m.alive)
			m.here, m.since, m.until = false, time.Time{}, o.now.Add(Grace)
		}
	}
	return ""
}

func (o *oracle) pause(l Lease, pause bool) string {
	if m := o.held(l); m != nil && m.paused != pause {
		m.used += m.segment(o.now)
		m.paused, m.since = pause, o.now
		if pause {
			m.since = time.Time{}
		}
		m.alive, m.until = o.now, o.now.Add(Silence+Grace)
	}
	if why := o.lost(l); why != "" {
		return string(why)
	}
	return "ok"
}

func (o *oracle) stop(l Lease) string {
	m := o.sessions[l.SessionID]
	if m == nil || m.lease != l.Number {
		return "lost"
	}
	charged, returned := 0, 0
	if m.ended == "" {
		charged, returned = o.settle(m, EndStopped)
	}
	return line(charged, returned, m.charged, m.who.balance, m.ended)
}

// tick reports the sessions that were charged or have ended.
func (o *oracle) tick(instance string) string {
	var all []string
	for _, m := range o.sessions {
		if m.ended != "" || m.instance != instance && !m.until.Before(o.now) {
			continue
		}
		charged, returned := o.settle(m, "")
		if charged > 0 || m.ended != "" {
			all = append(all, strings.TrimSpace(line(m.id, charged, returned, m.charged, m.who.balance, m.ended)))
		}
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}

// books are everything that must be in the database now.
func (o *oracle) books() string {
	all := slices.Clone(o.entries)
	for _, a := range o.people {
		all = append(all, line("account", a.id, a.balance, a.debt))
		for id, p := range a.plans {
			until := "never"
			if !p.proUntil.IsZero() {
				until = fmt.Sprint(p.proUntil.UnixMicro())
			}
			all = append(all, line("plan", id, a.id, p.asOf.UnixMicro(), until))
		}
	}
	for _, m := range o.sessions {
		all = append(all, strings.TrimSpace(line("session", m.id, m.lease, m.instance, m.charged, m.used.Microseconds(),
			m.alive.UnixMicro(), m.until.UnixMicro(), m.here, m.paused, m.ended)))
		for _, n := range slices.Sorted(maps.Keys(m.minutes)) {
			all = append(all, line("minute", m.id, n, -m.minutes[n]))
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// line writes values as the database's concat_ws does.
func line(v ...any) string {
	s := make([]string, len(v))
	for i, v := range v {
		s[i] = fmt.Sprint(v)
		if _, ok := v.(bool); ok {
			s[i] = s[i][:1]
		}
	}
	return strings.Join(s, " ")
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
