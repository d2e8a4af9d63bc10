package supabase

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"regexp"

	"github.com/jackc/pgx/v5"
)

//go:embed migrations/*.sql
var migrations embed.FS

// The names the Supabase CLI reads: a version, usually a time, and a title.
var migrationName = regexp.MustCompile(`^([0-9]+)_(.*)\.sql$`)

// Migrate applies the migrations that a database does not have yet, each in a
// transaction of its own, and returns their versions. It keeps its record where
// `supabase db push` keeps it (supabase_migrations.schema_migrations: version,
// name, statements), so that either continues what the other began. It needs
// the role that owns the schema (postgres), not copilot_backend. Two at once
// are safe; the second waits.
func Migrate(ctx context.Context, url string) (applied []string, err error) {
	return migrate(ctx, url, migrations)
}

func migrate(ctx context.Context, url string, files fs.FS) (applied []string, err error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("migrate: database url not understood")
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec // a pooler will do
	c, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	defer c.Close(context.WithoutCancel(ctx))

	names, err := fs.Glob(files, "migrations/*.sql") // sorted, as versions are
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("migrate: no migrations: %w", err)
	}
	for _, name := range names {
		parts := migrationName.FindStringSubmatch(path.Base(name))
		if parts == nil {
			return applied, fmt.Errorf("migrate: %s is not named <version>_<title>.sql", name)
		}
		sql, err := fs.ReadFile(files, name)
		if err != nil {
			return applied, fmt.Errorf("migrate: %w", err)
		}
		done, err := applyOne(ctx, c, parts[1], parts[2], string(sql))
		if err != nil {
			return applied, fmt.Errorf("migrate: %s: %w", path.Base(name), err)
		}
		if done {
			applied = append(applied, parts[1])
		}
	}
	return applied, nil
}

const migrationTable = `
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations (version text not null primary key);
alter table supabase_migrations.schema_migrations add column if not exists statements text[];
alter table supabase_migrations.schema_migrations add column if not exists name text;`

// applyOne reports whether the migration was new. The record's statements are
// the file as one: their only reader, `supabase migration fetch`, joins them.
func applyOne(ctx context.Context, c *pgx.Conn, version, name, sql string) (done bool, err error) {
	err = pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		// Within the transaction, so that it also works through a pooler.
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock(hashtext('copilot migrations'))"); err != nil {
			return err
		}
		if _, err := tx.Conn().PgConn().Exec(ctx, migrationTable).ReadAll(); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `insert into supabase_migrations.schema_migrations (version, name, statements)
			values ($1, $2, array[$3]) on conflict (version) do nothing`, version, name, sql)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		done = true
		_, err = tx.Conn().PgConn().Exec(ctx, sql).ReadAll()
		return err
	})
	return done && err == nil, err
}

// ApplyPrivileges sets who may do what on the schema's objects again. Migrate
// has done it; it is for databases in which a tool grants too much later.
func ApplyPrivileges(ctx context.Context, url string) error {
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("apply privileges: %w", err)
	}
	defer c.Close(context.WithoutCancel(ctx))
	if _, err := c.Exec(ctx, "select private.apply_privileges()"); err != nil {
		return fmt.Errorf("apply privileges: %w", err)
	}
	return nil
}
