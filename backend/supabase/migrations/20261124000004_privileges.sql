-- Who may do what. A hosted project grants nearly everything on new objects of
-- `public` to anon and authenticated, and functions to everybody; so every
-- migration that adds an object ends with
--     select private.apply_privileges();
-- which is also the cure where a tool has granted too much since.

alter table public.user_credits enable row level security;
alter table public.credit_ledger enable row level security;
alter table public.interview_sessions enable row level security;
alter table public.subscriptions enable row level security;
alter table public.interviews enable row level security;
alter table public.interview_turns enable row level security;
alter table private.settings enable row level security;
alter table private.stripe_events enable row level security;

create policy "own" on public.user_credits for select to authenticated using (user_id = (select auth.uid()));
create policy "own" on public.credit_ledger for select to authenticated using (user_id = (select auth.uid()));
create policy "own" on public.interview_sessions for select to authenticated using (user_id = (select auth.uid()));
create policy "own" on public.subscriptions for select to authenticated using (user_id = (select auth.uid()));
create policy "nobody" on private.settings for all to public using (false);
create policy "nobody" on private.stripe_events for all to public using (false);

create policy "own, read" on public.interviews for select to authenticated using (user_id = (select auth.uid()));
create policy "own, delete" on public.interviews for delete to authenticated using (user_id = (select auth.uid()));
create policy "own, add while Pro" on public.interviews for insert to authenticated
  with check (user_id = (select auth.uid()) and exists
    (select from public.subscriptions s where s.user_id = (select auth.uid()) and s.pro_until > now()));
create policy "own, change while Pro" on public.interviews for update to authenticated
  using (user_id = (select auth.uid()))
  with check (user_id = (select auth.uid()) and exists
    (select from public.subscriptions s where s.user_id = (select auth.uid()) and s.pro_until > now()));

create policy "own, read" on public.interview_turns for select to authenticated using (user_id = (select auth.uid()));
create policy "own, delete" on public.interview_turns for delete to authenticated using (user_id = (select auth.uid()));
create policy "own, add while Pro" on public.interview_turns for insert to authenticated
  with check (user_id = (select auth.uid())
    and exists (select from public.interviews i where i.id = interview_id and i.user_id = (select auth.uid()))
    and exists (select from public.subscriptions s where s.user_id = (select auth.uid()) and s.pro_until > now()));
create policy "own, change while Pro" on public.interview_turns for update to authenticated
  using (user_id = (select auth.uid()))
  with check (user_id = (select auth.uid()) and exists
    (select from public.subscriptions s where s.user_id = (select auth.uid()) and s.pro_until > now()));

create function private.apply_privileges() returns void
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
  grant insert (id, session_id, title, started_at, ended_at), update (title, ended_at), delete
    on public.interviews to authenticated;
  grant insert (interview_id, turn_no, speaker, body, at_ms), update (body), delete
    on public.interview_turns to authenticated;

  grant usage on schema private to copilot_backend;
  grant execute on function
    private.post, private.save_subscription, private.record_stripe_event, private.set_customer,
    private.user_of_customer, private.ledger, private.ledger_of_payment,
    private.open_session, private.set_paused, private.stop_session, private.heartbeat, private.disconnect,
    private.tick, private.account, private.sessions, private.now
    to copilot_backend;
end $$;
select private.apply_privileges();
