// Package pgtest starts a private PostgreSQL 15 that looks like hosted Supabase.
//
// [Start] makes a data directory, starts one server on it, and prepares a
// template database: the roles anon, authenticated and service_role, the schema
// auth with auth.users and auth.uid(), the generous default privileges a hosted
// project has, and whatever Options.Template adds (the migrations, usually run
// as postgres, who as on a hosted project is no superuser). [Server.Database]
// copies the template for one test in about 0.1 s; a [Clock] set on such a
// database replaces the database's own.
//
// The server listens on a Unix socket, and on a loopback port only when asked
// to. PostgreSQL refuses to run as root: root starts it as the user postgres.
// It ends with [Server.Close], and also when this process is killed: a shell
// waits for the end of a pipe that only this process holds, then stops the
// server and removes its files.
//
// The package needs Debian's postgresql-15 (or any 15+, named by PGBIN). It
// belongs to tests and to the local stack; the backend never imports it.
package pgtest

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed hosted.sql
var hosted string

const (
	superuser = "supabase_admin"
	template  = Template
	socket    = "5432" // names the socket file; no port unless Options.Port
)

// Template is the name of the database that the others are copied from.
const Template = "copilot_template"

// Options of a Server. The zero value suits tests.
type Options struct {
	// Template, when set, is run once on the database that all others are
	// copied from, with a connection string of the role postgres.
	Template func(ctx context.Context, url string) error
	// Dir keeps the data between runs; empty: a temporary directory, removed
	// at the end.
	Dir string
	// Port also listens on 127.0.0.1; 0: the Unix socket only.
	Port int
	// Password of every login role over TCP (scram-sha-256). Empty: whoever
	// reaches the server is trusted.
	Password string
	// Durable keeps fsync on, as for data somebody wants back.
	Durable bool
	// Plain leaves out the hosted look: one superuser postgres, nothing else.
	Plain bool
}

// Server is a running PostgreSQL. Its methods may be called concurrently,
// except Restart and Close.
type Server struct {
	opt   Options
	dir   string // data, socket and log
	bin   string
	cred  *syscall.SysProcAttr
	cmd   *exec.Cmd
	guard *os.File // its closing tells the watcher that we are gone
	watch *exec.Cmd
	names atomic.Int64
}

// Start returns a server that accepts connections. Cancelling ctx ends the
// wait; it does not stop a server that is up.
func Start(ctx context.Context, opt Options) (*Server, error) {
	s := &Server{opt: opt}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("pgtest: %w", err), s.Close())
	}
	return s, nil
}

func (s *Server) prepare(ctx context.Context) error {
	var err error
	if s.bin, err = binaries(); err != nil {
		return err
	}
	if s.cred, err = credential(); err != nil {
		return err
	}
	if err := s.makeDir(); err != nil {
		return err
	}
	if err := s.startWatcher(); err != nil {
		return err
	}
	fresh, err := s.initdb(ctx)
	if err != nil {
		return err
	}
	if err := s.startPostgres(ctx); err != nil {
		return err
	}
	if !fresh || s.opt.Plain {
		return nil
	}
	return s.makeTemplate(ctx)
}

// binaries finds initdb and postgres, which Debian keeps out of PATH.
func binaries() (string, error) {
	if dir := os.Getenv("PGBIN"); dir != "" {
		return dir, nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err == nil && len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	path, err := exec.LookPath("postgres")
	if err != nil {
		return "", errors.New("no PostgreSQL here: apt-get install postgresql-15, or set PGBIN")
	}
	return filepath.Dir(path), nil
}

// credential says as whom the server runs: root may not, others are themselves.
// A process group of its own keeps Ctrl-C for us.
func credential() (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() != 0 {
		return attr, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("root cannot run PostgreSQL itself: %w", err)
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, nil
}

// makeDir: the socket's path may have at most 107 bytes, so not t.TempDir.
func (s *Server) makeDir() error {
	s.dir = s.opt.Dir
	if s.dir == "" {
		dir, err := os.MkdirTemp("/tmp", "pg")
		if err != nil {
			return err
		}
		s.dir = dir
	} else if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(s.dir, 0o755); err != nil { // tests read the socket as another user
		return err
	}
	if c := s.cred.Credential; c != nil {
		return os.Chown(s.dir, int(c.Uid), int(c.Gid))
	}
	return nil
}

// watcher: reads until this process is gone, however it went. The kill is the
// immediate shutdown, for which the next start has the write-ahead log.
const watcher = `read _; head -1 "$1/data/postmaster.pid" 2>/dev/null | xargs -r kill -QUIT 2>/dev/null
while [ -e "$1/data/postmaster.pid" ] && kill -0 "$(head -1 "$1/data/postmaster.pid")" 2>/dev/null; do sleep 0.05; done
[ "$2" = keep ] || rm -rf "$1"`

func (s *Server) startWatcher() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	keep := "remove"
	if s.opt.Dir != "" {
		keep = "keep"
	}
	s.watch = exec.Command("/bin/sh", "-c", watcher, "sh", s.dir, keep)
	s.watch.Stdin, s.watch.SysProcAttr, s.watch.Dir = r, s.cred, "/"
	if err := s.watch.Start(); err != nil {
		s.watch = nil
		return errors.Join(err, w.Close())
	}
	s.guard = w
	return nil
}

func (s *Server) owner() string {
	if s.opt.Plain {
		return "postgres"
	}
	return superuser
}

// initdb reports whether it made a new cluster.
func (s *Server) initdb(ctx context.Context) (bool, error) {
	data := filepath.Join(s.dir, "data")
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err == nil {
		return false, nil
	}
	args := []string{"-D", data, "-U", s.owner(), "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--auth-local=trust"}
	if s.opt.Password != "" {
		args = append(args, "--auth-host=scram-sha-256") // the passwords follow, over the socket
	} else {
		args = append(args, "--auth-host=trust")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "initdb"), args...)
	cmd.SysProcAttr, cmd.Dir = s.cred, "/"
	if out, err := cmd.CombinedOutput(); err != nil {
		return false, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return true, nil
}

func (s *Server) startPostgres(ctx context.Context) error {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	set := []string{"listen_addresses=", "max_connections=300", "log_min_messages=fatal", "shared_buffers=64MB"}
	port := socket
	if s.opt.Port != 0 {
		set[0], port = "listen_addresses=127.0.0.1", strconv.Itoa(s.opt.Port)
	}
	if !s.opt.Durable {
		set = append(set, "fsync=off", "synchronous_commit=off", "full_page_writes=off")
	}
	args := []string{"-D", filepath.Join(s.dir, "data"), "-k", s.dir, "-p", port}
	for _, v := range set {
		args = append(args, "-c", v)
	}
	s.cmd = exec.Command(filepath.Join(s.bin, "postgres"), args...)
	s.cmd.SysProcAttr, s.cmd.Stderr, s.cmd.Dir = s.cred, log, "/"
	if err := s.cmd.Start(); err != nil {
		s.cmd = nil
		return err
	}
	return s.awaitReady(ctx)
}

func (s *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		c, err := pgx.Connect(ctx, s.URL(s.owner(), "template1"))
		if err == nil {
			return c.Close(ctx)
		}
		select {
		case <-ctx.Done():
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("server did not come up: %w\n%s", err, log)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// makeTemplate fills the database that the others are copied from.
func (s *Server) makeTemplate(ctx context.Context) error {
	if err := s.exec(ctx, s.owner(), "template1", "create database "+template); err != nil {
		return err
	}
	if err := s.exec(ctx, s.owner(), template, hosted); err != nil {
		return fmt.Errorf("hosted roles: %w", err)
	}
	if s.opt.Password != "" {
		quoted := "'" + strings.ReplaceAll(s.opt.Password, "'", "''") + "'"
		for _, role := range []string{s.owner(), "postgres", "authenticator"} {
			if err := s.exec(ctx, s.owner(), template, "alter role "+role+" password "+quoted); err != nil {
				return err
			}
		}
	}
	if s.opt.Template == nil {
		return nil
	}
	if err := s.opt.Template(ctx, s.URL("postgres", template)); err != nil {
		return fmt.Errorf("template: %w", err)
	}
	return nil
}

func (s *Server) exec(ctx context.Context, role, db, sql string) error {
	c, err := pgx.Connect(ctx, s.URL(role, db))
	if err != nil {
		return err
	}
	defer c.Close(context.WithoutCancel(ctx))
	_, err = c.Exec(ctx, sql)
	return err
}

// URL is the connection string for a role and a database, over the socket.
func (s *Server) URL(role, db string) string {
	port := socket
	if s.opt.Port != 0 {
		port = strconv.Itoa(s.opt.Port)
	}
	q := url.Values{"host": {s.dir}, "port": {port}}
	u := url.URL{Scheme: "postgres", User: url.User(role), Path: "/" + db, RawQuery: q.Encode()}
	return u.String()
}

// TCP is the connection string over the loopback port, with the password.
func (s *Server) TCP(role, db string) string {
	u := url.URL{
		Scheme: "postgres", User: url.User(role), Path: "/" + db,
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.opt.Port)), RawQuery: "sslmode=disable",
	}
	if s.opt.Password != "" {
		u.User = url.UserPassword(role, s.opt.Password)
	}
	return u.String()
}

// Superuser is the role that may do anything: postgres is not, as on a hosted
// project.
func (s *Server) Superuser() string { return s.owner() }

// Restart stops the server as `pg_ctl -m immediate` does, as good as a power
// cut for everything but the disk, and starts it again.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		return err
	}
	_ = s.cmd.Wait() // its exit status says only that it was told to
	s.cmd = nil
	return s.startPostgres(ctx)
}

// Close stops the server and removes its files, unless Options.Dir keeps them.
// Closing twice does no harm.
func (s *Server) Close() error {
	if s.cmd != nil {
		_ = s.cmd.Process.Signal(syscall.SIGINT) // fast: ends the sessions, then itself
		_ = s.cmd.Wait()
		s.cmd = nil
	}
	if s.guard != nil {
		_ = s.guard.Close()
		s.guard = nil
	}
	if s.watch != nil {
		_ = s.watch.Wait()
		s.watch = nil
	}
	if s.opt.Dir == "" && s.dir != "" {
		return os.RemoveAll(s.dir)
	}
	return nil
}
