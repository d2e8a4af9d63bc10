package rehearsal

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"copilot/audio"
)

const fluxQuery = "model=flux-general-en&encoding=linear16&sample_rate=16000&eager_eot_threshold=0.4"

func dialFlux(t *testing.T, s *Server, query string) *websocket.Conn {
	t.Helper()
	conn, resp, err := dialTo(s, "/v2/listen?"+query, tokenAuth(s.DeepgramKey()))
	if err != nil {
		t.Fatal(err, resp)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// Flux refuses what is not its own, and everything out of its ranges.
func TestFluxRefusals(t *testing.T) {
	s := start(t, Options{})
	refused := []string{
		"", "encoding=linear16&sample_rate=16000", strings.Replace(fluxQuery, "flux-general-en", "nova-3", 1),
		fluxQuery + "&eager_eot_threshold=0.5",
		strings.Replace(fluxQuery, "&sample_rate=16000", "", 1), strings.Replace(fluxQuery, "=16000", "=8000", 1),
	}
	for _, more := range []string{
		"language=en", "punctuate=true", "smart_format=true", "interim_results=true", "endpointing=300", "multichannel=true",
		"channels=2", "diarize=true", "utterance_end_ms=1000", "vad_events=true", "keywords=Kafka",
		"language_hint=en", "eot_threshold=0.4", "eot_threshold=1.1", "eot_threshold=NaN", "eot_threshold=high", "eot_timeout_ms=499",
		"eot_timeout_ms=60001", "numerals=1", "redact=pci", "tag=" + strings.Repeat("x", 129), "keyterm=", strings.Repeat("keyterm=PostgreSQL&", 200),
	} {
		refused = append(refused, fluxQuery+"&"+strings.TrimSuffix(more, "&"))
	}
	for _, eager := range []string{"0.29", "0.91", "0.8"} { // the last is more than sure
		refused = append(refused, strings.Replace(fluxQuery, "=0.4", "="+eager, 1))
	}
	refused = append(refused, strings.Replace(fluxQuery, "-en", "-multi", 1)+"&language_hint=xx")
	for _, query := range refused {
		conn, resp, err := dialTo(s, "/v2/listen?"+query, tokenAuth(s.DeepgramKey()))
		if err == nil {
			t.Errorf("%q was taken", query)
			conn.Close()
			continue
		}
		wantRefusal(t, resp, err, http.StatusBadRequest, "INVALID_QUERY_PARAMETER")
	}
	before := s.Stats().Violations
	for _, query := range []string{
		fluxQuery, "model=flux-general-en&encoding=linear16&sample_rate=16000&eot_threshold=1&eot_timeout_ms=60000&redact=numbers",
		strings.Replace(fluxQuery, "-en", "-multi", 1) + "&language_hint=de&language_hint=en&keyterm=Kafka&keyterm=Go&mip_opt_out=true&tag=a",
	} {
		dialFlux(t, s, query)
	}
	_, resp, err := dialTo(s, "/v2/listen?"+fluxQuery, tokenAuth("another"))
	wantRefusal(t, resp, err, http.StatusUnauthorized, "INVALID_AUTH")
	if got := s.Stats().Violations; got != before+1 {
		t.Errorf("%d violations, want %d", got, before+1)
	}
}

// turnInfo is any message of Flux.
type turnInfo struct {
	Type, Event, Code, Trigger string
	Sequence                   int     `json:"sequence_id"`
	Turn                       int     `json:"turn_index"`
	From                       float64 `json:"audio_window_start"`
	To                         float64 `json:"audio_window_end"`
	Transcript                 string
	Words                      []resultWord
	Sure                       float64 `json:"end_of_turn_confidence"`
}

// playFlux sends one channel of a part in messages of 80 ms, which before may
// see first, then ForceEndTurn and CloseStream. It returns all that comes back,
// and how it ended.
func playFlux(t *testing.T, conn *websocket.Conn, rec *Recording, c audio.Channel, before func(at time.Duration)) (messages []turnInfo, err error) {
	t.Helper()
	sent := make(chan error, 1)
	var played time.Duration // by the one who reads too: net.Pipe hands over
	go func() {
		var pcm []byte
		var failed error
		err := rec.Run(context.Background(), func(f audio.Frame) {
			for i := int(c); i < len(f.Samples); i += audio.Channels {
				pcm = append(pcm, byte(f.Samples[i]), byte(uint16(f.Samples[i])>>8))
			}
			if len(pcm) == 2560 && failed == nil {
				if before != nil {
					before(f.Start)
				}
				failed = conn.WriteMessage(websocket.BinaryMessage, pcm)
				pcm = pcm[:0]
			}
		}, func(audio.LaneStatus) {})
		for _, text := range []string{`{"type":"ForceEndTurn"}`, `{"type":"CloseStream"}`} {
			if failed == nil {
				failed = conn.WriteMessage(websocket.TextMessage, []byte(text))
			}
		}
		if err == nil {
			err = failed
		}
		sent <- err
	}()
	begin := time.Now()
	for {
		_, data, err := conn.ReadMessage()
		if err != nil {
			if err := <-sent; err != nil {
				t.Errorf("playing: %v", err)
			}
			return messages, err
		}
		var m turnInfo
		if err := json.Unmarshal(data, &m); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		played = time.Since(begin)
		if seconds(m.To) > played+time.Millisecond {
			t.Fatalf("%s after %v", data, played)
		}
		messages = append(messages, m)
	}
}

// The whole interview over two streams, in virtual time: turns are told as Flux
// tells them, their words are the script, none before it is heard.
func TestFluxWholeInterview(t *testing.T) {
	seen := map[string]int{}
	for c, query := range []string{ // the other waits longer, and guesses more
		fluxQuery, strings.Replace(fluxQuery, "=0.4", "=0.3", 1) + "&eot_threshold=0.9",
	} {
		c := audio.Channel(c)
		virtual(t, Options{}, func(t *testing.T, s *Server) {
			iv := s.Interview()
			messages, err := playFlux(t, dialFlux(t, s, query), &Recording{Interview: iv}, c, nil)
			if !websocket.IsCloseError(err, websocket.CloseNoStatusReceived) {
				t.Errorf("ended with %v", err)
			}
			got := checkFlux(t, messages)
			want := script(iv, c, 0, iv.Duration)
			for i := range max(len(got), len(want)) {
				if i >= len(got) || i >= len(want) || got[i].Word != want[i].Text || (seconds(got[i].Start)-want[i].Start).Abs() > 50*time.Millisecond {
					t.Fatalf("%v, word %d of %d and %d: %+v", c, i, len(got), len(want), got[min(i, len(got)-1)])
				}
			}
			for _, m := range messages {
				seen[m.Event]++
			}
			if st := s.Stats(); st.Violations != 0 || st.Streams != 1 {
				t.Errorf("stats %+v", st)
			}
		})
	}
	for _, event := range []string{"Update", "StartOfTurn", "EagerEndOfTurn", "TurnResumed", "EndOfTurn"} {
		if seen[event] < 5 {
			t.Errorf("%d times %s", seen[event], event)
		}
	}
}

// checkFlux holds the rules that clients rely on and returns the final words: no
// number is left out, a turn's text is told whole and grows, an end of turn that
// was guessed says the same unless the turn was resumed.
func checkFlux(t *testing.T, messages []turnInfo) (words []resultWord) {
	t.Helper()
	if messages[0].Type != "Connected" {
		t.Errorf("the first message is %+v", messages[0])
	}
	turn, begun, guess, before := 0, false, "", turnInfo{}
	for i, m := range messages {
		if m.Sequence != i {
			t.Fatalf("message %d has number %d", i, m.Sequence)
		}
		if m.Type != "TurnInfo" {
			continue
		}
		if m.To-before.To > 0.2501+0.08 || m.Turn != turn || !strings.HasPrefix(m.Transcript, before.Transcript) && before.Event != "EndOfTurn" {
			t.Errorf("%+v after %+v", m, before)
		}
		switch m.Event {
		case "StartOfTurn":
			if begun || m.Transcript == "" {
				t.Errorf("odd start %+v", m)
			}
			begun = true
		case "EagerEndOfTurn":
			if !begun || guess != "" || m.Transcript == "" || m.Sure < 0.3 {
				t.Errorf("odd guess %+v", m)
			}
			guess = m.Transcript
		case "TurnResumed":
			if guess == "" {
				t.Errorf("resumed without a guess: %+v", m)
			}
			guess = ""
		case "EndOfTurn":
			if !begun || guess != "" && guess != m.Transcript || m.Trigger == "model" && m.Sure < 0.7 {
				t.Errorf("odd end %+v after the guess %q", m, guess)
			}
			words = append(words, m.Words...)
			turn, begun, guess = turn+1, false, ""
		case "Update":
			if guess != "" && m.Transcript != guess || (m.Transcript != "") != begun {
				t.Errorf("odd update %+v", m)
			}
		default:
			t.Errorf("event %q", m.Event)
		}
		for _, w := range m.Words {
			if w.End > m.To+0.05 || w.Start < m.From || w.Confidence < 0.9 || w.Confidence > 1 {
				t.Errorf("odd word %+v in %+v", w, m)
			}
		}
		before = m
	}
	return words
}

// A turn ends when it is told to; before it there is nothing to be ended, and a
// stream that closes leaves its turn open. Where nothing is sure, the time ends it.
func TestFluxEndsOfTurns(t *testing.T) {
	ends := func(messages []turnInfo) (triggers []string) {
		for _, m := range messages {
			if m.Event == "EndOfTurn" {
				triggers = append(triggers, m.Trigger)
			}
		}
		return triggers
	}
	part := func(s *Server) *Recording { return &Recording{Interview: s.Interview(), To: 9600 * time.Millisecond} }
	virtual(t, Options{Faults: Faults{Listen: ListenFaults{HoldFinals: true}}}, func(t *testing.T, s *Server) {
		conn := dialFlux(t, s, fluxQuery)
		messages, _ := playFlux(t, conn, part(s), 0, func(at time.Duration) {
			if at == 60*time.Millisecond || at == 6*time.Second-20*time.Millisecond {
				_ = conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"ForceEndTurn"}`))
			}
		})
		checkFlux(t, messages)
		if got := ends(messages); len(got) == 0 || got[0] != "manual" || slices.Contains(got, "model") {
			t.Errorf("ended by %v", got)
		}
		if !slices.ContainsFunc(messages, func(m turnInfo) bool { return m.Type == "Warning" && m.Code == "FORCE_END_TURN_NO_ACTIVE_TURN" }) {
			t.Error("nothing was said of a turn that was not there")
		}
	})
	virtual(t, Options{}, func(t *testing.T, s *Server) {
		noisy := *s.Interview() // from the first turn's end on there is no pause
		lane := slices.Clone(noisy.lanes[0])
		for i := range lane[sampleAt(noisy.Utterances[0].End):] {
			lane[sampleAt(noisy.Utterances[0].End)+i] += int16(i*7919%1201) - 600
		}
		noisy.lanes[0] = lane
		messages, _ := playFlux(t, dialFlux(t, s, fluxQuery+"&eot_timeout_ms=1500"), &Recording{Interview: &noisy, To: 9600 * time.Millisecond}, 0, nil)
		if got := ends(messages); !slices.Contains(got, "timeout") {
			t.Errorf("ended by %v", got)
		}
	})
}

// How a Flux stream ends, and what holds it: pings, not KeepAlive alone.
func TestFluxStreamEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		do        func(conn *websocket.Conn)
		code      int
		after     time.Duration
		violation string
	}{
		"nothing comes": {func(*websocket.Conn) {}, 1011, time.Minute, "NET-0001"},
		"pings hold it": {func(c *websocket.Conn) {
			for range 4 {
				time.Sleep(50 * time.Second)
				_ = c.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
			}
			_ = c.WriteMessage(websocket.TextMessage, []byte(`{"type":"CloseStream"}`))
		}, 1005, 200 * time.Second, ""},
		"keep-alive is not known": {func(c *websocket.Conn) {
			_ = c.WriteMessage(websocket.TextMessage, []byte(`{"type":"KeepAlive"}`))
			_ = c.WriteMessage(websocket.TextMessage, []byte(`{"type":"CloseStream"}`))
		}, 1005, 0, "INVALID_MESSAGE"},
		"finalize is not known": {func(c *websocket.Conn) {
			_ = c.WriteMessage(websocket.TextMessage, []byte(`{"type":"Finalize"}`))
			_ = c.WriteMessage(websocket.TextMessage, []byte(`{"type":"CloseStream"}`))
		}, 1005, 0, "INVALID_MESSAGE"},
		"a message too long": {func(c *websocket.Conn) {
			_ = c.WriteMessage(websocket.BinaryMessage, binaryOf(2562))
			_ = c.WriteMessage(websocket.TextMessage, []byte(`{"type":"CloseStream"}`))
		}, 1005, 0, "CHUNK"},
		"half a sample": {func(c *websocket.Conn) {
			_ = c.WriteMessage(websocket.BinaryMessage, binaryOf(641))
		}, 1008, 0, "DATA-0000"},
		"far too fast": {func(c *websocket.Conn) {
			for range 50 {
				_ = c.WriteMessage(websocket.BinaryMessage, binaryOf(2560))
			}
		}, 1008, 0, "RATE"},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, Options{}, func(t *testing.T, s *Server) {
				conn := dialFlux(t, s, fluxQuery)
				begin := time.Now()
				go tt.do(conn)
				code, reason, _ := closing(t, conn)
				if took := time.Since(begin); code != tt.code || math.Abs((took-tt.after).Seconds()) > 2 {
					t.Errorf("closed with %d %q after %v, want %d after %v", code, reason, took, tt.code, tt.after)
				}
				notes := s.Stats().Notes
				if tt.violation == "" && len(notes) > 0 || tt.violation != "" && (len(notes) != 1 || notes[0].Code != tt.violation) {
					t.Errorf("violations %v, want %q", notes, tt.violation)
				}
				time.Sleep(time.Minute)
			})
		})
	}
}
