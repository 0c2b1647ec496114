-- Whether exporters behind the devices saw such traffic in the hour before the block was in force: only then does its absence prove anything.
-- null: not looked at yet.
alter table block add column witnessed boolean;
