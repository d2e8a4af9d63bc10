package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"copilot/app/account"
	"copilot/app/account/authtest"
	"copilot/app/overlay"
	"copilot/audio/device/pulsetest"
)

// trayMenu drives the program's menu in the system's tray, as a panel does.
type trayMenu struct {
	d    *desktop
	conn *dbus.Conn
	name string // of the program on the bus
}

// tray waits for the program's menu.
func (d *desktop) tray() *trayMenu {
	d.t.Helper()
	conn, err := dbus.Connect(d.bus())
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { conn.Close() })
	m := &trayMenu{d: d, conn: conn}
	d.eventually("the tray has a menu", 20*time.Second, func() bool {
		var names []string
		conn.BusObject().Call("org.freedesktop.DBus.ListNames", 0).Store(&names)
		for _, n := range names {
			if strings.HasPrefix(n, "org.kde.StatusNotifierItem-") {
				m.name = n
			}
		}
		return m.name != ""
	})
	return m
}

// bus is the address of the desktop's session bus, to which this process is led.
func (d *desktop) bus() (address string) {
	for _, v := range d.env {
		if a, ok := strings.CutPrefix(v, "DBUS_SESSION_BUS_ADDRESS="); ok {
			address = a
		}
	}
	t, ok := d.t.(*testing.T)
	if !ok || address == "" {
		d.t.Fatal("no session bus")
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
	return address
}

// trayEntry is one line of the menu.
type trayEntry struct {
	id      int32
	label   string
	enabled bool
}

func (m *trayMenu) entries() (all []trayEntry) {
	menu := m.conn.Object(m.name, "/StatusNotifierItem/menu")
	var rev uint32
	var root []any
	if err := menu.Call("com.canonical.dbusmenu.GetLayout", 0, int32(0), int32(-1), []string{}).Store(&rev, &root); err != nil || len(root) < 3 {
		return nil
	}
	for _, child := range root[2].([]dbus.Variant) {
		node := child.Value().([]any)
		props := node[1].(map[string]dbus.Variant)
		e := trayEntry{id: node[0].(int32), enabled: true}
		if v, ok := props["label"]; ok {
			e.label, _ = v.Value().(string)
		}
		if v, ok := props["enabled"]; ok {
			e.enabled, _ = v.Value().(bool)
		}
		all = append(all, e)
	}
	return all
}

// labels is the menu as a person reads it.
func (m *trayMenu) labels() string {
	var all []string
	for _, e := range m.entries() {
		if e.label != "" {
			all = append(all, e.label)
		}
	}
	return strings.Join(all, " | ")
}

// shows waits until the menu has all of these lines.
func (m *trayMenu) shows(lines ...string) {
	m.d.t.Helper()
	m.d.eventually(fmt.Sprintf("the tray shows %q", lines), 20*time.Second, func() bool {
		now := " | " + m.labels() + " | "
		for _, l := range lines {
			if !strings.Contains(now, " | "+l+" | ") {
				return false
			}
		}
		return true
	})
}

// press clicks on a line, which may move until it is hit.
func (m *trayMenu) press(label string) {
	m.d.t.Helper()
	m.shows(label)
	for _, e := range m.entries() {
		if e.label == label && e.enabled {
			menu := m.conn.Object(m.name, "/StatusNotifierItem/menu")
			if err := menu.Call("com.canonical.dbusmenu.Event", 0, e.id, "clicked", dbus.MakeVariant(""), uint32(time.Now().Unix())).Err; err != nil {
				m.d.t.Fatal(err)
			}
			return
		}
	}
	m.d.t.Fatalf("%q cannot be pressed: %s", label, m.labels())
}

// closeWindow asks a window to close, as its frame's button does.
func (d *desktop) closeWindow(w xproto.Window) {
	d.x(func(c *xgb.Conn, root xproto.Window) {
		ev := xproto.ClientMessageEvent{Format: 32, Window: w, Type: atom(c, "_NET_CLOSE_WINDOW"),
			Data: xproto.ClientMessageDataUnionData32New([]uint32{0, 2, 0, 0, 0})}
		xproto.SendEventChecked(c, false, root, xproto.EventMaskSubstructureNotify|xproto.EventMaskSubstructureRedirect, string(ev.Bytes())).Check()
	})
}

func (d *desktop) visible(w xproto.Window) (yes bool) {
	d.x(func(c *xgb.Conn, _ xproto.Window) {
		a, err := xproto.GetWindowAttributes(c, w).Reply()
		yes = err == nil && a.MapState == xproto.MapStateViewable
	})
	return yes
}

// reads waits until all of these words can be read on the screen, of which a
// picture is left.
func (d *desktop) reads(name string, words ...string) {
	d.t.Helper()
	d.eventually(fmt.Sprintf("the screen reads %q", words), 40*time.Second, func() bool {
		seen := d.read(d.screenshot(name))
		for _, w := range words {
			if !strings.Contains(seen, w) {
				return false
			}
		}
		return true
	})
}

// startKeyring gives the desktop a keyring that is unlocked.
func (d *desktop) startKeyring() {
	d.t.Helper()
	cmd := exec.Command("gnome-keyring-daemon", "--unlock", "--foreground", "--components=secrets")
	cmd.Env = append(append([]string{}, d.env...), "XDG_RUNTIME_DIR="+filepath.Join(d.home, "run"), "XDG_DATA_HOME="+filepath.Join(d.home, "data"))
	cmd.Stdin = strings.NewReader("test")
	d.run(cmd)
	conn, err := dbus.Connect(d.bus())
	if err != nil {
		d.t.Fatal(err)
	}
	defer conn.Close()
	d.eventually("the keyring is up", 20*time.Second, func() bool {
		var has bool
		conn.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, "org.freedesktop.secrets").Store(&has)
		return has
	})
}

// keyring gives the desktop a keyring in which the person of the last run is
// signed in.
func (d *desktop) keyring(s *service) {
	d.t.Helper()
	d.startKeyring()
	a, err := account.New(account.Options{SupabaseURL: s.auth.URL, Key: authtest.Key, Keys: account.NewKeys()})
	if err != nil {
		d.t.Fatal(err)
	}
	defer a.Close()
	if err := a.SignIn(context.Background(), authtest.Email, authtest.Password); err != nil {
		d.t.Fatal(err)
	}
}

// browser is an xdg-open that notes what it was asked to open. It returns the
// environment with it, and a function that waits for the next page.
func (d *desktop) browser() (env string, page func() string) {
	d.t.Helper()
	dir := d.t.TempDir()
	log := filepath.Join(dir, "pages")
	script := "#!/bin/sh\nprintf '%s\\n' \"$1\" >> " + log + "\n"
	if err := os.WriteFile(filepath.Join(dir, "xdg-open"), []byte(script), 0o755); err != nil {
		d.t.Fatal(err)
	}
	seen := 0
	return "PATH=" + dir + ":" + os.Getenv("PATH"), func() (next string) {
		d.t.Helper()
		d.eventually("the browser is opened", 20*time.Second, func() bool {
			text, _ := os.ReadFile(log)
			lines := strings.Fields(string(text))
			if len(lines) > seen {
				next = lines[seen]
				seen++
				return true
			}
			return false
		})
		return next
	}
}

// The tray, driven over D-Bus as a panel drives it, while a hosted interview
// hears real devices: what goes on, the minutes, pause, hide and show, a
// purchase in the browser that is noticed within three seconds, receipts, a
// window that is closed and keeps its interview, a second start that finds the
// first (U6), and the end.
func TestTrayDrivesAHostedInterview(t *testing.T) {
	s := newService(t)
	s.credit(3)
	d := newDesktop(t)
	d.keyring(s)
	d.acceptNotice(func(o *overlay.Settings) { o.Mode, o.KeepRunning = overlay.ModeHosted, true })
	sound := pulsetest.Start(t)
	path, page := d.browser()
	env := append(sound.Env(), path, "BACKEND_URL="+s.url(), "SUPABASE_URL="+s.auth.URL, "SUPABASE_ANON_KEY="+authtest.Key,
		"DEEPGRAM_URL="+s.vendors.DeepgramURL())
	p := d.launch(env)
	tray := d.tray()
	tray.shows("No interview", "3 minutes left", "Start", "Hide the window", "Add time…", "Go Pro…", "Receipts…", "Settings…", "Quit")
	window := d.titled("Interview Copilot")
	d.screenshot("hosted-1-setup")

	tray.press("Start")
	tray.shows("Listening", "2 minutes left", "Pause", "Stop")
	d.eventually("sound arrives", 20*time.Second, func() bool { return s.vendors.Stats().Audio > time.Second })
	d.screenshot("hosted-2-listening")
	tray.press("Pause")
	tray.shows("Paused", "Resume")
	d.eventually("the backend knows", 10*time.Second, func() bool { return s.account().Paused })
	tray.press("Resume")
	tray.shows("Listening")

	tray.press("Add time…")
	paying := page()
	d.screenshot("hosted-3-buying")
	s.pay(paying)
	paid := time.Now()
	d.eventually("the minutes are there", 20*time.Second, func() bool { return strings.Contains(tray.labels(), "122 minutes left") })
	took := time.Since(paid)
	t.Logf("a purchase was noticed after %v", took)
	if took > 10*time.Second { // 3 s are promised on a machine that is not busy with something else
		t.Errorf("a purchase was noticed after %v", took)
	}

	tray.press("Hide the window")
	d.eventually("the window is hidden", 10*time.Second, func() bool { return !d.visible(window) })
	tray.press("Show the window")
	d.eventually("the window is back", 10*time.Second, func() bool { return d.visible(window) })

	d.closeWindow(window)
	d.eventually("the closed window is gone", 10*time.Second, func() bool { return !d.visible(window) })
	tray.shows("Listening", "Show the window")
	if !s.alive() {
		t.Error("closing the window ended the interview")
	}
	second := d.launch(env)
	if err := second.wait(20 * time.Second); err != nil {
		t.Errorf("the second instance: %v\n%s", err, second.stderr.String())
	}
	d.eventually("a second start shows the first one's window", 10*time.Second, func() bool { return d.visible(window) })

	tray.press("Stop")
	tray.shows("No interview", "Start")
	d.eventually("the lease is given back", 10*time.Second, func() bool { return !s.alive() })
	tray.press("Receipts…")
	d.reads("hosted-4-receipts", "Receipts", "$5.00", "120 minutes", "Stopped by you")
	tray.press("Settings…")
	d.reads("hosted-5-settings", "Appearance", "Privacy", "Line spacing")
	tray.press("Quit")
	if err := p.wait(10 * time.Second); err != nil {
		t.Errorf("quit: %v", err)
	}
	s.books()
	vendorsWereContent(t, s.vendors)
	for _, secret := range []string{"refresh-", "eyJ", authtest.Password, s.vendors.DeepgramKey()} {
		if strings.Contains(p.stderr.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}
