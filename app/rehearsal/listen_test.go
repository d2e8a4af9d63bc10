package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"copilot/audio"
)

// Every refusal has the vendor's status, code, headers and body.
func TestHandshakeRefusals(t *testing.T) {
	s := start(t, Options{})
	const sound = "model=nova-3&encoding=linear16&sample_rate=16000"
	tests := []struct{ name, query, code string }{
		{"upper case boolean", sound + "&smart_format=True", "INVALID_QUERY_PARAMETER"},
		{"number for boolean", sound + "&punctuate=1", "INVALID_QUERY_PARAMETER"},
		{"unknown name", sound + "&end_pointing=300", "INVALID_QUERY_PARAMETER"},
		{"given twice", sound + "&model=nova-2", "INVALID_QUERY_PARAMETER"},
		{"empty value", sound + "&keyterm=", "INVALID_QUERY_PARAMETER"},
		{"unreadable query", sound + "&a=%zz", "INVALID_QUERY_PARAMETER"},
		{"utterance end without interims", sound + "&utterance_end_ms=1000", "INVALID_QUERY_PARAMETER"},
		{"utterance end too short", sound + "&interim_results=true&utterance_end_ms=900", "INVALID_QUERY_PARAMETER"},
		{"keyterm on nova-2", "model=nova-2&encoding=linear16&sample_rate=16000&keyterm=Kafka", "INVALID_QUERY_PARAMETER"},
		{"keywords on nova-3", sound + "&keywords=Kafka:2", "INVALID_QUERY_PARAMETER"},
		{"bad intensifier", "model=nova-2&encoding=linear16&sample_rate=16000&keywords=Kafka:much", "INVALID_QUERY_PARAMETER"},
		{"too many keyterm tokens", sound + strings.Repeat("&keyterm=PostgreSQL", 200), "INVALID_QUERY_PARAMETER"},
		{"encoding without rate", "model=nova-3&encoding=linear16", "INVALID_QUERY_PARAMETER"},
		{"unknown encoding", "model=nova-3&encoding=pcm&sample_rate=16000", "INVALID_QUERY_PARAMETER"},
		{"multichannel without channels", sound + "&multichannel=true", "INVALID_QUERY_PARAMETER"},
		{"too many channels", sound + "&channels=21", "INVALID_QUERY_PARAMETER"},
		{"unknown model", "model=nova-9&encoding=linear16&sample_rate=16000", "INVALID_QUERY_PARAMETER"},
		{"flux model", "model=flux-general-en&encoding=linear16&sample_rate=16000", "V2_MODEL_ON_V1_LISTEN_ENDPOINT"},
		{"multi on base", "model=base&language=multi", "INVALID_QUERY_PARAMETER"},
		{"bad language", sound + "&language=english!", "INVALID_QUERY_PARAMETER"},
		{"bad endpointing", sound + "&endpointing=0.3s", "INVALID_QUERY_PARAMETER"},
		{"dictation without punctuation", sound + "&dictation=true", "INVALID_QUERY_PARAMETER"},
		{"long tag", sound + "&tag=" + strings.Repeat("x", 129), "INVALID_QUERY_PARAMETER"},
		{"bad extra", sound + "&extra=novalue", "INVALID_QUERY_PARAMETER"},
		{"bad redaction", sound + "&redact=names", "INVALID_QUERY_PARAMETER"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, resp, err := dialWith(s, tt.query, tokenAuth(s.DeepgramKey()))
			wantRefusal(t, resp, err, http.StatusBadRequest, tt.code)
		})
	}
	if got := s.Stats(); got.Violations != len(tests) || got.Streams != 0 {
		t.Errorf("%d violations and %d streams, want %d and 0", got.Violations, got.Streams, len(tests))
	}
}

func wantRefusal(t *testing.T, resp *http.Response, err error, status int, code string) {
	t.Helper()
	if !errors.Is(err, websocket.ErrBadHandshake) {
		t.Fatalf("handshake: %v", err)
	}
	var body struct {
		Code string `json:"err_code"`
		Msg  string `json:"err_msg"`
		ID   string `json:"request_id"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != status || body.Code != code {
		t.Errorf("refused with %d %s (%s), want %d %s", resp.StatusCode, body.Code, body.Msg, status, code)
	}
	if body.Msg == "" || resp.Header.Get("dg-error") != body.Msg || body.ID == "" || resp.Header.Get("dg-request-id") != body.ID {
		t.Errorf("headers %v do not repeat the body %v", resp.Header, body)
	}
}

func TestHandshakeAccepts(t *testing.T) {
	s := start(t, Options{})
	for _, query := range []string{
		usualQuery,
		usualQuery + "&keyterm=Kafka&keyterm=event%20driven&tag=a&tag=b&no_delay=true&mip_opt_out=true&extra=k:v",
		"model=nova-2-general&encoding=linear16&sample_rate=16000&keywords=Kafka:1.5&keywords=Go",
		"model=nova-3&language=multi&encoding=linear16&sample_rate=16000&endpointing=false",
		"encoding=linear16&sample_rate=16000",
	} {
		conn, resp, err := dialWith(s, query, tokenAuth(s.DeepgramKey()))
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		if resp.Header.Get("dg-request-id") == "" {
			t.Error("no dg-request-id")
		}
		conn.Close()
	}
	if v := s.Stats().Violations; v != 0 {
		t.Errorf("%d violations", v)
	}
}

// Keys go with Token and granted tokens with Bearer, never crossed.
func TestListenAuth(t *testing.T) {
	s := start(t, Options{DeepgramKeys: []string{"first-key", "second-key"}})
	granted, expires := buyToken(t, s, `{"ttl_seconds":60}`)
	if expires != 60 {
		t.Errorf("expires in %d s, want 60", expires)
	}
	expired := s.grants.issue(time.Now().Add(-time.Minute), 30*time.Second)
	forged := newGrants().issue(time.Now(), time.Minute)
	tests := []struct {
		name, header, protocol string
		ok                     bool
	}{
		{"key", "Token second-key", "", true},
		{"token", "Bearer " + granted, "", true},
		{"key as subprotocol", "", "token, first-key", true},
		{"token as subprotocol", "", "bearer, " + granted, true},
		{"nothing", "", "", false},
		{"wrong key", "Token third-key", "", false},
		{"key as bearer", "Bearer first-key", "", false},
		{"token as key", "Token " + granted, "", false},
		{"expired", "Bearer " + expired, "", false},
		{"forged", "Bearer " + forged, "", false},
		{"cut", "Bearer " + granted[:len(granted)-3], "", false},
		{"key alone", "first-key", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			if tt.header != "" {
				h.Set("Authorization", tt.header)
			}
			if tt.protocol != "" {
				h.Set("Sec-WebSocket-Protocol", tt.protocol)
			}
			conn, resp, err := dialWith(s, usualQuery, h)
			if !tt.ok {
				wantRefusal(t, resp, err, http.StatusUnauthorized, "INVALID_AUTH")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
		})
	}
}

func buyToken(t *testing.T, s *Server, body string) (token string, expires int) {
	t.Helper()
	resp := postGrant(t, s, "Token "+s.DeepgramKey(), body)
	defer resp.Body.Close()
	var reply struct {
		Token   string `json:"access_token"`
		Expires int    `json:"expires_in"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&reply); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("grant: %d %v", resp.StatusCode, err)
	}
	return reply.Token, reply.Expires
}

func postGrant(t *testing.T, s *Server, auth, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.DeepgramURL()+"/v1/auth/grant", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", auth)
	req.Close = true // no idle connection outlives the test
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func TestGrant(t *testing.T) {
	s := start(t, Options{})
	if _, expires := buyToken(t, s, ""); expires != 30 {
		t.Errorf("expires in %d s by default, want 30", expires)
	}
	token, _ := buyToken(t, s, "{}")
	tests := []struct {
		name, auth, body string
		status           int
	}{
		{"no key", "", "", http.StatusUnauthorized},
		{"token buys none", "Bearer " + token, "", http.StatusUnauthorized},
		{"too short", "Token " + s.DeepgramKey(), `{"ttl_seconds":0}`, http.StatusBadRequest},
		{"too long", "Token " + s.DeepgramKey(), `{"ttl_seconds":3601}`, http.StatusBadRequest},
		{"unknown field", "Token " + s.DeepgramKey(), `{"ttl":5}`, http.StatusBadRequest},
		{"not json", "Token " + s.DeepgramKey(), `ttl=5`, http.StatusBadRequest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp := postGrant(t, s, tt.auth, tt.body)
			defer resp.Body.Close()
			if resp.StatusCode != tt.status || resp.Header.Get("dg-error") == "" {
				t.Errorf("%d %q, want %d", resp.StatusCode, resp.Header.Get("dg-error"), tt.status)
			}
		})
	}
	if got := s.Stats().Grants; got != 2 {
		t.Errorf("%d grants counted, want 2", got)
	}
}

// virtual runs a test against a server in memory, in virtual time.
func virtual(t *testing.T, opts Options, f func(t *testing.T, s *Server)) {
	opts.Interview = interview(t)
	synctest.Test(t, func(t *testing.T) {
		opts.Listener = newPipeListener()
		s, err := Start(context.Background(), opts)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		f(t, s)
	})
}

// closing reads to the end and returns its close code and reason.
func closing(t *testing.T, conn *websocket.Conn) (code int, reason string, messages []string) {
	t.Helper()
	for {
		_, data, err := conn.ReadMessage()
		var end *websocket.CloseError
		if errors.As(err, &end) {
			return end.Code, end.Text, messages
		}
		if err != nil {
			return 0, err.Error(), messages
		}
		messages = append(messages, string(data))
	}
}

func binaryOf(n int) []byte { return make([]byte, n) }

// How a stream ends that does what Deepgram does not bear.
func TestStreamEnds(t *testing.T) {
	frame := binaryOf(audio.FrameSamples * 4)
	silence := func(conn *websocket.Conn) { _ = conn.WriteMessage(websocket.BinaryMessage, frame) }
	text := func(conn *websocket.Conn, s string) { _ = conn.WriteMessage(websocket.TextMessage, []byte(s)) }
	tests := []struct {
		name, query string
		do          func(conn *websocket.Conn)
		code        int
		reason      string // its beginning
		after       time.Duration
		violation   string
	}{
		{"no sound", usualQuery, func(*websocket.Conn) {}, 1011, "NET-0001", 10 * time.Second, "NET-0001"},
		{"keep-alive before sound", usualQuery, func(c *websocket.Conn) {
			for range 4 {
				time.Sleep(4 * time.Second)
				text(c, `{"type":"KeepAlive"}`)
			}
		}, 1011, "NET-0001", 10 * time.Second, "NET-0001"},
		{"pings do not hold", usualQuery, func(c *websocket.Conn) {
			silence(c)
			for range 3 {
				time.Sleep(4 * time.Second)
				_ = c.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
			}
		}, 1011, "NET-0001", 10 * time.Second, "NET-0001"},
		{"keep-alive holds after sound", usualQuery, func(c *websocket.Conn) {
			silence(c)
			for range 5 {
				time.Sleep(4 * time.Second)
				text(c, `{"type":"KeepAlive"}`)
			}
			text(c, `{"type":"CloseStream"}`)
		}, 1000, "", 20 * time.Second, ""},
		{"odd length", usualQuery, func(c *websocket.Conn) {
			_ = c.WriteMessage(websocket.BinaryMessage, frame[:641])
		}, 1008, "DATA-0000", 0, "DATA-0000"},
		{"half a sample pair", usualQuery, func(c *websocket.Conn) {
			_ = c.WriteMessage(websocket.BinaryMessage, frame[:642])
		}, 1008, "DATA-0000", 0, "DATA-0000"},
		{"raw sound without encoding", "model=nova-3", silence, 1008, "DATA-0000", 0, "DATA-0000"},
		{"empty frame", usualQuery, func(c *websocket.Conn) {
			silence(c)
			_ = c.WriteMessage(websocket.BinaryMessage, nil)
		}, 1000, "", 0, "EMPTY_FRAME"},
		{"keep-alive as binary", usualQuery, func(c *websocket.Conn) {
			_ = c.WriteMessage(websocket.BinaryMessage, []byte(`{"type":"KeepAlive"}`))
			text(c, `{"type":"CloseStream"}`)
		}, 1000, "", 0, "TEXT_AS_AUDIO"},
		{"literal finalize", usualQuery, func(c *websocket.Conn) {
			silence(c)
			text(c, `finalize`)
			text(c, `{"type":"CloseStream"}`)
		}, 1000, "", 0, "INVALID_MESSAGE"},
		{"far too fast", usualQuery, func(c *websocket.Conn) {
			for range 200 {
				silence(c)
			}
		}, 1008, "RATE", 0, "RATE"},
		{"a little too fast", usualQuery, func(c *websocket.Conn) {
			for range 3000 {
				silence(c)
				time.Sleep(audio.FrameDuration * 10 / 14)
			}
		}, 1008, "RATE", 13 * time.Second, "RATE"},
		{"as fast as allowed", usualQuery, func(c *websocket.Conn) {
			for range 3000 {
				silence(c)
				time.Sleep(audio.FrameDuration * 10 / 12)
			}
			text(c, `{"type":"CloseStream"}`)
		}, 1000, "", 50 * time.Second, ""},
		{"catching up after a stall", usualQuery, func(c *websocket.Conn) {
			silence(c)
			time.Sleep(3 * time.Second)
			for range 95 {
				silence(c)
			}
			text(c, `{"type":"CloseStream"}`)
		}, 1000, "", 3 * time.Second, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			virtual(t, Options{}, func(t *testing.T, s *Server) {
				conn := dial(t, s, tt.query)
				begin := time.Now()
				go tt.do(conn)
				code, reason, messages := closing(t, conn)
				if code != tt.code || !strings.HasPrefix(reason, tt.reason) {
					t.Errorf("closed with %d %q, want %d %q", code, reason, tt.code, tt.reason)
				}
				if took := time.Since(begin); took < tt.after-time.Second || took > tt.after+3*time.Second {
					t.Errorf("closed after %v, want %v", took, tt.after)
				}
				if ended := len(messages) > 0 && strings.Contains(messages[len(messages)-1], `"Metadata"`); ended != (code == 1000) {
					t.Errorf("messages before the close: %v", messages)
				}
				notes := s.Stats().Notes
				if tt.violation == "" && len(notes) > 0 || tt.violation != "" && (len(notes) != 1 || notes[0].Code != tt.violation) {
					t.Errorf("violations %v, want %q", notes, tt.violation)
				}
				time.Sleep(time.Minute) // the client's goroutine ends
			})
		})
	}
}

// Control messages that are answered.
func TestConfigure(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, s *Server) {
		for query, want := range map[string]string{
			usualQuery: "ConfigureSuccess",
			"model=nova-2&encoding=linear16&sample_rate=16000": "ConfigureFailure",
		} {
			conn := dial(t, s, query)
			_ = conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"Configure","keyterms":["Kafka"]}`))
			if _, data, err := conn.ReadMessage(); err != nil || !strings.Contains(string(data), want) {
				t.Errorf("%s: %s %v, want %s", query, data, err, want)
			}
		}
	})
}

// A plain request, a wrong method and a wrong path are no streams.
func TestListenRoutes(t *testing.T) {
	s := start(t, Options{})
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{http.MethodGet, "/v1/listen?" + usualQuery, http.StatusBadRequest},
		{http.MethodPost, "/v1/listen?" + usualQuery, http.StatusMethodNotAllowed},
		{http.MethodGet, "/v2/listen?" + usualQuery, http.StatusBadRequest},
		{http.MethodGet, "/v3/listen?" + usualQuery, http.StatusNotFound},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tt.method, s.DeepgramURL()+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header, req.Close = tokenAuth(s.DeepgramKey()), true
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != tt.status {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.path, resp.StatusCode, tt.status)
		}
	}
}
