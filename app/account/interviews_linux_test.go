package account

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

func TestPreparedInterviews(t *testing.T) {
	d := newDesktop(t)
	d.unlock()
	dir := filepath.Join(d.dir, "vault")
	at := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	i := NewInterviews(NewVault(dir, NewKeys()))
	first := Prepared{
		Name: "Ledger team", Company: "Brückenbank", Role: "Staff engineer",
		Resume: Paper{"cv.pdf", canary}, Job: Paper{"pasted text", "Go, Postgres"}, Notes: "ask about the on-call",
		Stories: []Story{{Title: "The migration", Situation: "s", Task: "t", Action: "a", Result: "r"}},
		Lang:    "de", Persona: PersonaOwn, Own: "like a colleague", Format: FormatSTAR, Terms: []string{"pgx", "PostgreSQL"},
	}
	first, err := i.SavePrepared(t.Context(), first, at)
	if err != nil || first.ID == "" {
		t.Fatal(first.ID, err)
	}
	second, err := i.SavePrepared(t.Context(), Prepared{Name: "Second"}, at.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	i = NewInterviews(NewVault(dir, NewKeys()))
	got, damage, err := i.Prepared(t.Context())
	if want := []Prepared{second, first}; err != nil || len(damage) != 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v\n%v %v", got, want, damage, err)
	}
	d.noPlaintext(canary)

	if err := os.WriteFile(filepath.Join(dir, "prepared", first.ID+".vault"), []byte("no"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, damage, err = i.Prepared(t.Context())
	if err != nil || len(damage) != 1 || len(got) != 1 || got[0].ID != second.ID {
		t.Errorf("beside a damaged one: %v, %v, %v", got, damage, err)
	}
	if err := i.DeletePrepared(second.ID); err != nil {
		t.Error(err)
	}
	if got, _, err := i.Prepared(t.Context()); len(got) != 0 || err != nil {
		t.Errorf("after delete: %v, %v", got, err)
	}
}

func TestPastInterviews(t *testing.T) {
	d := newDesktop(t)
	d.unlock()
	i := NewInterviews(NewVault(filepath.Join(d.dir, "vault"), NewKeys()))
	now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	for days, id := range map[int]string{1: "new", 29: "younger", 31: "older", 400: "ancient"} {
		began := now.AddDate(0, 0, -days)
		err := i.SavePast(t.Context(), Past{ID: id, Title: id, Started: began, Ended: began.Add(time.Hour),
			Turns: []Said{{SpeakerInterviewer, "Why Postgres?", time.Second}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	for r, want := range map[Retention]int{KeepForever: 0, KeepMonth: 2} {
		if n, err := i.Expire(t.Context(), r.Before(now)); n != want || err != nil {
			t.Errorf("%s: %d expired, %v", r, n, err)
		}
	}
	list, _, err := i.Past(t.Context())
	if err != nil || len(list) != 2 || list[0].ID != "new" || list[1].ID != "younger" {
		t.Fatalf("left: %+v, %v", list, err)
	}
	if err := i.DeletePast(t.Context(), "new"); err != nil {
		t.Error(err)
	}
	if list, _, _ := i.Past(t.Context()); len(list) != 1 {
		t.Errorf("after delete: %v", list)
	}
}

func TestPastMatches(t *testing.T) {
	p := Past{Title: "Brückenbank", Notes: "they were late", Turns: []Said{{Text: "Why PostgreSQL?"}}}
	for search, want := range map[string]bool{
		"": true, "brücken": true, "BRÜCKEN postgres": true, "late why": true, "mysql": false, "brücken mysql": false,
	} {
		if p.Matches(search) != want {
			t.Errorf("%q: %v", search, !want)
		}
	}
}
