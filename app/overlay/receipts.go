package overlay

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// Receipt is a payment, or a session and why it ended.
type Receipt struct {
	ID       string
	At       time.Time // paid, or begun
	End      time.Time // of a session; zero: it runs, or it is a payment
	Payment  bool
	Title    string // of a payment: what was bought
	Minutes  int    // bought, or charged
	Cents    int64  // paid
	Refunded int64  // of Cents
	Currency string // "usd"
	Why      string // a session ended, in words
}

// kind is what the receipt is for.
func (r Receipt) kind() string {
	if r.Payment {
		return "Payment"
	}
	return "Session"
}

// what says it in a line.
func (r Receipt) what() string {
	if r.Payment {
		s := r.Title
		if r.Refunded > 0 {
			s += ", " + money(r.Refunded, r.Currency) + " given back"
		}
		return s
	}
	if r.End.IsZero() {
		return "Running"
	}
	return r.Why
}

// much is the column of figures: money of a payment, minutes of a session.
func (r Receipt) much() string {
	switch {
	case r.Payment:
		return money(r.Cents, r.Currency)
	case r.Minutes == 1:
		return "1 minute"
	}
	return strconv.Itoa(r.Minutes) + " minutes"
}

func money(cents int64, currency string) string {
	s := fmt.Sprintf("%d.%02d", cents/100, cents%100)
	if strings.EqualFold(currency, "usd") {
		return "$" + s
	}
	return s + " " + strings.ToUpper(currency)
}

// WriteReceipts writes receipts as CSV (RFC 4180), times in UTC, with a line of
// headings.
func WriteReceipts(w io.Writer, receipts []Receipt) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	c.Write([]string{"kind", "begun_or_paid", "ended", "what", "minutes", "amount", "refunded", "currency", "id"})
	for _, r := range receipts {
		amount, refunded, end := "", "", ""
		if r.Payment {
			amount, refunded = fmt.Sprintf("%d.%02d", r.Cents/100, r.Cents%100), fmt.Sprintf("%d.%02d", r.Refunded/100, r.Refunded%100)
		}
		if !r.End.IsZero() {
			end = r.End.UTC().Format(time.RFC3339)
		}
		what := r.Why
		if r.Payment {
			what = r.Title
		}
		c.Write([]string{strings.ToLower(r.kind()), r.At.UTC().Format(time.RFC3339), end, csvCell(what), strconv.Itoa(r.Minutes), amount, refunded, strings.ToUpper(r.Currency), csvCell(r.ID)})
	}
	c.Flush()
	return c.Error()
}

// csvCell keeps a spreadsheet from taking a text for a formula.
func csvCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// receiptsPage lists every payment and every session.
func (w *Window) receiptsPage() fyne.CanvasObject {
	rows := container.NewVBox(flush(sentence("Looking for your receipts…")))
	var all []Receipt
	save := widget.NewButton("Save as CSV…", func() { w.saveReceipts(all) })
	save.Disable()
	w.job(func(ctx context.Context) func() {
		got, err := w.opts.Hosted.Receipts(ctx)
		return func() {
			rows.Objects = nil
			switch {
			case err != nil:
				warning := sentence(upper(err.Error()))
				warning.Importance = widget.WarningImportance
				rows.Add(flush(warning))
			case len(got) == 0:
				rows.Add(flush(sentence("There are none yet. Every payment and every session will be listed here.")))
			default:
				all = got
				save.Enable()
				for _, r := range got {
					rows.Add(w.receiptRow(r))
				}
			}
			rows.Refresh()
		}
	})
	done := widget.NewButton("Done", w.back)
	done.Importance = widget.HighImportance
	return w.sheet("Receipts", rows, container.NewHBox(done, save))
}

func (w *Window) receiptRow(r Receipt) fyne.CanvasObject {
	l := w.look
	when := label(r.At.Local().Format("2 Jan 2006, 15:04"), l.smallSize(), l.muted, false)
	what := r.kind()
	if s := r.what(); s != "" {
		what += " · " + plain(s)
	}
	main := container.NewVBox(label(what, l.bodySize(), l.text, r.Payment), when)
	return pad(container.NewBorder(nil, nil, nil, center(label(r.much(), l.bodySize(), l.soft, r.Payment)), main), 3, 0)
}

// saveReceipts asks where to, and writes the file.
func (w *Window) saveReceipts(all []Receipt) {
	var b bytes.Buffer
	_ = WriteReceipts(&b, all) // a buffer takes everything
	w.saveFile("interview-copilot-receipts.csv", b.Bytes())
}
