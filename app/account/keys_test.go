package account

import (
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestReachable(t *testing.T) {
	for _, tc := range []struct {
		system, address, file string
		ok                    bool
	}{
		{"windows", "", "", true},
		{"darwin", "", "", true},
		{"linux", "", "", false},
		{"linux", "autolaunch:", "", false},
		{"linux", "unix:path=/run/user/7/bus", "", true},
		{"linux", "", "/run/user/7/bus", true},
		{"linux", "autolaunch:", "/run/user/7/bus", true},
		{"freebsd", "", "/run/user/8/bus", false},
	} {
		err := reachable(tc.system, func(string) string { return tc.address }, func(name string) bool { return name == tc.file }, 7)
		if (err == nil) != tc.ok {
			t.Errorf("%+v: %v", tc, err)
		}
	}
}

func TestCleanKey(t *testing.T) {
	const key = "gsk_0123456789abcdefghijABCDEFGHIJ"
	for _, in := range []string{key, " " + key + "\r\n", "\"" + key + "\"", "\ufeff\u200b" + key + "\u00a0", "“" + key + "”"} {
		if got, err := CleanKey(in); err != nil || got != key {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"", " \n", "short", key + " " + key, key + "\n" + key, "gsk_0123\x00456789", "schlüssel-0123456789", strings.Repeat("x", 513), "gsk_\u200b0123456789"} {
		got, err := CleanKey(in)
		var e *KeyError
		if !errors.As(err, &e) || got != "" || !strings.HasSuffix(e.Sentence(), ".") {
			t.Errorf("%q: %q, %v", in, got, err)
		}
		if len(in) > 5 && strings.Contains(err.Error()+e.Sentence(), in) {
			t.Errorf("%q is in the error", in)
		}
	}
}
