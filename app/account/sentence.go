package account

import (
	"fmt"
	"strings"
	"unicode"
)

// What the person is told when secrets are kept for the run only.
const (
	missing = "This computer has no keyring, so keys are kept for this run only. Install and start one (GNOME Keyring, KWallet or KeePassXC) to keep them."
	locked  = "The keyring is locked, so keys are kept for this run only. Unlock it and enter the key again to keep it."
	silent  = "The keyring does not answer, so keys are kept for this run only. Unlock it if it asks for a password."
)

// unavailable is ErrUnavailable with its cause.
type unavailable struct {
	sentence string
	err      error
}

func (u *unavailable) Error() string        { return ErrUnavailable.Error() + ": " + u.err.Error() }
func (u *unavailable) Unwrap() error        { return u.err }
func (u *unavailable) Is(target error) bool { return target == ErrUnavailable }

// Sentence is what the person is told.
func (u *unavailable) Sentence() string { return u.sentence }

// sentenceFor tells a locked keyring from a missing one by go-keyring's words:
// it has no error value for it.
func sentenceFor(err error) string {
	if text := err.Error(); strings.Contains(text, "unlock") || strings.Contains(text, "IsLocked") {
		return locked
	}
	return missing
}

// KeyError is why a pasted text cannot be a key. It never holds the text.
type KeyError struct{ sentence string }

func (e *KeyError) Error() string { return "clean key: not a key" }

// Sentence is what the person is told.
func (e *KeyError) Sentence() string { return e.sentence }

// Lengths of a plausible key. Deepgram's have 40 characters, Groq's 56; local
// servers take what their owner chose.
const (
	minKey = 8
	maxKey = 512
)

// CleanKey takes a pasted key and returns it without the spaces, quotes and
// invisible characters that come along when copying. What cannot be a key is a
// *KeyError.
func CleanKey(pasted string) (string, error) {
	key := strings.TrimFunc(pasted, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune("\"'`“”‘’", r)
	})
	switch {
	case key == "":
		return "", &KeyError{"Paste the key first."}
	case strings.ContainsFunc(key, unicode.IsSpace):
		return "", &KeyError{"This is not a key: a key is one word without spaces. Copy it again."}
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", &KeyError{"This is not a key: it has characters that no key has. Copy it again."}
	case len(key) < minKey:
		return "", &KeyError{fmt.Sprintf("This is too short for a key: it has %d characters. Copy all of it.", len(key))}
	case len(key) > maxKey:
		return "", &KeyError{"This is too long for a key. Copy the key alone."}
	}
	return key, nil
}
