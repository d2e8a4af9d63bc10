package resume

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/zlib"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pdfFile writes a PDF of the given objects, numbered from 1, with a proper cross
// reference table; the trailer gets extra besides /Root 1 0 R.
func pdfFile(extra string, objects ...string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n")
	var offsets []int
	for i, o := range objects {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	at := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, o := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, extra, at)
	return b.Bytes()
}

func stream(dict, content string) string {
	return fmt.Sprintf("<< %s /Length %d >>\nstream\n%s\nendstream", dict, len(content), content)
}

const (
	pdfCatalog = "<< /Type /Catalog /Pages 2 0 R >>"
	pdfPages   = "<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
	pdfPage    = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
	pdfText    = "BT /F1 12 Tf 72 700 Td (Hello hostile world) Tj ET"
	pdfFont    = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
)

func goodPDF() []byte {
	return pdfFile("", pdfCatalog, pdfPages, pdfPage, stream("", pdfText), pdfFont)
}

// d10 are the files that hang or kill ledongthuc/pdf.
func d10(id string) []byte {
	switch id {
	case "F1": // unterminated hex string
		return pdfFile("", pdfCatalog, pdfPages, pdfPage, stream("", "BT /F1 12 Tf <48656c6c6f"), pdfFont+" <48656c")
	case "F2": // page tree cycle
		return pdfFile("", pdfCatalog, "<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 5 >>")
	case "F3": // /Parent cycle: what the page lacks is looked for upwards
		return pdfFile("", pdfCatalog, "<< /Type /Pages /Kids [3 0 R] /Count 1 /Parent 4 0 R >>", "<< /Type /Page /Parent 4 0 R /Contents 5 0 R >>",
			"<< /Type /Pages /Kids [2 0 R] /Count 1 /Parent 2 0 R >>", stream("", pdfText))
	case "F4": // outline cycle
		return pdfFile("", "<< /Type /Catalog /Pages 2 0 R /Outlines 6 0 R >>", pdfPages, pdfPage, stream("", pdfText), pdfFont,
			"<< /First 7 0 R /Last 7 0 R /Count 3 >>", "<< /Title (a) /Parent 6 0 R /Next 7 0 R /First 7 0 R >>")
	case "F5": // a thousand million pages
		return pdfFile("", pdfCatalog, "<< /Type /Pages /Kids [3 0 R] /Count 1000000000 >>", pdfPage, stream("", pdfText), pdfFont)
	case "F6": // /Prev cycle
		data := pdfFile("", pdfCatalog, pdfPages, pdfPage, stream("", pdfText), pdfFont)
		at := bytes.LastIndex(data, []byte("xref\n0"))
		return bytes.Replace(data, []byte("/Root 1 0 R"), fmt.Appendf(nil, "/Root 1 0 R /Prev %d", at), 1)
	default: // F7: a cross reference table of 32 GB
		data := goodPDF()
		return bytes.Replace(data, []byte("/Size 6"), []byte("/Size 1000000000"), 1)
	}
}

// slowPDF keeps PDFium busy for long with little memory: many pages, each with
// millions of operators that do nothing.
func slowPDF() []byte {
	kids := strings.Repeat("3 0 R ", maxPages)
	return pdfFile("", pdfCatalog, fmt.Sprintf("<< /Type /Pages /Kids [%s] /Count %d >>", kids, maxPages), pdfPage,
		stream("/Filter /FlateDecode", deflated(12<<20, strings.Repeat("q Q ", 1024))), pdfFont)
}

// encryptedPDF wants a password.
func encryptedPDF() []byte {
	return pdfFile("/Encrypt << /Filter /Standard /V 2 /R 3 /Length 128 /P -3904 /O <"+strings.Repeat("28", 32)+"> /U <"+strings.Repeat("5e", 32)+
		"> >> /ID [<00112233445566778899aabbccddeeff> <00112233445566778899aabbccddeeff>]", pdfCatalog, pdfPages, pdfPage, stream("", pdfText), pdfFont)
}

// formBomb draws forms that each draw the next one ten times.
func formBomb() []byte {
	const first = 6
	objects := []string{pdfCatalog, pdfPages,
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /XObject << /X 6 0 R >> >> >>", stream("", strings.Repeat("/X Do ", 10)), pdfFont}
	for i := range 12 {
		objects = append(objects, stream(fmt.Sprintf("/Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources << /XObject << /X %d 0 R >> >>", first+i+1), strings.Repeat("/X Do ", 10)))
	}
	objects = append(objects, stream("/Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources << /Font << /F1 5 0 R >> >>", pdfText))
	return pdfFile("", objects...)
}

func deflated(n int, pattern string) string {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	for range n / len(pattern) {
		_, _ = z.Write([]byte(pattern))
	}
	_ = z.Close()
	return b.String()
}

// hostilePDFs are broken and malicious PDFs by name.
func hostilePDFs() map[string][]byte {
	files := map[string][]byte{}
	for i := 1; i <= 7; i++ {
		id := fmt.Sprintf("F%d", i)
		files["d10 "+id] = d10(id)
	}
	withStream := func(s string) []byte { return pdfFile("", pdfCatalog, pdfPages, pdfPage, s, pdfFont) }
	files["flate bomb"] = withStream(stream("/Filter /FlateDecode", deflated(256<<20, strings.Repeat(" ", 1<<16))))
	files["flate bomb of text"] = withStream(stream("/Filter /FlateDecode", deflated(64<<20, pdfText+"\n")))
	files["filter chain"] = withStream(stream("/Filter ["+strings.Repeat("/ASCIIHexDecode ", 5000)+"]", "41"))
	files["run length bomb"] = withStream(stream("/Filter [/FlateDecode /RunLengthDecode]", deflated(8<<20, "\x81 ")))
	files["lzw garbage"] = withStream(stream("/Filter /LZWDecode", strings.Repeat("\xff\x00\x80", 10000)))
	files["forms without end"] = formBomb()
	files["slow"] = slowPDF()
	files["form in itself"] = pdfFile("", pdfCatalog, pdfPages, "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /XObject << /X 5 0 R >> >> >>",
		stream("", "/X Do"), stream("/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 5 0 R >> >>", "/X Do /X Do"))
	files["nested arrays"] = withStream(stream("", strings.Repeat("[", 200000)))
	files["nested dictionaries"] = pdfFile("", pdfCatalog+strings.Repeat("<< /A ", 100000), pdfPages, pdfPage, stream("", pdfText), pdfFont)
	files["saved states"] = withStream(stream("", strings.Repeat("q ", 1000000)+pdfText))
	files["length lies"] = withStream("<< /Length 999999999 >>\nstream\n" + pdfText + "\nendstream")
	files["length is itself"] = withStream("<< /Length 4 0 R >>\nstream\n" + pdfText + "\nendstream")
	files["font refers to itself"] = pdfFile("", pdfCatalog, pdfPages, pdfPage, stream("", pdfText), "<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /DescendantFonts [5 0 R] /ToUnicode 5 0 R >>")
	files["cmap uses itself"] = pdfFile("", pdfCatalog, pdfPages, pdfPage, stream("", "BT /F1 12 Tf <00410042> Tj ET"),
		"<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding 6 0 R /DescendantFonts [7 0 R] /ToUnicode 6 0 R >>",
		stream("/Type /CMap /CMapName /X /UseCMap 6 0 R", "/X usecmap 1 begincodespacerange <0000> <ffff> endcodespacerange 1 beginbfrange <0000> <ffff> <0000> endbfrange"),
		"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /X /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /DW 1000 >>")
	files["type 3 draws itself"] = pdfFile("", pdfCatalog, pdfPages, pdfPage, stream("", "BT /F1 12 Tf (aaa) Tj ET"),
		"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 1 1] /FontMatrix [1 0 0 1 0 0] /FirstChar 97 /LastChar 97 /Widths [1] /Encoding << /Differences [97 /a] >> /CharProcs << /a 6 0 R >> /Resources << /Font << /F1 5 0 R >> >> >>",
		stream("", "1 0 d0 BT /F1 1 Tf (aaaa) Tj ET"))
	files["huge page"] = pdfFile("", pdfCatalog, pdfPages, strings.Replace(pdfPage, "595 842", "1e38 1e38", 1), stream("", "BT /F1 12 Tf 1e30 1e30 Td (far) Tj -1e30 0 Td (away) Tj ET"), pdfFont)
	files["huge text"] = withStream(stream("", "BT /F1 12 Tf "+strings.Repeat("(the same words again and again) Tj ", 200000)+" ET"))
	files["scattered words"] = withStream(stream("", scattered(20000)))
	files["object stream of itself"] = pdfFile("", pdfCatalog, pdfPages, pdfPage, stream("/Type /ObjStm /N 100000 /First 10", "4 0 5 0 6 0"), pdfFont)
	files["encrypted"] = encryptedPDF()
	files["unknown encryption"] = pdfFile("/Encrypt << /Filter /Nonsense /V 99 >>", pdfCatalog, pdfPages, pdfPage, stream("", pdfText), pdfFont)
	files["no page"] = pdfFile("", pdfCatalog, "<< /Type /Pages /Kids [] /Count 0 >>")
	files["only a header"] = []byte("%PDF-1.7\n")
	files["header and noise"] = append([]byte("%PDF-1.7\n"), bytes.Repeat([]byte{0, 255, 17, 60, 60, 40}, 50000)...)
	files["negative numbers"] = pdfFile("/Prev -1", pdfCatalog, strings.Replace(pdfPages, "1 >>", "-5 >>", 1), pdfPage, stream("", pdfText), pdfFont)
	files["20 MB of objects"] = pdfFile("", append([]string{pdfCatalog, pdfPages, pdfPage, stream("", pdfText), pdfFont}, strings.Split(strings.Repeat("<< /A [1 2 3 4 5 6 7 8 9] >>,", 250000), ",")...)...)
	return files
}

// scattered places words all over the page, so that no two share a line.
func scattered(n int) string {
	var b strings.Builder
	b.WriteString("BT /F1 3 Tf ")
	for i := range n {
		fmt.Fprintf(&b, "1 0 0 1 %d.%d %d.%d Tm (w%d) Tj ", i*7919%560, i%10, i*104729%820, i%7, i)
	}
	b.WriteString("ET")
	return b.String()
}

// truncated cuts a file at every step bytes.
func truncated(t testing.TB, name string, step int) map[string][]byte {
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for n := step; n < len(data); n += step {
		files[fmt.Sprintf("%s cut at %d", name, n)] = data[:n]
	}
	return files
}

// entry is a file of a zip archive made by hand.
type entry struct {
	name    string
	content []byte
	claim   uint64      // uncompressed size to claim, 0 for the truth
	mode    os.FileMode // 0 for a plain file
}

func zipFile(t testing.TB, entries ...entry) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		packed, method := e.content, zip.Store
		if len(packed) > 0 {
			packed, method = squeeze(t, packed), zip.Deflate
		}
		h := &zip.FileHeader{Name: e.name, Method: method, CRC32: crc32.ChecksumIEEE(e.content), CompressedSize64: uint64(len(packed)), UncompressedSize64: uint64(len(e.content))}
		if e.claim > 0 {
			h.UncompressedSize64 = e.claim
		}
		if e.mode != 0 {
			h.SetMode(e.mode)
		}
		w, err := z.CreateRaw(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(packed); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func squeeze(t testing.TB, data []byte) []byte {
	var b bytes.Buffer
	f, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.Write(data)
	_ = f.Close()
	return b.Bytes()
}

const wordNS = `xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"`

// docxFile is a minimal DOCX with the given body.
func docxFile(t testing.TB, body string, more ...entry) []byte {
	document := `<w:document ` + wordNS + `><w:body>` + body + `</w:body></w:document>`
	return zipFile(t, append([]entry{{name: "[Content_Types].xml", content: []byte("<Types/>")}, {name: "word/document.xml", content: []byte(document)}}, more...)...)
}

// hostileDOCXs are broken and malicious Word documents by name; all are refused.
func hostileDOCXs(t testing.TB) map[string][]byte {
	files := map[string][]byte{}
	hello := "<w:p><w:r><w:t>Hello</w:t></w:r></w:p>"
	files["bomb"] = docxFile(t, "<w:p><w:r><w:t>"+strings.Repeat(" ", 22<<20)+"</w:t></w:r></w:p>")
	lie := []byte(`<w:document ` + wordNS + `><w:body><w:p><w:r><w:t>` + strings.Repeat("a", 22<<20))
	files["bomb that lies"] = zipFile(t, entry{name: "word/document.xml", content: lie, claim: 1000})
	many := make([]entry, 100_000)
	for i := range many {
		many[i] = entry{name: fmt.Sprintf("word/media/%d.png", i)}
	}
	files["100,000 entries"] = docxFile(t, hello, many...)
	files["201 entries"] = docxFile(t, hello, many[:199]...)
	files["bomb of pictures"] = docxFile(t, hello, entry{name: "word/media/a.png", claim: 1 << 40})
	files["depth"] = docxFile(t, strings.Repeat("<w:p>", 1_000_000))
	files["depth of tables"] = docxFile(t, strings.Repeat("<w:tbl><w:tr><w:tc>", 300_000))
	laughs := `<!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>` + `<w:document ` + wordNS + `><w:body><w:p><w:r><w:t>&c;</w:t></w:r></w:p></w:body></w:document>`
	files["billion laughs"] = zipFile(t, entry{name: "word/document.xml", content: []byte(laughs)})
	files["external entity"] = zipFile(t, entry{name: "word/document.xml", content: []byte(`<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><w:document><w:p><w:r><w:t>&e;</w:t></w:r></w:p></w:document>`)})
	files["one long attribute"] = docxFile(t, `<w:p w:a="`+strings.Repeat("x", 22<<20)+`"/>`)
	files["a million attributes"] = docxFile(t, "<w:p"+strings.Repeat(` a="b"`, 3_700_000)+"/>")
	files["no end"] = zipFile(t, entry{name: "word/document.xml", content: []byte("<w:document><w:body>" + hello)})
	files["wrong end"] = docxFile(t, "</w:body></w:document>")
	files["no document"] = zipFile(t, entry{name: "[Content_Types].xml", content: []byte("<Types/>")})
	files["other encoding"] = zipFile(t, entry{name: "word/document.xml", content: []byte(`<?xml version="1.0" encoding="UTF-7"?><w:document/>`)})
	files["binary"] = zipFile(t, entry{name: "word/document.xml", content: bytes.Repeat([]byte{0, 1, 2, 255}, 5000)})
	return files
}
