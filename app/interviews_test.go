package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"copilot/app/account"
	"copilot/app/interview"
	"copilot/app/overlay"
	"copilot/app/rehearsal"
	"copilot/app/resume"
	"copilot/audio"
)

// deskRig is a desk whose vault lies in a directory of the test's, without a
// keyring; answers come from the rehearsal's server.
type deskRig struct {
	*desk
	mu    sync.Mutex
	shown []overlay.Past
	begun []choices
}

func newDeskRig(t *testing.T) *deskRig {
	t.Helper()
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "nobody"))
	server, err := rehearsal.Start(t.Context(), rehearsal.Options{Interview: bundled(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	p := &program{getenv: func(string) string { return "" }, stdout: io.Discard, stderr: io.Discard, keys: account.NewKeys(), log: slog.New(slog.DiscardHandler),
		config: config{GroqURL: server.GroqURL(), GroqKey: server.GroqKey(), DeepgramURL: server.DeepgramURL(), DeepgramKey: server.DeepgramKey()}}
	d, err := p.newDesk(overlay.Settings{Mode: overlay.ModeOwnKeys, Retain: overlay.RetainAll})
	if err != nil {
		t.Fatal(err)
	}
	r := &deskRig{desk: d}
	d.begin = func(c choices) { r.begun = append(r.begun, c) }
	d.ready = func(p overlay.Past) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.shown = append(r.shown, p)
	}
	return r
}

var loadBundled = sync.OnceValues(rehearsal.Load)

// bundled is the bundled interview, unpacked once.
func bundled(t *testing.T) *rehearsal.Interview {
	t.Helper()
	iv, err := loadBundled()
	if err != nil {
		t.Fatal(err)
	}
	return iv
}

func TestPreparedInterviewIsUsed(t *testing.T) {
	r := newDeskRig(t)
	p := overlay.Prepared{Name: "Payments", Company: "Brückenbank", Role: "Engineer", Language: "de", Notes: "ask about on-call",
		Resume: overlay.Paper{Name: "cv", Text: "# Skills\nPostgreSQL"}, Job: overlay.Paper{Name: "ad", Text: "Kubernetes wanted"},
		Stories: []overlay.Story{{Title: "Outage", Situation: "at night", Action: "rolled back", Result: "40 minutes"}},
		Persona: "own", Own: "plain words", Format: "star", Terms: []string{"pgx"}}
	kept, err := r.Keep(t.Context(), p)
	if err != nil || kept.ID == "" {
		t.Fatal(err)
	}
	list, notice, err := r.Prepared(t.Context())
	if err != nil || len(list) != 1 || !strings.Contains(notice, "this run only") || strings.Join(list[0].Resume.Sections, "") != "Skills" {
		t.Fatalf("%+v, %q, %v", list, notice, err)
	}
	c, err := r.fill(t.Context(), choices{Mode: overlay.ModeOwnKeys, Prepared: kept.ID, Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Title != "Payments" || c.Language != "de" || c.Resume.Text == "" || c.Job.Text == "" || strings.Join(c.Terms, "") != "pgx" {
		t.Errorf("choices: %+v", c)
	}
	for _, want := range []string{"Company: Brückenbank", "Role: Engineer", "ask about on-call", "Story: Outage", "Result: 40 minutes"} {
		if !strings.Contains(c.Notes, want) {
			t.Errorf("notes without %q: %s", want, c.Notes)
		}
	}
	if !strings.Contains(c.Style, "plain words") || !strings.Contains(c.Style, "**Situation**") {
		t.Errorf("style: %q", c.Style)
	}
	if plan := r.program.assemble(c, deepgramOptionsFor(t), nil); plan.options.Profile.Style != c.Style {
		t.Errorf("profile: %+v", plan.options.Profile)
	}
	if c, err := r.fill(t.Context(), choices{Mode: overlay.ModeHosted, Prepared: kept.ID}); err != nil || strings.Contains(c.Style, "plain words") || c.Persona != "standard" {
		t.Errorf("without Pro: %q, %q, %v", c.Style, c.Persona, err)
	}
	if c, err := r.fill(t.Context(), choices{Mode: overlay.ModeRehearsal, Prepared: kept.ID}); err != nil || c.Resume.Text != "" {
		t.Errorf("a rehearsal took a prepared interview: %+v, %v", c, err)
	}
	if err := r.Discard(t.Context(), kept.ID); err != nil {
		t.Error(err)
	}
	if _, err := r.fill(t.Context(), choices{Mode: overlay.ModeOwnKeys, Prepared: kept.ID}); err == nil || !strings.Contains(sentence(err), "not there any more") {
		t.Errorf("a deleted one: %v", err)
	}
}

// With minutes the server speaks for its personas; with own keys we do.
func TestPersonaByMode(t *testing.T) {
	p := account.Prepared{Persona: account.PersonaStrict, Format: account.FormatProse}
	if s := styleOf(p, overlay.ModeHosted); strings.Contains(s, "hard interviewer") || !strings.Contains(s, "paragraph") {
		t.Errorf("hosted: %q", s)
	}
	if s := styleOf(p, overlay.ModeOwnKeys); !strings.Contains(s, "hard interviewer") {
		t.Errorf("own keys: %q", s)
	}
	if s := styleOf(account.Prepared{}, overlay.ModeOwnKeys); s != "" {
		t.Errorf("nothing chosen: %q", s)
	}
}

func exampleTalk() interview.Talk {
	return interview.Talk{Began: time.Now().Add(-time.Hour), Language: "en",
		Turns: []interview.Turn{
			{Speaker: audio.Interviewer, Text: "Why Postgres?", Start: 0, End: 2 * time.Second},
			{Speaker: audio.Candidate, Text: "Because of its locks and, um, its types.", Start: 4 * time.Second, End: 9 * time.Second},
		},
		Asked: []interview.Asked{{Text: "Why Postgres?", At: 2 * time.Second, Suggested: "- **Locks** I know"}}}
}

func TestInterviewIsKeptReadExportedAndDeleted(t *testing.T) {
	r := newDeskRig(t)
	now := time.Now()
	r.held(t.Context(), choices{Mode: overlay.ModeOwnKeys, Title: "Brückenbank"}, interview.Profile{Job: "Go"}, exampleTalk(), now)
	if len(r.shown) != 1 || r.shown[0].Title != "Brückenbank" || r.shown[0].Figures == nil || r.shown[0].Turns[1].Who != "answer" {
		t.Fatalf("shown: %+v", r.shown)
	}
	list, _, err := r.Past(t.Context(), "locks brücken")
	if err != nil || len(list) != 1 || list[0].Figures.Words != 8 {
		t.Fatalf("found: %+v, %v", list, err)
	}
	if list, _, _ := r.Past(t.Context(), "mysql"); len(list) != 0 {
		t.Errorf("found what was not said: %v", list)
	}
	p := list[0]
	p.Notes = "call on Friday"
	if err := r.ChangePast(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	var words strings.Builder
	if err := r.Debrief(t.Context(), p, func(s string) { words.WriteString(s) }); err != nil || words.Len() == 0 {
		t.Fatalf("debrief: %q, %v", words.String(), err)
	}
	list, _, _ = r.Past(t.Context(), "friday")
	if len(list) != 1 || list[0].Words != words.String() {
		t.Fatalf("the debrief's words were not kept: %+v", list)
	}
	for format, begins := range map[string]string{"pdf": "%PDF-1.7", "docx": "PK", "md": "# Brückenbank"} {
		data, err := r.ExportPast(t.Context(), list[0], format)
		if err != nil || !bytes.HasPrefix(data, []byte(begins)) {
			t.Errorf("%s: %.20q, %v", format, data, err)
		}
	}
	if err := r.DeletePast(t.Context(), list[0]); err != nil {
		t.Error(err)
	}
	if list, _, _ := r.Past(t.Context(), ""); len(list) != 0 {
		t.Errorf("left: %+v", list)
	}
}

// An interview that ends because the window closes is kept all the same.
func TestInterviewIsKeptWhenTheWindowCloses(t *testing.T) {
	r := newDeskRig(t)
	closed, cancel := context.WithCancel(t.Context())
	cancel()
	r.held(closed, choices{Mode: overlay.ModeOwnKeys, Title: "Last"}, interview.Profile{}, exampleTalk(), time.Now())
	if list, _, err := r.Past(t.Context(), "last"); len(list) != 1 || err != nil {
		t.Errorf("kept: %v, %v", list, err)
	}
}

// Of a rehearsal, and where the person keeps nothing, there is a debrief, and
// nothing is kept; what has been kept for too long goes.
func TestRetention(t *testing.T) {
	r := newDeskRig(t)
	r.held(t.Context(), choices{Mode: overlay.ModeRehearsal}, interview.Profile{}, exampleTalk(), time.Now())
	r.changed(overlay.Settings{Retain: overlay.RetainNothing})
	r.held(t.Context(), choices{Mode: overlay.ModeOwnKeys}, interview.Profile{}, exampleTalk(), time.Now())
	r.held(t.Context(), choices{Mode: overlay.ModeOwnKeys}, interview.Profile{}, interview.Talk{}, time.Now()) // nothing was said
	if list, _, _ := r.Past(t.Context(), ""); len(list) != 0 || len(r.shown) != 2 {
		t.Fatalf("kept %d, shown %d", len(list), len(r.shown))
	}
	if err := r.ChangePast(t.Context(), r.shown[1]); err == nil {
		t.Error("notes on what is not kept were taken")
	}
	if err := r.Debrief(t.Context(), r.shown[1], func(string) {}); err != nil {
		t.Errorf("debrief: %v", err)
	}

	r.changed(overlay.Settings{Retain: overlay.RetainMonth})
	r.held(t.Context(), choices{Mode: overlay.ModeOwnKeys, Practice: true}, interview.Profile{}, exampleTalk(), time.Now())
	r.expire(t.Context(), time.Now().AddDate(0, 0, 29))
	if list, _, _ := r.Past(t.Context(), "practice"); len(list) != 1 {
		t.Errorf("after 29 days: %v", list)
	}
	r.expire(t.Context(), time.Now().AddDate(0, 0, 31))
	if list, _, _ := r.Past(t.Context(), ""); len(list) != 0 {
		t.Errorf("after 31 days: %v", list)
	}
}

// The window's and the vault's words for the same things are the same.
func TestDeskWordsAgree(t *testing.T) {
	for a, b := range map[string]string{string(account.KeepNothing): overlay.RetainNothing, string(account.KeepMonth): overlay.RetainMonth, string(account.KeepForever): overlay.RetainAll} {
		if a != b {
			t.Errorf("%q and %q", a, b)
		}
	}
	s := overlay.DefaultSettings()
	if s.Retain != overlay.RetainMonth {
		t.Errorf("default: %q", s.Retain)
	}
	if got := resume.FromText(""); got.Text != "" {
		t.Error(got)
	}
}

// slowly waits for what a machine under load takes its time for.
func slowly(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	for !is() {
		select {
		case <-ctx.Done():
			t.Fatalf("not yet: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
