package overlay

import (
	"fmt"
	"reflect"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// Everything can be had without a mouse: Tab goes from one thing to the next,
// Space presses it. Fyne does the going; it neither scrolls to what has the
// focus nor lets Tab out of a field of several lines, which is done here.

// lookAtFocus is how often it is looked, after an event, at what has the focus.
const lookAtFocus = frame * 3

// sheetParts are the scrolled middle of the page on screen and what stands still
// around it.
type sheetParts struct {
	scroll *container.Scroll
	fixed  []fyne.CanvasObject
}

// followFocus brings what has got the focus into view.
func (w *Window) followFocus() {
	now := w.win.Canvas().Focused()
	if now == w.focused {
		return
	}
	w.focused = now
	o, ok := now.(fyne.CanvasObject)
	if !ok {
		return
	}
	w.opts.Log.Debug("focus", "on", focusName(o))
	if w.win.Canvas().Overlays().Top() == nil {
		w.parts.show(o)
	}
}

// show scrolls until o is in view, where it is scrolled.
func (p sheetParts) show(o fyne.CanvasObject) {
	if p.scroll == nil {
		return
	}
	for _, part := range p.fixed {
		if holds(part, o) {
			return
		}
	}
	driver := fyne.CurrentApp().Driver()
	at := driver.AbsolutePositionForObject(o).Y - driver.AbsolutePositionForObject(p.scroll).Y
	const room = 8 // to see that there is more
	switch bottom := at + o.Size().Height; {
	case at < 0:
		p.scroll.ScrollToOffset(fyne.NewPos(0, p.scroll.Offset.Y+at-room))
	case bottom > p.scroll.Size().Height:
		p.scroll.ScrollToOffset(fyne.NewPos(0, p.scroll.Offset.Y+bottom-p.scroll.Size().Height+room))
	}
}

// holds says whether o stands in a container, at any depth.
func holds(part, o fyne.CanvasObject) bool {
	if part == o {
		return true
	}
	c, ok := part.(*fyne.Container)
	if !ok {
		return false
	}
	for _, each := range c.Objects {
		if holds(each, o) {
			return true
		}
	}
	return false
}

// focusOn is what has the focus; empty: nothing.
func (w *Window) focusOn() string {
	if o, ok := w.win.Canvas().Focused().(fyne.CanvasObject); ok {
		return focusName(o)
	}
	return ""
}

// refocus gives the focus to what is called so on the page that was made anew.
func (w *Window) refocus(name string) {
	if f := called(w.win.Content(), name); name != "" && f != nil {
		w.win.Canvas().Focus(f)
	}
}

// called returns what can have the focus and is called so.
func called(o fyne.CanvasObject, name string) fyne.Focusable {
	switch o := o.(type) {
	case *fyne.Container:
		for _, each := range o.Objects {
			if f := called(each, name); f != nil {
				return f
			}
		}
	case *container.Scroll:
		return called(o.Content, name)
	case fyne.Focusable:
		if focusName(o.(fyne.CanvasObject)) == name {
			return o
		}
	}
	return nil
}

// focusName is what a thing is called; never what is typed into it.
func focusName(o fyne.CanvasObject) string {
	switch o := o.(type) {
	case *widget.Button:
		if o.Text == "" && o.Icon != nil {
			return "icon " + o.Icon.Name()
		}
		return "button " + o.Text
	case *widget.Check:
		return "check " + o.Text
	case *widget.Select:
		return "list " + o.Selected
	case *widget.Entry:
		return "field " + o.PlaceHolder
	case *multiline:
		return "field " + o.PlaceHolder
	}
	if v := reflect.ValueOf(o).Elem().FieldByName("Label"); v.IsValid() && v.Kind() == reflect.String { // of a radio group
		return "choice " + v.String()
	}
	return fmt.Sprintf("%T", o)
}

// multiline is a field of several lines that Tab leaves, as it leaves all else.
type multiline struct{ widget.Entry }

func newMultiline() *multiline {
	m := &multiline{}
	m.MultiLine, m.Wrapping = true, fyne.TextWrapWord
	m.ExtendBaseWidget(m)
	return m
}

// AcceptsTab implements fyne.Tabbable.
func (m *multiline) AcceptsTab() bool { return false }

// goTo puts the cursor before letter n, once the field has its size.
func (m *multiline) goTo(n int) {
	m.TypedKey(&fyne.KeyEvent{Name: fyne.KeyPageUp})
	for at := -1; m.CursorTextOffset() < n && m.CursorTextOffset() > at; {
		at = m.CursorTextOffset()
		m.TypedKey(&fyne.KeyEvent{Name: fyne.KeyRight})
	}
}
