package resume

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/enums"
	pdfiumerrors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
)

const (
	maxPages  = 30      // of a PDF; a résumé of more is not read to its end
	maxChars  = 120_000 // glyphs read, a little more than the text we keep
	maxShapes = 3000    // drawn objects of a page looked at for bullets

	// PDFium's memory: 64 MiB. Wazero copies it when it grows, so twice as much may
	// be resident for a moment.
	wasmPages = 64 << 20 / 65536
)

// pdfEngine is PDFium, ready to open one document.
type pdfEngine struct{ pdfium pdfium.Pdfium }

// newPDFEngine loads PDFium from the cache directory, or compiles it into there,
// which takes seconds. A broken cache is made anew; without any, it compiles for
// this process alone.
func newPDFEngine(dir string) (*pdfEngine, error) {
	if dir == "" {
		return initPDFium(wazero.NewRuntimeConfig())
	}
	e, err := cachedPDFium(dir)
	if err == nil {
		return e, nil
	}
	if os.RemoveAll(dir) == nil {
		if e, err := cachedPDFium(dir); err == nil {
			return e, nil
		}
	}
	return initPDFium(wazero.NewRuntimeConfig())
}

func cachedPDFium(dir string) (*pdfEngine, error) {
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return nil, fmt.Errorf("opening cache: %w", err)
	}
	return initPDFium(wazero.NewRuntimeConfig().WithCompilationCache(cache))
}

func initPDFium(config wazero.RuntimeConfig) (*pdfEngine, error) {
	pool, err := webassembly.Init(webassembly.Config{
		MaxIdle: 1, MaxTotal: 1,
		FSConfig: wazero.NewFSConfig(), // no files
		Stdout:   io.Discard, Stderr: io.Discard,
		RuntimeConfig: config.WithMemoryLimitPages(wasmPages),
	})
	if err != nil {
		return nil, fmt.Errorf("loading PDFium: %w", err)
	}
	instance, err := pool.GetInstance(startDeadline)
	if err != nil {
		return nil, fmt.Errorf("starting PDFium: %w", err)
	}
	return &pdfEngine{pdfium: instance}, nil
}

// read takes the text out of a PDF, page by page, as Markdown.
func (e *pdfEngine) read(data []byte) (answer, error) {
	a := answer{Reader: readerPDF}
	doc, err := e.pdfium.OpenDocument(&requests.OpenDocument{File: &data})
	if err != nil {
		if errors.Is(err, pdfiumerrors.ErrPassword) || errors.Is(err, pdfiumerrors.ErrSecurity) {
			return a, problem(Encrypted, typePDF, nil)
		}
		return a, fmt.Errorf("opening PDF: %w", err)
	}
	count, err := e.pdfium.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: doc.Document})
	if err != nil {
		return a, fmt.Errorf("counting pages: %w", err)
	}
	if count.PageCount <= 0 {
		return a, problem(Damaged, typePDF, errors.New("no pages"))
	}
	var pages []page
	var failed error
	left := maxChars
	for i := 0; i < min(count.PageCount, maxPages) && left > 0; i++ {
		p, err := e.page(doc.Document, i, &left)
		if err != nil {
			failed = err // the other pages may be whole
			continue
		}
		pages = append(pages, p)
	}
	if len(pages) == 0 {
		return a, failed
	}
	a.Pages = len(pages)
	a.Truncated = count.PageCount > maxPages || left <= 0
	a.Text = layout(pages)
	return a, nil
}

// page reads the words and bullets of one page, taking its glyphs off left.
func (e *pdfEngine) page(doc references.FPDF_DOCUMENT, index int, left *int) (page, error) {
	ref := requests.Page{ByIndex: &requests.PageByIndex{Document: doc, Index: index}}
	text, err := e.pdfium.FPDFText_LoadPage(&requests.FPDFText_LoadPage{Page: ref})
	if err != nil {
		return page{}, fmt.Errorf("loading page %d: %w", index, err)
	}
	defer e.pdfium.FPDFText_ClosePage(&requests.FPDFText_ClosePage{TextPage: text.TextPage})
	count, err := e.pdfium.FPDFText_CountChars(&requests.FPDFText_CountChars{TextPage: text.TextPage})
	if err != nil {
		return page{}, fmt.Errorf("counting characters of page %d: %w", index, err)
	}
	n := min(count.Count, *left)
	*left -= n
	var b wordBuilder
	for i := range n {
		g, err := e.glyph(text.TextPage, i)
		if err != nil {
			return page{}, fmt.Errorf("reading page %d: %w", index, err)
		}
		if g.r == 0 || unicode.IsSpace(g.r) || g.x1 == g.x0 && g.top == g.bottom {
			b.flush()
			continue
		}
		if b.fits(g) {
			b.add(g)
			continue
		}
		b.flush()
		if err := e.style(text.TextPage, i, &b.word); err != nil {
			return page{}, fmt.Errorf("reading fonts of page %d: %w", index, err)
		}
		b.start(g)
	}
	b.flush()
	return page{words: b.words, bullets: e.bullets(ref)}, nil
}

// glyph is one character on the page, in points from the lower left corner.
type glyph struct {
	r                   rune
	x0, x1, bottom, top float64
}

func (e *pdfEngine) glyph(text references.FPDF_TEXTPAGE, i int) (glyph, error) {
	u, err := e.pdfium.FPDFText_GetUnicode(&requests.FPDFText_GetUnicode{TextPage: text, Index: i})
	if err != nil {
		return glyph{}, err
	}
	r := texGlyph(rune(u.Unicode))
	if r == 0 || unicode.IsSpace(r) {
		return glyph{r: r}, nil
	}
	box, err := e.pdfium.FPDFText_GetLooseCharBox(&requests.FPDFText_GetLooseCharBox{TextPage: text, Index: i})
	if err != nil {
		return glyph{}, nil // PDFium made it up: a line end
	}
	return glyph{r: r, x0: float64(box.Rect.Left), x1: float64(box.Rect.Right), bottom: float64(box.Rect.Bottom), top: float64(box.Rect.Top)}, nil
}

// style fills in the baseline, size and weight of the word that begins at i.
func (e *pdfEngine) style(text references.FPDF_TEXTPAGE, i int, w *word) error {
	origin, err := e.pdfium.FPDFText_GetCharOrigin(&requests.FPDFText_GetCharOrigin{TextPage: text, Index: i})
	if err != nil {
		return err
	}
	w.y = origin.Y
	if font, err := e.pdfium.FPDFText_GetFontInfo(&requests.FPDFText_GetFontInfo{TextPage: text, Index: i}); err == nil {
		name := strings.ToLower(font.FontName)
		w.bold = strings.Contains(name, "bold") || strings.Contains(name, "black") || strings.Contains(name, "cmbx")
	}
	return nil
}

// bullets finds list markers that are drawn rather than written, as browsers do:
// small, filled, about as wide as high.
func (e *pdfEngine) bullets(ref requests.Page) []point {
	count, err := e.pdfium.FPDFPage_CountObjects(&requests.FPDFPage_CountObjects{Page: ref})
	if err != nil {
		return nil // they are an ornament
	}
	var found []point
	for i := range min(count.Count, maxShapes) {
		object, err := e.pdfium.FPDFPage_GetObject(&requests.FPDFPage_GetObject{Page: ref, Index: i})
		if err != nil {
			return found
		}
		kind, err := e.pdfium.FPDFPageObj_GetType(&requests.FPDFPageObj_GetType{PageObject: object.PageObject})
		if err != nil || kind.Type != enums.FPDF_PAGEOBJ_PATH {
			continue
		}
		box, err := e.pdfium.FPDFPageObj_GetBounds(&requests.FPDFPageObj_GetBounds{PageObject: object.PageObject})
		if err != nil {
			continue
		}
		w, h := float64(box.Right-box.Left), float64(box.Top-box.Bottom)
		if w > 1 && w < 8 && h > 1 && h < 8 && w < 1.5*h && h < 1.5*w {
			found = append(found, point{float64(box.Left+box.Right) / 2, float64(box.Bottom+box.Top) / 2})
		}
	}
	return found
}

// texGlyph reads the slots that TeX's T1 encoding gives to dashes, quotes and
// ligatures. Bitmap fonts of TeX carry no Unicode names, so PDFium hands over the
// bare slot, a control character otherwise. Slot 2 is PDFium's own mark for a
// hyphen at the end of a line.
func texGlyph(r rune) rune {
	switch r {
	case 0x02:
		return lineHyphen
	case 0x10:
		return '“'
	case 0x11:
		return '”'
	case 0x12:
		return '„'
	case 0x13:
		return '«'
	case 0x14:
		return '»'
	case 0x15:
		return '–'
	case 0x16:
		return '—'
	case 0x1b:
		return 'ﬀ'
	case 0x1c:
		return 'ﬁ'
	case 0x1d:
		return 'ﬂ'
	case 0x1e:
		return 'ﬃ'
	case 0x1f:
		return 'ﬄ'
	}
	return r
}
