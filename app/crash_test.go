package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

// asCrash makes this test's program one that dies: "how" in the folder "dir".
const asCrash = "COPILOT_TEST_CRASH"

func init() {
	how, dir, ok := strings.Cut(os.Getenv(asCrash), " ")
	if !ok {
		return
	}
	done, err := watchCrashes(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	switch how {
	case "panic":
		crashChild(fmt.Errorf("request with Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.c2ln and key %s: %s", canaryKey, strings.Repeat("résumé ", 200)))
	case "goroutine":
		go crashChild(nil)
		select {}
	case "fatal":
		m := map[int]int{}
		go func() {
			for {
				m[1] = 1
			}
		}()
		for {
			m[1] = 2
		}
	case "overflow":
		debug.SetMaxStack(1 << 20)
		overflow(0)
	}
	done()
	os.Exit(0)
}

//go:noinline
func crashChild(err error) { panic(err) }

func overflow(n int) int { return overflow(n+1) + n }

const canaryKey = "dg-canary-key-of-a-person"

func crashIn(t *testing.T, how, dir string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asCrash+"="+how+" "+dir, "GORACE=exitcode=0")
	out, err := cmd.CombinedOutput()
	if (err == nil) != (how == "clean") {
		t.Fatalf("%s: the child ended with %v\n%s", how, err, out)
	}
	return string(out)
}

// A real crash of a real process is told once at the next start, and its report
// says where it was.
func TestCrashIsReported(t *testing.T) {
	for how, want := range map[string]string{
		"panic":     "/app.crashChild(",
		"goroutine": "/app.crashChild(",
		"fatal":     "maps.fatal(", // the headline stays on the standard error
		"overflow":  "/app.overflow(",
	} {
		t.Run(how, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "state")
			crashIn(t, how, dir)
			notice := crashNotice(dir, canaryKey)
			reports, err := filepath.Glob(filepath.Join(dir, "*"))
			if err != nil || len(reports) != 1 || !strings.Contains(notice, reports[0]) {
				t.Fatalf("notice %q with the files %v, want it to name the one", notice, reports)
			}
			text, err := os.ReadFile(reports[0])
			if err != nil {
				t.Fatal(err)
			}
			report := string(text)
			for _, part := range []string{"interview-copilot " + version + " on ", want, "goroutine "} {
				if !strings.Contains(report, part) {
					t.Errorf("the report lacks %q:\n%.2000s", part, report)
				}
			}
			for _, secret := range []string{canaryKey, "eyJ", strings.Repeat("résumé ", 60)} {
				if strings.Contains(report, secret) {
					t.Errorf("the report holds %.30q", secret)
				}
			}
			if again := crashNotice(dir, canaryKey); again != "" {
				t.Errorf("told again: %q", again)
			}
		})
	}
}

func TestNoCrashLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	crashIn(t, "clean", dir)
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if notice := crashNotice(dir); notice != "" {
		t.Errorf("told of no crash: %q", notice)
	}
}

// Programs that run now, and what they may have to say yet, are left alone;
// what a killed one left goes, and so do old reports.
func TestCrashFilesOfOthers(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, age time.Duration) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	write("running-1.0.0-1.txt", "", time.Hour)
	write("running-1.0.0-2.txt", "", 2*staleAfter)
	write("running-1.0.0-rc-1-3.txt", "panic: three\n\ngoroutine 1 [running]:\n", time.Minute)
	write("running-0.9.0-4.txt", "panic: four\n\ngoroutine 1 [running]:\n", time.Hour)
	for n := range keptReports {
		write(fmt.Sprintf("crash-2020010%d-000000.txt", n+1), "old", 0)
	}
	notice := crashNotice(dir)
	var names []string
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range left {
		names = append(names, filepath.Base(path))
	}
	if len(names) != keptReports+1 || names[keptReports] != "running-1.0.0-1.txt" {
		t.Fatalf("left: %v", names)
	}
	latest, err := os.ReadFile(left[keptReports-1])
	if err != nil || !strings.Contains(string(latest), "three") || !strings.Contains(string(latest), "interview-copilot 1.0.0-rc-1 on") || !strings.Contains(notice, left[keptReports-1]) {
		t.Errorf("the latest report is not that of the latest crash: %v %q\n%s", err, notice, latest)
	}
}

func TestScrub(t *testing.T) {
	for _, secret := range []string{
		"eyJhbGciOiJFUzI1NiIsImtpZCI6ImsifQ.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "gsk_0123456789abcdefABCDEF", "sk_test_51ABCdef012345",
		"sb_secret_0123456789ab", "whsec_0123456789abcdef", "0123456789abcdef0123456789abcdef01234567", "Bearer 0123abcd.efgh",
		"Token 0123456789", "jane.doe@example.com", "sk-proj-0123456789abcdef",
	} {
		got := string(scrub([]byte("panic: x "+secret+" y\n\ngoroutine 1 [running]:\nmain.f({0xc000012345, 0x1f})"), nil))
		if strings.Contains(got, secret) || !strings.Contains(got, "main.f({0xc000012345, 0x1f})") {
			t.Errorf("%s: %q", secret, got)
		}
	}
}

func TestStateDir(t *testing.T) {
	if _, err := stateDir(func(string) string { return "" }); err == nil {
		t.Error("without a home there is a state folder all the same")
	}
	dir, err := stateDir(func(name string) string {
		return map[string]string{"HOME": "/home/jane", "LOCALAPPDATA": `C:\Users\jane`}[name]
	})
	if err != nil || !strings.Contains(dir, "jane") || filepath.Base(dir) != "interview-copilot" {
		t.Errorf("%q, %v", dir, err)
	}
}
