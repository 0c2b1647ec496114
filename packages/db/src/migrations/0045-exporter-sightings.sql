-- What an exporter told that others had told already: flows of conversations that are counted from another exporter, and datagrams that came
-- twice and were stored once.
alter table exporter add column witnesses bigint not null default 0;
alter table exporter add column duplicates bigint not null default 0;
