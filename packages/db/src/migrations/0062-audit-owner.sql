-- Where the connecting user may make roles, the audit log gets an owner of its own that nobody logs in as, and the program keeps what it needs:
-- SELECT and INSERT. Then rights refuse a change before the triggers do. A superuser stays above rights; a user who may make no role keeps the
-- tables, and the state of the log says so. Every step can be refused for want of a right: then none of them is done.
do $$
begin
  if not exists (select from pg_roles where rolname = 'weir_audit') then
    create role weir_audit nologin;
  end if;
exception
  when insufficient_privilege or duplicate_object or unique_violation then null;
end $$;

do $$
declare
  -- The new owner must be allowed to create in the schema at the moment it gets a table there.
  had_create boolean := coalesce(
    (select has_schema_privilege(oid, current_schema(), 'create') from pg_roles where rolname = 'weir_audit'), false);
begin
  if exists (select from pg_roles where rolname = 'weir_audit') then
    execute format('grant weir_audit to %I', current_user);
    execute format('grant create on schema %I to weir_audit', current_schema());
    alter table audit_entry owner to weir_audit;
    alter table audit_checkpoint owner to weir_audit;
    alter function audit_refuse() owner to weir_audit;
    execute format('grant select, insert on audit_entry, audit_checkpoint to %I', current_user);
    if not had_create then
      execute format('revoke create on schema %I from weir_audit', current_schema());
    end if;
    execute format('revoke weir_audit from %I', current_user);
  end if;
exception
  when insufficient_privilege then null;
end $$;
