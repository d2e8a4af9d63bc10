package supabase

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"

	"copilot/backend/supabase/pgtest"
)

// The record that `supabase db push` makes and reads, as its source has it: the
// file's statements one by one. What it is told here has one statement a file.
var pushed = []string{
	"create schema if not exists supabase_migrations",
	"create table if not exists supabase_migrations.schema_migrations (version text not null primary key)",
	"alter table supabase_migrations.schema_migrations add column if not exists statements text[]",
	"alter table supabase_migrations.schema_migrations add column if not exists name text",
}

// record is what is known of the migrations in a database.
func record(t *testing.T, c *pgx.Conn) (versions, names []string) {
	t.Helper()
	rows, err := c.Query(t.Context(), "select version, name from supabase_migrations.schema_migrations order by version")
	if err != nil {
		t.Fatal(err)
	}
	var v, n string
	if _, err := pgx.ForEachRow(rows, []any{&v, &n}, func() error {
		versions, names = append(versions, v), append(names, n)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return versions, names
}

func versionsOf(t *testing.T, files fs.FS) (versions, names []string) {
	t.Helper()
	all, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		v, n, _ := strings.Cut(strings.TrimSuffix(path.Base(f), ".sql"), "_")
		versions, names = append(versions, v), append(names, n)
	}
	return versions, names
}

// bare is a database of a hosted project before the first migration.
func bare(t *testing.T) *pgtest.Database {
	t.Helper()
	s, err := pgtest.Start(t.Context(), pgtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.Database(t)
}

// What Migrate records is what the command line tool reads: after it nothing is
// pending there, and nothing is missing here.
func TestMigrateRecordsAsDbPush(t *testing.T) {
	c := server.Database(t).Super(t)
	versions, names := record(t, c)
	wantVersions, wantNames := versionsOf(t, migrations)
	if !slices.Equal(versions, wantVersions) || !slices.Equal(names, wantNames) {
		t.Errorf("recorded %v %v, the files are %v %v", versions, names, wantVersions, wantNames)
	}
	if !slices.IsSorted(versions) || slices.ContainsFunc(versions, func(v string) bool { return len(v) != 14 }) {
		t.Errorf("not the tool's versions: %v", versions)
	}
	// Its insert must fit the table: same columns, same types.
	if _, err := c.Exec(t.Context(), `insert into supabase_migrations.schema_migrations (version, name, statements)
		values ('29990101000000', 'x', array['select 1', 'select 2'])`); err != nil {
		t.Error(err)
	}
}

// The tool has applied a part; Migrate goes on from there, and the schema is
// the same as when either does all.
func TestMigrateContinuesDbPush(t *testing.T) {
	db := bare(t)
	c := db.Connect(t, "postgres")
	all, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range pushed {
		if _, err := c.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range all[:3] {
		sql, err := fs.ReadFile(migrations, f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.PgConn().Exec(t.Context(), string(sql)).ReadAll(); err != nil {
			t.Fatal(err)
		}
		v, n, _ := strings.Cut(strings.TrimSuffix(path.Base(f), ".sql"), "_")
		if _, err := c.Exec(t.Context(), "insert into supabase_migrations.schema_migrations (version, name, statements) values ($1, $2, array[$3])", v, n, string(sql)); err != nil {
			t.Fatal(err)
		}
	}
	versions, _ := versionsOf(t, migrations)
	applied, err := Migrate(t.Context(), db.URL("postgres"))
	if err != nil || !slices.Equal(applied, versions[3:]) {
		t.Errorf("applied %v, %v", applied, err)
	}
	if recorded, _ := record(t, c); !slices.Equal(recorded, versions) {
		t.Errorf("recorded %v", recorded)
	}
	const objects = `select string_agg(o, E'\n' order by o) from (
		select table_schema || '.' || table_name || '.' || column_name || ' ' || data_type || coalesce(column_default, '') as o
			from information_schema.columns where table_schema in ('public', 'private')
		union all select oid::regprocedure || prosrc || coalesce(proacl::text, '') from pg_proc where pronamespace::regnamespace::text = 'private') x`
	var here, there string
	if err := db.Super(t).QueryRow(t.Context(), objects).Scan(&here); err != nil {
		t.Fatal(err)
	}
	if err := server.Database(t).Super(t).QueryRow(t.Context(), objects).Scan(&there); err != nil {
		t.Fatal(err)
	}
	if here != there {
		t.Error("the schemas differ")
	}
}

// Two at once apply each migration once; one that fails leaves nothing of itself
// behind, and what came before it stays.
func TestMigrateAtOnceAndHalfway(t *testing.T) {
	db := bare(t)
	var mu sync.Mutex
	var all []string
	var both sync.WaitGroup
	for range 3 {
		both.Go(func() {
			applied, err := Migrate(t.Context(), db.URL("postgres"))
			mu.Lock()
			defer mu.Unlock()
			all = append(all, applied...)
			if err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	slices.Sort(all)
	if versions, _ := versionsOf(t, migrations); !slices.Equal(all, versions) {
		t.Errorf("applied %v", all)
	}

	files := fstest.MapFS{
		"migrations/20300101000001_good.sql": {Data: []byte("create table private.good (id int primary key)")},
		"migrations/20300101000002_bad.sql":  {Data: []byte("create table private.half (id int primary key); select 1 / 0")},
		"migrations/20300101000003_last.sql": {Data: []byte("create table private.last (id int primary key)")},
	}
	applied, err := migrate(t.Context(), db.URL("postgres"), files)
	if err == nil || !strings.Contains(err.Error(), "bad.sql") || !slices.Equal(applied, []string{"20300101000001"}) {
		t.Errorf("applied %v, %v", applied, err)
	}
	var there []string
	if err := db.Super(t).QueryRow(t.Context(), `select array_agg(t order by t) from unnest(array['good', 'half', 'last']) t
		where to_regclass('private.' || t) is not null`).Scan(&there); err != nil || !slices.Equal(there, []string{"good"}) {
		t.Errorf("there is %v, %v", there, err)
	}
	if _, err := migrate(t.Context(), "postgres://u:canary@[bad", files); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("an address that is none: %v", err)
	}
}
