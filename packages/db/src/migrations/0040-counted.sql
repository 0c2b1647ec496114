-- What of a stored row counts where. NULL in all four: the row is a flow, counts everywhere, and all of it in its own minute.

-- True: the same conversation was counted from another exporter. The row shows what this exporter saw and is in no total of hosts,
-- conversations, services, systems and countries.
alter table flow add column witness boolean;
-- True: not a flow but a part of a long one, in a minute before its end. It carries the flow's columns, so that every filter treats it
-- like the flow, and is in sums only: `flows` counts rows that are no slice.
alter table flow add column slice boolean;
-- What this row adds to sums where that is not all of `bytes` and `packets`: the part of a long flow that falls into the row's minute.
-- Over a flow and its slices they come to `bytes` and `packets` exactly.
alter table flow add column share_bytes bigint;
alter table flow add column share_packets bigint;
