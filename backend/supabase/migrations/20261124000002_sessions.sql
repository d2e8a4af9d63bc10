-- Interview sessions and the meter.
--
-- How a session is charged, as a pure function of its messages and the clock:
--   used     connected and unpaused time, in segments. A segment that ends with
--            a message (pause, stop, the socket closed) counts up to it; one
--            that just falls silent counts up to the last sign of life.
--   minutes  minute n begins after n-1 minutes of use, the first at once; a
--            minute is charged when it begins: greatest(1, ceil(used / 60 s)).
-- While a session runs, the time since the last sign of life counts as used, up
-- to 25 s of silence. Should it turn out at the session's end that nobody was
-- there when a minute began, that minute is given back.
--
-- A lease lasts 25 s of silence and 30 s of grace beyond the last sign of life,
-- or 30 s from the moment the socket is known to be gone. Whoever takes the
-- session up again gets the next lease number, and the old one is worth nothing
-- from then on. Minutes already begun stay paid.
--
-- The clock: if it jumps forward beyond the lease, sessions end and the jump is
-- not charged; if it jumps back, metering waits until it has caught up.
--
-- Locks: user_credits first, then the session. What works on many sessions
-- (tick, heartbeat) skips what is locked, so it waits for nobody.

create table public.interview_sessions (
  id uuid primary key,
  user_id uuid not null,
  instance text not null,
  lease integer not null default 1,
  started_at timestamptz not null,
  alive_at timestamptz not null,          -- last sign of life
  lease_until timestamptz not null,
  connected boolean not null default true,
  paused boolean not null default false,
  running_since timestamptz,              -- start of the open segment of use
  used interval not null default '0',     -- closed segments
  minutes_charged integer not null default 0,
  unlimited boolean not null default false, -- the last minute was Pro's
  tick_at timestamptz not null,           -- when the tick must next look here
  ended_at timestamptz,
  end_reason text,
  constraint end_reasons check
    (end_reason in ('out_of_minutes', 'stopped', 'taken_over', 'expired', 'account_deleted')),
  constraint ended_with_reason check ((ended_at is null) = (end_reason is null)),
  constraint running_means_connected check
    (running_since is null or connected and not paused and ended_at is null)
) with (fillfactor = 60); -- room for heartbeats to stay on their page
create unique index one_live_session on public.interview_sessions (user_id) where ended_at is null;
create index interview_sessions_tick on public.interview_sessions (instance, tick_at) where ended_at is null;
create index interview_sessions_user on public.interview_sessions (user_id, started_at desc);

create function private.silence() returns interval
language sql immutable security definer set search_path = '' as $$ select interval '25 seconds' $$;
create function private.grace() returns interval
language sql immutable security definer set search_path = '' as $$ select interval '30 seconds' $$;

-- When the tick must look at a session next: when its next minute begins; at
-- once when one has begun that is not charged; never while nothing is used.
create function private.next_tick(p_running_since timestamptz, p_used interval, p_charged integer) returns timestamptz
language sql stable security definer set search_path = '' as $$
  select case
    when p_running_since is not null then p_running_since + (p_charged * interval '1 minute' - p_used)
    when p_used > p_charged * interval '1 minute' then '-infinity'
    else 'infinity'
  end
$$;

create type private.metered as (
  session_id uuid, user_id uuid, instance text, lease integer,
  charged integer,          -- minutes that began since the last time
  returned integer,         -- minutes given back at the end
  minutes_charged integer,  -- of the session, in all
  minutes_left integer,
  unlimited boolean,
  end_reason text);         -- null: it goes on

-- Settles sessions that the caller has locked, together with their
-- user_credits: charges minutes that have begun, ends sessions whose lease has
-- lapsed or whose minutes are used up, and all of them when p_reason is given.
create function private.settle(p_sessions uuid[], p_now timestamptz, p_reason text) returns setof private.metered
language plpgsql security definer set search_path = '' as $$
declare
  v_silence interval := private.silence();
begin
  return query
  with s as materialized (
    select s.*, c.balance, c.debt, s.lease_until < p_now as lapsed,
        exists (select from public.subscriptions b where b.user_id = s.user_id and b.pro_until > p_now) as pro
      from unnest(p_sessions) as wanted (id)
      join public.interview_sessions s using (id)
      join public.user_credits c on c.user_id = s.user_id
      where s.ended_at is null
  ), measured as materialized (
    select s.*, s.used + coalesce(greatest(interval '0', case
          when s.lapsed then s.alive_at
          when p_reason = 'stopped' then p_now
          else least(p_now, s.alive_at + v_silence)
        end - s.running_since), interval '0') as used_now
      from s
  ), due as materialized (
    select m.*, greatest(1, ceil(extract(epoch from m.used_now) / 60)::integer) as minutes_due from measured m
  ), decided as materialized (
    select d.*,
        least(greatest(d.minutes_due - d.minutes_charged, 0), case when d.pro then null else d.balance end) as fresh,
        case when d.lapsed then 'expired'
             when p_reason is not null then p_reason
             when not d.pro and d.minutes_due - d.minutes_charged > d.balance then 'out_of_minutes'
        end as ending
      from due d
  ), begun as (
    insert into public.credit_ledger (user_id, kind, minutes, session_id, minute_no, created_at)
      select d.user_id, 'usage', case when d.pro then 0 else -1 end, d.id, n, p_now
        from decided d cross join lateral generate_series(d.minutes_charged + 1, d.minutes_charged + d.fresh) n
        where d.fresh > 0
      on conflict (session_id, minute_no) where kind = 'usage' do nothing
      returning user_id, minutes, debt
  ), unheard as materialized ( -- minutes that began in a silence nobody came back from
    select d.id, d.user_id, d.debt, d.minutes_charged - d.minutes_due as minutes,
        (select count(*)::integer from public.credit_ledger l
          where l.session_id = d.id and l.minute_no > d.minutes_due and l.kind = 'usage' and l.minutes < 0) as paid
      from decided d
      where d.ending in ('expired', 'stopped', 'taken_over') and d.minutes_charged > d.minutes_due
  ), given_back as (
    insert into public.credit_ledger (user_id, kind, minutes, debt, idempotency_key, session_id, note, created_at)
      select u.user_id, 'adjustment', u.paid - least(u.paid, u.debt), -least(u.paid, u.debt),
          'unheard:' || u.id, u.id, 'Not connected when the minute began', p_now
        from unheard u where u.paid > 0
      returning user_id, minutes, debt
  ), change as (
    select x.user_id, sum(x.minutes)::integer as minutes, sum(x.debt)::integer as debt
      from (select * from begun union all select * from given_back) x group by x.user_id
  ), paid as (
    update public.user_credits c
      set balance = c.balance + change.minutes, debt = c.debt + change.debt, updated_at = p_now
      from change where c.user_id = change.user_id and (change.minutes <> 0 or change.debt <> 0)
  ), moved as (
    update public.interview_sessions t
      set minutes_charged = d.minutes_charged + d.fresh - coalesce(u.minutes, 0),
          unlimited = d.pro,
          used = case when d.ending is null then d.used else d.used_now end,
          running_since = case when d.ending is null then d.running_since end,
          tick_at = case when d.ending is null
            then private.next_tick(d.running_since, d.used, d.minutes_charged + d.fresh) else 'infinity' end,
          ended_at = case when d.lapsed then d.lease_until when d.ending is not null then p_now end,
          end_reason = d.ending
      from decided d left join unheard u on u.id = d.id
      where t.id = d.id
      returning t.id, t.minutes_charged
  )
  select d.id, d.user_id, d.instance, d.lease, d.fresh, coalesce(u.minutes, 0), moved.minutes_charged,
      d.balance + coalesce(change.minutes, 0), d.pro, d.ending
    from decided d
    join moved on moved.id = d.id
    left join unheard u on u.id = d.id
    left join change on change.user_id = d.user_id;
end $$;

-- The tick of an instance: its own sessions that are due or whose account has
-- changed, and anybody's whose lease has lapsed. What another transaction is
-- working on waits for the next tick.
create function private.tick(p_instance text) returns setof private.metered
language plpgsql security definer set search_path = '' as $$
declare
  v_now timestamptz := private.now();
  v_sessions uuid[];
begin
  select array_agg(due.id) into v_sessions from (
    select s.id from public.interview_sessions s join public.user_credits c on c.user_id = s.user_id
      where s.ended_at is null and (s.instance = p_instance and s.tick_at < v_now or s.lease_until < v_now)
      limit 20000 for update skip locked) due;
  if v_sessions is not null then
    return query select * from private.settle(v_sessions, v_now, null);
  end if;
end $$;

create type private.opened as (
  outcome text, -- started, resumed, or why not: no_account, out_of_minutes, session_elsewhere, no_session
  session_id uuid, lease integer, paused boolean, minutes_charged integer,
  minutes_left integer, unlimited boolean, lease_until timestamptz);

-- Opens a session for a person (p_mode start), also where another one must end
-- for it (take_over), or gives a new lease of the one named (resume). A taken
-- over session cannot be resumed, so two devices cannot fight over it. p_session
-- is the new session's id, chosen by the caller, so that asking again after a
-- lost answer starts nothing twice.
create function private.open_session(p_user uuid, p_session uuid, p_instance text, p_mode text) returns private.opened
language plpgsql security definer set search_path = '' as $$
declare
  v_now timestamptz := private.now();
  v_outcome text;
  c public.user_credits;
  s public.interview_sessions;
begin
  select * into c from public.user_credits where user_id = p_user for update;
  if not found then
    return private.refused('no_account', null, null);
  end if;
  select * into s from public.interview_sessions where user_id = p_user and ended_at is null for update;
  if s.lease_until < v_now then
    perform private.settle(array[s.id], v_now, null);
    s := null;
    select * into c from public.user_credits where user_id = p_user;
  end if;

  if s.id = p_session and p_mode <> 'resume' then
    v_outcome := 'started'; -- the answer to the first time was lost
  elsif s.id = p_session then
    v_outcome := 'resumed';
    -- Coming back is a sign of life: the open segment counts up to now, or
    -- reconnecting faster than heartbeats arrive would be free.
    update public.interview_sessions t
      set instance = p_instance, lease = t.lease + 1, connected = true,
          used = t.used + coalesce(greatest(interval '0', least(v_now, t.alive_at + private.silence()) - t.running_since), interval '0'),
          running_since = case when t.paused then null else v_now end,
          alive_at = v_now, lease_until = v_now + private.silence() + private.grace(), tick_at = '-infinity'
      where t.id = s.id;
    perform pg_catalog.pg_notify('copilot_account', p_user::text);
  elsif p_mode = 'resume' then
    return private.refused('no_session', null, null);
  elsif s.id is not null and p_mode = 'start' then
    return private.refused('session_elsewhere', s.id, s.lease_until);
  elsif c.balance = 0 and not exists
      (select from public.subscriptions b where b.user_id = p_user and b.pro_until > v_now) then
    return private.refused('out_of_minutes', null, null);
  else
    if s.id is not null then
      perform private.settle(array[s.id], v_now, 'taken_over');
      perform pg_catalog.pg_notify('copilot_account', p_user::text);
    end if;
    insert into public.interview_sessions (id, user_id, instance, started_at, alive_at, lease_until, running_since, tick_at)
      values (p_session, p_user, p_instance, v_now, v_now,
        v_now + private.silence() + private.grace(), v_now, '-infinity');
    v_outcome := 'started';
  end if;

  perform private.settle(array[p_session], v_now, null); -- a minute may have begun
  select * into s from public.interview_sessions where id = p_session;
  select * into c from public.user_credits where user_id = p_user;
  return (case when s.ended_at is null then v_outcome else s.end_reason end, s.id, s.lease, s.paused,
    s.minutes_charged, c.balance, s.unlimited, s.lease_until);
end $$;

create function private.refused(p_outcome text, p_session uuid, p_until timestamptz) returns private.opened
language sql immutable security definer set search_path = '' as $$
  select (p_outcome, p_session, null, null, null, null, null, p_until)::private.opened
$$;

-- Why a lease is worth nothing now; null while it holds.
create function private.lease_lost(p_session uuid, p_lease integer, p_now timestamptz) returns text
language sql stable security definer set search_path = '' as $$
  select coalesce((
    select case when s.ended_at is not null then s.end_reason
                when s.lease <> p_lease then 'resumed'
                when s.lease_until < p_now then 'expired' else '' end
      from public.interview_sessions s where s.id = p_session), 'no_session')
$$;

-- Signs of life of many sessions at once, each with the moment it was seen, so
-- that late, repeated and reordered ones change nothing. Answers with the
-- leases that hold no longer.
create function private.heartbeat(p_sessions uuid[], p_leases integer[], p_seen timestamptz[])
returns table (session_id uuid, lease integer, reason text)
language plpgsql security definer set search_path = '' as $$
#variable_conflict use_column
declare
  v_now timestamptz := private.now();
  v_lease interval := private.silence() + private.grace();
begin
  return query
  with beat as materialized (
    select b.id, b.lease, least(max(b.seen), v_now) as seen
      from unnest(p_sessions, p_leases, p_seen) as b (id, lease, seen) group by b.id, b.lease
  ), held as materialized (
    select s.id, b.seen from public.interview_sessions s join beat b on b.id = s.id and b.lease = s.lease
      where s.ended_at is null and s.connected and s.lease_until >= v_now for update of s skip locked
  ), renewed as (
    update public.interview_sessions s
      set alive_at = greatest(s.alive_at, h.seen), lease_until = greatest(s.lease_until, h.seen + v_lease)
      from held h where s.id = h.id and h.seen > s.alive_at
  )
  select b.id, b.lease, private.lease_lost(b.id, b.lease, v_now)
    from beat b where not exists (select from held h where h.id = b.id)
      and private.lease_lost(b.id, b.lease, v_now) <> '';
end $$;

-- Sockets that are gone: use ends at the last sign of life, and the grace time
-- begins now. For one that closed, for those that fell silent, and for all of
-- an instance that shuts down.
create function private.disconnect(p_sessions uuid[], p_leases integer[], p_seen timestamptz[]) returns void
language plpgsql security definer set search_path = '' as $$
declare
  v_now timestamptz := private.now();
begin
  with gone as materialized (
    select s.id, greatest(s.alive_at, least(b.seen, v_now)) as seen
      from public.interview_sessions s
      join unnest(p_sessions, p_leases, p_seen) as b (id, lease, seen) on b.id = s.id and b.lease = s.lease
      where s.ended_at is null and s.connected and s.lease_until >= v_now order by s.id for update of s
  ), closed as materialized (
    select g.id, g.seen, s.minutes_charged,
        s.used + coalesce(greatest(interval '0', g.seen - s.running_since), interval '0') as used
      from gone g join public.interview_sessions s on s.id = g.id
  )
  update public.interview_sessions s
    set connected = false, running_since = null, used = c.used, alive_at = c.seen,
        lease_until = v_now + private.grace(), tick_at = private.next_tick(null, c.used, c.minutes_charged)
    from closed c where s.id = c.id;
end $$;

-- Pauses or goes on; saying it twice does no harm. Null, or why the lease is lost.
create function private.set_paused(p_session uuid, p_lease integer, p_paused boolean) returns text
language plpgsql security definer set search_path = '' as $$
declare
  v_now timestamptz := private.now();
begin
  update public.interview_sessions s
    set paused = p_paused,
        used = s.used + coalesce(greatest(interval '0', v_now - s.running_since), interval '0'),
        running_since = case when p_paused then null else v_now end,
        alive_at = v_now, lease_until = v_now + private.silence() + private.grace(),
        tick_at = private.next_tick(case when p_paused then null else v_now end,
          s.used + coalesce(greatest(interval '0', v_now - s.running_since), interval '0'), s.minutes_charged)
    where s.id = p_session and s.lease = p_lease and s.ended_at is null and s.connected and s.lease_until >= v_now
      and s.paused <> p_paused;
  if found then
    return null;
  end if;
  return nullif(private.lease_lost(p_session, p_lease, v_now), '');
end $$;

-- Ends a session at its holder's wish and settles it. Asked again, it answers
-- with what came of it. No row: the lease is lost.
create function private.stop_session(p_session uuid, p_lease integer) returns setof private.metered
language plpgsql security definer set search_path = '' as $$
declare
  v_now timestamptz := private.now();
  s public.interview_sessions;
begin
  perform from public.user_credits c join public.interview_sessions t on t.user_id = c.user_id
    where t.id = p_session for update of c;
  select * into s from public.interview_sessions where id = p_session and lease = p_lease for update;
  if not found then
    return;
  elsif s.ended_at is null then
    return query select * from private.settle(array[p_session], v_now, 'stopped');
  else
    return query select s.id, s.user_id, s.instance, s.lease, 0, 0, s.minutes_charged,
      coalesce((select c.balance from public.user_credits c where c.user_id = s.user_id), 0), s.unlimited, s.end_reason;
  end if;
end $$;

-- What a person has, for the backend to compute what they may do.
create function private.account(p_user uuid) returns table (
  balance integer, debt integer, customer_id text, pro boolean, status text,
  period_end timestamptz, cancel_at_period_end boolean,
  session_id uuid, session_lease integer, session_paused boolean, session_unlimited boolean)
language plpgsql security definer set search_path = '' as $$
#variable_conflict use_column
declare
  v_now timestamptz := private.now();
begin
  return query
  select c.balance, c.debt, c.stripe_customer_id, coalesce(b.pro_until > v_now, false), b.status,
      b.period_end, b.cancel_at_period_end, s.id, s.lease, s.paused, s.unlimited
    from public.user_credits c
    left join lateral (select * from public.subscriptions b where b.user_id = c.user_id
      order by b.pro_until desc, b.as_of desc limit 1) b on true
    left join public.interview_sessions s
      on s.user_id = c.user_id and s.ended_at is null and s.lease_until >= v_now
    where c.user_id = p_user;
end $$;

-- Sessions of a person for their receipts, newest first.
create function private.sessions(p_user uuid, p_before timestamptz, p_limit integer)
returns setof public.interview_sessions
language sql stable security definer set search_path = '' as $$
  select * from public.interview_sessions
    where user_id = p_user and (p_before is null or started_at < p_before)
    order by started_at desc limit p_limit
$$;

-- Somebody's account is deleted: no more metering, and the holder learns it
-- from the next heartbeat.
create function private.close_account() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  update public.interview_sessions
    set ended_at = private.now(), end_reason = 'account_deleted', running_since = null, tick_at = 'infinity'
    where user_id = old.user_id and ended_at is null;
  return old;
end $$;
create trigger close_copilot_account after delete on public.user_credits
  for each row execute function private.close_account();
