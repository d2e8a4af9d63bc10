package server

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// authority is the sign-in service: it signs tokens and publishes its keys.
type authority struct {
	*httptest.Server
	fetches atomic.Int64
	down    atomic.Bool

	mu   sync.Mutex
	keys map[string]crypto.Signer
}

func newAuthority(t testing.TB, ids ...string) *authority {
	a := &authority{keys: map[string]crypto.Signer{}}
	for _, id := range ids {
		a.add(t, id)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /auth/v1/.well-known/jwks.json", func(w http.ResponseWriter, r *http.Request) {
		a.fetches.Add(1)
		if a.down.Load() {
			http.Error(w, "away", http.StatusBadGateway)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=600")
		json.NewEncoder(w).Encode(map[string]any{"keys": a.published()})
	})
	a.Server = httptest.NewServer(mux)
	t.Cleanup(a.Close)
	return a
}

func (a *authority) add(t testing.TB, id string) {
	var key crypto.Signer
	var err error
	switch {
	case strings.HasPrefix(id, "rsa"):
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case strings.HasPrefix(id, "weak"):
		key, err = rsa.GenerateKey(rand.Reader, 1024)
	case strings.HasPrefix(id, "p384"):
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	default:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	a.keys[id] = key
	a.mu.Unlock()
}

func (a *authority) withdraw(id string) {
	a.mu.Lock()
	delete(a.keys, id)
	a.mu.Unlock()
}

// published is the key set, with one key of a kind that nobody here can use.
func (a *authority) published() []map[string]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := []map[string]string{{"kty": "OKP", "crv": "Ed448", "kid": "odd", "x": "AAAA"}}
	for id, key := range a.keys {
		m := map[string]string{"kid": id, "use": "sig"}
		switch pub := key.Public().(type) {
		case *ecdsa.PublicKey:
			size := (pub.Curve.Params().BitSize + 7) / 8
			m["kty"], m["crv"] = "EC", pub.Curve.Params().Name
			m["x"], m["y"] = b64(pub.X.FillBytes(make([]byte, size))), b64(pub.Y.FillBytes(make([]byte, size)))
		case *rsa.PublicKey:
			m["kty"], m["n"], m["e"] = "RSA", b64(pub.N.Bytes()), b64(big.NewInt(int64(pub.E)).Bytes())
		}
		list = append(list, m)
	}
	return list
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (a *authority) issuer() string { return a.URL + "/auth/v1" }

const alice = "11111111-1111-4111-8111-111111111111"

// good are the claims of an access token as Supabase Auth issues it.
func (a *authority) good(user string) jwt.MapClaims {
	now := time.Now()
	return jwt.MapClaims{
		"iss": a.issuer(), "sub": user, "aud": "authenticated", "role": "authenticated",
		"email": "ada@example.org", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"session_id": "5c3c6e0c-0000-4000-8000-000000000000", "is_anonymous": false,
	}
}

func (a *authority) sign(t testing.TB, kid string, c jwt.MapClaims, header map[string]any) string {
	t.Helper()
	a.mu.Lock()
	key := a.keys[kid]
	a.mu.Unlock()
	var method jwt.SigningMethod = jwt.SigningMethodES256
	if _, ok := key.(*rsa.PrivateKey); ok {
		method = jwt.SigningMethodRS256
	}
	return signWith(t, method, key, kid, c, header)
}

func signWith(t testing.TB, method jwt.SigningMethod, key any, kid string, c jwt.MapClaims, header map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(method, c)
	if kid != "" {
		token.Header["kid"] = kid
	}
	maps.Copy(token.Header, header)
	s, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// verifier returns one that has fetched the authority's keys.
func (a *authority) verifier(t testing.TB, now func() time.Time) *verifier {
	t.Helper()
	v := a.coldVerifier(now)
	if err := v.keys.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return v
}

func (a *authority) coldVerifier(now func() time.Time) *verifier {
	keys := &keySet{url: a.URL + "/auth/v1/.well-known/jwks.json", http: a.Client(), now: now, log: slog.New(slog.DiscardHandler)}
	v := newVerifier(a.issuer(), keys, nil, now)
	keys.changed = v.forget
	return v
}
