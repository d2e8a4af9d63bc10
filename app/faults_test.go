package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// faults are the rows of the project's fault matrix, by family: N the network,
// A audio, U the window, B metering, S Stripe, T sign-in and tokens, R rights in
// the database, F files, L load. Each is a fault and a promise; the test that
// bears its id, as in TestN1_Reset, states both.
var faults = map[string]int{"N": 18, "A": 5, "U": 6, "B": 11, "S": 8, "T": 10, "R": 3, "F": 10, "L": 3}

var bearsID = regexp.MustCompile(`^Test([A-Z][0-9]+)(?:[_A-Z]|$)`)

func TestEveryFaultHasATest(t *testing.T) {
	var rows []string
	for family, n := range faults {
		for i := range n {
			rows = append(rows, family+strconv.Itoa(i+1))
		}
	}
	tests := testNames(t, "..")
	if len(tests) < 200 {
		t.Fatalf("only %d tests were found: the walk is wrong", len(tests))
	}
	tested := map[string]bool{}
	for _, name := range tests {
		if m := bearsID.FindStringSubmatch(name); m != nil {
			if _, family := faults[m[1][:1]]; family && !slices.Contains(rows, m[1]) {
				t.Errorf("%s bears the id of no fault", name)
			}
			tested[m[1]] = true
		}
	}
	for _, row := range rows {
		if !tested[row] {
			t.Errorf("fault %s has no test", row)
		}
	}
}

// testNames returns the names of all tests below dir.
func testNames(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				names = append(names, f.Name.Name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
