-- The audit log: every decision and change, each entry sealed with the hash of the one before it. Nothing here is ever changed or removed;
-- the triggers say so to everyone, the owner included, and whoever switches them off is found by the chain.

create table audit_entry (
  seq bigint primary key check (seq > 0),
  -- Milliseconds, so that the text that was hashed can be made again.
  at timestamptz(3) not null,
  event text not null check (event ~ '^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+$'),
  phase text not null check (phase in ('intent', 'outcome')),
  -- 'person:<id>', 'token:<id>', 'console:<user>', 'system:<part>' or 'nobody'. Names and addresses of people are looked up when read,
  -- never stored here: an account can be erased, and the chain still holds.
  actor text not null,
  actor_role text,
  session text,
  subject text not null,
  approver text,
  reason text,
  before jsonb,
  after jsonb,
  prev_hash bytea not null unique check (length(prev_hash) = 32),
  hash bytea not null unique check (length(hash) = 32)
);
create index audit_entry_at on audit_entry (at);
create index audit_entry_actor on audit_entry (actor, seq);
create index audit_entry_subject on audit_entry (subject, seq);
create index audit_entry_event on audit_entry (event, seq);

-- Signed heads of the chain. `document` is the canonical JSON that was signed, kept as text so that it is checked octet by octet.
create table audit_checkpoint (
  number bigint primary key check (number > 0),
  seq bigint not null,
  at timestamptz(3) not null,
  document text not null,
  signature bytea not null check (length(signature) = 64)
);

create function audit_refuse() returns trigger language plpgsql as $$
begin
  raise exception 'the audit log is append-only: % on % is refused', tg_op, tg_table_name using errcode = 'insufficient_privilege';
end $$;

create trigger audit_entry_refuse before update or delete or truncate on audit_entry for each statement execute function audit_refuse();
create trigger audit_checkpoint_refuse before update or delete or truncate on audit_checkpoint for each statement execute function audit_refuse();
-- Also under session_replication_role = replica, where ordinary triggers are silent.
alter table audit_entry enable always trigger audit_entry_refuse;
alter table audit_checkpoint enable always trigger audit_checkpoint_refuse;

-- Wait for the turn to write and give the head of the chain. The lock lasts until the caller's transaction ends, so the chain cannot fork;
-- being volatile, the second statement sees what the writer before has committed. The clock never goes back within the chain.
create function audit_head(out seq bigint, out hash bytea, out at text) language plpgsql volatile as $$
declare
  head record;
  now_at timestamptz;
begin
  perform pg_advisory_xact_lock(hashtextextended('weir audit chain', 0));
  select e.seq, e.hash, e.at into head from audit_entry e order by e.seq desc limit 1;
  now_at := date_trunc('milliseconds', clock_timestamp());
  seq := coalesce(head.seq, 0);
  hash := coalesce(head.hash, decode(repeat('00', 32), 'hex'));
  at := to_char(greatest(now_at, head.at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
end $$;

-- A role that can add to the log and read it, and nothing else, for installations whose programs connect as a role of their own. Roles belong
-- to the whole server: another Weir database may have made it, and a user who may make none leaves it out (health says so).
do $$
begin
  if not exists (select from pg_roles where rolname = 'weir_app') then
    create role weir_app nologin;
  end if;
exception
  when insufficient_privilege or duplicate_object or unique_violation then null;
end $$;
do $$
begin
  if exists (select from pg_roles where rolname = 'weir_app') then
    revoke all on audit_entry, audit_checkpoint from weir_app;
    grant select, insert on audit_entry, audit_checkpoint to weir_app;
  end if;
end $$;
revoke all on audit_entry, audit_checkpoint from public;
