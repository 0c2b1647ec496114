-- Rollups of flow know slices, witnesses and the greatest minute; written from src/rollups.ts by scripts/rollup-sql.ts. What was folded before
-- stays as it is: nothing is rebuilt, and hours get their peaks when they are rewritten from their minutes.

-- False: nobody knows the greatest minutes of this bucket yet; it is rewritten from the level below when nothing of it is pending.
alter table rollup_part add column peaks boolean not null default false;
insert into setting (key, value) values
  -- Octets a day below which hosts and conversations are left out of the rollups of days, see ROLLUP_FLOORS in src/rollups.ts.
  ('rollup_floor', '{"hosts": 10000, "conversations": 100000}') on conflict (key) do nothing;

drop view rollup_interface_1m;
alter table rollup_interface_1m_data add column witness boolean;
drop view rollup_interface_1h;
alter table rollup_interface_1h_data add column witness boolean;
alter table rollup_interface_1h_data add column peak_bytes bigint;
drop view rollup_interface_1d;
alter table rollup_interface_1d_data add column witness boolean;
alter table rollup_interface_1d_data add column peak_bytes bigint;
drop view rollup_src_1m;
drop view rollup_src_1h;
alter table rollup_src_1h_data add column peak_bytes bigint;
drop view rollup_src_1d;
alter table rollup_src_1d_data add column peak_bytes bigint;
drop view rollup_dst_1m;
drop view rollup_dst_1h;
alter table rollup_dst_1h_data add column peak_bytes bigint;
drop view rollup_dst_1d;
alter table rollup_dst_1d_data add column peak_bytes bigint;
drop view rollup_conversation_1m;
drop view rollup_conversation_1h;
alter table rollup_conversation_1h_data add column peak_bytes bigint;
drop view rollup_conversation_1d;
alter table rollup_conversation_1d_data add column peak_bytes bigint;
drop view rollup_service_1m;
drop view rollup_service_1h;
alter table rollup_service_1h_data add column peak_bytes bigint;
drop view rollup_service_1d;
alter table rollup_service_1d_data add column peak_bytes bigint;
drop view rollup_as_1m;
drop view rollup_as_1h;
alter table rollup_as_1h_data add column peak_bytes bigint;
drop view rollup_as_1d;
alter table rollup_as_1d_data add column peak_bytes bigint;

create view rollup_interface_1m as
  select bucket, exporter_id, in_if, out_if, proto, type, witness, flows, bytes, packets, scaled_bytes, scaled_packets from rollup_interface_1m_data
  union all
  select date_bin('1 minute', part.time, '2000-01-01 00:00:00+00'), part.exporter_id, part.in_if, part.out_if, part.proto, part.type, part.witness,
    (case when part.slice is null then 1 else 0 end)::bigint,
    coalesce(part.share_bytes, part.bytes),
    coalesce(part.share_packets, part.packets),
    weir_scaled(coalesce(part.share_bytes, part.bytes), part.sampling_rate),
    weir_scaled(coalesce(part.share_packets, part.packets), part.sampling_rate)
  from rollup_pending pending cross join lateral (
    select f.time, f.exporter_id, f.in_if, f.out_if, f.proto, f.type, f.witness, f.bytes, f.packets, f.sampling_rate, f.slice, f.share_bytes, f.share_packets from flow f
      where f.batch = pending.id and f.event_kind is null offset 0) part
  where pending.level = 0
;

create view rollup_interface_1h as
  select bucket, exporter_id, in_if, out_if, proto, type, witness, flows, bytes, packets, scaled_bytes, scaled_packets, peak_bytes from rollup_interface_1h_data
  union all
  select date_bin('1 hour', part.bucket, '2000-01-01 00:00:00+00'), part.exporter_id, part.in_if, part.out_if, part.proto, part.type, part.witness, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets, null::bigint
  from rollup_pending pending cross join lateral (
    select d.bucket, d.exporter_id, d.in_if, d.out_if, d.proto, d.type, d.witness, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_interface_1m_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 1
  union all
  select date_bin('1 hour', part.time, '2000-01-01 00:00:00+00'), part.exporter_id, part.in_if, part.out_if, part.proto, part.type, part.witness,
    (case when part.slice is null then 1 else 0 end)::bigint,
    coalesce(part.share_bytes, part.bytes),
    coalesce(part.share_packets, part.packets),
    weir_scaled(coalesce(part.share_bytes, part.bytes), part.sampling_rate),
    weir_scaled(coalesce(part.share_packets, part.packets), part.sampling_rate), null::bigint
  from rollup_pending pending cross join lateral (
    select f.time, f.exporter_id, f.in_if, f.out_if, f.proto, f.type, f.witness, f.bytes, f.packets, f.sampling_rate, f.slice, f.share_bytes, f.share_packets from flow f
      where f.batch = pending.id and f.event_kind is null offset 0) part
  where pending.level = 0
;

create view rollup_interface_1d as
  select bucket, exporter_id, in_if, out_if, proto, type, witness, flows, bytes, packets, scaled_bytes, scaled_packets, peak_bytes from rollup_interface_1d_data
  union all
  select date_bin('1 day', part.bucket, '2000-01-01 00:00:00+00'), part.exporter_id, part.in_if, part.out_if, part.proto, part.type, part.witness, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets, null::bigint
  from rollup_pending pending cross join lateral (
    select d.bucket, d.exporter_id, d.in_if, d.out_if, d.proto, d.type, d.witness, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_interface_1h_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 2
  union all
  select date_bin('1 day', part.bucket, '2000-01-01 00:00:00+00'), part.exporter_id, part.in_if, part.out_if, part.proto, part.type, part.witness, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets, null::bigint
  from rollup_pending pending cross join lateral (
    select d.bucket, d.exporter_id, d.in_if, d.out_if, d.proto, d.type, d.witness, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_interface_1m_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 1
  union all
  select date_bin('1 day', part.time, '2000-01-01 00:00:00+00'), part.exporter_id, part.in_if, part.out_if, part.proto, part.type, part.witness,
    (case when part.slice is null then 1 else 0 end)::bigint,
    coalesce(part.share_bytes, part.bytes),
    coalesce(part.share_packets, part.packets),
    weir_scaled(coalesce(part.share_bytes, part.bytes), part.sampling_rate),
    weir_scaled(coalesce(part.share_packets, part.packets), part.sampling_rate), null::bigint
  from rollup_pending pending cross join lateral (
    select f.time, f.exporter_id, f.in_if, f.out_if, f.proto, f.type, f.witness, f.bytes, f.packets, f.sampling_rate, f.slice, f.share_bytes, f.share_packets from flow f
      where f.batch = pending.id and f.event_kind is null offset 0) part
  where pending.level = 0
;

create view rollup_src_1m as
  select bucket, src_addr, src_as, src_country, flows, bytes, packets, scaled_bytes, scaled_packets from rollup_src_1m_data
  union all
  select date_bin('1 minute', part.time, '2000-01-01 00:00:00+00'), part.src_addr, part.src_as, part.src_country,
    (case when part.slice is null then 1 else 0 end)::bigint,
    coalesce(part.share_bytes, part.bytes),
    coalesce(part.share_packets, part.packets),
    weir_scaled(coalesce(part.share_bytes, part.bytes), part.sampling_rate),
    weir_scaled(coalesce(part.share_packets, part.packets), part.sampling_rate)
  from rollup_pending pending cross join lateral (
    select f.time, f.src_addr, f.src_as, f.src_country, f.bytes, f.packets, f.sampling_rate, f.slice, f.share_bytes, f.share_packets from flow f
      where f.batch = pending.id and f.event_kind is null and f.witness is not true offset 0) part
  where pending.level = 0
;

create view rollup_src_1h as
  select bucket, src_addr, src_as, src_country, flows, bytes, packets, scaled_bytes, scaled_packets, peak_bytes from rollup_src_1h_data
  union all
  select date_bin('1 hour', part.bucket, '2000-01-01 00:00:00+00'), part.src_addr, part.src_as, part.src_country, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets, null::bigint
  from rollup_pending pending cross join lateral (
    select d.bucket, d.src_addr, d.src_as, d.src_country, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_src_1m_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 1
  union all
  select date_bin('1 hour', part.time, '2000-01-01 00:00:00+00'), part.src_addr, part.src_as, part.src_country,
    (case when part.slice is null then 1 else 0 end)::bigint,
    coalesce(part.share_bytes, part.bytes),
    coalesce(part.share_packets, part.packets),
    weir_scaled(coalesce(part.share_bytes, part.bytes), part.sampling_rate),
    weir_scaled(coalesce(part.share_packets, part.packets), part.sampling_rate), null::bigint
  from rollup_pending pending cross join lateral (
    select f.time, f.src_addr, f.src_as, f.src_country, f.bytes, f.packets, f.sampling_rate, f.slice, f.share_bytes, f.share_packets from flow f
      where f.batch = pending.id and f.event_kind is null and f.witness is not true offset 0) part
  where pending.level = 0
;

create view rollup_src_1d as
  select bucket, src_addr, src_as, src_country, flows, bytes, packets, scaled_bytes, scaled_packets, peak_bytes from rollup_src_1d_data
  union all
  select date_bin('1 day', part.bucket, '2000-01-01 00:00:00+00'), part.src_addr, part.src_as, part.src_country, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets, null::bigint
  from rollup_pending pending cross join lateral (
    select d.bucket, d.src_addr, d.src_as, d.src_country, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_src_1h_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 2
  union all
  select date_bin('1 day', part.bucket, '2000-01-01 00:00:00+00'), part.src_addr, part.src_as, part.src_country, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets, null::bigint
  from rollup_pending pending cross join lateral (
    select d.bucket, d.src_addr, d.src_as, d.src_country, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_src_1m_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 1
  union all
  select date_bin('1 day', part.time, '2000-01-01 00:00:00+00'), part.src_addr, part.src_as, part.src_country,
    (case when part.slice is null then 1 else 0 end)::bigint,
    coalesce(part.share_bytes, part.bytes),
    coalesce(part.share_packets, part.packets),
    weir_scaled(coalesce(part.share_bytes, part.bytes), part.sampling_rate),
    weir_scaled(coalesce(part.share_packets, part.packets), part.sampling_rate), null::bigint
  from rollup_pending pending cross join lateral (
    select f.time, f.src_addr, f.src_as, f.src_country, f.bytes, f.packets, f.sampling_rate, f.slice, f.share_bytes, f.share_packets from flow f
      where f.batch = pending.id and f.event_kind is null and f.witness is not true offset 0) part
  where pending.level = 0
;

create view rollup_dst_1m as
  select bucket, dst_addr, dst_as, dst_country, flows, bytes, packets, scaled_bytes, scaled_packets from rollup_dst_1m_data
  union all
  select date_bin('1 minute', part.time, '2000-01-01 00:00:00+00'), part.dst_addr, part.dst_as, part.dst_country,
    (case when part.slice is null then 1 else 0 end)::bigint,
    coalesce(part.share_bytes, part.bytes),
    coalesce(part.share_packets, part.packets),
    weir_scaled(coalesce(part.share_bytes, part.bytes), part.sampling_rate),
    weir_scaled(coalesce(part.share_packets, part.packets), part.sampling_rate)
  from rollup_pending pending cross join lateral (
    select f.time, f.dst_addr, f.dst_as, f.dst_country, f.bytes, f.packets, f.sampling_rate, f.slice, f.share_bytes, f.share_packets from flow f
      where f.batch = pending.id and f.event_kind is null and f.witness is not true offset 0) part
  where pending.level = 0
;

create view rollup_dst_1h as
  select bucket, dst_addr, dst_as, dst_country, flows, bytes, packets, scaled_bytes, scaled_packets, peak_bytes from rollup_dst_1h_data
  union all
  select date_bin('1 hour', part.bucket, '2000-01-01 00:00:00+00'), part.dst_addr, part.dst_as, part.dst_country, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets, null::bigint
  from rollup_pending pending cross join lateral (
    select d.bucket, d.dst_addr, d.dst_as, d.dst_country, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_dst_1m_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 1
  union all
  select date_bin('1 hour', part.time, '2000-01-01 00:00:00+00'), part.dst_addr, part.dst_as, part.dst_country,
    (case when part.slice is null then 1 else 0 end)::bigint,
    coalesce(part.share_bytes, part.bytes),
    coalesce(part.share_packets, part.packets),
    weir_scaled(coalesce(part.share_bytes, part.bytes), part.sampling_rate),
    weir_scaled(coalesce(part.share_packets, part.packets), part.sampling_rate), null::bigint
  from rollup_pending pending cross join lateral (
    select f.time, f.dst_addr, f.dst_as, f.dst_country, f.bytes, f.packets, f.sampling_rate, f.slice, f.share_bytes, f.share_packets from flow f
      where f.batch = pending.id and f.event_kind is null and f.witness is not true offset 0) part
  where pending.level = 0
;

create view rollup_dst_1d as
  select bucket, dst_addr, dst_as, dst_country, flows, bytes, packets, scaled_bytes, scaled_packets, peak_bytes from rollup_dst_1d_data
  union all
  select date_bin('1 day', part.bucket, '2000-01-01 00:00:00+00'), part.dst_addr, part.dst_as, part.dst_country, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets, null::bigint
  from rollup_pending pending cross join lateral (
    select d.bucket, d.dst_addr, d.dst_as, d.dst_country, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_dst_1h_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 2
  union all
  select date_bin('1 day', part.bucket, '2000-01-01 00:00:00+00'), part.dst_addr, part.dst_as, part.dst_country, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets, null::bigint
  from rollup_pending pending cross join lateral (
    select d.bucket, d.dst_addr, d.dst_as, d.dst_country, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_dst_1m_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 1
  union all
  select date_bin('1 day', part.time, '2000-01-01 00:00:00+00'), part.dst_addr, part.dst_as, part.dst_country,
    (case when part.slice is null then 1 else 0 end)::bigint,
    coalesce(part.share_bytes, part.bytes),
    coalesce(part.share_packets, part.packets),
    weir_scaled(coalesce(part.share_bytes, part.bytes), part.sampling_rate),
    weir_scaled(coalesce(part.share_packets, part.packets), part.sampling_rate), null::bigint
  from rollup_pending pending cross join lateral (
    select f.time, f.dst_addr, f.dst_as, f.dst_country, f.bytes, f.packets, f.sampling_rate, f.slice, f.share_bytes, f.share_packets from flow f
      where f.batch = pending.id and f.event_kind is null and f.witness is not true offset 0) part
  where pending.level = 0
;

create view rollup_conversation_1m as
  select bucket, src_addr, dst_addr, proto, service_port, flows, bytes, packets, scaled_bytes, scaled_packets from rollup_conversation_1m_data
  union all
  select date_bin('1 minute', part.time, '2000-01-01 00:00:00+00'), part.src_addr, part.dst_addr, part.proto, part.service_port,
    (case when part.slice is null then 1 else 0 end)::bigint,
    coalesce(part.share_bytes, part.bytes),
    coalesce(part.share_packets, part.packets),
    weir_scaled(coalesce(part.share_bytes, part.bytes), part.sampling_rate),
    weir_scaled(coalesce(part.share_packets, part.packets), part.sampling_rate)
  from rollup_pending pending cross join lateral (
    select f.time, f.src_addr, f.dst_addr, f.proto, f.service_port, f.bytes, f.packets, f.sampling_rate, f.slice, f.share_bytes, f.share_packets from flow f
      where f.batch = pending.id and f.event_kind is null and f.witness is not true offset 0) part
  where pending.level = 0
;

create view rollup_conversation_1h as
  select bucket, src_addr, dst_addr, proto, service_port, flows, bytes, packets, scaled_bytes, scaled_packets, peak_bytes from rollup_conversation_1h_data
  union all
  select date_bin('1 hour', part.bucket, '2000-01-01 00:00:00+00'), part.src_addr, part.dst_addr, part.proto, part.service_port, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets, null::bigint
  from rollup_pending pending cross join lateral (
    select d.bucket, d.src_addr, d.dst_addr, d.proto, d.service_port, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_conversation_1m_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 1
  union all
  select date_bin('1 hour', part.time, '2000-01-01 00:00:00+00'), part.src_addr, part.dst_addr, part.proto, part.service_port,
    (case when part.slice is null then 1 else 0 end)::bigint,
    coalesce(part.share_bytes, part.bytes),
    coalesce(part.share_packets, part.packets),
    weir_scaled(coalesce(part.share_bytes, part.bytes), part.sampling_rate),
    weir_scaled(coalesce(part.share_packets, part.packets), part.sampling_rate), null::bigint
  from rollup_pending pending cross join lateral (
    select f.time, f.src_addr, f.dst_addr, f.proto, f.service_port, f.bytes, f.packets, f.sampling_rate, f.slice, f.share_bytes, f.share_packets from flow f
      where f.batch = pending.id and f.event_kind is null and f.witness is not true offset 0) part
  where pending.level = 0
;

create view rollup_conversation_1d as
  select bucket, src_addr, dst_addr, proto, service_port, flows, bytes, packets, scaled_bytes, scaled_packets, peak_bytes from rollup_conversation_1d_data
  union all
  select date_bin('1 day', part.bucket, '2000-01-01 00:00:00+00'), part.src_addr, part.dst_addr, part.proto, part.service_port, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets, null::bigint
  from rollup_pending pending cross join lateral (
    select d.bucket, d.src_addr, d.dst_addr, d.proto, d.service_port, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_conversation_1h_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 2
  union all
  select date_bin('1 day', part.bucket, '2000-01-01 00:00:00+00'), part.src_addr, part.dst_addr, part.proto, part.service_port, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets, null::bigint
  from rollup_pending pending cross join lateral (
    select d.bucket, d.src_addr, d.dst_addr, d.proto, d.service_port, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_conversation_1m_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 1
  union all
  select date_bin('1 day', part.time, '2000-01-01 00:00:00+00'), part.src_addr, part.dst_addr, part.proto, part.service_port,
    (case when part.slice is null then 1 else 0 end)::bigint,
    coalesce(part.share_bytes, part.bytes),
    coalesce(part.share_packets, part.packets),
    weir_scaled(coalesce(part.share_bytes, part.bytes), part.sampling_rate),
    weir_scaled(coalesce(part.share_packets, part.packets), part.sampling_rate), null::bigint
  from rollup_pending pending cross join lateral (
    select f.time, f.src_addr, f.dst_addr, f.proto, f.service_port, f.bytes, f.packets, f.sampling_rate, f.slice, f.share_bytes, f.share_packets from flow f
      where f.batch = pending.id and f.event_kind is null and f.witness is not true offset 0) part
  where pending.level = 0
;

create view rollup_service_1m as
  select bucket, proto, service_port, flows, bytes, packets, scaled_bytes, scaled_packets from rollup_service_1m_data
  union all
  select date_bin('1 minute', part.time, '2000-01-01 00:00:00+00'), part.proto, part.service_port,
    (case when part.slice is null then 1 else 0 end)::bigint,
    coalesce(part.share_bytes, part.bytes),
    coalesce(part.share_packets, part.packets),
    weir_scaled(coalesce(part.share_bytes, part.bytes), part.sampling_rate),
    weir_scaled(coalesce(part.share_packets, part.packets), part.sampling_rate)
  from rollup_pending pending cross join lateral (
    select f.time, f.proto, f.service_port, f.bytes, f.packets, f.sampling_rate, f.slice, f.share_bytes, f.share_packets from flow f
      where f.batch = pending.id and f.event_kind is null and f.witness is not true offset 0) part
  where pending.level = 0
;

create view rollup_service_1h as
  select bucket, proto, service_port, flows, bytes, packets, scaled_bytes, scaled_packets, peak_bytes from rollup_service_1h_data
  union all
  select date_bin('1 hour', part.bucket, '2000-01-01 00:00:00+00'), part.proto, part.service_port, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets, null::bigint
  from rollup_pending pending cross join lateral (
    select d.bucket, d.proto, d.service_port, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_service_1m_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 1
  union all
  select date_bin('1 hour', part.time, '2000-01-01 00:00:00+00'), part.proto, part.service_port,
    (case when part.slice is null then 1 else 0 end)::bigint,
    coalesce(part.share_bytes, part.bytes),
    coalesce(part.share_packets, part.packets),
    weir_scaled(coalesce(part.share_bytes, part.bytes), part.sampling_rate),
    weir_scaled(coalesce(part.share_packets, part.packets), part.sampling_rate), null::bigint
  from rollup_pending pending cross join lateral (
    select f.time, f.proto, f.service_port, f.bytes, f.packets, f.sampling_rate, f.slice, f.share_bytes, f.share_packets from flow f
      where f.batch = pending.id and f.event_kind is null and f.witness is not true offset 0) part
  where pending.level = 0
;

create view rollup_service_1d as
  select bucket, proto, service_port, flows, bytes, packets, scaled_bytes, scaled_packets, peak_bytes from rollup_service_1d_data
  union all
  select date_bin('1 day', part.bucket, '2000-01-01 00:00:00+00'), part.proto, part.service_port, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets, null::bigint
  from rollup_pending pending cross join lateral (
    select d.bucket, d.proto, d.service_port, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_service_1h_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 2
  union all
  select date_bin('1 day', part.bucket, '2000-01-01 00:00:00+00'), part.proto, part.service_port, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets, null::bigint
  from rollup_pending pending cross join lateral (
    select d.bucket, d.proto, d.service_port, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_service_1m_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 1
  union all
  select date_bin('1 day', part.time, '2000-01-01 00:00:00+00'), part.proto, part.service_port,
    (case when part.slice is null then 1 else 0 end)::bigint,
    coalesce(part.share_bytes, part.bytes),
    coalesce(part.share_packets, part.packets),
    weir_scaled(coalesce(part.share_bytes, part.bytes), part.sampling_rate),
    weir_scaled(coalesce(part.share_packets, part.packets), part.sampling_rate), null::bigint
  from rollup_pending pending cross join lateral (
    select f.time, f.proto, f.service_port, f.bytes, f.packets, f.sampling_rate, f.slice, f.share_bytes, f.share_packets from flow f
      where f.batch = pending.id and f.event_kind is null and f.witness is not true offset 0) part
  where pending.level = 0
;

create view rollup_as_1m as
  select bucket, src_as, dst_as, src_country, dst_country, flows, bytes, packets, scaled_bytes, scaled_packets from rollup_as_1m_data
  union all
  select date_bin('1 minute', part.time, '2000-01-01 00:00:00+00'), part.src_as, part.dst_as, part.src_country, part.dst_country,
    (case when part.slice is null then 1 else 0 end)::bigint,
    coalesce(part.share_bytes, part.bytes),
    coalesce(part.share_packets, part.packets),
    weir_scaled(coalesce(part.share_bytes, part.bytes), part.sampling_rate),
    weir_scaled(coalesce(part.share_packets, part.packets), part.sampling_rate)
  from rollup_pending pending cross join lateral (
    select f.time, f.src_as, f.dst_as, f.src_country, f.dst_country, f.bytes, f.packets, f.sampling_rate, f.slice, f.share_bytes, f.share_packets from flow f
      where f.batch = pending.id and f.event_kind is null and f.witness is not true offset 0) part
  where pending.level = 0
;

create view rollup_as_1h as
  select bucket, src_as, dst_as, src_country, dst_country, flows, bytes, packets, scaled_bytes, scaled_packets, peak_bytes from rollup_as_1h_data
  union all
  select date_bin('1 hour', part.bucket, '2000-01-01 00:00:00+00'), part.src_as, part.dst_as, part.src_country, part.dst_country, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets, null::bigint
  from rollup_pending pending cross join lateral (
    select d.bucket, d.src_as, d.dst_as, d.src_country, d.dst_country, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_as_1m_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 1
  union all
  select date_bin('1 hour', part.time, '2000-01-01 00:00:00+00'), part.src_as, part.dst_as, part.src_country, part.dst_country,
    (case when part.slice is null then 1 else 0 end)::bigint,
    coalesce(part.share_bytes, part.bytes),
    coalesce(part.share_packets, part.packets),
    weir_scaled(coalesce(part.share_bytes, part.bytes), part.sampling_rate),
    weir_scaled(coalesce(part.share_packets, part.packets), part.sampling_rate), null::bigint
  from rollup_pending pending cross join lateral (
    select f.time, f.src_as, f.dst_as, f.src_country, f.dst_country, f.bytes, f.packets, f.sampling_rate, f.slice, f.share_bytes, f.share_packets from flow f
      where f.batch = pending.id and f.event_kind is null and f.witness is not true offset 0) part
  where pending.level = 0
;

create view rollup_as_1d as
  select bucket, src_as, dst_as, src_country, dst_country, flows, bytes, packets, scaled_bytes, scaled_packets, peak_bytes from rollup_as_1d_data
  union all
  select date_bin('1 day', part.bucket, '2000-01-01 00:00:00+00'), part.src_as, part.dst_as, part.src_country, part.dst_country, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets, null::bigint
  from rollup_pending pending cross join lateral (
    select d.bucket, d.src_as, d.dst_as, d.src_country, d.dst_country, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_as_1h_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 2
  union all
  select date_bin('1 day', part.bucket, '2000-01-01 00:00:00+00'), part.src_as, part.dst_as, part.src_country, part.dst_country, part.flows, part.bytes, part.packets, part.scaled_bytes, part.scaled_packets, null::bigint
  from rollup_pending pending cross join lateral (
    select d.bucket, d.src_as, d.dst_as, d.src_country, d.dst_country, d.flows, d.bytes, d.packets, d.scaled_bytes, d.scaled_packets from rollup_as_1m_data d
      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part
  where pending.level = 1
  union all
  select date_bin('1 day', part.time, '2000-01-01 00:00:00+00'), part.src_as, part.dst_as, part.src_country, part.dst_country,
    (case when part.slice is null then 1 else 0 end)::bigint,
    coalesce(part.share_bytes, part.bytes),
    coalesce(part.share_packets, part.packets),
    weir_scaled(coalesce(part.share_bytes, part.bytes), part.sampling_rate),
    weir_scaled(coalesce(part.share_packets, part.packets), part.sampling_rate), null::bigint
  from rollup_pending pending cross join lateral (
    select f.time, f.src_as, f.dst_as, f.src_country, f.dst_country, f.bytes, f.packets, f.sampling_rate, f.slice, f.share_bytes, f.share_packets from flow f
      where f.batch = pending.id and f.event_kind is null and f.witness is not true offset 0) part
  where pending.level = 0
;
