package account

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"copilot/app/account/authtest"
	"copilot/backend/supabase/pgtest"
)

// TestCloud runs its parts over one database server, each in a database of its
// own with the real schema.
func TestCloud(t *testing.T) {
	server := newDatabases(t)
	for name, part := range map[string]func(*testing.T, *pgtest.Server){
		"keeps interviews": cloudKeepsInterviews, "proves a delete": cloudProvesADelete,
		"cuts what is too long": cloudCutsWhatIsTooLong, "failures": cloudFailures,
	} {
		t.Run(name, func(t *testing.T) { part(t, server) })
	}
}

// newCloud is a signed-in person's saved interviews.
func newCloud(t *testing.T, server *pgtest.Server) (*Cloud, *rest) {
	s := newRest(t, server)
	a, err := New(Options{SupabaseURL: s.URL, Key: authtest.Key, Keys: noBus(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	signIn(t, a)
	claims, err := claimsOf("Bearer " + mustToken(t, a))
	if err != nil {
		t.Fatal(err)
	}
	var me struct{ Sub string }
	json.Unmarshal([]byte(claims), &me)
	s.sql("insert into auth.users (id, email) values ($1, 'me@example.com'), (gen_random_uuid(), 'other@example.com')", me.Sub)
	s.sql(`insert into public.subscriptions (stripe_subscription_id, user_id, plan, status, period_start, period_end, pro_until, as_of, updated_at)
		select email, id, 'pro_monthly', 'active', now(), now() + interval '1 month', now() + interval '1 month', now(), now() from auth.users`)
	return a.Cloud(), s
}

func endPro(s *rest) { s.sql("update public.subscriptions set pro_until = now() - interval '1 day'") }

func cloudPast() Past {
	p := examplePast()
	p.ID = NewID()
	p.Figures = []byte(`{"words": 12}`)
	for i := range p.Turns {
		p.Turns[i].Text = strings.ToValidUTF8(strings.ReplaceAll(p.Turns[i].Text, "\x07", ""), "")
	}
	return p
}

func same(t *testing.T, got, want Past) {
	t.Helper()
	if !got.Started.Equal(want.Started) || !got.Ended.Equal(want.Ended) {
		t.Errorf("times: %v %v, want %v %v", got.Started, got.Ended, want.Started, want.Ended)
	}
	got.Started, got.Ended = want.Started, want.Ended
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func cloudKeepsInterviews(t *testing.T, server *pgtest.Server) {
	c, s := newCloud(t, server)
	p := cloudPast()
	for i := range 1200 { // more than one request takes, and one reply holds
		p.Turns = append(p.Turns, Said{SpeakerCandidate, strings.Repeat("x", i%5) + " more", time.Duration(i) * time.Second})
	}
	if err := c.Save(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if err := c.Save(t.Context(), p); err != nil { // a second time replaces the first
		t.Fatal(err)
	}
	got, err := c.Read(t.Context(), p.ID)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, p)

	s.sql("insert into public.interviews (user_id, title) select id, 'secret of another' from auth.users where email = 'other@example.com'")
	older := cloudPast()
	older.Title, older.Started, older.Turns = "100 % older_one", p.Started.AddDate(0, -1, 0), nil
	if err := c.Save(t.Context(), older); err != nil {
		t.Fatal(err)
	}
	for search, want := range map[string]string{
		"": p.Title + "|" + older.Title, "brücken SKIP": p.Title, "100 %": p.Title + "|" + older.Title, "er_o": older.Title, "secret": "", "nothing*": "",
	} {
		list, err := c.List(t.Context(), search)
		var titles []string
		for _, p := range list {
			titles = append(titles, p.Title)
		}
		if got := strings.Join(titles, "|"); err != nil || got != want {
			t.Errorf("search %q: %q, %v", search, got, err)
		}
	}

	p.Notes, p.Debrief, p.Figures = "new notes", "new words", []byte(`{"words": 13}`)
	if err := c.Change(t.Context(), p); err != nil {
		t.Error(err)
	}
	if got, _ := c.Read(t.Context(), p.ID); got.Notes != "new notes" || got.Debrief != "new words" || string(got.Figures) != `{"words": 13}` {
		t.Errorf("changed: %q %q %s", got.Notes, got.Debrief, got.Figures)
	}

	endPro(s) // what is there stays readable, and can be deleted
	if _, err := c.Read(t.Context(), p.ID); err != nil {
		t.Error(err)
	}
	var refused *CloudError
	if err := c.Save(t.Context(), cloudPast()); !errors.As(err, &refused) || !strings.Contains(refused.Sentence(), "Pro") {
		t.Errorf("save without Pro: %v", err)
	}
	if err := c.Delete(t.Context(), p.ID); err != nil {
		t.Error(err)
	}
	if _, err := c.Read(t.Context(), p.ID); !errors.Is(err, ErrNoEntry) {
		t.Errorf("read after delete: %v", err)
	}
	if err := c.Change(t.Context(), p); err == nil {
		t.Error("what was deleted was changed")
	}
}

// A delete that the server only claims to have done is found out.
func cloudProvesADelete(t *testing.T, server *pgtest.Server) {
	c, s := newCloud(t, server)
	p := cloudPast()
	if err := c.Save(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.problem = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodDelete {
			w.Header().Set("Content-Type", "application/json")
			w.Write([]byte("[]"))
			return true
		}
		return false
	}
	s.mu.Unlock()
	if err := c.Delete(t.Context(), p.ID); err == nil || !strings.Contains(err.Error(), "still there") {
		t.Errorf("delete: %v", err)
	}
}

// Texts longer than the tables take are cut, and texts of any kind get through.
func cloudCutsWhatIsTooLong(t *testing.T, server *pgtest.Server) {
	c, _ := newCloud(t, server)
	p := cloudPast()
	p.Title, p.Notes, p.Debrief = strings.Repeat("ü", 300), strings.Repeat("n", 60_000), strings.Repeat("d", 30_000)
	p.Turns = []Said{{SpeakerAnswer, strings.Repeat("ä", 25_000), -time.Second}}
	if err := c.Save(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	got, err := c.Read(t.Context(), p.ID)
	if err != nil || len([]rune(got.Title)) != maxTitle || len(got.Turns) != 1 || len([]rune(got.Turns[0].Text)) != maxTurn || got.Turns[0].At != 0 {
		t.Errorf("%v; title %d, turns %d", err, len([]rune(got.Title)), len(got.Turns))
	}
}

func cloudFailures(t *testing.T, server *pgtest.Server) {
	c, s := newCloud(t, server)
	answer := func(status int, kind, body string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.problem = func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			w.Write([]byte(body))
			return true
		}
	}
	for name, f := range map[string]struct {
		status     int
		kind, body string
		says       string
	}{
		"no tables":   {404, "application/json", `{"code":"PGRST205","message":"Could not find the table"}`, "no place"},
		"token over":  {401, "application/json", `{"code":"PGRST303","message":"JWT expired"}`, "sign in again"},
		"too many":    {400, "application/json", `{"code":"54000","message":"there are 1000"}`, "1,000"},
		"portal":      {200, "text/html", "<html>Welcome to the hotel", "Try again"},
		"server down": {503, "text/plain", "upstream", "Try again"},
		"no sense":    {200, "application/json", "[{", "Try again"},
	} {
		answer(f.status, f.kind, f.body)
		_, err := c.List(t.Context(), "")
		var refused *CloudError
		if !errors.As(err, &refused) || !strings.Contains(refused.Sentence(), f.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.Close()
	if _, err := c.List(t.Context(), ""); err == nil || !strings.Contains(sentenceOf(err), "internet") {
		t.Errorf("away: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.List(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func sentenceOf(err error) string {
	var s interface{ Sentence() string }
	if errors.As(err, &s) {
		return s.Sentence()
	}
	return ""
}
