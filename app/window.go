package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"
	"github.com/go-gl/glfw/v3.4/glfw"

	"copilot/app/account"
	"copilot/app/interview"
	"copilot/app/overlay"
	"copilot/assets"
	"copilot/audio/device"
)

// window opens the window and waits for the person.
func (p *program) window(ctx context.Context, args []string) error {
	f := p.flags("")
	if err := parse(f, args, 0); err != nil {
		return err
	}
	if err := displayProblem(p.getenv); err != nil {
		fmt.Fprintf(p.stderr, "No window: %s. The rehearsal plays in the terminal instead; \"help\" lists the other commands.\n", err)
		return p.show(ctx, display{terminal: true}, choices{Mode: overlay.ModeRehearsal})
	}
	return p.open(ctx, nil, nil)
}

// open shows the window until the person closes it or ctx is cancelled; begin,
// when not nil, is an interview to begin with, and observe an observer of all.
// Where a window of this person's is open already, that one comes to the front.
func (p *program) open(ctx context.Context, begin *choices, observe func(interview.State, interview.Event)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	path, err := overlay.SettingsPath()
	if err != nil {
		p.log.Warn("settings are not kept", "err", err)
	}
	only, first := claim(path, p.log)
	if !first {
		if begin != nil {
			return &sayError{"Interview Copilot is open already; its window was brought to the front. Start there, or close it first.", errors.New("open: another instance runs")}
		}
		fmt.Fprintln(p.stderr, "Interview Copilot is open already; its window was brought to the front.")
		return nil
	}
	defer only.Close()
	settings, problem := overlay.LoadSettings(path)

	app.SetMetadata(fyne.AppMetadata{
		ID: appID, Name: appName, Version: version,
		Icon:       fyne.NewStaticResource("icon.png", assets.AppIcon),
		Migrations: map[string]bool{"fyneDo": true},
	})
	a := app.NewWithID(appID)
	stage := newStage(p)
	stage.observe = observe
	options := overlay.Options{
		Settings: settings, SettingsPath: path, Notice: p.firstNotice(problem),
		Events: windowEvents(), Log: p.log, Tray: true, Hotkeys: true,
		Start: stage.start,
		Stop:  stage.stop,
		Do:    stage.do,
		Ask:   stage.ask,
		Changed: func(o overlay.Settings) {
			if begin != nil && o.NoticeSeen { // it has waited for the notice to be read
				stage.begin(*begin)
				begin = nil
			}
		},
		Closed:       cancel,
		ReadDocument: stage.readDocument,
		UseText:      stage.useText,
		Keys:         p.keyState,
		SaveKey:      p.saveKey,
		DeleteKey:    func(ctx context.Context, name string) error { return p.keys.Delete(ctx, name) },
		Devices:      deviceNames,
	}
	if p.hosted != nil {
		options.Hosted = p.hosted
	}
	if stage.desk, err = p.newDesk(settings); err != nil {
		p.log.Warn("nothing can be prepared or kept", "err", err)
	} else {
		begun := options.Changed
		options.Desk = stage.desk
		options.Changed = func(o overlay.Settings) {
			begun(o)
			stage.desk.changed(o)
		}
	}
	drawn := make(chan struct{})
	options.Updates, options.Started = updateAddress(p.getenv) != "", func() { close(drawn) }
	options.Models = func(ctx context.Context) ([]string, error) {
		awaitFrame(ctx, drawn)
		return p.modelNames(ctx)
	}
	window := overlay.New(a, options)
	if begin != nil && settings.NoticeSeen {
		stage.begin(*begin)
		begin = nil
	}
	var running sync.WaitGroup
	if d := stage.desk; d != nil {
		d.begin, d.ready = stage.begin, window.PastReady
		running.Go(func() { d.Run(ctx) })
	}
	if h := p.hosted; h != nil {
		h.attach(window.ShowAccount, stage.takeOver, func(page string) error {
			u, err := url.Parse(page)
			if err != nil {
				return err
			}
			return a.OpenURL(u)
		})
		running.Go(func() {
			awaitFrame(ctx, drawn)
			h.Run(ctx)
		})
	}
	running.Go(func() { only.Run(window.Reveal) })
	running.Go(func() { p.tellUpdate(ctx, settings.NoUpdates, drawn, updateWait, window.Tell) })
	running.Go(func() {
		awaitFrame(ctx, drawn)
		stage.Run(ctx, window.Show)
		window.Close()
	})
	window.Run()
	cancel()
	only.Close()
	running.Wait()
	return nil
}

// awaitFrame waits for the first frame: nothing is asked of the network before it.
func awaitFrame(ctx context.Context, drawn <-chan struct{}) {
	select {
	case <-drawn:
	case <-ctx.Done():
	}
}

// keyState tells the window which keys there are, never what they are.
func (p *program) keyState(ctx context.Context) overlay.KeyState {
	state := overlay.KeyState{}
	for _, k := range []overlay.Key{
		{Name: account.Deepgram, Label: keyLabel(account.Deepgram), Use: "hears both sides"},
		{Name: account.Groq, Label: keyLabel(account.Groq), Use: "writes the answers"},
	} {
		if p.environmentKey(k.Name) != "" {
			k.Set, k.Fixed, k.From = true, true, "environment"
		} else if _, err := p.keys.Get(ctx, k.Name); err == nil {
			k.Set, k.From = true, "keyring"
			if !p.keys.Persistent() {
				k.From = "this run"
			}
		}
		state.Keys = append(state.Keys, k)
	}
	state.Where = "Keys are kept in the system's keyring, never in a file."
	if why := p.keys.Sentence(); why != "" {
		state.Where = why
	}
	return state
}

func (p *program) saveKey(ctx context.Context, name, pasted string) error {
	key, err := account.CleanKey(pasted)
	if err == nil {
		err = p.keys.Set(ctx, name, key)
	}
	if err != nil {
		return errors.New(sentence(err))
	}
	return nil
}

func deviceNames(ctx context.Context) (overlay.Devices, error) {
	found, err := device.List(ctx)
	var names overlay.Devices
	for _, d := range found {
		if d.Kind == device.Microphone {
			names.Microphones = append(names.Microphones, d.Name)
		} else {
			names.Outputs = append(names.Outputs, d.Name)
		}
	}
	return names, err
}

// modelNames lists the models the person's own key may use.
func (p *program) modelNames(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	answers, err := p.ownAnswers(ctx)
	if err != nil {
		return nil, errors.New(sentence(err))
	}
	defer answers.Close()
	models, err := answers.Models(ctx)
	if err != nil {
		return nil, errors.New(sentence(err))
	}
	var names []string
	for _, m := range models {
		names = append(names, m.ID)
	}
	return names, nil
}

// displayProblem says why no window can be opened, or nil.
func displayProblem(getenv func(string) string) error {
	if runtime.GOOS != "linux" {
		return nil
	}
	if getenv("DISPLAY") == "" {
		return errors.New("there is no display (DISPLAY is not set)")
	}
	return dialDisplay()
}

// windowEvents is the event queue of Fyne's desktop driver, which is GLFW.
func windowEvents() *overlay.Events {
	return &overlay.Events{
		Wait: func(d time.Duration) { glfw.WaitEventsTimeout(d.Seconds()) },
		Post: glfw.PostEmptyEvent,
		Escape: func(w fyne.Window, taken func() bool) {
			native, ok := w.(interface{ RunWithContext(func()) })
			if !ok {
				return
			}
			native.RunWithContext(func() {
				g := glfw.GetCurrentContext()
				if g == nil {
					return
				}
				var fyne glfw.KeyCallback
				fyne = g.SetKeyCallback(func(g *glfw.Window, key glfw.Key, code int, action glfw.Action, mods glfw.ModifierKey) {
					if key == glfw.KeyEscape && mods == 0 && action == glfw.Press && taken() {
						return
					}
					fyne(g, key, code, action, mods)
				})
			})
		},
	}
}
