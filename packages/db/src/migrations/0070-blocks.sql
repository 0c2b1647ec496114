-- The block path: what was simulated, asked for, approved, put on devices, proven and ended.

create table device (
  id text primary key check (id ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
  name text not null,
  dialect text not null,
  transport text not null check (transport in ('local', 'ssh', 'gobgp', 'none')),
  address text,
  -- Never a secret: keys and passwords are files of the machine that enforces.
  config jsonb not null default '{}',
  -- Exporters that see what the device lets through.
  exporter_ids integer[] not null default '{}',
  created_at timestamptz not null default now(),
  -- As the enforcer last found it; null: not asked yet.
  reachable boolean,
  checked_at timestamptz,
  last_error text
);

create table protected_prefix (
  prefix cidr primary key,
  reason text not null check (length(btrim(reason)) > 0),
  created_by text not null,
  created_at timestamptz not null default now()
);

create table simulation (
  id text primary key,
  created_at timestamptz(3) not null default now(),
  requester text not null,
  intent jsonb not null,
  result jsonb not null
);
create index simulation_created_idx on simulation (created_at);

create table block (
  id text primary key,
  state text not null check (state in ('pending_approval', 'approved', 'applying', 'enforced', 'verified', 'leaking', 'withdrawing', 'expired',
    'withdrawn', 'failed', 'refused')),
  intent jsonb not null,
  sentence text not null,
  -- SHA-256 over the intent and every device's text: what two persons agree on.
  hash text not null check (hash ~ '^[0-9a-f]{64}$'),
  verdict jsonb not null,
  simulation_id text references simulation (id),
  emergency_reason text,
  collateral_share double precision,
  requester text not null,
  requester_role text not null,
  requested_at timestamptz(3) not null,
  requester_step_up_at timestamptz(3) not null,
  approver text,
  approver_role text,
  approved_at timestamptz(3),
  approver_step_up_at timestamptz(3),
  approved_hash text,
  -- Set before the first device is touched; nothing moves it later.
  expires_at timestamptz(3),
  enforced_at timestamptz(3),
  -- What `withdrawing` ends in, who wanted it and why.
  end_state text check (end_state in ('expired', 'withdrawn')),
  ended_by text,
  end_reason text,
  ended_at timestamptz(3),
  -- Matched traffic after this moment is a leak.
  proof_since timestamptz(3),
  verified_at timestamptz(3),
  verified_by text check (verified_by in ('flows', 'counters')),
  leaked_bytes double precision not null default 0,
  leaks jsonb not null default '[]',
  rate_before double precision,
  proof_note text,
  check (approver is null or approver <> requester)
);
create index block_state_idx on block (state);
create index block_requested_idx on block (requested_at desc, id desc);

create table block_device (
  block_id text not null references block (id) on delete cascade,
  device_id text not null references device (id),
  slot integer not null check (slot between 0 and 9999),
  state text not null check (state in ('waiting', 'applying', 'applied', 'removing', 'removed', 'unreachable', 'failed', 'manual')),
  apply text not null,
  undo text not null,
  hash text not null,
  attempts integer not null default 0,
  last_error text,
  applied_at timestamptz(3),
  seen_at timestamptz(3),
  removed_at timestamptz(3),
  packets bigint,
  bytes bigint,
  reasserted integer not null default 0,
  primary key (block_id, device_id)
);
-- One live rule per slot of a device.
create unique index block_device_slot_idx on block_device (device_id, slot) where removed_at is null;

create table block_event (
  id bigint generated always as identity primary key,
  block_id text not null references block (id) on delete cascade,
  at timestamptz(3) not null default clock_timestamp(),
  kind text not null,
  actor text,
  device_id text,
  text text not null
);
create index block_event_block_idx on block_event (block_id, id);

-- Every listener is told at commit; the payload is a hint, the truth is in the tables.
create function weir_block_told() returns trigger language plpgsql as $$
begin
  perform pg_notify('weir_block', json_build_object('id', new.id, 'state', new.state)::text);
  return null;
end
$$;
create trigger block_inserted after insert on block for each row execute function weir_block_told();
create trigger block_changed after update on block for each row when (old.state is distinct from new.state) execute function weir_block_told();

insert into setting (key, value) values ('collateral_ceiling', '0.01') on conflict (key) do nothing;
