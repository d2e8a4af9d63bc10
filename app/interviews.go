package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"fyne.io/fyne/v2/theme"

	"copilot/app/account"
	"copilot/app/interview"
	"copilot/app/overlay"
	"copilot/app/resume"
)

// desk is what a person does before and after interviews: preparing, checking
// the sound, practising, looking back. It implements overlay.Desk.
type desk struct {
	program    *program
	interviews *account.Interviews
	begin      func(choices)      // begins an interview
	ready      func(overlay.Past) // shows that an interview can be looked back at
	sound      soundCheck

	mu     sync.Mutex
	retain account.Retention
	recent map[string]interview.Profile // of the interviews of this run, by their IDs
	unkept map[string]bool              // those of them that are kept nowhere
}

// newDesk returns a desk whose things are kept where this person's data belong.
func (p *program) newDesk(retain string) (*desk, error) {
	dir, err := account.VaultDir()
	if err != nil {
		return nil, err
	}
	return &desk{program: p, interviews: account.NewInterviews(account.NewVault(dir, p.keys)), retain: account.Retention(retain),
		recent: map[string]interview.Profile{}, unkept: map[string]bool{}}, nil
}

// changed takes the settings in.
func (d *desk) changed(s overlay.Settings) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.retain = account.Retention(s.Retain)
}

// Run deletes what has been kept for longer than the person wants, at the start
// and every six hours.
func (d *desk) Run(ctx context.Context) {
	tick := time.NewTicker(6 * time.Hour)
	defer tick.Stop()
	for {
		d.expire(ctx, time.Now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (d *desk) expire(ctx context.Context, now time.Time) {
	d.mu.Lock()
	before := d.retain.Before(now)
	d.mu.Unlock()
	if before.IsZero() {
		return
	}
	n, err := d.interviews.Expire(ctx, before)
	if c := d.cloud(); c != nil && err == nil {
		var old []account.Past
		old, err = c.List(ctx, "")
		for _, p := range old {
			if err == nil && p.Started.Before(before) {
				err = c.Delete(ctx, p.ID)
				n++
			}
		}
	}
	if n > 0 || err != nil {
		d.program.log.Info("expired interviews deleted", "n", n, "err", err)
	}
}

// cloud is the interviews saved online, nil without Pro.
func (d *desk) cloud() *account.Cloud {
	h := d.program.hosted
	if h == nil || !h.account.SignedIn() {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.view.Pro {
		return nil
	}
	return h.account.Cloud()
}

func (d *desk) Prepared(ctx context.Context) (list []overlay.Prepared, notice string, err error) {
	all, damage, err := d.interviews.Prepared(ctx)
	for _, p := range all {
		list = append(list, shownPrepared(p))
	}
	notice, err = d.notice(damage, err)
	return list, notice, err
}

// notice tells what is damaged, locked away, or kept for this run only. An error
// that it tells is none any more.
func (d *desk) notice(damage []account.Damage, err error) (string, error) {
	var told []string
	if errors.Is(err, account.ErrUnavailable) {
		told, err = append(told, "What you saved before cannot be opened until the keyring is unlocked."), nil
	}
	for _, each := range damage {
		told = append(told, each.Sentence())
	}
	if s := d.interviews.Sentence(); s != "" {
		told = append(told, s)
	}
	return strings.Join(told, " "), said(err)
}

func (d *desk) Keep(ctx context.Context, p overlay.Prepared) (overlay.Prepared, error) {
	kept, err := d.interviews.SavePrepared(ctx, keptPrepared(p), time.Now())
	if err != nil {
		return p, &sayError{"It could not be saved. Is the disk full or read-only?", err}
	}
	return shownPrepared(kept), nil
}

func (d *desk) Discard(_ context.Context, id string) error {
	if err := d.interviews.DeletePrepared(id); err != nil {
		return &sayError{"It could not be deleted. Is the disk read-only?", err}
	}
	return nil
}

func (d *desk) Understand(ctx context.Context, path string) (overlay.Paper, error) {
	doc, err := resume.Parse(ctx, path)
	if err != nil {
		return overlay.Paper{}, said(err)
	}
	return shownPaper(filepath.Base(path), doc), nil
}

func (d *desk) UnderstandText(_ context.Context, text string) (overlay.Paper, error) {
	return shownPaper("Pasted text", resume.FromText(text)), nil
}

func (d *desk) KeyTerms(_ context.Context, cv, job string) []string {
	return resume.Terms(resume.FromText(cv), resume.FromText(job))
}

func shownPaper(name string, doc resume.Document) overlay.Paper {
	p := overlay.Paper{Name: name, Text: doc.Text}
	if doc.Text == "" {
		return overlay.Paper{}
	}
	for _, s := range doc.Sections {
		if s.Title != "" {
			p.Sections = append(p.Sections, s.Title)
		}
	}
	p.Summary = fmt.Sprintf("%s, %s", count(len(p.Sections), "section"), count(len(doc.Terms), "key term"))
	if doc.Pages > 0 {
		p.Summary = count(doc.Pages, "page") + ", " + p.Summary
	}
	return p
}

func shownPrepared(p account.Prepared) overlay.Prepared {
	out := overlay.Prepared{ID: p.ID, Name: p.Name, Company: p.Company, Role: p.Role, Notes: p.Notes,
		Resume: shownPaper(p.Resume.Name, resume.FromText(p.Resume.Text)), Job: shownPaper(p.Job.Name, resume.FromText(p.Job.Text)),
		Language: p.Lang, Persona: p.Persona, Own: p.Own, Format: p.Format, Terms: p.Terms}
	for _, s := range p.Stories {
		out.Stories = append(out.Stories, overlay.Story(s))
	}
	return out
}

func keptPrepared(p overlay.Prepared) account.Prepared {
	out := account.Prepared{ID: p.ID, Name: p.Name, Company: p.Company, Role: p.Role, Notes: p.Notes,
		Resume: account.Paper{Name: p.Resume.Name, Text: p.Resume.Text}, Job: account.Paper{Name: p.Job.Name, Text: p.Job.Text},
		Lang: p.Language, Persona: p.Persona, Own: p.Own, Format: p.Format, Terms: p.Terms}
	for _, s := range p.Stories {
		out.Stories = append(out.Stories, account.Story(s))
	}
	return out
}

// fill puts what was prepared into the choices of an interview.
func (d *desk) fill(ctx context.Context, c choices) (choices, error) {
	if c.Prepared == "" || c.Mode == overlay.ModeRehearsal {
		return c, nil
	}
	all, _, err := d.interviews.Prepared(ctx)
	i := slices.IndexFunc(all, func(p account.Prepared) bool { return p.ID == c.Prepared })
	if i < 0 && errors.Is(err, account.ErrUnavailable) {
		return c, &sayError{"The prepared interview cannot be opened: unlock the keyring, or choose none in the set-up.", err}
	}
	if i < 0 {
		return c, &sayError{"The prepared interview is not there any more. Choose another one in the set-up, or none.", errors.Join(account.ErrNoEntry, err)}
	}
	p := all[i]
	if c.Mode == overlay.ModeHosted && d.cloud() == nil { // personas went with Pro
		p.Persona, p.Own = account.PersonaStandard, ""
	}
	c.Title = p.Name
	if c.Title == "" {
		c.Title = strings.TrimSpace(p.Company + " " + p.Role)
	}
	c.Resume, c.Job = resume.FromText(p.Resume.Text), resume.FromText(p.Job.Text)
	c.Notes, c.Terms, c.Style, c.Persona = notesOf(p), p.Terms, styleOf(p, c.Mode), ""
	if c.Mode == overlay.ModeHosted && p.Persona != account.PersonaOwn {
		c.Persona = p.Persona
	}
	if p.Lang != "" {
		c.Language = p.Lang
	}
	return c, nil
}

// notesOf are the notes and stories as the model reads them.
func notesOf(p account.Prepared) string {
	var b strings.Builder
	for _, line := range [][2]string{{"Company", p.Company}, {"Role", p.Role}} {
		if line[1] != "" {
			fmt.Fprintf(&b, "%s: %s\n", line[0], line[1])
		}
	}
	b.WriteString(p.Notes)
	for _, s := range p.Stories {
		fmt.Fprintf(&b, "\n\nStory: %s\n", s.Title)
		for _, part := range [][2]string{{"Situation", s.Situation}, {"Task", s.Task}, {"Action", s.Action}, {"Result", s.Result}} {
			if part[1] != "" {
				fmt.Fprintf(&b, "%s: %s\n", part[0], part[1])
			}
		}
	}
	return strings.TrimSpace(b.String())
}

// What the persons and forms of an answer tell the model. With minutes, the
// server adds the words of its personas itself.
var (
	personaStyles = map[string]string{
		account.PersonaStrict:    "Expect a hard interviewer: claim only what the résumé proves, name the trade-off and the weak point of your answer yourself, and correct a wrong premise first.",
		account.PersonaExecutive: "Sound like an executive: the decision first, then money, people and risk. At most four short sentences in all.",
		account.PersonaTechnical: "Answer as one engineer to another: name the mechanism and why it beat its nearest alternative, what it costs and how it fails. Orders of magnitude, no introduction.",
	}
	formatStyles = map[string]string{
		account.FormatProse: "Instead of points, write one paragraph of three to five short sentences.",
		account.FormatSTAR:  "Use exactly four points that begin with **Situation**, **Task**, **Action** and **Result**, from one story of the candidate; a question for knowledge gets its answer in the first line and the story as proof.",
	}
)

func styleOf(p account.Prepared, mode string) string {
	var lines []string
	if mode != overlay.ModeHosted {
		lines = append(lines, personaStyles[p.Persona])
	}
	if p.Persona == account.PersonaOwn {
		lines = append(lines, p.Own)
	}
	lines = append(lines, formatStyles[p.Format])
	lines = slices.DeleteFunc(lines, func(s string) bool { return strings.TrimSpace(s) == "" })
	return strings.Join(lines, "\n")
}

// Time for keeping an interview that is over: online, and on this computer, where
// only the keyring can take long, less of it while the window closes.
const (
	saveOnline  = 8 * time.Second
	saveHere    = 30 * time.Second
	saveClosing = time.Second
)

// held keeps an interview that is over, if the person wants that, and shows the
// way to its debrief. Once ctx is done, because the window closes, it is kept on
// this computer, whatever the plan.
func (d *desk) held(ctx context.Context, c choices, profile interview.Profile, talk interview.Talk, now time.Time) {
	if len(talk.Turns) == 0 {
		return
	}
	figures := interview.Review(talk)
	p := pastOf(c, talk, figures, now)
	d.mu.Lock()
	keep := d.retain != account.KeepNothing && c.Mode != overlay.ModeRehearsal
	d.recent[p.ID] = profile
	d.unkept[p.ID] = !keep
	d.mu.Unlock()
	online := false
	if keep {
		if cloud := d.cloud(); cloud != nil && ctx.Err() == nil {
			bounded, cancel := context.WithTimeout(ctx, saveOnline)
			err := cloud.Save(bounded, p)
			cancel()
			if online = err == nil; err != nil {
				d.program.log.Warn("interview kept on this computer instead of online", "err", err)
			}
		}
		if !online {
			limit := saveHere
			if ctx.Err() != nil {
				limit = saveClosing
			}
			bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
			defer cancel()
			if err := d.interviews.SavePast(bounded, p); err != nil {
				d.program.log.Error("interview was not kept", "err", err)
			}
		}
	}
	d.ready(shownPast(p, online))
}

// pastOf is an interview as it is kept: what was said, the suggested answers at
// their places in between.
func pastOf(c choices, talk interview.Talk, figures interview.Debrief, now time.Time) account.Past {
	p := account.Past{ID: account.NewID(), Title: c.Title, Started: talk.Began, Ended: now}
	switch {
	case p.Title != "":
	case c.Mode == overlay.ModeRehearsal:
		p.Title = "Rehearsal"
	default:
		p.Title = "Interview"
	}
	if c.Practice {
		p.Title = "Practice: " + p.Title
	}
	for _, t := range talk.Turns {
		if !t.Gap && t.Text != "" {
			p.Turns = append(p.Turns, account.Said{Speaker: t.Speaker.String(), Text: t.Text, At: t.Start})
		}
	}
	for _, q := range talk.Asked {
		if q.Suggested == "" {
			continue
		}
		i := slices.IndexFunc(p.Turns, func(s account.Said) bool { return s.At > q.At })
		if i < 0 {
			i = len(p.Turns)
		}
		p.Turns = slices.Insert(p.Turns, i, account.Said{Speaker: account.SpeakerAnswer, Text: q.Suggested, At: q.At})
	}
	p.Figures, _ = json.Marshal(figures) // numbers and texts always can
	return p
}

func shownPast(p account.Past, online bool) overlay.Past {
	out := overlay.Past{ID: p.ID, Title: p.Title, Started: p.Started, Ended: p.Ended, Online: online, Notes: p.Notes, Words: p.Debrief}
	for _, t := range p.Turns {
		out.Turns = append(out.Turns, overlay.Said{Who: t.Speaker, Text: t.Text, At: t.At})
	}
	var figures interview.Debrief
	if len(p.Figures) > 0 && json.Unmarshal(p.Figures, &figures) == nil {
		out.Figures = &figures
	}
	return out
}

func keptPast(p overlay.Past) account.Past {
	out := account.Past{ID: p.ID, Title: p.Title, Started: p.Started, Ended: p.Ended, Notes: p.Notes, Debrief: p.Words}
	for _, t := range p.Turns {
		out.Turns = append(out.Turns, account.Said{Speaker: t.Who, Text: t.Text, At: t.At})
	}
	if p.Figures != nil {
		out.Figures, _ = json.Marshal(p.Figures)
	}
	return out
}

func (d *desk) Past(ctx context.Context, search string) (list []overlay.Past, notice string, err error) {
	local, damage, err := d.interviews.Past(ctx)
	notice, err = d.notice(damage, err)
	for _, p := range local {
		if p.Matches(search) {
			list = append(list, shownPast(p, false))
		}
	}
	if c := d.cloud(); c != nil {
		online, e := c.List(ctx, search)
		if e != nil {
			notice = strings.TrimSpace(sentence(e) + " " + notice)
		}
		for _, p := range online {
			list = append(list, shownPast(p, true))
		}
	}
	slices.SortFunc(list, func(a, b overlay.Past) int { return b.Started.Compare(a.Started) })
	return list, notice, err
}

func (d *desk) ReadPast(ctx context.Context, p overlay.Past) (overlay.Past, error) {
	if !p.Online {
		return p, nil // the list has all of it
	}
	whole, err := d.program.hosted.account.Cloud().Read(ctx, p.ID)
	return shownPast(whole, true), said(err)
}

func (d *desk) ChangePast(ctx context.Context, p overlay.Past) error {
	d.mu.Lock()
	unkept := d.unkept[p.ID]
	d.mu.Unlock()
	switch {
	case unkept:
		return &sayError{"This interview is not kept, so its notes cannot be. Export it to keep it.", errors.New("change interview: it is not kept")}
	case p.Online:
		return said(d.program.hosted.account.Cloud().Change(ctx, keptPast(p)))
	}
	return said(d.interviews.SavePast(ctx, keptPast(p)))
}

func (d *desk) DeletePast(ctx context.Context, p overlay.Past) error {
	d.mu.Lock()
	delete(d.recent, p.ID)
	d.mu.Unlock()
	if p.Online {
		return said(d.program.hosted.account.Cloud().Delete(ctx, p.ID))
	}
	return said(d.interviews.DeletePast(ctx, p.ID))
}

func (d *desk) ExportPast(_ context.Context, p overlay.Past, format string) ([]byte, error) {
	var b bytes.Buffer
	var err error
	past, figures := keptPast(p), figureLines(p.Figures)
	switch format {
	case "pdf":
		err = account.ExportPDF(&b, past, figures, time.Local, account.Fonts{
			Regular: theme.DefaultTextFont().Content(), Bold: theme.DefaultTextBoldFont().Content()})
	case "docx":
		err = account.ExportDOCX(&b, past, figures, time.Local)
	default:
		err = account.ExportMarkdown(&b, past, figures, time.Local)
	}
	return b.Bytes(), err
}

// figureLines are the counts of a debrief as an export has them.
func figureLines(d *interview.Debrief) []string {
	if d == nil {
		return nil
	}
	lines := []string{fmt.Sprintf("You spoke %.0f %% of the time, %.0f words a minute; your longest answer took %s.", 100*d.TalkShare(), d.Pace, d.Longest.Round(time.Second))}
	if len(d.Fillers) > 0 {
		lines = append(lines, fmt.Sprintf("%s, most of all “%s”.", count(d.FillerCount(), "filler word"), d.Fillers[0].Text))
	}
	for _, p := range d.Practise() {
		lines = append(lines, "To practise: "+p)
	}
	return lines
}

// Debrief has the words written by the person's own answering server. With
// minutes answers are to be had in a live session only.
func (d *desk) Debrief(ctx context.Context, p overlay.Past, delta func(string)) error {
	if p.Figures == nil {
		return &sayError{"There are no figures to write about.", errors.New("debrief: no figures")}
	}
	answers, err := d.program.ownAnswers(ctx)
	if err != nil {
		return &sayError{"Feedback in words is written with your own Groq key; enter one in the set-up. The figures and the three things to practise need none.", err}
	}
	defer answers.Close()
	d.mu.Lock()
	profile, unkept := d.recent[p.ID], d.unkept[p.ID]
	d.mu.Unlock()
	got, err := answers.Complete(ctx, p.Figures.Request(profile, d.program.config.GroqModel, ""), delta)
	if err != nil {
		return said(err)
	}
	if p.Words = got.Text; unkept {
		return nil
	}
	if err := d.ChangePast(ctx, p); err != nil {
		d.program.log.Warn("the debrief's words were not kept", "err", err)
	}
	return nil
}

func (d *desk) Wipe(ctx context.Context) error {
	if err := d.interviews.Wipe(ctx); err != nil {
		return &sayError{"Something could not be deleted: is the keyring locked, or the disk read-only?", err}
	}
	return nil
}

// Practice begins a mock interview.
func (d *desk) Practice(s overlay.Settings) {
	d.begin(choices{Mode: s.Mode, Microphone: s.Microphone, Language: s.Language, Model: s.Model, Manual: !s.Auto, Prepared: s.Prepared, Practice: true})
}
