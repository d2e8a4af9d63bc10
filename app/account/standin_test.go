package account

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// goTrue stands in for Supabase's sign-in server, as strict as that is: refresh
// tokens are good for one use, the use of an old one ends the sign-in, and
// requests without the project's key or with unknown fields are refused.
type goTrue struct {
	*httptest.Server
	t *testing.T

	mu        sync.Mutex
	n         int
	current   map[string]string // refresh token by sign-in
	owner     map[string]string // sign-in by refresh token, used ones too
	refreshes int
	logouts   []string
	problem   func(w http.ResponseWriter, r *http.Request) bool // answers instead when true
	life      int                                               // of an access token, seconds
}

const (
	goodEmail    = "ada@example.com"
	goodPassword = "correct horse"
	projectKey   = "sb_publishable_test"
)

func newGoTrue(t *testing.T) *goTrue {
	g := &goTrue{t: t, current: map[string]string{}, owner: map[string]string{}, life: 3600}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /auth/v1/token", g.token)
	mux.HandleFunc("POST /auth/v1/logout", g.logout)
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		problem := g.problem
		g.mu.Unlock()
		if problem != nil && problem(w, r) {
			return
		}
		if r.Header.Get("apikey") != projectKey {
			g.refuse(w, 401, "no_authorization", "No API key found in request")
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(g.Close)
	return g
}

func (g *goTrue) set(change func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change()
}

func (g *goTrue) refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"code": status, "error_code": code, "msg": message})
}

func (g *goTrue) token(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Email        string `json:"email"`
		Password     string `json:"password"`
		RefreshToken string `json:"refresh_token"`
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil || r.Header.Get("Content-Type") != "application/json" {
		g.refuse(w, 400, "bad_json", "Could not parse request body as JSON")
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch r.URL.Query().Get("grant_type") {
	case "password":
		if in.Email != goodEmail || in.Password != goodPassword {
			g.refuse(w, 400, "invalid_credentials", "Invalid login credentials: "+in.Password)
			return
		}
		g.n++
		g.issue(w, fmt.Sprintf("sign-in-%d", g.n))
	case "refresh_token":
		g.refreshes++
		who, known := g.owner[in.RefreshToken]
		switch {
		case !known:
			g.refuse(w, 400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
		case g.current[who] != in.RefreshToken: // stolen: the whole family is revoked
			delete(g.current, who)
			g.refuse(w, 400, "refresh_token_already_used", "Invalid Refresh Token: Already Used")
		default:
			g.issue(w, who)
		}
	default:
		g.refuse(w, 400, "validation_failed", "unsupported_grant_type")
	}
}

func (g *goTrue) issue(w http.ResponseWriter, who string) {
	g.n++
	refresh := fmt.Sprintf("refresh-%d", g.n)
	g.current[who], g.owner[refresh] = refresh, who
	w.Header().Set("Content-Type", "application/json")
	now := time.Now().UTC().Format(time.RFC3339Nano)
	json.NewEncoder(w).Encode(map[string]any{
		"access_token": fmt.Sprintf("access-%d-%s", g.n, who), "refresh_token": refresh,
		"token_type": "bearer", "expires_in": g.life, "expires_at": time.Now().Unix() + int64(g.life),
		"user": map[string]any{"id": "7e7d6a3f-4a3c-4d3e-9b5f-0f3d1c2b1a00", "aud": "authenticated", "role": "authenticated",
			"email": goodEmail, "created_at": now, "updated_at": now, "app_metadata": map[string]any{}, "user_metadata": map[string]any{}},
	})
}

func (g *goTrue) logout(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.logouts = append(g.logouts, r.URL.Query().Get("scope")+" "+r.Header.Get("Authorization"))
	w.WriteHeader(http.StatusNoContent)
}

// steal uses the newest refresh token of the newest sign-in, as a thief would.
func (g *goTrue) steal() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for who, token := range g.current {
		g.n++
		g.current[who] = fmt.Sprintf("refresh-%d", g.n)
		g.owner[g.current[who]] = who
		if !slices.Contains([]string{token}, g.current[who]) {
			return
		}
	}
	g.t.Fatal("there is nothing to steal")
}
