package account

import (
	"archive/zip"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

// ExportDOCX writes an interview as a Word document (ISO/IEC 29500, strict
// enough for Word, LibreOffice and Pages). Fonts are the reader's.
func ExportDOCX(w io.Writer, p Past, figures []string, loc *time.Location) error {
	var body strings.Builder
	for _, part := range parts(p, figures, loc) {
		style := [...]string{"Title", "Heading1", "", "ListBullet", "Quote"}[part.kind]
		body.WriteString("<w:p>")
		if style != "" {
			fmt.Fprintf(&body, `<w:pPr><w:pStyle w:val="%s"/></w:pPr>`, style)
		}
		for _, s := range part.spans {
			body.WriteString("<w:r>")
			if s.bold {
				body.WriteString("<w:rPr><w:b/><w:bCs/></w:rPr>")
			}
			body.WriteString(`<w:t xml:space="preserve">`)
			if err := xml.EscapeText(&body, []byte(s.text)); err != nil {
				return err
			}
			body.WriteString("</w:t></w:r>")
		}
		body.WriteString("</w:p>")
	}
	z := zip.NewWriter(w)
	for _, f := range []struct{ name, text string }{
		{"[Content_Types].xml", docxTypes},
		{"_rels/.rels", docxRoot},
		{"word/_rels/document.xml.rels", docxRelations},
		{"word/styles.xml", docxStyles},
		{"word/numbering.xml", docxNumbering},
		{"word/document.xml", xml.Header + `<w:document xmlns:w="` + wordSpace + `"><w:body>` + body.String() +
			`<w:sectPr><w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1134" w:right="1134" w:bottom="1134" w:left="1134" w:header="708" w:footer="708" w:gutter="0"/></w:sectPr></w:body></w:document>`},
	} {
		out, err := z.Create(f.name)
		if err == nil {
			_, err = io.WriteString(out, f.text)
		}
		if err != nil {
			return fmt.Errorf("write docx: %w", err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("write docx: %w", err)
	}
	return nil
}

const (
	wordSpace    = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
	officeSpace  = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	packageSpace = "http://schemas.openxmlformats.org/package/2006/relationships"

	docxTypes = xml.Header + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">` +
		`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
		`<Default Extension="xml" ContentType="application/xml"/>` +
		`<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/>` +
		`<Override PartName="/word/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml"/>` +
		`<Override PartName="/word/numbering.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.numbering+xml"/></Types>`

	docxRoot = xml.Header + `<Relationships xmlns="` + packageSpace + `">` +
		`<Relationship Id="rId1" Type="` + officeSpace + `/officeDocument" Target="word/document.xml"/></Relationships>`

	docxRelations = xml.Header + `<Relationships xmlns="` + packageSpace + `">` +
		`<Relationship Id="rId1" Type="` + officeSpace + `/styles" Target="styles.xml"/>` +
		`<Relationship Id="rId2" Type="` + officeSpace + `/numbering" Target="numbering.xml"/></Relationships>`

	docxStyles = xml.Header + `<w:styles xmlns:w="` + wordSpace + `">` +
		`<w:docDefaults><w:rPrDefault><w:rPr><w:sz w:val="22"/><w:szCs w:val="22"/></w:rPr></w:rPrDefault>` +
		`<w:pPrDefault><w:pPr><w:spacing w:after="120" w:line="276" w:lineRule="auto"/></w:pPr></w:pPrDefault></w:docDefaults>` +
		`<w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/></w:style>` +
		`<w:style w:type="paragraph" w:styleId="Title"><w:name w:val="Title"/><w:basedOn w:val="Normal"/><w:rPr><w:b/><w:bCs/><w:sz w:val="40"/><w:szCs w:val="40"/></w:rPr></w:style>` +
		`<w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/><w:basedOn w:val="Normal"/><w:pPr><w:keepNext/><w:spacing w:before="240"/><w:outlineLvl w:val="0"/></w:pPr><w:rPr><w:b/><w:bCs/><w:sz w:val="28"/><w:szCs w:val="28"/></w:rPr></w:style>` +
		`<w:style w:type="paragraph" w:styleId="ListBullet"><w:name w:val="List Bullet"/><w:basedOn w:val="Normal"/><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>` +
		`<w:style w:type="paragraph" w:styleId="Quote"><w:name w:val="Quote"/><w:basedOn w:val="Normal"/><w:pPr><w:ind w:left="454"/></w:pPr><w:rPr><w:color w:val="505050"/></w:rPr></w:style></w:styles>`

	docxNumbering = xml.Header + `<w:numbering xmlns:w="` + wordSpace + `">` +
		`<w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="bullet"/><w:lvlText w:val="•"/><w:lvlJc w:val="left"/>` +
		`<w:pPr><w:ind w:left="454" w:hanging="227"/></w:pPr></w:lvl></w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num></w:numbering>`
)
