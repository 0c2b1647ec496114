-- How large each relation was, hour by hour: what growth and forecast are told from. Kept for 60 days by `maintain`.
create table storage_size (
  at timestamptz not null,
  relation text not null,
  bytes bigint not null,
  primary key (at, relation)
);
