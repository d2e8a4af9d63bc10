-- Saved interviews, a part of Pro. People reach these tables directly, under
-- row level security: everybody reads and deletes what is their own, also after
-- Pro has ended; adding and changing needs Pro.

create table public.interviews (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null default auth.uid() references auth.users (id) on delete cascade,
  session_id uuid,
  title text not null default '' check (length(title) <= 200),
  started_at timestamptz not null default now(),
  ended_at timestamptz,
  created_at timestamptz not null default now()
);
create index interviews_user on public.interviews (user_id, started_at desc);

create table public.interview_turns (
  interview_id uuid not null references public.interviews (id) on delete cascade,
  turn_no integer not null check (turn_no between 0 and 100000),
  user_id uuid not null default auth.uid() references auth.users (id) on delete cascade,
  speaker text not null check (speaker in ('interviewer', 'candidate', 'answer')),
  body text not null check (length(body) <= 20000),
  at_ms bigint not null default 0 check (at_ms >= 0),
  created_at timestamptz not null default now(),
  primary key (interview_id, turn_no)
);
create index interview_turns_user on public.interview_turns (user_id);
