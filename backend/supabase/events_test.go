package supabase

import (
	"fmt"
	"time"

	"copilot/billing"
)

// event is one thing that happens in the world.
func (w *world) event() {
	p := w.some(w.people)
	switch n := w.rng.IntN(100); {
	case n < 34:
		w.pass(w.someTime())
		w.work(false)
	case n < 40:
		w.minutesPass()
	case n < 54:
		w.come(p)
	case n < 59:
		w.go_(p)
	case n < 62:
		if p.online { // nobody is told
			p.asleep = true
			w.rough(p.lease.SessionID)
		}
	case n < 70:
		w.pause(p, w.chance(50))
	case n < 73:
		w.stop(p)
	case n < 80:
		w.pay(p)
	case n < 84:
		w.stripe(p)
	case n < 91:
		if len(w.past) > 0 {
			w.did["an old message"]++
			w.past[w.rng.IntN(len(w.past))]()
			w.allRough()
		}
	case n < 94:
		w.lose(w.chance(50))
	case n < 96:
		w.jump()
	default:
		w.tick(fmt.Sprintf("i%d", 1+w.rng.IntN(w.started))) // also of one that is gone
	}
	w.sweepSilent()
}

// minutesPass is everything in order for a while.
func (w *world) minutesPass() {
	for range 1 + w.rng.IntN(4) {
		w.pass(time.Duration(15+w.rng.IntN(39)) * time.Second)
		w.sweepSilent()
		w.work(true)
	}
}

// come connects: a new session, the old one, or instead of another device.
func (w *world) come(p *device) {
	mode, id := "start", w.id(2, len(w.oracle.sessions)+1000*w.did["start"]+w.did["take_over"])
	switch {
	case p.lease.SessionID != "" && w.chance(55):
		mode, id = "resume", p.lease.SessionID
	case w.chance(40):
		mode = "take_over"
	}
	instance := w.instances[w.rng.IntN(len(w.instances))]
	if m := w.oracle.sessions[id]; mode == "resume" && m != nil && m.ended == "" {
		if !m.since.IsZero() { // nobody had told that it was gone
			w.rough(id)
		}
		if m.instance != instance {
			w.did["a session resumed elsewhere"]++
		}
	}
	if o := w.oracle.people[p.user].live; o != nil && mode == "take_over" {
		w.rough(o.id)
	}
	w.call(mode, func() string { return w.oracle.open(p.user, id, instance, mode) }, sqlOpen, p.user, id, instance, mode)
	m := w.oracle.people[p.user].live
	if m == nil {
		return
	}
	if w.truth[m.id] == nil {
		w.truth[m.id] = &truth{}
	}
	if m.id == id {
		p.lease, p.instance = Lease{m.id, m.lease}, m.instance
		p.online, p.asleep, p.heard = m.here, false, w.oracle.now
	}
}

// go_ closes the socket, and the instance tells so.
func (w *world) go_(p *device) {
	if !p.online {
		return
	}
	p.online = false
	seen := p.heard
	if w.chance(30) {
		seen = seen.Add(-time.Duration(w.rng.IntN(10000)) * time.Millisecond)
		w.rough(p.lease.SessionID)
	}
	w.gone([]Beat{{p.lease, seen}})
}

// sweepSilent is what an instance does about sockets it has not heard of for
// too long.
func (w *world) sweepSilent() {
	for _, p := range w.people {
		if p.online && p.asleep && w.oracle.now.Sub(p.heard) >= Silence {
			p.online = false
			w.gone([]Beat{{p.lease, p.heard}})
		}
	}
}

func (w *world) pause(p *device, pause bool) {
	if p.lease.SessionID == "" {
		return
	}
	what, l := "pause", p.lease
	if !pause {
		what = "go on"
	}
	once := func() {
		w.call(what, func() string { return w.oracle.pause(l, pause) }, sqlPause, l.SessionID, l.Number, pause)
	}
	if p.asleep {
		w.rough(l.SessionID)
	}
	w.remember(once)
	if w.chance(90) { // else it is on its way for long
		once()
	}
}

func (w *world) stop(p *device) {
	if p.lease.SessionID == "" {
		return
	}
	l := p.lease
	if p.asleep || !p.online {
		w.rough(l.SessionID)
	}
	once := func() {
		w.call("stop", func() string { return w.oracle.stop(l) }, sqlStop, l.SessionID, l.Number)
	}
	w.remember(once)
	if w.chance(50) { // else it is on its way for long, and the session goes on meanwhile
		once()
	}
}

// pay moves minutes from outside.
func (w *world) pay(p *device) {
	switch w.rng.IntN(5) {
	case 0, 1:
		w.post(p, billing.Purchase, 1+w.rng.IntN(12), w.key())
	case 2:
		w.post(p, billing.Refund, -1-w.rng.IntN(12), w.key())
	case 3:
		w.post(p, billing.Adjustment, []int{-3, -1, 1, 2}[w.rng.IntN(4)], w.key())
	default:
		if w.keys > 0 { // a key that was used already, perhaps for the very same
			w.did["a key used for something else"]++
			w.post(p, billing.Purchase, 1+w.rng.IntN(12), fmt.Sprintf("key:%d", 1+w.rng.IntN(w.keys)))
		}
	}
	if w.oracle.people[p.user].debt > 0 {
		w.did["debt"]++
	}
}

// stripe says something of a subscription, also late and in the wrong order.
func (w *world) stripe(p *device) {
	p.plan++
	id := "sub_" + p.user
	if w.chance(20) {
		id += "b"
	}
	status := []string{"active", "active", "active", "past_due", "canceled"}[w.rng.IntN(5)]
	end := w.oracle.now.Add(time.Duration(w.rng.IntN(1200)-300) * time.Second)
	start := end.Add(-72*time.Hour + time.Duration(w.rng.IntN(600))*time.Second)
	cancel, asOf := w.chance(60), w.oracle.now.Add(-time.Duration(w.rng.IntN(120))*time.Second)
	once := func() {
		w.call("plan", func() string { return w.oracle.subscribe(p.user, id, status, start, end, cancel, asOf) },
			sqlPlan, p.user, id, status, start, end, cancel, asOf)
	}
	once()
	w.remember(once)
}

// lose ends an instance: killed, or in order, handing its sessions over.
func (w *world) lose(killed bool) {
	i := w.rng.IntN(len(w.instances))
	name := w.instances[i]
	w.instances = append(w.instances[:i:i], w.instances[i+1:]...)
	w.boot()
	var beats []Beat
	for _, p := range w.people {
		if p.online && p.instance == name {
			p.online = false
			beats = append(beats, Beat{p.lease, p.heard})
		}
	}
	if killed {
		w.did["an instance dies"]++
		for _, b := range beats {
			w.rough(b.SessionID)
		}
		return
	}
	w.did["an instance ends"]++
	if len(beats) > 0 {
		w.gone(beats)
	}
}

// jump is a step of the database's clock.
func (w *world) jump() {
	w.did["the clock jumps"]++
	w.allRough()
	d := []time.Duration{-5 * time.Minute, -time.Second, time.Second, 5 * time.Minute, time.Hour}[w.rng.IntN(5)]
	w.oracle.now = w.oracle.now.Add(d)
	w.clock()
	for _, t := range w.truth { // no bound holds for a session that lived through it
		t.rough += 1 << 20
	}
}

func (w *world) allRough() {
	for _, a := range w.oracle.people {
		if a.live != nil {
			w.rough(a.live.id)
		}
	}
}

// end lets every lease run out: then nothing lives, and the books are closed.
func (w *world) end() {
	w.pass(3 * time.Hour) // the clock may have gone back an hour's worth
	for range 2 {
		w.script = append(w.script, step{sql: sqlTick, args: []any{"last"}, want: w.oracle.tick("last")})
	}
	w.script = append(w.script, step{sql: "select count(*)::text from public.interview_sessions where ended_at is null", want: "0"})
	w.look()
}

// fair compares what was charged with what really happened: exactly where
// everything that happened was told, else within what nobody could know.
func (w *world) fair() error {
	for id, t := range w.truth {
		m := w.oracle.sessions[id]
		if m.open && m.ended != EndStopped { // its last words are not known
			t.rough++
		}
		off := (m.used - t.used).Abs()
		if off > time.Duration(t.rough)*(Silence+Grace) {
			return fmt.Errorf("session %s: %v of use counted, truly %v, with %d rough ends", id, m.used, t.used, t.rough)
		}
		if want := billing.MinutesDue(m.used); m.charged > want || m.charged < want && !m.short {
			return fmt.Errorf("session %s (%s): %d minutes charged for %v", id, m.ended, m.charged, m.used)
		}
	}
	return nil
}

// minutes is how many session-minutes the world has seen.
func (w *world) minutes() (n int) {
	for _, m := range w.oracle.sessions {
		n += len(m.minutes)
	}
	return n
}
