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

-- As before, and the new columns and the function above.
alter function private.apply_privileges() rename to apply_first_privileges;
create function private.apply_privileges() returns void
language plpgsql security invoker set search_path = '' as $$
begin
  perform private.apply_first_privileges();
  grant insert (notes, summary, debrief), update (notes, summary, debrief) on public.interviews to authenticated;
  grant execute on function private.sessions_between to copilot_backend;
end $$;
select private.apply_privileges();
