package rehearsal

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const usualChat = `{"model":"openai/gpt-oss-20b","stream":true,"reasoning_effort":"low","include_reasoning":false,` +
	`"max_completion_tokens":600,"temperature":0.4,"messages":[{"role":"system","content":"S"},{"role":"user","content":"Q"}]}`

// ask makes a usual request with question as the last message.
func ask(question string) string {
	quoted, _ := json.Marshal(question)
	return strings.Replace(usualChat, `"Q"`, string(quoted), 1)
}

func post(t *testing.T, ctx context.Context, s *Server, key, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.GroqURL()+"/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", key)
	req.Header.Set("Content-Type", "application/json")
	transport := &http.Transport{DisableKeepAlives: true}
	if p, ok := s.opts.Listener.(*pipeListener); ok {
		transport.DialContext = p.dial
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// events reads a stream to its end: every chunk, the content, and the last line.
func events(t *testing.T, body io.Reader) (chunks []chunk, content, last string) {
	t.Helper()
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		line := lines.Text()
		if line == "" {
			continue
		}
		last = line
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok || data == "[DONE]" || strings.HasPrefix(data, `{"error"`) {
			continue
		}
		var c chunk
		if err := json.Unmarshal([]byte(data), &c); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		chunks = append(chunks, c)
		for _, choice := range c.Choices {
			if choice.Delta.Content != nil {
				content += *choice.Delta.Content
			}
		}
	}
	return chunks, content, last
}

// The answer comes as Groq's does: role, deltas at a pace, usage, [DONE].
func TestChatStream(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, s *Server) {
		q := s.Interview().Questions[0]
		begin := time.Now()
		resp := post(t, t.Context(), s, "Bearer "+s.GroqKey(), ask(q.Text))
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" ||
			resp.Header.Get("x-ratelimit-remaining-tokens") == "" || resp.Header.Get("retry-after") != "" {
			t.Fatalf("%d %v", resp.StatusCode, resp.Header)
		}
		chunks, content, last := events(t, resp.Body)
		if content != q.Answer || last != "data: [DONE]" {
			t.Errorf("answered %q, then %q", content, last)
		}
		first, end := chunks[0], chunks[len(chunks)-1]
		if first.Choices[0].Delta.Role != "assistant" || first.Groq == nil || first.Groq.ID == "" {
			t.Errorf("first chunk %+v", first)
		}
		if u := end.Groq.Usage; *end.Choices[0].FinishReason != "stop" || u.CompletionDetails["reasoning_tokens"] != 24 ||
			u.CompletionTokens != 24+len(chunks)-2 || u.PromptTokens == 0 {
			t.Errorf("last chunk %+v, usage %+v", end, u)
		}
		// 150 ms, then 400 tokens a second.
		want := 150*time.Millisecond + time.Duration(len(chunks)-3)*time.Second/400
		if took := time.Since(begin); took < want || took > want+10*time.Millisecond {
			t.Errorf("%d tokens took %v, want %v", len(chunks)-2, took, want)
		}
	})
}

func TestChatVariants(t *testing.T) {
	s := start(t, Options{FirstToken: time.Millisecond, TokensPerSecond: 1e6})
	auth := "Bearer " + s.GroqKey()
	q := s.Interview().Questions[2]

	var whole chunk
	resp := post(t, t.Context(), s, auth, strings.Replace(ask(q.Text), `"stream":true`, `"stream":false`, 1))
	if err := json.NewDecoder(resp.Body).Decode(&whole); err != nil || *whole.Choices[0].Message.Content != q.Answer || whole.Usage == nil {
		t.Errorf("in one piece: %+v %v", whole, err)
	}

	resp = post(t, t.Context(), s, auth, strings.Replace(ask(q.Text), `"include_reasoning":false`, `"stream_options":{"include_usage":true}`, 1))
	chunks, content, _ := events(t, resp.Body)
	if chunks[1].Choices[0].Delta.Reasoning == "" || content != q.Answer {
		t.Errorf("reasoning is not told: %+v", chunks[1])
	}
	if end := chunks[len(chunks)-1]; len(end.Choices) != 0 || end.Usage == nil {
		t.Errorf("usage is not told: %+v", end)
	}

	resp = post(t, t.Context(), s, auth, strings.Replace(ask(q.Text), `:600`, `:20`, 1))
	if chunks, content, _ := events(t, resp.Body); content != "" || *chunks[len(chunks)-1].Choices[0].FinishReason != "length" {
		t.Errorf("20 tokens leave no room after 24 of reasoning, but %q came", content)
	}

	resp = post(t, t.Context(), s, auth, strings.Replace(ask(q.Text), `"stream":true`, `"stream":true,"stop":["\n"]`, 1))
	if _, content, _ := events(t, resp.Body); content == "" || strings.Contains(content, "\n") {
		t.Errorf("not stopped: %q", content)
	}
}

// A beginning that was sent before is cached, in whole blocks.
func TestPromptCache(t *testing.T) {
	s := start(t, Options{FirstToken: time.Millisecond, TokensPerSecond: 1e6})
	prefix := strings.Repeat("The candidate has led payments. ", 100)
	var cached []int
	for _, body := range []string{
		strings.Replace(ask("one"), `"S"`, `"`+prefix+`"`, 1),
		strings.Replace(ask("two"), `"S"`, `"`+prefix+`"`, 1),
		strings.Replace(ask("two"), `"S"`, `"X`+prefix+`"`, 1),
		strings.Replace(strings.Replace(ask("two"), `"S"`, `"`+prefix+`"`, 1), "20b", "120b", 1),
	} {
		chunks, _, _ := events(t, post(t, t.Context(), s, "Bearer "+s.GroqKey(), body).Body)
		cached = append(cached, chunks[len(chunks)-1].Groq.Usage.PromptDetails["cached_tokens"])
	}
	if want := len(prefix) / 4 / 128 * 128; cached[0] != 0 || cached[1] != want || cached[2] != 0 || cached[3] != 0 {
		t.Errorf("cached %v, want 0 %d 0 0", cached, want)
	}
}

func TestChatRefusals(t *testing.T) {
	s := start(t, Options{})
	with := func(from, to string) string { return strings.Replace(usualChat, from, to, 1) }
	const before = `"stream":true`
	tests := []struct {
		name, body string
		status     int
		message    string
	}{
		{"not json", "model=x", 400, "JSON"},
		{"an array", "[]", 400, "JSON"},
		{"unknown field", with(before, `"answer":true`), 400, "'answer' is unsupported"},
		{"logprobs", with(before, `"logprobs":true`), 400, "logprobs"},
		{"penalty", with(before, `"frequency_penalty":0.1`), 400, "frequency_penalty"},
		{"store", with(before, `"store":false`), 400, "store"},
		{"two answers", with(before, `"n":2`), 400, "'n'"},
		{"name", with(`"role":"user"`, `"role":"user","name":"Maya"`), 400, "'name' is unsupported"},
		{"unknown role", with(`"role":"user"`, `"role":"interviewer"`), 400, "role"},
		{"no content", with(`,"content":"Q"`, ``), 400, "content"},
		{"no messages", `{"model":"openai/gpt-oss-20b","messages":[]}`, 400, "messages"},
		{"null messages", `{"model":"openai/gpt-oss-20b","messages":null}`, 400, "messages"},
		{"no model", with(`"model":"openai/gpt-oss-20b",`, ``), 400, "model"},
		{"retired model", with("openai/gpt-oss-20b", "llama-3.1-8b-instant"), 404, "does not exist"},
		{"model for sound", with("openai/gpt-oss-20b", "whisper-large-v3-turbo"), 400, "does not support"},
		{"reasoning switched off", with(`"low"`, `"none"`), 400, "reasoning_effort"},
		{"low effort on qwen", with("openai/gpt-oss-20b", "qwen/qwen3.6-27b"), 400, "reasoning_effort"},
		{"both reasoning fields", with(before, `"reasoning_format":"hidden"`), 400, "reasoning_format"},
		{"temperature", with("0.4", "2.5"), 400, "temperature"},
		{"no tokens", with("600", "0"), 400, "max_completion_tokens"},
		{"five stops", with(before, `"stop":["a","b","c","d","e"]`), 400, "stop"},
		{"service tier", with(before, `"service_tier":"best"`), 400, "service_tier"},
		{"wrong type", with(before, `"stream":"yes"`), 400, "Stream"},
		{"too large", with(`"S"`, `"`+strings.Repeat("x", 5<<20)+`"`), 413, "Large"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp := post(t, t.Context(), s, "Bearer "+s.GroqKey(), tt.body)
			wantChatError(t, resp, tt.status, tt.message)
		})
	}
	for _, auth := range []string{"", "Bearer wrong", "Token " + s.GroqKey(), s.GroqKey()} {
		wantChatError(t, post(t, t.Context(), s, auth, usualChat), 401, "Invalid API Key")
	}
	if st := s.Stats(); st.Violations != len(tests)+4 || st.Answers != 0 {
		t.Errorf("%d violations and %d answers", st.Violations, st.Answers)
	}
}

func wantChatError(t *testing.T, resp *http.Response, status int, message string) {
	t.Helper()
	var body struct {
		Error struct{ Message, Type, Code string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != status || !strings.Contains(body.Error.Message, message) || body.Error.Type == "" {
		t.Errorf("%d %+v, want %d and %q", resp.StatusCode, body.Error, status, message)
	}
	if resp.Header.Get("x-ratelimit-limit-requests") == "" {
		t.Error("no rate limit headers")
	}
}

func TestModels(t *testing.T) {
	s := start(t, Options{})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.GroqURL()+"/models", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.GroqKey())
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var list struct {
		Object string
		Data   []struct{ ID, Object string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil || list.Object != "list" || list.Data[0].ID != "openai/gpt-oss-20b" {
		t.Errorf("%+v %v", list, err)
	}
}

func TestChatFaults(t *testing.T) {
	s := start(t, Options{FirstToken: time.Millisecond, TokensPerSecond: 1e6})
	auth, body := "Bearer "+s.GroqKey(), ask(s.Interview().Questions[1].Text)

	s.SetFaults(Faults{Chat: ChatFaults{Status: 429, RetryAfter: 1500 * time.Millisecond, Times: 1}})
	resp := post(t, t.Context(), s, auth, body)
	if resp.Header.Get("retry-after") != "2" {
		t.Errorf("retry-after %q", resp.Header.Get("retry-after"))
	}
	wantChatError(t, resp, 429, "Rate limit")
	if resp := post(t, t.Context(), s, auth, body); resp.StatusCode != 200 {
		t.Errorf("the second request: %d", resp.StatusCode)
	}

	s.SetFaults(Faults{Chat: ChatFaults{Status: 503, Model: "openai/gpt-oss-20b"}})
	wantChatError(t, post(t, t.Context(), s, auth, body), 503, "Unavailable")
	if resp := post(t, t.Context(), s, auth, strings.Replace(body, "20b", "120b", 1)); resp.StatusCode != 200 {
		t.Errorf("the other model: %d", resp.StatusCode)
	}

	s.SetFaults(Faults{Chat: ChatFaults{ErrorAfter: 3}})
	chunks, _, last := events(t, post(t, t.Context(), s, auth, body).Body)
	if len(chunks) != 4 || !strings.HasPrefix(last, `data: {"error"`) {
		t.Errorf("%d chunks, then %q", len(chunks), last)
	}
	s.SetFaults(Faults{Chat: ChatFaults{CutAfter: -1}})
	if chunks, content, last := events(t, post(t, t.Context(), s, auth, body).Body); len(chunks) != 1 || content != "" || last == "data: [DONE]" {
		t.Errorf("%d chunks, then %q", len(chunks), last)
	}
}

// A stall lasts until the client gives up, which is counted.
func TestChatStall(t *testing.T) {
	virtual(t, Options{Faults: Faults{Chat: ChatFaults{StallAfter: 5}}}, func(t *testing.T, s *Server) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		begin := time.Now()
		chunks, _, _ := events(t, post(t, ctx, s, "Bearer "+s.GroqKey(), ask(s.Interview().Questions[0].Text)).Body)
		if len(chunks) != 6 || time.Since(begin) != 20*time.Second {
			t.Errorf("%d chunks in %v", len(chunks), time.Since(begin))
		}
		synctest.Wait()
		if n := s.Stats().Cancelled; n != 1 {
			t.Errorf("%d cancelled, want 1", n)
		}
	})
}

// The recorded question is found in whatever surrounds it.
func TestAnswerBook(t *testing.T) {
	iv := interview(t)
	book := newAnswerBook(iv.Questions)
	for i, q := range iv.Questions {
		words := strings.Fields(q.Text)
		other := iv.Questions[(i+1)%len(iv.Questions)]
		for name, text := range map[string]string{
			"as it is":         q.Text,
			"in a prompt":      "The interviewer said, as data between marks:\n<question>\n" + q.Text + "\n</question>\nAnswer in the first person, short, to be spoken.",
			"lower case":       strings.ToLower(strings.Trim(q.Text, ".?")),
			"after another":    "Interviewer: " + other.Text + "\nCandidate: " + other.Answer + "\nInterviewer: " + q.Text,
			"two thirds":       strings.Join(words[:(len(words)*2+2)/3], " "),
			"a word mistaken":  strings.Replace(q.Text, words[len(words)-2], "lemon", 1),
			"with small talk":  "That makes sense. Good. " + q.Text,
			"after an aside":   q.Text + " Take your time.",
			"dialogue, marked": "Dialogue so far:\ninterviewer: " + iv.Utterances[0].Text + "\ncandidate: " + iv.Utterances[1].Text + "\n\nQuestion: " + q.Text,
		} {
			if id, answer := book.answer(text); id != q.ID || answer != q.Answer {
				t.Errorf("%s, %s: found %q", q.ID, name, id)
			}
		}
	}
	for begun, want := range map[string]string{
		"Walk me through your": "background",
		"Great, let's get started. Walk me through your background, and": "background",
		"How would you make a":       "webhooks",
		"How would you find out why": "slow",
		"Tell me about a time you":   "disagreement",
	} {
		if id, _ := book.answer("The interviewer said:\n<question>\n" + begun + "\n</question>"); id != want {
			t.Errorf("%q: found %q", begun, id)
		}
	}
	for begun, want := range map[string]string{
		"Walk me through your":  "! your background",
		"How would you make a":  "! a ",
		"What is your greatest": "? greatest",
	} {
		message := "Begin the line with \"! \" or \"? \".\n<question>\n" + begun + "\n</question>"
		if line, rest, _ := strings.Cut(book.reply(message), "\n"); !strings.HasPrefix(line, want) || rest == "" {
			t.Errorf("%q: ends with %q", begun, line)
		}
	}
	for i, q := range iv.Questions {
		other := iv.Questions[(i+1)%len(iv.Questions)]
		for assumed, want := range map[string]string{q.Text: "=", other.Text: "!\n" + q.Answer} {
			message := "Write \"=\" or \"!\".\n<assumed>\n" + assumed + "\n</assumed>\n<answer>\n" + other.Answer + "\n</answer>\n<question>\n" + q.Text + "\n</question>"
			if got := book.reply(message); got != want {
				t.Errorf("%q, %q: %q", assumed, q.Text, got)
			}
		}
	}
	for _, text := range []string{
		"", "What is your greatest weakness?", "How are you today?", "Explain how a hash table works.",
		"Why do you want to work for us?", "Hi Maya, nice to meet you.", "What would you do if the deadline moved?",
	} {
		if id, answer := book.answer(text); id != "" || !strings.Contains(answer, "no recorded answer") {
			t.Errorf("%q: found %q", text, id)
		}
	}
}

func FuzzParseChat(f *testing.F) {
	f.Add(usualChat)
	f.Add(`{"messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]}],"model":"openai/gpt-oss-20b","stop":"x"}`)
	f.Add(`{"messages":[null],"model":"openai/gpt-oss-20b"}`)
	f.Add(`{"Messages":[{}],"model":"openai/gpt-oss-20b","n":null}`)
	f.Fuzz(func(t *testing.T, body string) {
		r, err := parseChat([]byte(body))
		if (r == nil) == (err == nil) {
			t.Fatalf("request %v, error %v", r, err)
		}
	})
}

func FuzzText(f *testing.F) {
	f.Add("")
	f.Add("How would you make a webhook handler safe?")
	f.Fuzz(func(t *testing.T, text string) {
		if got := strings.Join(pieces(text), ""); got != strings.ToValidUTF8(text, "\uFFFD") && got != string([]rune(text)) {
			t.Errorf("pieces of %q make %q", text, got)
		}
	})
}
