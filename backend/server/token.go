package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// person is who an access token speaks for.
type person struct {
	ID    string // the user's id, a UUID in its usual form
	Email string
}

// verifier tells whose access token it is. A verified token is remembered by
// its hash until it expires, so that its signature is checked once.
type verifier struct {
	parser *jwt.Parser
	keys   *keySet // nil: tokens are signed with secret
	secret []byte
	now    func() time.Time

	mu   sync.RWMutex
	seen map[[sha256.Size]byte]remembered
}

type remembered struct {
	person
	expires time.Time
}

const (
	maxToken      = 8 << 10
	maxRemembered = 50_000
	leeway        = 30 * time.Second
	audience      = "authenticated" // and the role of a person who is signed in
)

// newVerifier accepts what issuer signs: ES256 and RS256 with one of keys, or,
// when there are none, HS256 with secret. Which of the two is for the setting
// to say, never for a token.
func newVerifier(issuer string, keys *keySet, secret []byte, now func() time.Time) *verifier {
	methods := []string{"ES256", "RS256"}
	if keys == nil {
		methods = []string{"HS256"}
	}
	return &verifier{
		parser: jwt.NewParser(
			jwt.WithValidMethods(methods), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
			jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(leeway), jwt.WithTimeFunc(now)),
		keys: keys, secret: secret, now: now,
		seen: map[[sha256.Size]byte]remembered{},
	}
}

// claims of an access token of Supabase Auth.
type claims struct {
	jwt.RegisteredClaims
	Email     string `json:"email"`
	Role      string `json:"role"`
	Anonymous bool   `json:"is_anonymous"`
}

var errNoToken = errors.New("no bearer token")

// person returns whom the request speaks for. Its error is errNoKeys when that
// cannot be told now, and else says why the token is not accepted.
func (v *verifier) person(r *http.Request) (person, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken {
		return person{}, errNoToken
	}
	return v.verify(r.Context(), token)
}

func (v *verifier) verify(ctx context.Context, token string) (person, error) {
	hash := sha256.Sum256([]byte(token))
	v.mu.RLock()
	r, ok := v.seen[hash]
	v.mu.RUnlock()
	if ok && v.now().Before(r.expires) {
		return r.person, nil
	}
	var c claims
	_, err := v.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) { return v.keyOf(ctx, t) })
	if errors.Is(err, errNoKeys) {
		return person{}, errNoKeys
	}
	if err != nil {
		return person{}, err
	}
	id, err := uuid.Parse(c.Subject)
	switch {
	case err != nil || id == uuid.Nil:
		return person{}, errors.New("the subject is not a user")
	case c.Role != audience:
		return person{}, errors.New("the role is not that of a person")
	case c.Anonymous:
		return person{}, errors.New("an anonymous user")
	}
	p := person{ID: id.String(), Email: c.Email}
	v.remember(hash, remembered{p, c.ExpiresAt.Time})
	return p, nil
}

// keyOf returns the key for a token: never one the token brings itself.
func (v *verifier) keyOf(ctx context.Context, t *jwt.Token) (any, error) {
	for _, name := range []string{"jku", "jwk", "x5u", "x5c", "crit"} {
		if _, ok := t.Header[name]; ok {
			return nil, fmt.Errorf("header %s is not accepted", name)
		}
	}
	if typ, ok := t.Header["typ"]; ok && typ != "JWT" {
		return nil, errors.New("not an access token")
	}
	if v.keys == nil {
		return v.secret, nil
	}
	id, _ := t.Header["kid"].(string)
	if id == "" {
		return nil, errUnknownKey
	}
	key, err := v.keys.key(ctx, id)
	if err != nil {
		return nil, err
	}
	switch key.(type) { // the key says which method it is for
	case *ecdsa.PublicKey:
		if t.Method == jwt.SigningMethodES256 {
			return key, nil
		}
	case *rsa.PublicKey:
		if t.Method == jwt.SigningMethodRS256 {
			return key, nil
		}
	}
	return nil, errors.New("the key is not for this method")
}

func (v *verifier) remember(hash [sha256.Size]byte, r remembered) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.seen) >= maxRemembered {
		now := v.now()
		for h, old := range v.seen {
			if !now.Before(old.expires) {
				delete(v.seen, h)
			}
		}
		if len(v.seen) >= maxRemembered {
			clear(v.seen)
		}
	}
	v.seen[hash] = r
}

// forget makes every token be verified again: a key was withdrawn.
func (v *verifier) forget() {
	v.mu.Lock()
	clear(v.seen)
	v.mu.Unlock()
}
