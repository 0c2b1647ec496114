-- What a person calls an interface stands over what its exporter announces: an announcement comes again each minute and must not take the name back.
-- Readers keep reading `name`. A name given before this migration counts as announced: which of the two it was is not recorded.
alter table interface rename column name to told_name;
alter table interface add column given_name text;
alter table interface add column name text generated always as (coalesce(given_name, told_name)) stored;
