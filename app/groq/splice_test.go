package groq

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// through sends rest through a splice in pieces of n bytes.
func through(s *splice, rest string, n int) string {
	var out strings.Builder
	for len(rest) > 0 {
		i := runeStart(rest, min(n, len(rest)))
		out.WriteString(s.add(rest[:i]))
		rest = rest[i:]
	}
	return out.String() + s.end()
}

func TestSplice(t *testing.T) {
	const had = "I led the migration of the payment ledger to Postg"
	for _, tc := range []struct{ name, had, rest, want string }{
		{"last words", had, "migration of the payment ledger to Postgres.", "res."},
		{"more of them", had, "the migration of the payment ledger to Postgres.", "res."},
		{"the start", had, had + "res.", "res."},
		{"other case and marks", had, "…**Migration** of the “payment” ledger to Postgres.", "res."},
		{"just on", had, "res.", " res."},
		{"just on, with a space", "I led", " the team.", " the team."},
		{"just on, with a mark", "I led it", ".", "."},
		{"fewer than the last words", had, "ledger to Postgres", " ledger to Postgres"},
		{"all of it and no more", had, had, ""},
		{"part of the last words and no more", had, "migration of the payment", ""},
		{"short", "Yes", "Yes, I did.", ", I did."},
		{"short, other", "Yes", "I did.", " I did."},
		{"space kept once", "I led ", "I led the", "the"},
		{"marks kept once", "- **Led** ", "- **Led** the", "the"},
		{"marks only", "- ", "- Led", "Led"},
		{"marks only, without", "- ", "Led", "Led"},
		{"paragraph", "One.\n\n", "One.\n\nTwo.", "Two."},
		{"no spaces", "数据库迁移" + strings.Repeat("完成", 60), strings.Repeat("完成", 20) + "了", "了"},
		{"nothing", had, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for n := 1; n < 9; n++ {
				if got := through(newSplice(tc.had), tc.rest, n); got != tc.want {
					t.Errorf("pieces of %d: %q, want %q", n, got, tc.want)
				}
			}
		})
	}
}

// However a text is cut and its rest comes in pieces, a rest that begins with
// the anchor, or with the start, completes the text.
func TestSpliceCompletes(t *testing.T) {
	word := rapid.SampledFrom([]string{"I", "led", "the", "team", "a", "I", "the", "**bold**", "Zürich", "完成", "6", "h.", "C++", "it's", "end.\n\n-", "x_y"})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(word, 1, 40).Draw(t, "words"), " ")
		cut := runeStart(text, rapid.IntRange(1, len(text)).Draw(t, "cut"))
		s := newSplice(text[:cut])
		rest := text
		if rapid.Bool().Draw(t, "anchored") && s.anchor() != "" {
			rest = text[strings.LastIndex(text[:cut], s.anchor()):]
		}
		if got := text[:cut] + through(s, rest, rapid.IntRange(1, 9).Draw(t, "piece")); got != text {
			t.Fatalf("cut at %d: %q, want %q", cut, got, text)
		}
	})
}

// A rest of any text never makes the splice panic or lose what is new.
func FuzzSplice(f *testing.F) {
	f.Add("I led the", "I led the team", 3)
	f.Add("\xff\xe5", "\xe5\x85", 1)
	f.Add("- ", "- ", 1)
	f.Fuzz(func(t *testing.T, had, rest string, n int) {
		if had == "" {
			return
		}
		got := through(newSplice(had), rest, max(1, n%16))
		if len(got) > len(rest)+1 {
			t.Fatalf("%q grew to %q", rest, got)
		}
		if !strings.HasSuffix(rest, strings.TrimPrefix(got, " ")) {
			t.Fatalf("%q is not the end of %q", got, rest)
		}
	})
}
