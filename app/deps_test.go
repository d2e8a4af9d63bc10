package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport says which of our packages each of them may import, outside tests,
// and why no more.
var mayImport = map[string]struct {
	ours []string
	why  string
}{
	"audio":            {nil, "pure Go that everything may use"},
	"audio/device":     {[]string{"audio"}, "the only way to the sound system, for whoever wants frames"},
	"app/deepgram":     {[]string{"audio"}, "a vendor's wire, usable without the rest of the program"},
	"app/groq":         {nil, "a vendor's wire, usable without the rest of the program"},
	"app/resume":       {nil, "it runs in a child process that needs nothing else"},
	"app/account":      {nil, "keys and sign-in know nothing of interviews"},
	"app/rehearsal":    {[]string{"assets", "audio"}, "it stands for the vendors, so it must not share their clients' code"},
	"app/interview":    {[]string{"app/deepgram", "app/groq", "audio"}, "the interview knows no window and no devices, so it runs in a test at any speed"},
	"app/overlay":      {[]string{"app/interview", "assets", "audio"}, "the window draws a state; it has never heard of a vendor"},
	"app":              {[]string{"app/", "audio", "audio/device", "backend/api", "assets"}, "the desktop program carries nothing of the server but its wire types"},
	"backend/api":      {nil, "what program and server share stays a leaf"},
	"backend/upstream": {nil, "only it sees the vendors' keys, and it sees nothing else"},
	"backend/supabase": {[]string{"billing"}, "queries carry out the rules of the ledger"},
	"backend/server":   {[]string{"backend/api", "backend/supabase", "backend/upstream", "billing", "assets"}, "HTTP over the store; nothing of the desktop"},
	"backend":          {[]string{"backend/", "billing", "assets"}, "the server carries nothing of the desktop program"},
	"billing":          {nil, "the rules of money are a leaf"},
	"assets":           {nil, "data"},
}

// onlyIn says where a module of others may be imported, and why nowhere else.
var onlyIn = map[string]struct {
	ours []string
	why  string
}{
	"fyne.io/":                         {[]string{"app", "app/overlay"}, "everything else runs, and is tested, without a window"},
	"github.com/go-gl/":                {[]string{"app", "app/overlay"}, "the window's driver belongs to the window"},
	"github.com/gordonklaus/portaudio": {[]string{"audio/device"}, "it needs cgo and a sound system"},
	"github.com/stripe/":               {[]string{"billing"}, "one place speaks to Stripe"},
	"github.com/jackc/pgx":             {[]string{"backend/supabase", "backend/supabase/pgtest"}, "one place holds the SQL"},
	"github.com/zalando/go-keyring":    {[]string{"app/account"}, "one place holds the secrets"},
	"github.com/klippa-app/go-pdfium":  {[]string{"app/resume"}, "files of others are read in its child process only"},
	"github.com/jfreymuth/pulse":       {[]string{"audio/device", "audio/device/pulsetest"}, "one place knows the sound server"},
	"C":                                {[]string{"app/overlay"}, "all C comes with a library; ours only asks macOS to keep the window on top"},
	"testing":                          {[]string{"app/account/authtest", "audio/device/pulsetest", "backend/supabase/pgtest"}, "no tests in the programs"},
}

func TestImportRules(t *testing.T) {
	packages := imports(t)
	for pkg, paths := range packages {
		support := strings.HasSuffix(pkg, "test") || strings.Contains(pkg, "test/") // helpers of tests may use what they test
		rule, known := mayImport[pkg]
		if !known && !support {
			t.Errorf("%s: there is no rule for this package", pkg)
		}
		for _, p := range paths {
			if ours, yes := strings.CutPrefix(p, "copilot/"); yes && !support && !allowed(rule.ours, ours) {
				t.Errorf("%s must not import %s: %s", pkg, ours, rule.why)
			}
			for module, only := range onlyIn {
				if (p == module || strings.HasPrefix(p, strings.TrimSuffix(module, "/")+"/")) && !slices.Contains(only.ours, pkg) {
					t.Errorf("%s must not import %s: %s", pkg, p, only.why)
				}
			}
		}
	}
	for pkg := range mayImport {
		if packages[pkg] == nil {
			t.Errorf("%s has a rule but is no package", pkg)
		}
	}
}

func allowed(list []string, pkg string) bool {
	return slices.ContainsFunc(list, func(a string) bool {
		return a == pkg || strings.HasSuffix(a, "/") && strings.HasPrefix(pkg, a)
	})
}

// imports returns what each package imports on any system, outside tests.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		pkg := path.Dir(strings.TrimPrefix(filepath.ToSlash(file), "../"))
		if f.Name.Name == "main" && pkg != "app" && pkg != "backend" {
			return nil // a script beside what it makes
		}
		found[pkg] = append(found[pkg], []string{}...)
		for _, i := range f.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			found[pkg] = append(found[pkg], p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// The server is one static program: it runs in an empty container.
func TestServerNeedsNoC(t *testing.T) {
	cmd := exec.Command("go", "build", "-o", filepath.Join(t.TempDir(), "backend"), "../backend")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
