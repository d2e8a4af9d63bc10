-- What an account may use beside its minutes, without a session: sound checks,
-- each with a grant, and answers before and after interviews. Every use is a
-- row, and the rows of the last minute and the last day are the limit, for all
-- instances together. A use does not move minutes; the ledger knows none of it.
create table private.uses_beside (
  id uuid primary key,
  user_id uuid not null references public.user_credits (user_id) on delete cascade,
  kind text not null check (kind in ('check', 'answer')),
  used_at timestamptz not null,
  overdrawn boolean not null default false -- a check that streamed far longer than it may
);
create index uses_beside_user on private.uses_beside (user_id, kind, used_at desc);
create index uses_beside_checks on private.uses_beside (used_at) where kind = 'check';
alter table private.uses_beside enable row level security;
create policy "nobody" on private.uses_beside for all to public using (false);

-- Takes one use, or says why not: no_account, out_of_minutes, or too_often with
-- the time to wait. It needs minutes or Pro; answers are also for who had a
-- session in the last day, whose last minute may have gone into it. A check that
-- was overdrawn closes checks for 30 days. p_id is the caller's choice, so that
-- asking again after a lost answer takes nothing twice.
create function private.use_beside(p_user uuid, p_id uuid, p_kind text, p_a_minute integer, p_a_day integer)
returns table (outcome text, wait interval, pro boolean)
language plpgsql security definer set search_path = '' as $$
declare
  v_now timestamptz := private.now();
  c public.user_credits;
begin
  select * into c from public.user_credits where user_id = p_user for update;
  pro := exists (select from public.subscriptions b where b.user_id = p_user and b.pro_until > v_now);
  wait := '0';
  if c.user_id is null then
    outcome := 'no_account';
  elsif exists (select from private.uses_beside u where u.id = p_id and u.user_id = p_user) then
    outcome := 'used';
  elsif c.balance = 0 and not pro and not (p_kind = 'answer' and exists (select from public.interview_sessions s
      where s.user_id = p_user and coalesce(s.ended_at, v_now) > v_now - interval '1 day')) then
    outcome := 'out_of_minutes';
  else
    delete from private.uses_beside u where u.user_id = p_user
      and u.used_at < v_now - case when u.overdrawn then interval '30 days' else interval '3 days' end;
    select coalesce(max(t.free - v_now), '0') into wait from (
      (select u.used_at + interval '1 minute' as free from private.uses_beside u
        where u.user_id = p_user and u.kind = p_kind order by u.used_at desc offset p_a_minute - 1 limit 1)
      union all
      (select u.used_at + interval '1 day' from private.uses_beside u
        where u.user_id = p_user and u.kind = p_kind order by u.used_at desc offset p_a_day - 1 limit 1)
      union all
      select u.used_at + interval '30 days' from private.uses_beside u
        where u.user_id = p_user and u.kind = p_kind and u.overdrawn) t;
    if wait > '0' then
      outcome := 'too_often';
    else
      wait := '0';
      outcome := 'used';
      insert into private.uses_beside (id, user_id, kind, used_at) values (p_id, p_user, p_kind, v_now);
    end if;
  end if;
  return next;
end $$;

-- Gives a use back that came to nothing, because a vendor was away.
create function private.return_beside(p_user uuid, p_id uuid) returns void
language sql volatile security definer set search_path = '' as $$
  delete from private.uses_beside where id = p_id and user_id = p_user
$$;

-- Notes which of these ids are checks that streamed far longer than they may.
create function private.overdrawn_beside(p_ids uuid[]) returns void
language sql volatile security definer set search_path = '' as $$
  update private.uses_beside set overdrawn = true where id = any (p_ids) and kind = 'check' and not overdrawn
$$;

-- As before, and the sound checks, which are a minute that nobody is charged
-- for: their streams bear their ids as those of sessions do.
drop function private.sessions_between(timestamptz, timestamptz, integer);
create function private.sessions_between(p_from timestamptz, p_to timestamptz, p_limit integer)
returns table (id uuid, started_at timestamptz, ended_at timestamptz, end_reason text, used interval, minutes_charged integer)
language sql stable security definer set search_path = '' as $$
  select * from (
    select s.id, s.started_at, s.ended_at, s.end_reason, s.used, s.minutes_charged from public.interview_sessions s
      where s.started_at < p_to and (s.ended_at is null or s.ended_at >= p_from)
    union all
    select u.id, u.used_at, u.used_at + interval '1 minute', 'check', interval '1 minute', 1 from private.uses_beside u
      where u.kind = 'check' and u.used_at < p_to and u.used_at >= p_from - interval '1 minute') alive
    order by started_at limit p_limit
$$;

alter function private.apply_privileges() rename to apply_privileges_before_beside;
create function private.apply_privileges() returns void
language plpgsql security invoker set search_path = '' as $$
begin
  perform private.apply_privileges_before_beside();
  grant execute on function private.use_beside, private.return_beside, private.overdrawn_beside to copilot_backend;
end $$;
select private.apply_privileges();
