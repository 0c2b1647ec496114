-- Everything that both engines share: inventory, names, settings, the collector's status.

create table setting (
  key text primary key,
  value jsonb not null
);

create table exporter (
  id integer generated always as identity primary key,
  address inet not null unique,
  name text,
  demo boolean not null default false,
  first_seen timestamptz not null default now(),
  last_seen timestamptz not null default now(),
  retired timestamptz,
  formats text[] not null default '{}',
  sampling_rate integer,
  skew_ms double precision,
  datagrams bigint not null default 0,
  flows bigint not null default 0,
  lost bigint not null default 0,
  announced bigint not null default 0,
  problems bigint not null default 0,
  templates bigint not null default 0,
  flows_per_second double precision not null default 0,
  bits_per_second double precision not null default 0
);

create table interface (
  exporter_id integer not null references exporter (id) on delete cascade,
  if_index bigint not null,
  name text,
  description text,
  boundary text check (boundary in ('external', 'internal')),
  speed_bits_per_second bigint,
  primary key (exporter_id, if_index)
);

create table as_name (
  asn bigint primary key,
  name text not null
);

create table service_rule (
  id integer generated always as identity primary key,
  name text not null,
  prefix cidr,
  proto smallint,
  port_low integer check (port_low between 0 and 65535),
  port_high integer check (port_high between 0 and 65535),
  source text not null default 'ui',
  position integer not null default 0,
  check ((port_low is null) = (port_high is null)),
  check (port_low <= port_high)
);
create index service_rule_position_idx on service_rule (position, id);

create table home_network (
  prefix cidr primary key
);

create table collector_status (
  id text primary key,
  updated_at timestamptz not null default now(),
  status jsonb not null
);

-- One value per COPY, stored in flow.batch: what arrived together can be found together.
create sequence flow_batch as integer cycle;

-- A counter times its sampling rate, saturating: a hostile counter must not stop a refresh with "bigint out of range".
-- Unknown (null), 0 and 1 all count once.
create function weir_scaled(value bigint, rate integer) returns bigint
  language sql immutable parallel safe
  return case
    when rate is null or rate <= 1 then value
    when value > 9223372036854775807 / rate then 9223372036854775807
    else value * rate
  end;

insert into setting (key, value) values
  -- Days each tier is kept, see DEFAULT_RETENTION_DAYS in src/rollups.ts.
  ('retention', '{"raw": 14, "1m": 30, "1h": 400, "1d": 1826}');

-- What counts as inside until a person says otherwise.
insert into home_network (prefix) values
  ('10.0.0.0/8'), ('172.16.0.0/12'), ('192.168.0.0/16'), ('100.64.0.0/10'), ('fc00::/7'), ('fe80::/10');
