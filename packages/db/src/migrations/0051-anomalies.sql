-- What the detectors found, and what people decided about it.
create table anomaly (
  -- Made from detector, entity and start, so that live and back-test name the same anomaly alike and a restart cannot open it twice.
  id text primary key,
  detector text not null,
  entity text not null,
  severity text not null check (severity in ('info', 'warning', 'critical')),
  actor text,
  target text,
  state text not null default 'new' check (state in ('new', 'acknowledged', 'confirmed', 'dismissed', 'closed')),
  first_seen timestamptz not null,
  last_seen timestamptz not null,
  -- Null while findings keep coming.
  ended_at timestamptz,
  findings integer not null,
  -- The anomaly that explains this one; no reference, for either may be stored first.
  parent text,
  group_key text not null,
  paged boolean not null default false,
  suppressed_by bigint,
  trust text not null check (trust in ('ok', 'low', 'hold')),
  -- The latest finding.
  window_from timestamptz not null,
  window_to timestamptz not null,
  finding_first timestamptz not null,
  statistic text not null,
  unit text not null,
  value double precision not null,
  expected double precision,
  threshold double precision not null,
  sentence text not null,
  parts jsonb not null,
  fresh jsonb not null,
  filter text not null,
  windows integer not null,
  -- The state of the telemetry when it was found.
  quality jsonb not null default '{}',
  -- Exact flow rows, copied, so that they outlive the retention of flows; null until they were found.
  evidence jsonb,
  -- The last decision: who ('person:<id>', 'token:<id>', as in the audit log), when and why.
  changed_by text,
  changed_at timestamptz,
  reason text
);
create index anomaly_first_seen_idx on anomaly (first_seen desc, id desc);
create index anomaly_active_idx on anomaly (last_seen) where ended_at is null;
create index anomaly_parent_idx on anomaly (parent) where parent is not null;
create index anomaly_group_idx on anomaly (group_key, first_seen desc);

-- Everything that happened to an anomaly, in the order in which it was committed: a reader who has seen id n has missed nothing below it.
create table anomaly_event (
  id bigint primary key,
  anomaly_id text not null references anomaly (id) on delete cascade,
  kind text not null,
  at timestamptz not null,
  -- Who did it; null for the detectors.
  actor text,
  reason text,
  state text not null,
  severity text not null
);
create index anomaly_event_anomaly_idx on anomaly_event (anomaly_id, id);
create sequence anomaly_event_id as bigint owned by anomaly_event.id;

-- Writes an event and tells every listener at commit. The lock is held until then: numbers given out in one order and committed in another
-- would let a reader that catches up by number miss one.
create function weir_anomaly_event(of text, what text, moment timestamptz, who text, why text) returns bigint
language plpgsql as $$
declare
  number bigint;
  anomaly_row anomaly%rowtype;
begin
  perform pg_advisory_xact_lock(hashtextextended('weir anomaly event', 0));
  select * into strict anomaly_row from anomaly where id = of;
  number := nextval('anomaly_event_id');
  insert into anomaly_event (id, anomaly_id, kind, at, actor, reason, state, severity)
    values (number, of, what, moment, who, why, anomaly_row.state, anomaly_row.severity);
  perform pg_notify('weir_anomaly', json_build_object('id', number, 'anomalyId', of, 'kind', what, 'state', anomaly_row.state,
    'severity', anomaly_row.severity, 'paged', anomaly_row.paged, 'folded', anomaly_row.parent is not null)::text);
  return number;
end
$$;

-- What is kept and counted, but told to nobody, until a moment.
create table suppression (
  id bigint generated always as identity primary key,
  detector text,
  address text,
  until timestamptz not null,
  reason text not null check (length(btrim(reason)) > 0),
  owner text not null,
  created_at timestamptz not null default now(),
  ended_at timestamptz,
  hidden bigint not null default 0,
  check (detector is not null or address is not null)
);

-- Messages to people, written in the transaction of what they tell and sent afterwards, each once per anomaly, kind and channel.
create table notification (
  id bigint generated always as identity primary key,
  anomaly_id text not null references anomaly (id) on delete cascade,
  kind text not null,
  class text not null check (class in ('page', 'ticket')),
  channel text not null,
  payload jsonb not null,
  created_at timestamptz not null default now(),
  due_at timestamptz not null default now(),
  attempts integer not null default 0,
  sent_at timestamptz,
  failed_at timestamptz,
  last_error text,
  unique (anomaly_id, kind, channel)
);
create index notification_due_idx on notification (due_at) where sent_at is null and failed_at is null;

-- The name of whoever is named by an audit actor. Looked up when read: an account can be erased, and nothing of it stays behind.
create function weir_actor_name(actor text) returns text language sql stable as $$
  select case
    when actor like 'person:%' then coalesce((select name from auth_user where id = substr(actor, 8)), 'someone who left')
    when actor like 'token:%' then coalesce((select 'token ' || name from api_token where id::text = substr(actor, 7)), 'a token that is gone')
    else actor end
$$;
