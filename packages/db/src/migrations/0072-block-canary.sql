-- A rule for several devices is put on one first; when that one does not live with it, the block has failed and is taken back.
alter table block drop constraint block_end_state_check;
alter table block add constraint block_end_state_check check (end_state in ('expired', 'withdrawn', 'failed'));
