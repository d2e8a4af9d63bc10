package interview

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// verdict says what an interviewer's utterance wants.
type verdict int

const (
	skip      verdict = iota // nothing: a greeting, a noise, small talk, logistics, a statement
	answer                   // an answer, now: by its grammar or punctuation a question or a request
	uncertain                // perhaps an answer: a statement that may prompt one
)

func (v verdict) String() string { return [...]string{"skip", "answer", "uncertain"}[v] }

// judgement is a verdict on a text. known means that a skip was recognised for
// what it is, rather than being a statement with nothing to answer in it. from
// is where the first sentence that is not skipped begins.
type judgement struct {
	verdict verdict
	known   bool
	from    int
}

// judge decides on an utterance, without asking a model: by wh-words, inverted
// auxiliaries, imperatives, indirect questions, tags and punctuation, allowing
// for the recogniser's noise (no punctuation, fillers, restarts). English is
// known best; German, French and Spanish in their basics; of other languages
// only the punctuation, all else being uncertain. The most demanding sentence
// counts.
func judge(language, text string) judgement {
	best := judgement{verdict: skip, known: true}
	weightOf := map[verdict]int{skip: 0, uncertain: 1, answer: 2}
	for at, s := range sentences(text) {
		v, known := judgeSentence(language, s)
		if v != skip && best.verdict == skip {
			best.from = at
		}
		if v == skip && best.verdict == skip {
			best.known = best.known && known
		}
		if weightOf[v] > weightOf[best.verdict] {
			best.verdict, best.known = v, false
		}
	}
	return best
}

// sentences yields the sentences of text with their offsets.
func sentences(text string) func(func(int, string) bool) {
	return func(yield func(int, string) bool) {
		from := 0
		for i, r := range text {
			end := i + utf8.RuneLen(max(r, 0))
			if !strings.ContainsRune(".?!…;。？！؟", r) ||
				end < len(text) && r < utf8.RuneSelf && text[end] != ' ' {
				continue
			}
			if s := strings.TrimSpace(text[from:end]); s != "" {
				if !yield(from+leadingSpace(text[from:]), s) {
					return
				}
			}
			from = end
		}
		if s := strings.TrimSpace(text[from:]); s != "" {
			yield(from+leadingSpace(text[from:]), s)
		}
	}
}

func leadingSpace(s string) int { return len(s) - len(strings.TrimLeft(s, " ")) }

func judgeSentence(language, s string) (v verdict, known bool) {
	asked := strings.ContainsAny(s[max(len(s)-4, 0):], "?") ||
		strings.HasSuffix(s, "？") || strings.HasSuffix(s, "؟") || strings.HasPrefix(s, "¿")
	if language == "en" || language == "multi" {
		return judgeEnglish(tokens(s), asked, strings.HasSuffix(s, "."))
	}
	return judgeForeign(phrasesOf[language], tokens(s), asked)
}

// judgeForeign knows a language by a few phrases.
func judgeForeign(known phrases, ts []string, asked bool) (verdict, bool) {
	ts = trimLead(ts, known.lead)
	line := joined(ts)
	switch {
	case len(ts) == 0:
		return skip, true
	case known.skips(line) && len(ts) <= 7:
		return skip, true
	case asked, startsWith(line, known.ask), contains(line, known.askWithin):
		return answer, false
	case len(ts) <= 2:
		return skip, false
	}
	return uncertain, false
}

// judgeEnglish decides on one sentence; stopped says that it has its full stop.
func judgeEnglish(ts []string, asked, stopped bool) (verdict, bool) {
	ts = trimRepeats(trimFillers(ts))
	marked := len(ts) > 0 && lead[ts[0]]
	ts = trimLead(ts, lead)
	ts, tag := trimTag(ts)
	if tag { // "…, right?": the mark belongs to the tag
		asked = false
	}
	if startsWith(joined(ts), notAsked) { // "You don't have to give me a number."
		return skip, true
	}
	how := prefix(joined(ts), []string{"how do you do"})
	if how > 0 && len(ts) > how && !afterGreeting[ts[how]] {
		return answer, false // "How do you do code reviews?"
	}
	ts, skipped := trimSkips(ts)
	line := joined(ts)
	given := prefix(line, supposing)
	switch {
	case len(ts) == 0:
		return skip, true
	case given > 0 && !asked && (given == len(ts) || !asks(ts[given:], joined(ts[given:]))):
		return uncertain, false // what is asked about it may be still to come
	case asks(ts, line):
		if last := ts[len(ts)-1]; !asked && dangling[last] && !(stopped && stranded[last]) {
			return uncertain, false // it was cut off: more will come
		}
		return answer, false
	case skipped:
		return skip, true
	case asked, tag && has(ts, "you", "your", "you've", "you're"):
		return answer, false
	case prompts(ts, line, marked):
		return uncertain, false
	}
	return skip, contains(line, skipWithin)
}

// asks says whether a sentence is a question or a request by its grammar.
func asks(ts []string, line string) bool {
	if startsWith(line, requests) || contains(line, requestsWithin) {
		return true
	}
	if asksFirst(ts, line) {
		return true
	}
	for i := range ts {
		if i+1 < len(ts) && inverted(ts, i) {
			return true
		}
	}
	return false
}

// asksFirst looks at how the sentence begins.
func asksFirst(ts []string, line string) bool {
	first, second := ts[0], ""
	if len(ts) > 1 {
		second = ts[1]
	}
	switch {
	case first == "why":
		return true
	case wh[first] && second == "":
		return true // "How?" without its mark
	case wh[first] && aux[second], first == "what" && whatVerb[second],
		first == "how" && howMuch[second], wh[first] && (second == "about" || second == "else" || second == "if" || second == "come"):
		return true
	case (first == "what" || first == "which" || first == "whose") && !subject[second]:
		return slices.ContainsFunc(ts[2:min(len(ts), 9)], func(t string) bool { return aux[t] || t == "you" || t == "your" }) ||
			whNoun[second]
	case first == "who" && !subject[second]:
		return true
	case (first == "in" || first == "on" || first == "at" || first == "to" || first == "for" || first == "with" || first == "from") && (second == "what" || second == "which" || second == "whom"):
		return true
	case aux[first] && (second == "you" || second == "your" || second == "there" || second == "any" || second == "anything"):
		return true
	}
	return false
}

// inverted says whether a question begins inside the sentence at i, as it does
// when the recogniser heard no full stop: "… how would you", "… have you".
func inverted(ts []string, i int) bool {
	rest := ts[i:]
	switch {
	case len(rest) < 3:
		return i > 0 && len(rest) == 2 && wh[rest[0]] && (rest[1] == "so" || rest[1] == "not")
	case wh[rest[0]] && aux[rest[1]] && askedSubject[rest[2]]:
		return true
	case wh[rest[0]] && howMuch[rest[1]] && aux[rest[2]] && rest[0] == "how":
		return true
	case (rest[0] == "what" || rest[0] == "which") && len(rest) > 3 && !subject[rest[1]] && youAux[rest[2]] && rest[3] == "you":
		return true
	case rest[0] == "what" && whatVerb[rest[1]] && (rest[2] == "you" || rest[2] == "your"):
		return true
	case youAux[rest[0]] && rest[1] == "you" && (i == 0 || !subject[ts[i-1]] && !aux[ts[i-1]]):
		return !startsWith(joined(rest), skipPrefix)
	}
	return false
}

// prompts says whether a statement may want an answer.
func prompts(ts []string, line string, marked bool) bool {
	switch {
	case startsWith(line, promptPrefix):
		return true
	case contains(line, skipWithin), startsWith(line, statementPrefix), len(ts) == 1:
		return false
	case has(ts, "your"), ts[0] == "you", ts[0] == "you've", ts[0] == "you're", ts[0] == "you'd":
		return true
	case subject[ts[0]]:
		return false
	case has(ts, "you", "you've", "you're"):
		return true
	}
	return len(ts) <= 5 && marked && fragment[ts[0]] // "and the hardest part"
}

// tokens returns the words of s in lower case, without punctuation, with
// contractions of question words taken apart.
func tokens(s string) []string {
	s = strings.ReplaceAll(strings.ToLower(s), "’", "'")
	fields := strings.FieldsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\'' && r != '-' && !unicode.Is(unicode.Mn, r)
	})
	var ts []string
	for _, f := range fields {
		f = strings.Trim(f, "'-")
		if whole, ok := contractions[f]; ok {
			ts = append(ts, strings.Fields(whole)...)
		} else if f != "" {
			ts = append(ts, f)
		}
	}
	return ts
}

// trimFillers drops what carries no meaning wherever it stands.
func trimFillers(ts []string) []string {
	var out []string
	for i := 0; i < len(ts); i++ {
		pair := ""
		if i+1 < len(ts) {
			pair = ts[i] + " " + ts[i+1]
		}
		before := ""
		if len(out) > 0 {
			before = out[len(out)-1]
		}
		switch {
		case filler[ts[i]]:
		case pair == "i mean", pair == "kind of", pair == "sort of",
			pair == "you know" && !aux[before] && !wh[before] && before != "if" && before != "let" && before != "that" && before != "don't":
			if i+2 < len(ts) || len(out) > 0 {
				i++
				continue
			}
			out = append(out, ts[i])
		default:
			out = append(out, ts[i])
		}
	}
	return out
}

// trimRepeats undoes restarts: "can you can you tell" becomes "can you tell".
func trimRepeats(ts []string) []string {
	for n := 1; n <= 4; n++ {
		for i := 0; i+2*n <= len(ts); {
			if slices.Equal(ts[i:i+n], ts[i+n:i+2*n]) {
				ts = slices.Delete(slices.Clone(ts), i, i+n)
			} else {
				i++
			}
		}
	}
	return ts
}

func trimLead(ts []string, lead map[string]bool) []string {
	for len(ts) > 0 && lead[ts[0]] {
		ts = ts[1:]
	}
	return ts
}

// trimTag takes "right", "does that make sense" and the like off the end.
func trimTag(ts []string) (rest []string, tag bool) {
	for _, t := range tags {
		words := strings.Fields(t)
		if n := len(ts) - len(words); n >= 0 && slices.Equal(ts[n:], words) {
			return ts[:n], true
		}
	}
	return ts, false
}

// trimSkips takes small talk off the front as long as there is some, and with it
// everything up to where a question may begin.
func trimSkips(ts []string) (rest []string, skipped bool) {
	for {
		ts = trimLead(ts, lead)
		line := joined(ts)
		n := prefix(line, skipPrefix)
		if n == 0 || prefix(line, promptPrefix) > n { // "I see" is a noise, "I see you worked" is not
			return ts, skipped
		}
		ts, skipped = ts[n:], true
	}
}

// joined returns the words between single spaces, one before and one after.
func joined(ts []string) string { return " " + strings.Join(ts, " ") + " " }

// prefix returns how many words of line the longest of the phrases takes.
func prefix(line string, list []string) (n int) {
	for _, p := range list {
		if strings.HasPrefix(line, " "+p+" ") {
			n = max(n, len(strings.Fields(p)))
		}
	}
	return n
}

func startsWith(line string, list []string) bool { return prefix(line, list) > 0 }

func contains(line string, list []string) bool {
	return slices.ContainsFunc(list, func(p string) bool { return strings.Contains(line, " "+p+" ") })
}

func has(ts []string, any ...string) bool {
	return slices.ContainsFunc(ts, func(t string) bool { return slices.Contains(any, t) })
}
