-- People, their sessions and the two kinds of secret Weir hands out. The first four tables carry the columns that the sign-in
-- library (better-auth 1.7) expects; names are ours. Secrets that leave the house are stored only as SHA-256.

create table auth_user (
  id text primary key,
  name text not null,
  email text not null unique check (email = lower(email)),
  email_verified boolean not null default false,
  image text,
  role text not null default 'viewer' check (role in ('viewer', 'manager', 'operator', 'oncall', 'admin')),
  banned boolean not null default false,
  ban_reason text,
  ban_expires timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table auth_session (
  id text primary key,
  user_id text not null references auth_user (id) on delete cascade,
  token text not null unique,
  expires_at timestamptz not null,
  ip_address text,
  user_agent text,
  impersonated_by text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index auth_session_user on auth_session (user_id);

create table auth_account (
  id text primary key,
  user_id text not null references auth_user (id) on delete cascade,
  account_id text not null,
  provider_id text not null,
  access_token text,
  refresh_token text,
  id_token text,
  access_token_expires_at timestamptz,
  refresh_token_expires_at timestamptz,
  scope text,
  password text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (provider_id, account_id)
);
create index auth_account_user on auth_account (user_id);

create table auth_verification (
  id text primary key,
  identifier text not null,
  value text not null,
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index auth_verification_identifier on auth_verification (identifier);

-- Bearer tokens of programs. A token has a role of its own and ends by itself.
create table api_token (
  id bigint generated always as identity primary key,
  name text not null check (length(name) between 1 and 100),
  role text not null check (role in ('viewer', 'manager', 'operator', 'oncall', 'admin')),
  hint text not null,
  hash bytea not null unique check (length(hash) = 32),
  created_by text references auth_user (id) on delete set null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  last_used_at timestamptz,
  revoked_at timestamptz,
  check (expires_at <= created_at + interval '90 days')
);

-- One-time links: the first admin's sign-in, invitations, and the way back in for an admin who lost the password.
create table welcome_link (
  id bigint generated always as identity primary key,
  hash bytea not null unique check (length(hash) = 32),
  role text not null check (role in ('viewer', 'manager', 'operator', 'oncall', 'admin')),
  -- True when printed on the machine itself: whoever could read it there may also take over the account of that address.
  local boolean not null default false,
  email text check (email = lower(email)),
  created_by text references auth_user (id) on delete set null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz,
  used_by text references auth_user (id) on delete set null
);
