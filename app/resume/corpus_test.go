package resume

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

type expectation struct {
	file     string
	reader   string
	phrases  []string // in this order
	sections []string // these titles, in this order, others may come between
	terms    []string // among the key terms
}

// produced lists what must come out of each document of the corpus. A phrase is
// looked up with white space folded; phrases must also come in this order.
var produced = []expectation{
	{"pdftex.pdf", readerPDF, []string{
		"Matilda Griffiths", "Staff Backend Engineer", "matilda.griffiths@example.org", "+44 7700 900123", "# Summary",
		"efficient, fault-tolerant infrastructure beneath them", "difficult workflows", "define office-wide standards",
		"troubleshooting complicated, high-throughput, geographically distributed messaging infrastructure", "# Experience",
		"Staff Engineer | March 2020 – Present", "Northwind Payments | Bristol", "- Led the migration of 140 services to Kubernetes",
		"- Designed an idempotent ledger on PostgreSQL that reconciles 2.4 million transfers a day.", "five were promoted within eighteen months",
		"Senior Software Engineer | June 2015 – February 2020", "Fjord Analytics | Oslo, Norway", "the office of finance got figures in five minutes",
		"Tuffnell & Fife Ltd | Cardiff", "firm’s fleet tracker", "# Education", "MSc Computer Science, First Class | 2011", "# Skills",
		"Languages | Go, Rust, Python, SQL", "Platforms | Kubernetes, AWS, Terraform, Apache Kafka",
	}, []string{"Summary", "Experience", "Education", "Skills"}, []string{"Kubernetes", "Apache Kafka", "PostgreSQL", "Northwind Payments", "Matilda Griffiths"}},
	{"pdftexcv.pdf", readerPDF, []string{
		"Anaïs Lefèbvre", "Lyon, France — anais.lefebvre@example.fr", "# Expérience professionnelle",
		"2021–2026 | Ingénieure données principale, Crédit Rhodanien, Lyon.", "entrepôt Snowflake pour 40 équipes; pipelines dbt et Airflow",
		"Réduction du coût mensuel de 31 %", "2017–2021 | Data Engineer, Météo Horizon, Toulouse.", "Traitement de 3 téraoctets",
		"2014–2017 | Développeuse, Café Numérique", "# Formation", "2014 | Diplôme d'ingénieur, INSA Lyon", "Baccalauréat scientifique", "# Langues", "Français | langue maternelle", "Espagnol | notions",
	}, []string{"Expérience professionnelle", "Formation", "Langues"}, []string{"Snowflake", "Airflow", "Apache Spark", "Anaïs Lefèbvre"}},
	{"pdftexgrid.pdf", readerPDF, []string{
		"Henrik Sandvik", "# PROFILE", "safety-critical firmware for ventilators and subsea robots", "IEC 62304 and ISO 26262", "# EMPLOYMENT",
		"Principal Architect, Havblikk Robotics", "2019 – 2026", "removed 61 percent of its dynamic allocations", "Introduced hardware-in-the-loop tests on every merge request.",
		"Firmware Engineer, Lungo Medical", "certified in four markets", "# EDUCATION", "MSc Cybernetics, NTNU, 2013", "# TOOLS", "C, C++20, Rust, VHDL",
		"# CERTIFICATES", "TÜV Functional Safety Engineer", "# VOLUNTEERING", "robotics club for children since 2016",
	}, []string{"PROFILE", "EMPLOYMENT", "EDUCATION", "TOOLS", "CERTIFICATES", "VOLUNTEERING"}, []string{"Zephyr RTOS", "FreeRTOS", "VHDL", "NTNU", "Henrik Sandvik"}},
	{"chromium.pdf", readerPDF, []string{
		"Priya Raghunathan", "Lead Frontend Engineer", "# PROFILE", "Shipped design systems used by 60 teams and a checkout that converts 14% better",
		"# EXPERIENCE", "Lead Frontend Engineer, Cascadia Commerce", "August 2021 – Present · Seattle", "- Rebuilt the checkout in React and cut its JavaScript from 1.9 MB to 310 kB.",
		"4,200 flows in seven minutes", "- Negotiated WCAG 2.2 AA", "Lumen & Loom", "to TypeScript, file by file, without a freeze", "- Led the “Weave” component library",
		"Frontend Engineer, Tidewater Health", "its offline mode with service workers", "# TALKS", "JSConf Budapest 2024",
		"# CONTACT", "priya.r@example.com", "+1 206 555 0148", "# SKILLS", "React and Next.js", "GraphQL", "# LANGUAGES", "Tamil (native)", "# EDUCATION",
		"BSc Human Computer Interaction", "2013 – 2017", "# CERTIFICATIONS", "IAAP Web Accessibility Specialist",
	}, []string{"PROFILE", "EXPERIENCE", "TALKS", "CONTACT", "SKILLS", "LANGUAGES", "EDUCATION", "CERTIFICATIONS"}, []string{"GraphQL", "Next.js", "WebAssembly", "Cascadia Commerce"}},
	{"chromium-de.pdf", readerPDF, []string{
		"Jörg Weißmüller", "Straße der Einheit 14, 04109 Leipzig", "# Berufserfahrung", "Leiter Qualitätssicherung | 04/2019 – heute", "Sächsische Förderanlagen GmbH",
		"- Aufbau eines Prüflabors mit zwölf Mitarbeitern und ISO-17025-Akkreditierung", "- Einführung von SAP QM an fünf Standorten", "von 3,1 % auf 0,8 %",
		"Prüfingenieur | 09/2012 – 03/2019", "Elbtal Präzisionstechnik AG, Dresden", "- Schulung der Schichtführer in Six Sigma", "# Ausbildung", "Diplom-Ingenieur Maschinenbau",
		"# Kenntnisse", "SAP QM, SAP MM", "Six Sigma Black Belt", "# Sprachen", "Tschechisch: Grundkenntnisse", "# Ehrenamt", "Schöffe am Landgericht",
		"# Projekte", "Projekt | Rolle | Ergebnis", "Prüfstand Nordhafen | Projektleiter | Inbetriebnahme in 7 Monaten", "Audit VDA 6.3 | Leitender Auditor",
	}, []string{"Berufserfahrung", "Ausbildung", "Kenntnisse", "Sprachen", "Ehrenamt", "Projekte"}, []string{"SAP QM", "LabVIEW", "FMEA", "Jörg Weißmüller"}},
	{"groff.pdf", readerPDF, groffPhrases, groffSections, []string{"Juniper MX", "BGP", "MPLS", "Atlantic Exchange"}},
	{"ghostscript.pdf", readerPDF, groffPhrases, groffSections, []string{"Juniper MX", "BGP", "MPLS", "Atlantic Exchange"}},
	{"cairo.pdf", readerPDF, []string{
		"Inès Oyelaran", "Machine Learning Engineer", "# Work History", "Senior ML Engineer", "Boréal Robotics, Montréal, 2022 – present", "- Trained grasping policies on 800 GPUs",
		"- Cut inference cost by 57% with 4-bit quantisation and Triton kernels written by hand.", "Saint Lawrence Insurance, Québec City, 2019 – 2022", "- Shipped a claims triage model",
		"Maple Grocers, Toronto", "# Education", "MSc Statistics, McGill University, 2017", "# Publications", "“Small models that listen”, ICML Workshop 2024",
		"# Contact", "ines.oyelaran@example.ca", "# Expertise", "CUDA, Triton", "# Awards", "NeurIPS Outstanding", "# Interests", "Cross-country skiing",
	}, []string{"Work History", "Education", "Publications", "Contact", "Expertise", "Awards", "Interests"}, []string{"PyTorch", "JAX", "Kubeflow", "Boréal Robotics"}},
	{"libreoffice.pdf", readerPDF, append(slices.Clone(officePhrases), "Discovery Interviews, prototyping", "Delivery Jira, Linear, Shape Up", "1. Thesis on the ergonomics of error messages"), officeSections, officeTerms},
	{"libreoffice.docx", readerDOCX, append(slices.Clone(officePhrases), "Discovery | Interviews, prototyping", "Delivery | Jira, Linear, Shape Up", "- Thesis on the ergonomics of error messages"), officeSections, officeTerms},
	{"handmade.docx", readerDOCX, []string{
		"Maria de Lurdes Figueiredo", "Porto, Portugal · lurdes@example.pt", "Operations Manager", "Languages", "Portuguese, English, Galician", "# Professional Experience",
		"Operations Manager, Douro Wines | 2018-2026", "- Cut bottling waste by 22% with a Kanban system.", "- Trained 45 operators in three plants.", "Portfolio: example.pt/lurdes",
		"# Education", "2009 | MBA, Porto Business School", "Thesis on cork logistics", "2005 | BEng Industrial Engineering | Universidade do Minho", "# Skills", "Lean Six Sigma, SAP PP, Kaizen",
		"Audited by Deloitte in 2023.", "References from Casa Amarela on request",
	}, []string{"Languages", "Professional Experience", "Education", "Skills"}, []string{"Lean Six Sigma", "SAP PP", "Douro Wines"}},
	{"markdown.md", readerText, []string{"# Wanjiru Kamau", "Site Reliability Engineer · Nairobi", "## Experience", "Senior SRE", "9 million subscribers", "Rift Valley Hosting", "## Education", "| Cloud | Google Cloud, Terraform |"},
		[]string{"Wanjiru Kamau", "Experience", "Education", "Skills"}, []string{"PostgreSQL", "Prometheus", "Google Cloud", "Wanjiru Kamau"}},
	{"windows1252.txt", readerText, plainPhrases, plainSections, []string{"Oracle NetSuite", "SAP S/4HANA", "IFRS 16", "Baobab Capital"}},
	{"utf16.txt", readerText, plainPhrases, plainSections, []string{"Oracle NetSuite", "SAP S/4HANA", "IFRS 16", "Baobab Capital"}},
}

var (
	groffPhrases = []string{
		"Bartholomew O’Sullivan", "Network Reliability Engineer", "b.osullivan@example.ie", "# Objective", "To keep large networks boring.",
		"automation that configures them, from the first fibre splice to the final post-incident review", "# Work Experience", "Principal Network Engineer",
		"Atlantic Exchange, Dublin, January 2018 to present", "- Automated 2,300 routers with Ansible and NetBox; configuration drift fell from 17% to zero.",
		"- Designed an anycast DNS service on BIRD and BGP", "- Chaired the post-incident review board", "Shannon Telecom, Limerick, May 2010 to December 2017",
		"- Rolled out MPLS segment routing on Juniper MX and Nokia SR hardware.", "# Education", "BEng Telecommunications, University of Limerick",
		"# Certifications", "JNCIE-SP | Juniper Networks | 2016", "RIPE NCC Certified Professional | RIPE NCC | 2022", "# Publications", "what route flaps teach”, RIPE 84, Berlin 2022",
	}
	groffSections = []string{"Objective", "Work Experience", "Education", "Certifications", "Publications"}
	officePhrases = []string{
		"Tomasz Zieliński", "Product Manager, Kraków · t.zielinski@example.pl · +48 601 555 012", "# About me", "end with a number that moved.", "# Professional Experience",
		"Group Product Manager, Wawel Cloud", "October 2020 – present", "- Owned the pricing change that lifted annual recurring revenue by €4.3M.", "- Ran 120 customer interviews",
		"SAML and SCIM in one quarter", "Product Manager, Bursztyn Software", "2016 – 2020", "- Took the Visual Studio Code extension from 8,000 to 310,000 installations.", "# Skills",
	}
	officeSections = []string{"About me", "Professional Experience", "Skills", "Education"}
	officeTerms    = []string{"SAML", "SCIM", "BigQuery", "Wawel Cloud", "Tomasz Zieliński"}
	plainPhrases   = []string{
		"CHIDINMA OKONKWO-BAKER", "Finance Director, Lagos / London", "PROFESSIONAL SUMMARY", "closed books in eleven currencies", "EMPLOYMENT HISTORY", "Savanna Logistics plc", "2019 – present",
		"Raised £24m in a Series B round led by Baobab Capital", "QUALIFICATIONS", "FCCA, Association of Chartered Certified Accountants, 2011", "KEY SKILLS", "IFRS 16, SAP S/4HANA",
	}
	plainSections = []string{"PROFESSIONAL SUMMARY", "EMPLOYMENT HISTORY", "QUALIFICATIONS", "KEY SKILLS"}
)

// What/why: résumés of every usual producer come out whole and in reading order,
// because the answers are grounded in them.
func TestCorpus(t *testing.T) {
	asked, missing := 0, 0
	for _, want := range produced {
		t.Run(want.file, func(t *testing.T) {
			d, err := Parse(t.Context(), filepath.Join("testdata", want.file))
			if err != nil {
				t.Fatal(err)
			}
			if d.Reader != want.reader {
				t.Errorf("read by %q, want %q", d.Reader, want.reader)
			}
			text, at := fold(d.Text), 0
			for _, phrase := range want.phrases {
				asked++
				switch i := strings.Index(text[at:], fold(phrase)); {
				case i >= 0:
					at += i
				case strings.Contains(text, fold(phrase)):
					missing++
					t.Errorf("%q is out of order", phrase)
				default:
					missing++
					t.Errorf("%q is missing", phrase)
				}
			}
			rest := d.Sections
			for _, title := range want.sections {
				i := slices.IndexFunc(rest, func(s Section) bool { return s.Title == title && s.Text != "" })
				if i < 0 {
					t.Errorf("no section %q in order", title)
					continue
				}
				rest = rest[i+1:]
			}
			for _, term := range want.terms {
				if !slices.Contains(d.Terms, term) {
					t.Errorf("%q is not a key term", term)
				}
			}
			if t.Failed() {
				t.Logf("text:\n%s\nterms: %q", d.Text, d.Terms)
			}
		})
	}
	t.Logf("%d of %d phrases", asked-missing, asked)
	if asked < 200 {
		t.Errorf("only %d phrases looked up", asked)
	}
}

// What/why: every document of the corpus is asked for something, so that one that
// was added without expectations is noticed.
func TestCorpusIsComplete(t *testing.T) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil || len(files) < 12 {
		t.Fatalf("found %d documents: %v", len(files), err)
	}
	for _, f := range files {
		known := slices.ContainsFunc(produced, func(e expectation) bool { return e.file == filepath.Base(f) })
		if !known && filepath.Base(f) != "make.sh" {
			t.Errorf("%s is not in the table", f)
		}
	}
}

// fold makes white space plain.
func fold(s string) string { return strings.Join(strings.Fields(s), " ") }
