package server

import (
	"encoding/json"
	"testing"

	"copilot/backend/api"
)

// Whatever a client sends, what goes to the vendor is a request that asks for
// a stream, within bounds, and the same when it is read again.
func FuzzCompletion(f *testing.F) {
	f.Add([]byte(ordinaryQuestion))
	f.Add([]byte(`{"stream":true,"messages":[{"role":"user","content":"<&>\u2028"}],"stop":["a","b"],"tools":[{}],"seed":-1}`))
	f.Add([]byte(`{"stream":true,"max_tokens":7,"messages":[{"role":"assistant","content":null}],"temperature":0}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := parseCompletion(body)
		if err != nil {
			code(t, err, api.Invalid)
			return
		}
		if n := c.estimate(); n < 1 || c.MaxCompletionTokens > mostTokens {
			t.Fatalf("estimate %d of %+v", n, c)
		}
		first, err := c.encode("be brief")
		if err != nil {
			t.Fatal(err)
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(first, &fields); err != nil || string(fields["stream"]) != "true" || fields["tools"] != nil || fields["max_tokens"] != nil {
			t.Fatalf("%s: %v", first, err)
		}
		again, err := parseCompletion(first)
		if err != nil {
			if len(c.Messages) > mostMessages { // one more than was sent
				return
			}
			t.Fatalf("%s: %v", first, err)
		}
		if second, _ := again.encode(""); string(second) != string(first) {
			t.Fatalf("%s\nbecame\n%s", first, second)
		}
	})
}
