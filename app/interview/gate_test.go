package interview

import (
	"bufio"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

type gateCase struct{ language, verdicts, text string }

func gateCases(t testing.TB) []gateCase {
	t.Helper()
	f, err := os.Open("testdata/gate.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var cases []gateCase
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		head, text, ok := strings.Cut(line, "\t")
		if !ok {
			t.Fatalf("no tab in %q", line)
		}
		c := gateCase{"en", head, text}
		if l, v, ok := strings.Cut(head, " "); ok {
			c.language, c.verdicts = l, v
		}
		cases = append(cases, c)
	}
	return cases
}

// The gate over sentences as interviewers say them and recognisers write them.
func TestGate(t *testing.T) {
	cases := gateCases(t)
	if len(cases) < 200 {
		t.Fatalf("%d sentences, fewer than 200", len(cases))
	}
	for _, c := range cases {
		got := judge(c.language, c.text).verdict.String()
		if !strings.Contains("/"+c.verdicts+"/", "/"+got+"/") {
			t.Errorf("%s %q: %s, want %s", c.language, c.text, got, c.verdicts)
		}
	}
}

// What a recogniser adds or leaves out does not change a question into none.
func TestGateNoise(t *testing.T) {
	for _, c := range gateCases(t) {
		if c.language != "en" || c.verdicts != "answer" || strings.ContainsAny(strings.TrimRight(c.text, ".?!"), ".?!") {
			continue
		}
		for name, text := range map[string]string{
			"capitals": strings.ToUpper(c.text),
			"a lead":   "Okay, so, um, " + c.text,
			"thanks":   "Great, thank you. " + c.text,
			"quotes":   strings.ReplaceAll(c.text, "'", "’"),
		} {
			if got := judge("en", text).verdict; got != answer {
				t.Errorf("%s: %q: %s, want answer", name, text, got)
			}
		}
	}
}

// from is where the question begins, so that greetings are not sent as one.
func TestGateFrom(t *testing.T) {
	for text, want := range map[string]string{
		"Hi, nice to meet you. How are you? So why are you here?": "So why are you here?",
		"Tell me about yourself.":                                 "Tell me about yourself.",
		"Great.  What is a mutex? And a semaphore?":               "What is a mutex? And a semaphore?",
		"Okay. Thanks.": "Okay. Thanks.",
	} {
		if got := text[judge("en", text).from:]; got != want {
			t.Errorf("%q: the question is %q, want %q", text, got, want)
		}
	}
}

// Whatever is heard: a verdict, and a question within the text.
func FuzzJudge(f *testing.F) {
	for _, c := range gateCases(f) {
		f.Add(c.language, c.text)
	}
	f.Add("ja", "？\xff\u202e.?…")
	f.Fuzz(func(t *testing.T, lang, text string) {
		j := judge(lang, text)
		if j.from < 0 || j.from > len(text) {
			t.Fatalf("from %d of %d", j.from, len(text))
		}
		if utf8.ValidString(text) && !utf8.ValidString(text[j.from:]) {
			t.Fatalf("a character was cut at %d of %q", j.from, text)
		}
	})
}
