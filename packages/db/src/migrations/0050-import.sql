-- Files that were imported. A file is known by its contents; its chunks are written in the transaction that stores their rows, so that an
-- interrupted import goes on where it stopped and a repeated one stores nothing.
create table import_file (
  sha256 text primary key check (sha256 ~ '^[0-9a-f]{64}$'),
  name text not null,
  bytes bigint not null,
  started_at timestamptz not null default now(),
  finished_at timestamptz,
  -- Filled in when finished.
  rows bigint not null default 0,
  problems bigint not null default 0,
  first timestamptz,
  last timestamptz
);

create table import_chunk (
  sha256 text not null references import_file (sha256) on delete cascade,
  -- Lines of the file, counted from 1, both ends included.
  first_line bigint not null,
  last_line bigint not null,
  rows integer not null,
  primary key (sha256, first_line)
);
