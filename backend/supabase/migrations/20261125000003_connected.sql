-- An account tells whether its session is connected: time without a connection
-- is free, so it has no answers either.
drop function private.account(uuid);
create function private.account(p_user uuid) returns table (
  balance integer, debt integer, customer_id text, pro boolean, status text,
  period_end timestamptz, cancel_at_period_end boolean,
  session_id uuid, session_lease integer, session_connected boolean, session_paused boolean, session_unlimited boolean)
language plpgsql security definer set search_path = '' as $$
#variable_conflict use_column
declare
  v_now timestamptz := private.now();
begin
  return query
  select c.balance, c.debt, c.stripe_customer_id, coalesce(b.pro_until > v_now, false), b.status,
      b.period_end, b.cancel_at_period_end, s.id, s.lease, s.connected, s.paused, s.unlimited
    from public.user_credits c
    left join lateral (select * from public.subscriptions b where b.user_id = c.user_id
      order by b.pro_until desc, b.as_of desc limit 1) b on true
    left join public.interview_sessions s
      on s.user_id = c.user_id and s.ended_at is null and s.lease_until >= v_now
    where c.user_id = p_user;
end $$;

select private.apply_privileges();
