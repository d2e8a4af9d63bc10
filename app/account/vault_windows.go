package account

import "path/filepath"

// dataHome is where programs keep their data, below the home directory.
func dataHome() string { return filepath.Join("AppData", "Local") }

// syncDir does nothing: Windows cannot sync a directory, and renames through its journal.
func syncDir(string) error { return nil }
