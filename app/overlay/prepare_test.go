package overlay

import (
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"copilot/app/interview"
	"copilot/audio"
)

// deskOf is a Desk that keeps everything in memory.
type deskOf struct {
	mu       sync.Mutex
	prepared []Prepared
	past     []Past
	fails    error // of everything, when set
	sound    []SoundState
	recorded int
	played   []SoundPlace
	practice []Settings
	voice    string
	exported string
	words    string
}

func (d *deskOf) locked(f func()) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fails == nil {
		f()
	}
	return d.fails
}

func (d *deskOf) Prepared(context.Context) (list []Prepared, notice string, err error) {
	err = d.locked(func() { list = slices.Clone(d.prepared) })
	return list, notice, err
}

func (d *deskOf) Keep(_ context.Context, p Prepared) (Prepared, error) {
	return p, d.locked(func() {
		if p.ID == "" {
			p.ID = "new"
		}
		d.prepared = slices.DeleteFunc(d.prepared, func(q Prepared) bool { return q.ID == p.ID })
		d.prepared = append([]Prepared{p}, d.prepared...)
	})
}

func (d *deskOf) Discard(_ context.Context, id string) error {
	return d.locked(func() { d.prepared = slices.DeleteFunc(d.prepared, func(q Prepared) bool { return q.ID == id }) })
}

func (d *deskOf) Understand(_ context.Context, path string) (Paper, error) {
	if strings.HasSuffix(path, ".exe") {
		return Paper{}, errors.New("this kind of file cannot be read")
	}
	return Paper{Name: filepath.Base(path), Text: "Led the migration to PostgreSQL", Sections: []string{"Experience", "Education", "Skills"}, Summary: "2 pages, 3 sections, 4 key terms"}, nil
}

func (d *deskOf) UnderstandText(_ context.Context, text string) (Paper, error) {
	return Paper{Name: "Pasted text", Text: text, Sections: []string{"Requirements"}, Summary: "1 section"}, nil
}

func (d *deskOf) KeyTerms(_ context.Context, resume, job string) []string {
	if resume+job == "" {
		return nil
	}
	return []string{"PostgreSQL", "Kubernetes", "gRPC", "Larkfield"}
}

func (d *deskOf) WriteCards(context.Context, Prepared) (cards []Card, err error) {
	return []Card{
		{"Tell me about yourself.", "**Eight years of payments.**\n\n- I led the split."},
		{"What is your greatest weakness?", "I say **yes** too soon."},
		{"Why do you want to work here?", "**Three reasons.**"},
	}, d.locked(func() {})
}

func (d *deskOf) SoundCheck(ctx context.Context, _ Settings, show func(SoundState)) error {
	d.mu.Lock()
	states := d.sound
	d.mu.Unlock()
	for _, s := range states {
		show(s)
	}
	<-ctx.Done()
	return nil
}

func (d *deskOf) Record()           { d.locked(func() { d.recorded++ }) }
func (d *deskOf) Play(p SoundPlace) { d.locked(func() { d.played = append(d.played, p) }) }

func (d *deskOf) Practice(s Settings) { d.locked(func() { d.practice = append(d.practice, s) }) }
func (d *deskOf) Voice() (string, string) {
	if d.voice == "" {
		return "", "Install espeak-ng, so that questions can be asked aloud."
	}
	return d.voice, ""
}

func (d *deskOf) Past(_ context.Context, search string) (list []Past, notice string, err error) {
	err = d.locked(func() {
		for _, p := range d.past {
			if strings.Contains(strings.ToLower(p.Title), strings.ToLower(search)) {
				list = append(list, p)
			}
		}
	})
	return list, notice, err
}

func (d *deskOf) ReadPast(_ context.Context, p Past) (Past, error) { return p, d.locked(func() {}) }
func (d *deskOf) ChangePast(_ context.Context, p Past) error {
	return d.locked(func() { d.past = []Past{p} })
}
func (d *deskOf) DeletePast(_ context.Context, p Past) error {
	return d.locked(func() { d.past = slices.DeleteFunc(d.past, func(q Past) bool { return q.ID == p.ID }) })
}
func (d *deskOf) ExportPast(_ context.Context, p Past, format string) ([]byte, error) {
	return []byte(p.Title), d.locked(func() { d.exported += format })
}
func (d *deskOf) Debrief(_ context.Context, _ Past, delta func(string)) error {
	return d.locked(func() {
		for word := range strings.SplitAfterSeq(d.words, " ") {
			delta(word)
		}
	})
}
func (d *deskOf) Wipe(context.Context) error {
	return d.locked(func() { d.past, d.prepared = nil, nil })
}

func examplePrepared() Prepared {
	return Prepared{ID: "one", Name: "Second round, payments team", Company: "Brückenbank", Role: "Staff engineer",
		Resume:   Paper{Name: "lena-berg.pdf", Text: "Led the migration", Sections: []string{"Experience", "Education", "Skills", "Languages"}, Summary: "2 pages, 4 sections, 23 key terms"},
		Job:      Paper{Name: "Pasted text", Text: "Go, Postgres", Sections: []string{"Your tasks", "What you bring"}, Summary: "2 sections, 9 key terms"},
		Notes:    "Ask about the on-call rota. They had an outage in spring.",
		Stories:  []Story{{Title: "The night the payments stopped", Result: "No payment was lost; 40 minutes instead of 14 days."}},
		Language: "en", Persona: "standard", Format: "points"}
}

func examplePast() Past {
	at := time.Date(2026, 11, 24, 9, 30, 0, 0, time.Local)
	talk := interview.Talk{Language: "en"}
	for i := range 14 {
		from := time.Duration(i) * 150 * time.Second
		talk.Turns = append(talk.Turns,
			interview.Turn{Speaker: audio.Interviewer, Text: "How do you handle webhooks that come twice?", Start: from, End: from + 20*time.Second},
			interview.Turn{Speaker: audio.Candidate, Text: strings.Repeat("I keep the event id with a unique key um you know ", 16+i), Start: from + 23*time.Second, End: from + 23*time.Second + time.Duration(60+7*(i%5))*time.Second})
		talk.Asked = append(talk.Asked, interview.Asked{Text: "How do you handle webhooks that come twice, and late?", At: from + 20*time.Second,
			Suggested: "**Assume twice.**\n\n- **Duplicates:** store the event's id under a **unique key**.\n- **Order:** never trust arrival; compare **versions**.\n"})
	}
	d := interview.Review(talk)
	p := Past{ID: "p1", Title: "Brückenbank – Staff engineer", Started: at, Ended: at.Add(37 * time.Minute), Figures: &d, Notes: "They will call on Friday."}
	for _, t := range talk.Turns[:6] {
		p.Turns = append(p.Turns, Said{t.Speaker.String(), t.Text, t.Start})
	}
	p.Turns = slices.Insert(p.Turns, 1, Said{"answer", "Assume twice. Duplicates: store the event's id under a unique key.", 21 * time.Second})
	return p
}

func exampleSound() SoundState {
	s := SoundState{Kept: true}
	s.Lanes[audio.Interviewer] = SoundLane{State: audio.LaneLive, Device: "Speakers", Level: 0.62, Words: "and welcome to the show, today we talk about databases", Heard: true}
	s.Lanes[audio.Candidate] = SoundLane{State: audio.LaneLive, Device: "WH-1000XM4 Hands-Free", Level: 0.4, Words: "one two three, can you hear me", Heard: true,
		Seen:   "“WH-1000XM4 Hands-Free” is a Bluetooth headset in call mode, which carries telephone quality only.",
		Advice: "Choose another microphone, such as the computer's own, so that the headset goes back to full sound."}
	return s
}

func newDeskWindow(t *testing.T, d *deskOf) *testWindow {
	t.Helper()
	s := DefaultSettings()
	s.NoticeSeen, s.Mode = true, ModeOwnKeys
	w := newTestWindow(t, Options{Settings: s, Desk: d})
	t.Cleanup(w.leaveDesk)
	return w
}

// tapOn taps the button with a text, of which the nth is meant.
func tapOn(t *testing.T, w *testWindow, text string, nth int) {
	t.Helper()
	for _, b := range buttons(w) {
		if b.Text == text {
			if nth--; nth < 0 {
				if b.Disabled() {
					t.Fatalf("%q is disabled", text)
				}
				test.Tap(b)
				w.work()
				return
			}
		}
	}
	t.Fatalf("no button %q among %q", text, names(w))
}

func buttons(w *testWindow) (all []*widget.Button) {
	roots := []fyne.CanvasObject{w.win.Content()}
	roots = append(roots, w.win.Canvas().Overlays().List()...)
	for _, root := range roots {
		for _, o := range test.LaidOutObjects(root) {
			if b, ok := o.(*widget.Button); ok && b.Visible() {
				all = append(all, b)
			}
		}
	}
	return all
}

func names(w *testWindow) (all []string) {
	for _, b := range buttons(w) {
		all = append(all, b.Text)
	}
	return all
}

func wantText(t *testing.T, w *testWindow, texts ...string) {
	t.Helper()
	shown := strings.Join(strings.Fields(onScreen(w)), " ")
	for _, text := range texts {
		if !strings.Contains(shown, text) {
			t.Errorf("no %q in %s", text, shown)
		}
	}
}

func waitSoon(t *testing.T, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not come")
		}
	}
}

// entryWith returns the visible field with a placeholder.
func entryWith(t *testing.T, w *testWindow, placeholder string) *widget.Entry {
	t.Helper()
	roots := append([]fyne.CanvasObject{w.win.Content()}, w.win.Canvas().Overlays().List()...)
	for _, root := range roots {
		for _, o := range test.LaidOutObjects(root) {
			e, ok := o.(*widget.Entry)
			if m, is := o.(*multiline); is {
				e, ok = &m.Entry, true
			}
			if ok && e.Visible() && strings.HasPrefix(e.PlaceHolder, placeholder) {
				return e
			}
		}
	}
	t.Fatalf("no field %q", placeholder)
	return nil
}

// selectWith returns the list that has an option.
func selectWith(t *testing.T, w *testWindow, option string) *widget.Select {
	t.Helper()
	for _, o := range test.LaidOutObjects(w.win.Content()) {
		if s, ok := o.(*widget.Select); ok && slices.Contains(s.Options, option) {
			return s
		}
	}
	t.Fatalf("no list with %q", option)
	return nil
}

// An interview is prepared from dropped files, corrected, saved, used, deleted
// and brought back.
func TestPrepareAnInterview(t *testing.T) {
	d := &deskOf{}
	w := newDeskWindow(t, d)
	w.win.Resize(fyne.NewSize(560, 1300))
	w.open(preparedScreen)
	w.work()
	wantText(t, w, "Prepare an interview once")
	tapOn(t, w, "Prepare an interview", 0)
	entryWith(t, w, "Second round").SetText("Payments")
	entryWith(t, w, "Who invites").SetText("Brückenbank")

	w.dropped(fyne.NewPos(10, 100), []fyne.URI{fileURI("/home/lena/cv.exe")})
	w.work()
	wantText(t, w, "This kind of file cannot be read.")
	w.dropped(fyne.NewPos(10, 100), []fyne.URI{fileURI("/home/lena/cv.pdf")})
	w.work()
	wantText(t, w, "cv.pdf", "2 pages, 3 sections", "Understood: Experience · Education · Skills", "4 terms are sent")
	w.dropped(fyne.NewPos(500, 100), []fyne.URI{fileURI("/home/lena/job.txt")})
	w.work()
	wantText(t, w, "job.txt")

	terms := entryWith(t, w, "Names, products")
	if terms.Text != "PostgreSQL, Kubernetes, gRPC, Larkfield" {
		t.Errorf("terms: %q", terms.Text)
	}
	terms.SetText("PostgreSQL,  pgx ,\nLarkfield, pgx")
	wantText(t, w, "3 terms are sent")
	selectWith(t, w, "STAR story").SetSelected("STAR story")
	selectWith(t, w, "Deep technical").SetSelected("My own words")
	entryWith(t, w, "How answers are").SetText("plain words")
	tapOn(t, w, "Add a story", 0)
	entryWith(t, w, "The time the").SetText("The outage")
	entryWith(t, w, "What came of").SetText("40 minutes")
	tapOn(t, w, "Keep", 0)
	wantText(t, w, "The outage")

	tapOn(t, w, "Save and use", 0)
	w.work()
	want := Prepared{ID: "new", Name: "Payments", Company: "Brückenbank", Language: "en", Persona: "own", Own: "plain words", Format: "star",
		Stories: []Story{{Title: "The outage", Result: "40 minutes"}}, Terms: []string{"PostgreSQL", "pgx", "Larkfield"}}
	got := d.prepared[0]
	want.Resume, want.Job = got.Resume, got.Job
	if !reflect.DeepEqual(got, want) || got.Resume.Name != "cv.pdf" || got.Job.Name != "job.txt" {
		t.Errorf("kept:\n%+v\nwant\n%+v", got, want)
	}
	if w.settings.Prepared != "new" || w.settings.PreparedName != "Payments" {
		t.Errorf("in use: %q %q", w.settings.Prepared, w.settings.PreparedName)
	}
	w.open(setupScreen)
	wantText(t, w, "Prepared: Payments")

	w.open(preparedScreen)
	w.work()
	w.discard(d.prepared[0], lookFor(w))
	w.work()
	if len(d.prepared) != 0 || w.settings.Prepared != "" {
		t.Errorf("after delete: %v, in use %q", d.prepared, w.settings.Prepared)
	}
	w.undoDiscard(lookFor(w))
	w.work()
	if len(d.prepared) != 1 {
		t.Error("undo did not bring it back")
	}
}

// lookFor is a place for a list; the page's own is inside its sheet.
func lookFor(*testWindow) *fyne.Container { return container.NewVBox() }

func fileURI(path string) fyne.URI { return storage.NewFileURI(path) }

// A file that cannot be saved stays on the page, with a sentence.
func TestPrepareThatCannotBeSaved(t *testing.T) {
	d := &deskOf{}
	w := newDeskWindow(t, d)
	w.win.Resize(fyne.NewSize(560, 1300))
	w.open(prepareScreen)
	w.work()
	d.fails = errors.New("it could not be saved; is the disk full or read-only?")
	tapOn(t, w, "Save and use", 0)
	if w.screen != prepareScreen || w.settings.Prepared != "" {
		t.Errorf("on screen %v, in use %q", w.screen, w.settings.Prepared)
	}
	wantText(t, w, "It could not be saved")
}

// With minutes, other personas need Pro.
func TestPersonasArePartOfPro(t *testing.T) {
	for pro, want := range map[bool]string{false: "standard", true: "strict"} {
		d := &deskOf{}
		w := newDeskWindow(t, d)
		w.settings.Mode = ModeHosted
		w.account.Pro = pro
		w.win.Resize(fyne.NewSize(560, 1300))
		w.desk.editing = examplePrepared()
		w.open(prepareScreen)
		w.work()
		name := "Strict interviewer's view"
		if !pro {
			name += " (Pro)"
		}
		selectWith(t, w, name).SetSelected(name)
		tapOn(t, w, "Save and use", 0)
		if got := d.prepared[0].Persona; got != want {
			t.Errorf("Pro %v: %q", pro, got)
		}
	}
}

func TestSoundCheckPage(t *testing.T) {
	d := &deskOf{sound: []SoundState{exampleSound()}}
	w := newDeskWindow(t, d)
	w.win.Resize(fyne.NewSize(560, 640))
	w.open(soundScreen)
	waitSoon(t, func() bool { w.run(); return strings.Contains(onScreen(w), "Hands-Free") })
	wantText(t, w, "Sounds good.", "Bluetooth headset in call mode", "Choose another microphone", "one two three")
	for _, name := range []string{"Play both", "You", "Record 10 seconds"} {
		for _, b := range buttons(w) {
			if b.Text == name {
				test.Tap(b)
			}
		}
	}
	if d.recorded != 1 || !slices.Equal(d.played, []SoundPlace{PlayBoth, PlayYou}) {
		t.Errorf("recorded %d, played %v", d.recorded, d.played)
	}
	w.back()
	w.work() // the check ends with its page, or this waits for ever
}

// What: answers are prepared ahead, corrected and deleted. Why: they are kept
// with the interview, and nothing else than what the person saw.
func TestCardsArePrepared(t *testing.T) {
	d := &deskOf{prepared: []Prepared{examplePrepared()}}
	w := newDeskWindow(t, d)
	w.win.Resize(fyne.NewSize(560, 2600))
	w.desk.editing = examplePrepared()
	w.open(prepareScreen)
	d.fails = errors.New("enter a key")
	tapOn(t, w, "Prepare answers", 0)
	wantText(t, w, "Enter a key")
	d.fails = nil
	tapOn(t, w, "Prepare answers", 0)
	wantText(t, w, "Tell me about yourself.", "Eight years of payments.", "3 answers, kept encrypted", "Prepare anew")
	tapOn(t, w, "Save and use", 0)
	if n := len(d.prepared[0].Cards); n != 3 {
		t.Fatalf("%d cards kept", n)
	}
	w.desk.editing = d.prepared[0]
	w.open(prepareScreen)
	tapOn(t, w, "Delete all", 0)
	tapOn(t, w, "Save and use", 0)
	if n := len(d.prepared[0].Cards); n != 0 {
		t.Errorf("%d cards left", n)
	}
}

func TestPracticePage(t *testing.T) {
	d := &deskOf{}
	w := newDeskWindow(t, d)
	w.open(practiceScreen)
	wantText(t, w, "Install espeak-ng")
	d.voice = "espeak-ng"
	w.open(practiceScreen)
	wantText(t, w, "Asked aloud by espeak-ng")
	tapOn(t, w, "Start practice", 0)
	if len(d.practice) != 1 || w.screen != prompterScreen {
		t.Errorf("practice %v, on screen %v", d.practice, w.screen)
	}
}

func TestHistoryPage(t *testing.T) {
	d := &deskOf{past: []Past{examplePast()}, words: "**Practise** one thing. And another."}
	w := newDeskWindow(t, d)
	w.win.Resize(fyne.NewSize(560, 2600))
	w.open(pastScreen)
	w.work()
	wantText(t, w, "Brückenbank – Staff engineer", "37 min · on this computer")
	entryWith(t, w, "Search").OnSubmitted("mysql")
	w.work()
	wantText(t, w, "Nothing was found.")
	entryWith(t, w, "Search").OnSubmitted("")
	w.work()
	selectWith(t, w, "Keep none").SetSelected("Keep none")
	w.work()
	if w.settings.Retain != RetainNothing {
		t.Errorf("kept: %q", w.settings.Retain)
	}

	tapOn(t, w, "Open", 0)
	wantText(t, w, "78 %", "Pace, words a minute", "Three things to practise", "Not said:", "They will call on Friday.")
	tapOn(t, w, "Ask for feedback", 0)
	wantText(t, w, "one thing. And another.")
	entryWith(t, w, "Your notes").SetText("They called.")
	tapOn(t, w, "Save the notes", 0)
	if d.past[0].Notes != "They called." {
		t.Errorf("notes: %q", d.past[0].Notes)
	}
	tapOn(t, w, "Word", 0)
	if d.exported != "docx" {
		t.Errorf("exported: %q", d.exported)
	}
	for _, o := range w.win.Canvas().Overlays().List() {
		w.win.Canvas().Overlays().Remove(o)
	}
	tapOn(t, w, "Delete", 0)
	if len(d.past) != 0 || w.screen != pastScreen {
		t.Errorf("after delete: %v, on screen %v", d.past, w.screen)
	}
}

// After an interview the way to its debrief is below the answers.
func TestDebriefIsOffered(t *testing.T) {
	w := newDeskWindow(t, &deskOf{})
	w.open(prompterScreen)
	w.PastReady(examplePast())
	w.run()
	wantText(t, w, "How did it go?")
	tapOn(t, w, "Debrief", 0)
	wantText(t, w, "Brückenbank – Staff engineer", "words a minute")
}

// A text file with any name is taken by every system.
func TestFileName(t *testing.T) {
	p := examplePast()
	p.Title = `a/b\\c: "d" <e>|?*` + "\n"
	if name := fileName(p); strings.ContainsAny(name, `/\:*?"<>|`+"\n") || !strings.Contains(name, "2026-11-24") {
		t.Errorf("%q", name)
	}
}
