package supabase

import (
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// The database advisors of Supabase, as far as a schema like ours can trip
// them: each check bears the lint's name and level, and is written from its
// meaning. The schemas that the API exposes are a constant here, and not the
// setting pgrst.db_schemas, without which some of the originals find nothing.

const (
	lintPrelude = `with exposed as (select unnest(array['public', 'graphql_public']) as nsp),
	platform as (select unnest(array['auth', 'storage', 'extensions', 'graphql', 'graphql_public', 'realtime', 'vault', 'cron', 'net',
		'pgbouncer', 'pgsodium', 'supabase_functions', 'supabase_migrations', 'information_schema']) as nsp
		union all select nspname from pg_namespace where nspname like 'pg\_%'),
	-- whose objects are ours to answer for
	rel as (select c.oid, n.nspname as nsp, c.relname as name, n.nspname || '.' || c.relname as object, c.relkind as kind,
			c.relrowsecurity as rls, c.reloptions as options, n.nspname in (select nsp from exposed) as api,
			has_table_privilege('anon', c.oid, 'select, insert, update, delete')
				or has_any_column_privilege('anon', c.oid, 'select, insert, update')
				or has_table_privilege('authenticated', c.oid, 'select, insert, update, delete')
				or has_any_column_privilege('authenticated', c.oid, 'select, insert, update') as reachable
		from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname not in (select nsp from platform)),
	policy as (select r.object || ' "' || p.polname || '"' as object, r.oid as rel, r.rls, p.polcmd as cmd, p.polpermissive as permissive,
			p.polroles as roles, coalesce(pg_get_expr(p.polqual, p.polrelid), '') as using_, coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '') as check_
		from pg_policy p join rel r on r.oid = p.polrelid),
	func as (select p.oid, n.nspname || '.' || p.proname as object, p.prosecdef as definer, p.proconfig as config,
			n.nspname in (select nsp from exposed) as api
		from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname not in (select nsp from platform)
			and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e'))
	`
	// A call of auth.* or current_setting that is not inside a (select …) of its own.
	bareAuth = `regexp_replace(%, '\( *SELECT +(auth\.(uid|jwt|role|email)\(\)|current_setting\([^)]*\))( AS [a-z_]+)? *\)', '', 'gi')
		~* '(auth\.(uid|jwt|role|email)\(\)|current_setting\()'`
)

type lint struct {
	name, level string
	find        string // names what it finds, one a row
	bad         string // trips it
	names       string // what it must then find
}

var lints = []lint{
	{"rls_disabled_in_public", "ERROR", `select object from rel where kind in ('r', 'p') and api and not rls and reachable`,
		`create table public.open_to_all (id int primary key)`, "public.open_to_all"},
	{"policy_exists_rls_disabled", "ERROR", `select object from policy where not rls`,
		`create table public.forgot (id int primary key); create policy p on public.forgot for select using (false)`, `public.forgot "p"`},
	{"rls_enabled_no_policy", "INFO", `select object from rel where kind in ('r', 'p') and rls and not exists (select from policy p where p.rel = rel.oid)`,
		`create table public.locked (id int primary key); alter table public.locked enable row level security`, "public.locked"},
	{"rls_references_user_metadata", "ERROR", `select object from policy where using_ || check_ ~* '(raw_user_meta_data|user_metadata)'`,
		`create table public.by_metadata (id int primary key); alter table public.by_metadata enable row level security;
		create policy p on public.by_metadata using (((select auth.jwt()) -> 'user_metadata' ->> 'role') = 'admin')`, `public.by_metadata "p"`},
	{"security_definer_view", "ERROR", `select object from rel where kind = 'v' and api and reachable
		and not coalesce(options, '{}') && array['security_invoker=on', 'security_invoker=true', 'security_invoker=1', 'security_invoker=yes']`,
		`create table public.behind (id int primary key); create view public.past_rls as select * from public.behind`, "public.past_rls"},
	{"auth_users_exposed", "ERROR", `select distinct r.object from rel r join pg_rewrite w on w.ev_class = r.oid
		join pg_depend d on d.objid = w.oid and d.refobjid = 'auth.users'::regclass where r.kind in ('v', 'm') and r.api and r.reachable`,
		`create view public.everybody as select id, email from auth.users`, "public.everybody"},
	{"fkey_to_auth_unique", "ERROR", `select r.object || ' ' || k.conname from pg_constraint k join rel r on r.oid = k.conrelid
		join pg_class t on t.oid = k.confrelid where k.contype = 'f' and t.relnamespace = 'auth'::regnamespace
		and not exists (select from pg_constraint p where p.conrelid = k.confrelid and p.contype = 'p' and p.conkey @> k.confkey and p.conkey <@ k.confkey)`,
		`create table public.by_mail (mail text primary key constraint to_mail references auth.users (email))`, "public.by_mail to_mail"},
	{"sensitive_columns_exposed", "ERROR", `select r.object || '.' || a.attname from rel r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0
		where r.kind in ('r', 'p') and r.api and r.reachable and not r.rls and not a.attisdropped and a.attname ~*
		'(^|_)(passw(or)?d|pwd|secret|token|api_?key|private_?key|credit_?card|card_?number|cvv|ssn|iban|passport|date_of_birth|pin)(_|$)'`,
		`create table public.wallet (id int primary key, card_number text)`, "public.wallet.card_number"},
	{"auth_rls_initplan", "WARN", `select object from policy where ` + strings.ReplaceAll(bareAuth, "%", "using_") + ` or ` + strings.ReplaceAll(bareAuth, "%", "check_"),
		`create table public.slow (id uuid primary key); alter table public.slow enable row level security;
		create policy p on public.slow using (id = (select auth.uid()) or id = auth.uid())`, `public.slow "p"`},
	{"multiple_permissive_policies", "WARN", `select r.object || ' ' || who || ' ' || verb from rel r, unnest(array['anon', 'authenticated']) who,
		unnest(array['r', 'a', 'w', 'd']) verb where (select count(*) from policy p where p.rel = r.oid and p.permissive and p.cmd in (verb::"char", '*')
			and (p.roles = '{0}' or who::regrole = any(p.roles))) > 1`,
		`create table public.twice (id int primary key); alter table public.twice enable row level security;
		create policy p on public.twice for select to authenticated using (false); create policy q on public.twice using (false)`, "public.twice authenticated r"},
	{"function_search_path_mutable", "WARN", `select object from func where not exists (select from unnest(config) c where c like 'search_path=%')`,
		`create function public.wanders() returns int language sql as 'select 1'`, "public.wanders"},
	{"anon_security_definer_function_executable", "WARN", `select object from func where definer and api and has_function_privilege('anon', oid, 'execute')`,
		`create function public.powerful() returns int language sql security definer set search_path = '' as 'select 1'`, "public.powerful"},
	{"authenticated_security_definer_function_executable", "WARN", `select object from func where definer and api and has_function_privilege('authenticated', oid, 'execute')`,
		`create function public.mighty() returns int language sql security definer set search_path = '' as 'select 1'; revoke execute on function public.mighty from anon, public`, "public.mighty"},
	{"rls_policy_always_true", "WARN", `select object from policy where permissive and cmd in ('a', 'w', 'd', '*') and ('true' in (using_, check_))
		and (roles = '{0}' or roles && array['anon'::regrole::oid, 'authenticated'::regrole::oid])`,
		`create table public.welcome (id int primary key); alter table public.welcome enable row level security;
		create policy p on public.welcome for insert to authenticated with check (true)`, `public.welcome "p"`},
	{"extension_in_public", "WARN", `select extname::text from pg_extension where extnamespace = 'public'::regnamespace`,
		`create extension pg_trgm schema public`, "pg_trgm"},
	{"materialized_view_in_api", "WARN", `select object from rel where kind = 'm' and api and reachable`,
		`create materialized view public.copied as select 1 as id`, "public.copied"},
	{"foreign_table_in_api", "WARN", `select object from rel where kind = 'f' and api and reachable`,
		`create foreign data wrapper nowhere; create server far foreign data wrapper nowhere; create foreign table public.distant (id int) server far`, "public.distant"},
	{"unsupported_reg_types", "WARN", `select r.object || '.' || a.attname from rel r join pg_attribute a on a.attrelid = r.oid where r.kind in ('r', 'p')
		and a.atttypid in ('regcollation'::regtype, 'regconfig'::regtype, 'regdictionary'::regtype, 'regnamespace'::regtype, 'regoper'::regtype,
			'regoperator'::regtype, 'regproc'::regtype, 'regprocedure'::regtype)`,
		`create table private.reg (id int primary key, f regproc)`, "private.reg.f"},
	{"duplicate_index", "WARN", `select r.object || ' ' || string_agg(i.indexrelid::regclass::text, ' ' order by i.indexrelid) from pg_index i join rel r on r.oid = i.indrelid
		group by r.object, regexp_replace(pg_get_indexdef(i.indexrelid), ' INDEX .* ON ', ' ON ') having count(*) > 1`,
		`create table private.doubled (id int primary key, a int); create index one on private.doubled (a); create index two on private.doubled (a)`, "private.doubled private.one private.two"},
	{"unindexed_foreign_keys", "INFO", `select r.object || ' ' || k.conname from pg_constraint k join rel r on r.oid = k.conrelid where k.contype = 'f'
		and not exists (select from pg_index i where i.indrelid = k.conrelid and i.indpred is null and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)`,
		`create table public.child (id int primary key, parent int constraint up references public.child (id))`, "public.child up"},
	{"no_primary_key", "INFO", `select object from rel where kind in ('r', 'p') and not exists (select from pg_constraint k where k.conrelid = rel.oid and k.contype = 'p')`,
		`create table private.keyless (id int)`, "private.keyless"},
}

func (l lint) run(t *testing.T, c *pgx.Conn) []string {
	t.Helper()
	rows, err := c.Query(t.Context(), lintPrelude+l.find)
	if err != nil {
		t.Fatalf("%s: %v", l.name, err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", l.name, err)
	}
	return found
}

// Goal D-G5. Each lint first finds what is bad, in a schema made so, and then
// nothing in the migrated one: no ERROR, no WARN, and no INFO either.
func TestG5_Advisors(t *testing.T) {
	good, bad := server.Database(t), server.Database(t)
	maker := bad.Connect(t, "postgres") // the hosted default privileges are this role's
	fresh := bad.Super(t)
	for _, l := range lints {
		t.Run(l.name, func(t *testing.T) {
			for what := range strings.SplitSeq(l.bad, ";") {
				c := maker
				if strings.Contains(what, "extension") || strings.Contains(what, "foreign data wrapper") || strings.Contains(what, "foreign table") ||
					strings.Contains(what, "auth.users") {
					c = fresh
				}
				if _, err := c.Exec(t.Context(), what); err != nil {
					t.Fatal(err)
				}
			}
			if l.name == "auth_users_exposed" || l.name == "foreign_table_in_api" { // made by the superuser, whose defaults are others
				if _, err := fresh.Exec(t.Context(), "grant select on all tables in schema public to anon"); err != nil {
					t.Fatal(err)
				}
			}
			if found := l.run(t, fresh); !slices.Contains(found, l.names) {
				t.Errorf("on a bad schema: found %q, not %s", found, l.names)
			}
			if found := l.run(t, good.Super(t)); len(found) > 0 {
				t.Errorf("%s: %q", l.level, found)
			}
		})
	}
}
