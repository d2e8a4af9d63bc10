package resume

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// sections divides cleaned text at its headings: lines with "#" before them, the
// usual titles of a résumé or a job description alone on a line, and short lines
// in capitals of a document that has such titles in capitals.
func sections(text string) []Section {
	lines := strings.Split(text, "\n")
	level := sectionLevel(lines)
	capitals := slices.ContainsFunc(lines, func(l string) bool { return upper(l) && knownHeading(l) })
	var out []Section
	var body strings.Builder
	title := ""
	flush := func() {
		if text := strings.TrimSpace(body.String()); title != "" || text != "" {
			out = append(out, Section{Title: title, Text: text})
		}
		body.Reset()
	}
	for _, l := range lines {
		n := hashes(l)
		if knownHeading(l) || n > 0 && n <= level || n == 0 && capitals && title != "" && shouted(l) {
			flush()
			title = headingText(l)
			continue
		}
		body.WriteString(l)
		body.WriteByte('\n')
	}
	flush()
	return out
}

// sectionLevel is the depth of the headings that begin sections: that of the
// usual titles. What is deeper are roles and projects.
func sectionLevel(lines []string) int {
	level := 0
	for _, l := range lines {
		if n := hashes(l); n > 0 && knownHeading(l) && (level == 0 || n < level) {
			level = n
		}
	}
	if level == 0 {
		return 2
	}
	return level
}

// hashes is the depth of a Markdown heading, 0 for other lines.
func hashes(l string) int {
	n := len(l) - len(strings.TrimLeft(l, "#"))
	if n == 0 || n > 6 || n == len(l) || l[n] != ' ' {
		return 0
	}
	return n
}

// shouted tells a line that may be an unusual title in capitals.
func shouted(l string) bool {
	n := utf8.RuneCountInString(l)
	return upper(l) && n >= 4 && n <= 40 && len(strings.Fields(l)) <= 4 && !strings.ContainsAny(l, ",|@0123456789") && !strings.HasPrefix(l, "- ")
}

// headingText takes the Markdown and the punctuation off a heading.
func headingText(l string) string {
	return strings.Trim(strings.TrimSpace(l), "#*_:= \t")
}

// knownHeading tells whether a line is one of the usual titles.
func knownHeading(l string) bool {
	if len(l) > 80 || strings.HasPrefix(l, "- ") {
		return false
	}
	t := strings.ToLower(headingText(l))
	t = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || r == ' ' {
			return r
		}
		if r == '&' || r == '/' || r == ',' {
			return '&'
		}
		return -1
	}, t)
	for _, part := range strings.Split(t, "&") { // "Awards & Honours", "Skills / Tools"
		part = strings.Join(strings.Fields(part), " ")
		part = strings.TrimPrefix(strings.TrimPrefix(part, "my "), "and ")
		if _, ok := slices.BinarySearch(knownTitles, part); !ok {
			before, after, found := strings.Cut(part, " and ")
			if !found {
				return false
			}
			_, first := slices.BinarySearch(knownTitles, before)
			_, second := slices.BinarySearch(knownTitles, after)
			if !first || !second {
				return false
			}
		}
	}
	return t != ""
}

// knownTitles are the titles of sections in résumés and job descriptions, lower
// case and sorted.
var knownTitles = func() []string {
	titles := strings.Split(strings.Join(strings.Fields(`
about|about me|about the role|about the company|about us|about you|accomplishments|achievements|activities|additional information|
affiliations|awards|background|benefits|career|career history|career objective|career summary|certificates|certification|certifications|
competencies|conferences|contact|contact details|contact information|core competencies|core skills|courses|courses taken|
education|employment|employment history|executive summary|experience|expertise|extracurricular activities|hobbies|honors|honours|
interests|internships|job description|key achievements|key responsibilities|key skills|languages|leadership|licenses|licences|memberships|
nice to have|objective|open source|patents|personal data|personal details|personal information|personal profile|personal projects|personal statement|
portfolio|presentations|professional background|professional development|professional experience|professional profile|professional summary|profile|
projects|publications|qualifications|references|relevant experience|requirements|research|research experience|responsibilities|
selected projects|skills|soft skills|strengths|summary|summary of qualifications|talks|teaching|teaching experience|technical expertise|technical skills|technologies|the role|
tools|training|trainings|volunteer experience|volunteering|volunteer work|what we offer|what you bring|what you will do|who you are|work experience|work history|
your profile|your responsibilities|
aufgaben|aus und weiterbildung|ausbildung|auslandserfahrung|auszeichnungen|beruflicher werdegang|berufserfahrung|berufliche erfahrung|berufspraxis|
bildung|ehrenamt|engagement|fachkenntnisse|fähigkeiten|fertigkeiten|führerschein|hobbys|ihr profil|ihre aufgaben|interessen|it kenntnisse|itkenntnisse|kenntnisse|
kontakt|kurzprofil|lebenslauf|persönliche daten|praktika|praktische erfahrung|profil|projekte|qualifikationen|referenzen|schulbildung|sprachen|sprachkenntnisse|stärken|studium|
über mich|veröffentlichungen|weiterbildung|weiterbildungen|werdegang|wir bieten|zertifikate|
à propos|atouts|bénévolat|centres dintérêt|certifications professionnelles|compétences|compétences techniques|coordonnées|diplômes|distinctions|études|expérience|
expérience professionnelle|expériences|expériences professionnelles|formation|formations|informatique|langues|loisirs|missions|parcours|parcours professionnel|profil recherché|projets|publications|références|résumé|
aptitudes|certificaciones|competencias|contacto|cursos|datos personales|educación|estudios|experiencia|experiencia laboral|experiencia profesional|formación|formación académica|
habilidades|idiomas|intereses|logros|objetivo|perfil|perfil profesional|proyectos|publicaciones|referencias|resumen|sobre mí|voluntariado|
capacità|certificazioni|competenze|contatti|esperienza|esperienza professionale|esperienze professionali|formazione|interessi|istruzione|istruzione e formazione|lingue|profilo|progetti|pubblicazioni|
certificações|competências|contato|educação|experiência|experiência profissional|formação|formação acadêmica|habilidades|idiomas|interesses|objetivo|projetos|resumo|sobre mim|
cursussen|ervaring|interesses|opleiding|opleidingen|over mij|profiel|talen|vaardigheden|werkervaring|
doświadczenie|doświadczenie zawodowe|edukacja|języki|kontakt|o mnie|podsumowanie|projekty|umiejętności|wykształcenie|zainteresowania|
arbetslivserfarenhet|erfarenhet|erfaring|utbildning|utdanning|uddannelse|språk|sprog|kompetenser|färdigheter`), " "), "|")
	for i := range titles {
		titles[i] = strings.TrimSpace(titles[i])
	}
	slices.Sort(titles)
	return slices.Compact(titles)
}()
