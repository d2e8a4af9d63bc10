package rehearsal

import (
	"math"
	"slices"
	"strings"
	"unicode"
)

const noAnswer = "**The rehearsal has no recorded answer for this.** " +
	"It knows only the questions of its own interviewer; with your own keys or an account, every question is answered."

const (
	leastMatch = 0.5  // how much of a question must be found in a request
	leastBegun = 4    // words of a sentence that is still being spoken
	muchBetter = 0.25 // what makes an earlier question the one that is meant
)

// answerBook finds the recorded question in what a client asks.
type answerBook struct {
	questions []Question
	sentences [][][]string       // the words of each question's sentences
	words     []map[string]bool  // of each question
	weight    map[string]float64 // a word counts more the fewer questions have it
}

func newAnswerBook(questions []Question) *answerBook {
	b := &answerBook{questions: questions, weight: map[string]float64{}}
	in := map[string]int{}
	for _, q := range questions {
		set := map[string]bool{}
		var sentences [][]string
		for _, sentence := range strings.FieldsFunc(q.Text, func(r rune) bool { return strings.ContainsRune(".?!", r) }) {
			sentences = append(sentences, tokens(sentence))
		}
		b.sentences = append(b.sentences, sentences)
		for _, w := range tokens(q.Text) {
			if !set[w] {
				set[w] = true
				in[w]++
			}
		}
		b.words = append(b.words, set)
	}
	for w, n := range in {
		b.weight[w] = math.Log(float64(len(questions)+1) / float64(n))
	}
	return b
}

// answer returns the recorded answer to the question in text, which may hold
// more than the question: of several, the last counts. A question that is still
// being asked is found by its beginning.
func (b *answerBook) answer(text string) (id, answer string) {
	heard := tokens(text)
	best, end := 0.0, -1
	for i, q := range b.questions {
		score, at := b.match(b.words[i], heard)
		if score < leastMatch && begins(b.sentences[i], text) {
			score, at = leastMatch, len(heard)-1
		}
		if score < leastMatch {
			continue
		}
		if id == "" || (at > end && score > best-muchBetter) || (at < end && score > best+muchBetter) {
			id, answer, best, end = q.ID, q.Answer, score, at
		}
	}
	if id == "" {
		return "", noAnswer
	}
	return id, answer
}

// reply returns the answer to a message. One about an unfinished question asks for
// a line with its end ahead, from the last word heard on, which is marked "! " for
// certain; the book knows its questions. One that tells what was assumed asks for "="
// where that is what was said, and for "!" and the answer where it is not.
func (b *answerBook) reply(message string) string {
	heard := message[strings.LastIndex(message, "<question>")+1:]
	heard, _, _ = strings.Cut(heard, "</question>")
	if _, assumed, ok := strings.Cut(message, "<assumed>\n"); ok && strings.Contains(message, `"="`) {
		assumed, _, _ = strings.Cut(assumed, "\n</assumed>")
		id, answer := b.answer(heard)
		if other, _ := b.answer(assumed); other == id {
			return "="
		}
		return "!\n" + answer
	}
	id, answer := b.answer(message)
	if !strings.Contains(message, `"! "`) {
		return answer
	}
	last := tokens(heard)
	if i := slices.IndexFunc(b.questions, func(q Question) bool { return q.ID == id }); i >= 0 {
		if end := endOf(b.questions[i].Text, last); end != "" {
			return "! " + end + "\n" + answer
		}
	}
	return "? " + strings.Join(last[max(len(last)-1, 0):], "") + "\n" + answer
}

// endOf returns what follows in a question behind the words that were heard of it,
// the last of them included, which may be half a word; "" if they are not in it.
func endOf(question string, heard []string) string {
	words := strings.Fields(question)
	for n := len(words); n > 0; n-- {
		said := tokens(strings.Join(words[:n], " "))
		k := min(len(said), len(heard), 3)
		if k == 0 || !slices.Equal(said[len(said)-k:len(said)-1], heard[len(heard)-k:len(heard)-1]) {
			continue
		}
		if strings.HasPrefix(said[len(said)-1], heard[len(heard)-1]) {
			return strings.Join(words[n-1:], " ")
		}
	}
	return ""
}

// begins says whether a line of text ends with the beginning of a sentence.
func begins(sentences [][]string, text string) bool {
	for line := range strings.Lines(text) {
		heard := tokens(line)
		for _, sentence := range sentences {
			for n := min(len(sentence), len(heard)); n >= leastBegun; n-- {
				if slices.Equal(sentence[:n], heard[len(heard)-n:]) {
					return true
				}
			}
		}
	}
	return false
}

// match returns how well the best stretch of heard fits the question, and where
// that stretch ends. The fit is the harmonic mean of how much of the question
// is there and how much of the stretch belongs to it.
func (b *answerBook) match(question map[string]bool, heard []string) (best float64, end int) {
	whole := 0.0
	for w := range question {
		whole += b.weight[w]
	}
	for from := range heard {
		if !question[heard[from]] {
			continue
		}
		seen := map[string]bool{}
		common, other := 0.0, 0.0
		for at := from; at < min(len(heard), from+2*len(question)+4); at++ {
			w := heard[at]
			switch {
			case !question[w]:
				other += 0.5 * math.Log(float64(len(b.questions)+1))
			case !seen[w]:
				seen[w] = true
				common += b.weight[w]
			}
			if len(seen) < 4 {
				continue
			}
			if score := 2 * common / (whole + common + other); score > best {
				best, end = score, at
			}
		}
	}
	return best, end
}

// tokens are the lower-case words of text.
func tokens(text string) []string {
	return strings.FieldsFunc(strings.ToLower(strings.ReplaceAll(text, "'", "")), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}
