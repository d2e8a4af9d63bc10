package interview

import (
	"slices"
	"strings"
)

// plainTokens returns the words of an English text without fillers, restarts,
// leading words and courtesies at the end.
func plainTokens(text string) []string {
	ts := trimLead(trimRepeats(trimFillers(tokens(text))), lead)
	for {
		rest, tag := trimTag(ts)
		if !tag || len(rest) == 0 {
			return ts
		}
		ts = rest
	}
}

// content returns what a question is compared by: its words without what
// carries no meaning. The little words stay, for sameMeaning to count.
func content(language, text string) []string {
	if isEnglish(language) {
		return alike(plainTokens(text))
	}
	return tokens(text)
}

// agree says whether an answer to draft answers final too: the same words that
// carry meaning, at most two differences in the little ones, and behind them only
// what adds nothing: "… in your last job", "How did you handle it?", "It can be a
// small one." In other languages than English the words have to be the same.
func agree(language, draft, final string) bool { return agreeBut(language, draft, final, 0) }

// mayAgree is agree for an interim: one more word of weight may turn out to add
// nothing ("and how do you avoid" … "it"), or to have been misheard.
func mayAgree(language, draft, interim string) bool { return agreeBut(language, draft, interim, 1) }

func agreeBut(language, draft, final string, slack int) bool {
	d := content(language, draft)
	return upTo(language, d, final, slack, func(f []string) bool { return sameMeaning(language, d, f, slack) })
}

// anyhow says whether final begins with the words that were heard, the newest of
// which may be half a word, and asks for nothing else behind them.
func anyhow(language, heard, final string, slack int) bool {
	h := content(language, heard)
	if len(h) > shapeWeight {
		h = h[:len(h)-1]
	}
	return upTo(language, h, final, slack, func(f []string) bool {
		end, ok := begins(f, h)
		return ok && onlyMore(f[end:], slack)
	})
}

// upTo says whether final's first sentences, as many as have the meaning of d,
// are the same, and the ones behind them ask for nothing else.
func upTo(language string, d []string, final string, slack int, same func([]string) bool) bool {
	want := len(meaning(d))
	from := 0
	for at, s := range sentences(final) {
		end := at + len(s)
		if from > 0 { // behind what the draft answers
			if asksMore(language, s, slack) {
				return false
			}
			continue
		}
		if f := content(language, final[:end]); len(meaning(f)) >= want || end == len(final) {
			if !same(f) {
				return false
			}
			from = end
		}
	}
	return from > 0
}

// asksMore says whether a sentence behind a question asks for something else, or
// for more than a word of it.
func asksMore(language, sentence string, slack int) bool {
	// A fragment with a question mark only says more of what was asked.
	v, _ := judgeSentence(language, strings.TrimRight(sentence, "?¿？؟ "))
	if v != answer || !isEnglish(language) {
		return v == answer
	}
	ts := plainTokens(sentence)
	if n := prefix(joined(ts), supposing); n > 0 { // "Let's say it is Postgres."
		ts = ts[n:]
		return slices.ContainsFunc(ts, func(t string) bool { return wh[t] }) || len(ts) > 0 && asks(ts, joined(ts))
	}
	return !littleMore(ts, slack)
}

func isEnglish(language string) bool { return language == "en" || language == "multi" }

// sameMeaning is agree for the words of a draft and of as many sentences.
func sameMeaning(language string, draft, final []string, slack int) bool {
	if !isEnglish(language) {
		return slices.Equal(draft, final)
	}
	if known, ok := foreseen().foresee(draft); ok && known.anyhow {
		if end, ok := begins(final, draft[:known.upTo]); ok {
			return onlyMore(final[end:], slack)
		}
	}
	end, ok := begins(final, draft)
	return ok && littleMore(final[end:], slack)
}

// onlyMore says whether words behind a question whose end does not matter only
// say more of it.
func onlyMore(tail []string, slack int) bool {
	and := more(tail)
	return heavy(tail) <= knownTail && (and < 0 || heavy(tail[and:]) <= 1+slack)
}

// more returns where something else may be asked among words: "… and how did you",
// "… and the migration", but not "… and not somebody else"; -1: nowhere.
func more(ts []string) int {
	for i := 1; i < len(ts); i++ {
		if ts[i-1] == "and" && ts[i] != "not" {
			return i
		}
	}
	return -1
}

// begins says whether final begins with the words of draft that carry meaning,
// little ones apart, and where they end in it.
func begins(final, draft []string) (end int, ok bool) {
	d, f := meaning(draft), meaning(final)
	if len(d) == 0 || len(f) < len(d) {
		return len(final), slices.Equal(draft, final)
	}
	for i := range d {
		if draft[d[i]] != final[f[i]] {
			return 0, false
		}
	}
	end = f[len(d)-1] + 1
	return end, apart(draft[:d[len(d)-1]+1], final[:end]) <= sameFunction
}

// littleMore says whether words behind a question add nothing to it: none that has
// weight, or one in a sentence about what was asked: "How did you find it?"
func littleMore(ts []string, slack int) bool {
	n := heavy(ts) - slack
	return n <= 0 || n == 1 && has(ts, "it", "that", "this", "them", "there", "then", "one")
}

// heavy counts the words that may add something to what is asked.
func heavy(ts []string) (n int) {
	for _, t := range ts {
		if !function[t] && !light[t] {
			n++
		}
	}
	return n
}

// meaning returns where the words are that carry meaning.
func meaning(ts []string) (at []int) {
	for i, t := range ts {
		if !function[t] {
			at = append(at, i)
		}
	}
	return at
}

// behind says whether an interim has fewer of the draft's words: a recogniser
// may take the newest back for a moment.
func behind(language, interim, draft string) bool {
	short, long := content(language, interim), content(language, draft)
	if len(short) > len(long) || !isEnglish(language) {
		return len(short) <= len(long) && slices.Equal(short, long[:len(short)])
	}
	if _, ok := begins(long, short); ok || len(short) < 2 {
		return ok
	}
	_, ok := begins(long, short[:len(short)-1]) // the newest may be half a word
	return ok
}

func allLight(ts []string) bool { return heavy(ts) == 0 }

// apart returns how many words have to be put in, left out or changed to
// make b of a.
func apart(a, b []string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		last := row[0]
		row[0] = i + 1
		for j := range b {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			last, row[j+1] = row[j+1], min(last+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// The vocabulary of drafts.
var (
	// function words carry no meaning of their own: a final that differs from its
	// draft in one or two of them asks for the same.
	function = words(`a an the this that these those it its it's i i'm i'd i've we we're we'd we've you you're you've you'd your yours
		me us my our they them their he she him her his in on at for to from of with by about into over within during through
		is are was were be been being am do does did have has had can could will would shall should may might must
		and or so then there if as than too also please`)

	// light words at the end of a question add nothing to what is asked.
	light = words(`what why how when where who which
		job jobs role roles position company companies organization team teams project projects career work working worked
		works experience experiences background life time times day days today week weeks month months year years
		five ten three two one thirty sixty ninety hundred few couple last current previous past recent recently former first next new now currently
		example examples detail details situation situations moment moments case cases thing things way ways anything something someone
		people person here specific specifically briefly end ended up down out
		handle handled handling deal dealt resolve resolved solve solved approach approached learn learned
		cope coped respond happens
		happen happened doing done go went feel felt manage managed overcome overcame fix fixed react reacted respond responded
		result results outcome outcomes turn turned impact effect part responsible involved contribution
		differently again better okay mind like want think say walk tell share explain describe give
		decide decided come came get got take took make made start started need needed help helped worked
		exactly process step steps thought thinking reason reasons afterwards after later before eventually finally
		hear know curious interested asking ask bit lot whole still really even ever
		comfortable matter matters practice useful sharing simple words level high open possible roughly
		personally own yourself professionally career opportunity professional back free feel whatever any kind sort`)

	// goesOnAfter are words, beyond the dangling ones, that more has to follow.
	goesOnAfter = words(`the a an and or but so because since if while when where who how why what which
		to for in on at from into about with of by between through under during against toward towards
		is are was were do does did have has had can could will would should might i we they he she
		very some any every each not um uh uhm umm er erm hm hmm mm`)
	goesOnForeign = words("und oder weil dass der die das ein eine mit für von zu et ou parce que le la les un une avec pour de du y o porque el los las con para del")

	// openings end a beginning that says nothing yet.
	openings = lines(`tell me
		tell us
		about a time
		about a time you
		a time you
		an example
		a situation
		walk me through
		talk me through
		walk us through
		what would you
		how would you
		why did you
		what did you
		how did you
		can you
		could you
		what is your
		what are your
		i'm curious
		i'm wondering`)

	// tailBegins are how an end begins that adds nothing.
	tailBegins = lines(`in your
		at your
		and when
		and did
		and where
		and who
		in your last
		in your current
		in your previous
		in your past
		in your career
		in your work
		in your job
		in your role
		in your team
		in your own
		in your day
		at your last
		at your current
		at your previous
		at your job
		in the past
		in the last
		on your team
		on your last
		during your
		and how did
		and how you
		and how do
		and what did
		and what you
		and what was
		and what were
		and what happened
		and why did
		and why you
		and why
		and what
		and how
		in this role
		in this position
		in a team
		in a new
		in your first
		at work
		for us
		with us
		to us
		in detail
		step by step`)

	// supposing begins what is to be taken as given.
	supposing = lines(`let us say
		let us assume
		let us suppose
		let us imagine
		let us pretend
		assume
		suppose
		imagine
		pretend
		say`)
)
