package rehearsal

import "math"

// How a recorded utterance is recognised. All counts are shapes, 10 ms each.
const (
	anchorLength = 80   // sound that is compared to find where in the recording we are
	anchorEvery  = 40   // from one such place to the next
	anchorStride = 2    // every second shape is enough to find it
	shortest     = 40   // least sound that is recognised at all
	findScore    = 0.70 // correlation that may be a place
	sureScore    = 0.90 // correlation that is one
	hesitation   = 60   // how long a better place is waited for otherwise
	wordScore    = 0.50 // correlation that a word needs to be heard
	keepScore    = 0.40 // below it the place is in doubt
	checkEvery   = 10   // how often the place is checked and adjusted
	checkLength  = 50   // sound that is compared then
	patience     = 3    // checks in doubt before the place is given up
	drift        = 5    // adjustment at one check: 50 ms
	heardLength  = 400  // shapes remembered: a place found late gives its last words still
)

// reference is the recording prepared for recognition. It is read only.
type reference struct {
	mean      shape
	templates []template
}

// template is one utterance as shapes, the first at its start.
type template struct {
	utterance *Utterance
	shapes    []shape
	power     []float32
	words     []span
	anchors   []int
}

// span is a word's first shape and the one after its last.
type span struct{ from, to int }

func newReference(iv *Interview) *reference {
	ref := &reference{}
	all := make([][]shape, len(iv.Utterances))
	voiced := float32(0)
	for i, u := range iv.Utterances {
		s := newShaper(shape{})
		s.add(iv.PCM(u.Channel, u.Start, u.End+timeAt(window/2)), func(x shape) {
			all[i] = append(all[i], x)
			ref.mean.add(&x)
			voiced += float32(voice(x))
		})
	}
	for b := range ref.mean {
		ref.mean[b] /= voiced
	}
	for i, shapes := range all {
		for j := range shapes {
			shapes[j].remove(&ref.mean)
		}
		ref.templates = append(ref.templates, newTemplate(&iv.Utterances[i], shapes))
	}
	return ref
}

func newTemplate(u *Utterance, shapes []shape) template {
	t := template{utterance: u, shapes: shapes}
	voiced := make([]int, len(shapes)+1) // voiced shapes before each
	for i := range shapes {
		t.power = append(t.power, shapes[i].dot(&shapes[i]))
		voiced[i+1] = voiced[i]
		if !shapes[i].silent() {
			voiced[i+1]++
		}
	}
	for _, w := range u.Words { // a shape belongs to the middle of its window
		from := (sampleAt(w.Start-u.Start) - window/2) / hop
		to := (sampleAt(w.End-u.Start)-window/2+hop-1)/hop + 1
		t.words = append(t.words, span{max(0, from), min(to, len(shapes))})
	}
	for at := 0; at+shortest <= len(shapes); at += anchorEvery {
		n := min(anchorLength, len(shapes)-at)
		if at > 0 && n < anchorLength {
			break
		}
		if 3*(voiced[at+n]-voiced[at]) >= 2*n {
			t.anchors = append(t.anchors, at)
		}
	}
	return t
}

// matcher recognises recorded utterances in one channel's sound, in whatever
// order and at whatever time they come.
type matcher struct {
	ref    *reference
	shaper *shaper
	heard  [heardLength]heardShape // ring; shape k is at k % heardLength
	count  int                     // shapes heard
	floor  int                     // shapes before it have given their words
	voiced int                     // voiced shapes among the last anchorLength

	rumour candidate // the best place so far, while searching

	place *template // what is being followed; nil: nothing
	shift int       // heard shape = template's shape + shift
	word  int       // next word of place
	doubt int       // checks that failed, one after the other
	found func(heardWord)
}

// candidate is a place that the sound may come from, first seen at shape since.
type candidate struct {
	place *template
	shift int
	from  int // template's shape that it was found by
	score float32
	since int
}

type heardShape struct {
	shape
	power float32
}

// heardWord is a recognised word, on the clock of the sound that came.
type heardWord struct {
	Word
	Score float64 // 0 … 1, how well it fits
}

func newMatcher(ref *reference, found func(heardWord)) *matcher {
	return &matcher{ref: ref, shaper: newShaper(ref.mean), found: found}
}

// add takes the next samples and reports the words that they complete.
func (m *matcher) add(samples []int16) { m.shaper.add(samples, m.step) }

// flush gives the words that end with the last sample.
func (m *matcher) flush() { m.add(make([]int16, 2*window)) }

// undecided says whether words of the last second may still be found.
func (m *matcher) undecided() bool { return m.place != nil || m.rumour.place != nil || m.voiced > 0 }

func (m *matcher) step(x shape) {
	m.voiced += voice(x) - voice(m.at(m.count-anchorLength).shape)
	m.heard[m.count%heardLength] = heardShape{x, x.dot(&x)}
	m.count++
	if m.place == nil && m.count%anchorStride == 0 && (2*m.voiced >= shortest || m.rumour.place != nil) {
		m.search()
	}
	if m.place != nil {
		m.follow()
	}
}

func voice(x shape) int {
	if x.silent() {
		return 0
	}
	return 1
}

// at returns heard shape k, silence when it is not remembered.
func (m *matcher) at(k int) heardShape {
	if k < 0 || k <= m.count-heardLength || k >= m.count {
		return heardShape{}
	}
	return m.heard[k%heardLength]
}

// search looks for the place in the recording that the last sound comes from.
// Many sentences begin alike: it takes a place at once only when it fits well,
// and else the one that still fits best when more has been heard.
func (m *matcher) search() {
	r := &m.rumour
	if r.place != nil {
		r.score, _ = m.score(r.place, r.shift, span{r.from, m.count - r.shift}, anchorStride)
	}
	for i := range m.ref.templates {
		t := &m.ref.templates[i]
		for _, at := range t.anchors {
			n := min(anchorLength, len(t.shapes)-at)
			shift := m.count - n - at
			score, _ := m.score(t, shift, span{at, at + n}, anchorStride)
			if score < findScore || (r.place != nil && score <= r.score) {
				continue
			}
			if r.place == nil {
				r.since = m.count
			}
			r.place, r.shift, r.from, r.score = t, shift, at, score
		}
	}
	switch {
	case r.place == nil:
	case r.score >= sureScore, r.score >= findScore && m.count-r.since >= hesitation:
		m.settle()
	case m.count-r.since >= hesitation:
		m.rumour = candidate{}
	}
}

// settle takes the best place, and goes back to the first word of it that was
// heard whole and is not given yet.
func (m *matcher) settle() {
	m.place, m.shift, m.doubt, m.word = m.rumour.place, m.rumour.shift, 0, 0
	m.rumour = candidate{}
	at := m.count - m.shift
	m.shift = m.adjusted(span{max(0, at-anchorLength), at})
	earliest := max(m.floor, m.count-heardLength+1)
	for m.word < len(m.place.words) && m.place.words[m.word].from+m.shift < earliest-2 {
		m.word++
	}
}

// follow reports the words of the place that are complete, and checks the place.
func (m *matcher) follow() {
	t := m.place
	at := m.count - m.shift // shapes of the template that have been heard
	for m.word < len(t.words) && t.words[m.word].to <= at {
		m.hear(t.utterance.Words[m.word], t.words[m.word])
		m.word++
	}
	if m.word == len(t.words) {
		m.place = nil
		return
	}
	if m.count%checkEvery != 0 {
		return
	}
	recent := span{max(0, at-checkLength), at}
	m.shift = m.adjusted(recent)
	if score, voiced := m.score(t, m.shift, recent, 1); voiced < checkLength/3 || score >= keepScore {
		m.doubt = 0
	} else if m.doubt++; m.doubt >= patience {
		m.place = nil
	}
}

// hear reports a word if the sound over its span fits.
func (m *matcher) hear(w Word, over span) {
	wide := over
	for wide.to-wide.from < 16 && wide.from > 0 { // a short word is judged with what goes before
		wide.from--
	}
	score, voiced := m.score(m.place, m.shift, wide, 1)
	if score < wordScore || voiced == 0 {
		return
	}
	offset := timeAt(m.shift*hop) - m.place.utterance.Start
	w.Start, w.End = max(0, w.Start+offset), w.End+offset
	m.floor = over.to + m.shift - 1
	m.found(heardWord{w, float64(score)})
}

// adjusted returns the shift, a little earlier or later, that fits best over r.
func (m *matcher) adjusted(r span) int {
	best, shift := float32(-1), m.shift
	for d := range 2*drift + 1 {
		by := (d + 1) / 2 // 0, 1, -1, 2, -2, ...
		if d%2 == 0 {
			by = -by
		}
		score, _ := m.score(m.place, m.shift+by, r, 1)
		if score > best+0.01 {
			best, shift = score, m.shift+by
		}
	}
	return shift
}

// score correlates the template's shapes in r with what was heard shift later,
// and counts the shapes of r where either is voiced.
func (m *matcher) score(t *template, shift int, r span, stride int) (score float32, voiced int) {
	var xy, xx, yy float32
	for i := r.from; i < min(r.to, len(t.shapes)); i += stride {
		k := i + shift
		if k < 0 || k <= m.count-heardLength || k >= m.count {
			continue
		}
		x := &m.heard[k%heardLength]
		if x.power != 0 || t.power[i] != 0 {
			voiced++
		}
		xy += x.dot(&t.shapes[i])
		xx += x.power
		yy += t.power[i]
	}
	if xx == 0 || yy == 0 {
		return 0, voiced
	}
	return xy / float32(math.Sqrt(float64(xx)*float64(yy))), voiced
}
