drop table engine.rebuilds, engine.parked, engine.controls;
drop procedure engine.begin_rebuild;
drop function engine.finish_rebuild, engine.suspend_read_model, engine.read_model, engine.inherit_parked, engine.subscribe, engine.take_over, engine.still_holds, engine.advance, engine.park,
  engine.unpark, engine.coverage, engine.status, engine.lock_class;

-- One reader again, from where the last of the partitions was.
with lowest as (
  select s.name, min(coalesce(c.position, 0)) as position
    from engine.subscriptions s
    left join lateral (select c.position from engine.checkpoints c
                        where c.name = s.name and c.partition = s.partition order by c.number desc limit 1) c on true
   group by s.name
), gone as (
  delete from engine.checkpoints returning name
)
insert into engine.checkpoints (name, partition, number, position)
select name, 0, 1000000, position from lowest where (select count(*) from gone) >= 0;
delete from engine.subscriptions where partition > 0;
alter table engine.checkpoints drop column ahead;
alter table engine.subscriptions drop column slots;
drop function engine.partition_slots;

create function engine.take_over(p_name text, p_partition smallint, out epoch bigint, out "position" bigint)
language plpgsql as $$
#variable_conflict use_column
begin
  insert into engine.subscriptions as s (name, partition, epoch) values (p_name, p_partition, 1)
  on conflict (name, partition) do update set epoch = s.epoch + 1 returning s.epoch into epoch;
  select c.position into "position" from engine.checkpoints c
   where c.name = p_name and c.partition = p_partition order by c.number desc limit 1;
  "position" := coalesce("position", 0);
end $$;

create function engine.advance(p_name text, p_partition smallint, p_epoch bigint, p_position bigint) returns boolean
language plpgsql as $$
declare
  v_number bigint;
begin
  perform from engine.subscriptions s
    where s.name = p_name and s.partition = p_partition and s.epoch = p_epoch for update;
  if not found then
    return false;
  end if;
  select c.number into v_number from engine.checkpoints c
   where c.name = p_name and c.partition = p_partition order by c.number desc limit 1;
  v_number := coalesce(v_number, 0);
  insert into engine.checkpoints (name, partition, number, position)
  values (p_name, p_partition, v_number + 1, p_position);
  if v_number % 100 = 0 then
    delete from engine.checkpoints c
     where c.name = p_name and c.partition = p_partition
       and c.number > v_number - 1100 and c.number <= v_number - 1000;
  end if;
  return true;
end $$;

create function engine.covers(p_subscription text, p_incarnation integer, p_xid bigint) returns boolean
language sql stable as $$
  select coalesce(bool_and(t.incarnation > p_incarnation
                           or t.incarnation = p_incarnation
                              and pg_visible_in_snapshot(p_xid::text::xid8, t.snapshot)), false)
    from engine.subscriptions s
    left join lateral (select c.position from engine.checkpoints c
                        where c.name = s.name and c.partition = s.partition
                        order by c.number desc limit 1) c on true
    left join lateral (select t.incarnation, t.snapshot from engine.ticks t
                        where t.position <= coalesce(c.position, 0)
                        order by t.position desc, t.number desc limit 1) t on true
   where s.name = p_subscription
$$;
revoke execute on all routines in schema engine from public;
grant execute on function engine.covers to fairlead_app;
grant execute on function engine.take_over, engine.advance to fairlead_engine;
