-- Raw flows: native range partitions of a day, made ahead by `maintain` and on demand by the writer. There is no default partition:
-- a row without a partition is an error that makes one, never a row that hides.
create table flow (
  -- Widest first, so that a row has no padding between its columns; NULL takes no room at all.
  time timestamptz not null,
  time_flow_start_ns bigint,
  time_flow_end_ns bigint,
  time_received_ns bigint not null,
  bytes bigint not null,
  packets bigint not null,
  in_if bigint,
  out_if bigint,
  src_as bigint,
  dst_as bigint,
  next_hop_as bigint,
  observation_domain_id bigint,
  observation_point_id bigint,
  sequence_num bigint,
  fragment_id bigint,
  exporter_id integer not null,
  batch integer not null,
  sampling_rate integer,
  src_port integer,
  dst_port integer,
  service_port integer,
  duration_ms integer not null default 0,
  etype integer,
  src_vlan integer,
  dst_vlan integer,
  vlan_id integer,
  fragment_offset integer,
  ipv6_flow_label integer,
  src_mac macaddr,
  dst_mac macaddr,
  proto smallint,
  tcp_flags smallint,
  ip_tos smallint,
  type smallint not null,
  src_mask smallint,
  dst_mask smallint,
  ip_ttl smallint,
  ip_flags smallint,
  icmp_type smallint,
  icmp_code smallint,
  forwarding_status smallint,
  flow_end_reason smallint,
  direction smallint,
  event_kind smallint,
  src_addr inet,
  dst_addr inet,
  src_country text,
  dst_country text,
  next_hop inet,
  bgp_next_hop inet,
  extra jsonb
) partition by range (time);

-- Every question has a time range; `batch` finds what is not folded yet. Both ascend as rows arrive: a B-tree that grows at its right
-- edge stays full (23 and 7 octets a row; descending, time takes 40).
create index flow_time_idx on flow (time);
create index flow_batch_idx on flow (batch);

-- What the next level does not hold yet. Level 0: rows of flow by batch; 1: parts of the _1m tables by fold; 2: parts of the _1h tables.
-- A row is written in the transaction that writes what it names and deleted in the one that folds it, so any snapshot that sees both
-- sides sees each flow exactly once.
create table rollup_pending (
  level smallint not null,
  id integer not null,
  first timestamptz not null,
  last timestamptz not null,
  rows bigint not null,
  created_at timestamptz not null default now(),
  primary key (level, id)
);
create sequence rollup_fold as integer;

-- How many parts each bucket of a level came in; a closed bucket with several is rewritten as one.
create table rollup_part (
  level smallint not null,
  bucket timestamptz not null,
  parts integer not null,
  touched_at timestamptz not null,
  primary key (level, bucket)
);

create table storage_partition (
  relation text not null,
  range_from timestamptz not null,
  range_to timestamptz not null,
  name text not null unique,
  created_at timestamptz not null default now(),
  primary key (relation, range_from)
);

-- Makes the partition of `relation` that starts at `range_from`, unless it is there. Attaching takes a lock that lets readers and
-- writers of the parent go on; `create table … partition of` would stop them.
create function weir_add_partition(relation text, range_from timestamptz, range_to timestamptz) returns boolean
language plpgsql as $$
declare
  part text := format('%s_p%s', relation, to_char(range_from at time zone 'UTC', 'YYYYMMDD'));
  key text := case when relation = 'flow' then 'time' else 'bucket' end;
begin
  perform pg_advisory_xact_lock(hashtextextended('weir partition ' || relation, 0));
  if exists (select from storage_partition s where s.relation = weir_add_partition.relation and s.range_from = weir_add_partition.range_from) then
    return false;
  end if;
  -- A cut that died between detaching and dropping leaves its table behind.
  execute format('drop table if exists %I', part);
  execute format('create table %I (like %I including defaults including constraints)', part, relation);
  execute format('alter table %I add constraint %I check (%I >= %L and %I < %L)', part, part || '_range', key, range_from, key, range_to);
  execute format('alter table %I attach partition %I for values from (%L) to (%L)', relation, part, range_from, range_to);
  execute format('alter table %I drop constraint %I', part, part || '_range');
  insert into storage_partition (relation, range_from, range_to, name) values (relation, range_from, range_to, part);
  return true;
end
$$;
