-- Read models built anew beside the live ones.

create table engine.rebuilds (
  subscription text        not null primary key,
  state        text        not null check (state in ('demanded', 'scanning', 'following', 'done', 'failed')),
  done         bigint      not null default 0,  -- streams, or positions, so far
  total        bigint      not null default 0,  -- of how many, as estimated at the beginning
  scanned      uuid[],                          -- tenant and stream up to which streams are scanned
  error        text,
  demanded_at  timestamptz not null default clock_timestamp(),
  finished_at  timestamptz
);
grant select, insert, update on engine.rebuilds to fairlead_engine;

-- Makes an empty table like p_table beside it, with the same indexes, policies and grants. Replaces an earlier one.
create procedure engine.begin_rebuild(p_table text)
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
declare
  v_live   regclass := engine.read_model(p_table);
  v_shadow text     := format('%I.%I', split_part(p_table, '.', 1), split_part(p_table, '.', 2) || '_rebuilt');
  v_grant  record;
begin
  execute format('drop table if exists %s', v_shadow);
  execute format('create table %s (like %s including all)', v_shadow, v_live);
  execute format('call engine.protect(%L)', v_shadow);
  for v_grant in
    select a.privilege_type, a.grantee from pg_class c, aclexplode(c.relacl) a
     where c.oid = v_live and a.grantee <> c.relowner
  loop
    execute format('grant %s on %s to %s', v_grant.privilege_type, v_shadow, v_grant.grantee::regrole);
  end loop;
end $$;

-- Refuses tables that are none of the read models'.
create function engine.read_model(p_table text) returns regclass
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  if not exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                  where c.oid = p_table::regclass and pg_get_userbyid(c.relowner) = 'fairlead_owner'
                    and n.nspname <> 'engine' and format('%I.%I', n.nspname, c.relname) = p_table) then
    raise exception '% is no read model', p_table;
  end if;
  return p_table::regclass;
end $$;

-- Keeps readers and writers out of a read model until the end of the transaction; how far its subscription has come. The
-- table is locked first and the subscription second, which is the order of those who write it.
create function engine.suspend_read_model(p_subscription text, p_table text) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
begin
  execute format('lock table %s in access exclusive mode', engine.read_model(p_table));
  perform from engine.subscriptions s where s.name = p_subscription order by s.partition for update;
  return (select coalesce(max(c.position), 0) from engine.subscriptions s
            cross join lateral (select c.position from engine.checkpoints c
                                 where c.name = s.name and c.partition = s.partition order by c.number desc limit 1) c
           where s.name = p_subscription);
end $$;

-- Puts the rebuilt table in the place of a read model, and its subscription to where the rebuild's own has come. To be
-- called in the transaction that suspended the read model.
create function engine.finish_rebuild(p_subscription text, p_rebuild text, p_table text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
declare
  v_live    regclass := engine.read_model(p_table);
  v_shadow  regclass := engine.read_model(p_table || '_rebuilt');
  v_reached bigint;
begin
  select min(c.position) into v_reached
    from engine.subscriptions s
    cross join lateral (select c.position from engine.checkpoints c
                         where c.name = s.name and c.partition = s.partition order by c.number desc limit 1) c
   where s.name = p_rebuild;
  if v_reached is null or v_reached < engine.suspend_read_model(p_subscription, p_table) then
    raise exception 'the rebuilt % is behind the live one', p_table;
  end if;
  execute format('drop table %s', v_live);
  execute format('alter table %s rename to %I', v_shadow, split_part(p_table, '.', 2));
  -- The owners of the live partitions hold an old epoch from now on, and begin again from here.
  update engine.subscriptions s set epoch = s.epoch + 1 where s.name = p_subscription;
  insert into engine.checkpoints (name, partition, number, position)
  select s.name, s.partition, coalesce((select max(c.number) from engine.checkpoints c
                                         where c.name = s.name and c.partition = s.partition), 0) + 1, v_reached
    from engine.subscriptions s where s.name = p_subscription;
  delete from engine.checkpoints c where c.name = p_rebuild;
  delete from engine.subscriptions s where s.name = p_rebuild;
end $$;

-- Hands the streams that a rebuild has set aside to the subscription whose place it has taken.
create function engine.inherit_parked(p_subscription text, p_rebuild text) returns void language sql as $$
  delete from engine.parked k where k.subscription = p_subscription;
  update engine.parked k
     set subscription = p_subscription,
         partition = (select s.partition from engine.subscriptions s
                       where s.name = p_subscription
                         and s.slots & (1::bigint << engine.slot(k.tenant_id, k.stream_id)) <> 0)
   where k.subscription = p_rebuild;
$$;

revoke execute on all routines in schema engine from public;
grant execute on procedure engine.begin_rebuild to fairlead_engine;
grant execute on function engine.suspend_read_model, engine.finish_rebuild, engine.inherit_parked to fairlead_engine;
