-- Messages may be about an alert instead of an anomaly.
alter table notification alter column anomaly_id drop not null;
alter table notification add column alert_id bigint references alert (id) on delete cascade;
alter table notification add check (num_nonnulls(anomaly_id, alert_id) = 1);
alter table notification add unique (alert_id, kind, channel);
