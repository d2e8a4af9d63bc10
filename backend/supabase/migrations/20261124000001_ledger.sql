-- Accounts and the ledger.
--
-- Everything that moves minutes happens in functions of the schema `private`,
-- which PostgREST does not expose. They run with their owner's rights and only
-- the backend's own role may call them (private.apply_privileges, last file).
--
-- The backend signs in as copilot_backend. It has no password yet; the owner
-- gives it one, once, in the SQL editor:
--     alter role copilot_backend password '<a long random one>';
-- and puts it into SUPABASE_DB_URL
-- (through the pooler the user is copilot_backend.<project ref>).

do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'copilot_backend') then
    create role copilot_backend login noinherit;
  end if;
end $$;
-- In the role, not in the connection: a transaction pooler keeps no settings.
alter role copilot_backend set statement_timeout = '10s';
alter role copilot_backend set lock_timeout = '3s';
alter role copilot_backend set idle_in_transaction_session_timeout = '15s';

create schema private;

-- The one clock of metering. Time is an input: tests replace this function in
-- their own database and can replay any minute. Nothing else reads a clock, no
-- setting or argument can shift it, and the backend's role cannot replace it.
create function private.now() returns timestamptz
language sql volatile security definer set search_path = '' as $$
  select clock_timestamp()
$$;

-- Settings of the owner, one row:
--     update private.settings set welcome_minutes = 10;
create table private.settings (
  one boolean primary key default true check (one),
  welcome_minutes integer not null default 0 check (welcome_minutes between 0 and 600)
);
insert into private.settings default values;

-- One row for each person. debt is what a claw-back could not take because the
-- minutes were used already; the next purchase settles it first. So there is
-- never a balance beside a debt. The row is also the person's lock: whatever
-- changes both money and sessions takes this row first.
create table public.user_credits (
  user_id uuid primary key references auth.users (id) on delete cascade,
  balance integer not null default 0 constraint balance_not_negative check (balance >= 0),
  debt integer not null default 0 constraint debt_not_negative check (debt >= 0),
  stripe_customer_id text unique,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint debt_settled_first check (balance = 0 or debt = 0)
) with (fillfactor = 80);

-- What happened to the minutes, forever. minutes changes the balance, debt the
-- debt; minutes - debt is what was bought, taken back or given. The sums over a
-- person's rows are the balance and the debt.
--
-- A usage row's key is (session_id, minute_no): a minute that has its row is
-- charged, and cannot be charged again. Every other row has an idempotency key.
-- No foreign keys: the rows are written in the thousands by functions that hold
-- the rows they name, and the books outlive an account that is deleted.
create table public.credit_ledger (
  id bigint generated always as identity primary key,
  user_id uuid not null,
  kind text not null,
  minutes integer not null,
  debt integer not null default 0,
  idempotency_key text,
  session_id uuid,
  minute_no integer,
  amount_cents integer,
  currency text,
  stripe_checkout_id text,
  stripe_payment_id text,
  stripe_event_id text,
  note text,
  created_at timestamptz not null,
  constraint kind_and_sign check (
    case kind
      when 'usage' then minutes in (0, -1) and debt = 0
      when 'purchase' then minutes >= 0 and debt <= 0 and minutes - debt > 0
      when 'refund' then minutes <= 0 and debt >= 0 and minutes - debt < 0
      when 'adjustment' then minutes - debt <> 0
        and (minutes >= 0 and debt <= 0 or minutes <= 0 and debt >= 0)
      else false
    end),
  constraint usage_has_a_minute check (
    case when kind = 'usage' then session_id is not null and minute_no >= 1 and idempotency_key is null
      else minute_no is null and idempotency_key is not null end)
);
create unique index credit_ledger_minute on public.credit_ledger (session_id, minute_no) where kind = 'usage';
create unique index credit_ledger_key on public.credit_ledger (idempotency_key) where idempotency_key is not null;
create index credit_ledger_user on public.credit_ledger (user_id, id);
create index credit_ledger_payment on public.credit_ledger (stripe_payment_id) where stripe_payment_id is not null;

create function private.refuse_change() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  raise exception 'the ledger is append-only' using errcode = 'restrict_violation';
end $$;
create trigger append_only before update or delete on public.credit_ledger
  for each statement execute function private.refuse_change();
create trigger append_only_truncate before truncate on public.credit_ledger
  for each statement execute function private.refuse_change();

-- What Stripe last said of a subscription. pro_until follows from it by the
-- rule in private.save_subscription; what a person may do is computed from it.
create table public.subscriptions (
  stripe_subscription_id text primary key,
  user_id uuid not null references auth.users (id) on delete cascade,
  plan text not null,
  status text not null,
  period_start timestamptz not null,
  period_end timestamptz not null,
  cancel_at_period_end boolean not null default false,
  pro_until timestamptz not null,
  as_of timestamptz not null,
  updated_at timestamptz not null
);
create index subscriptions_user on public.subscriptions (user_id, pro_until);

-- Which events of Stripe were handled: at least once becomes once.
create table private.stripe_events (
  id text primary key,
  type text not null,
  created_at timestamptz not null,
  received_at timestamptz not null
);

create type private.posted as (applied boolean, balance integer, debt integer);

-- Adds a row that is not usage: p_minutes is what was bought (above zero), taken
-- back (below), or given. The same key again changes nothing and says applied =
-- false; the same key for something else is refused (CP002).
create function private.post(
  p_user uuid, p_kind text, p_minutes integer, p_key text, p_session uuid,
  p_amount_cents integer, p_currency text, p_checkout text, p_payment text, p_event text, p_note text
) returns private.posted
language plpgsql security definer set search_path = '' as $$
declare
  c public.user_credits;
  old public.credit_ledger;
  d_minutes integer;
  d_debt integer;
begin
  if p_kind = 'usage' then
    raise exception 'usage is charged by the meter' using errcode = 'invalid_parameter_value';
  end if;
  select * into c from public.user_credits where user_id = p_user for update;
  if not found then
    raise exception 'no such account' using errcode = 'CP001';
  end if;

  select * into old from public.credit_ledger where idempotency_key = p_key;
  if found then
    if (old.user_id, old.kind, old.minutes - old.debt) is distinct from (p_user, p_kind, p_minutes) then
      raise exception 'idempotency key % was used for another entry', p_key using errcode = 'CP002';
    end if;
    return (false, c.balance, c.debt);
  end if;

  if p_minutes >= 0 then
    d_debt := -least(p_minutes, c.debt);
    d_minutes := p_minutes + d_debt;
  else
    d_minutes := -least(-p_minutes, c.balance);
    d_debt := d_minutes - p_minutes;
  end if;
  insert into public.credit_ledger (user_id, kind, minutes, debt, idempotency_key, session_id, amount_cents,
      currency, stripe_checkout_id, stripe_payment_id, stripe_event_id, note, created_at)
    values (p_user, p_kind, d_minutes, d_debt, p_key, p_session, p_amount_cents,
      p_currency, p_checkout, p_payment, p_event, p_note, private.now());
  update public.user_credits set balance = balance + d_minutes, debt = debt + d_debt, updated_at = private.now()
    where user_id = p_user;
  perform private.account_changed(p_user);
  return (true, c.balance + d_minutes, c.debt + d_debt);
end $$;

-- Tells the instance that holds the person's session: by a notification at
-- once, and by the next tick where notifications do not pass (a pooler).
create function private.account_changed(p_user uuid) returns void
language plpgsql security definer set search_path = '' as $$
begin
  update public.interview_sessions set tick_at = '-infinity' where user_id = p_user and ended_at is null;
  perform pg_catalog.pg_notify('copilot_account', p_user::text);
end $$;

-- Until when does a subscription in this state make somebody Pro?
--   active, trialing: to the end of the period, and a day longer for the news
--     of the renewal to arrive, unless it was cancelled to the period's end;
--   past_due: three days into the unpaid period; anything else: not at all.
create function private.pro_until(
  p_status text, p_period_start timestamptz, p_period_end timestamptz, p_cancel boolean
) returns timestamptz
language sql stable security definer set search_path = '' as $$
  select case
    when p_status in ('active', 'trialing') and p_cancel then p_period_end
    when p_status in ('active', 'trialing') then p_period_end + interval '24 hours'
    when p_status = 'past_due' then p_period_start + interval '72 hours'
    else '-infinity'
  end
$$;

-- Keeps the newest state of a subscription: what is older than what is known
-- (p_as_of) changes nothing, so the order of Stripe's events does not matter.
create function private.save_subscription(
  p_user uuid, p_subscription text, p_plan text, p_status text,
  p_period_start timestamptz, p_period_end timestamptz, p_cancel boolean, p_as_of timestamptz
) returns boolean
language plpgsql security definer set search_path = '' as $$
begin
  perform from public.user_credits where user_id = p_user for update;
  if not found then
    raise exception 'no such account' using errcode = 'CP001';
  end if;
  insert into public.subscriptions as s (stripe_subscription_id, user_id, plan, status, period_start, period_end,
      cancel_at_period_end, pro_until, as_of, updated_at)
    values (p_subscription, p_user, p_plan, p_status, p_period_start, p_period_end, p_cancel,
      private.pro_until(p_status, p_period_start, p_period_end, p_cancel), p_as_of, private.now())
    on conflict (stripe_subscription_id) do update set plan = excluded.plan, status = excluded.status,
      period_start = excluded.period_start, period_end = excluded.period_end,
      cancel_at_period_end = excluded.cancel_at_period_end, pro_until = excluded.pro_until,
      as_of = excluded.as_of, updated_at = excluded.updated_at
    where s.user_id = excluded.user_id and s.as_of <= excluded.as_of;
  if not found then
    return false;
  end if;
  perform private.account_changed(p_user);
  return true;
end $$;

-- True the first time an event is seen; false ever after.
create function private.record_stripe_event(p_id text, p_type text, p_created timestamptz) returns boolean
language plpgsql security definer set search_path = '' as $$
begin
  insert into private.stripe_events (id, type, created_at, received_at)
    values (p_id, p_type, p_created, private.now()) on conflict (id) do nothing;
  return found;
end $$;

-- Remembers a person's Stripe customer; the first one stays and is returned.
create function private.set_customer(p_user uuid, p_customer text) returns text
language sql volatile security definer set search_path = '' as $$
  update public.user_credits set stripe_customer_id = coalesce(stripe_customer_id, p_customer)
    where user_id = p_user returning stripe_customer_id
$$;

create function private.user_of_customer(p_customer text) returns uuid
language sql stable security definer set search_path = '' as $$
  select user_id from public.user_credits where stripe_customer_id = p_customer
$$;

-- Entries of a person, newest first, before an id (null: from the newest).
create function private.ledger(p_user uuid, p_before bigint, p_limit integer) returns setof public.credit_ledger
language sql stable security definer set search_path = '' as $$
  select * from public.credit_ledger
    where user_id = p_user and (p_before is null or id < p_before)
    order by id desc limit p_limit
$$;

-- Every entry that bears a payment's id: the purchase and what was taken back.
create function private.ledger_of_payment(p_payment text) returns setof public.credit_ledger
language sql stable security definer set search_path = '' as $$
  select * from public.credit_ledger where stripe_payment_id = p_payment order by id
$$;

create function private.open_account() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  welcome integer;
begin
  insert into public.user_credits (user_id) values (new.id) on conflict do nothing;
  select welcome_minutes into welcome from private.settings;
  if welcome > 0 then
    perform private.post(new.id, 'adjustment', welcome, 'welcome:' || new.id, null, null, null, null, null, null, 'Welcome');
  end if;
  return new;
end $$;
create trigger open_copilot_account after insert on auth.users
  for each row execute function private.open_account();
insert into public.user_credits (user_id) select id from auth.users on conflict do nothing;
