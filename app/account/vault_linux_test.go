package account

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// note is something worth keeping to oneself.
type note struct{ Text string }

const canary = "canary: nobody else may read this"

func mustSave(t *testing.T, v *Vault, id string, value any) {
	t.Helper()
	if err := v.Save(t.Context(), "notes", id, value); err != nil {
		t.Fatal(err)
	}
}

func wantNote(t *testing.T, v *Vault, id, want string) {
	t.Helper()
	var got note
	if err := v.Load(t.Context(), "notes", id, &got); err != nil || got.Text != want {
		t.Errorf("%s: %q, %v", id, got.Text, err)
	}
}

// U5: what is saved comes back in the next run, and nobody finds it on the disk.
func TestU5_VaultKeepsSecrets(t *testing.T) {
	d := newDesktop(t)
	d.unlock()
	dir := filepath.Join(d.dir, "vault")
	v := NewVault(dir, NewKeys())
	mustSave(t, v, "one", note{"first"})
	mustSave(t, v, "one", note{canary})
	mustSave(t, v, "two", note{"second " + canary})
	if s := v.Sentence(); s != "" {
		t.Errorf("sentence: %q", s)
	}

	d.logout()
	d.unlock()
	next := NewVault(dir, NewKeys())
	if ids, err := next.IDs("notes"); err != nil || strings.Join(ids, " ") != "one two" {
		t.Errorf("ids: %v, %v", ids, err)
	}
	wantNote(t, next, "one", canary)
	wantNote(t, next, "two", "second "+canary)
	d.noPlaintext(canary)
	for name, mode := range map[string]os.FileMode{"notes": 0o700, "notes/one.vault": 0o600} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}

	for range 2 { // deleting what is not there is no error
		if err := next.Delete("notes", "one"); err != nil {
			t.Error(err)
		}
	}
	if err := next.Load(t.Context(), "notes", "one", &note{}); !errors.Is(err, ErrNoEntry) {
		t.Errorf("load after delete: %v", err)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "notes")); len(left) != 1 {
		t.Errorf("files left: %v", left)
	}
	if err := next.Wipe(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := NewKeys().Get(t.Context(), VaultKey); !errors.Is(err, ErrNotFound) || fileExists(dir) {
		t.Errorf("after wiping: key %v, directory %v", err, fileExists(dir))
	}
}

// U4, U5: a file that was changed, cut, swapped, brought from elsewhere or sealed
// with a key that is gone is kept aside, told, and takes nothing else along.
func TestU4_VaultSetsDamagedFilesAside(t *testing.T) {
	d := newDesktop(t)
	d.unlock()
	dir := filepath.Join(d.dir, "vault")
	file := filepath.Join(dir, "notes", "one.vault")
	other := filepath.Join(dir, "notes", "two.vault")
	for name, spoil := range map[string]func(){
		"one bit": func() {
			text, _ := os.ReadFile(file)
			text[len(text)-1] ^= 1
			os.WriteFile(file, text, 0o600)
		},
		"cut short": func() { os.Truncate(file, 20) },
		"empty":     func() { os.Truncate(file, 0) },
		"foreign":   func() { os.WriteFile(file, []byte("%PDF-1.7 of somebody else"), 0o600) },
		"swapped": func() {
			text, _ := os.ReadFile(other)
			os.WriteFile(file, text, 0o600)
		},
		"a link": func() {
			os.Remove(file)
			os.Symlink(other, file)
		},
		"too large": func() { os.Truncate(file, maxVaultFile+1) },
		"key gone": func() {
			if err := NewKeys().Delete(t.Context(), VaultKey); err != nil {
				t.Fatal(err)
			}
		},
		"other key": func() {
			k := NewKeys()
			if err := k.Delete(t.Context(), VaultKey); err != nil {
				t.Fatal(err)
			}
			other := NewVault(filepath.Join(d.dir, "other"), k)
			if err := other.Save(t.Context(), "notes", "x", note{}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := NewVault(dir, NewKeys())
			mustSave(t, v, "one", note{canary})
			mustSave(t, v, "two", note{"second"})
			spoil()
			v = NewVault(dir, NewKeys())
			var damage *DamageError
			if err := v.Load(t.Context(), "notes", "one", &note{}); !errors.As(err, &damage) {
				t.Fatalf("load: %v", err)
			}
			if _, err := os.Lstat(damage.Kept); err != nil || !strings.Contains(damage.Sentence(), damage.Kept) {
				t.Errorf("kept as %s: %v; told %q", damage.Kept, err, damage.Sentence())
			}
			if ids, _ := v.IDs("notes"); strings.Join(ids, " ") != "two" {
				t.Errorf("ids: %v", ids)
			}
			mustSave(t, v, "one", note{"again"})
			wantNote(t, NewVault(dir, NewKeys()), "one", "again")
			if err := v.Delete("notes", "one"); err != nil || fileExists(damage.Kept) {
				t.Errorf("delete: %v; what was set aside is still there: %v", err, fileExists(damage.Kept))
			}
		})
	}
}

// U5: without a keyring everything lasts for the run, nothing is written, and
// the person is told; when one answers, it is written.
func TestU5_VaultWithoutKeyring(t *testing.T) {
	d := newDesktop(t)
	dir := filepath.Join(d.dir, "vault")
	v := NewVault(dir, NewKeys())
	mustSave(t, v, "one", note{canary})
	wantNote(t, v, "one", canary)
	if ids, err := v.IDs("notes"); err != nil || strings.Join(ids, " ") != "one" {
		t.Errorf("ids: %v, %v", ids, err)
	}
	if fileExists(dir) || !strings.Contains(v.Sentence(), "this run only") {
		t.Errorf("written: %v; told %q", fileExists(dir), v.Sentence())
	}
	if err := NewVault(dir, NewKeys()).Load(t.Context(), "notes", "one", &note{}); !errors.Is(err, ErrNoEntry) {
		t.Errorf("in another run: %v", err)
	}

	d.unlock()
	mustSave(t, v, "two", note{"second"})
	if s := v.Sentence(); s != "" {
		t.Errorf("sentence: %q", s)
	}
	next := NewVault(dir, NewKeys())
	wantNote(t, next, "one", canary)
	wantNote(t, next, "two", "second")
	d.noPlaintext(canary)
}

// U5: a locked keyring may hold the key of what is on the disk: no other is
// made, nothing is set aside, and all is there once it is unlocked.
func TestU5_VaultWithLockedKeyring(t *testing.T) {
	d := newDesktop(t)
	d.unlock()
	dir := filepath.Join(d.dir, "vault")
	mustSave(t, NewVault(dir, NewKeys()), "one", note{canary})
	d.logout()
	d.lockedLogin()

	v := NewVault(dir, NewKeys())
	if err := v.Load(t.Context(), "notes", "one", &note{}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("load: %v", err)
	}
	mustSave(t, v, "two", note{"second"})
	if ids, err := v.IDs("notes"); err != nil || strings.Join(ids, " ") != "one two" {
		t.Errorf("ids: %v, %v", ids, err)
	}

	d.logout()
	d.unlock()
	wantNote(t, v, "one", canary)
	mustSave(t, v, "three", note{"third"})
	next := NewVault(dir, NewKeys())
	wantNote(t, next, "one", canary)
	wantNote(t, next, "two", "second")
	wantNote(t, next, "three", "third")
}

// U4: a disk that takes nothing is an error, and what was there stays.
func TestU4_VaultOnAFullDisk(t *testing.T) {
	d := newDesktop(t)
	d.unlock()
	v := NewVault("/proc/interview-copilot", NewKeys())
	if err := v.Save(t.Context(), "notes", "one", note{"x"}); err == nil {
		t.Error("nothing was said of a directory that cannot be made")
	}
	wantNote(t, v, "one", "x")
}

func TestVaultNames(t *testing.T) {
	v := NewVault(t.TempDir(), NewKeys())
	for _, id := range []string{"", "../keys", "a/b", "A", "a.b", "ä", strings.Repeat("x", 65)} {
		if err := v.Save(t.Context(), "notes", id, note{}); err == nil {
			t.Errorf("%q was taken", id)
		}
		if err := v.Delete("notes", id); err == nil {
			t.Errorf("%q was deleted", id)
		}
	}
	seen := map[string]bool{}
	for range 100 {
		id := NewID()
		if !validName(id) || len(id) != 36 || seen[id] {
			t.Errorf("id %q", id)
		}
		seen[id] = true
	}
}
