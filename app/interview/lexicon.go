package interview

import "strings"

// The gate's vocabulary. Phrases are matched by whole words, in lower case,
// after fillers, restarts and leading words are gone.

func words(s string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
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
	tags = lines(`does that make sense
		does this make sense
		does that make sense to you
		if that makes sense
		make sense
		makes sense
		is that okay
		is that ok
		is that all right
		is that alright
		sound good
		sounds good
		does that sound good
		does that sound okay
		do you know what i mean
		you know what i mean
		know what i mean
		you know
		you see
		is that right
		is that correct
		is that fair
		am i right
		isn't it
		isn't that right
		didn't you
		haven't you
		aren't you
		weren't you
		don't you
		right
		correct
		okay
		ok
		yeah
		no
		huh
		eh
		all right
		alright`)

	// requests begin an order, or ask without asking.
	requests = lines(`tell me
		tell us
		walk me
		walk us
		talk me
		talk us
		talk to me
		talk to us
		talk about
		talk through
		take me
		take us
		take me through
		give me
		give us
		give an example
		show me
		describe
		explain
		elaborate
		expand on
		go deeper
		go into
		go on
		compare
		contrast
		design
		implement
		write
		code
		sketch
		outline
		summarize
		summarise
		introduce yourself
		define
		name
		list
		rate
		rank
		estimate
		pick
		choose
		share
		convince me
		convince us
		sell me
		sell us
		pitch
		pitch me
		pitch us
		prove
		reverse
		sort
		find
		think of
		think about
		discuss
		help me understand
		help us understand
		remind me
		remind us
		start with
		start by
		begin with
		begin by
		imagine
		suppose
		let us say
		let us assume
		let us suppose
		let us imagine
		let us pretend
		say you
		say we
		assume
		pretend
		picture
		you are given
		you're given
		given
		run me through
		run us through
		teach me
		break down
		read out
		solve
		i am curious
		i'm curious
		we're curious
		curious
		any
		anything
		the question is
		my question is
		question is
		here is the question
		ready for
		what about
		how about`)
	requestsWithin = lines(`love to hear
		love to know
		love to understand
		love to learn
		love for you to
		love you to
		love it if you
		like to hear
		like to know
		like to understand
		like to learn
		like you to
		like to ask you
		like to ask about
		want you to
		want to hear
		want to know
		want to understand
		want to ask you
		want to ask about
		wanted to hear
		wanted to know
		wanted to ask you why
		wanted to ask you how
		wanted to ask you what
		wanted to ask about
		wanted to ask you about
		wanted to understand
		keen to hear
		keen to understand
		eager to hear
		interested to hear
		interested to know
		interested in hearing
		interested in how
		interested in what
		interested in why
		interested in your
		curious to
		curious about
		curious how
		curious what
		curious why
		curious if
		curious whether
		wondering
		wonder if
		wonder how
		wonder what
		wonder why
		if you could
		great if you
		helpful if you
		can you tell
		could you tell
		you could tell
		tell me about
		tell us about
		tell me a bit
		tell me how
		tell me why
		tell me what
		walk me through
		walk us through
		talk me through
		talk us through
		give me an example
		give us an example
		give me some
		ask you about
		ask you to
		need you to
		you to describe
		you to explain
		you to tell
		you can tell
		you can describe
		you can explain
		you can walk
		you can share
		you could share
		you could describe
		you could explain
		you could walk
		your thoughts on
		your take on
		your view on
		your opinion on
		a bit about yourself
		a little about yourself
		something about yourself
		don't understand why you
		not sure why you
		how come
		and why
		and how
		or why
		for example what`)

	// skipPrefix is small talk and logistics: it is taken off the front, and what
	// follows is looked at.
	skipPrefix = lines(`how are you
		how are you doing
		how is it going
		how is your day
		how is your day going
		how is your morning
		how is your week
		how is everything
		how is the weather
		how have you been
		how do you do
		how was your weekend
		how was your day
		how was your trip
		how was your journey
		how was your flight
		how was your commute
		how was your morning
		how was your holiday
		how was the traffic
		how was the journey
		how was the commute
		what is up
		did you have a good
		did you find
		did you find us
		did you get my
		did you get the link
		did you get the invite
		did you receive the
		do you want some water
		do you want water
		do you need a
		do you need some
		would you like some
		would you like a
		would you like water
		would you like to take a
		can you hear
		can you hear me
		can you hear us
		could you hear me
		can you see
		can you see me
		can you see my
		are you able to hear
		are you able to see
		do you hear me
		do you see me
		do you see my screen
		do you see the
		am i audible
		am i coming through
		am i on mute
		is my audio
		is my video
		is my screen
		is my sound
		is the audio
		is the sound
		is the connection
		is this a good time
		is now a good time
		is now still a good time
		is it still a good time
		is that better
		is that working
		you're on mute
		you are on mute
		i think you're on mute
		you're muted
		you are muted
		you might be on mute
		you seem to be on mute
		are you there
		are you still there
		are you ready
		are you ready to
		are you all set
		are you good to go
		are you comfortable with me
		are you comfortable there
		are you okay with me recording
		is it okay if i
		is it okay if we
		is it ok if i
		is it alright if i
		is it all right if i
		do you mind if i
		do you mind if we
		would you mind if i
		would you mind if we
		would you mind turning
		would you mind muting
		could you mute
		can you mute
		can you unmute
		could you unmute
		could you turn
		can you turn
		could you share your screen
		can you share your screen
		could you repeat that
		could you say that again
		can you repeat that
		can you say that again
		can you speak up
		could you speak up
		could you speak a
		say that again
		come again
		pardon
		pardon me
		excuse me
		i didn't catch
		i couldn't hear
		you're breaking up
		you broke up
		you cut out
		you froze
		shall we
		shall i
		should we start
		should we get started
		should we begin
		should we move
		should i share
		can we start
		can we begin
		can we get started
		can we move on
		may i share
		may i record
		can i share my
		can i get you
		can i offer you
		may i offer you
		let me share
		let me just
		let me see
		let me check
		let me look
		let me pull
		let me open
		let me find
		let me think
		let me know
		let me start by
		let me begin by
		let me introduce
		let me tell you
		let me give you
		let me explain
		let me walk you
		let me quickly
		let me put
		let me paste
		let me send
		let me take
		let me write
		let me make
		let me get
		let me switch
		let me stop
		let me turn
		let me move
		let us get started
		let us start
		let us begin
		let us get going
		let us kick off
		let us jump in
		let us jump right in
		let us dive in
		let us dive right in
		let us move on
		let us wait
		let us give
		let us take a
		let us see
		let us go ahead
		let us do it
		let us get into it
		let us pause
		let us wrap up
		let us keep going
		let us leave it there
		let us stop there
		give me a second
		give me a sec
		give me a moment
		give me a minute
		give me one second
		give me one moment
		give me one sec
		give me one minute
		give us a second
		give us a moment
		give us a minute
		one second
		one moment
		one sec
		one minute
		just a second
		a second
		a moment
		hold on
		hang on
		bear with me
		bear with us
		wait a second
		wait a moment
		take your time
		take a moment
		take a second
		take a minute
		take a seat
		have a seat
		no worries
		no problem
		no rush
		no hurry
		don't worry
		never mind
		not a problem
		go ahead
		go for it
		please go ahead
		after you
		carry on
		thank you
		thank you so much
		thank you very much
		thank you for
		thank you for your time
		many thanks
		much appreciated
		i appreciate
		we appreciate
		nice to meet you
		nice meeting you
		pleased to meet you
		pleasure to meet you
		it is nice to meet you
		it's nice to meet you
		it's great to meet you
		it's good to meet you
		it's a pleasure
		to meet you
		to see you
		meet you
		see you
		welcome
		welcome to
		welcome back
		morning
		afternoon
		evening
		day
		to hear
		to hear that
		to know
		i see
		i see i see
		i know
		i understand
		i hear you
		i get it
		got it
		fair enough
		makes sense
		that makes sense
		makes total sense
		that's great
		that's good
		that's fine
		that's fair
		that's right
		that's interesting
		that's very interesting
		that's helpful
		that's really helpful
		that's awesome
		that's perfect
		that's a great answer
		that's a good answer
		that's a great question
		that's a good question
		that's impressive
		that sounds
		sounds good
		sounds great
		sounds like a plan
		good answer
		good question
		good point
		good stuff
		point
		job
		answer
		i like that
		i love that
		love it
		love that
		of course
		for sure
		my pleasure
		you're welcome
		anyway
		by the way
		before we start
		before we begin
		before we get started
		where are you calling from
		where are you joining from
		where are you dialing in from
		where are you today
		what time is it
		what is the weather
		have you eaten
		have you had lunch
		have you had a chance to grab
		who do we have
		who else is on
		is everyone here
		is everybody here
		are we all here
		are we waiting for
		are we recording
		are we good
		are we on time
		do we have everyone
		do we still have
		how are we doing
		how are we doing on time
		how much time do we have
		what do you say we
		you can call me
		call me
		my name is
		i'm
		i am
		i'll
		i'll start
		i'll begin
		i'll start with
		i'll begin with
		i'll start by
		i'll share
		i'll give
		i'll explain
		i'll describe
		i'll show
		i will
		i will start with
		i will begin with
		we'll start with
		we'll begin with
		i've
		i have
		i've been
		we'll
		we will
		we're
		we are
		we have
		we've
		we've got
		i'm going to
		we're going to
		i work
		i lead
		i run
		i manage
		i joined
		i look after
		you'll
		you will
		you would be
		you'd be
		you'll be
		you'll meet
		you'll hear
		you can take
		you can use
		you can ask
		you can stop
		you can skip
		you can start whenever
		you can assume
		you may
		you're doing
		you did
		you did great
		you've been
		take it easy
		have a great
		have a good
		have a nice
		enjoy
		bye
		goodbye
		talk soon
		speak soon
		talk to you
		that's it from
		that's all from
		that's all i
		that's it for
		we're out of time
		it was
		it was great
		it was nice
		it was lovely`)

	// notAsked begin what is expressly not asked for.
	notAsked = lines(`you don't have to
		there's no right
		there is no right
		there's no wrong
		there is no wrong
		you don't need to
		you need not
		we don't have to
		we don't need
		it doesn't have to
		no need to
		there's no need
		feel free
		i'm asking because
		i ask because
		i'm not asking`)

	skipWithin = lines(`tell you
		hear back
		hear from us
		get back to you
		be in touch
		the next step would
		give you
		show you
		walk you
		send you
		let you know
		get back to you
		share with you
		ask you a few
		ask you some
		ask you a couple
		questions for you
		to meet you
		to see you
		for joining
		for coming
		for your time
		for taking the time
		for being here
		for making the time
		your patience
		your time today
		your interest
		on mute
		hear you
		see you
		hear me
		see my
		see me
		my screen
		the screen
		the recording
		thank you
		hope you
		take your time`)

	statementPrefix = lines(`thank
		you'll
		you will
		you would
		you can
		you could
		you may
		you should
		you might
		you must
		you get
		you don't
		you won't
		you're doing
		you're going to
		you are going to
		your line
		your audio
		your camera
		your video
		your connection
		your microphone
		your screen
		your mic`)

	// promptPrefix begins statements that ask for more without asking.
	promptPrefix = lines(`you mentioned
		you said
		you say
		you've mentioned
		you talked about
		you wrote
		you list
		i see you
		i see that you
		i see your
		i see on your
		i see here
		i saw you
		i saw that you
		i saw on your
		i saw in your
		i noticed
		i notice
		i read that you
		i read in your
		i read on your
		i understand you
		i understand that you
		i heard you
		i gather you
		it says
		it looks like you
		looks like you
		it seems you
		it seems like you
		sounds like you
		it sounds like you
		your resume
		on your resume
		in your resume
		from your resume
		moving on to
		move on to
		let us move on to
		let us talk
		let us discuss
		let us go
		let us dig
		let us dive into
		let us look at
		let us switch to
		let us turn to
		let us start with
		let us begin with
		let us focus on
		about your
		about the
		regarding
		as for
		in terms of
		on the topic of
		speaking of
		turning to
		switching gears
		question about
		one more
		another one
		a question
		one question
		a quick question
		quick question
		i have a question
		i've got a question
		if you
		when you
		say`)
)

// phrases is what is known of a language other than English.
type phrases struct {
	lead           map[string]bool
	skip           []string
	ask, askWithin []string
}

func (p phrases) skips(line string) bool { return startsWith(line, p.skip) }
