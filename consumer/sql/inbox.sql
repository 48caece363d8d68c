-- What consumers have handled, and what they have set aside.
--
-- One text for every home: Fairlead's own database, where a migration runs it for the schema engine and then adds
-- policies and grants, and the database of any other service, where Inbox::install runs it. Names are unqualified: the
-- schema stands in the search path, and functions keep the path under which they were made. The text is never changed
-- once it has been released; a change is another file beside it.

-- Events that took effect, one row each. Fairlead's event ids are UUIDs of version 7, which begin with their time: so
-- the partitions are weeks of ids, and the key is unique over all of them, as no key over the time of handling could be.
create table inbox (
  tenant_id  uuid        not null,
  consumer   text        not null,
  event_id   uuid        not null,
  handled_at timestamptz not null default now(),
  primary key (tenant_id, consumer, event_id)
) partition by range (event_id);
-- For ids of weeks without a partition: older ones, and those of a clock that is ahead.
create table inbox_other partition of inbox default;
-- Small, since rows are written in the order of that time.
create index inbox_handled on inbox using brin (handled_at);

-- Messages set aside, in order within their stream. The first of a stream is its head, which is tried again; the others
-- wait for it. Nobody but the head has a time to be due or dead.
create table inbox_held (
  tenant_id   uuid        not null,
  consumer    text        not null,
  stream_id   uuid        not null,
  number      bigint      not null,  -- the order of arrival
  event_id    uuid        not null,
  routing_key text        not null,
  body        bytea       not null,  -- as it was published
  held_at     timestamptz not null default now(),
  attempts    integer     not null,  -- begun
  reason      text,                  -- failed, rejected or unreadable, of the last attempt
  error       text,                  -- of the last attempt
  failed_at   timestamptz,           -- the first failure
  due_at      timestamptz,           -- the next attempt
  dead_at     timestamptz,           -- given up; an operator decides
  letter_at   timestamptz,           -- confirmed to be in the dead-letter queue
  primary key (tenant_id, consumer, stream_id, number),
  unique (tenant_id, consumer, event_id)
);
create index inbox_held_due on inbox_held (consumer, due_at) where due_at is not null;
create index inbox_held_dead on inbox_held (consumer, dead_at) where dead_at is not null;

-- The lowest UUID of version 7 of a moment.
create function inbox_bound(p_at timestamptz) returns uuid language sql immutable parallel safe as $$
  select (lpad(to_hex((extract(epoch from p_at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- Partitions belong to the tables' owner, whoever keeps the inbox in order. These two do nothing else, so that they can
-- run above the caller's rights.
create function make_inbox_partition(p_week timestamptz) returns void
language plpgsql security definer set search_path from current set timezone = 'UTC' set lock_timeout = '200ms' as $$
declare
  v_week timestamptz := date_trunc('week', p_week);
  v_name text := 'inbox_' || to_char(v_week, 'YYYYMMDD');
begin
  if to_regclass(format('%I.%I', current_schema(), v_name)) is not null then
    return;
  end if;
  execute format('create table %I partition of inbox for values from (%L) to (%L)',
                 v_name, inbox_bound(v_week), inbox_bound(v_week + interval '1 week'));
  -- Where the tables are under row-level security, so is each partition.
  if (select relrowsecurity from pg_class where oid = 'inbox'::regclass) then
    execute format('call protect(%L)', v_name);
  end if;
exception when check_violation then
  raise notice 'the ids of the week of % are in the default partition already', v_week::date;
end $$;

create function drop_inbox_partition(p_week date) returns void
language plpgsql security definer set search_path from current set lock_timeout = '200ms' as $$
begin
  if p_week + 7 > current_date - 1 then
    raise exception 'the week of % has not passed', p_week;
  end if;
  execute format('drop table if exists %I', 'inbox_' || to_char(p_week, 'YYYYMMDD'));
end $$;

-- Makes room for the coming weeks, and forgets what was handled longer than p_keep ago. False when somebody's
-- transaction was in the way: then try again soon. Runs with the caller's rights, because under forced row-level
-- security the owner would see no row and take every partition for idle.
create function rotate_inbox(p_keep interval) returns boolean
language plpgsql set search_path from current set timezone = 'UTC' as $$
declare
  v_week timestamptz;
  v_done boolean := true;
begin
  -- One at a time is enough.
  if not pg_try_advisory_xact_lock(hashtextextended('rotate ' || 'inbox'::regclass::oid, 0)) then
    return true;
  end if;
  for v_week in select generate_series(date_trunc('week', now()), now() + interval '2 weeks', interval '1 week') loop
    begin
      perform make_inbox_partition(v_week);
    exception when lock_not_available then v_done := false;
    end;
  end loop;
  for v_week in
    select to_date(right(c.relname, 8), 'YYYYMMDD') from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'inbox'::regclass and c.relname ~ '^inbox_[0-9]{8}$'
       and to_date(right(c.relname, 8), 'YYYYMMDD') + 7 < (now() - p_keep)::date
  loop
    -- The week is that of the events. One that waited in its queue for long was handled later, and is remembered longer.
    continue when exists (
      select from inbox where event_id >= inbox_bound(v_week) and event_id < inbox_bound(v_week + interval '1 week')
                          and handled_at >= now() - p_keep);
    begin
      perform drop_inbox_partition(v_week::date);
    exception when lock_not_available then v_done := false;
    end;
  end loop;
  delete from inbox_other where handled_at < now() - p_keep;
  return v_done;
end $$;

revoke execute on function make_inbox_partition, drop_inbox_partition, rotate_inbox from public;
do $$ begin
  for week in 0..2 loop
    perform make_inbox_partition(now() + week * interval '1 week');
  end loop;
end $$;
