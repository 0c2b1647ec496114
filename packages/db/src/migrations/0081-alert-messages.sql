-- Messages may be about an alert of Weir itself, too.
alter table notification add column system_alert_id bigint references alert (id) on delete cascade;
alter table notification drop constraint notification_about_one;
alter table notification add constraint notification_about_one check (num_nonnulls(anomaly_id, alert_id, system_alert_id) = 1);
alter table notification add unique (system_alert_id, kind, channel);
