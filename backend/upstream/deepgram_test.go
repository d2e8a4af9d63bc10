package upstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const deepgramKey = "dg_canary_of_the_owner"

// deepgramStandIn is the part of Deepgram's management wire that we use.
func deepgramStandIn(t *testing.T, grant http.HandlerFunc, requests int, projects string) *Deepgram {
	t.Helper()
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	mux := http.NewServeMux()
	if grant != nil {
		mux.HandleFunc("POST /v1/auth/grant", grant)
	}
	mux.HandleFunc("GET /v1/projects", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, projects) })
	mux.HandleFunc("GET /v1/projects/p1/requests", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		var page, limit int
		fmt.Sscan(q.Get("page"), &page)
		fmt.Sscan(q.Get("limit"), &limit)
		_, badStart := time.Parse(time.RFC3339, q.Get("start"))
		_, badEnd := time.Parse(time.RFC3339, q.Get("end"))
		if limit < 1 || limit > 1000 || badStart != nil || badEnd != nil || q.Get("endpoint") != "listen" || q.Get("method") != "streaming" {
			http.Error(w, `{"err_code":"INVALID_QUERY_PARAMETER"}`, 400)
			return
		}
		var entries []string
		for i := page * limit; i < min(requests, (page+1)*limit); i++ {
			response := `{"details":{"duration":90.5,"channels":2,"tags":["s1"]},"code":200}`
			if i%2 == 1 && i < 10 {
				response = "null"
			}
			entries = append(entries, fmt.Sprintf(`{"request_id":"r%d","created":%q,"path":"/v1/listen","response":%s}`, i, at.Format(time.RFC3339Nano), response))
		}
		fmt.Fprintf(w, `{"page":%d,"limit":%d,"requests":[%s]}`, page, limit, strings.Join(entries, ","))
	})
	mux.HandleFunc("GET /v1/projects/p1/requests/{id}", func(w http.ResponseWriter, r *http.Request) {
		response := `{"details":{"duration":30,"tags":[]}}`
		if r.PathValue("id") == "r3" {
			response = "null" // still open
		}
		fmt.Fprintf(w, `{"request":{"request_id":%q,"response":%s}}`, r.PathValue("id"), response)
	})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Token "+deepgramKey {
			http.Error(w, `{"err_code":"INVALID_AUTH","err_msg":"Invalid credentials."}`, 401)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	d := NewDeepgram(DeepgramOptions{URL: srv.URL, Key: deepgramKey})
	t.Cleanup(d.Close)
	return d
}

const oneProject = `{"projects":[{"project_id":"p1","name":"copilot"}]}`

func TestGrant(t *testing.T) {
	var asked struct {
		TTL int `json:"ttl_seconds"`
	}
	d := deepgramStandIn(t, func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || asked.TTL < 1 || asked.TTL > 3600 {
			http.Error(w, `{"err_code":"INVALID"}`, 400)
			return
		}
		fmt.Fprintf(w, `{"access_token":"jwt","expires_in":%d}`, asked.TTL)
	}, 0, oneProject)
	for ttl, want := range map[time.Duration]int{time.Hour: 30, 30 * time.Second: 30, 12500 * time.Millisecond: 12, 0: 1} {
		token, err := d.Grant(t.Context(), ttl)
		if err != nil || asked.TTL != want || token.Secret != "jwt" || token.Expires != time.Duration(want)*time.Second {
			t.Errorf("ttl %v: asked for %d, got %+v, %v; want %d", ttl, asked.TTL, token, err, want)
		}
	}
}

func TestGrantRefused(t *testing.T) {
	tests := []struct {
		status int
		body   string
		kind   Kind
		code   string
	}{
		{200, `{}`, Away, ""},
		{200, `<html>`, Away, ""},
		{401, `{"err_code":"INVALID_AUTH","err_msg":"canary"}`, Refused, "INVALID_AUTH"},
		{403, `{"err_code":"FORBIDDEN","err_msg":"Insufficient permissions: canary"}`, Refused, "FORBIDDEN"},
		{402, `{"category":"ASR_PAYMENT_REQUIRED","message":"canary"}`, Refused, "ASR_PAYMENT_REQUIRED"},
		{429, `canary`, Busy, ""},
		{500, `canary`, Away, ""},
	}
	for _, tt := range tests {
		d := deepgramStandIn(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(tt.status); fmt.Fprint(w, tt.body) }, 0, oneProject)
		_, err := d.Grant(t.Context(), time.Second)
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Kind != tt.kind || e.Code != tt.code || strings.Contains(err.Error(), "canary") {
			t.Errorf("%d %s: got %v", tt.status, tt.body, err)
		}
	}
}

func TestStreamsListed(t *testing.T) {
	d := deepgramStandIn(t, nil, 1001, oneProject)
	to := time.Date(2026, 11, 24, 11, 0, 0, 0, time.UTC)
	streams, err := d.Streams(t.Context(), to.Add(-time.Hour), to)
	if err != nil || len(streams) != 1001 {
		t.Fatalf("%d streams, %v", len(streams), err)
	}
	if s := streams[0]; s.Audio != 90500*time.Millisecond || s.Channels != 2 || fmt.Sprint(s.Tags) != "[s1]" || s.Open {
		t.Errorf("with details: %+v", s)
	}
	if s := streams[1]; s.Audio != 30*time.Second || s.Channels != 0 || len(s.Tags) != 0 || s.Open {
		t.Errorf("asked for details: %+v", s)
	}
	if s := streams[3]; !s.Open {
		t.Errorf("without details: %+v", s)
	}
}

func TestStreamsWantOneProject(t *testing.T) {
	d := deepgramStandIn(t, nil, 0, `{"projects":[{"project_id":"p1"},{"project_id":"p2"}]}`)
	if _, err := d.Streams(t.Context(), time.Now(), time.Now()); err == nil {
		t.Error("a project was guessed")
	}
}
