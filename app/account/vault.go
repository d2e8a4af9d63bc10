package account

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// VaultKey is the item of the keyring that opens a Vault.
const VaultKey = "vault"

// maxVaultFile bounds one file: an interview of hours has some hundred kilobytes.
const maxVaultFile = 16 << 20

// Vault keeps JSON values on this computer, each in a file of its own, encrypted
// with AES-256-GCM under one random key that lies in the keyring and nowhere
// else. A value is addressed by its kind and id, which are part of what is
// authenticated: a file that was renamed or taken from elsewhere is not read.
//
// Where no keyring answers, values are kept in memory for the run and written
// as soon as it does; [Vault.Sentence] says so. Nothing is ever written in plain.
// Any number of goroutines may use a Vault.
type Vault struct {
	dir  string
	keys *Keys

	mu      sync.Mutex
	seal    cipher.AEAD                // nil until the key is had
	mark    [markSize]byte             // tells the key of a file
	held    map[string]json.RawMessage // by kind/id: not written yet
	trouble error                      // why the key is not had
}

// A file is: magic, mark of the key, then what the cipher makes of the value,
// its random nonce first.
const (
	magic    = "ICVAULT1"
	markSize = 8
)

// ErrNoEntry says that there is no such value.
var ErrNoEntry = errors.New("no such entry")

// Damage is a file that could not be read and was renamed, never deleted.
type Damage struct {
	Kept string // where it is now
	Err  error
}

// Sentence is what the person is told.
func (d Damage) Sentence() string {
	why := "is damaged"
	if errors.Is(d.Err, errForeign) {
		why = "was locked with a key that this computer does not have any more"
	}
	return "A saved file " + why + " and cannot be read. It was kept as " + d.Kept + "."
}

var errForeign = errors.New("sealed with another key")

// NewVault returns a Vault over a directory, which is made when it is needed.
// It touches neither the disk nor the keyring.
func NewVault(dir string, keys *Keys) *Vault {
	return &Vault{dir: dir, keys: keys, held: map[string]json.RawMessage{}}
}

// VaultDir is where the vault of this person belongs.
func VaultDir() (string, error) {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "interview-copilot"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("data directory: %w", err)
	}
	return filepath.Join(home, dataHome(), "interview-copilot"), nil
}

// Save keeps a value. It fails when the disk does; without a keyring it is kept
// for the run.
func (v *Vault) Save(ctx context.Context, kind, id string, value any) error {
	name, err := entryName(kind, id)
	if err != nil {
		return err
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("save %s: %w", kind, err)
	}
	if len(text) > maxVaultFile/2 {
		return fmt.Errorf("save %s: more than %d bytes", kind, maxVaultFile/2)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.held[name] = text
	if !v.unlock(ctx, true) {
		return nil
	}
	return v.write()
}

// Load reads a value into to, a pointer. ErrNoEntry says that there is none;
// ErrUnavailable that there is one which cannot be opened without the keyring.
// A *DamageError names the file that was set aside.
func (v *Vault) Load(ctx context.Context, kind, id string, to any) error {
	name, err := entryName(kind, id)
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	text, err := v.read(ctx, name)
	if err != nil {
		return fmt.Errorf("load %s: %w", kind, err)
	}
	if err := json.Unmarshal(text, to); err != nil {
		return fmt.Errorf("load %s: %w", kind, v.setAside(name, err))
	}
	return nil
}

// IDs lists what there is of a kind, sorted. It opens nothing.
func (v *Vault) IDs(kind string) ([]string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var ids []string
	for name := range v.held {
		if k, id, _ := strings.Cut(name, "/"); k == kind {
			ids = append(ids, id)
		}
	}
	entries, err := os.ReadDir(filepath.Join(v.dir, kind))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list %s: %w", kind, err)
	}
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), ending); ok && validName(id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// Delete removes a value from memory and disk, together with the files of it
// that were set aside. That there is none is no error.
func (v *Vault) Delete(kind, id string) error {
	name, err := entryName(kind, id)
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.held, name)
	path := v.path(name)
	aside, _ := filepath.Glob(path + ".*") // ids hold no pattern
	for _, p := range append(aside, path) {
		if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("delete %s: %w", kind, err)
		}
	}
	return syncDir(filepath.Dir(path))
}

// Wipe deletes everything, and the key: whatever a disk still holds of the files
// cannot be read by anybody.
func (v *Vault) Wipe(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	clear(v.held)
	v.seal = nil
	return errors.Join(os.RemoveAll(v.dir), v.keys.Delete(ctx, VaultKey))
}

// Sentence tells the person why what they save is kept for this run only. It is
// empty while everything is on the disk.
func (v *Vault) Sentence() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.held) == 0 && !errors.Is(v.trouble, ErrUnavailable) {
		return ""
	}
	return "This computer's keyring does not answer, so what you save is kept for this run only. Unlock or install one (GNOME Keyring, KWallet) to keep it."
}

// unlock makes the key ready, or makes one when there is none and create says
// so. A keyring that does not answer may hold a key: none is made then, since
// it would take that one's place. v.mu is held.
func (v *Vault) unlock(ctx context.Context, create bool) bool {
	if v.seal != nil {
		return true
	}
	secret, err := v.keys.Get(ctx, VaultKey)
	if errors.Is(err, ErrNotFound) && create {
		fresh := make([]byte, 32)
		rand.Read(fresh) // never fails
		secret = base64.StdEncoding.EncodeToString(fresh)
		err = v.keys.Set(ctx, VaultKey, secret)
	}
	if err == nil && !v.keys.saved(VaultKey) { // made by us while the keyring was away
		err = v.keys.Set(ctx, VaultKey, secret)
	}
	if err == nil && !v.keys.saved(VaultKey) {
		err = ErrUnavailable
	}
	if err == nil {
		secret, err = v.keys.reread(ctx, VaultKey) // another window may have made one just now
	}
	if v.trouble = err; err != nil {
		return false
	}
	key, err := base64.StdEncoding.DecodeString(secret)
	if err == nil && len(key) != 32 {
		err = errors.New("the key has another length")
	}
	if err != nil {
		v.trouble = fmt.Errorf("vault key: %w", err)
		return false
	}
	block, _ := aes.NewCipher(key)                  // 32 bytes are always a key
	v.seal, _ = cipher.NewGCMWithRandomNonce(block) // AES is always accepted
	sum := sha256.Sum256(append([]byte(magic), key...))
	copy(v.mark[:], sum[:])
	return true
}

// saved says whether a secret is in the keyring, as far as is known.
func (k *Keys) saved(name string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, held := k.held[name]
	return held && !k.unsaved[name]
}

// write writes what is held. v.mu is held, and v.seal is there.
func (v *Vault) write() error {
	for name, text := range v.held {
		sealed := append([]byte(magic), v.mark[:]...)
		sealed = v.seal.Seal(sealed, nil, text, []byte(name))
		path := v.path(name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("save: %w", err)
		}
		if err := replaceFile(path, sealed); err != nil {
			return fmt.Errorf("save: %w", err)
		}
		delete(v.held, name)
	}
	return nil
}

// read returns a value's JSON. v.mu is held.
func (v *Vault) read(ctx context.Context, name string) ([]byte, error) {
	if text, ok := v.held[name]; ok {
		return text, nil
	}
	sealed, err := readSmall(v.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoEntry
	}
	if errors.Is(err, errNotFile) {
		return nil, v.setAside(name, err)
	}
	if err != nil {
		return nil, err
	}
	body, ok := bytes.CutPrefix(sealed, []byte(magic))
	if !ok || len(body) < markSize {
		return nil, v.setAside(name, errors.New("not a file of the vault"))
	}
	if !v.unlock(ctx, false) {
		if errors.Is(v.trouble, ErrNotFound) { // there is no key any more, so none for this file
			return nil, v.setAside(name, errForeign)
		}
		return nil, v.trouble
	}
	if !bytes.Equal(body[:markSize], v.mark[:]) {
		return nil, v.setAside(name, errForeign)
	}
	text, err := v.seal.Open(nil, nil, body[markSize:], []byte(name))
	if err != nil {
		return nil, v.setAside(name, errors.New("the file was changed"))
	}
	return text, nil
}

// DamageError is a value whose file was set aside.
type DamageError struct{ Damage }

func (e *DamageError) Error() string {
	return "kept as " + filepath.Base(e.Kept) + ": " + e.Err.Error()
}
func (e *DamageError) Unwrap() error { return e.Err }

// setAside renames a file that cannot be read to a free name beside it.
func (v *Vault) setAside(name string, why error) error {
	path := v.path(name)
	for i := 1; i < 1000; i++ {
		aside := fmt.Sprintf("%s.damaged-%d", path, i)
		if _, err := os.Lstat(aside); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.Rename(path, aside); err != nil {
			return fmt.Errorf("set a damaged file aside: %w", err)
		}
		return &DamageError{Damage{aside, why}}
	}
	return fmt.Errorf("set a damaged file aside: too many of them: %w", why)
}

const ending = ".vault"

func (v *Vault) path(name string) string {
	return filepath.Join(v.dir, filepath.FromSlash(name)+ending)
}

// NewID returns a name that nothing else has: 128 random bits in the shape of a
// UUID, which the database takes as well.
func NewID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func entryName(kind, id string) (string, error) {
	if !validName(kind) || !validName(id) {
		return "", fmt.Errorf("vault: %q is no name", kind+"/"+id)
	}
	return kind + "/" + id, nil
}

// validName keeps names away from the file system's own words.
func validName(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

var errNotFile = errors.New("not a file")

func readSmall(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxVaultFile {
		return nil, errNotFile
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxVaultFile+1))
}

// replaceFile puts data in path's place in one step: whenever the power fails,
// there is the old file or the new one.
func replaceFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // readable by its owner only
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	return syncDir(filepath.Dir(path))
}
