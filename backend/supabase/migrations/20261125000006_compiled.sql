-- As before, and compiled once a connection: Postgres parses and plans a
-- function of language sql that cannot be inlined for each statement anew, and
-- these three are called with every webhook and every tick.
create or replace function private.now() returns timestamptz
language plpgsql volatile security definer set search_path = '' as $$
begin
  return clock_timestamp();
end $$;

create or replace function private.event_clock(p_event text) returns timestamptz
language plpgsql volatile security definer set search_path = '' as $$
begin
  if exists (select from private.stripe_events where id = p_event) then
    return null;
  end if;
  return private.now();
end $$;

create or replace function private.user_of_customer(p_customer text) returns uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  return (select user_id from public.user_credits where stripe_customer_id = p_customer);
end $$;
