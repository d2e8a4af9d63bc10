package interview

import (
	_ "embed" // the phrases
	"strings"
)

// The gate's vocabulary. Phrases are matched by whole words, in lower case,
// after fillers, restarts and leading words are gone.

func words(s string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}

//go:embed phrases.txt
var phrasesText string

// listed returns a list of phrases.txt.
func listed(name string) []string {
	_, rest, ok := strings.Cut(phrasesText, "\n= "+name+"\n")
	if !ok {
		panic("no phrases " + name)
	}
	list, _, _ := strings.Cut(rest, "\n= ")
	return lines(list)
}

func lines(s string) []string {
	var ls []string
	for l := range strings.Lines(s) {
		if l = strings.TrimSpace(l); l != "" {
			ls = append(ls, l)
		}
	}
	return ls
}

var (
	wh  = words("what why how when where who which whose whom")
	aux = words(`do does did don't doesn't didn't have has had haven't hasn't is are was were isn't aren't wasn't weren't
		can could can't couldn't will would won't wouldn't should shouldn't may might must am shall`)
	youAux       = words("do did have are were can could will would should don't didn't haven't aren't couldn't wouldn't had")
	subject      = words("i we you they he she it that this i'm we're they're i've we've i'll we'll i'd we'd it's that's there's there he's she's my our")
	askedSubject = words("you your the a an it that this these those they there people someone one he she any some")
	howMuch      = words("many much long often big far well old large deep deeply comfortable familiar confident experienced fast quickly soon important hard difficult good strong do exactly specifically")
	whatVerb     = words("brings brought makes made happens happened motivates motivated excites interests interested attracted attracts drives drove led draws drew got gets gives worked went goes comes kind type sort kinds types sorts part parts")
	whNoun       = words("kind type sort part kinds types sorts parts one ones")
	dangling     = words("and or but because if while the a an your my our its their of with which whether than as")
	stranded     = words("of with than") // what may end a sentence all the same: "a project you're proud of"
	fragment     = words("the your any what how why in at for with on a from about after before")

	afterGreeting = words("today sir madam i'm i my this nice good and so it's pleasure")

	filler = words("um uh uhm umm er erm ah eh hm hmm mm just actually basically maybe perhaps please also really quickly briefly literally honestly simply possibly kindly")
	lead   = words(`so well okay ok alright right great good nice perfect cool awesome excellent wonderful fantastic lovely amazing
		and but now then yeah yes yep yup no sure oh hey hi hello thanks interesting brilliant super
		absolutely exactly mhm mm-hmm uh-huh uhhuh again first firstly second secondly third lastly finally next anyway cheers gotcha understood agreed sorry`)

	// listening is what a listener says without taking the turn: noises, assent,
	// praise, and the little words of "oh I see", "that makes sense", "no problem
	// at all". Words with which an answer may begin ("I", "we", "because") are not
	// here unless a listener needs them.
	listening = words(`mm mmm mhm mmhm mmhmm hm hmm hmmm uhhuh aha ah ahh oh ooh uh um er erm huh
		yeah yes yep yup yea ya no nope nah ok okay kay right sure alright fine well so and but then
		exactly absolutely definitely totally certainly indeed correct true really actually
		great good nice cool perfect awesome amazing wonderful excellent brilliant lovely fantastic
		interesting impressive fair enough wow gotcha understood agreed
		i see got get it that that's thats makes sense sounds all of course
		thanks thank you welcome cheers please sorry problem worries pleasure
		hi hello hey bye morning`)

	contractions = map[string]string{
		"what's": "what is", "whats": "what is", "what're": "what are", "what'd": "what did", "what'll": "what will", "what've": "what have",
		"how's": "how is", "hows": "how is", "how'd": "how did", "how're": "how are", "how'll": "how will",
		"who's": "who is", "whos": "who is", "where's": "where is", "wheres": "where is", "when's": "when is", "why's": "why is", "why'd": "why did", "where'd": "where did",
		"let's": "let us", "lets": "let us", "i'd": "i would", "id": "i would", "im": "i'm", "ive": "i've", "youre": "you're", "youve": "you've",
		"wanna": "want to", "gonna": "going to", "gotta": "got to", "gimme": "give me", "lemme": "let me", "whaddya": "what do you", "d'you": "do you", "y'all": "you",
		"dont": "don't", "didnt": "didn't", "havent": "haven't", "isnt": "isn't", "couldnt": "couldn't", "thats": "that's", "we'd": "we would",
		"cv": "resume",
	}

	// tags at the end turn no statement into a question of their own.
	tags = listed("tags")

	// requests begin an order, or ask without asking.
	requests       = listed("requests")
	requestsWithin = listed("requestsWithin")

	// skipPrefix is small talk and logistics: it is taken off the front, and what
	// follows is looked at.
	skipPrefix = listed("skipPrefix")

	// notAsked begin what is expressly not asked for.
	notAsked = listed("notAsked")

	skipWithin = listed("skipWithin")

	statementPrefix = listed("statementPrefix")

	// promptPrefix begins statements that ask for more without asking.
	promptPrefix = listed("promptPrefix")
)

// phrases is what is known of a language other than English.
type phrases struct {
	lead           map[string]bool
	skip           []string
	ask, askWithin []string
}

func (p phrases) skips(line string) bool { return startsWith(line, p.skip) }
