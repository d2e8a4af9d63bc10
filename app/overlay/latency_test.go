package overlay

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"copilot/app/interview"
)

// What: Fyne's goroutine is busy for a while. Why: whoever shows a state, the
// interview's own loop, must not wait for it; then only the newest is drawn.
func TestU1_BlockedWindow(t *testing.T) {
	var drawn []int
	w := newTestWindow(t, Options{Drawn: func(s interview.State) { drawn = append(drawn, s.Questions.At(1).Answer.Text.Len()) }})
	s := state("")
	for range 5000 { // nothing runs on Fyne's goroutine meanwhile
		change(&s, func(q *interview.Question) { q.Answer.Text = q.Answer.Text.Append("x") })
		w.Window.Show(s)
	}
	if n := len(w.queue); n != 1 {
		t.Errorf("%d functions wait for Fyne's goroutine", n)
	}
	w.run()
	if len(drawn) != 1 || drawn[0] != 5000 {
		t.Errorf("drew %v", drawn)
	}
}

// What: an answer of 4,000 tokens at 500 a second, with meters and captions
// moving. Why: the screen is laid out at most once per frame, no token is lost,
// and the last costs what the first did.
func TestU2_LongFastAnswer(t *testing.T) {
	const tokens, perSecond = 4000, 500
	a := test.NewTempApp(t)
	synctest.Test(t, func(t *testing.T) {
		frames := map[time.Duration]int{}
		began := time.Now()
		s := DefaultSettings()
		s.NoticeSeen = true
		queue := make(chan func(), 100)
		fyneLoop := make(chan struct{})
		go func() {
			defer close(fyneLoop)
			for f := range queue {
				f()
			}
		}()
		w := New(a, Options{Settings: s, Drawn: func(interview.State) { frames[time.Since(began)/frame]++ }})
		w.hand = func(f func()) { queue <- f }
		w.win.Resize(fyne.NewSize(560, 460))
		st := state("")
		var want strings.Builder
		for i := range tokens {
			token := fmt.Sprintf("token%d ", i)
			if i%40 == 39 {
				token = "end.\n\n- **Cue:** "
			}
			want.WriteString(token)
			change(&st, func(q *interview.Question) { q.Answer.Text = q.Answer.Text.Append(token) })
			st.Lanes[0].Level = float64(i%10) / 10
			w.Show(st)
			time.Sleep(time.Second / perSecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := string(w.tele.answer.text); got != want.String() {
			t.Errorf("%d of %d bytes arrived", len(got), want.Len())
		}
		total, most := 0, 0
		for _, n := range frames {
			total, most = total+n, max(most, n)
		}
		seconds := tokens / perSecond
		if total > 60*seconds+2 || total < 50*seconds {
			t.Errorf("%d frames drawn in %d s", total, seconds)
		}
		if most > 2 { // two deliveries a frame apart may touch the same sixtieth
			t.Errorf("%d deliveries in one frame", most)
		}
		w.release()
		close(queue)
		<-fyneLoop
	})
}

// A-G5 of the goals: what a token costs does not grow with what stands above it.
func TestU2_CostPerTokenStaysTheSame(t *testing.T) {
	test.NewTempApp(t)
	look := newLook(Settings{TextSize: DefaultTextSize, Theme: ThemeDark}, true)
	cost := func(before int) (laid, placed int, each time.Duration) {
		p := newProse(look)
		test.WidgetRenderer(p)
		p.Resize(fyne.NewSize(540, 200))
		began := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
		for i := range before {
			p.add(words[i%len(words)], began)
		}
		p.newest()
		best := time.Hour
		for range 5 {
			l, w := p.laid, p.flow.placed
			start := time.Now()
			for i := range 200 {
				p.add(words[i%len(words)], began)
				p.follow(began.Add(time.Hour)) // the end is in sight
			}
			best = min(best, time.Since(start)/200)
			laid, placed = p.laid-l, p.flow.placed-w
		}
		return laid, placed, best
	}
	laid1, placed1, each1 := cost(100)
	laid2, placed2, each2 := cost(4000)
	t.Logf("at 100 tokens: %d lines drawn, %d words placed, %v each; at 4,000: %d, %d, %v (%.2f x)",
		laid1, placed1, each1, laid2, placed2, each2, float64(each2)/float64(each1))
	if float64(placed2) > 1.5*float64(placed1) || laid2 > 2*200 || laid2 < 200 { // at most the last line and the one it wraps to
		t.Error("the work per token grows")
	}
}

var words = [...]string{"I ", "led ", "the ", "**migration** ", "of ", "payments ", "to ", "Go, ", "which ", "halved ", "our ", "costs.\n\n- "}

func BenchmarkToken(b *testing.B) {
	began := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for _, before := range []int{100, 4000} {
		b.Run(fmt.Sprintf("after %d", before), func(b *testing.B) {
			test.NewTempApp(b)
			p := newProse(newLook(Settings{TextSize: DefaultTextSize, Theme: ThemeDark}, true))
			test.WidgetRenderer(p)
			p.Resize(fyne.NewSize(540, 200))
			for i := range before {
				p.add(words[i%len(words)], began)
			}
			text := string(p.text)
			i := 0
			for b.Loop() {
				if i++; i%1000 == 0 {
					b.StopTimer()
					p.reset()
					p.add(text, began)
					b.StartTimer()
				}
				p.add(words[i%len(words)], began)
				p.follow(began.Add(time.Hour))
			}
		})
	}
}
