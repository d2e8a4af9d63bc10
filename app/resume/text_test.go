package resume

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// What/why: what a document hides from its reader (control characters, reversed
// text, invisible letters) does not reach the prompt, and no document floods it.
func TestF10_TextIsCleaned(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"control characters", "a\x00b\x07c\x1b[31md", "abc[31md"},
		{"direction overrides", "pay \u202e000,1\u202c now \u2066x\u2069", "pay 000,1 now x"},
		{"zero width", "Go\u200blang\ufeff \u2060x", "Golang x"},
		{"tags", "a\U000e0041\U000e0042b", "ab"},
		{"soft hyphen", "infra\u00adstructure", "infrastructure"},
		{"ligatures", "eﬃcient ﬁrm ﬂow oﬀ", "efficient firm flow off"},
		{"accents are composed", "Ine\u0300s", "Inès"},
		{"composed behind something invisible", "e\u200b\u0300", "è"},
		{"spaces", "a\u00a0\u2003 b\t\tc  \n  d", "a b c\nd"},
		{"line ends", "a\r\nb\rc\u2028d\fe", "a\nb\nc\nd\ne"},
		{"blank lines", "a\n\n\n\n\nb", "a\n\nb"},
		{"private use", "\uf0b7 item", "item"},
		{"broken UTF-8", "a\xff\xfeb", "ab"},
		{"joiners stay where they spell", "می\u200cخواهم", "می\u200cخواهم"},
	} {
		if got, cut := clean(c.in); got != c.want || cut {
			t.Errorf("%s: %q gives %q, want %q", c.name, c.in, got, c.want)
		}
	}
	d := FromText(strings.Repeat("word ", 1_000_000))
	if n := utf8.RuneCountInString(d.Text); n > maxText || !d.Truncated {
		t.Errorf("%d characters kept, truncated %v", n, d.Truncated)
	}
}

// What/why: text files come in the encodings that editors write.
func TestDecodeText(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"UTF-8", "Zürich", "Zürich"},
		{"UTF-8 with mark", "\xef\xbb\xbfZürich", "\ufeffZürich"},
		{"UTF-16 LE", "\xff\xfeZ\x00\xfc\x00", "Zü"},
		{"UTF-16 BE", "\xfe\xff\x00Z\x00\xfc", "Zü"},
		{"Windows-1252", "Z\xfcrich \x80 \x96", "Zürich € –"},
	} {
		if got, err := decodeText([]byte(c.in)); err != nil || got != c.want {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
	for _, noise := range []string{"\x7fELF\x02\x01\x01\x00", "\x01\x02\x03\x04\x05", "\xff\xfe\x01\x00\x02\x00"} {
		if _, err := decodeText([]byte(noise)); err == nil {
			t.Errorf("%q was taken for text", noise)
		}
	}
}

// What/why: pasted text, of a résumé or a job description, is divided at its
// headings whatever their style and language.
func TestSections(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"plain", "Ann\nExperience\nAcme\nEducation:\nMIT", []string{"", "Experience", "Education"}},
		{"capitals, one unusual", "ANN\nEXPERIENCE\nAcme\nBOARD SEATS\nGiraffe", []string{"", "EXPERIENCE", "BOARD SEATS"}},
		{"Markdown", "# Ann\n## Skills\nGo\n### Deep\n## Odd things\nx", []string{"Ann", "Skills", "Odd things"}},
		{"pairs", "Awards & Honours\nx\nSkills and Tools\ny", []string{"Awards & Honours", "Skills and Tools"}},
		{"job description", "Requirements\nGo\nNice to have\nRust\nWhat we offer:\nmoney", []string{"Requirements", "Nice to have", "What we offer"}},
		{"Spanish", "Experiencia laboral\nx\nIdiomas\ny", []string{"Experiencia laboral", "Idiomas"}},
		{"none", "just a text about experience", []string{""}},
		{"nothing", "", nil},
	} {
		var got []string
		for _, s := range FromText(c.in).Sections {
			got = append(got, s.Title)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// What/why: a hyphen at a line's end is the typesetter's, one inside a compound
// is the author's.
func TestDehyphenate(t *testing.T) {
	const h = string(lineHyphen)
	for in, want := range map[string]string{
		"infras" + h + "tructure":                     "infrastructure",
		"fault" + h + "tolerant":                      "fault-tolerant",
		"low-level and low" + h + "level":             "low-level and low-level",
		"ISO" + h + "17025":                           "ISO-17025",
		"Qualitäts" + h + "Management":                "Qualitäts-Management",
		"hardware-in-the" + h + "loop":                "hardware-in-the-loop",
		"a-posteriori tests, an a" + h + "posteriori": "a-posteriori tests, an a-posteriori",
	} {
		if got := dehyphenate(in); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

// What/why: any bytes become clean text or an error, and cleaning is stable.
func FuzzText(f *testing.F) {
	for _, s := range []string{"Experience\r\n\tAcme\n", "\xff\xfeA\x00", "e\u0300\u200b", "- a\n# b\n| c |", "\u202e\u2028"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		text, err := decodeText(data)
		if err != nil {
			return
		}
		d := FromText(text)
		if again, _ := clean(d.Text); again != d.Text {
			t.Errorf("cleaning %q again gives %q", d.Text, again)
		}
		for _, r := range d.Text {
			if r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Errorf("%U is left in %q", r, d.Text)
			}
		}
		if utf8.RuneCountInString(d.Text) > maxText {
			t.Errorf("%d characters", utf8.RuneCountInString(d.Text))
		}
	})
}

// What/why: any bytes given to the Word reader end in text or an error.
func FuzzDOCX(f *testing.F) {
	f.Add(docxFile(f, `<w:p><w:r><w:t>Hello</w:t><w:tab/></w:r></w:p><w:tbl><w:tr><w:tc><w:p/></w:tc></w:tr></w:tbl>`))
	for _, body := range []string{`</w:p></w:tc></w:tr>`, `<w:txbxContent><w:p>`, `<w:p><w:del><w:r><w:t>x</w:t></w:r></w:del></w:p>`} {
		f.Add([]byte(`<w:document ` + wordNS + `>` + body + `</w:document>`))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = readDOCX(data)
		if text, err := readWordXML(strings.NewReader(string(data))); err == nil && len(text) > 8*len(data)+64 {
			t.Errorf("%d bytes became %d", len(data), len(text))
		}
	})
}
