-- The sequencer: gives committed events dense positions, without waiting for any open transaction.

-- Committed since the last tick = visible in the new snapshot and not in the old:
--     xid in [old.xmax, new.xmax) and visible in new      (begun since)
--  or xid in old.xip              and visible in new      (was still open then)
-- An open transaction, here or in another database of the server, is merely listed in xip: nothing waits for it, and
-- what it may have written is not looked at before it ends.
--
-- A stream's order holds: version n + 1 is only ever written by a transaction that saw n committed, so a snapshot with
-- n + 1 has n too, and within a tick seq decides.
create function engine.unstamped(p_old pg_snapshot, p_new pg_snapshot, p_floor bigint)
returns table (tenant_id uuid, stream_id uuid, version bigint, seq bigint)
language sql stable as $$
  select e.tenant_id, e.stream_id, e.version, e.seq from engine.events e
   where e.xid >= pg_snapshot_xmax(p_old) and e.xid < pg_snapshot_xmax(p_new)
     and pg_visible_in_snapshot(e.xid, p_new) and e.seq > p_floor
  union all
  select e.tenant_id, e.stream_id, e.version, e.seq from engine.events e
   where e.xid = any (array(select x from pg_snapshot_xip(p_old) x where pg_visible_in_snapshot(x, p_new)))
     and e.seq > p_floor
$$;

-- One tick; returns how many events it stamped. Each call is a transaction of its own, READ COMMITTED. Any number of
-- callers is safe; they take turns.
--
-- Plans are kept for the session, perhaps from when the tables were empty: hence no sequential scans, and no JIT
-- compiler, which a forced one would start.
create function engine.tick() returns bigint
language plpgsql set enable_seqscan = off set jit = off as $$
declare
  v_tick        engine.ticks;
  v_new         pg_snapshot;
  v_incarnation integer;
  v_floor       bigint;
  v_count       bigint;
begin
  -- An idle tick must not write: a row lock takes a transaction id and so costs a flush at commit. Look without first;
  -- a stale look finds at worst what another caller has just stamped.
  select t.* into v_tick from engine.ticks t order by t.number desc limit 1;
  select s.floor into v_floor from engine.sequencer s where s.singleton;
  v_new := pg_current_snapshot();
  if not exists (select from engine.unstamped(v_tick.snapshot, v_new, v_floor)) then
    return 0;
  end if;

  select s.incarnation, s.floor into v_incarnation, v_floor from engine.sequencer s where s.singleton for update;
  -- After the lock and in statements of their own: taken while waiting for the lock, they could be older than the tick
  -- that was stored meanwhile.
  select t.* into v_tick from engine.ticks t order by t.number desc limit 1;
  v_new := pg_current_snapshot();

  -- This statement sees more than v_new, hence the test of every row against v_new; what came between waits for the
  -- next tick.
  insert into engine.outbox (position, tenant_id, stream_id, version, incarnation, slot)
  select v_tick.position + row_number() over (order by e.seq), e.tenant_id, e.stream_id, e.version, v_incarnation,
         engine.slot(e.tenant_id, e.stream_id)
    from engine.unstamped(v_tick.snapshot, v_new, v_floor) e;
  get diagnostics v_count = row_count;
  if v_count = 0 then
    return 0;
  end if;

  insert into engine.ticks (number, position, incarnation, snapshot)
  values (v_tick.number + 1, v_tick.position + v_count, v_incarnation, v_new);
  if v_tick.number % 1000 = 0 then
    -- A slice at a time: rows that are dead but still visible to some old transaction are not passed over again.
    delete from engine.ticks t
     where t.number > v_tick.number - 101000 and t.number <= v_tick.number - 100000;
  end if;
  perform pg_notify('fairlead_ticked', '');
  return v_count;
end $$;

-- Whether the events' transaction ids are this cluster's. Not so after a restore from a dump or a logical copy.
create function engine.at_home() returns boolean language sql stable as $$
  select exists (select from engine.sequencer s, pg_control_system() c
                  where s.system_identifier = c.system_identifier and s.database_oid = engine.current_database_oid())
$$;

-- Keeps appends out until the end of the transaction, after those under way have ended.
create function engine.suspend_appends() returns void
language plpgsql security definer set search_path = engine, pg_temp as $$
begin
  lock table engine.events in share mode;
end $$;

-- Begins a new life after a restore: stamps what has no position yet by anti-join, in the order of seq, whatever the
-- transaction ids say, and looks at them never again.
create function engine.adopt(out stamped bigint, out incarnation integer)
language plpgsql as $$
#variable_conflict use_column
declare
  v_tick  engine.ticks;
  v_floor bigint;
begin
  perform engine.suspend_appends();
  perform from engine.sequencer for update;
  select t.* into v_tick from engine.ticks t order by t.number desc limit 1;
  v_tick.position := greatest(v_tick.position, (select max(o.position) from engine.outbox o));
  update engine.sequencer s
     set incarnation = s.incarnation + 1, system_identifier = c.system_identifier,
         database_oid = engine.current_database_oid(), floor = (select coalesce(max(e.seq), 0) from engine.events e)
    from pg_control_system() c
  returning s.incarnation, s.floor into incarnation, v_floor;

  insert into engine.outbox (position, tenant_id, stream_id, version, incarnation, slot)
  select v_tick.position + row_number() over (order by e.seq), e.tenant_id, e.stream_id, e.version, adopt.incarnation,
         engine.slot(e.tenant_id, e.stream_id)
    from engine.events e
   where not exists (select from engine.outbox o
                      where o.tenant_id = e.tenant_id and o.stream_id = e.stream_id and o.version = e.version);
  get diagnostics stamped = row_count;
  insert into engine.ticks (number, position, incarnation, snapshot)
  values (v_tick.number + 1, v_tick.position + stamped, adopt.incarnation, pg_current_snapshot());
  -- A logical copy brings no sequences along.
  perform setval('engine.events_seq_seq', greatest(v_floor, (select last_value from engine.events_seq_seq), 1));
  perform pg_notify('fairlead_ticked', '');
end $$;

-- Takes a subscription over; its former owner can't move it from now on.
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

-- Records how far the owner has come; false when it is the owner no more.
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

revoke execute on all routines in schema engine from public;
grant execute on function engine.slot, engine.current_database_oid, engine.unstamped, engine.tick, engine.at_home,
  engine.suspend_appends, engine.adopt, engine.take_over, engine.advance to fairlead_engine;
