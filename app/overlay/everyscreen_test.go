package overlay

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"copilot/app/interview"
	"copilot/audio"
)

// screenshot is a screen in one of its states.
type screenshot struct {
	name string
	open func(*testWindow)
	tall float32 // the height that shows all of it; 0: the ordinary one
}

// everyScreen is every screen there is, in the states that look different.
func everyScreen() []screenshot {
	past := examplePast()
	past.Words = "**Well done:** you began every answer with the result.\n\n- Say what *you* did, not the team.\n- Give one number an answer."
	mode := func(m string, prepared bool) func(*testWindow) {
		return func(w *testWindow) {
			w.settings.Mode, w.settings.Prepared, w.settings.PreparedName = m, "", ""
			if prepared {
				w.settings.Prepared, w.settings.PreparedName = "one", "Second round, payments team"
			}
			w.account = ada
			w.open(setupScreen)
		}
	}
	page := func(s screen) func(*testWindow) {
		return func(w *testWindow) {
			w.settings.Mode, w.account = ModeHosted, ada
			w.desk.editing, w.desk.past = examplePrepared(), past
			w.open(s)
		}
	}
	settings := func(part string) func(*testWindow) {
		return func(w *testWindow) {
			w.part = part
			page(settingsScreen)(w)
		}
	}
	signIn := func(s signing) func(*testWindow) {
		return func(w *testWindow) {
			w.account, w.signing = Account{}, s
			w.open(signInScreen)
		}
	}
	prompter := func(edit func(*interview.State, *Account)) func(*testWindow) {
		return func(w *testWindow) {
			s, a := state(interview0), ada
			s.Mode = ModeHosted
			edit(&s, &a)
			w.account, w.desk.ready = a, s.Phase == interview.Ended
			w.Show(interview.State{Mode: ModeHosted, Shown: -1})
			w.Show(s)
			w.refreshStrip()
			w.open(prompterScreen)
		}
	}
	phase := func(p interview.Phase) func(*testWindow) {
		return prompter(func(s *interview.State, _ *Account) { s.Phase = p })
	}
	asks := func(p interview.Phase) func(*testWindow) { // without a question yet
		return prompter(func(s *interview.State, _ *Account) {
			s.Phase, s.Questions, s.Shown = p, interview.Questions{}, -1
		})
	}
	held := func(hold Hold, buying bool) func(*testWindow) {
		return prompter(func(s *interview.State, a *Account) {
			s.Phase, a.Hold, a.Buying = interview.Paused, hold, buying
			if hold == HoldMinutes {
				a.Minutes = 0
			}
		})
	}
	return []screenshot{
		{"welcome", func(w *testWindow) { w.open(welcomeScreen) }, 0},
		{"setup-rehearsal", mode(ModeRehearsal, false), 620},
		{"setup-own-keys", mode(ModeOwnKeys, false), 700},
		{"setup-account", mode(ModeHosted, true), 620},
		{"setup-signed-out", func(w *testWindow) { mode(ModeHosted, false)(w); w.account = Account{}; w.open(setupScreen) }, 700},
		{"prepared", page(preparedScreen), 0},
		{"prepare", page(prepareScreen), 1180},
		{"story", func(w *testWindow) {
			page(prepareScreen)(w)
			for _, b := range buttons(w) {
				if b.Text == "Add a story" {
					test.Tap(b)
				}
			}
		}, 0},
		{"sound-check", page(soundScreen), 600},
		{"practice", page(practiceScreen), 0},
		{"practice-rehearsal", func(w *testWindow) {
			page(practiceScreen)(w)
			w.settings.Mode = ModeRehearsal
			w.open(practiceScreen)
		}, 0},
		{"history", page(pastScreen), 0},
		{"delete-everything", func(w *testWindow) { page(pastScreen)(w); w.askWipe() }, 0},
		{"prepare-empty", func(w *testWindow) {
			page(preparedScreen)(w)
			w.desk.editing = Prepared{}
			w.open(prepareScreen)
		}, 1180},
		{"paste", func(w *testWindow) { page(setupScreen)(w); w.paste(Resume, "Résumé") }, 0},
		{"debrief", page(pastPageScreen), 1700},
		{"settings-audio", settings(partAudio), 0},
		{"settings-answers", settings(partAnswers), 0},
		{"settings-appearance", settings(partAppearance), 560},
		{"settings-keys", settings(partKeys), 0},
		{"settings-account", settings(partAccount), 0},
		{"settings-privacy", settings(partPrivacy), 0},
		{"keys", page(helpScreen), 1150},
		{"sign-in", signIn(signing{email: "ada@example.com", problem: "The e-mail address or the password is wrong."}), 0},
		{"sign-in-code", signIn(signing{email: "ada@example.com", code: true, purpose: CodeSignUp}), 0},
		{"sign-in-new-password", signIn(signing{newPassword: true}), 0},
		{"sign-in-busy", signIn(signing{busy: "Sign in with GitHub in your browser, then come back here. It waits for five minutes."}), 0},
		{"account", page(accountScreen), 0},
		{"account-buying", func(w *testWindow) {
			page(accountScreen)(w)
			w.account.Buying, w.account.Problem = true, "The server cannot be reached. Check the connection."
			w.open(accountScreen)
		}, 0},
		{"receipts", page(receiptsScreen), 0},
		{"prompter-starting", asks(interview.Starting), 0},
		{"prompter-listening", asks(interview.Listening), 0},
		{"prompter-answering", phase(interview.Answering), 0},
		{"prompter-paused", phase(interview.Paused), 0},
		{"prompter-offline", phase(interview.Offline), 0},
		{"prompter-ended", phase(interview.Ended), 0},
		{"prompter-lane-lost", prompter(func(s *interview.State, _ *Account) {
			s.Lanes[1].State, s.Lanes[1].Advice = audio.LaneLost, "Plug the headset in again, or choose another microphone."
		}), 0},
		{"prompter-low", prompter(func(s *interview.State, a *Account) { a.Low, a.Minutes = true, 5 }), 0},
		{"prompter-out-of-minutes", held(HoldMinutes, false), 0},
		{"prompter-buying", held(HoldMinutes, true), 0},
		{"prompter-elsewhere", held(HoldElsewhere, false), 0},
		{"prompter-signed-out", held(HoldSignedOut, false), 0},
	}
}

// everyScreenWindow is a window that has everything there is.
func everyScreenWindow(t *testing.T, theme string) *testWindow {
	t.Helper()
	s := DefaultSettings()
	s.NoticeSeen, s.Mode = true, ModeHosted
	w := newTestWindow(t, Options{Settings: s, SettingsPath: filepath.Join(t.TempDir(), "settings.json"), Hosted: &fakeHosted{browse: make(chan struct{})}, Updates: true, Tray: true,
		Desk: &deskOf{prepared: []Prepared{examplePrepared(), {ID: "two", Company: "Larkfield", Role: "Backend engineer"}},
			past: []Past{examplePast()}, sound: []SoundState{exampleSound()}, voice: "espeak-ng"},
		Keys: func(context.Context) KeyState {
			return KeyState{Where: "Keys are kept in the system's keyring, never in a file.", Keys: []Key{
				{Name: "deepgram", Label: "Deepgram", Use: "hears both sides", Set: true, From: "keyring"},
				{Name: "groq", Label: "Groq", Use: "writes the answers"}}}
		},
		SaveKey:   func(context.Context, string, string) error { return nil },
		DeleteKey: func(context.Context, string) error { return nil },
		Devices: func(context.Context) (Devices, error) {
			return Devices{Microphones: []string{"Built-in microphone"}, Outputs: []string{"Built-in speakers"}}, nil
		},
		Models: func(context.Context) ([]string, error) { return []string{"openai/gpt-oss-120b"}, nil },
	})
	w.change(func(s *Settings) { s.Theme = theme })
	t.Cleanup(w.leaveDesk)
	return w
}

// visit shows a screen and lets it settle. Fyne's test driver lays wrapped text
// out at a resize only.
func (w *testWindow) visit(t *testing.T, s screenshot) {
	t.Helper()
	for _, o := range w.win.Canvas().Overlays().List() {
		w.win.Canvas().Overlays().Remove(o)
	}
	size := fyne.NewSize(firstWidth, max(firstHeight, s.tall))
	w.win.Resize(size)
	s.open(w)
	if w.screen == soundScreen { // its job ends with the screen
		waitSoon(t, func() bool { w.run(); return strings.Contains(onScreen(w), "Hands-Free") })
	} else {
		w.work()
	}
	w.win.Resize(size.AddWidthHeight(1, 1))
	w.win.Resize(size)
}

// Every text of every screen, in every theme, is readable: its ink is at least
// 4.5:1 against what is behind it (WCAG 2.2, 1.4.3), in the picture itself. No
// text is cut off by the window's edge and none lies under a field or a button.
// Where COPILOT_PICTURES is set, the pictures are left in build/screenshots/every,
// at 100 and at 150 percent.
func TestEveryScreen(t *testing.T) {
	themes := []string{ThemeLight, ThemeDark, ThemeContrast} // ThemeSafe is ThemeDark with other inks, which TestContrast has
	for _, theme := range themes {
		t.Run(theme, func(t *testing.T) {
			w := everyScreenWindow(t, theme)
			for _, s := range everyScreen() {
				w.visit(t, s)
				if min := w.win.Content().MinSize(); min.Width > firstWidth || min.Height > firstHeight {
					t.Errorf("%s needs %v", s.name, min)
				}
				apart(t, s.name, w)
				readable(t, s.name, w, w.win.Canvas().Capture().(*image.NRGBA))
				if os.Getenv("COPILOT_PICTURES") != "" {
					savePictures(t, s.name+"-"+strings.ReplaceAll(theme, " ", "-"), w.win.Canvas().(test.WindowlessCanvas))
				}
				if theme == ThemeDark {
					w.win.Resize(fyne.NewSize(firstWidth, firstHeight))
					byKeyboard(t, s.name, w)
				}
				w.leaveDesk()
			}
		})
	}
}

// savePictures leaves a screen's pictures at two scales for people to look at.
func savePictures(t *testing.T, name string, c test.WindowlessCanvas) {
	t.Helper()
	defer c.SetScale(1)
	for _, percent := range []int{100, 150} {
		c.SetScale(float32(percent) / 100)
		savePicture(t, fmt.Sprintf("%s-%d", name, percent), c.Capture())
	}
}

func savePicture(t *testing.T, name string, picture image.Image) {
	t.Helper()
	dir := filepath.Join("..", "..", "build", "screenshots", "every")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, name+".png"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(f, picture); err != nil {
		t.Fatal(err)
	}
}

// readable checks every text that is in the picture.
func readable(t *testing.T, page string, w *testWindow, picture *image.NRGBA) {
	t.Helper()
	checked := 0
	for _, each := range allShown(shownRoot(w)) {
		text, ok := each.o.(*canvas.Text)
		at := each.Inset(1)
		switch {
		case !ok:
		case !at.In(picture.Bounds()):
			t.Errorf("%s: %q is cut off by the window's edge", page, text.Text)
		case at.Dx() >= 3 && at.Dy() >= 6:
			checked++
			if ratio := inkOn(picture, at); ratio < 4.5 {
				t.Errorf("%s: %q has a contrast of %.2f", page, text.Text, ratio)
			}
		}
	}
	if checked < 3 {
		t.Errorf("%s: only %d texts were found", page, checked)
	}
}

// shown is a part of the screen and where it is drawn.
type shown struct {
	image.Rectangle
	o      fyne.CanvasObject
	within []fyne.CanvasObject // from the root
}

// allShown are the texts, fields and buttons that can be seen: those in a hidden
// part, and those scrolled away, cannot.
func allShown(root fyne.CanvasObject) (all []shown) {
	var walk func(o fyne.CanvasObject, of fyne.Position, clip image.Rectangle, within []fyne.CanvasObject)
	walk = func(o fyne.CanvasObject, of fyne.Position, clip image.Rectangle, within []fyne.CanvasObject) {
		if o == nil || !o.Visible() {
			return
		}
		of = of.Add(o.Position())
		area := image.Rect(int(of.X), int(of.Y), int(of.X+o.Size().Width), int(of.Y+o.Size().Height))
		within = append(slices.Clip(within), o)
		text, ok := o.(*canvas.Text)
		if _, focusable := o.(fyne.Focusable); focusable || ok && strings.TrimSpace(text.Text) != "" {
			if area.In(clip) {
				all = append(all, shown{area, o, within})
			}
		}
		if _, ok := o.(fyne.Scrollable); ok {
			clip = clip.Intersect(area)
		}
		var parts []fyne.CanvasObject
		switch o := o.(type) {
		case *fyne.Container:
			parts = o.Objects
		case fyne.Widget:
			parts = test.WidgetRenderer(o).Objects()
		}
		for _, part := range parts {
			walk(part, of, clip, within)
		}
	}
	at := fyne.CurrentApp().Driver().AbsolutePositionForObject(root).Subtract(root.Position())
	walk(root, at, image.Rect(-10000, -10000, 10000, 10000), nil)
	return all
}

// shownRoot is what can be worked with: a dialog, or else the page.
func shownRoot(w *testWindow) fyne.CanvasObject {
	if top := w.win.Canvas().Overlays().Top(); top != nil {
		return top
	}
	return w.win.Content()
}

// apart checks that no text lies under a field or a button, and none on another.
func apart(t *testing.T, page string, w *testWindow) {
	t.Helper()
	all := allShown(shownRoot(w))
	for i, x := range all {
		text, ok := x.o.(*canvas.Text)
		if !ok {
			continue
		}
		for j, y := range all {
			switch y.o.(type) {
			case *canvas.Text, *widget.Button, *widget.Entry, *multiline, *widget.Select, *widget.Check:
			default: // radio buttons overlap in Fyne's own layout
				continue
			}
			if i != j && !slices.Contains(x.within, y.o) && x.Inset(4).Overlaps(y.Rectangle.Inset(4)) {
				t.Errorf("%s: %q runs into a %T", page, text.Text, y.o)
			}
		}
	}
}

// byKeyboard goes through the page with Tab: all that can be pressed or filled
// in gets the focus, and is in view then.
func byKeyboard(t *testing.T, page string, w *testWindow) {
	t.Helper()
	c := w.win.Canvas()
	c.Unfocus()
	reached := map[fyne.CanvasObject]bool{}
	for range 80 {
		c.FocusNext()
		o, ok := c.Focused().(fyne.CanvasObject)
		if !ok || reached[o] {
			break
		}
		w.followFocus()
		reached[o] = true
		if !slices.ContainsFunc(allShown(shownRoot(w)), func(s shown) bool { return s.o == o }) {
			t.Errorf("%s: %s has the focus and cannot be seen", page, focusName(o))
		}
	}
	c.Unfocus()
	for _, o := range test.LaidOutObjects(shownRoot(w)) {
		if d, ok := o.(fyne.Disableable); ok && d.Disabled() || !o.Visible() {
			continue
		}
		switch o.(type) {
		case *widget.Button, *widget.Entry, *multiline, *widget.Check, *widget.Select, *widget.Slider:
			if !reached[o] {
				t.Errorf("%s: Tab does not come to %s", page, focusName(o))
			}
		}
	}
}

// inkOn is the contrast of what is written in a part of a picture: the most
// frequent colour is the ground, the one that differs most from it the ink.
func inkOn(picture *image.NRGBA, at image.Rectangle) float64 {
	count := map[color.NRGBA]int{}
	for y := at.Min.Y; y < at.Max.Y; y++ {
		for x := at.Min.X; x < at.Max.X; x++ {
			count[picture.NRGBAAt(x, y)]++
		}
	}
	var ground color.NRGBA
	for c, n := range count {
		if n > count[ground] {
			ground = c
		}
	}
	best := 1.0
	for c := range count {
		best = max(best, contrast(c, ground))
	}
	return best
}

// The measure of the test above finds what it is to find.
func TestInkOn(t *testing.T) {
	for _, tc := range []struct {
		ink  uint32
		want float64
	}{{0x000000, 21}, {0x767676, 4.54}, {0x999999, 2.85}} {
		picture := image.NewNRGBA(image.Rect(0, 0, 20, 10))
		for i := range 200 {
			c := rgb(0xffffff)
			if i%7 == 0 {
				c = rgb(tc.ink)
			}
			picture.SetNRGBA(i%20, i/20, c)
		}
		if got := inkOn(picture, picture.Bounds()); got < tc.want-0.02 || got > tc.want+0.02 {
			t.Errorf("%06x on white is %.2f, want %.2f", tc.ink, got, tc.want)
		}
	}
}
