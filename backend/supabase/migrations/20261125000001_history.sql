-- What a saved interview keeps besides its turns: the person's own notes, a
-- summary, and the debrief as the program wrote it. And limits, so that one
-- account cannot fill the disk that all of them share.

alter table public.interviews
  add column notes text not null default '' check (length(notes) <= 50000),
  add column summary text not null default '' check (length(summary) <= 20000),
  add column debrief jsonb check (jsonb_typeof(debrief) = 'object' and length(debrief::text) <= 200000);

-- A turn each three seconds fills this in eight hours.
alter table public.interview_turns drop constraint interview_turns_turn_no_check;
alter table public.interview_turns add constraint interview_turns_turn_no_check check (turn_no between 0 and 9999);

create function private.limit_interviews() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if (select count(*) from public.interviews where user_id = new.user_id) >= 1000 then
    raise exception 'there are 1000 saved interviews; delete some first' using errcode = 'program_limit_exceeded';
  end if;
  return new;
end $$;
create trigger limit_interviews before insert on public.interviews
  for each row execute function private.limit_interviews();

-- As before, and the new columns.
create or replace function private.apply_privileges() returns void
language plpgsql security invoker set search_path = '' as $$
declare
  everybody constant text := 'public, anon, authenticated, service_role, copilot_backend';
  name text;
begin
  execute 'revoke all on schema private from ' || everybody;
  execute 'revoke all on all functions in schema private from ' || everybody;
  execute 'revoke all on all tables in schema private from ' || everybody;
  foreach name in array array['user_credits', 'credit_ledger', 'interview_sessions', 'subscriptions',
      'interviews', 'interview_turns'] loop
    execute format('revoke all on table public.%I from %s', name, everybody);
    -- Support may look with the service key; writing is the backend's.
    execute format('grant select on table public.%I to authenticated, service_role', name);
  end loop;
  execute 'revoke all on sequence public.credit_ledger_id_seq from ' || everybody;

  -- Columns, not tables: who owns a row is not for its writer to say.
  grant insert (id, session_id, title, started_at, ended_at, notes, summary, debrief),
      update (title, ended_at, notes, summary, debrief), delete
    on public.interviews to authenticated;
  grant insert (interview_id, turn_no, speaker, body, at_ms), update (body), delete
    on public.interview_turns to authenticated;

  grant usage on schema private to copilot_backend;
  grant execute on function
    private.post, private.save_subscription, private.record_stripe_event, private.set_customer,
    private.user_of_customer, private.ledger, private.ledger_of_payment,
    private.open_session, private.set_paused, private.stop_session, private.heartbeat, private.disconnect,
    private.tick, private.account, private.sessions, private.sessions_between, private.now
    to copilot_backend;
end $$;

-- Everybody's sessions that were alive at some time of a period, to be compared
-- with what was streamed at the vendor.
create function private.sessions_between(p_from timestamptz, p_to timestamptz, p_limit integer)
returns setof public.interview_sessions
language sql stable security definer set search_path = '' as $$
  select * from public.interview_sessions
    where started_at < p_to and (ended_at is null or ended_at >= p_from)
    order by started_at limit p_limit
$$;
create index interview_sessions_started on public.interview_sessions (started_at);

select private.apply_privileges();
