-- Rollups of flow at 1 m, 1 h and 1 d, written from src/rollups.ts by scripts/rollup-sql.ts.

create materialized view rollup_interface_1m
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '1 day') as
select time_bucket('1 minute', time) as bucket, exporter_id, in_if, out_if, proto, type,
  count(*) as flows,
  least(sum(bytes), 9223372036854775807)::bigint as bytes,
  least(sum(packets), 9223372036854775807)::bigint as packets,
  least(sum(weir_scaled(bytes, sampling_rate)), 9223372036854775807)::bigint as scaled_bytes,
  least(sum(weir_scaled(packets, sampling_rate)), 9223372036854775807)::bigint as scaled_packets
from flow where event_kind is null
group by 1, 2, 3, 4, 5, 6
with no data;
select add_continuous_aggregate_policy('rollup_interface_1m', start_offset => interval '2 days', end_offset => interval '1 minute', schedule_interval => interval '1 minute');
select add_retention_policy('rollup_interface_1m', drop_created_before => interval '31 days');

create materialized view rollup_interface_1h
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '30 days') as
select time_bucket('1 hour', bucket) as bucket, exporter_id, in_if, out_if, proto, type,
  least(sum(flows), 9223372036854775807)::bigint as flows,
  least(sum(bytes), 9223372036854775807)::bigint as bytes,
  least(sum(packets), 9223372036854775807)::bigint as packets,
  least(sum(scaled_bytes), 9223372036854775807)::bigint as scaled_bytes,
  least(sum(scaled_packets), 9223372036854775807)::bigint as scaled_packets
from rollup_interface_1m
group by 1, 2, 3, 4, 5, 6
with no data;
select add_continuous_aggregate_policy('rollup_interface_1h', start_offset => interval '4 days', end_offset => interval '10 minutes', schedule_interval => interval '10 minutes');
select add_retention_policy('rollup_interface_1h', drop_created_before => interval '430 days');

create materialized view rollup_interface_1d
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '360 days') as
select time_bucket('1 day', bucket) as bucket, exporter_id, in_if, out_if, proto, type,
  least(sum(flows), 9223372036854775807)::bigint as flows,
  least(sum(bytes), 9223372036854775807)::bigint as bytes,
  least(sum(packets), 9223372036854775807)::bigint as packets,
  least(sum(scaled_bytes), 9223372036854775807)::bigint as scaled_bytes,
  least(sum(scaled_packets), 9223372036854775807)::bigint as scaled_packets
from rollup_interface_1h
group by 1, 2, 3, 4, 5, 6
with no data;
select add_continuous_aggregate_policy('rollup_interface_1d', start_offset => interval '8 days', end_offset => interval '1 hour', schedule_interval => interval '1 hour');
select add_retention_policy('rollup_interface_1d', drop_created_before => interval '2186 days');

create materialized view rollup_src_1m
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '1 day') as
select time_bucket('1 minute', time) as bucket, src_addr, src_as, src_country,
  count(*) as flows,
  least(sum(bytes), 9223372036854775807)::bigint as bytes,
  least(sum(packets), 9223372036854775807)::bigint as packets,
  least(sum(weir_scaled(bytes, sampling_rate)), 9223372036854775807)::bigint as scaled_bytes,
  least(sum(weir_scaled(packets, sampling_rate)), 9223372036854775807)::bigint as scaled_packets
from flow where event_kind is null
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
  least(sum(scaled_packets), 9223372036854775807)::bigint as scaled_packets
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
  least(sum(scaled_packets), 9223372036854775807)::bigint as scaled_packets
from rollup_src_1h
group by 1, 2, 3, 4
with no data;
select add_continuous_aggregate_policy('rollup_src_1d', start_offset => interval '8 days', end_offset => interval '1 hour', schedule_interval => interval '1 hour');
select add_retention_policy('rollup_src_1d', drop_created_before => interval '2186 days');

create materialized view rollup_dst_1m
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '1 day') as
select time_bucket('1 minute', time) as bucket, dst_addr, dst_as, dst_country,
  count(*) as flows,
  least(sum(bytes), 9223372036854775807)::bigint as bytes,
  least(sum(packets), 9223372036854775807)::bigint as packets,
  least(sum(weir_scaled(bytes, sampling_rate)), 9223372036854775807)::bigint as scaled_bytes,
  least(sum(weir_scaled(packets, sampling_rate)), 9223372036854775807)::bigint as scaled_packets
from flow where event_kind is null
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
  least(sum(scaled_packets), 9223372036854775807)::bigint as scaled_packets
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
  least(sum(scaled_packets), 9223372036854775807)::bigint as scaled_packets
from rollup_dst_1h
group by 1, 2, 3, 4
with no data;
select add_continuous_aggregate_policy('rollup_dst_1d', start_offset => interval '8 days', end_offset => interval '1 hour', schedule_interval => interval '1 hour');
select add_retention_policy('rollup_dst_1d', drop_created_before => interval '2186 days');

create materialized view rollup_conversation_1m
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '1 day') as
select time_bucket('1 minute', time) as bucket, src_addr, dst_addr, proto, service_port,
  count(*) as flows,
  least(sum(bytes), 9223372036854775807)::bigint as bytes,
  least(sum(packets), 9223372036854775807)::bigint as packets,
  least(sum(weir_scaled(bytes, sampling_rate)), 9223372036854775807)::bigint as scaled_bytes,
  least(sum(weir_scaled(packets, sampling_rate)), 9223372036854775807)::bigint as scaled_packets
from flow where event_kind is null
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
  least(sum(scaled_packets), 9223372036854775807)::bigint as scaled_packets
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
  least(sum(scaled_packets), 9223372036854775807)::bigint as scaled_packets
from rollup_conversation_1h
group by 1, 2, 3, 4, 5
with no data;
select add_continuous_aggregate_policy('rollup_conversation_1d', start_offset => interval '8 days', end_offset => interval '1 hour', schedule_interval => interval '1 hour');
select add_retention_policy('rollup_conversation_1d', drop_created_before => interval '2186 days');

create materialized view rollup_service_1m
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '1 day') as
select time_bucket('1 minute', time) as bucket, proto, service_port,
  count(*) as flows,
  least(sum(bytes), 9223372036854775807)::bigint as bytes,
  least(sum(packets), 9223372036854775807)::bigint as packets,
  least(sum(weir_scaled(bytes, sampling_rate)), 9223372036854775807)::bigint as scaled_bytes,
  least(sum(weir_scaled(packets, sampling_rate)), 9223372036854775807)::bigint as scaled_packets
from flow where event_kind is null
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
  least(sum(scaled_packets), 9223372036854775807)::bigint as scaled_packets
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
  least(sum(scaled_packets), 9223372036854775807)::bigint as scaled_packets
from rollup_service_1h
group by 1, 2, 3
with no data;
select add_continuous_aggregate_policy('rollup_service_1d', start_offset => interval '8 days', end_offset => interval '1 hour', schedule_interval => interval '1 hour');
select add_retention_policy('rollup_service_1d', drop_created_before => interval '2186 days');

create materialized view rollup_as_1m
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '1 day') as
select time_bucket('1 minute', time) as bucket, src_as, dst_as, src_country, dst_country,
  count(*) as flows,
  least(sum(bytes), 9223372036854775807)::bigint as bytes,
  least(sum(packets), 9223372036854775807)::bigint as packets,
  least(sum(weir_scaled(bytes, sampling_rate)), 9223372036854775807)::bigint as scaled_bytes,
  least(sum(weir_scaled(packets, sampling_rate)), 9223372036854775807)::bigint as scaled_packets
from flow where event_kind is null
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
  least(sum(scaled_packets), 9223372036854775807)::bigint as scaled_packets
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
  least(sum(scaled_packets), 9223372036854775807)::bigint as scaled_packets
from rollup_as_1h
group by 1, 2, 3, 4, 5
with no data;
select add_continuous_aggregate_policy('rollup_as_1d', start_offset => interval '8 days', end_offset => interval '1 hour', schedule_interval => interval '1 hour');
select add_retention_policy('rollup_as_1d', drop_created_before => interval '2186 days');
