package resume

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// Limits of a DOCX; the fault row is F8.
const (
	maxEntries  = 200
	maxUnpacked = 20 << 20
	maxXMLDepth = 256
)

// readDOCX takes the text out of a Word document: headers, body with its text
// boxes and tables, footnotes, footers. Nothing but these parts is unpacked.
func readDOCX(data []byte) (string, error) {
	entries, err := countEntries(data)
	if err != nil {
		return "", err
	}
	if entries > maxEntries {
		return "", problem(TooLarge, typeDOCX, fmt.Errorf("%d entries", entries))
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return "", fmt.Errorf("opening archive: %w", err)
	}
	if len(z.File) > maxEntries {
		return "", problem(TooLarge, typeDOCX, fmt.Errorf("%d entries", len(z.File)))
	}
	var claimed uint64
	for _, f := range z.File {
		if f.UncompressedSize64 > maxUnpacked || claimed > maxUnpacked {
			return "", problem(TooLarge, typeDOCX, errTooLarge)
		}
		claimed += f.UncompressedSize64
	}
	if claimed > maxUnpacked {
		return "", problem(TooLarge, typeDOCX, errTooLarge)
	}
	left := int64(maxUnpacked) // what the archive claims need not be so
	var parts []string
	for _, name := range docxParts(z.File) {
		text, err := readPart(z, name, &left)
		if err != nil {
			return "", fmt.Errorf("reading %s: %w", path.Base(name), err)
		}
		if text != "" && !slices.Contains(parts, text) { // first, even and odd headers are often alike
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, "\n\n"), nil
}

// countEntries reads the number of entries from the end of the archive, before
// archive/zip makes a structure of each.
func countEntries(data []byte) (int, error) {
	const size = 22 // of the record, without its comment
	tail := data[max(0, len(data)-size-65535):]
	i := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if i < 0 || len(tail)-i < size {
		return 0, errors.New("archive has no directory")
	}
	return int(binary.LittleEndian.Uint16(tail[i+10:])), nil // 65,535 also stands for more
}

// docxParts names the parts to read, in reading order.
func docxParts(files []*zip.File) []string {
	var headers, body, notes, footers []string
	for _, f := range files {
		dir, base := path.Split(f.Name)
		if dir != "word/" || !strings.HasSuffix(base, ".xml") {
			continue
		}
		switch {
		case strings.HasPrefix(base, "header"):
			headers = append(headers, f.Name)
		case base == "document.xml" || body == nil && strings.HasPrefix(base, "document"):
			body = []string{f.Name}
		case base == "footnotes.xml" || base == "endnotes.xml":
			notes = append(notes, f.Name)
		case strings.HasPrefix(base, "footer"):
			footers = append(footers, f.Name)
		}
	}
	slices.Sort(headers)
	slices.Sort(footers)
	return slices.Concat(headers, body, notes, footers)
}

// readPart unpacks one part, at most left bytes of it, and reads it as it comes.
func readPart(z *zip.Reader, name string, left *int64) (string, error) {
	f, err := z.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	limited := &io.LimitedReader{R: f, N: *left}
	text, err := readWordXML(limited)
	*left = limited.N
	if limited.N <= 0 {
		return "", problem(TooLarge, typeDOCX, errTooLarge)
	}
	return text, err
}

// readWordXML turns one part's XML into light Markdown.
func readWordXML(r io.Reader) (string, error) {
	d := xml.NewDecoder(r)
	d.Entity = map[string]string{} // only XML's own five
	d.CharsetReader = func(string, io.Reader) (io.Reader, error) { return nil, errors.New("not UTF-8") }
	w := wordReader{}
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			if len(w.open) > 0 {
				return "", errors.New("XML ends early")
			}
			return w.text(), nil
		}
		if err != nil {
			return "", err
		}
		switch t := token.(type) {
		case xml.Directive:
			return "", errors.New("a document type declaration is not allowed")
		case xml.StartElement:
			if len(w.open) >= maxXMLDepth {
				return "", errors.New("XML nested too deep")
			}
			w.start(t)
		case xml.EndElement:
			if err := w.end(t.Name.Local); err != nil {
				return "", err
			}
		case xml.CharData:
			w.chars(string(t))
		}
	}
}
