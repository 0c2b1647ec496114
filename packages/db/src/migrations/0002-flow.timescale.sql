-- Raw flows: a hypertable. Six hours a chunk: small enough that its index stays in memory, few enough to plan fast.
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
);

select create_hypertable('flow', by_range('time', interval '6 hours'), create_default_indexes => false);
-- The only index: every question has a time range, and each further index is paid for on every row that arrives. Ascending as the rows
-- do: 23 octets a row instead of 40; newest first reads it backwards.
create index flow_time_idx on flow (time);

-- Newest first is the order in which people read flows; rows of one moment resemble each other enough without segments,
-- and a segment per exporter would leave short batches where exporters are many.
alter table flow set (timescaledb.enable_columnstore, timescaledb.segmentby = '', timescaledb.orderby = 'time desc');
-- By creation, not by the data's time: an import of old flows is compressed when it has come to rest, and kept for the full
-- retention after it was imported. A chunk's span is added, so that no row goes early.
call add_columnstore_policy('flow', created_before => interval '12 hours');
select add_retention_policy('flow', drop_created_before => interval '14 days 6 hours');

-- Times below the reach of the refresh policies in which rows were stored (imports): `maintain` refreshes them by hand.
create table rollup_late (
  id bigint generated always as identity primary key,
  first timestamptz not null,
  last timestamptz not null,
  created_at timestamptz not null default now()
);
