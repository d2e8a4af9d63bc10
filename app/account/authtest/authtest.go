// Package authtest stands in for Supabase's sign-in server (GoTrue), as strict
// as that is: refresh tokens are good for one use and the use of an old one ends
// the sign-in; codes are good once; a browser is sent back to loopback IP
// addresses only; requests without the project's key, or with fields that GoTrue
// does not know, are refused. Access tokens are signed by ES256 with published
// keys, as hosted projects have them, so that the backend takes them.
//
// It belongs to tests; the program never imports it.
package authtest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// What the server knows at first.
const (
	Key      = "sb_publishable_test"
	Email    = "ada@example.com"
	Password = "correct horse"
	UserID   = "7e7d6a3f-4a3c-4d3e-9b5f-0f3d1c2b1a00"
)

// Server is the stand-in. Its fields are read and changed within Do.
type Server struct {
	*httptest.Server
	t   testing.TB
	key *ecdsa.PrivateKey

	mu      sync.Mutex
	n       int
	users   map[string]*user                                  // by address
	current map[string]string                                 // refresh token by sign-in
	owner   map[string]string                                 // sign-in by refresh token, used ones too
	who     map[string]*user                                  // by sign-in
	flows   map[string]*flow                                  // by code: of the browser, and of messages
	banned  map[string]bool                                   // providers that are switched off
	Problem func(w http.ResponseWriter, r *http.Request) bool // answers instead when true
	Life    int                                               // of an access token, seconds
	// What happened so far.
	Refreshes int
	Logouts   []string // "scope Bearer token"
	Mail      []Message
}

// Message is an e-mail.
type Message struct{ To, Kind, Code string }

type user struct {
	id, email, password string
	confirmed           bool
}

type flow struct {
	user      *user
	kind      string // "pkce", "signup", "email", "recovery"
	challenge string
}

// New starts a server that knows one person and stops it at the test's end.
func New(t testing.TB) *Server {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{
		t: t, key: key, Life: 3600, current: map[string]string{}, owner: map[string]string{},
		who: map[string]*user{}, flows: map[string]*flow{}, banned: map[string]bool{},
		users: map[string]*user{Email: {UserID, Email, Password, true}},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /auth/v1/token", s.token)
	mux.HandleFunc("POST /auth/v1/logout", s.logout)
	mux.HandleFunc("POST /auth/v1/signup", s.signUp)
	mux.HandleFunc("POST /auth/v1/otp", s.send("email"))
	mux.HandleFunc("POST /auth/v1/recover", s.send("recovery"))
	mux.HandleFunc("POST /auth/v1/verify", s.verify)
	mux.HandleFunc("PUT /auth/v1/user", s.change)
	mux.HandleFunc("GET /auth/v1/authorize", s.authorize)
	mux.HandleFunc("GET /auth/v1/.well-known/jwks.json", s.keys)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20)) // only then does the server see a client hang up
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.mu.Lock()
		problem := s.Problem
		s.mu.Unlock()
		if problem != nil && problem(w, r) {
			return
		}
		open := strings.HasSuffix(r.URL.Path, "/authorize") || strings.HasSuffix(r.URL.Path, "/jwks.json")
		if !open && r.Header.Get("apikey") != Key {
			refuse(w, 401, "no_authorization", "No API key found in request")
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// Do calls f while the server stands still.
func (s *Server) Do(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// Sent returns the newest message of a kind to an address; empty when there is none.
func (s *Server) Sent(to, kind string) (code string) {
	s.Do(func() {
		for _, m := range s.Mail {
			if m.To == to && m.Kind == kind {
				code = m.Code
			}
		}
	})
	return code
}

// Confirm follows the link in the message to a new person.
func (s *Server) Confirm(email string) { s.Do(func() { s.users[email].confirmed = true }) }

// SwitchOff makes a provider unknown to the project.
func (s *Server) SwitchOff(provider string) { s.Do(func() { s.banned[provider] = true }) }

// Steal uses the newest refresh token of every sign-in, as a thief would.
func (s *Server) Steal() {
	s.Do(func() {
		for who := range s.current {
			s.n++
			s.current[who] = fmt.Sprintf("refresh-%d", s.n)
			s.owner[s.current[who]] = who
		}
	})
}

// Revoke ends every sign-in, as an administrator would.
func (s *Server) Revoke() { s.Do(func() { clear(s.current); clear(s.owner) }) }

func refuse(w http.ResponseWriter, status int, code, message string) {
	reply(w, status, map[string]any{"code": status, "error_code": code, "msg": message})
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}

// input is what GoTrue's routes know. The library sends an empty captcha along.
type input struct {
	Email        string `json:"email"`
	Password     string `json:"password"`
	RefreshToken string `json:"refresh_token"`
	AuthCode     string `json:"auth_code"`
	CodeVerifier string `json:"code_verifier"`
	Type         string `json:"type"`
	Token        string `json:"token"`
	CreateUser   bool   `json:"create_user"`
	Security     struct {
		CaptchaToken string `json:"captcha_token"`
	} `json:"gotrue_meta_security"`
}

func read(w http.ResponseWriter, r *http.Request) (in input, ok bool) {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil || r.Header.Get("Content-Type") != "application/json" {
		refuse(w, 400, "bad_json", "Could not parse request body as JSON")
		return in, false
	}
	return in, true
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	in, ok := read(w, r)
	if !ok {
		return
	}
	switch r.URL.Query().Get("grant_type") {
	case "password":
		u := s.users[in.Email]
		switch {
		case u == nil || in.Password == "" || u.password != in.Password:
			refuse(w, 400, "invalid_credentials", "Invalid login credentials: "+in.Password)
		case !u.confirmed:
			refuse(w, 400, "email_not_confirmed", "Email not confirmed")
		default:
			s.signIn(w, u)
		}
	case "refresh_token":
		s.Refreshes++
		who, known := s.owner[in.RefreshToken]
		switch {
		case !known:
			refuse(w, 400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
		case s.current[who] != in.RefreshToken: // stolen: the whole family is revoked
			delete(s.current, who)
			refuse(w, 400, "refresh_token_already_used", "Invalid Refresh Token: Already Used")
		default:
			s.issue(w, who)
		}
	case "pkce":
		f := s.flows[in.AuthCode]
		delete(s.flows, in.AuthCode)
		sum := sha256.Sum256([]byte(in.CodeVerifier))
		switch {
		case f == nil || f.kind != "pkce":
			refuse(w, 404, "flow_state_not_found", "invalid flow state, no valid flow state found")
		case f.challenge != base64.RawURLEncoding.EncodeToString(sum[:]):
			refuse(w, 400, "bad_code_verifier", "code challenge does not match previously saved code verifier")
		default:
			s.signIn(w, f.user)
		}
	default:
		refuse(w, 400, "validation_failed", "unsupported_grant_type")
	}
}

func (s *Server) signIn(w http.ResponseWriter, u *user) {
	s.n++
	who := fmt.Sprintf("sign-in-%d", s.n)
	s.who[who] = u
	s.issue(w, who)
}

func (s *Server) issue(w http.ResponseWriter, who string) {
	s.n++
	refresh := fmt.Sprintf("refresh-%d", s.n)
	s.current[who], s.owner[refresh] = refresh, who
	u, now := s.who[who], time.Now().UTC()
	at := now.Format(time.RFC3339Nano)
	reply(w, 200, map[string]any{
		"access_token": s.sign(u, now), "refresh_token": refresh,
		"token_type": "bearer", "expires_in": s.Life, "expires_at": now.Unix() + int64(s.Life),
		"user": map[string]any{"id": u.id, "aud": "authenticated", "role": "authenticated", "email": u.email,
			"created_at": at, "updated_at": at, "app_metadata": map[string]any{}, "user_metadata": map[string]any{}},
	})
}

// sign makes an access token (JWT, ES256).
func (s *Server) sign(u *user, now time.Time) string {
	enc := base64.RawURLEncoding
	s.n++
	claims, _ := json.Marshal(map[string]any{
		"iss": s.URL + "/auth/v1", "sub": u.id, "aud": "authenticated", "role": "authenticated", "email": u.email,
		"iat": now.Unix(), "exp": now.Unix() + int64(s.Life), "is_anonymous": false,
		"session_id": fmt.Sprintf("5c3c6e0c-0000-4000-8000-%012d", s.n),
	})
	text := enc.EncodeToString([]byte(`{"alg":"ES256","kid":"ec1","typ":"JWT"}`)) + "." + enc.EncodeToString(claims)
	sum := sha256.Sum256([]byte(text))
	a, b, err := ecdsa.Sign(rand.Reader, s.key, sum[:])
	if err != nil {
		s.t.Fatal(err)
	}
	return text + "." + enc.EncodeToString(append(a.FillBytes(make([]byte, 32)), b.FillBytes(make([]byte, 32))...))
}

func (s *Server) keys(w http.ResponseWriter, _ *http.Request) {
	enc := base64.RawURLEncoding
	reply(w, 200, map[string]any{"keys": []any{map[string]any{
		"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "ec1",
		"x": enc.EncodeToString(s.key.X.FillBytes(make([]byte, 32))), "y": enc.EncodeToString(s.key.Y.FillBytes(make([]byte, 32))),
	}}})
}
