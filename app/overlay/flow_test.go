package overlay

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// cell measures every character as one unit, bold as one and a half.
func cell(s string, f face) float32 {
	n := float32(utf8.RuneCountInString(s))
	if f.bold {
		n *= 1.5
	}
	return n
}

// dump writes the lines so that a person can compare them.
func dump(f *flow) string {
	var b strings.Builder
	for _, l := range f.lines {
		if l.mark != "" {
			fmt.Fprintf(&b, "[%s]", l.mark)
		}
		for i, r := range l.runs {
			if i > 0 && r.x > l.runs[i-1].x+l.runs[i-1].width {
				b.WriteByte(' ')
			}
			switch {
			case r.face.bold:
				fmt.Fprintf(&b, "<%s>", r.text)
			case r.face.mono:
				fmt.Fprintf(&b, "{%s}", r.text)
			default:
				b.WriteString(r.text)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestFlow(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"wraps at words", "the quick brown fox jumps", "the quick\nbrown fox\njumps\n"},
		{"bold cue word", "**Lead** it now", "<Lead> it\nnow\n"},
		{"bold inside a word", "**S**TAR x", "<S>TAR x\n"},
		{"bold ends with its line", "**a\nb", "<a>\nb\n"},
		{"bullets hang", "- one two three\n- four", "[•]one two\nthree\n[•]four\n"},
		{"other bullets", "* a\n+ b\n• c", "[•]a\n[•]b\n[•]c\n"},
		{"nested bullet", "- a\n  - b", "[•]a\n[–]b\n"},
		{"numbers", "1. a\n12) b", "[1.]a\n[12.]b\n"},
		{"a year is no number", "2019 was it", "2019 was\nit\n"},
		{"heading is bold", "## Why\nx", "<Why>\nx\n"},
		{"hash tag is not", "#1 pick", "#1 pick\n"},
		{"code word", "run `go x` ok", "run {go x}\nok\n"},
		{"code block", "a\n```go\nif x {\n\n  y\n```\nb", "a\n{if x {}\n{  y}\nb\n"},
		{"asterisks in code stay", "`a**b`", "{a**b}\n"},
		{"product", "3 * 4 * 5", "3 * 4 * 5\n"},
		{"emphasis is not shown", "so *very* so", "so very so\n"},
		{"link stays text", "[a](b.c)", "[a](b.c)\n"},
		{"html stays text", "<b>hi</b>", "<b>hi</b>\n"},
		{"long word breaks", "abcdefghijklmno p", "abcdefghij\nklmno p\n"},
		{"Chinese breaks anywhere", "我在那家公司工作了五年半。", "我在那家公司工作了五\n年半。\n"},
		{"direction marks and controls go", "a\u202eb\x1b[31m\u0085c", "ab[31mc\n"},
		{"dash alone", "- ", ""},
		{"unfinished marker shows at the end", "-", "-\n"},
		{"unfinished bold shows at the end", "a **", "a **\n"},
		{"empty", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFlow(10, 0, cell)
			f.Write(tt.in)
			f.Finish()
			if got := dump(f); got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
		})
	}
}

// However the text is cut into deltas, the lines are those of the whole text.
func TestFlowDoesNotDependOnTheCuts(t *testing.T) {
	const text = "**Situation:** at *Acme*, 3 * 4 teams.\n\n- led a **migra**tion of `db** x`\n  - nested\n2. größer 我在那家公司\n\n```go\nfunc main() {\n\n}\n```\n# End\n**open"
	whole := newFlow(17, 2, cell)
	whole.Write(text)
	whole.Finish()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		f := newFlow(17, 2, cell)
		for rest := text; rest != ""; {
			n := min(len(rest), 1+rng.IntN(5))
			f.Write(rest[:n])
			rest = rest[n:]
		}
		f.Finish()
		if dump(f) != dump(whole) || f.height() != whole.height() {
			t.Fatalf("in pieces:\n%s\nwhole:\n%s", dump(f), dump(whole))
		}
	}
}

// Lines above the last two never change while text is appended.
func TestFlowNeverTouchesFinishedLines(t *testing.T) {
	f := newFlow(40, 2, cell)
	for i := range 4000 {
		f.touched = len(f.lines)
		before := len(f.lines)
		f.Write("word" + strings.Repeat("s", i%5) + " ")
		if f.touched < before-1 {
			t.Fatalf("token %d: line %d of %d was laid out again", i, f.touched, before)
		}
	}
	if f.placed > 2*4000 {
		t.Errorf("%d words placed for 4000 tokens", f.placed)
	}
}

func FuzzFlow(f *testing.F) {
	for _, s := range []string{"**a** b", "- x\n\n1. y", "```\ncode", "* * *", "\xff\xfe**", "#", "我`**`\n-", "a\tb\n    - c"} {
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, s string, cut int) {
		whole := newFlow(9, 2, cell)
		whole.Write(s)
		whole.Finish()
		cut = min(max(cut, 0), len(s))
		pieces := newFlow(9, 2, cell)
		pieces.Write(s[:cut])
		pieces.Write(s[cut:])
		pieces.Finish()
		if a, b := dump(whole), dump(pieces); a != b {
			t.Fatalf("whole:\n%s\ncut at %d:\n%s", a, cut, b)
		}
		for i, l := range whole.lines {
			if len(l.runs) > 1 && l.end() > 9.01 {
				t.Fatalf("line %d is %.1f wide", i, l.end())
			}
		}
	})
}
