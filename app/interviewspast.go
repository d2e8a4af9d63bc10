package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2/theme"

	"copilot/app/account"
	"copilot/app/interview"
	"copilot/app/overlay"
	"copilot/backend/api"
)

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
		return said(&sayError{"This interview is not kept, so its notes cannot be. Export it to keep it.", errors.New("change interview: it is not kept")})
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

// Debrief has the words written, by a model that sees the figures and the questions.
func (d *desk) Debrief(ctx context.Context, p overlay.Past, delta func(string)) error {
	if p.Figures == nil {
		return said(&sayError{"There are no figures to write about.", errors.New("debrief: no figures")})
	}
	answers, err := d.program.answersBeside(ctx, d.modeNow(), api.PurposeDebrief)
	if err != nil {
		return said(noAnswerBeside("Feedback in words is written", err))
	}
	defer answers.Close()
	d.mu.Lock()
	profile, unkept := d.recent[p.ID], d.unkept[p.ID]
	d.mu.Unlock()
	got, err := answers.Complete(ctx, p.Figures.Request(profile, answers.model, ""), delta)
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
		d.program.log.Warn("delete everything", "err", err)
		return said(&sayError{"Something could not be deleted: is the keyring locked, or the disk read-only?", err})
	}
	return nil
}
