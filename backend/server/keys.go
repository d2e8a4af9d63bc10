package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/MicahParks/jwkset"
)

// keySet holds the public keys of the sign-in service. It fetches them every
// ten minutes (the service's own max-age) and once more when a token names a
// key it does not know, but for that at most once a minute, so that a flood of
// invented names costs one request. While the service is away the keys it has
// are good for a day.
type keySet struct {
	url  string
	http *http.Client
	now  func() time.Time
	log  *slog.Logger
	// changed is called when a key went away.
	changed func()

	mu       sync.Mutex
	keys     map[string]any // by key id; *ecdsa.PublicKey or *rsa.PublicKey
	fetched  time.Time      // the last success
	forced   time.Time      // the last fetch because of an unknown key
	fetching chan struct{}  // closed when the fetch under way has ended
	failed   error          // why the last fetch failed
}

const (
	keysRefresh  = 10 * time.Minute
	keysStale    = 24 * time.Hour
	forcedPause  = time.Minute
	fetchTimeout = 10 * time.Second
	maxKeys      = 64
)

var (
	errUnknownKey = errors.New("signed with an unknown key")
	errNoKeys     = errors.New("the keys of the sign-in service are not known")
)

// run keeps the keys fresh until ctx is cancelled.
func (k *keySet) run(ctx context.Context) {
	wait := time.Second
	for {
		next := keysRefresh
		if err := k.refresh(ctx); err != nil && ctx.Err() == nil {
			k.log.Warn("keys of the sign-in service not fetched", "err", err)
			next, wait = wait, min(2*wait, time.Minute)
		} else {
			wait = time.Second
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(next):
		}
	}
}

// key returns the public key with this id: errUnknownKey when there is none,
// errNoKeys when that cannot be told.
func (k *keySet) key(ctx context.Context, id string) (any, error) {
	if key, err := k.known(id); err == nil {
		return key, nil
	}
	k.mu.Lock()
	if k.now().Sub(k.forced) < forcedPause {
		wait := k.fetching
		k.mu.Unlock()
		if wait != nil { // the answer to this very question may be on its way
			select {
			case <-wait:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		return k.known(id)
	}
	k.forced = k.now()
	k.mu.Unlock()
	if err := k.refresh(context.WithoutCancel(ctx)); err != nil {
		k.log.Warn("keys of the sign-in service not fetched", "err", err)
	}
	return k.known(id)
}

func (k *keySet) known(id string) (any, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.fresh() {
		return nil, errNoKeys
	}
	if key := k.keys[id]; key != nil {
		return key, nil
	}
	return nil, errUnknownKey
}

// fresh reports whether the keys may be trusted. Called with mu held.
func (k *keySet) fresh() bool { return k.keys != nil && k.now().Sub(k.fetched) < keysStale }

// ready says why tokens cannot be verified.
func (k *keySet) ready() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.fresh() {
		return errNoKeys
	}
	return nil
}

// refresh fetches the keys, or waits for the fetch that is under way.
func (k *keySet) refresh(ctx context.Context) error {
	k.mu.Lock()
	if wait := k.fetching; wait != nil {
		k.mu.Unlock()
		select {
		case <-wait:
			k.mu.Lock()
			defer k.mu.Unlock()
			return k.failed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	done := make(chan struct{})
	k.fetching = done
	k.mu.Unlock()

	keys, err := k.fetch(ctx)

	k.mu.Lock()
	defer k.mu.Unlock()
	k.fetching, k.failed = nil, err
	close(done)
	if err != nil {
		return err
	}
	gone := false
	for id := range k.keys {
		gone = gone || keys[id] == nil
	}
	k.keys, k.fetched = keys, k.now()
	if gone {
		k.changed()
	}
	return nil
}

func (k *keySet) fetch(ctx context.Context) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, nil)
	if err != nil {
		return nil, fmt.Errorf("fetch keys: %w", err)
	}
	resp, err := k.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch keys: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch keys: status %d", resp.StatusCode)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 256<<10)).Decode(&set); err != nil {
		return nil, fmt.Errorf("fetch keys: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("fetch keys: %d keys", len(set.Keys))
	}
	keys := map[string]any{}
	for _, raw := range set.Keys {
		jwk, err := jwkset.NewJWKFromRawJSON(raw, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
		if err != nil {
			continue // of a kind we do not use
		}
		if m := jwk.Marshal(); m.KID != "" && (m.USE == "" || m.USE == jwkset.UseSig) && strongEnough(jwk.Key()) {
			keys[m.KID] = jwk.Key()
		}
	}
	return keys, nil
}

// strongEnough accepts the public keys that ES256 and RS256 are meant for.
func strongEnough(key any) bool {
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		return key.Curve == elliptic.P256()
	case *rsa.PublicKey:
		return key.N.BitLen() >= 2048
	}
	return false
}
