package account

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// desktop is a login session of its own: a D-Bus daemon that starts nothing by
// itself, and a GNOME Keyring with a home directory of its own. The packages
// dbus and gnome-keyring are needed; a test without them fails.
type desktop struct {
	t       *testing.T
	dir     string
	address string
	keyring *exec.Cmd
}

// newDesktop starts the bus and leads this process to it.
func newDesktop(t *testing.T) *desktop {
	d := &desktop{t: t, dir: t.TempDir()}
	config := filepath.Join(d.dir, "bus.conf")
	d.write(config, `<busconfig><type>session</type><listen>unix:dir=`+d.dir+`</listen>
		<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`)
	bus := exec.Command("dbus-daemon", "--nofork", "--print-address", "--config-file="+config)
	out, err := bus.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.start(bus)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal("dbus-daemon: ", err)
	}
	d.address = strings.TrimSpace(line)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", d.address)
	return d
}

func (d *desktop) write(name, text string) {
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// start starts cmd, which is killed and waited for at the end of the test.
func (d *desktop) start(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { stop(cmd) })
}

func stop(cmd *exec.Cmd) {
	if cmd.ProcessState == nil {
		cmd.Process.Kill()
		cmd.Wait()
	}
}

// unlock starts the keyring as a login does. The password must not be empty:
// without one GNOME Keyring makes no login keyring.
func (d *desktop) unlock() { d.startKeyring("test", "--unlock") }

// lockedLogin starts the keyring without a password: what it holds is locked.
func (d *desktop) lockedLogin() { d.startKeyring("") }

func (d *desktop) startKeyring(password string, args ...string) {
	cmd := exec.Command("gnome-keyring-daemon", append(args, "--foreground", "--components=secrets")...)
	cmd.Env = []string{"HOME=" + d.dir, "XDG_RUNTIME_DIR=" + d.dir, "XDG_DATA_HOME=" + filepath.Join(d.dir, "data"),
		"DBUS_SESSION_BUS_ADDRESS=" + d.address, "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8"}
	cmd.Stdin = strings.NewReader(password)
	d.start(cmd)
	d.keyring = cmd
	d.waitForName(true)
}

// logout ends the keyring, which forgets its password.
func (d *desktop) logout() {
	stop(d.keyring)
	d.waitForName(false)
}

func (d *desktop) waitForName(want bool) {
	conn, err := dbus.Connect(d.address)
	if err != nil {
		d.t.Fatal(err)
	}
	defer conn.Close()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		var has bool
		if err := conn.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, "org.freedesktop.secrets").Store(&has); err != nil {
			d.t.Fatal(err)
		}
		if has == want {
			return
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("org.freedesktop.secrets on the bus: %v", has)
		}
	}
}

// noPlaintext fails if a secret is in a file of this desktop as it is.
func (d *desktop) noPlaintext(secrets ...string) {
	d.t.Helper()
	files := 0
	filepath.WalkDir(d.dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil
		}
		files++
		for _, s := range secrets {
			if bytes.Contains(text, []byte(s)) {
				d.t.Errorf("%s holds a secret", name)
			}
		}
		return nil
	})
	if files == 0 {
		d.t.Error("no file was looked at")
	}
}

// secretFor returns a text that looks like a key and is easily found.
func secretFor(name string) string { return fmt.Sprintf("gsk_canary_%s_0123456789", name) }
