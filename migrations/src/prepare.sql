-- Roles are the cluster's, not the database's. The three groups hold grants and policies; those who log in are members.
-- Run by an administrator: a superuser, or a role that may create roles and owns the database.
do $$
declare
  v_group text;
begin
  foreach v_group in array array['fairlead_owner', 'fairlead_app', 'fairlead_engine'] loop
    begin
      if to_regrole(v_group) is null then
        execute format('create role %I nologin', v_group);
      end if;
    exception when duplicate_object or unique_violation then null;  -- another installation was quicker
    end;
  end loop;
  -- Since version 16 whoever makes a role may administer it, but not act as it before that is granted.
  if not pg_has_role(current_user, 'fairlead_owner',
                     case when current_setting('server_version_num')::integer >= 160000 then 'set' else 'member' end) then
    execute format('grant fairlead_owner to %I', current_user);
  end if;
  -- Functions that stand above the policies belong to the engine's role; the owner, who makes them, hands them over.
  begin
    if not pg_has_role('fairlead_owner', 'fairlead_engine', 'member') then
      grant fairlead_engine to fairlead_owner;
    end if;
    -- What policies command is done under the same limits as what requests command.
    if not pg_has_role('fairlead_engine', 'fairlead_app', 'member') then
      grant fairlead_app to fairlead_engine;
    end if;
  exception when unique_violation then null;  -- another installation was quicker
  end;
  if (select pg_get_userbyid(datdba) from pg_database where datname = current_database()) <> 'fairlead_owner' then
    execute format('alter database %I owner to fairlead_owner', current_database());
    execute format('revoke all on database %I from public', current_database());
    execute format('grant connect on database %I to fairlead_app, fairlead_engine', current_database());
  end if;
end $$;
