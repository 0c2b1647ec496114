-- Rollups of flow at 1 m, 1 h and 1 d, written from src/rollups.ts by scripts/rollup-sql.ts.
-- Each `_data` table holds parts: sums of the rows that one fold took. A view joins the stored parts with what is pending below them:
-- parts of finer levels not folded upwards yet, and raw rows of batches not folded at all. Nothing is ever recomputed, so a late row
-- costs what a new row costs. `offset 0` keeps the pending scan a loop over few batches with an index look-up each; flattened, the
-- planner may choose to read a whole partition of raw flows. Raw rows are found by batch alone: given a time as well, the planner crosses two
-- indexes and reads the time's whole range once per batch. One block-range index per table: parts arrive in the order of time, and a B-tree
-- for bucket and one for fold made writing a part four times as dear (7.2 against 1.7 µs a row).

create table rollup_interface_1m_data (
  bucket timestamptz not null,
  flows bigint not null,
  bytes bigint not null,
  packets bigint not null,
  scaled_bytes bigint not null,
  scaled_packets bigint not null,
  in_if bigint,
  out_if bigint,
  fold integer not null,
  exporter_id integer,
  proto smallint,
  type smallint
) partition by range (bucket);
create index rollup_interface_1m_data_brin_idx on rollup_interface_1m_data using brin (bucket, fold) with (pages_per_range = 32, autosummarize = on);

create view rollup_interface_1m as
  select bucket, exporter_id, in_if, out_if, proto, type, flows, bytes, packets, scaled_bytes, scaled_packets from rollup_interface_1m_data
  union all
  select date_bin('1 minute', part.time, '2000-01-01 00:00:00+00'), part.exporter_id, part.in_if, part.out_if, part.proto, part.type,
    1::bigint, part.bytes, part.packets, weir_scaled(part.bytes, part.sampling_rate), weir_scaled(part.packets, part.sampling_rate)
  from rollup_pending pending cross join lateral (
    select f.time, f.exporter_id, f.in_if, f.out_if, f.proto, f.type, f.bytes, f.packets, f.sampling_rate from flow f
      where f.batch = pending.id and f.event_kind is null offset 0) part
  where pending.level = 0
;

create table rollup_interface_1h_data (
  bucket timestamptz not null,
  flows bigint not null,
  bytes bigint not null,
  packets bigint not null,
  scaled_bytes bigint not null,
  scaled_packets bigint not null,
  in_if bigint,
  out_if bigint,
  fold integer not null,
  exporter_id integer,
  proto smallint,
  type smallint
) partition by range (bucket);
create index rollup_interface_1h_data_brin_idx on rollup_interface_1h_data using brin (bucket, fold) with (pages_per_range = 32, autosummarize = on);

create view rollup_interface_1h as
  select bucket, exporter_id, in_if, out_if, proto, type, flows, bytes, packets, scaled_bytes, scaled_packets from rollup_interface_1h_data
  union all
  select date_bin('1 hour', part.bucket, '2000-01-01 00:00:00+00'), part.exporter_id, part.in_if, part.out_if, part.proto, part.type, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets
  from rollup_pending pending cross join lateral (
    select d.bucket, d.exporter_id, d.in_if, d.out_if, d.proto, d.type, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_interface_1m_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 1
  union all
  select date_bin('1 hour', part.time, '2000-01-01 00:00:00+00'), part.exporter_id, part.in_if, part.out_if, part.proto, part.type,
    1::bigint, part.bytes, part.packets, weir_scaled(part.bytes, part.sampling_rate), weir_scaled(part.packets, part.sampling_rate)
  from rollup_pending pending cross join lateral (
    select f.time, f.exporter_id, f.in_if, f.out_if, f.proto, f.type, f.bytes, f.packets, f.sampling_rate from flow f
      where f.batch = pending.id and f.event_kind is null offset 0) part
  where pending.level = 0
;

create table rollup_interface_1d_data (
  bucket timestamptz not null,
  flows bigint not null,
  bytes bigint not null,
  packets bigint not null,
  scaled_bytes bigint not null,
  scaled_packets bigint not null,
  in_if bigint,
  out_if bigint,
  fold integer not null,
  exporter_id integer,
  proto smallint,
  type smallint
) partition by range (bucket);
create index rollup_interface_1d_data_brin_idx on rollup_interface_1d_data using brin (bucket, fold) with (pages_per_range = 32, autosummarize = on);

create view rollup_interface_1d as
  select bucket, exporter_id, in_if, out_if, proto, type, flows, bytes, packets, scaled_bytes, scaled_packets from rollup_interface_1d_data
  union all
  select date_bin('1 day', part.bucket, '2000-01-01 00:00:00+00'), part.exporter_id, part.in_if, part.out_if, part.proto, part.type, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets
  from rollup_pending pending cross join lateral (
    select d.bucket, d.exporter_id, d.in_if, d.out_if, d.proto, d.type, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_interface_1h_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 2
  union all
  select date_bin('1 day', part.bucket, '2000-01-01 00:00:00+00'), part.exporter_id, part.in_if, part.out_if, part.proto, part.type, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets
  from rollup_pending pending cross join lateral (
    select d.bucket, d.exporter_id, d.in_if, d.out_if, d.proto, d.type, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_interface_1m_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 1
  union all
  select date_bin('1 day', part.time, '2000-01-01 00:00:00+00'), part.exporter_id, part.in_if, part.out_if, part.proto, part.type,
    1::bigint, part.bytes, part.packets, weir_scaled(part.bytes, part.sampling_rate), weir_scaled(part.packets, part.sampling_rate)
  from rollup_pending pending cross join lateral (
    select f.time, f.exporter_id, f.in_if, f.out_if, f.proto, f.type, f.bytes, f.packets, f.sampling_rate from flow f
      where f.batch = pending.id and f.event_kind is null offset 0) part
  where pending.level = 0
;

create table rollup_src_1m_data (
  bucket timestamptz not null,
  flows bigint not null,
  bytes bigint not null,
  packets bigint not null,
  scaled_bytes bigint not null,
  scaled_packets bigint not null,
  src_as bigint,
  fold integer not null,
  src_addr inet,
  src_country text
) partition by range (bucket);
create index rollup_src_1m_data_brin_idx on rollup_src_1m_data using brin (bucket, fold) with (pages_per_range = 32, autosummarize = on);

create view rollup_src_1m as
  select bucket, src_addr, src_as, src_country, flows, bytes, packets, scaled_bytes, scaled_packets from rollup_src_1m_data
  union all
  select date_bin('1 minute', part.time, '2000-01-01 00:00:00+00'), part.src_addr, part.src_as, part.src_country,
    1::bigint, part.bytes, part.packets, weir_scaled(part.bytes, part.sampling_rate), weir_scaled(part.packets, part.sampling_rate)
  from rollup_pending pending cross join lateral (
    select f.time, f.src_addr, f.src_as, f.src_country, f.bytes, f.packets, f.sampling_rate from flow f
      where f.batch = pending.id and f.event_kind is null offset 0) part
  where pending.level = 0
;

create table rollup_src_1h_data (
  bucket timestamptz not null,
  flows bigint not null,
  bytes bigint not null,
  packets bigint not null,
  scaled_bytes bigint not null,
  scaled_packets bigint not null,
  src_as bigint,
  fold integer not null,
  src_addr inet,
  src_country text
) partition by range (bucket);
create index rollup_src_1h_data_brin_idx on rollup_src_1h_data using brin (bucket, fold) with (pages_per_range = 32, autosummarize = on);

create view rollup_src_1h as
  select bucket, src_addr, src_as, src_country, flows, bytes, packets, scaled_bytes, scaled_packets from rollup_src_1h_data
  union all
  select date_bin('1 hour', part.bucket, '2000-01-01 00:00:00+00'), part.src_addr, part.src_as, part.src_country, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets
  from rollup_pending pending cross join lateral (
    select d.bucket, d.src_addr, d.src_as, d.src_country, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_src_1m_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 1
  union all
  select date_bin('1 hour', part.time, '2000-01-01 00:00:00+00'), part.src_addr, part.src_as, part.src_country,
    1::bigint, part.bytes, part.packets, weir_scaled(part.bytes, part.sampling_rate), weir_scaled(part.packets, part.sampling_rate)
  from rollup_pending pending cross join lateral (
    select f.time, f.src_addr, f.src_as, f.src_country, f.bytes, f.packets, f.sampling_rate from flow f
      where f.batch = pending.id and f.event_kind is null offset 0) part
  where pending.level = 0
;

create table rollup_src_1d_data (
  bucket timestamptz not null,
  flows bigint not null,
  bytes bigint not null,
  packets bigint not null,
  scaled_bytes bigint not null,
  scaled_packets bigint not null,
  src_as bigint,
  fold integer not null,
  src_addr inet,
  src_country text
) partition by range (bucket);
create index rollup_src_1d_data_brin_idx on rollup_src_1d_data using brin (bucket, fold) with (pages_per_range = 32, autosummarize = on);

create view rollup_src_1d as
  select bucket, src_addr, src_as, src_country, flows, bytes, packets, scaled_bytes, scaled_packets from rollup_src_1d_data
  union all
  select date_bin('1 day', part.bucket, '2000-01-01 00:00:00+00'), part.src_addr, part.src_as, part.src_country, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets
  from rollup_pending pending cross join lateral (
    select d.bucket, d.src_addr, d.src_as, d.src_country, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_src_1h_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 2
  union all
  select date_bin('1 day', part.bucket, '2000-01-01 00:00:00+00'), part.src_addr, part.src_as, part.src_country, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets
  from rollup_pending pending cross join lateral (
    select d.bucket, d.src_addr, d.src_as, d.src_country, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_src_1m_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 1
  union all
  select date_bin('1 day', part.time, '2000-01-01 00:00:00+00'), part.src_addr, part.src_as, part.src_country,
    1::bigint, part.bytes, part.packets, weir_scaled(part.bytes, part.sampling_rate), weir_scaled(part.packets, part.sampling_rate)
  from rollup_pending pending cross join lateral (
    select f.time, f.src_addr, f.src_as, f.src_country, f.bytes, f.packets, f.sampling_rate from flow f
      where f.batch = pending.id and f.event_kind is null offset 0) part
  where pending.level = 0
;

create table rollup_dst_1m_data (
  bucket timestamptz not null,
  flows bigint not null,
  bytes bigint not null,
  packets bigint not null,
  scaled_bytes bigint not null,
  scaled_packets bigint not null,
  dst_as bigint,
  fold integer not null,
  dst_addr inet,
  dst_country text
) partition by range (bucket);
create index rollup_dst_1m_data_brin_idx on rollup_dst_1m_data using brin (bucket, fold) with (pages_per_range = 32, autosummarize = on);

create view rollup_dst_1m as
  select bucket, dst_addr, dst_as, dst_country, flows, bytes, packets, scaled_bytes, scaled_packets from rollup_dst_1m_data
  union all
  select date_bin('1 minute', part.time, '2000-01-01 00:00:00+00'), part.dst_addr, part.dst_as, part.dst_country,
    1::bigint, part.bytes, part.packets, weir_scaled(part.bytes, part.sampling_rate), weir_scaled(part.packets, part.sampling_rate)
  from rollup_pending pending cross join lateral (
    select f.time, f.dst_addr, f.dst_as, f.dst_country, f.bytes, f.packets, f.sampling_rate from flow f
      where f.batch = pending.id and f.event_kind is null offset 0) part
  where pending.level = 0
;

create table rollup_dst_1h_data (
  bucket timestamptz not null,
  flows bigint not null,
  bytes bigint not null,
  packets bigint not null,
  scaled_bytes bigint not null,
  scaled_packets bigint not null,
  dst_as bigint,
  fold integer not null,
  dst_addr inet,
  dst_country text
) partition by range (bucket);
create index rollup_dst_1h_data_brin_idx on rollup_dst_1h_data using brin (bucket, fold) with (pages_per_range = 32, autosummarize = on);

create view rollup_dst_1h as
  select bucket, dst_addr, dst_as, dst_country, flows, bytes, packets, scaled_bytes, scaled_packets from rollup_dst_1h_data
  union all
  select date_bin('1 hour', part.bucket, '2000-01-01 00:00:00+00'), part.dst_addr, part.dst_as, part.dst_country, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets
  from rollup_pending pending cross join lateral (
    select d.bucket, d.dst_addr, d.dst_as, d.dst_country, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_dst_1m_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 1
  union all
  select date_bin('1 hour', part.time, '2000-01-01 00:00:00+00'), part.dst_addr, part.dst_as, part.dst_country,
    1::bigint, part.bytes, part.packets, weir_scaled(part.bytes, part.sampling_rate), weir_scaled(part.packets, part.sampling_rate)
  from rollup_pending pending cross join lateral (
    select f.time, f.dst_addr, f.dst_as, f.dst_country, f.bytes, f.packets, f.sampling_rate from flow f
      where f.batch = pending.id and f.event_kind is null offset 0) part
  where pending.level = 0
;

create table rollup_dst_1d_data (
  bucket timestamptz not null,
  flows bigint not null,
  bytes bigint not null,
  packets bigint not null,
  scaled_bytes bigint not null,
  scaled_packets bigint not null,
  dst_as bigint,
  fold integer not null,
  dst_addr inet,
  dst_country text
) partition by range (bucket);
create index rollup_dst_1d_data_brin_idx on rollup_dst_1d_data using brin (bucket, fold) with (pages_per_range = 32, autosummarize = on);

create view rollup_dst_1d as
  select bucket, dst_addr, dst_as, dst_country, flows, bytes, packets, scaled_bytes, scaled_packets from rollup_dst_1d_data
  union all
  select date_bin('1 day', part.bucket, '2000-01-01 00:00:00+00'), part.dst_addr, part.dst_as, part.dst_country, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets
  from rollup_pending pending cross join lateral (
    select d.bucket, d.dst_addr, d.dst_as, d.dst_country, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_dst_1h_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 2
  union all
  select date_bin('1 day', part.bucket, '2000-01-01 00:00:00+00'), part.dst_addr, part.dst_as, part.dst_country, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets
  from rollup_pending pending cross join lateral (
    select d.bucket, d.dst_addr, d.dst_as, d.dst_country, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_dst_1m_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 1
  union all
  select date_bin('1 day', part.time, '2000-01-01 00:00:00+00'), part.dst_addr, part.dst_as, part.dst_country,
    1::bigint, part.bytes, part.packets, weir_scaled(part.bytes, part.sampling_rate), weir_scaled(part.packets, part.sampling_rate)
  from rollup_pending pending cross join lateral (
    select f.time, f.dst_addr, f.dst_as, f.dst_country, f.bytes, f.packets, f.sampling_rate from flow f
      where f.batch = pending.id and f.event_kind is null offset 0) part
  where pending.level = 0
;

create table rollup_conversation_1m_data (
  bucket timestamptz not null,
  flows bigint not null,
  bytes bigint not null,
  packets bigint not null,
  scaled_bytes bigint not null,
  scaled_packets bigint not null,
  fold integer not null,
  src_addr inet,
  dst_addr inet,
  proto smallint,
  service_port integer
) partition by range (bucket);
create index rollup_conversation_1m_data_brin_idx on rollup_conversation_1m_data using brin (bucket, fold) with (pages_per_range = 32, autosummarize = on);

create view rollup_conversation_1m as
  select bucket, src_addr, dst_addr, proto, service_port, flows, bytes, packets, scaled_bytes, scaled_packets from rollup_conversation_1m_data
  union all
  select date_bin('1 minute', part.time, '2000-01-01 00:00:00+00'), part.src_addr, part.dst_addr, part.proto, part.service_port,
    1::bigint, part.bytes, part.packets, weir_scaled(part.bytes, part.sampling_rate), weir_scaled(part.packets, part.sampling_rate)
  from rollup_pending pending cross join lateral (
    select f.time, f.src_addr, f.dst_addr, f.proto, f.service_port, f.bytes, f.packets, f.sampling_rate from flow f
      where f.batch = pending.id and f.event_kind is null offset 0) part
  where pending.level = 0
;

create table rollup_conversation_1h_data (
  bucket timestamptz not null,
  flows bigint not null,
  bytes bigint not null,
  packets bigint not null,
  scaled_bytes bigint not null,
  scaled_packets bigint not null,
  fold integer not null,
  src_addr inet,
  dst_addr inet,
  proto smallint,
  service_port integer
) partition by range (bucket);
create index rollup_conversation_1h_data_brin_idx on rollup_conversation_1h_data using brin (bucket, fold) with (pages_per_range = 32, autosummarize = on);

create view rollup_conversation_1h as
  select bucket, src_addr, dst_addr, proto, service_port, flows, bytes, packets, scaled_bytes, scaled_packets from rollup_conversation_1h_data
  union all
  select date_bin('1 hour', part.bucket, '2000-01-01 00:00:00+00'), part.src_addr, part.dst_addr, part.proto, part.service_port, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets
  from rollup_pending pending cross join lateral (
    select d.bucket, d.src_addr, d.dst_addr, d.proto, d.service_port, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_conversation_1m_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 1
  union all
  select date_bin('1 hour', part.time, '2000-01-01 00:00:00+00'), part.src_addr, part.dst_addr, part.proto, part.service_port,
    1::bigint, part.bytes, part.packets, weir_scaled(part.bytes, part.sampling_rate), weir_scaled(part.packets, part.sampling_rate)
  from rollup_pending pending cross join lateral (
    select f.time, f.src_addr, f.dst_addr, f.proto, f.service_port, f.bytes, f.packets, f.sampling_rate from flow f
      where f.batch = pending.id and f.event_kind is null offset 0) part
  where pending.level = 0
;

create table rollup_conversation_1d_data (
  bucket timestamptz not null,
  flows bigint not null,
  bytes bigint not null,
  packets bigint not null,
  scaled_bytes bigint not null,
  scaled_packets bigint not null,
  fold integer not null,
  src_addr inet,
  dst_addr inet,
  proto smallint,
  service_port integer
) partition by range (bucket);
create index rollup_conversation_1d_data_brin_idx on rollup_conversation_1d_data using brin (bucket, fold) with (pages_per_range = 32, autosummarize = on);

create view rollup_conversation_1d as
  select bucket, src_addr, dst_addr, proto, service_port, flows, bytes, packets, scaled_bytes, scaled_packets from rollup_conversation_1d_data
  union all
  select date_bin('1 day', part.bucket, '2000-01-01 00:00:00+00'), part.src_addr, part.dst_addr, part.proto, part.service_port, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets
  from rollup_pending pending cross join lateral (
    select d.bucket, d.src_addr, d.dst_addr, d.proto, d.service_port, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_conversation_1h_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 2
  union all
  select date_bin('1 day', part.bucket, '2000-01-01 00:00:00+00'), part.src_addr, part.dst_addr, part.proto, part.service_port, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets
  from rollup_pending pending cross join lateral (
    select d.bucket, d.src_addr, d.dst_addr, d.proto, d.service_port, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_conversation_1m_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 1
  union all
  select date_bin('1 day', part.time, '2000-01-01 00:00:00+00'), part.src_addr, part.dst_addr, part.proto, part.service_port,
    1::bigint, part.bytes, part.packets, weir_scaled(part.bytes, part.sampling_rate), weir_scaled(part.packets, part.sampling_rate)
  from rollup_pending pending cross join lateral (
    select f.time, f.src_addr, f.dst_addr, f.proto, f.service_port, f.bytes, f.packets, f.sampling_rate from flow f
      where f.batch = pending.id and f.event_kind is null offset 0) part
  where pending.level = 0
;

create table rollup_service_1m_data (
  bucket timestamptz not null,
  flows bigint not null,
  bytes bigint not null,
  packets bigint not null,
  scaled_bytes bigint not null,
  scaled_packets bigint not null,
  fold integer not null,
  proto smallint,
  service_port integer
) partition by range (bucket);
create index rollup_service_1m_data_brin_idx on rollup_service_1m_data using brin (bucket, fold) with (pages_per_range = 32, autosummarize = on);

create view rollup_service_1m as
  select bucket, proto, service_port, flows, bytes, packets, scaled_bytes, scaled_packets from rollup_service_1m_data
  union all
  select date_bin('1 minute', part.time, '2000-01-01 00:00:00+00'), part.proto, part.service_port,
    1::bigint, part.bytes, part.packets, weir_scaled(part.bytes, part.sampling_rate), weir_scaled(part.packets, part.sampling_rate)
  from rollup_pending pending cross join lateral (
    select f.time, f.proto, f.service_port, f.bytes, f.packets, f.sampling_rate from flow f
      where f.batch = pending.id and f.event_kind is null offset 0) part
  where pending.level = 0
;

create table rollup_service_1h_data (
  bucket timestamptz not null,
  flows bigint not null,
  bytes bigint not null,
  packets bigint not null,
  scaled_bytes bigint not null,
  scaled_packets bigint not null,
  fold integer not null,
  proto smallint,
  service_port integer
) partition by range (bucket);
create index rollup_service_1h_data_brin_idx on rollup_service_1h_data using brin (bucket, fold) with (pages_per_range = 32, autosummarize = on);

create view rollup_service_1h as
  select bucket, proto, service_port, flows, bytes, packets, scaled_bytes, scaled_packets from rollup_service_1h_data
  union all
  select date_bin('1 hour', part.bucket, '2000-01-01 00:00:00+00'), part.proto, part.service_port, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets
  from rollup_pending pending cross join lateral (
    select d.bucket, d.proto, d.service_port, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_service_1m_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 1
  union all
  select date_bin('1 hour', part.time, '2000-01-01 00:00:00+00'), part.proto, part.service_port,
    1::bigint, part.bytes, part.packets, weir_scaled(part.bytes, part.sampling_rate), weir_scaled(part.packets, part.sampling_rate)
  from rollup_pending pending cross join lateral (
    select f.time, f.proto, f.service_port, f.bytes, f.packets, f.sampling_rate from flow f
      where f.batch = pending.id and f.event_kind is null offset 0) part
  where pending.level = 0
;

create table rollup_service_1d_data (
  bucket timestamptz not null,
  flows bigint not null,
  bytes bigint not null,
  packets bigint not null,
  scaled_bytes bigint not null,
  scaled_packets bigint not null,
  fold integer not null,
  proto smallint,
  service_port integer
) partition by range (bucket);
create index rollup_service_1d_data_brin_idx on rollup_service_1d_data using brin (bucket, fold) with (pages_per_range = 32, autosummarize = on);

create view rollup_service_1d as
  select bucket, proto, service_port, flows, bytes, packets, scaled_bytes, scaled_packets from rollup_service_1d_data
  union all
  select date_bin('1 day', part.bucket, '2000-01-01 00:00:00+00'), part.proto, part.service_port, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets
  from rollup_pending pending cross join lateral (
    select d.bucket, d.proto, d.service_port, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_service_1h_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 2
  union all
  select date_bin('1 day', part.bucket, '2000-01-01 00:00:00+00'), part.proto, part.service_port, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets
  from rollup_pending pending cross join lateral (
    select d.bucket, d.proto, d.service_port, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_service_1m_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 1
  union all
  select date_bin('1 day', part.time, '2000-01-01 00:00:00+00'), part.proto, part.service_port,
    1::bigint, part.bytes, part.packets, weir_scaled(part.bytes, part.sampling_rate), weir_scaled(part.packets, part.sampling_rate)
  from rollup_pending pending cross join lateral (
    select f.time, f.proto, f.service_port, f.bytes, f.packets, f.sampling_rate from flow f
      where f.batch = pending.id and f.event_kind is null offset 0) part
  where pending.level = 0
;

create table rollup_as_1m_data (
  bucket timestamptz not null,
  flows bigint not null,
  bytes bigint not null,
  packets bigint not null,
  scaled_bytes bigint not null,
  scaled_packets bigint not null,
  src_as bigint,
  dst_as bigint,
  fold integer not null,
  src_country text,
  dst_country text
) partition by range (bucket);
create index rollup_as_1m_data_brin_idx on rollup_as_1m_data using brin (bucket, fold) with (pages_per_range = 32, autosummarize = on);

create view rollup_as_1m as
  select bucket, src_as, dst_as, src_country, dst_country, flows, bytes, packets, scaled_bytes, scaled_packets from rollup_as_1m_data
  union all
  select date_bin('1 minute', part.time, '2000-01-01 00:00:00+00'), part.src_as, part.dst_as, part.src_country, part.dst_country,
    1::bigint, part.bytes, part.packets, weir_scaled(part.bytes, part.sampling_rate), weir_scaled(part.packets, part.sampling_rate)
  from rollup_pending pending cross join lateral (
    select f.time, f.src_as, f.dst_as, f.src_country, f.dst_country, f.bytes, f.packets, f.sampling_rate from flow f
      where f.batch = pending.id and f.event_kind is null offset 0) part
  where pending.level = 0
;

create table rollup_as_1h_data (
  bucket timestamptz not null,
  flows bigint not null,
  bytes bigint not null,
  packets bigint not null,
  scaled_bytes bigint not null,
  scaled_packets bigint not null,
  src_as bigint,
  dst_as bigint,
  fold integer not null,
  src_country text,
  dst_country text
) partition by range (bucket);
create index rollup_as_1h_data_brin_idx on rollup_as_1h_data using brin (bucket, fold) with (pages_per_range = 32, autosummarize = on);

create view rollup_as_1h as
  select bucket, src_as, dst_as, src_country, dst_country, flows, bytes, packets, scaled_bytes, scaled_packets from rollup_as_1h_data
  union all
  select date_bin('1 hour', part.bucket, '2000-01-01 00:00:00+00'), part.src_as, part.dst_as, part.src_country, part.dst_country, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets
  from rollup_pending pending cross join lateral (
    select d.bucket, d.src_as, d.dst_as, d.src_country, d.dst_country, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_as_1m_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 1
  union all
  select date_bin('1 hour', part.time, '2000-01-01 00:00:00+00'), part.src_as, part.dst_as, part.src_country, part.dst_country,
    1::bigint, part.bytes, part.packets, weir_scaled(part.bytes, part.sampling_rate), weir_scaled(part.packets, part.sampling_rate)
  from rollup_pending pending cross join lateral (
    select f.time, f.src_as, f.dst_as, f.src_country, f.dst_country, f.bytes, f.packets, f.sampling_rate from flow f
      where f.batch = pending.id and f.event_kind is null offset 0) part
  where pending.level = 0
;

create table rollup_as_1d_data (
  bucket timestamptz not null,
  flows bigint not null,
  bytes bigint not null,
  packets bigint not null,
  scaled_bytes bigint not null,
  scaled_packets bigint not null,
  src_as bigint,
  dst_as bigint,
  fold integer not null,
  src_country text,
  dst_country text
) partition by range (bucket);
create index rollup_as_1d_data_brin_idx on rollup_as_1d_data using brin (bucket, fold) with (pages_per_range = 32, autosummarize = on);

create view rollup_as_1d as
  select bucket, src_as, dst_as, src_country, dst_country, flows, bytes, packets, scaled_bytes, scaled_packets from rollup_as_1d_data
  union all
  select date_bin('1 day', part.bucket, '2000-01-01 00:00:00+00'), part.src_as, part.dst_as, part.src_country, part.dst_country, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets
  from rollup_pending pending cross join lateral (
    select d.bucket, d.src_as, d.dst_as, d.src_country, d.dst_country, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_as_1h_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 2
  union all
  select date_bin('1 day', part.bucket, '2000-01-01 00:00:00+00'), part.src_as, part.dst_as, part.src_country, part.dst_country, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets
  from rollup_pending pending cross join lateral (
    select d.bucket, d.src_as, d.dst_as, d.src_country, d.dst_country, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_as_1m_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 1
  union all
  select date_bin('1 day', part.time, '2000-01-01 00:00:00+00'), part.src_as, part.dst_as, part.src_country, part.dst_country,
    1::bigint, part.bytes, part.packets, weir_scaled(part.bytes, part.sampling_rate), weir_scaled(part.packets, part.sampling_rate)
  from rollup_pending pending cross join lateral (
    select f.time, f.src_as, f.dst_as, f.src_country, f.dst_country, f.bytes, f.packets, f.sampling_rate from flow f
      where f.batch = pending.id and f.event_kind is null offset 0) part
  where pending.level = 0
;
