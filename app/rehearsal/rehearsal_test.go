package rehearsal

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"copilot/audio"
)

// message is any message of the server.
type message struct {
	resultsMessage
	LastWordEnd float64 `json:"last_word_end"`
	Timestamp   float64
	UChannel    []int
}

// play sends a part of the interview over conn and returns all that comes back,
// and how the stream was closed. The frames go through before, if there is any.
func play(t *testing.T, conn *websocket.Conn, rec *Recording, before ...func(audio.Frame)) (messages []message, err error) {
	t.Helper()
	played := make(chan error, 1)
	go func() {
		var sent error
		err := rec.Run(context.Background(), func(f audio.Frame) {
			for _, do := range before {
				do(f)
			}
			if sent == nil {
				sent = conn.WriteMessage(websocket.BinaryMessage, f.AppendPCM(nil))
			}
		}, func(audio.LaneStatus) {})
		if sent == nil {
			sent = conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"CloseStream"}`))
		}
		played <- errors.Join(err, sent)
	}()
	for {
		_, data, err := conn.ReadMessage()
		if err != nil {
			if sendErr := <-played; sendErr != nil {
				t.Errorf("playing: %v", sendErr)
			}
			return messages, err
		}
		var m message
		// A message's channel is an object in Results and a pair elsewhere.
		var pair struct{ Channel []int }
		if json.Unmarshal(data, &pair) == nil && pair.Channel != nil {
			var plain struct {
				Type        string
				LastWordEnd float64 `json:"last_word_end"`
				Timestamp   float64
			}
			if err := json.Unmarshal(data, &plain); err != nil {
				t.Fatal(err)
			}
			m.Type, m.LastWordEnd, m.Timestamp, m.UChannel = plain.Type, plain.LastWordEnd, plain.Timestamp, pair.Channel
		} else if err := json.Unmarshal(data, &m); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		messages = append(messages, m)
	}
}

func finals(messages []message, c audio.Channel) (text string, words []resultWord) {
	var all []string
	for _, m := range messages {
		if m.Type == "Results" && m.ChannelIndex[0] == int(c) && m.IsFinal {
			if best := m.Channel.Alternatives[0]; best.Transcript != "" {
				all = append(all, best.Transcript)
				words = append(words, best.Words...)
			}
		}
	}
	return strings.Join(all, " "), words
}

// The whole interview, in virtual time: the captions are the script, at the
// right time on the right channel, in messages as Deepgram's are.
func TestWholeInterview(t *testing.T) {
	virtual(t, Options{KeepAudio: true}, func(t *testing.T, s *Server) {
		iv := s.Interview()
		messages, err := play(t, dial(t, s, usualQuery), &Recording{Interview: iv})
		if !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
			t.Errorf("ended with %v", err)
		}
		for c := range audio.Channel(audio.Channels) {
			want := script(iv, c, 0, iv.Duration)
			text, words := finals(messages, c)
			var wantText []string
			for i, w := range want {
				wantText = append(wantText, w.Text)
				if i < len(words) && (seconds(words[i].Start)-w.Start).Abs() > 50*time.Millisecond {
					t.Errorf("%v: %q at %v, want %v", c, w.Text, words[i].Start, w.Start)
				}
			}
			if text != strings.Join(wantText, " ") {
				t.Errorf("%v said\n%s\nwant\n%s", c, text, strings.Join(wantText, " "))
			}
			checkPieces(t, messages, int(c))
			checkTurns(t, messages, iv, c)
		}
		last := messages[len(messages)-1]
		if last.Type != "Metadata" || (seconds(last.Duration)-iv.Duration).Abs() > 40*time.Millisecond {
			t.Errorf("last message %+v, want Metadata of %v", last, iv.Duration)
		}
		st := s.Stats()
		if st.Violations != 0 || st.Streams != 1 {
			t.Errorf("stats %+v", st)
		}
		heard := s.Heard()
		for c := range audio.Channel(audio.Channels) {
			if got := heard[0].Channels[c]; string(bytesOf(got)) != string(bytesOf(iv.PCM(c, 0, 0)[:len(got)])) {
				t.Errorf("%v: the sound that arrived is not the sound that was played", c)
			}
		}
	})
}

func bytesOf(pcm []int16) []byte {
	var b bytes.Buffer
	_ = binary.Write(&b, binary.LittleEndian, pcm)
	return b.Bytes()
}

// checkPieces holds the rules that clients rely on: interims of a piece share
// its start, pieces follow each other, words lie inside them.
func checkPieces(t *testing.T, messages []message, channel int) {
	t.Helper()
	begin, interims, empty, cursor := 0.0, 0, 0, 0.0
	for _, m := range messages {
		if m.Type != "Results" || m.ChannelIndex[0] != channel {
			continue
		}
		if m.ChannelIndex[1] != 2 || m.Metadata.RequestID == "" || len(m.Channel.Alternatives) != 1 {
			t.Fatalf("odd result %+v", m)
		}
		if diff := m.Start - begin; diff > 1e-6 || diff < -1e-6 {
			t.Errorf("channel %d: a piece starts at %v, want %v", channel, m.Start, begin)
		}
		best := m.Channel.Alternatives[0]
		for _, w := range best.Words {
			if w.Start < m.Start-1e-6 || w.Confidence < 0.9 || w.Confidence > 1 || w.PunctuatedWord == "" || w.Word != strings.ToLower(w.Word) {
				t.Errorf("channel %d: odd word %+v in %v+%v", channel, w, m.Start, m.Duration)
			}
		}
		if m.SpeechFinal && !m.IsFinal {
			t.Errorf("speech_final without is_final: %+v", m)
		}
		switch {
		case m.IsFinal:
			begin = m.Start + m.Duration
			if best.Transcript == "" {
				empty++
			}
		default:
			interims++
			if end := m.Start + m.Duration; end < cursor+0.29 && cursor > begin {
				t.Errorf("channel %d: interims at %v and %v", channel, cursor, end)
			}
			cursor = m.Start + m.Duration
		}
	}
	if interims < 30 || empty == 0 {
		t.Errorf("channel %d: %d interims and %d empty finals", channel, interims, empty)
	}
}

// checkTurns wants each turn to be closed by speech_final soon after its end,
// and by UtteranceEnd a second after it, if nothing follows by then.
func checkTurns(t *testing.T, messages []message, iv *Interview, c audio.Channel) {
	t.Helper()
	for i, u := range iv.Utterances {
		if u.Channel != c {
			continue
		}
		closed, ended, started := false, false, false
		for _, next := range iv.Utterances[i+1:] {
			ended = ended || next.Channel == c && next.Start < u.End+1100*time.Millisecond
		}
		for _, m := range messages {
			end := seconds(m.Start + m.Duration)
			if m.Type == "Results" && m.ChannelIndex[0] == int(c) && m.SpeechFinal && end > u.End && end < u.End+450*time.Millisecond {
				closed = true
			}
			if m.Type == "UtteranceEnd" && m.UChannel[0] == int(c) && (seconds(m.LastWordEnd)-u.End).Abs() < 50*time.Millisecond {
				ended = true
			}
			if m.Type == "SpeechStarted" && m.UChannel[0] == int(c) && (seconds(m.Timestamp)-u.Start).Abs() < 100*time.Millisecond {
				started = true
			}
		}
		if !closed || !ended || !started {
			t.Errorf("%v, %q: speech_final %t, UtteranceEnd %t, SpeechStarted %t", c, u.Text, closed, ended, started)
		}
	}
}

// A part, on a real socket, at the greatest speed that the vendor bears.
func TestExcerptOverLoopback(t *testing.T) {
	s := start(t, Options{})
	iv := s.Interview()
	messages, err := play(t, dial(t, s, usualQuery), &Recording{Interview: iv, To: 9500 * time.Millisecond, Speed: 1.2})
	if !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("ended with %v", err)
	}
	if got, _ := finals(messages, audio.Interviewer); !strings.HasPrefix(got, iv.Utterances[0].Text) {
		t.Errorf("interviewer: %q", got)
	}
	if got, _ := finals(messages, audio.Candidate); got != iv.Utterances[1].Text {
		t.Errorf("candidate: %q", got)
	}
	if st := s.Stats(); st.Violations != 0 {
		t.Errorf("violations: %v", st.Notes)
	}
}

// Lanes that are swapped come out swapped, and a lane that is silent says
// nothing: the server does not know who ought to speak where.
func TestSwappedAndSilentLanes(t *testing.T) {
	iv := interview(t)
	swapped := *iv
	swapped.lanes[0], swapped.lanes[1] = make([]int16, len(iv.lanes[1])), iv.lanes[0]
	virtual(t, Options{}, func(t *testing.T, s *Server) {
		messages, _ := play(t, dial(t, s, usualQuery), &Recording{Interview: &swapped, To: 16 * time.Second})
		if got, _ := finals(messages, audio.Interviewer); got != "" {
			t.Errorf("the silent lane said %q", got)
		}
		if got, _ := finals(messages, audio.Candidate); !strings.Contains(got, iv.Utterances[0].Text) {
			t.Errorf("the other lane said %q", got)
		}
	})
}

// Without multichannel the channels are one; without smart_format the words
// have no punctuation; without interim_results only finals come.
func TestPlainParameters(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, s *Server) {
		conn := dial(t, s, "model=nova-2&encoding=linear16&sample_rate=16000&channels=2&endpointing=500")
		messages, _ := play(t, conn, &Recording{Interview: s.Interview(), To: 9 * time.Second})
		for _, m := range messages {
			if m.Type == "SpeechStarted" || m.Type == "UtteranceEnd" || m.Type == "Results" && (!m.IsFinal || m.ChannelIndex != [2]int{0, 1}) {
				t.Errorf("unasked: %+v", m)
			}
		}
		got, _ := finals(messages, 0)
		if want := "hi maya nice to meet you how are you today hi daniel i'm very well thank you"; !strings.HasPrefix(got, want) {
			t.Errorf("heard %q, want %q", got, want)
		}
	})
}

// Finalize gives what was heard, once, marked; with nothing pending, nothing.
func TestFinalize(t *testing.T) {
	virtual(t, Options{Faults: Faults{Listen: ListenFaults{HoldFinals: true}}}, func(t *testing.T, s *Server) {
		conn := dial(t, s, usualQuery)
		messages, _ := play(t, conn, &Recording{Interview: s.Interview(), To: 8 * time.Second}, func(f audio.Frame) {
			if f.Start == 6*time.Second || f.Start == 7*time.Second {
				if err := conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"Finalize","channel":0}`)); err != nil {
					t.Error(err)
				}
			}
		})
		flushed := 0
		for _, m := range messages {
			if m.FromFinalize {
				flushed++
				if got := m.Channel.Alternatives[0].Transcript; got != s.Interview().Utterances[0].Text || m.SpeechFinal || !m.IsFinal {
					t.Errorf("finalized %q (%+v)", got, m)
				}
			} else if m.Type == "UtteranceEnd" || m.SpeechFinal {
				t.Errorf("came in spite of the fault: %+v", m)
			}
		}
		if flushed != 1 {
			t.Errorf("%d results from Finalize, want 1", flushed)
		}
		if got, _ := finals(messages, audio.Candidate); got != s.Interview().Utterances[1].Text {
			t.Errorf("the other channel's words come at the end: %q", got)
		}
	})
}

func TestListenFaults(t *testing.T) {
	s := start(t, Options{})
	for status, code := range map[int]string{
		401: "INVALID_AUTH", 402: "ASR_PAYMENT_REQUIRED", 403: "INSUFFICIENT_PERMISSIONS",
		429: "TOO_MANY_REQUESTS", 503: "INTERNAL_SERVER_ERROR",
	} {
		s.SetFaults(Faults{Listen: ListenFaults{Status: status}})
		_, resp, err := dialWith(s, usualQuery, tokenAuth(s.DeepgramKey()))
		wantRefusal(t, resp, err, status, code)
	}
	s.SetFaults(Faults{Listen: ListenFaults{MaxStreams: 1}})
	first := dial(t, s, usualQuery)
	_, resp, err := dialWith(s, usualQuery, tokenAuth(s.DeepgramKey()))
	wantRefusal(t, resp, err, 429, "TOO_MANY_REQUESTS")
	s.Drop()
	if _, _, err := first.ReadMessage(); err == nil || websocket.IsCloseError(err, 1000, 1001, 1008, 1011) {
		t.Errorf("after Drop: %v, want a broken connection", err)
	}
	s.SetFaults(Faults{Listen: ListenFaults{ResetAfter: 100 * time.Millisecond}})
	second := dial(t, s, usualQuery)
	_ = second.WriteMessage(websocket.BinaryMessage, binaryOf(6400))
	if _, _, err := second.ReadMessage(); err == nil || websocket.IsCloseError(err, 1000, 1001, 1008, 1011) {
		t.Errorf("after ResetAfter: %v, want a broken connection", err)
	}
	if v := s.Stats().Violations; v != 0 {
		t.Errorf("%d violations for the server's own faults", v)
	}
}

// A black hole neither answers nor closes.
func TestHole(t *testing.T) {
	virtual(t, Options{Faults: Faults{Listen: ListenFaults{HoleAfter: 2 * time.Second}}}, func(t *testing.T, s *Server) {
		conn := dial(t, s, usualQuery)
		go func() {
			for range 1000 {
				if conn.WriteMessage(websocket.BinaryMessage, binaryOf(1280)) != nil {
					return
				}
				time.Sleep(audio.FrameDuration)
			}
		}()
		_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
		if _, reason, messages := closing(t, conn); len(messages) != 0 || !strings.Contains(reason, "timeout") {
			t.Errorf("%q %v", reason, messages)
		}
		conn.Close()
	})
}

// Close ends open streams and unfinished answers at once; goleak sees the rest.
func TestClose(t *testing.T) {
	s, err := Start(context.Background(), Options{Interview: interview(t)})
	if err != nil {
		t.Fatal(err)
	}
	conn := dial(t, s, usualQuery)
	_ = conn.WriteMessage(websocket.BinaryMessage, binaryOf(1280))
	s.Close()
	s.Close()
	if _, _, err := conn.ReadMessage(); err == nil {
		t.Error("the stream is still open")
	}
	if live := s.Stats().LiveStreams; live != 0 {
		t.Errorf("%d live streams", live)
	}
	if _, _, err := dialWith(s, usualQuery, tokenAuth(s.DeepgramKey())); err == nil {
		t.Error("it still serves")
	}
}

func TestInterview(t *testing.T) {
	iv := interview(t)
	if iv.Duration < 150*time.Second || iv.Duration > 240*time.Second || len(iv.Questions) < 6 {
		t.Errorf("%v and %d questions", iv.Duration, len(iv.Questions))
	}
	for _, q := range iv.Questions {
		if n := len(strings.Fields(q.Answer)); n < 40 || n > 120 || !strings.Contains(q.Answer, "\n- ") || !strings.Contains(q.Answer, "**") {
			t.Errorf("the answer to %s has %d words, or no bullets or cue words", q.ID, n)
		}
	}
	for _, u := range iv.Utterances {
		for i, w := range u.Words {
			if w.End <= w.Start || i > 0 && w.Start < u.Words[i-1].End {
				t.Errorf("%q: %q lasts from %v to %v", u.Text, w.Text, w.Start, w.End)
			}
		}
	}
	var b bytes.Buffer
	if err := iv.WriteWAV(&b, audio.Candidate, time.Second, 3*time.Second); err != nil {
		t.Fatal(err)
	}
	if b.Len() != 44+64000 || string(b.Bytes()[:4]) != "RIFF" || binary.LittleEndian.Uint32(b.Bytes()[40:]) != 64000 {
		t.Errorf("a WAV of %d bytes: % x", b.Len(), b.Bytes()[:44])
	}
}

func TestRecordingPace(t *testing.T) {
	iv := interview(t)
	synctest.Test(t, func(t *testing.T) {
		begin, frames := time.Now(), 0
		lanes := map[audio.Channel]audio.LaneState{}
		rec := &Recording{Interview: iv, From: 2 * time.Second, To: 7 * time.Second, Speed: 1.25}
		err := rec.Run(t.Context(), func(f audio.Frame) {
			if f.Start != time.Duration(frames)*audio.FrameDuration || !f.Captured.Equal(time.Now()) {
				t.Errorf("frame %d starts at %v, captured %v", frames, f.Start, f.Captured)
			}
			frames++
		}, func(l audio.LaneStatus) { lanes[l.Channel] = l.State })
		if err != nil || frames != 250 || time.Since(begin) != 4*time.Second {
			t.Errorf("%d frames in %v: %v", frames, time.Since(begin), err)
		}
		if fmt.Sprint(lanes) != fmt.Sprint(map[audio.Channel]audio.LaneState{0: audio.LaneLive, 1: audio.LaneLive}) {
			t.Errorf("lanes %v", lanes)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := rec.Run(ctx, func(audio.Frame) {}, func(audio.LaneStatus) {}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled: %v", err)
		}
	})
}
