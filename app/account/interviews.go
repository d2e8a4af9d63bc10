package account

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// Prepared is an interview as it was prepared: once, for any number of tries.
type Prepared struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Company string    `json:"company,omitempty"`
	Role    string    `json:"role,omitempty"`
	Resume  Paper     `json:"resume"`
	Job     Paper     `json:"job"`
	Notes   string    `json:"notes,omitempty"`
	Stories []Story   `json:"stories,omitempty"`
	Cards   []Card    `json:"cards,omitempty"`       // likely questions, answered ahead
	Lang    string    `json:"language"`              // BCP-47
	Persona string    `json:"persona,omitempty"`     // one of Personas; empty: the first
	Own     string    `json:"own_persona,omitempty"` // the person's own words, when Persona is PersonaOwn
	Format  string    `json:"format,omitempty"`      // one of Formats; empty: the first
	Terms   []string  `json:"terms,omitempty"`       // key terms as corrected; nil: as understood
	Changed time.Time `json:"changed"`
}

// Paper is a document of a Prepared: its text as understood, and corrected.
type Paper struct {
	Name string `json:"name,omitempty"` // of the file, or "pasted text"
	Text string `json:"text,omitempty"`
}

// Story is one of the candidate's own, told as STAR.
type Story struct {
	Title     string `json:"title"`
	Situation string `json:"situation,omitempty"`
	Task      string `json:"task,omitempty"`
	Action    string `json:"action,omitempty"`
	Result    string `json:"result,omitempty"`
}

// Card is a likely question with its answer.
type Card struct {
	Question string `json:"question"`
	Answer   string `json:"answer"` // Markdown
}

// Personas, the first for everybody and the others a part of Pro, and Formats of
// an answer.
const (
	PersonaStandard  = "standard"
	PersonaStrict    = "strict"
	PersonaExecutive = "executive"
	PersonaTechnical = "technical"
	PersonaOwn       = "own"

	FormatPoints = "points"
	FormatProse  = "prose"
	FormatSTAR   = "star"
)

// Past is an interview that was held, as it is kept.
type Past struct {
	ID      string    `json:"id"`
	Title   string    `json:"title"` // at most 200 characters
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
	Turns   []Said    `json:"turns,omitempty"`
	Notes   string    `json:"notes,omitempty"`
	Debrief string    `json:"debrief,omitempty"` // the model's words
	Figures []byte    `json:"figures,omitempty"` // JSON of what was counted; opaque here
}

// Said is one turn of a Past: of the interviewer, of the candidate, or an answer
// that was suggested.
type Said struct {
	Speaker string        `json:"speaker"` // SpeakerInterviewer, SpeakerCandidate or SpeakerAnswer
	Text    string        `json:"text"`
	At      time.Duration `json:"at"` // since the interview began
}

const (
	SpeakerInterviewer = "interviewer"
	SpeakerCandidate   = "candidate"
	SpeakerAnswer      = "answer"
)

// Interviews are what this person has prepared and held, in their Vault.
type Interviews struct{ vault *Vault }

const (
	preparedKind = "prepared"
	pastKind     = "history"
)

// NewInterviews returns the interviews in a vault.
func NewInterviews(v *Vault) *Interviews { return &Interviews{v} }

// SavePrepared keeps p, under a new ID when it has none, and returns it.
func (i *Interviews) SavePrepared(ctx context.Context, p Prepared, now time.Time) (Prepared, error) {
	if p.ID == "" {
		p.ID = NewID()
	}
	p.Changed = now
	return p, i.vault.Save(ctx, preparedKind, p.ID, p)
}

// Prepared returns all that are prepared, the last changed first. What could not
// be read is left out and told in damage; err is why something is there but
// cannot be read now.
func (i *Interviews) Prepared(ctx context.Context) (list []Prepared, damage []Damage, err error) {
	list, damage, err = all[Prepared](ctx, i.vault, preparedKind)
	slices.SortFunc(list, func(a, b Prepared) int { return b.Changed.Compare(a.Changed) })
	return list, damage, err
}

// DeletePrepared removes one for good.
func (i *Interviews) DeletePrepared(id string) error { return i.vault.Delete(preparedKind, id) }

// SavePast keeps an interview that was held.
func (i *Interviews) SavePast(ctx context.Context, p Past) error {
	return i.vault.Save(ctx, pastKind, p.ID, p)
}

// Past returns the interviews that were held, the newest first; damage and err
// are as in Prepared.
func (i *Interviews) Past(ctx context.Context) (list []Past, damage []Damage, err error) {
	list, damage, err = all[Past](ctx, i.vault, pastKind)
	slices.SortFunc(list, func(a, b Past) int { return b.Started.Compare(a.Started) })
	return list, damage, err
}

// DeletePast removes an interview and makes sure of it: it is looked for again,
// and an error says that something of it is still there.
func (i *Interviews) DeletePast(ctx context.Context, id string) error {
	if err := i.vault.Delete(pastKind, id); err != nil {
		return err
	}
	var p Past
	if err := i.vault.Load(ctx, pastKind, id, &p); !errors.Is(err, ErrNoEntry) {
		return errors.Join(errors.New("delete interview: it is still there"), err)
	}
	return nil
}

// Expire deletes the interviews that ended before a time and returns how many.
func (i *Interviews) Expire(ctx context.Context, before time.Time) (int, error) {
	list, _, err := i.Past(ctx)
	n := 0
	for _, p := range list {
		if p.Ended.Before(before) {
			if e := i.DeletePast(ctx, p.ID); e != nil {
				return n, e
			}
			n++
		}
	}
	return n, err
}

// Sentence tells why what is saved is kept for this run only; see Vault.Sentence.
func (i *Interviews) Sentence() string { return i.vault.Sentence() }

// Wipe deletes everything of this person on this computer, and the key to it.
func (i *Interviews) Wipe(ctx context.Context) error { return i.vault.Wipe(ctx) }

// all loads every entry of a kind that can be read.
func all[T any](ctx context.Context, v *Vault, kind string) (list []T, damage []Damage, err error) {
	ids, err := v.IDs(kind)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range ids {
		var entry T
		var damaged *DamageError
		switch e := v.Load(ctx, kind, id, &entry); {
		case e == nil:
			list = append(list, entry)
		case errors.As(e, &damaged):
			damage = append(damage, damaged.Damage)
		case errors.Is(e, ErrNoEntry): // another window deleted it just now
		default:
			err = e
		}
	}
	return list, damage, err
}

// Retention says how long interviews are kept.
type Retention string

const (
	KeepNothing Retention = "never"
	KeepMonth   Retention = "30 days"
	KeepForever Retention = "until deleted"
)

// Before returns the time before which interviews are to be deleted; the zero
// time when none is.
func (r Retention) Before(now time.Time) time.Time {
	if r == KeepMonth {
		return now.AddDate(0, 0, -30)
	}
	return time.Time{}
}

// Matches says whether every word of a search stands somewhere in p, whatever
// the case of its letters.
func (p Past) Matches(search string) bool {
	text := strings.ToLower(p.Title + "\n" + p.Notes + "\n" + p.Debrief)
	for _, t := range p.Turns {
		text += "\n" + strings.ToLower(t.Text)
	}
	for word := range strings.FieldsSeq(strings.ToLower(search)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}
