// Package account keeps what belongs to the person who uses the app. [Keys]
// holds their secrets in the operating system's keyring: Keychain on macOS, the
// Credential Manager on Windows, the Secret Service (GNOME Keyring, KWallet,
// KeePassXC) elsewhere. Each secret is an item of its own. [Account] is their
// sign-in at Supabase for the hosted mode, of which Keys holds the refresh token.
//
// Where no keyring answers (none installed, no session bus, locked) secrets are
// kept in memory for the run and nowhere else; nothing is ever written to a
// file, a log or an error. [Keys.Sentence] tells the person so.
//
// A keyring may ask the person for a password and take as long as they do. Calls
// wait for it within their context, away from the window's goroutine.
package account

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/zalando/go-keyring"
)

// Names of the secrets.
const (
	Deepgram = "deepgram" // the person's own key
	Groq     = "groq"     // the person's own key
)

// service is what the keyring's own window shows the items under.
const service = "interview-copilot"

// MaxSecret is how many bytes a secret may have: what the Windows Credential
// Manager takes, held everywhere so that a secret fits wherever it is entered.
const MaxSecret = 2560

// unlockTime is how long a person has to unlock the keyring.
const unlockTime = time.Minute

var (
	ErrNotFound    = errors.New("no such secret")
	ErrTooBig      = fmt.Errorf("secret of more than %d bytes", MaxSecret)
	ErrUnavailable = errors.New("no keyring answers")
)

// Keys keeps secrets by name. It calls the keyring from one goroutine of its
// own at a time, which lasts as long as the keyring takes: a call cannot be
// taken back, only not waited for, and what it brings later is still used.
type Keys struct {
	busy chan struct{} // holds one while the keyring is asked

	mu      sync.Mutex
	held    map[string]string // known in this run
	unsaved map[string]bool   // names of held that are not in the keyring
	trouble error             // of the last call of the keyring
}

// NewKeys returns Keys over the keyring of this user. It does not ask it.
func NewKeys() *Keys {
	return &Keys{busy: make(chan struct{}, 1), held: map[string]string{}, unsaved: map[string]bool{}}
}

// Get returns a secret. Once known it comes from memory, so that Get can be
// called before each request. ErrNotFound says that there is none and
// ErrUnavailable that it cannot be had, because no keyring answers or none did
// within ctx or a minute: in both cases ask the person.
func (k *Keys) Get(ctx context.Context, name string) (string, error) {
	if secret, ok := k.known(name); ok {
		return secret, nil
	}
	err := k.ask(ctx, func() error {
		secret, err := keyring.Get(service, name)
		if err != nil {
			return err
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		if _, newer := k.held[name]; !newer {
			k.held[name] = secret
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("get secret %q: %w", name, err)
	}
	secret, ok := k.known(name)
	if !ok { // deleted in the meantime
		return "", fmt.Errorf("get secret %q: %w", name, ErrNotFound)
	}
	return secret, nil
}

// reread returns the secret that is in the keyring now, which another run of the
// program may have put there. One that could not be saved yet comes from memory.
func (k *Keys) reread(ctx context.Context, name string) (secret string, err error) {
	k.mu.Lock()
	held, unsaved := k.held[name], k.unsaved[name]
	k.mu.Unlock()
	if unsaved {
		return held, nil
	}
	found := make(chan string, 1)
	err = k.ask(ctx, func() error {
		secret, err := keyring.Get(service, name)
		if err == nil {
			found <- secret
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read secret %q again: %w", name, err)
	}
	return <-found, nil
}

// Set keeps a secret, in the keyring where one answers within ctx or a minute
// and else in memory: Persistent tells which. It fails with ErrTooBig only, or
// when ctx is cancelled; the secret is in memory even then.
func (k *Keys) Set(ctx context.Context, name, secret string) error {
	if len(secret) > MaxSecret {
		return fmt.Errorf("set secret %q: %w", name, ErrTooBig)
	}
	k.mu.Lock()
	k.held[name], k.unsaved[name] = secret, true
	k.mu.Unlock()
	err := k.ask(ctx, k.save)
	if err != nil && !errors.Is(err, ErrUnavailable) {
		return fmt.Errorf("set secret %q: %w", name, err)
	}
	return nil
}

// Delete forgets a secret. That there is none is no error. ErrUnavailable says
// that it is forgotten for this run but may still be in the keyring.
func (k *Keys) Delete(ctx context.Context, name string) error {
	k.mu.Lock()
	delete(k.held, name)
	delete(k.unsaved, name)
	k.mu.Unlock()
	err := k.ask(ctx, func() error {
		err := keyring.Delete(service, name)
		k.mu.Lock()
		defer k.mu.Unlock()
		if !k.unsaved[name] { // no newer one; an earlier Get may have come late
			delete(k.held, name)
		}
		return err
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("delete secret %q: %w", name, err)
	}
	return nil
}

// Persistent reports whether all secrets of this run will be there in the
// next, as far as is known.
func (k *Keys) Persistent() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.trouble == nil && len(k.unsaved) == 0
}

// Sentence tells the person why secrets are kept for this run only and what to
// do about it. It is empty when they are kept for good.
func (k *Keys) Sentence() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var u *unavailable
	switch {
	case errors.As(k.trouble, &u):
		return u.sentence
	case len(k.unsaved) > 0:
		return silent
	}
	return ""
}

func (k *Keys) known(name string) (string, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	secret, ok := k.held[name]
	return secret, ok
}

// ask calls the keyring through call, then saves what is unsaved, and waits for
// both as long as ctx and unlockTime allow.
func (k *Keys) ask(ctx context.Context, call func() error) error {
	limit, cancel := context.WithTimeout(ctx, unlockTime)
	defer cancel()
	select {
	case k.busy <- struct{}{}:
	case <-limit.Done():
		return k.late(ctx)
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-k.busy }()
		err := protect(call)
		trouble := err
		if err == nil || errors.Is(err, ErrNotFound) { // it answers: save what it had not
			trouble = protect(k.save)
		}
		k.note(trouble)
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-limit.Done():
		return k.late(ctx)
	}
}

// late is the error of a call that the keyring did not answer in time.
func (k *Keys) late(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	err := &unavailable{silent, context.DeadlineExceeded}
	k.note(err)
	return err
}

// note keeps what the person is told.
func (k *Keys) note(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.trouble = nil
	if errors.Is(err, ErrUnavailable) {
		k.trouble = err
	}
}

// save writes the unsaved secrets to the keyring. It is called by one goroutine
// at a time.
func (k *Keys) save() error {
	k.mu.Lock()
	unsaved := maps.Clone(k.unsaved)
	k.mu.Unlock()
	for name := range unsaved {
		secret, ok := k.known(name)
		if !ok {
			continue
		}
		if err := keyring.Set(service, name, secret); err != nil {
			return err
		}
		k.mu.Lock()
		if k.held[name] == secret {
			delete(k.unsaved, name)
		}
		k.mu.Unlock()
	}
	return nil
}

// protect calls the keyring and turns its errors into ours.
func protect(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil { // go-keyring trusts the types of D-Bus replies
			err = &unavailable{missing, fmt.Errorf("keyring: %v", p)}
		}
	}()
	if err := reachable(runtime.GOOS, os.Getenv, fileExists, os.Getuid()); err != nil {
		return &unavailable{missing, err}
	}
	err = call()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, keyring.ErrNotFound):
		return ErrNotFound
	case errors.Is(err, keyring.ErrSetDataTooBig):
		return ErrTooBig
	}
	return &unavailable{sentenceFor(err), err}
}

// reachable keeps us from asking the Secret Service without a session bus:
// go-keyring's D-Bus client would then run dbus-launch, and leave a daemon
// behind at each start. It looks where that client looks.
func reachable(system string, getenv func(string) string, exists func(string) bool, uid int) error {
	if system == "windows" || system == "darwin" {
		return nil
	}
	if address := getenv("DBUS_SESSION_BUS_ADDRESS"); address != "" && address != "autolaunch:" {
		return nil
	}
	if exists("/run/user/" + strconv.Itoa(uid) + "/bus") {
		return nil
	}
	return errors.New("no session bus")
}

func fileExists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
