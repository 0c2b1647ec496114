-- Whether exporters behind the devices saw such traffic in the hour before the block was in force: only then does its absence prove anything.
-- `witness_asked_at`: when that was last looked for in vain; flows of that hour come late.
alter table block add column witnessed boolean not null default false;
alter table block add column witness_asked_at timestamptz;
