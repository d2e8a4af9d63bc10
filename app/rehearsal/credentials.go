package rehearsal

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// grants makes and checks Deepgram's short-lived tokens (JWT).
type grants struct{ secret []byte }

type claims struct {
	ID      string `json:"jti"`
	Scope   string `json:"scp"`
	Issued  int64  `json:"iat"`
	Expires int64  `json:"exp"`
}

func newGrants() *grants { return &grants{[]byte(rand.Text())} }

func (g *grants) issue(now time.Time, ttl time.Duration) string {
	enc := base64.RawURLEncoding
	body, _ := json.Marshal(claims{rand.Text(), "usage:write", now.Unix(), now.Add(ttl).Unix()}) // plain values: cannot fail
	token := enc.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc.EncodeToString(body)
	return token + "." + enc.EncodeToString(g.sign(token))
}

func (g *grants) sign(text string) []byte {
	mac := hmac.New(sha256.New, g.secret)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func (g *grants) valid(token string, now time.Time) bool {
	at := strings.LastIndexByte(token, '.')
	if at < 0 {
		return false
	}
	enc := base64.RawURLEncoding
	signature, err := enc.DecodeString(token[at+1:])
	if err != nil || !hmac.Equal(signature, g.sign(token[:at])) {
		return false
	}
	_, payload, _ := strings.Cut(token[:at], ".")
	body, err := enc.DecodeString(payload)
	var c claims
	return err == nil && json.Unmarshal(body, &c) == nil && now.Before(time.Unix(c.Expires, 0))
}

func known(keys []string, key string) bool {
	found := 0
	for _, k := range keys {
		found |= subtle.ConstantTimeCompare([]byte(k), []byte(key))
	}
	return found == 1
}

// listenAuth says whether a handshake may pass, and which subprotocol to
// confirm. A key goes with Token, a granted token with Bearer; never crossed.
func (s *Server) listenAuth(r *http.Request) (subprotocol string, ok bool) {
	scheme, credential, found := strings.Cut(r.Header.Get("Authorization"), " ")
	if !found {
		scheme, credential, found = strings.Cut(r.Header.Get("Sec-WebSocket-Protocol"), ",")
		subprotocol = scheme
		if !found || (scheme != "token" && scheme != "bearer") {
			return "", false
		}
	}
	credential = strings.TrimSpace(credential)
	if strings.EqualFold(scheme, "token") {
		return subprotocol, known(s.opts.DeepgramKeys, credential)
	}
	return subprotocol, strings.EqualFold(scheme, "bearer") && s.grants.valid(credential, time.Now())
}

// grant is POST /v1/auth/grant: a key buys a token of 1 to 3600 seconds, 30
// when nothing is said.
func (s *Server) grant(w http.ResponseWriter, r *http.Request) {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "token") || !known(s.opts.DeepgramKeys, key) {
		s.refuse(w, http.StatusUnauthorized, "INVALID_AUTH", "Invalid credentials.")
		return
	}
	body := struct {
		TTL *int `json:"ttl_seconds"`
	}{}
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&body); err != nil && !errors.Is(err, io.EOF) {
		s.refuse(w, http.StatusBadRequest, "INVALID_JSON", "Invalid JSON submitted.")
		return
	}
	ttl := 30
	if body.TTL != nil {
		ttl = *body.TTL
	}
	if ttl < 1 || ttl > 3600 {
		s.refuse(w, http.StatusBadRequest, "INVALID_QUERY_PARAMETER", "ttl_seconds must be 1 to 3600")
		return
	}
	s.count(func(st *Stats) { st.Grants++ })
	w.Header().Set("dg-request-id", rand.Text())
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": s.grants.issue(time.Now(), time.Duration(ttl)*time.Second),
		"expires_in":   ttl,
	})
}

// refuse answers as Deepgram does: the reason in a header and in the body.
func (s *Server) refuse(w http.ResponseWriter, status int, code, message string) {
	s.violation(code, "%s", message)
	refuseQuietly(w, status, code, message)
}

func refuseQuietly(w http.ResponseWriter, status int, code, message string) {
	id := rand.Text()
	w.Header().Set("dg-error", message)
	w.Header().Set("dg-request-id", id)
	writeJSON(w, status, map[string]string{"err_code": code, "err_msg": message, "request_id": id})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}
