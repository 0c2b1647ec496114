-- Add an entry to the audit chain in one round trip: wait for the turn, take the head, compute the hash, insert. The lock is held until the caller's
-- transaction ends, so everything between costs all writers; asking for the head and then inserting was two round trips under the lock.
--
-- What is hashed is the canonical JSON of the entry (RFC 8785), which the caller knows but for two members that only the head decides: `at` and `seq`.
-- It comes in three pieces, with `at` between the first and the second, `seq` between the second and the third.
create function audit_append(
  p_event text, p_phase text, p_actor text, p_actor_role text, p_session text, p_subject text, p_approver text, p_reason text,
  p_before text, p_after text, piece1 text, piece2 text, piece3 text,
  out seq bigint, out hash bytea
) language plpgsql volatile as $$
declare
  head record;
begin
  select * into head from audit_head() h;
  seq := head.seq + 1;
  hash := sha256(head.hash || convert_to(piece1 || head.at || piece2 || seq || piece3, 'UTF8'));
  insert into audit_entry (seq, at, event, phase, actor, actor_role, session, subject, approver, reason, before, after, prev_hash, hash)
  values (audit_append.seq, head.at::timestamptz, p_event, p_phase, p_actor, p_actor_role, p_session, p_subject, p_approver, p_reason,
    nullif(p_before::jsonb, 'null'), nullif(p_after::jsonb, 'null'), head.hash, audit_append.hash);
end $$;
