package account

import (
	"errors"
	"strings"
	"testing"
)

// The Credential Manager itself, up to the largest secret it takes.
func TestWindowsCredentialManager(t *testing.T) {
	const name = "test of the credential manager"
	secret := strings.Repeat("x", MaxSecret)
	k := NewKeys()
	if err := k.Set(t.Context(), name, secret); err != nil {
		t.Fatal(err)
	}
	if !k.Persistent() {
		t.Error("the secret is kept for this run only: " + k.Sentence())
	}
	other := NewKeys() // as the next run
	if got, err := other.Get(t.Context(), name); err != nil || got != secret {
		t.Errorf("read back: %d bytes, %v", len(got), err)
	}
	if err := k.Set(t.Context(), name, secret+"x"); err == nil {
		t.Error("one byte more was taken")
	}
	if err := other.Delete(t.Context(), name); err != nil {
		t.Error(err)
	}
	if _, err := NewKeys().Get(t.Context(), name); !errors.Is(err, ErrNotFound) {
		t.Errorf("after it was deleted: %v", err)
	}
}
