package resume

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const pastedJob = `About the role
Kestrel Labs is looking for a Staff Engineer who knows Kubernetes, gRPC and PostgreSQL.

Requirements
- Apache Kafka or NATS JetStream in production
- Experience with C++ and .NET is a bonus
- You report to Saoirse Delacroix, VP Platform`

// What/why: the names an interviewer will say are among the key terms, those of
// both documents first, and words that need no help are not.
func TestTerms(t *testing.T) {
	resume := FromText("Matilda Griffiths\nExperience\nStaff Engineer, Northwind Payments\n- Led the migration to Kubernetes with Apache Kafka\n- Designed and built things. Improved Results.\nSkills\nGo, Rust, PostgreSQL, etcd")
	terms := Terms(resume, FromText(pastedJob))
	for _, want := range []string{"Kubernetes", "PostgreSQL", "Apache Kafka", "gRPC", "NATS JetStream", "C++", ".NET", "Kestrel Labs", "Saoirse Delacroix", "Matilda Griffiths", "Northwind Payments", "Go", "Rust", "etcd"} {
		if !slices.Contains(terms, want) {
			t.Errorf("%q is missing", want)
		}
	}
	for _, common := range []string{"Led", "Designed", "Experience", "Requirements", "Staff Engineer", "You", "Improved", "Skills", "Senior"} {
		if slices.Contains(terms, common) {
			t.Errorf("%q is a common word", common)
		}
	}
	if i := slices.Index(terms, "Matilda Griffiths"); slices.Index(terms, "Kubernetes") > i || slices.Index(terms, "Apache Kafka") > i {
		t.Errorf("what both name does not come first: %q", terms)
	}
	if t.Failed() {
		t.Logf("%q", terms)
	}
}

// What/why: over 100 terms or 500 tokens Deepgram refuses the connection, so no
// document may lead there; nor may a term hold what a URL or a log should not.
func TestTermsStayInTheLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[A-Z][a-zA-Z0-9+.#-]{0,14}|[a-z]{1,9}[,.]?`)
		text := strings.Join(rapid.SliceOfN(word, 0, 600).Draw(t, "words"), rapid.SampledFrom([]string{" ", "\n", ", "}).Draw(t, "separator"))
		terms := Terms(FromText("Skills\n"+text), FromText(text))
		tokens := 0
		for i, term := range terms {
			tokens += termTokens(term)
			if strings.TrimSpace(term) == "" || strings.ContainsAny(term, "\n@|") || slices.Contains(terms[:i], term) {
				t.Fatalf("%q is no term", term)
			}
		}
		if len(terms) > maxTerms || tokens > maxTermTokens {
			t.Fatalf("%d terms, %d tokens", len(terms), tokens)
		}
	})
}
