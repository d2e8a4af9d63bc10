package supabase

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"copilot/billing"
)

// world is what a seed grows into: a script of calls, with the oracle's word on
// each, and the truth about who was connected when.
type world struct {
	seed   uint64
	rng    *rand.Rand
	oracle *oracle
	script []step

	people    []*device
	instances []string // that are up
	started   int      // instances so far
	past      []func() // messages that may arrive again, or late
	keys      int
	did       map[string]int
	truth     map[string]*truth // by session
}

// device is a person's program, and what the backend knows of its socket.
type device struct {
	user     string
	lease    Lease // the last it had
	instance string
	online   bool // its socket is open
	asleep   bool // and nobody is behind it
	heard    time.Time
	plan     int // how often Stripe has spoken
}

// truth is what a session really was.
type truth struct {
	used  time.Duration // connected and unpaused, while the lease held
	rough int           // times that nobody could know exactly
}

const (
	sqlBeat = `select coalesce(string_agg(concat_ws(' ', session_id, lease, reason), '; ' order by session_id, lease), '')
		from private.heartbeat($1::uuid[], $2::integer[], $3::timestamptz[])`
	sqlGone  = `select private.disconnect($1::uuid[], $2::integer[], $3::timestamptz[])::text`
	sqlPause = `select coalesce(private.set_paused($1::uuid, $2, $3), 'ok')`
	sqlStop  = `select coalesce(string_agg(concat_ws(' ', charged, returned, minutes_charged, minutes_left, end_reason), ''), 'lost')
		from private.stop_session($1::uuid, $2)`
	sqlTick = `select coalesce(string_agg(concat_ws(' ', session_id, charged, returned, minutes_charged, minutes_left, end_reason), '; '
		order by session_id), '') from private.tick($1) where charged > 0 or end_reason is not null`
	sqlOpen = `select concat_ws(' ', outcome, session_id, lease, paused, minutes_charged, minutes_left, unlimited, sim.micros(lease_until))
		from private.open_session($1::uuid, $2::uuid, $3, $4)`
	sqlPost = `select sim.post($1::uuid, $2, $3, $4)`
	sqlPlan = `select '' from private.save_subscription($1::uuid, $2, 'pro', $3, $4, $5, $6, $7)`
)

func newWorld(seed uint64) *world {
	w := &world{seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), did: map[string]int{}, truth: map[string]*truth{}}
	w.oracle = &oracle{now: epoch.Add(time.Duration(seed%1000) * 997 * time.Millisecond), people: map[string]*account{}, sessions: map[string]*meter{}, keys: map[string]string{}}
	w.clock()
	calm := seed%16 == 0 // long interviews in which little happens
	crowd, minutes := 1+w.rng.IntN(4), 15
	if calm {
		crowd, minutes = 6, 200
	}
	for i := range crowd {
		d := &device{user: w.id(1, i)}
		w.people = append(w.people, d)
		w.oracle.people[d.user] = &account{id: d.user, plans: map[string]plan{}}
		w.script = append(w.script, step{sql: "insert into auth.users (id) values ($1)", args: []any{d.user}, any: true})
		if n := w.rng.IntN(minutes); n > 0 {
			w.post(d, billing.Purchase, n, w.key())
		}
	}
	w.boot()
	w.boot()
	steps := 30 + w.rng.IntN(60)
	for i := range steps {
		if calm && i >= crowd && i%10 != 0 {
			w.minutesPass()
		} else {
			if calm && i < crowd {
				w.come(w.people[i])
			}
			w.event()
		}
		if i%20 == 19 {
			w.look()
		}
	}
	w.end()
	return w
}

func (w *world) chance(percent int) bool { return w.rng.IntN(100) < percent }

func (w *world) id(kind, n int) string {
	return fmt.Sprintf("%08x-%04x-4000-8000-%012x", w.seed&0xffffffff, kind, n)
}

func (w *world) key() string { w.keys++; return fmt.Sprintf("key:%d", w.keys) }

func (w *world) some(ds []*device) *device { return ds[w.rng.IntN(len(ds))] }

// clock tells the database the time.
func (w *world) clock() {
	w.script = append(w.script, step{sql: "select set_config('sim.now', $1, false)", args: []any{fmt.Sprint(w.oracle.now.UnixMicro())}, any: true})
}

// call adds a call and what it must answer. Now and then the instance crashes
// before the commit and asks again, or not at all; or its answer is lost after
// the commit, and it asks twice. It reports whether the call was made.
func (w *world) call(what string, expect func() string, sql string, args ...any) bool {
	w.did[what]++
	s := step{sql: sql, args: args}
	if w.chance(4) {
		w.did["crash before the commit"]++
		unseen := s
		unseen.any = true
		w.script = append(w.script, step{sql: "savepoint crash", any: true}, unseen,
			step{sql: "rollback to crash", any: true}, step{sql: "release crash", any: true})
		if w.chance(50) {
			return false
		}
	}
	s.want = expect()
	w.script = append(w.script, s)
	if w.chance(6) {
		w.did["asked again"]++
		s.want = expect()
		w.script = append(w.script, s)
	}
	return true
}

// remember keeps a message that may arrive again.
func (w *world) remember(again func()) {
	if len(w.past) < 40 {
		w.past = append(w.past, again)
	} else {
		w.past[w.rng.IntN(len(w.past))] = again
	}
}

func (w *world) look() {
	w.script = append(w.script, step{sql: books, want: w.oracle.books()})
}

func (w *world) boot() {
	w.started++
	w.instances = append(w.instances, fmt.Sprintf("i%d", w.started))
}

// pass lets time go by: those who are connected are heard.
func (w *world) pass(d time.Duration) {
	for _, p := range w.people {
		m := w.oracle.sessions[p.lease.SessionID]
		if m == nil || m.ended != "" || m.lease != p.lease.Number || !p.online || p.asleep || m.paused {
			continue
		}
		w.truth[m.id].used += max(0, min(d, m.until.Sub(w.oracle.now)))
	}
	w.oracle.now = w.oracle.now.Add(d)
	w.clock()
	for _, p := range w.people {
		if p.online && !p.asleep {
			p.heard = w.oracle.now
		}
	}
}

// someTime is a span of the kinds that matter.
func (w *world) someTime() time.Duration {
	switch w.rng.IntN(8) {
	case 0:
		return time.Duration(w.rng.IntN(2000)) * time.Millisecond
	case 1, 2, 3:
		return time.Duration(1+w.rng.IntN(54)) * time.Second
	case 4: // to the edge of somebody's minute
		for _, m := range w.sorted() {
			if !m.since.IsZero() {
				if edge := m.since.Add(time.Duration(m.charged)*time.Minute - m.used).Sub(w.oracle.now); edge > 0 && edge < 50*time.Second {
					return edge + time.Duration(w.rng.IntN(3)-1)*time.Microsecond
				}
			}
		}
		return 30 * time.Second
	case 5: // to the edge of somebody's lease
		for _, m := range w.sorted() {
			if left := m.until.Sub(w.oracle.now); m.ended == "" && left > 0 {
				return left + time.Duration(w.rng.IntN(3)-1)*time.Microsecond
			}
		}
		return 40 * time.Second
	case 6:
		return time.Duration(20+w.rng.IntN(30)) * time.Second
	}
	return time.Duration(w.rng.IntN(300)) * time.Second
}

func (w *world) sorted() (all []*meter) {
	for _, id := range slices.Sorted(maps.Keys(w.oracle.sessions)) {
		all = append(all, w.oracle.sessions[id])
	}
	return all
}

// work is what instances do by themselves: signs of life and the tick.
func (w *world) work(all bool) {
	for _, i := range w.instances {
		if all || w.chance(80) {
			w.beat(i)
		}
		if all || w.chance(80) {
			w.tick(i)
		}
	}
}

func (w *world) tick(instance string) {
	w.call("tick", func() string { return w.oracle.tick(instance) }, sqlTick, instance)
}

func (w *world) beat(instance string) {
	var beats []Beat
	for _, p := range w.people {
		if p.online && p.instance == instance {
			beats = append(beats, Beat{p.lease, p.heard})
		}
	}
	if len(beats) == 0 {
		return
	}
	w.sendBeats(beats)
	w.remember(func() { w.sendBeats(beats) })
}

func (w *world) sendBeats(beats []Beat) {
	ids, numbers, seen := columnsOf(beats)
	w.call("heartbeat", func() string { return w.oracle.heartbeat(beats) }, sqlBeat, ids, numbers, seen)
}

func columnsOf(beats []Beat) (ids []string, numbers []int32, seen []time.Time) {
	for _, b := range beats {
		ids, numbers, seen = append(ids, b.SessionID), append(numbers, int32(b.Number)), append(seen, b.Seen)
	}
	return ids, numbers, seen
}

func (w *world) gone(beats []Beat) {
	ids, numbers, seen := columnsOf(beats)
	if !w.call("disconnect", func() string { return w.oracle.disconnect(beats) }, sqlGone, ids, numbers, seen) {
		for _, b := range beats { // nobody was told
			w.rough(b.SessionID)
		}
	}
	w.remember(func() { w.gone(beats) })
}

func (w *world) rough(session string) {
	if t := w.truth[session]; t != nil {
		t.rough++
	}
}

// post is a message of Stripe, or something by hand.
func (w *world) post(p *device, kind billing.Kind, minutes int, key string) {
	once := func() {
		w.call(string(kind), func() string { return w.oracle.post(p.user, string(kind), minutes, key) }, sqlPost, p.user, string(kind), minutes, key)
	}
	once()
	w.remember(once)
}

// coverage counts what happened over all seeds.
type coverage struct {
	mu     sync.Mutex
	counts map[string]int
}

var mustHappen = []string{"start", "resume", "take_over", "pause", "go on", "stop", "tick", "heartbeat", "disconnect", "purchase",
	"refund", "adjustment", "plan", "crash before the commit", "asked again", "an old message", "an instance dies", "an instance ends",
	"the clock jumps", "a key used for something else", "debt", "out_of_minutes", "expired", "stopped", "taken_over", "a minute given back",
	"a session resumed elsewhere", "a free minute"}

func (c *coverage) add(w *world) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[string]int{}
		for _, what := range mustHappen {
			c.counts[what] = 0
		}
	}
	for what, n := range w.did {
		c.counts[what] += n
	}
	for _, m := range w.oracle.sessions {
		c.counts[string(m.ended)]++
		for _, cost := range m.minutes {
			if cost == 0 {
				c.counts["a free minute"]++
			}
		}
	}
	for _, e := range w.oracle.entries {
		if strings.Contains(e, "unheard:") {
			c.counts["a minute given back"]++
		}
	}
}

func (c *coverage) String() string {
	var all []string
	for _, what := range slices.Sorted(maps.Keys(c.counts)) {
		all = append(all, fmt.Sprintf("%s %d", what, c.counts[what]))
	}
	return strings.Join(all, ", ")
}
