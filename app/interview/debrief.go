package interview

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"copilot/audio"
)

// Debrief is what can be counted in an interview once it is over. Shares are
// from 0 to 1; a minute counts from the interview's beginning.
type Debrief struct {
	Length      time.Duration `json:"length_ns"`
	Candidate   time.Duration `json:"candidate_ns"`   // of speech
	Interviewer time.Duration `json:"interviewer_ns"` // of speech
	Words       int           `json:"words"`          // the candidate's
	Pace        float64       `json:"pace"`           // the candidate's, words a minute of speech
	Fillers     []Filler      `json:"fillers"`        // the most frequent first
	Minutes     []Minute      `json:"minutes"`
	Longest     time.Duration `json:"longest_ns"` // the candidate's longest turn
	Questions   []Reviewed    `json:"questions"`
}

// Filler is a word or phrase that says nothing, and how often it was said.
type Filler struct {
	Text  string `json:"text"`
	Count int    `json:"count"`
}

// Minute is what the candidate said in one minute.
type Minute struct {
	Spoke   time.Duration `json:"spoke_ns"`
	Pace    float64       `json:"pace"` // words a minute of speech; 0 where hardly anything was said
	Fillers float64       `json:"fillers"`
}

// Reviewed is a question, what was suggested, and what was said.
type Reviewed struct {
	Question  string        `json:"question"`
	Suggested string        `json:"suggested"`
	Said      string        `json:"said"`
	Delay     time.Duration `json:"delay_ns"` // until the candidate spoke; 0 when they did not
	Length    time.Duration `json:"length_ns"`
	Points    int           `json:"points"` // of the suggestion
	Missed    []string      `json:"missed"` // those of them that were not said
}

// TalkShare is the candidate's share of all speech; 0 when nobody spoke.
func (d Debrief) TalkShare() float64 {
	if all := d.Candidate + d.Interviewer; all > 0 {
		return float64(d.Candidate) / float64(all)
	}
	return 0
}

// FillerCount is how many filler words there were in all.
func (d Debrief) FillerCount() (n int) {
	for _, f := range d.Fillers {
		n += f.Count
	}
	return n
}

// hardly is the least speech in a minute that its pace is told of.
const hardly = 4 * time.Second

// Review counts an interview. It is pure: the same talk gives the same debrief.
// A turn without text is speech that nobody transcribed.
func Review(t Talk) Debrief {
	d := Debrief{Fillers: []Filler{}, Minutes: []Minute{}, Questions: []Reviewed{}}
	counts := map[string]int{}
	for _, turn := range t.Turns {
		if turn.Gap || turn.End <= turn.Start {
			continue
		}
		d.Length = max(d.Length, turn.End)
		long := turn.End - turn.Start
		if turn.Speaker == audio.Interviewer {
			d.Interviewer += long
			continue
		}
		d.Candidate += long
		d.Longest = max(d.Longest, long)
		ws := strings.Fields(turn.Text)
		d.Words += len(ws)
		d.spread(turn, len(ws), countFillers(ws, t.Language, counts))
	}
	for i := range d.Minutes {
		m := &d.Minutes[i]
		if m.Spoke < hardly {
			m.Pace = 0
			continue
		}
		m.Pace /= m.Spoke.Minutes() // was words
	}
	if d.Candidate > 0 {
		d.Pace = float64(d.Words) / d.Candidate.Minutes()
	}
	for text, n := range counts {
		d.Fillers = append(d.Fillers, Filler{text, n})
	}
	slices.SortFunc(d.Fillers, func(a, b Filler) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Text, b.Text))
	})
	for i, q := range t.Asked {
		until := time.Duration(1<<63 - 1)
		if i+1 < len(t.Asked) {
			until = t.Asked[i+1].At
		}
		d.Questions = append(d.Questions, review(q, until, t.Turns))
	}
	return d
}

// spread puts a turn's words and fillers evenly over the minutes that it lasted.
func (d *Debrief) spread(t Turn, words, fillers int) {
	long := t.End - t.Start
	for at := t.Start; at < t.End; {
		i := int(at / time.Minute)
		end := min(t.End, time.Duration(i+1)*time.Minute)
		for len(d.Minutes) <= i {
			d.Minutes = append(d.Minutes, Minute{})
		}
		part := float64(end-at) / float64(long)
		d.Minutes[i].Spoke += end - at
		d.Minutes[i].Pace += part * float64(words)
		d.Minutes[i].Fillers += part * float64(fillers)
		at = end
	}
}

// review compares what was suggested with what the candidate said until the
// next question. A turn that began shortly before the question's last word was
// heard belongs to its answer: people interrupt.
func review(q Asked, until time.Duration, turns []Turn) Reviewed {
	const interrupt = time.Second
	r := Reviewed{Question: q.Text, Suggested: q.Suggested, Missed: []string{}}
	var said []string
	for _, t := range turns {
		if t.Gap || t.Speaker != audio.Candidate || t.Start < q.At-interrupt || t.Start >= until-interrupt {
			continue
		}
		if len(said) == 0 {
			r.Delay = max(t.Start-q.At, time.Millisecond)
		}
		r.Length += t.End - t.Start
		said = append(said, t.Text)
	}
	r.Said = strings.TrimSpace(strings.Join(said, " "))
	have := stems(r.Said)
	for _, p := range points(q.Suggested) {
		r.Points++
		if len(have) > 0 && !covered(p, have) {
			r.Missed = append(r.Missed, strings.TrimSpace(strings.ReplaceAll(p, "**", "")))
		}
	}
	return r
}

// points are the lines of a suggested answer that make a point: its list, or
// each of its lines when there is none.
func points(answer string) (list []string) {
	var loose []string
	for line := range strings.Lines(answer) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "- "); ok {
			list = append(list, rest)
		} else if line != "" {
			loose = append(loose, line)
		}
	}
	if len(list) == 0 {
		return loose
	}
	return list
}

// covered says whether a point was made: a third of its cue words, or of its
// telling words, were said. Other words than the suggested ones are fine.
func covered(point string, have map[string]bool) bool {
	var cues strings.Builder
	for i, part := range strings.Split(point, "**") {
		if i%2 == 1 {
			cues.WriteString(part + " ")
		}
	}
	return shareOf(stems(cues.String()), have) >= 1.0/3 || shareOf(stems(point), have) >= 1.0/3
}

func shareOf(want, have map[string]bool) float64 {
	if len(want) == 0 {
		return 0
	}
	n := 0
	for w := range want {
		if have[w] {
			n++
		}
	}
	return float64(n) / float64(len(want))
}

// stems are the telling words of a text, cut to what their forms have in common.
func stems(text string) map[string]bool {
	const stem = 5
	out := map[string]bool{}
	for w := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(" \t\n*-–—/,.;:!?()\"", r) }) {
		w = norm(w)
		if n := utf8.RuneCountInString(w); n == 0 || commonWords[w] || n < 4 && strings.Trim(w, "0123456789") == w {
			continue
		}
		if r := []rune(w); len(r) > stem {
			w = string(r[:stem])
		}
		out[w] = true
	}
	return out
}

// commonWords are words of four letters and more that tell nothing.
var commonWords = words(`about after again also always been before being both could does doing done down each even ever every
 from have having here into just like made make many more most much only other over really same should some such than that
 their them then there these they thing things this those through today very want well were what when where which while
 will with work would your yours because first second third answer question
 aber auch dann dass diese dieser durch eine einen einer haben hatte mein meine nicht noch oder sehr sein sind über wenn wird wurde`)

// countFillers counts the fillers among words into counts and returns how many
// there were.
func countFillers(ws []string, language string, counts map[string]int) (n int) {
	list, ok := speechFillers[language]
	if !ok {
		list = speechFillers["en"]
	}
	normed := make([]string, len(ws))
	for i, w := range ws {
		normed[i] = norm(w)
	}
	for i := 0; i < len(normed); i++ {
		for _, f := range list { // phrases first
			if end := i + len(f); end <= len(normed) && slices.Equal(normed[i:end], f) {
				counts[strings.Join(f, " ")]++
				n++
				i = end - 1
				break
			}
		}
	}
	return n
}

// speechFillers by language. Words that often mean something ("like", "so") are
// left out: what is told must be right.
var speechFillers = map[string][][]string{
	"en": fillerPhrases("you know|i mean|sort of|kind of|um|uh|uhm|umm|erm|er|hmm|basically|actually|literally|honestly"),
	"de": fillerPhrases("sag ich mal|im prinzip|äh|ähm|öh|hm|halt|quasi|sozusagen|irgendwie|eigentlich"),
	"fr": fillerPhrases("tu vois|vous voyez|en fait|du coup|euh|heu|ben|bah|genre|voilà"),
	"es": fillerPhrases("o sea|es que|eh|em|pues|bueno|digamos|básicamente"),
	"it": fillerPhrases("nel senso|in pratica|ehm|eh|cioè|allora|praticamente|diciamo"),
	"pt": fillerPhrases("quer dizer|é que|hum|éh|tipo|né|então|basicamente"),
	"nl": fillerPhrases("zeg maar|eh|uh|uhm|eigenlijk|gewoon|best wel"),
}

func fillerPhrases(s string) (out [][]string) {
	for p := range strings.SplitSeq(s, "|") {
		out = append(out, strings.Fields(p))
	}
	return out
}

// What is good to hear. The pace is that of presentations and news.
const (
	slowPace, fastPace = 110, 175
	longAnswer         = 150 * time.Second
	lateAnswer         = 6 * time.Second
	manyFillers        = 4.0 // a minute of speech
)

// Practise returns up to three sentences: what to work on, the most telling
// first. It needs no model.
func (d Debrief) Practise() []string {
	var out []string
	add := func(is bool, format string, args ...any) {
		if is && len(out) < 3 {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	minutes := d.Candidate.Minutes()
	missed, points, silent, late := 0, 0, 0, 0
	for _, q := range d.Questions {
		switch {
		case q.Length == 0:
			silent++
		case q.Delay > lateAnswer:
			late++
		}
		if q.Said != "" {
			missed, points = missed+len(q.Missed), points+q.Points
		}
	}
	add(d.Candidate == 0, "Nothing that you said was heard: check the microphone before the next interview.")
	if d.Candidate == 0 {
		return out
	}
	add(silent > 0, "Answer every question: after %s nothing of yours was heard.", plural(silent, "question"))
	add(points > 0 && 2*missed > points, "Make your points: %d of %d suggested ones were not said. Say the bold words first, then explain.", missed, points)
	add(d.FillerCount() >= 5 && float64(d.FillerCount()) > manyFillers*minutes,
		"Pause instead of filling: %d filler words, most of all “%s”.", d.FillerCount(), first(d.Fillers))
	add(d.Words >= 50 && d.Pace > fastPace, "Slow down: you spoke %.0f words a minute. Up to %d are easy to follow.", d.Pace, fastPace)
	add(d.Words >= 50 && d.Pace < slowPace, "Speak a little faster: you spoke %.0f words a minute. From %d on it sounds sure.", d.Pace, slowPace)
	add(d.Longest > longAnswer, "Keep answers short: the longest took %s. Stop after two minutes and ask whether to go on.", minutesOf(d.Longest))
	add(late > 0, "Begin sooner: %s waited for more than %.0f seconds. Say the first line while you think.", plural(late, "question"), lateAnswer.Seconds())
	add(d.Interviewer > 0 && d.TalkShare() > 0.85, "Leave room: you spoke %.0f %% of the time. Ask back.", 100*d.TalkShare())
	add(d.TalkShare() < 0.35 && d.Interviewer > 2*time.Minute, "Say more: you spoke %.0f %% of the time. Add an example to each answer.", 100*d.TalkShare())
	add(missed > 0, "Say the points that were left out, such as: %s", firstMissed(d.Questions))
	add(len(d.Questions) > 0, "Repeat the answers of this interview aloud once, in one minute each.")
	add(true, "Tell one story with a number in its result.")
	add(true, "Prepare two questions that you ask the interviewer.")
	return out
}

func minutesOf(d time.Duration) string {
	d = d.Round(time.Second)
	return fmt.Sprintf("%d:%02d minutes", int(d.Minutes()), int(d.Seconds())%60)
}

func plural(n int, what string) string {
	if n == 1 {
		return "one " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func first(f []Filler) string {
	if len(f) == 0 {
		return ""
	}
	return f[0].Text
}

func firstMissed(qs []Reviewed) string {
	for _, q := range qs {
		if len(q.Missed) > 0 {
			return q.Missed[0]
		}
	}
	return ""
}
