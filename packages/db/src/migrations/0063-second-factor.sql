-- A second factor: a time-based code (RFC 6238) from an app, and recovery codes for whoever lost it. The secret is sealed with a key of the web
-- process, so that reading this table makes no codes. Recovery codes are stored as SHA-256 and each works once, by being deleted.
create table auth_second_factor (
  user_id text primary key references auth_user (id) on delete cascade,
  sealed bytea not null,
  created_at timestamptz not null default now(),
  -- Null until the person has shown a code: until then it asks for nothing.
  confirmed_at timestamptz,
  -- The 30 second step of the newest code that was taken: no code works twice, and none older than one that worked.
  last_step bigint
);

create table auth_recovery_code (
  hash bytea primary key check (length(hash) = 32),
  user_id text not null references auth_second_factor (user_id) on delete cascade,
  created_at timestamptz not null default now()
);
create index auth_recovery_code_user on auth_recovery_code (user_id);
