-- Subscriptions in partitions. Who works a partition is settled by session locks, see guides/decisions; what is here
-- keeps out those who lost one, and remembers how far each partition has come.

-- A partition is a set of slots: bit n is slot n.
alter table engine.subscriptions add column slots bigint not null default -1;
alter table engine.checkpoints add column ahead int8multirange not null default '{}';  -- done beyond the position

-- What operators demand of a subscription.
create table engine.controls (
  subscription text    not null primary key,
  paused       boolean not null default false
);
grant select on engine.controls to fairlead_app;
grant select, insert, update on engine.controls to fairlead_engine;

-- Streams that a subscription could not handle, each from some version on. Later events of such a stream count as handled
-- until an operator demands its replay.
create table engine.parked (
  tenant_id          uuid        not null,
  stream_id          uuid        not null,
  subscription       text        not null,
  partition          smallint    not null,
  first_version      bigint      not null,
  error              text        not null,
  attempts           integer     not null default 1,
  parked_at          timestamptz not null default clock_timestamp(),
  replay_demanded_at timestamptz,
  primary key (tenant_id, stream_id, subscription)
);
create index parked_subscription on engine.parked (subscription, partition);
call engine.protect('engine.parked');
grant select on engine.parked to fairlead_app;
grant select, insert, update, delete on engine.parked to fairlead_engine;

-- The bits of a partition: every slot s with s % p_partitions = p_partition.
create function engine.partition_slots(p_partition integer, p_partitions integer) returns bigint
language sql immutable parallel safe as $$
  select bit_or(1::bigint << s)::bigint from generate_series(p_partition, 63, p_partitions) s
$$;

-- What was read by one reader so far is divided among several from where that one was.
with divided as (
  update engine.subscriptions s set slots = engine.partition_slots(0, 4), epoch = s.epoch + 1
  returning s.name, s.epoch
), added as (
  insert into engine.subscriptions (name, partition, epoch, slots)
  select d.name, p, 0, engine.partition_slots(p, 4) from divided d, generate_series(1, 3) p
  returning name, partition
)
insert into engine.checkpoints (name, partition, number, position)
select a.name, a.partition, 1, c.position
  from added a
  join lateral (select c.position from engine.checkpoints c
                 where c.name = a.name and c.partition = 0 order by c.number desc limit 1) c on true;

-- Makes a subscription's partitions when it is new, beginning after p_position, and lists them.
create function engine.subscribe(p_name text, p_partitions smallint, p_position bigint)
returns table (partition smallint)
language plpgsql as $$
#variable_conflict use_column
begin
  if not exists (select from engine.subscriptions s where s.name = p_name) then
    with made as (
      insert into engine.subscriptions (name, partition, epoch, slots)
      select p_name, p, 0, engine.partition_slots(p, p_partitions) from generate_series(0, p_partitions - 1) p
      on conflict do nothing returning partition
    )
    insert into engine.checkpoints (name, partition, number, position)
    select p_name, m.partition, 1, p_position from made m where p_position > 0;
  end if;
  return query select s.partition from engine.subscriptions s where s.name = p_name order by 1;
end $$;

drop function engine.take_over;
-- Takes a partition over; its former owner can't move it from now on.
create function engine.take_over(
  p_name text, p_partition smallint, out epoch bigint, out slots bigint, out "position" bigint, out ahead int8multirange
)
language plpgsql as $$
#variable_conflict use_column
begin
  update engine.subscriptions s set epoch = s.epoch + 1 where s.name = p_name and s.partition = p_partition
  returning s.epoch, s.slots into epoch, slots;
  select c.position, c.ahead into "position", ahead from engine.checkpoints c
   where c.name = p_name and c.partition = p_partition order by c.number desc limit 1;
  "position" := coalesce("position", 0);
  ahead := coalesce(ahead, '{}');
end $$;

-- Holds a partition's row until the end of the transaction; false when p_epoch is not its owner's any more.
create function engine.still_holds(p_name text, p_partition smallint, p_epoch bigint) returns boolean
language plpgsql as $$
begin
  perform from engine.subscriptions s
    where s.name = p_name and s.partition = p_partition and s.epoch = p_epoch for update;
  return found;
end $$;

drop function engine.advance;
-- Records how far the owner has come; false when it is the owner no more.
create function engine.advance(
  p_name text, p_partition smallint, p_epoch bigint, p_position bigint, p_ahead int8multirange default '{}'
) returns boolean
language plpgsql as $$
declare
  v_number bigint;
begin
  if not engine.still_holds(p_name, p_partition, p_epoch) then
    return false;
  end if;
  select c.number into v_number from engine.checkpoints c
   where c.name = p_name and c.partition = p_partition order by c.number desc limit 1;
  v_number := coalesce(v_number, 0);
  insert into engine.checkpoints (name, partition, number, position, ahead)
  values (p_name, p_partition, v_number + 1, p_position, p_ahead);
  if v_number % 100 = 0 then
    delete from engine.checkpoints c
     where c.name = p_name and c.partition = p_partition
       and c.number > v_number - 1100 and c.number <= v_number - 1000;
  end if;
  return true;
end $$;

-- Sets a stream aside; false when p_epoch is not the owner's any more.
create function engine.park(
  p_name text, p_partition smallint, p_epoch bigint, p_tenant uuid, p_stream uuid, p_version bigint, p_error text
) returns boolean
language plpgsql as $$
begin
  if not engine.still_holds(p_name, p_partition, p_epoch) then
    return false;
  end if;
  insert into engine.parked as k (tenant_id, stream_id, subscription, partition, first_version, error)
  values (p_tenant, p_stream, p_name, p_partition, p_version, p_error)
  on conflict (tenant_id, stream_id, subscription)
  do update set first_version = excluded.first_version, error = excluded.error, attempts = k.attempts + 1,
                replay_demanded_at = null;
  return true;
end $$;

-- Takes a stream back; false when p_epoch is not the owner's any more.
create function engine.unpark(p_name text, p_partition smallint, p_epoch bigint, p_tenant uuid, p_stream uuid)
returns boolean
language plpgsql as $$
begin
  if not engine.still_holds(p_name, p_partition, p_epoch) then
    return false;
  end if;
  delete from engine.parked k where k.tenant_id = p_tenant and k.stream_id = p_stream and k.subscription = p_name;
  return true;
end $$;

drop function engine.covers;
-- Whether a subscription has seen a write to some slots of the present tenant: 'seen', 'not yet', or 'parked' where the
-- write is one of those that the subscription has set aside.
create function engine.coverage(
  p_tenant uuid, p_subscription text, p_incarnation integer, p_xid bigint, p_slots bigint
) returns text
language plpgsql as $$
begin
  perform engine.enter(p_tenant);
  if exists (select from engine.parked k
               join engine.events e on e.tenant_id = k.tenant_id and e.stream_id = k.stream_id
                                   and e.version >= k.first_version
              where k.tenant_id = p_tenant and k.subscription = p_subscription and e.xid = p_xid::text::xid8) then
    return 'parked';
  end if;
  return (
    select case when coalesce(bool_and(t.incarnation > p_incarnation
                                       or t.incarnation = p_incarnation
                                          and pg_visible_in_snapshot(p_xid::text::xid8, t.snapshot)), false)
                then 'seen' else 'not yet' end
      from engine.subscriptions s
      left join lateral (select c.position from engine.checkpoints c
                          where c.name = s.name and c.partition = s.partition
                          order by c.number desc limit 1) c on true
      left join lateral (select t.incarnation, t.snapshot from engine.ticks t
                          where t.position <= coalesce(c.position, 0)
                          order by t.position desc, t.number desc limit 1) t on true
     where s.name = p_subscription and s.slots & p_slots <> 0);
end $$;

-- The first half of a subscription's advisory locks: its name's hash (FNV-1a), as in the program.
create function engine.lock_class(p_name text) returns bigint language plpgsql immutable as $$
declare
  v_hash bigint := 2166136261;
begin
  for i in 0 .. octet_length(p_name::bytea) - 1 loop
    v_hash := ((v_hash # get_byte(p_name::bytea, i)) * 16777619) & 4294967295;
  end loop;
  return v_hash;
end $$;

-- Every partition: where it is, how many positions there are from its first unhandled event to the log's end and when that
-- event occurred, the session that holds it, and how many streams are parked.
create function engine.status()
returns table (
  name text, partition smallint, "position" bigint, behind bigint, oldest timestamptz, holder integer, paused boolean,
  parked bigint
)
language sql stable as $$
  select s.name, s.partition, coalesce(c.position, 0), coalesce(e.position - n.position + 1, 0), n.occurred_at, l.pid,
         coalesce(k.paused, false),
         (select count(*) from engine.parked p where p.subscription = s.name and p.partition = s.partition)
    from engine.subscriptions s
    left join lateral (select c.position, c.ahead from engine.checkpoints c
                        where c.name = s.name and c.partition = s.partition order by c.number desc limit 1) c on true
    left join lateral (select o.position from engine.outbox o order by o.position desc limit 1) e on true
    left join lateral (select o.position, v.occurred_at
                         from engine.outbox o
                         join engine.events v using (tenant_id, stream_id, version)
                        where o.position > coalesce(c.position, 0) and s.slots & (1::bigint << o.slot) <> 0
                          and not coalesce(c.ahead, '{}') @> o.position
                        order by o.position limit 1) n on true
    left join lateral (select l.pid from pg_locks l
                        where l.locktype = 'advisory' and l.granted and l.objsubid = 2
                          and l.classid::bigint = engine.lock_class(s.name) and l.objid::bigint = s.partition
                          and l.database = (select d.oid from pg_database d where d.datname = current_database())
                        limit 1) l on true
    left join engine.controls k on k.subscription = s.name
   order by s.name, s.partition
$$;

revoke execute on all routines in schema engine from public;
grant execute on function engine.coverage to fairlead_app;
grant execute on function engine.lock_class, engine.status, engine.subscribe, engine.partition_slots, engine.take_over, engine.still_holds, engine.advance,
  engine.park, engine.unpark to fairlead_engine;
