package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/supabase-community/postgrest-go"
)

// Cloud is the interviews that this person saved at Supabase, a part of Pro.
// They are reached directly, as the person, under row level security: nobody
// else's can be seen, and what is there can be read and deleted after Pro has
// ended, too. Its methods end when their context does.
type Cloud struct{ account *Account }

// Cloud returns the interviews saved at Supabase.
func (a *Account) Cloud() *Cloud { return &Cloud{a} }

// What the tables take (the migrations *_history.sql).
const (
	maxTitle, maxNotes  = 200, 50_000 // characters
	maxSummary, maxTurn = 20_000, 20_000
	maxTurns            = 10_000
	maxFigures          = 200_000 // bytes of JSON
	turnsAtOnce         = 500
	historyColumns      = "id,title,started_at,ended_at,notes,summary,debrief"
	interviewsTable     = "interviews"
	turnsTable          = "interview_turns"
)

type cloudInterview struct {
	ID      string          `json:"id,omitempty"`
	Title   string          `json:"title"`
	Started time.Time       `json:"started_at"`
	Ended   *time.Time      `json:"ended_at"`
	Notes   string          `json:"notes"`
	Summary string          `json:"summary"`
	Debrief json.RawMessage `json:"debrief"`
}

type cloudTurn struct {
	Interview string `json:"interview_id"`
	No        int    `json:"turn_no"`
	Speaker   string `json:"speaker"`
	Body      string `json:"body"`
	AtMS      int64  `json:"at_ms"`
}

// Save saves an interview, or saves it again: what was there under its ID is
// replaced. Longer texts than the tables take are cut.
func (c *Cloud) Save(ctx context.Context, p Past) error {
	row := cloudInterview{ID: p.ID, Title: cut(p.Title, maxTitle), Started: p.Started.UTC(), Notes: cut(p.Notes, maxNotes), Summary: cut(p.Debrief, maxSummary)}
	if !p.Ended.IsZero() {
		ended := p.Ended.UTC()
		row.Ended = &ended
	}
	if len(p.Figures) > 0 && len(p.Figures) <= maxFigures {
		row.Debrief = p.Figures
	}
	insert := func(db *postgrest.Client) error {
		_, _, err := db.From(interviewsTable).Insert(row, false, "", "representation", "").Execute()
		return err
	}
	err := c.ask(ctx, insert)
	if refused := (*Error)(nil); errors.As(err, &refused) && refused.Code == "23505" { // an earlier try broke off
		if err = c.remove(ctx, p.ID); err == nil {
			err = c.ask(ctx, insert)
		}
	}
	if err != nil {
		return fmt.Errorf("save interview: %w", err)
	}
	turns := make([]cloudTurn, 0, len(p.Turns))
	for i, t := range p.Turns[:min(len(p.Turns), maxTurns)] {
		turns = append(turns, cloudTurn{p.ID, i, t.Speaker, cut(t.Text, maxTurn), max(0, t.At.Milliseconds())})
	}
	for chunk := range slices.Chunk(turns, turnsAtOnce) {
		err := c.ask(ctx, func(db *postgrest.Client) error {
			_, _, err := db.From(turnsTable).Insert(chunk, false, "", "minimal", "").Execute()
			return err
		})
		if err != nil {
			return fmt.Errorf("save interview: %w", err)
		}
	}
	return nil
}

// List returns the saved interviews without their turns, the newest first; with
// a search, those in which each of its words stands somewhere.
func (c *Cloud) List(ctx context.Context, search string) ([]Past, error) {
	var rows []cloudInterview
	err := c.ask(ctx, func(db *postgrest.Client) error {
		_, err := db.From(interviewsTable).Select(historyColumns, "", false).Order("started_at", &postgrest.OrderOpts{}).ExecuteTo(&rows)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list interviews: %w", err)
	}
	list := make([]Past, len(rows))
	for i, r := range rows {
		list[i] = r.past()
	}
	for _, word := range strings.Fields(search) {
		said, err := c.saidIn(ctx, word)
		if err != nil {
			return nil, fmt.Errorf("search interviews: %w", err)
		}
		list = slices.DeleteFunc(list, func(p Past) bool { return !said[p.ID] && !p.Matches(word) })
	}
	return list, nil
}

// saidIn returns the interviews of which a turn holds a word.
func (c *Cloud) saidIn(ctx context.Context, word string) (map[string]bool, error) {
	pattern := "*" + strings.NewReplacer("*", "", `\`, `\\`, "%", `\%`, "_", `\_`).Replace(word) + "*"
	var rows []struct {
		ID string `json:"interview_id"`
	}
	err := c.ask(ctx, func(db *postgrest.Client) error {
		_, err := db.From(turnsTable).Select("interview_id", "", false).Ilike("body", pattern).ExecuteTo(&rows)
		return err
	})
	found := map[string]bool{}
	for _, r := range rows {
		found[r.ID] = true
	}
	return found, err
}

// Read returns one interview whole. ErrNoEntry says that there is none.
func (c *Cloud) Read(ctx context.Context, id string) (Past, error) {
	var rows []cloudInterview
	var turns []cloudTurn
	err := c.ask(ctx, func(db *postgrest.Client) error {
		_, err := db.From(interviewsTable).Select(historyColumns, "", false).Eq("id", id).ExecuteTo(&rows)
		return err
	})
	if err == nil && len(rows) == 0 {
		err = ErrNoEntry
	}
	for from := 0; err == nil; from = len(turns) { // the server hands out a thousand rows at most
		before := len(turns)
		var page []cloudTurn
		err = c.ask(ctx, func(db *postgrest.Client) error {
			_, err := db.From(turnsTable).Select("interview_id,turn_no,speaker,body,at_ms", "", false).Eq("interview_id", id).
				Order("turn_no", &postgrest.OrderOpts{Ascending: true}).Range(from, from+turnsAtOnce-1, "").ExecuteTo(&page)
			return err
		})
		if turns = append(turns, page...); len(turns)-before < turnsAtOnce {
			break
		}
	}
	if err != nil {
		return Past{}, fmt.Errorf("read interview: %w", err)
	}
	p := rows[0].past()
	for _, t := range turns {
		p.Turns = append(p.Turns, Said{t.Speaker, t.Body, time.Duration(t.AtMS) * time.Millisecond})
	}
	return p, nil
}

// Change saves the notes, the debrief and the title of a saved interview.
func (c *Cloud) Change(ctx context.Context, p Past) error {
	change := map[string]any{"title": cut(p.Title, maxTitle), "notes": cut(p.Notes, maxNotes), "summary": cut(p.Debrief, maxSummary)}
	if len(p.Figures) > 0 && len(p.Figures) <= maxFigures {
		change["debrief"] = json.RawMessage(p.Figures)
	}
	var rows []struct{ ID string }
	err := c.ask(ctx, func(db *postgrest.Client) error {
		_, err := db.From(interviewsTable).Update(change, "representation", "").Eq("id", p.ID).ExecuteTo(&rows)
		return err
	})
	if err == nil && len(rows) == 0 {
		err = ErrNoEntry
	}
	if err != nil {
		return fmt.Errorf("change interview: %w", err)
	}
	return nil
}

// Delete deletes an interview and makes sure of it: it is looked for again, with
// its turns, and an error says that something of it is still there.
func (c *Cloud) Delete(ctx context.Context, id string) error {
	if err := c.remove(ctx, id); err != nil {
		return fmt.Errorf("delete interview: %w", err)
	}
	for table, column := range map[string]string{interviewsTable: "id", turnsTable: "interview_id"} {
		var left []json.RawMessage
		err := c.ask(ctx, func(db *postgrest.Client) error {
			_, err := db.From(table).Select(column, "", false).Eq(column, id).Limit(1, "").ExecuteTo(&left)
			return err
		})
		if err == nil && len(left) > 0 {
			err = errors.New("it is still there")
		}
		if err != nil {
			return fmt.Errorf("delete interview: look again: %w", err)
		}
	}
	return nil
}

func (c *Cloud) remove(ctx context.Context, id string) error {
	return c.ask(ctx, func(db *postgrest.Client) error {
		_, _, err := db.From(interviewsTable).Delete("representation", "").Eq("id", id).Execute()
		return err
	})
}

func (r cloudInterview) past() Past {
	p := Past{ID: r.ID, Title: r.Title, Started: r.Started, Notes: r.Notes, Debrief: r.Summary}
	if r.Ended != nil {
		p.Ended = *r.Ended
	}
	if string(r.Debrief) != "null" {
		p.Figures = r.Debrief
	}
	return p
}

// ask calls the library with a client of its own, since a failed one never works
// again, and with what it lacks: a context and a limit for replies.
func (c *Cloud) ask(ctx context.Context, call func(*postgrest.Client) error) error {
	token, err := c.account.Token(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	db := postgrest.NewClient(c.account.o.SupabaseURL+"/rest/v1", "public", map[string]string{"apikey": c.account.o.Key})
	db.SetAuthToken(token)
	db.Transport.Parent = restCarrier{carrier{ctx, c.account.o.Transport}}
	if err := call(db); err != nil {
		err = known(ctx, err)
		var refused *Error
		if errors.As(err, &refused) {
			return &CloudError{refused}
		}
		return err
	}
	return nil
}

// restCarrier is carrier for PostgREST, whose replies may be empty.
type restCarrier struct{ carrier }

func (c restCarrier) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.carrier.RoundTrip(r)
	var refused *Error
	if errors.As(err, &refused) && refused.Code == codePortal && refused.Status == http.StatusCreated {
		return &http.Response{StatusCode: http.StatusCreated, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	}
	return resp, err
}

// CloudError is why the saved interviews could not be reached or changed.
type CloudError struct{ Cause *Error }

func (e *CloudError) Error() string { return "saved interviews: " + e.Cause.Error() }
func (e *CloudError) Unwrap() error { return e.Cause }

// Sentence says what the person can do.
func (e *CloudError) Sentence() string {
	switch e.Cause.Code {
	case "42501":
		return "Saving interviews online is a part of Pro. They stay on this computer."
	case "54000":
		return "There are 1,000 interviews saved online. Delete some first."
	case "PGRST301", "PGRST303":
		return "Your sign-in is over. Please sign in again."
	case "PGRST205", "42P01", "42703", "PGRST204":
		return "The server has no place for saved interviews yet. They stay on this computer."
	case codeAway:
		return "The saved interviews cannot be reached. Check the internet connection."
	}
	return "The saved interviews cannot be reached just now. Try again in a moment."
}

// cut shortens s to a number of characters.
func cut(s string, characters int) string {
	if len(s) <= characters {
		return s
	}
	if r := []rune(s); len(r) > characters {
		return string(r[:characters-1]) + "…"
	}
	return s
}
