package server

import (
	"sync"
	"time"
)

// bucket holds what may be spent now; it refills by its size each minute.
type bucket struct {
	level float64
	at    time.Time
}

// take spends n of size a minute, or says how long to wait for it.
func (b *bucket) take(n, size float64, now time.Time) (time.Duration, bool) {
	if b.at.IsZero() {
		b.level = size
	} else if d := now.Sub(b.at); d > 0 {
		b.level = min(size, b.level+size*d.Minutes())
	}
	b.at = now
	if b.level < n {
		return time.Duration((n - b.level) / size * float64(time.Minute)), false
	}
	b.level -= n
	return 0, true
}

// full reports whether the bucket knows nothing worth keeping.
func (b *bucket) full(size float64, now time.Time) bool {
	return b.level+size*now.Sub(b.at).Minutes() >= size
}

// Limits are the caps on one person.
type Limits struct {
	Requests int // answers a minute
	Tokens   int // of prompt and answer together, a minute
	Parallel int // answers at a time
	Opens    int // session sockets opened a minute
	Grants   int // Deepgram tokens a minute and session

	// Beside the minutes, without a session, for all instances together.
	Checks, ChecksADay int // sound checks a minute and a day
	Asides, AsidesADay int // answers before and after interviews
}

// DefaultLimits leave a person who is interviewed, with drafts of answers that
// are thrown away, far from any of them. What is beside the minutes is for an
// evening of preparation; what it may cost us at most, say check and admitAside.
func DefaultLimits() Limits {
	return Limits{Requests: 40, Tokens: 200_000, Parallel: 4, Opens: 20, Grants: 3,
		Checks: 2, ChecksADay: 6, Asides: 3, AsidesADay: 12}
}

// usage keeps count of what each person spends. It forgets who spends nothing.
type usage struct {
	limits Limits
	now    func() time.Time

	mu     sync.Mutex
	people map[string]*spending
	asks   bucket // of everybody who asks what became of a payment page
}

type spending struct {
	requests, tokens, opens, buys bucket
	parallel                      int
}

func newUsage(l Limits, now func() time.Time) *usage {
	return &usage{limits: l, now: now, people: map[string]*spending{}}
}

func (u *usage) of(id string) *spending {
	p := u.people[id]
	if p == nil {
		p = &spending{}
		u.people[id] = p
	}
	return p
}

// open spends one opening of a session socket.
func (u *usage) open(id string) (time.Duration, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.of(id).opens.take(1, float64(u.limits.Opens), u.now())
}

const (
	buysAMinute = 10   // payment pages for one person
	asksAMinute = 6000 // of all people at one instance
)

// buy spends one payment page.
func (u *usage) buy(id string) (time.Duration, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.of(id).buys.take(1, buysAMinute, u.now())
}

// ask spends one question about a payment page; nobody is signed in there.
func (u *usage) ask() (time.Duration, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.asks.take(1, asksAMinute, u.now())
}

// answer spends one answer of about that many tokens. When it may go ahead,
// done is to be called at its end with what it really took, 0 if unknown.
func (u *usage) answer(id string, tokens int) (done func(tokens int), wait time.Duration, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	p, now := u.of(id), u.now()
	if p.parallel >= u.limits.Parallel {
		return nil, time.Second, false
	}
	size := float64(u.limits.Tokens)
	reserved := min(float64(tokens), size)
	if wait, ok = p.tokens.take(reserved, size, now); !ok {
		return nil, wait, false
	}
	if wait, ok = p.requests.take(1, float64(u.limits.Requests), now); !ok {
		p.tokens.level += reserved
		return nil, wait, false
	}
	p.parallel++
	return func(took int) {
		u.mu.Lock()
		defer u.mu.Unlock()
		p.parallel--
		if took > 0 { // what was more is owed, what was less is given back
			p.tokens.level = min(size, p.tokens.level+reserved-float64(took))
		}
	}, 0, true
}

// sweep forgets people whose buckets are full again.
func (u *usage) sweep() {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := u.now()
	for id, p := range u.people {
		if p.parallel == 0 && p.requests.full(float64(u.limits.Requests), now) &&
			p.tokens.full(float64(u.limits.Tokens), now) && p.opens.full(float64(u.limits.Opens), now) && p.buys.full(buysAMinute, now) {
			delete(u.people, id)
		}
	}
}
