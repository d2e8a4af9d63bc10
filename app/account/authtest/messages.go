package authtest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// mail sends a code, good once, to an address.
func (s *Server) mail(u *user, kind string) {
	s.n++
	code := fmt.Sprintf("%06d", 123000+s.n)
	s.flows[kind+" "+u.email+" "+code] = &flow{user: u, kind: kind}
	s.Mail = append(s.Mail, Message{u.email, kind, code})
}

func (s *Server) add(email, password string) *user {
	s.n++
	u := &user{id: fmt.Sprintf("7e7d6a3f-4a3c-4d3e-9b5f-%012d", s.n), email: email, password: password}
	s.users[email] = u
	return u
}

// signUp answers to a known address as to an unknown one.
func (s *Server) signUp(w http.ResponseWriter, r *http.Request) {
	in, ok := read(w, r)
	switch {
	case !ok:
		return
	case !strings.Contains(in.Email, "@"):
		refuse(w, 400, "validation_failed", "Unable to validate email address: invalid format")
		return
	case len(in.Password) < 8:
		refuse(w, 422, "weak_password", "Password should be at least 8 characters.")
		return
	}
	if u := s.users[in.Email]; u == nil {
		s.mail(s.add(in.Email, in.Password), "signup")
	}
	reply(w, 200, map[string]any{"id": "d0d0", "email": in.Email, "confirmation_sent_at": "2026-03-01T09:00:00Z", "identities": []any{}})
}

// send is one-time codes and password resets.
func (s *Server) send(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		in, ok := read(w, r)
		if !ok {
			return
		}
		u := s.users[in.Email]
		if u == nil && kind == "email" && in.CreateUser {
			u = s.add(in.Email, "")
		}
		if u != nil {
			s.mail(u, kind)
		}
		reply(w, 200, map[string]any{})
	}
}

func (s *Server) verify(w http.ResponseWriter, r *http.Request) {
	in, ok := read(w, r)
	if !ok {
		return
	}
	name := in.Type + " " + in.Email + " " + in.Token
	f := s.flows[name]
	delete(s.flows, name)
	if f == nil {
		refuse(w, 403, "otp_expired", "Token has expired or is invalid")
		return
	}
	f.user.confirmed = true
	s.signIn(w, f.user)
}

// change sets the password of whoever an access token belongs to.
func (s *Server) change(w http.ResponseWriter, r *http.Request) {
	in, ok := read(w, r)
	if !ok {
		return
	}
	u := s.bearer(r)
	switch {
	case u == nil:
		refuse(w, 401, "bad_jwt", "invalid JWT")
	case len(in.Password) < 8:
		refuse(w, 422, "weak_password", "Password should be at least 8 characters.")
	case in.Password == u.password:
		refuse(w, 422, "same_password", "New password should be different from the old password.")
	default:
		u.password = in.Password
		reply(w, 200, map[string]any{"id": u.id, "email": u.email})
	}
}

func (s *Server) bearer(r *http.Request) *user {
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	sub, _ := subject(token)
	for _, u := range s.users {
		if u.id == sub {
			return u
		}
	}
	return nil
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	scope := r.URL.Query().Get("scope")
	s.Logouts = append(s.Logouts, scope+" "+r.Header.Get("Authorization"))
	u := s.bearer(r)
	for who, of := range s.who {
		if scope == "global" && of == u {
			delete(s.current, who)
			delete(s.who, who)
			for token, owner := range s.owner {
				if owner == who {
					delete(s.owner, token)
				}
			}
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// authorize is the other service, which lets everybody in at once. As the real
// server does, it takes any loopback IP address for the way back and silently
// the project's own page for all else.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_to"))
	if err != nil || net.ParseIP(back.Hostname()) == nil || !net.ParseIP(back.Hostname()).IsLoopback() {
		http.Redirect(w, r, "https://site.example/", http.StatusFound)
		return
	}
	answer := back.Query()
	switch provider := q.Get("provider"); {
	case provider != "google" && provider != "github" || s.banned[provider]:
		refuse(w, 400, "validation_failed", "Unsupported provider: provider is not enabled")
		return
	case q.Get("code_challenge_method") != "s256" || len(q.Get("code_challenge")) != 43:
		refuse(w, 400, "validation_failed", "code challenge is not valid")
		return
	case q.Get("deny") != "":
		answer.Set("error", "access_denied")
	default:
		s.n++
		code := fmt.Sprintf("code-%d", s.n)
		s.flows[code] = &flow{s.users[Email], "pkce", q.Get("code_challenge")}
		answer.Set("code", code)
	}
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// subject reads whom a token of this server is for; it trusts the signature.
func subject(token string) (string, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", fmt.Errorf("not a token")
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", err
	}
	var claims struct {
		Sub string `json:"sub"`
	}
	return claims.Sub, json.Unmarshal(text, &claims)
}
