-- A device that carried blocks stays for their history. Nothing new goes to one that was removed.
alter table device add column removed_at timestamptz(3);
