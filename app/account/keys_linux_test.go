package account

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func mustGet(t *testing.T, k *Keys, name, want string) {
	t.Helper()
	if got, err := k.Get(t.Context(), name); err != nil || got != want {
		t.Errorf("%s: %q, %v", name, got, err)
	}
}

func mustSet(t *testing.T, k *Keys, name, secret string) {
	t.Helper()
	if err := k.Set(t.Context(), name, secret); err != nil {
		t.Error(err)
	}
}

func persistent(t *testing.T, k *Keys, want bool, says string) {
	t.Helper()
	if k.Persistent() != want || !strings.Contains(k.Sentence(), says) || (k.Sentence() == "") != want {
		t.Errorf("persistent %v, %q", k.Persistent(), k.Sentence())
	}
}

// U5: secrets come back in the next run, one item each, until they are deleted.
func TestU5_KeyringKeepsSecrets(t *testing.T) {
	d := newDesktop(t)
	d.unlock()
	k := NewKeys()
	if _, err := k.Get(t.Context(), Groq); !errors.Is(err, ErrNotFound) {
		t.Fatalf("get before set: %v", err)
	}
	mustSet(t, k, Groq, secretFor("old"))
	mustSet(t, k, Groq, secretFor("groq"))
	mustSet(t, k, Deepgram, secretFor("deepgram"))
	mustGet(t, k, Groq, secretFor("groq"))
	persistent(t, k, true, "")

	d.logout()
	d.unlock()
	next := NewKeys()
	mustGet(t, next, Groq, secretFor("groq"))
	mustGet(t, next, Deepgram, secretFor("deepgram"))
	for range 2 { // deleting what is not there is no error
		if err := next.Delete(t.Context(), Groq); err != nil {
			t.Error(err)
		}
	}
	for _, k := range []*Keys{next, NewKeys()} {
		if _, err := k.Get(t.Context(), Groq); !errors.Is(err, ErrNotFound) {
			t.Errorf("get after delete: %v", err)
		}
		mustGet(t, k, Deepgram, secretFor("deepgram"))
	}
	d.noPlaintext(secretFor("groq"), secretFor("old"), secretFor("deepgram"))
}

// U5: of a locked keyring nothing is had and nothing lost: the person enters
// the key again, it lasts for the run, and nothing is written in plain text.
func TestU5_LockedKeyring(t *testing.T) {
	d := newDesktop(t)
	d.unlock()
	mustSet(t, NewKeys(), Groq, secretFor("groq"))
	d.logout()
	d.lockedLogin()

	k := NewKeys()
	if _, err := k.Get(t.Context(), Groq); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("get: %v", err)
	}
	persistent(t, k, false, "locked")
	mustSet(t, k, Groq, secretFor("again"))
	mustGet(t, k, Groq, secretFor("again"))
	persistent(t, k, false, "locked")
	if err := k.Delete(t.Context(), Deepgram); !errors.Is(err, ErrUnavailable) {
		t.Errorf("delete: %v", err)
	}

	// Unlocked in the meantime: what was kept for the run is saved.
	d.logout()
	d.unlock()
	mustSet(t, k, Deepgram, secretFor("deepgram"))
	persistent(t, k, true, "")
	mustGet(t, NewKeys(), Groq, secretFor("again"))
	d.noPlaintext(secretFor("groq"), secretFor("again"), secretFor("deepgram"))
}

// U5: without a Secret Service on the bus keys last for the run.
func TestU5_NoService(t *testing.T) {
	d := newDesktop(t)
	k := NewKeys()
	if _, err := k.Get(t.Context(), Groq); !errors.Is(err, ErrUnavailable) {
		t.Errorf("get: %v", err)
	}
	mustSet(t, k, Groq, secretFor("groq"))
	mustGet(t, k, Groq, secretFor("groq"))
	persistent(t, k, false, "no keyring")
	if _, err := NewKeys().Get(t.Context(), Groq); !errors.Is(err, ErrUnavailable) {
		t.Errorf("get in the next run: %v", err)
	}
	d.noPlaintext(secretFor("groq"))
}

// U5: without a session bus the same, and no daemon is started for one.
func TestU5_NoBus(t *testing.T) {
	dir := t.TempDir()
	launched := filepath.Join(dir, "launched")
	script := "#!/bin/sh\ntouch " + launched + "\nexit 1\n"
	if err := os.WriteFile(filepath.Join(dir, "dbus-launch"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	for name, address := range map[string]string{
		"no address": "", "autolaunch": "autolaunch:", "dead socket": "unix:path=" + filepath.Join(dir, "nobody"),
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.HasPrefix(address, "unix:") && fileExists("/run/user/"+strconv.Itoa(os.Getuid())+"/bus") {
				address = "unix:path=" + filepath.Join(dir, "gone") // leave the keyring of who runs the tests alone
			}
			t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
			k := NewKeys()
			mustSet(t, k, Groq, secretFor("groq"))
			mustGet(t, k, Groq, secretFor("groq"))
			persistent(t, k, false, "no keyring")
			if _, err := k.Get(t.Context(), Deepgram); !errors.Is(err, ErrUnavailable) {
				t.Errorf("get: %v", err)
			}
			if fileExists(launched) {
				t.Error("dbus-launch was run")
			}
		})
	}
}

// U5: a secret that one of the systems would refuse is refused by all.
func TestU5_TooBig(t *testing.T) {
	d := newDesktop(t)
	d.unlock()
	k := NewKeys()
	most := strings.Repeat("x", MaxSecret)
	mustSet(t, k, Groq, most)
	if err := k.Set(t.Context(), Groq, most+"x"); !errors.Is(err, ErrTooBig) {
		t.Errorf("set: %v", err)
	}
	mustGet(t, k, Groq, most)
	mustGet(t, NewKeys(), Groq, most)
}

// U5: a keyring that waits for its person holds nobody up for longer than they
// allow, and what it is told in the meantime is there when it goes on.
func TestU5_KeyringWaits(t *testing.T) {
	d := newDesktop(t)
	d.unlock()
	mustSet(t, NewKeys(), Deepgram, secretFor("deepgram"))
	d.keyring.Process.Signal(syscall.SIGSTOP)
	goOn := func() { d.keyring.Process.Signal(syscall.SIGCONT) }
	defer goOn()

	k := NewKeys()
	soon := func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	if _, err := k.Get(soon(), Deepgram); !errors.Is(err, ErrUnavailable) {
		t.Errorf("get: %v", err)
	}
	persistent(t, k, false, "does not answer")
	if err := k.Set(soon(), Groq, secretFor("groq")); err != nil {
		t.Error(err)
	}
	mustGet(t, k, Groq, secretFor("groq"))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.Get(cancelled, Deepgram); !errors.Is(err, context.Canceled) {
		t.Errorf("get, cancelled: %v", err)
	}

	goOn()
	k.busy <- struct{}{} // the call that waited is over
	<-k.busy
	persistent(t, k, true, "")
	mustGet(t, k, Deepgram, secretFor("deepgram"))
	mustGet(t, NewKeys(), Groq, secretFor("groq"))
}
