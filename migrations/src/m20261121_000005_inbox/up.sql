-- What Fairlead's own database adds to the tables of consumers: the policies, and the role that works for all tenants.

do $$
declare
  v_table regclass;
begin
  foreach v_table in array array['engine.inbox', 'engine.inbox_held']::regclass[] loop
    call engine.protect(v_table);
  end loop;
  for v_table in select inhrelid::regclass from pg_inherits where inhparent = 'engine.inbox'::regclass loop
    call engine.protect(v_table);
  end loop;
end $$;

grant select, insert on engine.inbox to fairlead_engine;
-- Partitions are dropped; what went to the default one has to be deleted.
grant select, delete on engine.inbox_other to fairlead_engine;
grant select, insert, update, delete on engine.inbox_held to fairlead_engine;
revoke execute on function engine.inbox_bound from public;
grant execute on function engine.inbox_bound, engine.make_inbox_partition, engine.drop_inbox_partition,
  engine.rotate_inbox to fairlead_engine;
