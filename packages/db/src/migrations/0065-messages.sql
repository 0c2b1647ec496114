-- Messages of Weir about itself: a test that an admin sends, and an alert such as an audit log that takes no entries. Their numbers are from the
-- sequence of the other messages, so that a receiver tells all of them apart by one number.
create table system_message (
  id bigint primary key default nextval('notification_id_seq'),
  kind text not null check (kind in ('test', 'raised', 'cleared')),
  -- The alert's name, or 'test'.
  about text not null,
  class text not null check (class in ('page', 'ticket')),
  channel text not null,
  payload jsonb not null,
  created_at timestamptz not null default now(),
  due_at timestamptz not null default now(),
  attempts integer not null default 0,
  sent_at timestamptz,
  failed_at timestamptz,
  last_error text,
  -- What the receiver said to the try that worked: '204 in 38 ms'.
  answer text
);
create index system_message_due_idx on system_message (due_at) where sent_at is null and failed_at is null;
create index system_message_created_idx on system_message (created_at);
