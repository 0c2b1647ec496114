-- Rollups of flow know slices, witnesses and the greatest minute; written from src/rollups.ts by scripts/rollup-sql.ts. A continuous aggregate
-- cannot be changed, so each is made anew: days whose raw flows are there are computed again (`maintain` does it after the start, day by
-- day), days whose raw flows were dropped keep their sums as they are.
-- weir: quiet

insert into setting (key, value) values
  -- Octets a day below which hosts and conversations are left out of the rollups of days, see ROLLUP_FLOORS in src/rollups.ts.
  ('rollup_floor', '{"hosts": 10000, "conversations": 100000}') on conflict (key) do nothing;
-- What the setting says, where a continuous aggregate can read it; `maintain` brings them to it. A day keeps the floor it was made with.
create function weir_floor_hosts() returns bigint language sql immutable parallel safe as 'select 10000::bigint';
create function weir_floor_conversations() returns bigint language sql immutable parallel safe as 'select 100000::bigint';

create temporary table weir_kept_day on commit drop as
  select bucket from (select distinct bucket from rollup_interface_1d) d
  where not exists (select from flow where time >= d.bucket and time < d.bucket + interval '1 day')
    or exists (
      select from (select distinct h.bucket from rollup_interface_1h h where h.bucket >= d.bucket and h.bucket < d.bucket + interval '1 day') h
      where not exists (select from flow where time >= h.bucket and time < h.bucket + interval '1 hour'));
insert into rollup_late (first, last)
  select bucket, bucket + interval '23 hours 59 minutes' from (select distinct bucket from rollup_interface_1d) d
  where bucket not in (select bucket from weir_kept_day);
do $$
declare
  name text;
begin
  foreach name in array array['interface', 'src', 'dst', 'conversation', 'service', 'as'] loop
    foreach name in array array['rollup_' || name || '_1d', 'rollup_' || name || '_1h', 'rollup_' || name || '_1m'] loop
      execute format('create temporary table %I on commit drop as select * from %I r
        where exists (select from weir_kept_day k where r.bucket >= k.bucket and r.bucket < k.bucket + interval ''1 day'')', 'weir_kept_' || name, name);
      execute format('drop materialized view %I', name);
    end loop;
  end loop;
end
$$;

create materialized view rollup_interface_1m
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '1 day') as
select time_bucket('1 minute', time) as bucket, exporter_id, in_if, out_if, proto, type, witness,
  count(*) filter (where slice is null) as flows,
  least(sum(coalesce(share_bytes, bytes)), 9223372036854775807)::bigint as bytes,
  least(sum(coalesce(share_packets, packets)), 9223372036854775807)::bigint as packets,
  least(sum(weir_scaled(coalesce(share_bytes, bytes), sampling_rate)), 9223372036854775807)::bigint as scaled_bytes,
  least(sum(weir_scaled(coalesce(share_packets, packets), sampling_rate)), 9223372036854775807)::bigint as scaled_packets
from flow where event_kind is null
group by 1, 2, 3, 4, 5, 6, 7
with no data;
select add_continuous_aggregate_policy('rollup_interface_1m', start_offset => interval '2 days', end_offset => interval '1 minute', schedule_interval => interval '1 minute');
select add_retention_policy('rollup_interface_1m', drop_created_before => interval '31 days');

create materialized view rollup_interface_1h
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '30 days') as
select time_bucket('1 hour', bucket) as bucket, exporter_id, in_if, out_if, proto, type, witness,
  least(sum(flows), 9223372036854775807)::bigint as flows,
  least(sum(bytes), 9223372036854775807)::bigint as bytes,
  least(sum(packets), 9223372036854775807)::bigint as packets,
  least(sum(scaled_bytes), 9223372036854775807)::bigint as scaled_bytes,
  least(sum(scaled_packets), 9223372036854775807)::bigint as scaled_packets,
  max(scaled_bytes) as peak_bytes
from rollup_interface_1m
group by 1, 2, 3, 4, 5, 6, 7
with no data;
select add_continuous_aggregate_policy('rollup_interface_1h', start_offset => interval '4 days', end_offset => interval '10 minutes', schedule_interval => interval '10 minutes');
select add_retention_policy('rollup_interface_1h', drop_created_before => interval '430 days');

create materialized view rollup_interface_1d
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '360 days') as
select time_bucket('1 day', bucket) as bucket, exporter_id, in_if, out_if, proto, type, witness,
  least(sum(flows), 9223372036854775807)::bigint as flows,
  least(sum(bytes), 9223372036854775807)::bigint as bytes,
  least(sum(packets), 9223372036854775807)::bigint as packets,
  least(sum(scaled_bytes), 9223372036854775807)::bigint as scaled_bytes,
  least(sum(scaled_packets), 9223372036854775807)::bigint as scaled_packets,
  max(peak_bytes) as peak_bytes
from rollup_interface_1h
group by 1, 2, 3, 4, 5, 6, 7
with no data;
select add_continuous_aggregate_policy('rollup_interface_1d', start_offset => interval '8 days', end_offset => interval '1 hour', schedule_interval => interval '1 hour');
select add_retention_policy('rollup_interface_1d', drop_created_before => interval '2186 days');

create materialized view rollup_src_1m
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '1 day') as
select time_bucket('1 minute', time) as bucket, src_addr, src_as, src_country,
  count(*) filter (where slice is null) as flows,
  least(sum(coalesce(share_bytes, bytes)), 9223372036854775807)::bigint as bytes,
  least(sum(coalesce(share_packets, packets)), 9223372036854775807)::bigint as packets,
  least(sum(weir_scaled(coalesce(share_bytes, bytes), sampling_rate)), 9223372036854775807)::bigint as scaled_bytes,
  least(sum(weir_scaled(coalesce(share_packets, packets), sampling_rate)), 9223372036854775807)::bigint as scaled_packets
from flow where event_kind is null and witness is not true
group by 1, 2, 3, 4
with no data;
select add_continuous_aggregate_policy('rollup_src_1m', start_offset => interval '2 days', end_offset => interval '1 minute', schedule_interval => interval '1 minute');
select add_retention_policy('rollup_src_1m', drop_created_before => interval '31 days');

create materialized view rollup_src_1h
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '30 days') as
select time_bucket('1 hour', bucket) as bucket, src_addr, src_as, src_country,
  least(sum(flows), 9223372036854775807)::bigint as flows,
  least(sum(bytes), 9223372036854775807)::bigint as bytes,
  least(sum(packets), 9223372036854775807)::bigint as packets,
  least(sum(scaled_bytes), 9223372036854775807)::bigint as scaled_bytes,
  least(sum(scaled_packets), 9223372036854775807)::bigint as scaled_packets,
  max(scaled_bytes) as peak_bytes
from rollup_src_1m
group by 1, 2, 3, 4
with no data;
select add_continuous_aggregate_policy('rollup_src_1h', start_offset => interval '4 days', end_offset => interval '10 minutes', schedule_interval => interval '10 minutes');
select add_retention_policy('rollup_src_1h', drop_created_before => interval '430 days');

create materialized view rollup_src_1d
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '360 days') as
select time_bucket('1 day', bucket) as bucket, src_addr, src_as, src_country,
  least(sum(flows), 9223372036854775807)::bigint as flows,
  least(sum(bytes), 9223372036854775807)::bigint as bytes,
  least(sum(packets), 9223372036854775807)::bigint as packets,
  least(sum(scaled_bytes), 9223372036854775807)::bigint as scaled_bytes,
  least(sum(scaled_packets), 9223372036854775807)::bigint as scaled_packets,
  max(peak_bytes) as peak_bytes
from rollup_src_1h
group by 1, 2, 3, 4
having sum(scaled_bytes) >= weir_floor_hosts()
with no data;
select add_continuous_aggregate_policy('rollup_src_1d', start_offset => interval '8 days', end_offset => interval '1 hour', schedule_interval => interval '1 hour');
select add_retention_policy('rollup_src_1d', drop_created_before => interval '2186 days');

create materialized view rollup_dst_1m
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '1 day') as
select time_bucket('1 minute', time) as bucket, dst_addr, dst_as, dst_country,
  count(*) filter (where slice is null) as flows,
  least(sum(coalesce(share_bytes, bytes)), 9223372036854775807)::bigint as bytes,
  least(sum(coalesce(share_packets, packets)), 9223372036854775807)::bigint as packets,
  least(sum(weir_scaled(coalesce(share_bytes, bytes), sampling_rate)), 9223372036854775807)::bigint as scaled_bytes,
  least(sum(weir_scaled(coalesce(share_packets, packets), sampling_rate)), 9223372036854775807)::bigint as scaled_packets
from flow where event_kind is null and witness is not true
group by 1, 2, 3, 4
with no data;
select add_continuous_aggregate_policy('rollup_dst_1m', start_offset => interval '2 days', end_offset => interval '1 minute', schedule_interval => interval '1 minute');
select add_retention_policy('rollup_dst_1m', drop_created_before => interval '31 days');

create materialized view rollup_dst_1h
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '30 days') as
select time_bucket('1 hour', bucket) as bucket, dst_addr, dst_as, dst_country,
  least(sum(flows), 9223372036854775807)::bigint as flows,
  least(sum(bytes), 9223372036854775807)::bigint as bytes,
  least(sum(packets), 9223372036854775807)::bigint as packets,
  least(sum(scaled_bytes), 9223372036854775807)::bigint as scaled_bytes,
  least(sum(scaled_packets), 9223372036854775807)::bigint as scaled_packets,
  max(scaled_bytes) as peak_bytes
from rollup_dst_1m
group by 1, 2, 3, 4
with no data;
select add_continuous_aggregate_policy('rollup_dst_1h', start_offset => interval '4 days', end_offset => interval '10 minutes', schedule_interval => interval '10 minutes');
select add_retention_policy('rollup_dst_1h', drop_created_before => interval '430 days');

create materialized view rollup_dst_1d
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '360 days') as
select time_bucket('1 day', bucket) as bucket, dst_addr, dst_as, dst_country,
  least(sum(flows), 9223372036854775807)::bigint as flows,
  least(sum(bytes), 9223372036854775807)::bigint as bytes,
  least(sum(packets), 9223372036854775807)::bigint as packets,
  least(sum(scaled_bytes), 9223372036854775807)::bigint as scaled_bytes,
  least(sum(scaled_packets), 9223372036854775807)::bigint as scaled_packets,
  max(peak_bytes) as peak_bytes
from rollup_dst_1h
group by 1, 2, 3, 4
having sum(scaled_bytes) >= weir_floor_hosts()
with no data;
select add_continuous_aggregate_policy('rollup_dst_1d', start_offset => interval '8 days', end_offset => interval '1 hour', schedule_interval => interval '1 hour');
select add_retention_policy('rollup_dst_1d', drop_created_before => interval '2186 days');

create materialized view rollup_conversation_1m
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '1 day') as
select time_bucket('1 minute', time) as bucket, src_addr, dst_addr, proto, service_port,
  count(*) filter (where slice is null) as flows,
  least(sum(coalesce(share_bytes, bytes)), 9223372036854775807)::bigint as bytes,
  least(sum(coalesce(share_packets, packets)), 9223372036854775807)::bigint as packets,
  least(sum(weir_scaled(coalesce(share_bytes, bytes), sampling_rate)), 9223372036854775807)::bigint as scaled_bytes,
  least(sum(weir_scaled(coalesce(share_packets, packets), sampling_rate)), 9223372036854775807)::bigint as scaled_packets
from flow where event_kind is null and witness is not true
group by 1, 2, 3, 4, 5
with no data;
select add_continuous_aggregate_policy('rollup_conversation_1m', start_offset => interval '2 days', end_offset => interval '1 minute', schedule_interval => interval '1 minute');
select add_retention_policy('rollup_conversation_1m', drop_created_before => interval '31 days');

create materialized view rollup_conversation_1h
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '30 days') as
select time_bucket('1 hour', bucket) as bucket, src_addr, dst_addr, proto, service_port,
  least(sum(flows), 9223372036854775807)::bigint as flows,
  least(sum(bytes), 9223372036854775807)::bigint as bytes,
  least(sum(packets), 9223372036854775807)::bigint as packets,
  least(sum(scaled_bytes), 9223372036854775807)::bigint as scaled_bytes,
  least(sum(scaled_packets), 9223372036854775807)::bigint as scaled_packets,
  max(scaled_bytes) as peak_bytes
from rollup_conversation_1m
group by 1, 2, 3, 4, 5
with no data;
select add_continuous_aggregate_policy('rollup_conversation_1h', start_offset => interval '4 days', end_offset => interval '10 minutes', schedule_interval => interval '10 minutes');
select add_retention_policy('rollup_conversation_1h', drop_created_before => interval '430 days');

create materialized view rollup_conversation_1d
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '360 days') as
select time_bucket('1 day', bucket) as bucket, src_addr, dst_addr, proto, service_port,
  least(sum(flows), 9223372036854775807)::bigint as flows,
  least(sum(bytes), 9223372036854775807)::bigint as bytes,
  least(sum(packets), 9223372036854775807)::bigint as packets,
  least(sum(scaled_bytes), 9223372036854775807)::bigint as scaled_bytes,
  least(sum(scaled_packets), 9223372036854775807)::bigint as scaled_packets,
  max(peak_bytes) as peak_bytes
from rollup_conversation_1h
group by 1, 2, 3, 4, 5
having sum(scaled_bytes) >= weir_floor_conversations()
with no data;
select add_continuous_aggregate_policy('rollup_conversation_1d', start_offset => interval '8 days', end_offset => interval '1 hour', schedule_interval => interval '1 hour');
select add_retention_policy('rollup_conversation_1d', drop_created_before => interval '2186 days');

create materialized view rollup_service_1m
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '1 day') as
select time_bucket('1 minute', time) as bucket, proto, service_port,
  count(*) filter (where slice is null) as flows,
  least(sum(coalesce(share_bytes, bytes)), 9223372036854775807)::bigint as bytes,
  least(sum(coalesce(share_packets, packets)), 9223372036854775807)::bigint as packets,
  least(sum(weir_scaled(coalesce(share_bytes, bytes), sampling_rate)), 9223372036854775807)::bigint as scaled_bytes,
  least(sum(weir_scaled(coalesce(share_packets, packets), sampling_rate)), 9223372036854775807)::bigint as scaled_packets
from flow where event_kind is null and witness is not true
group by 1, 2, 3
with no data;
select add_continuous_aggregate_policy('rollup_service_1m', start_offset => interval '2 days', end_offset => interval '1 minute', schedule_interval => interval '1 minute');
select add_retention_policy('rollup_service_1m', drop_created_before => interval '31 days');

create materialized view rollup_service_1h
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '30 days') as
select time_bucket('1 hour', bucket) as bucket, proto, service_port,
  least(sum(flows), 9223372036854775807)::bigint as flows,
  least(sum(bytes), 9223372036854775807)::bigint as bytes,
  least(sum(packets), 9223372036854775807)::bigint as packets,
  least(sum(scaled_bytes), 9223372036854775807)::bigint as scaled_bytes,
  least(sum(scaled_packets), 9223372036854775807)::bigint as scaled_packets,
  max(scaled_bytes) as peak_bytes
from rollup_service_1m
group by 1, 2, 3
with no data;
select add_continuous_aggregate_policy('rollup_service_1h', start_offset => interval '4 days', end_offset => interval '10 minutes', schedule_interval => interval '10 minutes');
select add_retention_policy('rollup_service_1h', drop_created_before => interval '430 days');

create materialized view rollup_service_1d
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '360 days') as
select time_bucket('1 day', bucket) as bucket, proto, service_port,
  least(sum(flows), 9223372036854775807)::bigint as flows,
  least(sum(bytes), 9223372036854775807)::bigint as bytes,
  least(sum(packets), 9223372036854775807)::bigint as packets,
  least(sum(scaled_bytes), 9223372036854775807)::bigint as scaled_bytes,
  least(sum(scaled_packets), 9223372036854775807)::bigint as scaled_packets,
  max(peak_bytes) as peak_bytes
from rollup_service_1h
group by 1, 2, 3
with no data;
select add_continuous_aggregate_policy('rollup_service_1d', start_offset => interval '8 days', end_offset => interval '1 hour', schedule_interval => interval '1 hour');
select add_retention_policy('rollup_service_1d', drop_created_before => interval '2186 days');

create materialized view rollup_as_1m
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '1 day') as
select time_bucket('1 minute', time) as bucket, src_as, dst_as, src_country, dst_country,
  count(*) filter (where slice is null) as flows,
  least(sum(coalesce(share_bytes, bytes)), 9223372036854775807)::bigint as bytes,
  least(sum(coalesce(share_packets, packets)), 9223372036854775807)::bigint as packets,
  least(sum(weir_scaled(coalesce(share_bytes, bytes), sampling_rate)), 9223372036854775807)::bigint as scaled_bytes,
  least(sum(weir_scaled(coalesce(share_packets, packets), sampling_rate)), 9223372036854775807)::bigint as scaled_packets
from flow where event_kind is null and witness is not true
group by 1, 2, 3, 4, 5
with no data;
select add_continuous_aggregate_policy('rollup_as_1m', start_offset => interval '2 days', end_offset => interval '1 minute', schedule_interval => interval '1 minute');
select add_retention_policy('rollup_as_1m', drop_created_before => interval '31 days');

create materialized view rollup_as_1h
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '30 days') as
select time_bucket('1 hour', bucket) as bucket, src_as, dst_as, src_country, dst_country,
  least(sum(flows), 9223372036854775807)::bigint as flows,
  least(sum(bytes), 9223372036854775807)::bigint as bytes,
  least(sum(packets), 9223372036854775807)::bigint as packets,
  least(sum(scaled_bytes), 9223372036854775807)::bigint as scaled_bytes,
  least(sum(scaled_packets), 9223372036854775807)::bigint as scaled_packets,
  max(scaled_bytes) as peak_bytes
from rollup_as_1m
group by 1, 2, 3, 4, 5
with no data;
select add_continuous_aggregate_policy('rollup_as_1h', start_offset => interval '4 days', end_offset => interval '10 minutes', schedule_interval => interval '10 minutes');
select add_retention_policy('rollup_as_1h', drop_created_before => interval '430 days');

create materialized view rollup_as_1d
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '360 days') as
select time_bucket('1 day', bucket) as bucket, src_as, dst_as, src_country, dst_country,
  least(sum(flows), 9223372036854775807)::bigint as flows,
  least(sum(bytes), 9223372036854775807)::bigint as bytes,
  least(sum(packets), 9223372036854775807)::bigint as packets,
  least(sum(scaled_bytes), 9223372036854775807)::bigint as scaled_bytes,
  least(sum(scaled_packets), 9223372036854775807)::bigint as scaled_packets,
  max(peak_bytes) as peak_bytes
from rollup_as_1h
group by 1, 2, 3, 4, 5
with no data;
select add_continuous_aggregate_policy('rollup_as_1d', start_offset => interval '8 days', end_offset => interval '1 hour', schedule_interval => interval '1 hour');
select add_retention_policy('rollup_as_1d', drop_created_before => interval '2186 days');

-- The kept days, straight into the tables behind the new aggregates. The greatest minute of an old hour is not known: NULL.
do $$
declare
  kept record;
  shared text;
begin
  for kept in
    select c.view_name as name, format('%I.%I', c.materialization_hypertable_schema, c.materialization_hypertable_name) as target
    from timescaledb_information.continuous_aggregates c where c.view_name like 'rollup\_%'
  loop
    select string_agg(format('%I', a.attname), ', ') into shared from pg_attribute a
      where a.attrelid = format('pg_temp.%I', 'weir_kept_' || kept.name)::regclass and a.attnum > 0 and not a.attisdropped;
    execute format('insert into %s (%s) select %s from pg_temp.%I', kept.target, shared, shared, 'weir_kept_' || kept.name);
  end loop;
end
$$;
