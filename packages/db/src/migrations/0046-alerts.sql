-- The alerts of Weir itself (a database that is away, an exporter that is silent): one row for each time one was on.
create table alert (
  id bigint generated always as identity primary key,
  -- Which collector says so.
  collector text not null,
  name text not null,
  -- What it is about: an exporter's address, a port; '' when there is only one.
  subject text not null default '',
  severity text not null check (severity in ('page', 'ticket', 'warn')),
  value double precision not null,
  sentence text not null,
  counter text not null,
  runbook text not null,
  since timestamptz not null,
  last_seen timestamptz not null default now(),
  ended_at timestamptz
);
create unique index alert_open_idx on alert (collector, name, subject) where ended_at is null;
create index alert_since_idx on alert (since);
