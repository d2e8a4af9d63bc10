package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
)

// secrets are generated at the first start and kept beside the data, readable
// for their owner alone.
type secrets struct {
	Database string // password of PostgreSQL's roles
	JWT      string // signs access tokens: HS256, for development only
	Key      string // the publishable key
	Demo     string // password of the demo account
}

func loadSecrets(path string) (secrets, error) {
	var s secrets
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s = secrets{Database: rand.Text(), JWT: rand.Text() + rand.Text(), Key: "sb_publishable_" + rand.Text(), Demo: rand.Text()[:12]}
		text, err = json.Marshal(s)
		if err == nil {
			err = os.WriteFile(path, text, 0o600)
		}
		return s, err
	case err != nil:
		return s, err
	}
	if err := json.Unmarshal(text, &s); err != nil || s.Database == "" || s.JWT == "" || s.Key == "" || s.Demo == "" {
		return s, fmt.Errorf("%s is damaged; remove it and start with -forget", path)
	}
	return s, nil
}

// shareWithPostgres lets the user postgres into root's folder, and nobody else.
func shareWithPostgres(dir string) error {
	if os.Geteuid() != 0 {
		return os.Chmod(dir, 0o700)
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return fmt.Errorf("root cannot run PostgreSQL itself: %w", err)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return err
	}
	return errors.Join(os.Chown(dir, 0, gid), os.Chmod(dir, 0o750))
}
