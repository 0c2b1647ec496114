-- One host over a month is what people ask after they have seen its name. Hours hold every host and every pair of hosts, and without an index all of
-- them were read for one. Minutes are few by the hour, days are few.
create index rollup_src_1h_src_addr_idx on rollup_src_1h_data (src_addr, bucket);
create index rollup_dst_1h_dst_addr_idx on rollup_dst_1h_data (dst_addr, bucket);
create index rollup_conversation_1h_src_addr_idx on rollup_conversation_1h_data (src_addr, bucket);
create index rollup_conversation_1h_dst_addr_idx on rollup_conversation_1h_data (dst_addr, bucket);
