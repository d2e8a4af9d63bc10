package overlay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
	"golang.org/x/image/draw"

	"copilot/assets"
)

// busPanel is the menu as Linux's panels read it: an item of the
// StatusNotifierItem specification (freedesktop.org, as KDE, and GNOME with its
// extension, carry it out) with a menu of com.canonical.dbusmenu. Fyne's own
// panics when the program ends before the bus has it, races with itself, keeps a
// second window, and cannot wake one that waits for events.
type busPanel struct {
	press   func(func())  // hands a function to Fyne's goroutine
	changed chan struct{} // cap 1: the menu is another one

	mu       sync.Mutex
	revision uint32
	first    int32 // id of the first item: a press on a line that is gone hits nothing
	items    []trayItem
}

const (
	itemPath  = dbus.ObjectPath("/StatusNotifierItem")
	menuPath  = dbus.ObjectPath("/StatusNotifierItem/menu")
	itemFace  = "org.kde.StatusNotifierItem"
	menuFace  = "com.canonical.dbusmenu"
	watcher   = "org.kde.StatusNotifierWatcher"
	trayPixel = 64
)

// openPanel puts the menu on the session's bus, which takes a moment; nil where
// there is no bus: none is started for it.
func (w *Window) openPanel() panel {
	if os.Getenv("DBUS_SESSION_BUS_ADDRESS") == "" {
		if _, err := os.Stat("/run/user/" + strconv.Itoa(os.Getuid()) + "/bus"); err != nil {
			return nil
		}
	}
	p := &busPanel{press: w.ui, changed: make(chan struct{}, 1), first: 1}
	w.jobs.Go(func() {
		if err := p.run(w.ctx); err != nil && w.ctx.Err() == nil {
			w.opts.Log.Warn("no menu at the system's tray", "err", err)
		}
	})
	return p
}

// run serves the menu until ctx ends.
func (p *busPanel) run(ctx context.Context) error {
	conn, err := dbus.ConnectSessionBus(dbus.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("session bus: %w", err)
	}
	defer conn.Close()
	if err := p.export(conn); err != nil {
		return err
	}
	if _, err := conn.RequestName(fmt.Sprintf("%s-%d-1", itemFace, os.Getpid()), dbus.NameFlagDoNotQueue); err != nil {
		return fmt.Errorf("own a name: %w", err)
	}
	// Panels come and go: each new one is told.
	news := make(chan *dbus.Signal, 4)
	conn.Signal(news)
	if err := conn.AddMatchSignalContext(ctx, dbus.WithMatchSender("org.freedesktop.DBus"),
		dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, watcher)); err != nil {
		return fmt.Errorf("watch for panels: %w", err)
	}
	register := func() { // without a panel there is nobody to tell, which is no error
		conn.Object(watcher, "/StatusNotifierWatcher").CallWithContext(ctx, watcher+".RegisterStatusNotifierItem", 0, string(itemPath))
	}
	register()
	for {
		select {
		case _, open := <-news:
			if !open {
				return fmt.Errorf("session bus: %w", dbus.ErrClosed)
			}
			register()
		case <-p.changed:
			p.mu.Lock()
			revision := p.revision
			p.mu.Unlock()
			if err := conn.Emit(menuPath, menuFace+".LayoutUpdated", revision, int32(0)); err != nil {
				return fmt.Errorf("session bus: %w", err)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// pixmap is a picture as the specification has it: ARGB, the highest byte first.
type pixmap struct {
	Width, Height int32
	Data          []byte
}

// toolTip has an icon's name and picture, a title and a text.
type toolTip struct {
	Icon        string
	Pictures    []pixmap
	Title, Text string
}

func (p *busPanel) export(conn *dbus.Conn) error {
	constant := func(values map[string]any) map[string]*prop.Prop {
		all := map[string]*prop.Prop{}
		for name, v := range values {
			all[name] = &prop.Prop{Value: v, Emit: prop.EmitConst}
		}
		return all
	}
	const name = "Interview Copilot"
	icon, err := trayPicture()
	if err != nil {
		return err
	}
	if _, err := prop.Export(conn, itemPath, prop.Map{itemFace: constant(map[string]any{
		"Category": "ApplicationStatus", "Id": "interview-copilot", "Title": name, "Status": "Active", "WindowId": int32(0),
		"IconName": "", "IconThemePath": "", "IconPixmap": []pixmap{icon}, "ToolTip": toolTip{Title: name},
		"ItemIsMenu": true, "Menu": menuPath,
	})}); err != nil {
		return fmt.Errorf("the tray's item: %w", err)
	}
	if _, err := prop.Export(conn, menuPath, prop.Map{menuFace: constant(map[string]any{
		"Version": uint32(3), "TextDirection": "ltr", "Status": "normal", "IconThemePath": []string{},
	})}); err != nil {
		return fmt.Errorf("the tray's menu: %w", err)
	}
	// A click that is no menu's: there is nothing else to show.
	click := func(int32, int32) *dbus.Error { return &dbus.ErrMsgUnknownMethod }
	return errors.Join(
		conn.ExportMethodTable(map[string]any{"Activate": click, "SecondaryActivate": click, "ContextMenu": click}, itemPath, itemFace),
		conn.ExportMethodTable(map[string]any{
			"GetLayout": p.layout, "GetGroupProperties": p.properties, "GetProperty": p.property,
			"Event": p.event, "EventGroup": p.events, "AboutToShow": p.about, "AboutToShowGroup": p.aboutGroup,
		}, menuPath, menuFace))
}

// trayPicture is the program's icon in the size of a panel.
func trayPicture() (pixmap, error) {
	whole, err := png.Decode(bytes.NewReader(assets.AppIcon))
	if err != nil {
		return pixmap{}, fmt.Errorf("the tray's icon: %w", err)
	}
	small := image.NewNRGBA(image.Rect(0, 0, trayPixel, trayPixel))
	draw.ApproxBiLinear.Scale(small, small.Rect, whole, whole.Bounds(), draw.Src, nil)
	data := make([]byte, len(small.Pix))
	for i := 0; i < len(data); i += 4 {
		data[i], data[i+1], data[i+2], data[i+3] = small.Pix[i+3], small.Pix[i], small.Pix[i+1], small.Pix[i+2]
	}
	return pixmap{trayPixel, trayPixel, data}, nil
}

// show implements panel.
func (p *busPanel) show(items []trayItem) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.first += int32(len(p.items))
	p.items = items
	p.revision++
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// node is an item with those below it.
type node struct {
	ID         int32
	Properties map[string]dbus.Variant
	Children   []dbus.Variant
}

// at returns an item as a panel sees it; 0 is the menu itself. p.mu is held.
func (p *busPanel) at(id int32) (node, bool) {
	properties := map[string]dbus.Variant{}
	n := node{id, properties, []dbus.Variant{}}
	if id == 0 {
		properties["children-display"] = dbus.MakeVariant("submenu")
		return n, true
	}
	i := int(id - p.first)
	if i < 0 || i >= len(p.items) {
		return n, false
	}
	if p.items[i].label == "" {
		properties["type"] = dbus.MakeVariant("separator")
		return n, true
	}
	properties["label"] = dbus.MakeVariant(strings.ReplaceAll(p.items[i].label, "_", "__")) // a single one marks a key
	properties["enabled"] = dbus.MakeVariant(p.items[i].do != nil)
	return n, true
}

func (p *busPanel) layout(parent, depth int32, _ []string) (uint32, node, *dbus.Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, ok := p.at(parent)
	if !ok {
		return p.revision, n, noItem()
	}
	if parent == 0 && depth != 0 {
		for i := range p.items {
			child, _ := p.at(p.first + int32(i))
			n.Children = append(n.Children, dbus.MakeVariant(child))
		}
	}
	return p.revision, n, nil
}

// itemProperties are those of one item.
type itemProperties struct {
	ID         int32
	Properties map[string]dbus.Variant
}

func (p *busPanel) properties(ids []int32, _ []string) ([]itemProperties, *dbus.Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := []itemProperties{}
	for _, id := range ids {
		if n, ok := p.at(id); ok {
			all = append(all, itemProperties{id, n.Properties})
		}
	}
	return all, nil
}

func (p *busPanel) property(id int32, name string) (dbus.Variant, *dbus.Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, _ := p.at(id)
	v, ok := n.Properties[name]
	if !ok {
		return dbus.MakeVariant(""), noItem()
	}
	return v, nil
}

func noItem() *dbus.Error {
	return dbus.NewError("org.freedesktop.DBus.Error.InvalidArgs", []any{"there is no such item"})
}

func (p *busPanel) event(id int32, kind string, _ dbus.Variant, _ uint32) *dbus.Error {
	p.mu.Lock()
	i := int(id - p.first)
	var do func()
	if kind == "clicked" && i >= 0 && i < len(p.items) {
		do = p.items[i].do
	}
	p.mu.Unlock()
	if do != nil {
		p.press(do)
	}
	return nil
}

// pressed is an event of several.
type pressed struct {
	ID   int32
	Kind string
	Data dbus.Variant
	Time uint32
}

func (p *busPanel) events(all []pressed) ([]int32, *dbus.Error) {
	for _, e := range all {
		p.event(e.ID, e.Kind, e.Data, e.Time)
	}
	return []int32{}, nil
}

// What is about to be shown is up to date.
func (p *busPanel) about(int32) (bool, *dbus.Error) { return false, nil }

func (p *busPanel) aboutGroup([]int32) (updates, missing []int32, err *dbus.Error) {
	return []int32{}, []int32{}, nil
}
