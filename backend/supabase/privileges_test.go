package supabase

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// reach is one way to the database: a role, and for PostgREST's roles whose
// access token came with the request.
type reach struct {
	name string
	conn *pgx.Conn
	role string // to switch to, as PostgREST does
	user string
}

// neighbours is a database with two people who both have something of
// everything, of whom one may be Pro.
type neighbours struct {
	*bench
	me, other string
	interview string // mine
	reaches   []reach
}

func newNeighbours(t *testing.T) *neighbours {
	b := newBench(t)
	n := &neighbours{bench: b, me: b.person(10), other: b.person(10)}
	for _, user := range []string{n.me, n.other} {
		b.start(user, "a")
		b.subscribe(user, "canceled", epoch)
		id := uuid.NewString()
		b.exec("insert into public.interviews (id, user_id) values ($1, $2)", id, user)
		b.exec("insert into public.interview_turns (interview_id, turn_no, user_id, speaker, body) values ($1, 0, $2, 'candidate', 'x')", id, user)
		if user == n.me {
			n.interview = id
		}
	}
	front, back := b.pg.Connect(t, "authenticator"), b.pg.Connect(t, "copilot_backend")
	n.reaches = []reach{
		{"anon", front, "anon", ""}, {"owner", front, "authenticated", n.me}, {"other", front, "authenticated", n.other},
		{"service", front, "service_role", ""}, {"backend", back, "", ""},
	}
	return n
}

// pro makes somebody Pro by the clock that row level security reads.
func (n *neighbours) pro(user string) {
	n.exec("update public.subscriptions set pro_until = now() + interval '1 hour' where user_id = $1", user)
}

// try runs one statement as somebody, undoes it, and reports how many rows it
// touched.
func (n *neighbours) try(r reach, sql string, args ...any) (rows int64, err error) {
	n.t.Helper()
	tx, err := r.conn.Begin(n.ctx)
	n.must(err)
	defer tx.Rollback(n.ctx)
	if r.role != "" {
		_, err = tx.Exec(n.ctx, "set local role "+r.role)
		n.must(err)
		_, err = tx.Exec(n.ctx, "select set_config('request.jwt.claims', $1, true)", fmt.Sprintf(`{"sub":%q,"role":%q}`, r.user, r.role))
		n.must(err)
	}
	tag, err := tx.Exec(n.ctx, sql, args...)
	return tag.RowsAffected(), err
}

func refused(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "42501" // no privilege, or row level security
}

// tables of ours, as "schema.name".
func (n *neighbours) tables() []string {
	rows, err := n.super.Query(n.ctx, `select schemaname || '.' || tablename from pg_tables where schemaname in ('public', 'private')
		union all select schemaname || '.' || viewname from pg_views where schemaname in ('public', 'private') order by 1`)
	n.must(err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	n.must(err)
	return all
}

// verbs: what is done to my row, or in its place. A table that is not named
// here is touched by its first column.
func (n *neighbours) verbs(table string) map[string]string {
	column := one[string](n.bench, "select quote_ident(attname) from pg_attribute where attrelid = $1::text::regclass and attnum = 1", table)
	where, insert := "", "insert into "+table+" default values"
	switch table {
	case "public.interviews":
		column, where, insert = "title", " where user_id = '"+n.me+"'", "insert into public.interviews (title) values ('x')"
	case "public.interview_turns":
		column, where = "body", " where user_id = '"+n.me+"'"
		insert = "insert into public.interview_turns (interview_id, turn_no, speaker, body) values ('" + n.interview + "', 1, 'candidate', 'x')"
	case "public.credit_ledger":
		column, where = "note", " where user_id = '"+n.me+"'"
	case "public.user_credits", "public.interview_sessions", "public.subscriptions":
		where = " where user_id = '" + n.me + "'"
	}
	return map[string]string{
		"select": "select " + column + " from " + table + where, "insert": insert,
		"update": "update " + table + " set " + column + " = " + column + where, "delete": "delete from " + table + where,
		"truncate": "truncate " + table + " cascade",
	}
}

// What may be done to my rows, in the order select, insert, update, delete,
// truncate: "-" is refused, "0" touches nothing, "1" is done. Whatever is not
// in the list is refused to all.
var allowed = map[string]map[string]string{
	"public.user_credits":       {"owner": "1----", "other": "0----", "service": "1----"},
	"public.credit_ledger":      {"owner": "1----", "other": "0----", "service": "1----"},
	"public.interview_sessions": {"owner": "1----", "other": "0----", "service": "1----"},
	"public.subscriptions":      {"owner": "1----", "other": "0----", "service": "1----"},
	"public.interviews":         {"owner": "1--1-", "other": "0-00-", "service": "1----", "Pro owner": "1111-", "other Pro": "0100-"},
	"public.interview_turns":    {"owner": "1--1-", "other": "0-00-", "service": "1----", "Pro owner": "1111-", "other Pro": "0-00-"},
}

// R1, and every other cell: all tables × all ways to them × all verbs, with and
// without Pro.
func TestR1_EveryTableRoleAndVerb(t *testing.T) {
	n := newNeighbours(t)
	cells := 0
	for _, plan := range []string{"", "owner", "other"} {
		switch plan {
		case "owner":
			n.pro(n.me)
		case "other":
			n.subscribe(n.me, "canceled", epoch)
			n.exec("update public.subscriptions set pro_until = '-infinity'")
			n.pro(n.other)
		}
		for _, table := range n.tables() {
			verbs := n.verbs(table)
			for _, r := range n.reaches {
				name := r.name
				if special := map[string]string{"owner": "Pro owner", "other": "other Pro"}[name]; name == plan && allowed[table][special] != "" {
					name = special
				}
				want := allowed[table][name]
				if want == "" {
					want = "-----"
				}
				got := ""
				for _, verb := range []string{"select", "insert", "update", "delete", "truncate"} {
					rows, err := n.try(r, verbs[verb])
					switch {
					case refused(err):
						got += "-"
					case err != nil:
						t.Errorf("%s of %s by %s: %v", verb, table, name, err)
					default:
						got += fmt.Sprint(min(rows, 1))
					}
					cells++
				}
				if got != want {
					t.Errorf("%s by %s (Pro: %q): %s, want %s", table, name, plan, got, want)
				}
			}
		}
	}
	t.Logf("%d cells", cells)
	if left := len(allowed) - len(slices.DeleteFunc(n.tables(), func(s string) bool { return allowed[s] == nil })); left != 0 {
		t.Errorf("%d tables of the list are not there", left)
	}
}

// R2: no function of ours can be called by a client, for two reasons each: the
// schema is closed, and the function is. The backend's role can call exactly
// those that this package calls.
func TestR2_FunctionsByRPC(t *testing.T) {
	n := newNeighbours(t)
	type function struct {
		Name, Call                 string
		Anon, Auth, Service, Trust bool
	}
	rows, err := n.super.Query(n.ctx, `select p.pronamespace::regnamespace::text || '.' || p.proname as name,
			format('select %s.%I(%s)', p.pronamespace::regnamespace, p.proname, (select string_agg('null::' || format_type(t, null), ', ')
				from unnest(p.proargtypes) t)) as call,
			has_function_privilege('anon', p.oid, 'execute') as anon, has_function_privilege('authenticated', p.oid, 'execute') as auth,
			has_function_privilege('service_role', p.oid, 'execute') as service, has_function_privilege('copilot_backend', p.oid, 'execute') as trust
		from pg_proc p where p.pronamespace::regnamespace::text in ('public', 'private') order by 1`)
	n.must(err)
	functions, err := pgx.CollectRows(rows, pgx.RowToStructByName[function])
	n.must(err)
	trusted := map[string]bool{}
	for _, f := range functions {
		if f.Anon || f.Auth || f.Service {
			t.Errorf("%s is executable by a client's role", f.Name)
		}
		if f.Trust {
			trusted[f.Name] = true
		}
		for _, r := range n.reaches[:4] {
			if _, err := n.try(r, f.Call); !refused(err) {
				t.Errorf("%s by %s: %v", f.Name, r.name, err)
			}
		}
	}
	called := calledFunctions(t)
	if a, b := slices.Sorted(maps.Keys(trusted)), slices.Sorted(maps.Keys(called)); !slices.Equal(a, b) {
		t.Errorf("the backend may call %v\nand calls %v", a, b)
	}
	if len(functions) < 30 {
		t.Errorf("only %d functions found", len(functions))
	}
}

// calledFunctions are those that the package's own text names.
func calledFunctions(t *testing.T) map[string]bool {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	called := map[string]bool{}
	for _, f := range files {
		// Migrating is the owner's doing.
		if name := f.Name(); !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || name == "migrate.go" {
			continue
		}
		text, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`private\.[a-z_]+\(`).FindAllString(string(text), -1) {
			called[strings.TrimSuffix(m, "(")] = true
		}
	}
	return called
}

// R3: whoever sends more columns than are theirs to choose is refused: a row's
// owner, its times, and everything of money.
func TestR3_MassAssignment(t *testing.T) {
	n := newNeighbours(t)
	n.pro(n.me)
	n.pro(n.other)
	may := map[string]string{
		"public.interviews insert":      "id session_id title started_at ended_at notes summary debrief",
		"public.interviews update":      "title ended_at notes summary debrief",
		"public.interview_turns insert": "interview_id turn_no speaker body at_ms",
		"public.interview_turns update": "body",
	}
	for _, table := range n.tables() {
		rows, err := n.super.Query(n.ctx, "select quote_ident(attname) from pg_attribute where attrelid = $1::text::regclass and attnum > 0 and not attisdropped", table)
		n.must(err)
		columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
		n.must(err)
		for _, c := range columns {
			for verb, sql := range map[string]string{
				"insert": fmt.Sprintf("insert into %s (%s) values (default)", table, c),
				"update": fmt.Sprintf("update %s set %s = default", table, c),
			} {
				_, err := n.try(n.reaches[1], sql)
				fine := slices.Contains(strings.Fields(may[table+" "+verb]), c)
				// What is allowed may still not fit: then it is a constraint that says so.
				if refused(err) == fine && !(fine && strings.Contains(err.Error(), "row-level security")) {
					t.Errorf("%s of %s.%s: %v", verb, table, c, err)
				}
			}
		}
	}
	for what, sql := range map[string]string{
		"somebody else's row":      fmt.Sprintf("insert into public.interviews (title, user_id) values ('x', '%s')", n.other),
		"my row given away":        fmt.Sprintf("update public.interviews set user_id = '%s'", n.other),
		"minutes with a title":     "update public.user_credits set balance = 1000",
		"Pro for free":             "update public.subscriptions set pro_until = 'infinity'",
		"a turn of another's talk": fmt.Sprintf("insert into public.interview_turns (interview_id, turn_no, speaker, body) select id, 7, 'answer', 'x' from public.interviews where user_id = '%s'", n.other),
	} {
		if rows, err := n.try(n.reaches[1], sql); !refused(err) && !(err == nil && rows == 0) {
			t.Errorf("%s: %d rows, %v", what, rows, err)
		}
	}
	other := one[string](n.bench, "select id::text from public.interviews where user_id = $1", n.other)
	if _, err := n.try(n.reaches[1], `insert into public.interview_turns (interview_id, turn_no, speaker, body) values ($1, 7, 'answer', 'x')`, other); !refused(err) {
		t.Errorf("a turn of an interview whose id was guessed: %v", err)
	}
}

// The history holds what an interview leaves behind, and no more.
func TestHistory(t *testing.T) {
	n := newNeighbours(t)
	n.pro(n.me)
	owner := n.reaches[1]
	for sql, fits := range map[string]bool{
		`insert into public.interviews (title, notes, summary, debrief) values ('Acme', 'n', 's', '{"questions":[]}')`:                   true,
		`insert into public.interviews (debrief) values ('[]')`:                                                                          false,
		`insert into public.interviews (title) values (repeat('x', 201))`:                                                                false,
		`insert into public.interviews (notes) values (repeat('x', 50001))`:                                                              false,
		`insert into public.interviews (debrief) values (jsonb_build_object('x', repeat('x', 200001)))`:                                  false,
		`update public.interviews set notes = 'more', debrief = '{}'`:                                                                    true,
		`insert into public.interviews (title) select 'x' from generate_series(1, 999)`:                                                  true,
		`insert into public.interviews (title) select 'x' from generate_series(1, 1000)`:                                                 false,
		`insert into public.interview_turns (interview_id, turn_no, speaker, body) values ('` + n.interview + `', 10000, 'answer', 'x')`: false,
	} {
		if _, err := n.try(owner, sql); (err == nil) != fits || refused(err) {
			t.Errorf("%s: %v", sql, err)
		}
	}
	n.exec("delete from auth.users where id = $1", n.me)
	if left := one[int](n.bench, "select count(*) from public.interviews where user_id = $1", n.me) +
		one[int](n.bench, "select count(*) from public.interview_turns where user_id = $1", n.me); left != 0 {
		t.Errorf("%d rows outlive their owner", left)
	}
}

// Applying the privileges again changes none: no later migration has lost what
// an earlier one gave.
func TestPrivilegesAreApplied(t *testing.T) {
	n := newNeighbours(t)
	snapshot := func() string {
		return one[string](n.bench, `select string_agg(o, E'\n' order by o) from (
			select oid::regclass::text || coalesce(relacl::text, '') as o from pg_class where relnamespace::regnamespace::text in ('public', 'private')
			union all select attrelid::regclass::text || '.' || attname || coalesce(attacl::text, '') from pg_attribute a
				join pg_class c on c.oid = attrelid where relnamespace::regnamespace::text in ('public', 'private') and attnum > 0
			union all select oid::regprocedure::text || coalesce(proacl::text, '') from pg_proc where pronamespace::regnamespace::text in ('public', 'private')
			union all select nspname || nspacl::text from pg_namespace where nspname = 'private') x`)
	}
	n.exec("set role postgres; select private.apply_privileges()")
	before := snapshot()
	n.exec("grant all on all tables in schema public to anon, authenticated; grant all on public.interviews to public")
	n.must(ApplyPrivileges(n.ctx, n.pg.URL("postgres")))
	if after := snapshot(); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
}
