package deepgram

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"copilot/audio"
)

// message is one text message of the server. Times count the sound received on
// its connection.
type message struct {
	Type    string
	Channel audio.Channel

	// Results
	Start, Duration                  time.Duration
	Final, SpeechFinal, FromFinalize bool
	Transcript                       string
	Words                            []Word

	Event   string // TurnInfo: what happened to the turn
	Trigger string // and what ended it; may be missing

	At time.Duration // UtteranceEnd: end of the last word, or negative; SpeechStarted: when

	Code, Description string // Error, Warning
}

// wire has the members of all messages. Members whose type depends on the
// message, or that were seen in more than one type, stay raw.
type wire struct {
	Type         string          `json:"type"`
	ChannelIndex []int           `json:"channel_index"`
	Channel      json.RawMessage `json:"channel"`
	Start        float64         `json:"start"`
	Duration     float64         `json:"duration"`
	IsFinal      bool            `json:"is_final"`
	SpeechFinal  bool            `json:"speech_final"`
	FromFinalize bool            `json:"from_finalize"`
	LastWordEnd  *float64        `json:"last_word_end"`
	Timestamp    float64         `json:"timestamp"`
	Code         json.RawMessage `json:"code"`
	ErrCode      json.RawMessage `json:"err_code"`
	Description  string          `json:"description"`
	ErrMsg       string          `json:"err_msg"`
	Message      string          `json:"message"`

	// TurnInfo
	Event       string     `json:"event"`
	Trigger     string     `json:"trigger"`
	WindowStart float64    `json:"audio_window_start"`
	WindowEnd   float64    `json:"audio_window_end"`
	Transcript  string     `json:"transcript"`
	Words       []wireWord `json:"words"`
}

type wireWord struct {
	Word       string   `json:"word"`
	Punctuated string   `json:"punctuated_word"`
	Start      *float64 `json:"start"`
	End        *float64 `json:"end"`
	Confidence float64  `json:"confidence"`
}

type wireChannel struct {
	Alternatives []struct {
		Transcript string `json:"transcript"`
		Words      []struct {
			Word       string  `json:"word"`
			Punctuated string  `json:"punctuated_word"`
			Start      float64 `json:"start"`
			End        float64 `json:"end"`
			Confidence float64 `json:"confidence"`
		} `json:"words"`
	} `json:"alternatives"`
}

// parse reads a server message. It is lenient: unknown members and members of
// an unexpected type count as absent, missing booleans as false. An error means
// that the text is no JSON object or lacks what its type cannot do without.
func parse(text []byte) (message, error) {
	var w wire
	if err := json.Unmarshal(text, &w); err != nil && !isTypeError(err) {
		return message{}, fmt.Errorf("parse message: %w", err)
	}
	if w.Type == "" {
		return message{}, errors.New("parse message: no type")
	}
	m := message{Type: w.Type}
	channel := w.ChannelIndex
	switch w.Type {
	case "Results":
		m.Start, m.Duration = seconds(w.Start), seconds(w.Duration)
		m.Final, m.SpeechFinal, m.FromFinalize = w.IsFinal, w.SpeechFinal, w.FromFinalize
		m.readAlternative(w.Channel)
	case "TurnInfo":
		m.readTurn(w)
		return m, nil
	case "UtteranceEnd":
		m.At = -1
		if w.LastWordEnd != nil && *w.LastWordEnd >= 0 {
			m.At = seconds(*w.LastWordEnd)
		}
		channel = intList(w.Channel)
	case "SpeechStarted":
		m.At = seconds(w.Timestamp)
		channel = intList(w.Channel)
	default:
		m.Code = first(scalar(w.Code), scalar(w.ErrCode))
		m.Description = first(w.Description, w.ErrMsg, w.Message)
		return m, nil
	}
	// A stream of one channel may leave the index out; one of ours cannot, but
	// channel 0 is the only sensible reading then.
	if len(channel) > 0 {
		m.Channel = audio.Channel(channel[0])
	}
	if m.Channel < 0 || m.Channel >= audio.Channels {
		return message{}, fmt.Errorf("parse message: %s on channel %d", m.Type, int(m.Channel))
	}
	return m, nil
}

// readAlternative takes the first, best reading; there may be none.
func (m *message) readAlternative(raw json.RawMessage) {
	var c wireChannel
	if err := json.Unmarshal(raw, &c); (err != nil && !isTypeError(err)) || len(c.Alternatives) == 0 {
		return
	}
	best := c.Alternatives[0]
	m.Transcript = best.Transcript
	for _, w := range best.Words {
		text := first(w.Punctuated, w.Word)
		if text == "" {
			continue
		}
		start := seconds(w.Start)
		m.Words = append(m.Words, Word{
			Text:       text,
			Start:      start,
			End:        max(start, seconds(w.End)),
			Confidence: w.Confidence,
		})
	}
}

// readTurn takes the state of a Flux turn. Its words need not have times: their
// Start is negative then.
func (m *message) readTurn(w wire) {
	m.Event, m.Trigger, m.Transcript = w.Event, w.Trigger, w.Transcript
	m.Start = seconds(w.WindowStart)
	m.Duration = max(seconds(w.WindowEnd)-m.Start, 0)
	for _, word := range w.Words {
		text := first(word.Punctuated, word.Word)
		if text == "" {
			continue
		}
		from, to := time.Duration(-1), time.Duration(-1)
		if word.Start != nil && word.End != nil {
			from, to = seconds(*word.Start), seconds(*word.End)
		}
		m.Words = append(m.Words, Word{Text: text, Start: from, End: max(from, to), Confidence: word.Confidence})
	}
}

// seconds turns the wire's seconds into a Duration; nonsense becomes zero or
// a day, which no stream outlives.
func seconds(s float64) time.Duration {
	if !(s > 0) {
		return 0
	}
	return time.Duration(math.Round(min(s, 24*60*60) * float64(time.Second)))
}

func intList(raw json.RawMessage) []int {
	var list []int
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	return list
}

// scalar returns a JSON string or number as text.
func scalar(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var n float64
	if len(bytes.TrimSpace(raw)) > 0 && json.Unmarshal(raw, &n) == nil {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return ""
}

// isTypeError says that a member had an unexpected type; the others were read.
func isTypeError(err error) bool {
	var t *json.UnmarshalTypeError
	return errors.As(err, &t)
}
