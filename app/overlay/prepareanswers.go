package overlay

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// named is a value of the program and what it is called.
type named struct{ value, name string }

func formats() []named {
	return []named{{"points", "Key points"}, {"prose", "Short prose"}, {"star", "STAR story"}}
}

// personas, all but the first a part of Pro.
func personas() []named {
	return []named{{"standard", "Standard"}, {"strict", "Strict interviewer's view"}, {"executive", "Concise executive"},
		{"technical", "Deep technical"}, {"own", "My own words"}}
}

// selectOf is a list of named values over a text.
func selectOf(all []named, now string, chosen func(string)) *widget.Select {
	names := make([]string, len(all))
	at := 0
	for i, n := range all {
		names[i] = n.name
		if n.value == now {
			at = i
		}
	}
	c := widget.NewSelect(names, nil)
	c.SetSelectedIndex(at)
	c.OnChanged = func(string) {
		if i := c.SelectedIndex(); i >= 0 {
			chosen(all[i].value)
		}
	}
	return c
}

func (f *preparing) answers() fyne.CanvasObject {
	form, row := f.form()
	var tongues []named
	for _, l := range languages() {
		tongues = append(tongues, named{l.tag, l.name})
	}
	row("Language", selectOf(tongues, f.p.Language, func(v string) { f.p.Language = v }))
	row("Form", selectOf(formats(), f.p.Format, func(v string) { f.p.Format = v }))
	f.own = area(&f.p.Own, "How answers are to sound, such as: plain words, a little humour, no buzzwords.", 2)
	all := personas()
	if !f.mayPersona() {
		for i := range all[1:] {
			all[i+1].name += " (Pro)"
		}
	}
	var persona *widget.Select
	persona = selectOf(all, f.p.Persona, func(v string) {
		f.problem.set("", "")
		if v != all[0].value && !f.mayPersona() {
			f.problem.set("Other personas are a part of Pro. Answers keep the standard one.", "")
			v = all[0].value
			persona.SetSelectedIndex(0)
		}
		f.p.Persona = v
		f.showOwn()
	})
	row("Persona", persona)
	f.showOwn()
	return container.NewVBox(form, f.own)
}

// mayPersona says whether other personas may be chosen: with Pro, and with own
// keys, where nothing is sold.
func (f *preparing) mayPersona() bool { return f.account.Pro || f.settings.Mode != ModeHosted }

func (f *preparing) showOwn() {
	if f.p.Persona == "own" {
		f.own.Show()
	} else {
		f.own.Hide()
	}
}
