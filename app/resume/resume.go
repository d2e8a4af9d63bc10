// Package resume turns résumés and job descriptions into clean text, sections
// and the key terms that help speech recognition. [Parse] reads a file (PDF,
// DOCX, plain text, Markdown), [FromText] takes pasted text, and [Terms] draws
// the terms from both documents.
//
// A file is hostile until proven otherwise, so it is never parsed in this
// process: Parse re-executes the running program as a child, hands it the bytes
// on standard input, and kills it at the deadline. The program must therefore
// begin its main with
//
//	if resume.IsChild(os.Args) {
//		os.Exit(resume.RunChild(os.Stdin, os.Stdout))
//	}
//
// The child has no environment worth stealing, writes no file, and lives under
// limits on memory and processor time. PDFs are read by PDFium, compiled to
// WebAssembly and run by wazero, a second sandbox inside the first one. Its machine
// code is kept in the user's cache directory, because compiling takes 1.6 s and
// loading it 0.06 s; the deadline of a document starts only when that is done.
//
// Text comes out as light Markdown: "# " before headings, "- " before list
// items, " | " between things set apart on one line (table cells, a role and
// its dates). Columns are read one after the other.
package resume

import (
	"errors"
	"fmt"
	"strings"
)

// Document is a résumé or a job description as we understood it.
type Document struct {
	Text      string    // cleaned, at most 100,000 characters
	Sections  []Section // in reading order; the first has no title when the text starts without one
	Terms     []string  // key terms of this document alone, best first
	Pages     int       // pages read, 0 where the format has none
	Reader    string    // what read it: "pdfium", "docx" or "text"
	Truncated bool      // there was more than we keep
}

// Section is a titled part of a document. The title is as written.
type Section struct {
	Title string
	Text  string
}

// FromText is a Document made of pasted text.
func FromText(text string) Document {
	text, truncated := clean(text)
	d := Document{Text: text, Sections: sections(text), Reader: readerText, Truncated: truncated}
	d.Terms = Terms(d, Document{})
	return d
}

// Names of the readers.
const (
	readerPDF  = "pdfium"
	readerDOCX = "docx"
	readerText = "text"
)

// Problem is why a document could not be read.
type Problem string

// The problems a file can have.
const (
	NotAFile    Problem = "not a file"   // a directory, pipe or device
	Missing     Problem = "missing"      // no such file, or it vanished
	Unreadable  Problem = "unreadable"   // no permission, or the disk failed
	Empty       Problem = "empty"        // zero bytes
	TooLarge    Problem = "too large"    // more than 20 MB, packed or unpacked
	UnknownType Problem = "unknown type" // none of ours; Error.Type may say which
	Encrypted   Problem = "encrypted"    // needs a password
	NoText      Problem = "no text"      // pictures of text, mostly
	Damaged     Problem = "damaged"      // broken, or made to break us
	TimedOut    Problem = "timed out"    // took longer than three seconds
	Internal    Problem = "internal"     // the reader itself would not start
)

// Error is returned by [Parse]. Sentence is for the person, Error for the log;
// neither holds any text of the document.
type Error struct {
	Problem Problem
	Type    string // what the file is, where that is known: "PDF", "Word 97 document"
	Err     error  // the cause, may be nil
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("reading document: ")
	b.WriteString(string(e.Problem))
	if e.Type != "" {
		fmt.Fprintf(&b, " (%s)", e.Type)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Sentence tells a person what is wrong and what to do about it.
func (e *Error) Sentence() string {
	switch e.Problem {
	case NotAFile:
		return "This is not a file. Choose a PDF, DOCX, text or Markdown file."
	case Missing:
		return "The file is not there any more. Choose it again."
	case Unreadable:
		return "The file cannot be opened. Check that you may read it, or choose a copy."
	case Empty:
		return "The file is empty. Choose another one."
	case TooLarge:
		return "The file is too large: at most 20 MB can be read. Export it again without pictures, or paste the text."
	case UnknownType:
		if e.Type != "" {
			return "This is a " + e.Type + ", which cannot be read. Export it as PDF or DOCX, or paste the text."
		}
		return "This kind of file cannot be read. Choose a PDF, DOCX, text or Markdown file, or paste the text."
	case Encrypted:
		return "The file is protected by a password. Save a copy without the password, or paste the text."
	case NoText:
		if e.Type == typePDF {
			return "This PDF has no text, only pictures of it (a scan?). Export it from the program it was written in, or paste the text."
		}
		return "There is no text in this file. Choose another one, or paste the text."
	case TimedOut:
		return "Reading the file took too long, so it was given up. Export it again, or paste the text."
	case Damaged:
		return "The file is damaged and cannot be read. Export it again, or paste the text."
	default:
		return "The document reader could not be started. Paste the text instead."
	}
}

// problem makes an *Error of a kind, keeping the cause when there is one.
func problem(p Problem, typ string, cause error) *Error {
	return &Error{Problem: p, Type: typ, Err: cause}
}

// errTooLarge is returned by readers that would unpack or keep too much.
var errTooLarge = errors.New("more than the limit")
