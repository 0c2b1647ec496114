-- Changes of what blocks may touch and of what carries them, which one admin proposes and another approves.
create table admin_change (
  id bigint generated always as identity primary key,
  kind text not null,
  subject text not null,
  -- What is done on approval: the same body that the route took.
  body jsonb not null,
  reason text,
  proposer text not null,
  created_at timestamptz(3) not null default now(),
  expires_at timestamptz(3) not null,
  state text not null default 'open' check (state in ('open', 'applied', 'withdrawn', 'refused', 'expired')),
  decided_by text,
  decided_at timestamptz(3),
  decision_reason text,
  check (state <> 'applied' or decided_by <> proposer),
  check (state = 'open' or decided_at is not null)
);
create index admin_change_open_idx on admin_change (expires_at) where state = 'open';
-- One proposal at a time about one thing: two that contradict each other would both look right to whoever approves.
create unique index admin_change_subject_idx on admin_change (subject) where state = 'open';
create index admin_change_decided_idx on admin_change (decided_at desc) where state <> 'open';
