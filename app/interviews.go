package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

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
	mode   string                       // one of overlay's
	recent map[string]interview.Profile // of the interviews of this run, by their IDs
	unkept map[string]bool              // those of them that are kept nowhere
}

// newDesk returns a desk whose things are kept where this person's data belong.
func (p *program) newDesk(s overlay.Settings) (*desk, error) {
	dir, err := account.VaultDir()
	if err != nil {
		return nil, err
	}
	return &desk{program: p, interviews: account.NewInterviews(account.NewVault(dir, p.keys)), retain: account.Retention(s.Retain), mode: s.Mode,
		recent: map[string]interview.Profile{}, unkept: map[string]bool{}}, nil
}

// changed takes the settings in.
func (d *desk) changed(s overlay.Settings) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.retain, d.mode = account.Retention(s.Retain), s.Mode
}

func (d *desk) modeNow() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mode
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
		d.program.log.Warn("save a prepared interview", "err", err)
		return p, said(&sayError{"It could not be saved. Is the disk full or read-only?", err})
	}
	return shownPrepared(kept), nil
}

func (d *desk) Discard(_ context.Context, id string) error {
	if err := d.interviews.DeletePrepared(id); err != nil {
		d.program.log.Warn("delete a prepared interview", "err", err)
		return said(&sayError{"It could not be deleted. Is the disk read-only?", err})
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
	for _, c := range p.Cards {
		out.Cards = append(out.Cards, overlay.Card(c))
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
	for _, c := range p.Cards {
		out.Cards = append(out.Cards, account.Card(c))
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
	c.Deck = deckOf(p)
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

// Practice begins a mock interview.
func (d *desk) Practice(s overlay.Settings) {
	d.begin(choices{Mode: s.Mode, Microphone: s.Microphone, Language: s.Language, Listen: s.Listen, Model: s.Model, Manual: !s.Auto, Prepared: s.Prepared, Practice: true})
}
