-- What makes storing happen once (the ledger), and where rows go that the database refuses (the quarantine).

-- One row per frame of a collector's spool, written in the transaction that stores the frame's flows. A frame that is found here is stored,
-- whatever became of the answer to its commit. Rows go when the spool no longer holds their segment; never by age.
create table ingest_batch (
  spool uuid not null,
  segment integer not null,
  frame integer not null,
  rows integer not null,
  -- Of the frame's payload as it lies in the spool: tells a repeated frame from another one that claims its name.
  sha256 bytea not null,
  -- The number its rows carry in flow.batch.
  batch integer not null,
  stored_at timestamptz not null default now(),
  primary key (spool, segment, frame)
);

-- Rows that were accepted and that the database refuses: each counted, none in the way of the others.
create table quarantine (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  spool uuid not null,
  segment integer not null,
  frame integer not null,
  -- Position in the frame, from 0.
  row integer not null,
  -- row_refused or day_sealed.
  reason text not null,
  sqlstate text,
  message text not null,
  -- The first octets of the row in binary COPY format.
  sample bytea not null check (octet_length(sample) <= 256)
);
create index quarantine_at_idx on quarantine (at);
