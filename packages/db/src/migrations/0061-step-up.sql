-- A session whose person has just shown their password again. The mark is bound to a cookie of its own: `step_up_seal` is an HMAC, under the
-- web process's secret, over that cookie, the session and the time, so that neither a stolen session cookie nor a written row makes one.
alter table auth_session
  add column step_up_until timestamptz(3),
  add column step_up_seal bytea check (length(step_up_seal) = 32),
  add check ((step_up_until is null) = (step_up_seal is null));
