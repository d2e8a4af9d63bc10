package interview

import (
	"time"

	"copilot/audio"
)

// Phase says what the interview is doing, as a person sees it.
type Phase int

const (
	Idle      Phase = iota // not started
	Starting               // devices and connection are being opened
	Listening              // both ready, nothing to answer
	Thinking               // an answer was asked for and has no word yet
	Answering              // an answer is being written
	Paused                 // nothing is heard or sent
	Offline                // the transcription is away and coming back
	Ended                  // over; Notice says why when it was not asked for
)

// String returns the phase as one lower-case word.
func (p Phase) String() string {
	return [...]string{"idle", "starting", "listening", "thinking", "answering", "paused", "offline", "ended"}[p]
}

// Lane is one side of the conversation as a meter shows it.
type Lane struct {
	audio.LaneStatus
	Level float64 // 0 silence … 1 full scale, on a decibel scale, smoothed
}

// Caption is the live line of one side.
type Caption struct {
	Final   string // words of the current utterance that will not change
	Interim string // words that still may
}

// Turn is what one side said before the other spoke. A gap in the sound is a
// turn of its own.
type Turn struct {
	Speaker    audio.Channel
	Text       string
	Start, End time.Duration
	Gap        bool // nothing was heard here; Text is empty
}

// AnswerStatus says how far an answer is.
type AnswerStatus int

const (
	AnswerWaiting   AnswerStatus = iota // asked for, no word yet
	AnswerStreaming                     // being written
	AnswerDone
	AnswerCancelled // a newer question or the person stopped it; what was written stays
	AnswerFailed    // Problem says why; what was written stays
)

// Answer is the suggested reply to a question.
type Answer struct {
	Status  AnswerStatus
	Draft   bool // the question is not certain to be over, or the answer to be one to it: the text may be replaced or vanish
	Text    Text
	Model   string
	Problem string // a sentence for the person when Status is AnswerFailed or a retry is under way
	Labels  Labels // of the sentences that are finished
	// Since the question's last word was heard: when its final transcript came,
	// the answer's first word, its end. Zero: not yet, or before that word.
	Final, FirstToken, Done time.Duration

	final, first, ended time.Time
}

// Question is an interviewer's turn that wants an answer. Its Text may grow
// while its answer has no word yet, or by words that ask for nothing new; else a
// question that goes on becomes the next question, so that an answer's text only
// ever grows. The exception is a draft: it may be replaced, and its question may
// vanish from the end of the list.
type Question struct {
	ID     int // 1, 2, 3, ... in order of asking
	Text   string
	Manual bool   // asked for by hand
	Unsure []Span // words of Text that may be misheard
	// Prepared is the answer of the nearest card of the deck; empty: there is
	// none. Card says that it stands in for the model's: while that has no word,
	// and then until the candidate, who has begun to read it, is done. See Shown.
	Prepared string
	Card     bool
	Heard    time.Time // when its last word was heard, or the key was pressed
	Answer   Answer
}

// Notice is one sentence for the person. Code is stable and machine-readable.
type Notice struct {
	Code    string
	Message string
}

// Text grows at its end. Appending costs the same however long it is, and a
// Text that was handed out never changes: later states share its memory.
type Text struct {
	buf []byte
	end *int // bytes of buf's array in use by the newest Text over it
}

// Append returns the text followed by s. Only one goroutine may append to the
// texts of one answer; any number may read.
func (t Text) Append(s string) Text {
	if t.end != nil && *t.end != len(t.buf) { // an older Text: leave the newer one alone
		t.buf = append([]byte(nil), t.buf...)
		t.end = nil
	}
	if t.end == nil {
		t.end = new(int)
	}
	t.buf = append(t.buf, s...)
	*t.end = len(t.buf)
	return t
}

// Len returns the length in bytes.
func (t Text) Len() int { return len(t.buf) }

// From returns the text from byte i on: what is new since Len was i.
func (t Text) From(i int) string { return string(t.buf[i:]) }

// String returns the whole text.
func (t Text) String() string { return string(t.buf) }

// State is all that is known of the running interview. It is a value: a State
// that was published does not change, its slices are only ever read.
type State struct {
	Mode      string // "rehearsal", "own keys" or "hosted", shown as it is
	Phase     Phase
	Auto      bool // questions are answered without a key press
	Lanes     [audio.Channels]Lane
	Captions  [audio.Channels]Caption
	Turns     []Turn    // the newest 1,000 at most, of at most about 8 KiB each
	Questions Questions // oldest first, the newest 100 at most
	// Shown is the index of the question on screen; -1 while there is none. While
	// an answer is on screen, the next one takes its place with its first word.
	Shown   int
	Reader  Reader // of the answer on screen
	Notice  Notice // empty Code: nothing to tell
	Dropped int    // frames lost on both lanes
	Latency Latency
	Elapsed time.Duration

	// The package's own fields follow.

	language   string // primary subtag of the interview's language
	began, now time.Time
	origin     time.Time // when the capture's timeline was at zero
	sounding   bool      // a frame has come
	link       link
	linkTold   string // what the person is told while the link is away
	paused     bool
	leaving    bool // the last words are coming; nothing more is asked
	over       bool
	ending     Notice // why it is over
	flash      Notice // shown until flashEnd
	flashEnd   time.Time

	silence silence // of the interviewer
	settles int     // how often the transcriber was to be asked for the last words
	drafts  bool    // answers may be begun before the question is over
	race    bool    // and requests be sent twice
	draft   draft
	hunch   hunch
	check   check
	newest  time.Time       // when words of the interviewer came last
	pace    time.Duration   // and how long before them the ones before
	firsts  []time.Duration // of the newest answers, oldest first

	profile Profile
	grounds Grounds
	deck    *Deck

	heard     [audio.Channels]hearing
	forgotten int // turns dropped from the front
	said      int // weight of the whole dialogue, dropped turns included

	ids     int     // questions asked
	orders  int     // requests ordered
	wanted  order   // the request that should be running
	asked   asked   // the newest question, in the dialogue
	waiting waiting // words that may be a question
}

// link is how far the transcription's connection is.
type link int

const (
	linkOpening link = iota
	linkUp
	linkAway
)

// order is a request that should be running; the zero order means none.
type order struct {
	n     int // rises with every request
	id    int // of the question
	grew  time.Time
	twice bool // the request is raced
}

// place is a position in the dialogue: a turn, counted from the interview's
// first, and a byte in its text.
type place struct{ turn, at int }

// asked is where the newest question lies.
type asked struct {
	from, through place         // in the dialogue
	end           time.Duration // of its last word, on the capture's timeline
	open          int           // words of the open utterance it took (AnswerNow)
}

// waiting is what the interviewer said that may or may not want an answer.
type waiting struct {
	text  string
	from  place
	end   time.Duration // of its last word
	until time.Time     // answered then; the zero time means nothing waits
}

// Current returns the question on screen.
func (s State) Current() (Question, bool) {
	if s.Shown < 0 || s.Shown >= s.Questions.Len() {
		return Question{}, false
	}
	return s.Questions.At(s.Shown), true
}
