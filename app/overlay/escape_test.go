package overlay

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
)

// Escape leaves every page and closes every dialog, also while a button or a
// field has the focus, which Fyne gives the key to.
func TestEscapeWhateverHasTheFocus(t *testing.T) {
	d := &deskOf{prepared: []Prepared{examplePrepared()}, past: []Past{examplePast()}}
	w := newDeskWindow(t, d)
	w.win.Resize(fyne.NewSize(560, 1300))
	focus := func() {
		t.Helper()
		w.win.Canvas().FocusNext()
		if w.win.Canvas().Focused() == nil {
			t.Fatalf("screen %v: nothing takes the focus", w.screen)
		}
	}
	if w.escapeFocused() {
		t.Error("taken while nothing has the focus")
	}
	for _, s := range []screen{settingsScreen, helpScreen, preparedScreen, soundScreen, practiceScreen, pastScreen, prepareScreen} {
		w.settle()
		w.open(s)
		w.run()
		focus()
		if !w.escapeFocused() || w.screen == s {
			t.Errorf("screen %v is not left", s)
		}
	}
	w.desk.editing = examplePrepared()
	for _, answer := range []string{"Stay", "Leave"} {
		if w.screen != prepareScreen {
			w.open(prepareScreen)
			w.work()
		}
		focus()
		w.win.Canvas().Focused().(*widget.Entry).SetText("another " + answer)
		w.escapeFocused()
		if w.screen != prepareScreen || w.win.Canvas().Overlays().Top() == nil {
			t.Fatal("what was typed is lost without a question")
		}
		for _, o := range test.LaidOutObjects(w.win.Canvas().Overlays().Top()) {
			if b, ok := o.(*widget.Button); ok && b.Text == answer {
				test.Tap(b)
			}
		}
		if left := w.screen != prepareScreen; left != (answer == "Leave") {
			t.Errorf("%s: left %v", answer, left)
		}
	}
	w.open(setupScreen)
	w.work()
	w.paste(Resume, "Résumé") // its field has the focus
	if !w.escapeFocused() || w.win.Canvas().Overlays().Top() != nil || w.screen != setupScreen {
		t.Error("the dialog is not closed, or more than it")
	}
}
