package overlay

import (
	"bufio"
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// privateBus is a session bus of the test's own, to which this process is led.
func privateBus(t *testing.T) *dbus.Conn {
	t.Helper()
	daemon := exec.Command("dbus-daemon", "--session", "--nofork", "--print-address")
	out, err := daemon.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { daemon.Process.Kill(); daemon.Wait() })
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", strings.TrimSpace(address))
	conn, err := dbus.ConnectSessionBus()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// A panel that comes after the program is told of the item, reads icon and menu,
// and presses; a line that has changed meanwhile is not hit by an old press.
func TestTrayOnTheBus(t *testing.T) {
	conn := privateBus(t)
	done := make(chan string, 4)
	item := func(label string) trayItem { return trayItem{label: label, do: func() { done <- label }} }
	p := &busPanel{press: func(f func()) { f() }, changed: make(chan struct{}, 1), first: 1}
	p.show([]trayItem{{label: "Listening"}, {}, item("Pause"), item("my_key")})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.run(ctx) }()

	registered := make(chan string, 4)
	if err := conn.ExportMethodTable(map[string]any{"RegisterStatusNotifierItem": func(path string, from dbus.Sender) *dbus.Error {
		if path == string(itemPath) {
			registered <- string(from)
		}
		return nil
	}}, "/StatusNotifierWatcher", watcher); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.RequestName(watcher, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	var name string
	select {
	case name = <-registered:
	case <-time.After(20 * time.Second):
		t.Fatal("the panel was not told")
	}
	var pictures []pixmap
	if v, err := conn.Object(name, itemPath).GetProperty(itemFace + ".IconPixmap"); err != nil || v.Store(&pictures) != nil ||
		len(pictures) != 1 || len(pictures[0].Data) != 4*trayPixel*trayPixel {
		t.Errorf("icon: %v, %d", err, len(pictures))
	}
	menu := conn.Object(name, menuPath)
	layout := func() (revision uint32, items []node) {
		t.Helper()
		var root node
		if err := menu.Call(menuFace+".GetLayout", 0, int32(0), int32(-1), []string{}).Store(&revision, &root); err != nil {
			t.Fatal(err)
		}
		for _, child := range root.Children {
			var n node
			if err := dbus.Store([]any{child.Value()}, &n); err != nil {
				t.Fatal(err)
			}
			items = append(items, n)
		}
		return revision, items
	}
	press := func(id int32) {
		t.Helper()
		if err := menu.Call(menuFace+".Event", 0, id, "clicked", dbus.MakeVariant(""), uint32(0)).Err; err != nil {
			t.Fatal(err)
		}
	}
	revision, items := layout()
	if len(items) != 4 || items[0].Properties["enabled"].Value() != false || items[1].Properties["type"].Value() != "separator" ||
		items[2].Properties["enabled"].Value() != true || items[3].Properties["label"].Value() != "my__key" {
		t.Fatalf("%v", items)
	}
	press(items[0].ID)
	press(items[2].ID)
	if got := <-done; got != "Pause" {
		t.Errorf("pressed %q", got)
	}

	news := make(chan *dbus.Signal, 4)
	conn.Signal(news)
	if err := conn.AddMatchSignal(dbus.WithMatchInterface(menuFace)); err != nil {
		t.Fatal(err)
	}
	p.show([]trayItem{{label: "Paused"}, {}, item("Resume")})
	select {
	case s := <-news:
		if s.Name != menuFace+".LayoutUpdated" || s.Body[0].(uint32) != revision+1 {
			t.Errorf("%+v", s)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("nobody was told of the other menu")
	}
	press(items[2].ID) // "Pause", which is gone
	_, now := layout()
	press(now[2].ID)
	if got := <-done; got != "Resume" {
		t.Errorf("pressed %q", got)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Whenever the program ends, and should the bus end before it, the menu ends too.
func TestTrayEndsAtAnyTime(t *testing.T) {
	privateBus(t)
	for n := range 30 {
		p := &busPanel{press: func(f func()) { f() }, changed: make(chan struct{}, 1), first: 1}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); p.run(ctx) }()
		time.Sleep(time.Duration(n) * 200 * time.Microsecond)
		p.show([]trayItem{{label: "x"}})
		stop()
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Fatal("it does not end")
		}
	}
}
