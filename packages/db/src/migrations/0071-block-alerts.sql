-- What goes wrong with a block is told to people, once, and taken back when it is over.

-- Since when a block, and its part on a device, are in their state: what stays too long in one of them is in doubt.
alter table block add column state_since timestamptz(3) not null default clock_timestamp();
alter table block_device add column state_since timestamptz(3) not null default clock_timestamp();
-- Null while the device answers.
alter table device add column unreachable_since timestamptz(3);

create function weir_state_since() returns trigger language plpgsql as $$
begin
  new.state_since := clock_timestamp();
  return new;
end
$$;
create trigger block_state_since before update on block for each row when (old.state is distinct from new.state) execute function weir_state_since();
create trigger block_device_state_since before update on block_device for each row when (old.state is distinct from new.state)
  execute function weir_state_since();

-- Leaks of flows too old to be read again at every look, and up to when they are in it.
alter table block add column leak_base jsonb not null default '[]';
alter table block add column leak_base_until timestamptz(3);

create table block_alert (
  id bigint generated always as identity primary key,
  kind text not null check (kind in ('block_leaking', 'block_in_doubt', 'block_expiry_unconfirmed', 'block_device_unreachable')),
  -- One block, or one device with all the blocks on it.
  block_id text references block (id) on delete cascade,
  device_id text references device (id) on delete cascade,
  blocks text[] not null,
  text text not null,
  raised_at timestamptz(3) not null default clock_timestamp(),
  -- The condition has not held since; null while it holds.
  gone_since timestamptz(3),
  cleared_at timestamptz(3),
  check (num_nonnulls(block_id, device_id) = 1)
);
create unique index block_alert_open_idx on block_alert (kind, coalesce(block_id, ''), coalesce(device_id, '')) where cleared_at is null;
create index block_alert_raised_idx on block_alert (raised_at desc);

-- Messages about them leave through the same box as those about anomalies.
alter table notification alter column anomaly_id drop not null;
alter table notification add column alert_id bigint references block_alert (id) on delete cascade;
alter table notification add constraint notification_about_one check (num_nonnulls(anomaly_id, alert_id) = 1);
create unique index notification_alert_idx on notification (alert_id, kind, channel) where alert_id is not null;

-- A line of a block's history is news too: a device that answered, an alert.
create function weir_block_line_told() returns trigger language plpgsql as $$
begin
  perform pg_notify('weir_block', json_build_object('id', new.block_id, 'state', (select state from block where id = new.block_id))::text);
  return null;
end
$$;
create trigger block_event_told after insert on block_event for each row execute function weir_block_line_told();
