package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func TestGoodTokens(t *testing.T) {
	a := newAuthority(t, "ec1", "rsa1")
	v := a.verifier(t, time.Now)
	for _, kid := range []string{"ec1", "rsa1"} {
		p, err := v.verify(t.Context(), a.sign(t, kid, a.good(alice), nil))
		if err != nil || p.ID != alice || p.Email != "ada@example.org" {
			t.Errorf("%s: %+v, %v", kid, p, err)
		}
	}
}

// with returns the good claims changed; a nil value takes a claim away.
func (a *authority) with(changes jwt.MapClaims) jwt.MapClaims {
	c := a.good(alice)
	for k, val := range changes {
		if val == nil {
			delete(c, k)
			continue
		}
		c[k] = val
	}
	return c
}

// Each token differs from a good one in one thing, and is refused for it.
func badTokens(t *testing.T, rows map[string]func(a *authority) string) {
	t.Helper()
	a := newAuthority(t, "ec1", "rsa1", "weak1", "p384")
	v := a.verifier(t, time.Now)
	for name, token := range rows {
		if p, err := v.verify(t.Context(), token(a)); err == nil {
			t.Errorf("%s: accepted as %+v", name, p)
		} else if errors.Is(err, errNoKeys) {
			t.Errorf("%s: not refused but put off", name)
		}
	}
}

func TestT1_AlgNone(t *testing.T) {
	badTokens(t, map[string]func(a *authority) string{
		"none": func(a *authority) string {
			return signWith(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "ec1", a.good(alice), nil)
		},
		"nOnE": func(a *authority) string {
			s := strings.Split(a.sign(t, "ec1", a.good(alice), nil), ".")
			return b64([]byte(`{"alg":"nOnE","typ":"JWT","kid":"ec1"}`)) + "." + s[1] + "."
		},
		"no signature": func(a *authority) string {
			s := a.sign(t, "ec1", a.good(alice), nil)
			return s[:strings.LastIndex(s, ".")+1]
		},
		"another's signature": func(a *authority) string {
			s, other := a.sign(t, "ec1", a.good(alice), nil), a.sign(t, "ec1", a.with(jwt.MapClaims{"email": "x"}), nil)
			return s[:strings.LastIndex(s, ".")] + other[strings.LastIndex(other, "."):]
		},
		"no token":  func(*authority) string { return "x" },
		"two parts": func(*authority) string { return "e30.e30" },
	})
}

func TestT2_HMACWithPublicKey(t *testing.T) {
	pemOf := func(a *authority, kid string) []byte {
		der, err := x509.MarshalPKIXPublicKey(a.keys[kid].Public())
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	}
	badTokens(t, map[string]func(a *authority) string{
		"HS256 with the RSA key": func(a *authority) string {
			return signWith(t, jwt.SigningMethodHS256, pemOf(a, "rsa1"), "rsa1", a.good(alice), nil)
		},
		"HS256 with the EC key": func(a *authority) string {
			return signWith(t, jwt.SigningMethodHS256, pemOf(a, "ec1"), "ec1", a.good(alice), nil)
		},
		"HS256 without a key": func(a *authority) string {
			return signWith(t, jwt.SigningMethodHS256, []byte{}, "", a.good(alice), nil)
		},
		"RS256 under an EC key's id": func(a *authority) string {
			return signWith(t, jwt.SigningMethodRS256, a.keys["rsa1"], "ec1", a.good(alice), nil)
		},
		"PS256": func(a *authority) string {
			return signWith(t, jwt.SigningMethodPS256, a.keys["rsa1"], "rsa1", a.good(alice), nil)
		},
		"a weak key": func(a *authority) string { return a.sign(t, "weak1", a.good(alice), nil) },
		"another size": func(a *authority) string {
			return signWith(t, jwt.SigningMethodES384, a.keys["p384"], "p384", a.good(alice), nil)
		},
	})
}

func TestT3_KeyInHeader(t *testing.T) {
	thief, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	fetched := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a key was fetched from the token's address") }))
	defer fetched.Close()
	rows := map[string]func(a *authority) string{}
	for name, value := range map[string]any{
		"jku": fetched.URL, "x5u": fetched.URL, "x5c": []string{"AAAA"}, "crit": []string{"exp"},
		"jwk": map[string]string{"kty": "EC", "crv": "P-256", "x": b64(thief.X.Bytes()), "y": b64(thief.Y.Bytes())},
	} {
		rows[name+", thief's key"] = func(a *authority) string {
			return signWith(t, jwt.SigningMethodES256, thief, "ec1", a.good(alice), map[string]any{name: value})
		}
		rows[name+", good key"] = func(a *authority) string {
			return a.sign(t, "ec1", a.good(alice), map[string]any{name: value})
		}
	}
	rows["thief's key"] = func(a *authority) string {
		return signWith(t, jwt.SigningMethodES256, thief, "ec1", a.good(alice), nil)
	}
	rows["kid is no string"] = func(a *authority) string { return a.sign(t, "ec1", a.good(alice), map[string]any{"kid": 1}) }
	badTokens(t, rows)
}

func TestT4_Expired(t *testing.T) {
	badTokens(t, map[string]func(a *authority) string{
		"expired": func(a *authority) string {
			return a.sign(t, "ec1", a.with(jwt.MapClaims{"exp": time.Now().Add(-time.Minute).Unix()}), nil)
		},
		"never":        func(a *authority) string { return a.sign(t, "ec1", a.with(jwt.MapClaims{"exp": nil}), nil) },
		"not a number": func(a *authority) string { return a.sign(t, "ec1", a.with(jwt.MapClaims{"exp": "tomorrow"}), nil) },
	})
}

// A remembered token is forgotten when it expires, and when its key is withdrawn.
func TestT4_RememberedNoLonger(t *testing.T) {
	a := newAuthority(t, "ec1", "ec2")
	clock := time.Now()
	v := a.verifier(t, func() time.Time { return clock })
	token := a.sign(t, "ec1", a.good(alice), nil)
	check := func(want bool) {
		t.Helper()
		if _, err := v.verify(t.Context(), token); (err == nil) != want {
			t.Errorf("accepted %v, want %v (%v)", err == nil, want, err)
		}
	}
	check(true)
	clock = clock.Add(59 * time.Minute)
	check(true)
	clock = clock.Add(2 * time.Minute)
	check(false)
	clock = clock.Add(-time.Hour)
	check(true)
	a.withdraw("ec1")
	if err := v.keys.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(false)
}

func TestT5_NotYetValid(t *testing.T) {
	later := time.Now().Add(5 * time.Minute).Unix()
	badTokens(t, map[string]func(a *authority) string{
		"nbf": func(a *authority) string { return a.sign(t, "ec1", a.with(jwt.MapClaims{"nbf": later}), nil) },
		"iat": func(a *authority) string { return a.sign(t, "ec1", a.with(jwt.MapClaims{"iat": later}), nil) },
	})
	a := newAuthority(t, "ec1")
	soon := a.with(jwt.MapClaims{"nbf": time.Now().Add(20 * time.Second).Unix()}) // clocks differ
	if _, err := a.verifier(t, time.Now).verify(t.Context(), a.sign(t, "ec1", soon, nil)); err != nil {
		t.Errorf("20 s of clock difference: %v", err)
	}
}

func TestT6_AudienceAndIssuer(t *testing.T) {
	rows := map[string]func(a *authority) string{}
	for name, c := range map[string]jwt.MapClaims{
		"no aud": {"aud": nil}, "other aud": {"aud": "anon"}, "list without": {"aud": []string{"a", "b"}},
		"no iss": {"iss": nil}, "other iss": {"iss": "https://evil.example/auth/v1"}, "iss with a slash": {"iss": "http://127.0.0.1/auth/v1/"},
	} {
		rows[name] = func(a *authority) string { return a.sign(t, "ec1", a.with(c), nil) }
	}
	badTokens(t, rows)
}

func TestT7_WrongType(t *testing.T) {
	rows := map[string]func(a *authority) string{
		"typ at+jwt": func(a *authority) string { return a.sign(t, "ec1", a.good(alice), map[string]any{"typ": "logout+jwt"}) },
		"typ 1":      func(a *authority) string { return a.sign(t, "ec1", a.good(alice), map[string]any{"typ": 1}) },
	}
	for name, c := range map[string]jwt.MapClaims{
		"anon key": {"role": "anon", "sub": nil}, "service role": {"role": "service_role"}, "no role": {"role": nil},
		"no subject": {"sub": nil}, "subject is no user": {"sub": "admin"}, "nil user": {"sub": "00000000-0000-0000-0000-000000000000"},
		"anonymous": {"is_anonymous": true},
	} {
		rows[name] = func(a *authority) string { return a.sign(t, "ec1", a.with(c), nil) }
	}
	badTokens(t, rows)
}

// A key that was rotated in costs one fetch, however many tokens name it at once.
func TestT8_Rotation(t *testing.T) {
	a := newAuthority(t, "ec1")
	v := a.verifier(t, time.Now)
	a.add(t, "ec2")
	var wait sync.WaitGroup
	for i := range 50 {
		token := a.sign(t, "ec2", a.with(jwt.MapClaims{"email": fmt.Sprint(i)}), nil)
		wait.Go(func() {
			if _, err := v.verify(t.Context(), token); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if n := a.fetches.Load(); n != 2 {
		t.Errorf("%d fetches, want 2", n)
	}
}

func TestT8_UnknownKeyFlood(t *testing.T) {
	a := newAuthority(t, "ec1", "thief")
	clock := time.Now()
	v := a.verifier(t, func() time.Time { return clock })
	flood := func() {
		for i := range 200 {
			token := a.sign(t, "thief", a.good(alice), map[string]any{"kid": fmt.Sprint("invented", i)})
			if _, err := v.verify(t.Context(), token); !errors.Is(err, errUnknownKey) {
				t.Fatal(err)
			}
		}
	}
	for minute := range 3 {
		flood()
		clock = clock.Add(59 * time.Second)
		flood()
		clock = clock.Add(2 * time.Second)
		if n := a.fetches.Load(); n != int64(2+minute) {
			t.Errorf("%d fetches after minute %d", n, minute+1)
		}
	}
}

func TestT8_ServiceDown(t *testing.T) {
	a := newAuthority(t, "ec1")
	clock := time.Now()
	v := a.verifier(t, func() time.Time { return clock })
	a.down.Store(true)
	clock = clock.Add(23 * time.Hour)
	later := jwt.MapClaims{"exp": clock.Add(5 * time.Hour).Unix()}
	if _, err := v.verify(t.Context(), a.sign(t, "ec1", a.with(later), nil)); err != nil {
		t.Errorf("after 23 h: %v", err)
	}
	clock = clock.Add(2 * time.Hour)
	later["email"] = "not remembered"
	if _, err := v.verify(t.Context(), a.sign(t, "ec1", a.with(later), nil)); !errors.Is(err, errNoKeys) {
		t.Errorf("after 25 h: %v", err)
	}
	a.down.Store(false)
	clock = clock.Add(time.Minute)
	if _, err := v.verify(t.Context(), a.sign(t, "ec1", a.with(later), nil)); err != nil {
		t.Errorf("after its return: %v", err)
	}
}

// The service is away when we start: tokens are put off, not refused, and the
// keys are there soon after it is.
func TestT8_DownAtStart(t *testing.T) {
	a := newAuthority(t, "ec1")
	a.down.Store(true)
	v := a.coldVerifier(time.Now)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); v.keys.run(ctx) }()
	defer func() { cancel(); <-done }()
	token := a.sign(t, "ec1", a.good(alice), nil)
	if _, err := v.verify(t.Context(), token); !errors.Is(err, errNoKeys) || v.keys.ready() == nil {
		t.Fatal(err)
	}
	a.down.Store(false)
	for v.keys.ready() != nil {
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := v.verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
}

// HS256 is a setting of its own, and then nothing else is accepted.
func TestT2_SecretIsASetting(t *testing.T) {
	a := newAuthority(t, "ec1")
	secret := []byte("a-secret-of-at-least-32-characters")
	v := newVerifier(a.issuer(), nil, secret, time.Now)
	if _, err := v.verify(t.Context(), signWith(t, jwt.SigningMethodHS256, secret, "", a.good(alice), nil)); err != nil {
		t.Error(err)
	}
	if _, err := v.verify(t.Context(), a.sign(t, "ec1", a.good(alice), nil)); err == nil {
		t.Error("ES256 accepted")
	}
	if _, err := v.verify(t.Context(), signWith(t, jwt.SigningMethodHS256, []byte("another"), "", a.good(alice), nil)); err == nil {
		t.Error("another secret accepted")
	}
}

// The memory of tokens is bounded.
func TestRememberedTokensAreBounded(t *testing.T) {
	v := newVerifier("x", nil, nil, time.Now)
	for i := range maxRemembered + 10 {
		v.remember([32]byte{byte(i), byte(i >> 8), byte(i >> 16)}, remembered{expires: time.Now().Add(time.Hour)})
	}
	if n := len(v.seen); n > maxRemembered {
		t.Errorf("%d tokens", n)
	}
}
