package resume

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"
)

// What a file can be, by its content.
const (
	typePDF  = "PDF"
	typeDOCX = "DOCX"
	typeText = "text file"
)

// maxText is the longest text we keep, in characters: ten times a long résumé,
// and still a prompt that fits a model.
const maxText = 100_000

// sniff tells what data is from its bytes, whatever the file is called.
func sniff(data []byte) (string, error) {
	head := data[:min(len(data), 1024)]
	switch {
	case bytes.Contains(head, []byte("%PDF-")):
		return typePDF, nil // PDFium too accepts a header within the first kilobyte
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return sniffZip(data)
	case bytes.HasPrefix(head, []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")):
		return "", problem(UnknownType, "document of an old Microsoft Office, or a protected one", nil)
	case bytes.HasPrefix(head, []byte(`{\rtf`)):
		return "", problem(UnknownType, "rich text (RTF) file", nil)
	case bytes.HasPrefix(head, []byte("%!PS")):
		return "", problem(UnknownType, "PostScript file", nil)
	case bytes.HasPrefix(head, []byte("\x89PNG")), bytes.HasPrefix(head, []byte("\xff\xd8\xff")),
		bytes.HasPrefix(head, []byte("GIF8")), bytes.HasPrefix(head, []byte("II*\x00")), bytes.HasPrefix(head, []byte("MM\x00*")):
		return "", problem(UnknownType, "picture", nil)
	}
	lower := bytes.ToLower(bytes.TrimSpace(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))))
	if bytes.HasPrefix(lower, []byte("<!doctype html")) || bytes.HasPrefix(lower, []byte("<html")) {
		return "", problem(UnknownType, "web page", nil)
	}
	return typeText, nil
}

// sniffZip tells the documents that are zip archives apart by their entries'
// names. The archive's directory alone is read, and only its first entries: the
// names are cheap, but this still runs in the parent.
func sniffZip(data []byte) (string, error) {
	for _, name := range [][]byte{[]byte("mimetypeapplication/vnd.oasis"), []byte("mimetypeapplication/epub")} {
		if bytes.Contains(data[:min(len(data), 200)], name) {
			return "", problem(UnknownType, "OpenDocument or e-book file", nil)
		}
	}
	// Looked up as bytes: zip.NewReader would allocate for every entry of a bomb.
	switch {
	case bytes.Contains(data, []byte("word/document")), bytes.Contains(data, []byte("[Content_Types].xml")):
		return typeDOCX, nil
	case bytes.Contains(data, []byte("Index/Document.iwa")), bytes.Contains(data, []byte("Index.zip")):
		return "", problem(UnknownType, "Pages document", nil)
	}
	return "", problem(UnknownType, "zip archive", nil)
}

// decodeText decodes UTF-8, UTF-16 with a byte order mark, or else Windows-1252,
// and refuses what is no text at all.
func decodeText(data []byte) (string, error) {
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		return decodeUTF16(data[2:], binary.LittleEndian)
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		return decodeUTF16(data[2:], binary.BigEndian)
	}
	if bytes.IndexByte(data, 0) >= 0 {
		return "", problem(UnknownType, "", nil)
	}
	text := string(data)
	if !utf8.ValidString(text) {
		decoded, err := charmap.Windows1252.NewDecoder().String(text)
		if err != nil {
			return "", problem(UnknownType, "", err)
		}
		text = decoded
	}
	return text, plausible(text)
}

func decodeUTF16(data []byte, order binary.ByteOrder) (string, error) {
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	text := string(utf16.Decode(units))
	return text, plausible(text)
}

// plausible refuses text in which more than one character in twenty is none.
func plausible(text string) error {
	strange, all := 0, 0
	for _, r := range text {
		all++
		if r == utf8.RuneError || unicode.IsControl(r) && !strings.ContainsRune("\t\n\r\f\v", r) {
			strange++
		}
	}
	if strange*20 > all {
		return problem(UnknownType, "", nil)
	}
	return nil
}

// clean makes text safe to show and to put into a prompt: composed characters,
// ligatures taken apart, nothing invisible and no control or direction-changing
// character, plain spaces, at most one blank line, at most maxText characters.
// It reports whether something was cut off. Cleaning twice changes nothing.
func clean(text string) (string, bool) {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(text, ""))
	var b strings.Builder
	b.Grow(min(len(text), 4*maxText))
	kept, blank, space := 0, 0, false
	last := '\n' // the last character written
	for _, r := range text {
		if kept > maxText-4 { // a space and the longest ligature
			return norm.NFC.String(strings.TrimSpace(b.String())), true
		}
		switch {
		case r == '\n' || r == '\v' || r == '\f' || r == '\u0085' || r == '\u2028' || r == '\u2029':
			if last == '\n' {
				blank++
			}
			space = false
			if blank > 1 {
				continue
			}
			r = '\n'
		case r == '\t' || unicode.Is(unicode.Zs, r):
			space = last != '\n'
			continue
		case invisible(r, last):
			continue
		default:
			blank = 0
		}
		if space {
			b.WriteByte(' ')
			kept++
			space = false
		}
		written := ligature(r)
		b.WriteString(written)
		kept += utf8.RuneCountInString(written)
		last = r
	}
	return norm.NFC.String(strings.TrimSpace(b.String())), false
}

// invisible tells the characters that a reader does not see and a prompt must
// not contain. Joiners stay in scripts that spell with them.
func invisible(r, before rune) bool {
	switch {
	case r == '\u200c' || r == '\u200d':
		return before < 0x0600
	case r == utf8.RuneError || unicode.IsControl(r):
		return true
	default:
		return unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Noncharacter_Code_Point, unicode.Other_Default_Ignorable_Code_Point)
	}
}

// ligature spells a ligature out.
func ligature(r rune) string {
	switch r {
	case 'ﬀ':
		return "ff"
	case 'ﬁ':
		return "fi"
	case 'ﬂ':
		return "fl"
	case 'ﬃ':
		return "ffi"
	case 'ﬄ':
		return "ffl"
	case 'ﬅ', 'ﬆ':
		return "st"
	}
	return string(r)
}
