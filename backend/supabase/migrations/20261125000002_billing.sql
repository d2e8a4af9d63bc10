-- What was paid for, beside the ledger that holds the minutes.
--
-- A payment is a pack's checkout session or a Pro month's invoice, under
-- Stripe's id. Its purchase is posted once, when it is first saved. What is
-- refunded, or held by a dispute, is a state of the payment and not a movement:
-- private.set_lost brings the ledger to it from wherever the ledger is. So the
-- order in which news of a payment arrives does not matter, nor how often.
create table private.payments (
  id text primary key,
  user_id uuid not null,
  price text not null,                    -- our name of it
  title text not null,                    -- for the receipt
  minutes integer not null check (minutes >= 0),
  amount_cents integer not null check (amount_cents > 0),
  currency text not null,
  checkout_id text unique,
  intent_id text,
  paid_at timestamptz not null,           -- by Stripe's clock
  saved_at timestamptz not null,
  lost_cents integer not null default 0 check (lost_cents between 0 and amount_cents),
  lost_as_of timestamptz not null default '-infinity',
  taken_back integer not null default 0 check (taken_back between 0 and minutes),
  moves integer not null default 0        -- of minutes, taken or returned; names the next
);
create index payments_user on private.payments (user_id, paid_at desc);
alter table private.payments enable row level security;
create policy "nobody" on private.payments for all to public using (false);

-- A click on "buy", kept for as long as a second click means the same one.
create table private.checkout_attempts (
  user_id uuid not null references public.user_credits (user_id) on delete cascade,
  price text not null,
  attempt uuid not null,
  begun_at timestamptz not null,
  primary key (user_id, price)
);
alter table private.checkout_attempts enable row level security;
create policy "nobody" on private.checkout_attempts for all to public using (false);

-- The attempt that a click belongs to: that of another click at most 30 s ago,
-- or a new one. Clicks at the same moment wait for each other here.
create function private.checkout_attempt(p_user uuid, p_price text) returns uuid
language plpgsql security definer set search_path = '' as $$
declare
  v_now timestamptz := private.now();
  v_attempt uuid;
begin
  insert into private.checkout_attempts as a (user_id, price, attempt, begun_at)
    values (p_user, p_price, gen_random_uuid(), v_now)
    on conflict (user_id, price) do update
      set attempt = case when v_now - a.begun_at between interval '-30 seconds' and interval '30 seconds'
            then a.attempt else excluded.attempt end,
          begun_at = case when v_now - a.begun_at between interval '-30 seconds' and interval '30 seconds'
            then a.begun_at else excluded.begun_at end
    returning attempt into v_attempt;
  return v_attempt;
exception when foreign_key_violation then
  raise exception 'no such account' using errcode = 'CP001';
end $$;

-- Saves a payment and posts its purchase; true the first time. The same id for
-- something else is refused (CP002).
create function private.save_payment(
  p_user uuid, p_id text, p_price text, p_title text, p_minutes integer, p_amount_cents integer, p_currency text,
  p_checkout text, p_intent text, p_paid_at timestamptz, p_event text
) returns boolean
language plpgsql security definer set search_path = '' as $$
declare
  old private.payments;
begin
  perform from public.user_credits where user_id = p_user for update;
  if not found then
    raise exception 'no such account' using errcode = 'CP001';
  end if;
  select * into old from private.payments where id = p_id;
  if found then
    if (old.user_id, old.price) is distinct from (p_user, p_price) then
      raise exception 'payment % was another one', p_id using errcode = 'CP002';
    end if;
    -- News of an invoice may come before news of its checkout.
    update private.payments set checkout_id = p_checkout
      where id = p_id and checkout_id is null and p_checkout is not null;
    return false;
  end if;
  insert into private.payments (id, user_id, price, title, minutes, amount_cents, currency, checkout_id, intent_id, paid_at, saved_at)
    values (p_id, p_user, p_price, p_title, p_minutes, p_amount_cents, p_currency, p_checkout, p_intent, p_paid_at, private.now());
  if p_minutes > 0 then
    perform private.post(p_user, 'purchase', p_minutes, 'payment:' || p_id, null, p_amount_cents, p_currency,
      p_checkout, p_intent, p_event, p_title);
  end if;
  delete from private.checkout_attempts where user_id = p_user and price = p_price; -- the next click is another one
  return true;
end $$;

-- Brings the ledger to what is lost of a payment's money now: minutes go in the
-- same share, rounded down, and come back when money does (billing.TakenBack is
-- the rule). News older than what is known changes nothing, nor does news of a
-- payment that was not saved. True: the ledger or the payment has changed.
create function private.set_lost(p_id text, p_cents integer, p_note text, p_as_of timestamptz, p_event text) returns boolean
language plpgsql security definer set search_path = '' as $$
declare
  p private.payments;
  v_cents integer;
  v_back integer;
begin
  perform from public.user_credits c join private.payments q on q.user_id = c.user_id where q.id = p_id for update of c;
  if not found then
    return false;
  end if;
  select * into p from private.payments where id = p_id;
  v_cents := least(greatest(p_cents, 0), p.amount_cents);
  if p.lost_as_of > p_as_of then
    return false;
  end if;
  v_back := p.minutes * v_cents / p.amount_cents;
  update private.payments
    set lost_cents = v_cents, lost_as_of = p_as_of, taken_back = v_back, moves = p.moves + (v_back <> p.taken_back)::integer
    where id = p_id;
  if v_back <> p.taken_back then
    perform private.post(p.user_id, case when v_back > p.taken_back then 'refund' else 'adjustment' end,
      p.taken_back - v_back, 'lost:' || p_id || ':' || p.moves, null, p.lost_cents - v_cents, p.currency, p.checkout_id,
      p.intent_id, p_event, case when v_back > p.taken_back then p_note else 'Returned' end);
  end if;
  return v_cents <> p.lost_cents;
end $$;

-- As before, but true only when something is new: what is asked for again every
-- few minutes must not wake sessions.
create or replace function private.save_subscription(
  p_user uuid, p_subscription text, p_plan text, p_status text,
  p_period_start timestamptz, p_period_end timestamptz, p_cancel boolean, p_as_of timestamptz
) returns boolean
language plpgsql security definer set search_path = '' as $$
declare
  old public.subscriptions;
begin
  perform from public.user_credits where user_id = p_user for update;
  if not found then
    raise exception 'no such account' using errcode = 'CP001';
  end if;
  select * into old from public.subscriptions where stripe_subscription_id = p_subscription;
  insert into public.subscriptions as s (stripe_subscription_id, user_id, plan, status, period_start, period_end,
      cancel_at_period_end, pro_until, as_of, updated_at)
    values (p_subscription, p_user, p_plan, p_status, p_period_start, p_period_end, p_cancel,
      private.pro_until(p_status, p_period_start, p_period_end, p_cancel), p_as_of, private.now())
    on conflict (stripe_subscription_id) do update set plan = excluded.plan, status = excluded.status,
      period_start = excluded.period_start, period_end = excluded.period_end,
      cancel_at_period_end = excluded.cancel_at_period_end, pro_until = excluded.pro_until,
      as_of = excluded.as_of, updated_at = excluded.updated_at
    where s.user_id = excluded.user_id and s.as_of <= excluded.as_of;
  if not found or (old.plan, old.status, old.period_start, old.period_end, old.cancel_at_period_end)
      is not distinct from (p_plan, p_status, p_period_start, p_period_end, p_cancel) then
    return false;
  end if;
  perform private.account_changed(p_user);
  return true;
end $$;

-- The time from which on what Stripe says is newer than all that was saved so
-- far; null when the event was handled already, so that Stripe need not be asked.
create function private.event_clock(p_event text) returns timestamptz
language sql volatile security definer set search_path = '' as $$
  select case when not exists (select from private.stripe_events where id = p_event) then private.now() end
$$;

-- Brings the books to what Stripe says, all of it or nothing, and records the
-- event it is known by (null: reconciliation). Whose it is, the customer tells.
--   duplicate   the event was handled before
--   fulfilled   something has changed; known: nothing had to
--   mismatch    not what we sell, or made for another person than pays: nothing
--               is granted; money that went back still counts
--   no_account  paid by a customer who has no account
create function private.book(p_event text, p_type text, p_created timestamptz, f jsonb) returns text
language plpgsql security definer set search_path = '' as $$
declare
  v_user uuid;
  v_as_of timestamptz := f ->> 'as_of';
  p jsonb := f -> 'payment';
  s jsonb := f -> 'subscription';
  l jsonb := f -> 'loss';
  v_new boolean := false;
  v_changed boolean := false;
begin
  if p_event is not null and not private.record_stripe_event(p_event, p_type, p_created) then
    return 'duplicate';
  end if;
  v_user := private.user_of_customer(f ->> 'customer');
  if v_user is null then
    return 'no_account';
  end if;
  if f ->> 'reference' <> v_user::text then
    return 'mismatch';
  end if;
  if p is not null then
    v_new := private.save_payment(v_user, p ->> 'id', p ->> 'price', p ->> 'title', (p ->> 'minutes')::integer,
      (p ->> 'amount_cents')::integer, p ->> 'currency', p ->> 'checkout_id', p ->> 'intent_id',
      (p ->> 'paid_at')::timestamptz, p_event);
    v_changed := v_new;
  end if;
  if s is not null then
    v_changed := private.save_subscription(v_user, s ->> 'id', s ->> 'plan', s ->> 'status', (s ->> 'period_start')::timestamptz,
      (s ->> 'period_end')::timestamptz, (s ->> 'cancel_at_period_end')::boolean, v_as_of) or v_changed;
  end if;
  if v_new and l ->> 'payment_id' = p ->> 'id' and (l ->> 'cents')::integer <= 0 then
    -- What set_lost would do, and nearly every payment is like this.
    update private.payments set lost_as_of = v_as_of where id = p ->> 'id';
  elsif l is not null then
    v_changed := private.set_lost(l ->> 'payment_id', (l ->> 'cents')::integer,
      case when (l ->> 'disputed')::boolean then 'Disputed' else 'Refunded' end, v_as_of, p_event) or v_changed;
  end if;
  return case when (f ->> 'refused')::boolean then 'mismatch' when v_changed then 'fulfilled' else 'known' end;
end $$;

-- A person's payments for their receipts, newest first.
create function private.payments_of(p_user uuid, p_before timestamptz, p_limit integer) returns setof private.payments
language sql stable security definer set search_path = '' as $$
  select * from private.payments where user_id = p_user and (p_before is null or paid_at < p_before)
    order by paid_at desc, saved_at desc limit p_limit
$$;

-- What a payment page's return shows to whoever knows its id: that it is paid
-- and, for an hour, what the account has now.
create function private.checkout_state(p_checkout text)
returns table (price text, fresh boolean, balance integer, pro boolean)
language sql stable security definer set search_path = '' as $$
  select p.price, p.saved_at > private.now() - interval '1 hour', c.balance,
      exists (select from public.subscriptions s where s.user_id = p.user_id and s.pro_until > private.now())
    from private.payments p join public.user_credits c on c.user_id = p.user_id
    where p.checkout_id = p_checkout
$$;

-- As before, and the functions above; those that only private.book calls now
-- are nobody's.
alter function private.apply_privileges() rename to apply_earlier_privileges;
create function private.apply_privileges() returns void
language plpgsql security invoker set search_path = '' as $$
begin
  perform private.apply_earlier_privileges();
  grant execute on function private.checkout_attempt, private.event_clock, private.book, private.payments_of,
    private.checkout_state to copilot_backend;
  revoke execute on function private.record_stripe_event, private.user_of_customer, private.save_subscription,
    private.ledger_of_payment from copilot_backend;
end $$;
select private.apply_privileges();
