-- The end of an organization. What is its own is deleted from every table that has a tenant, whichever these are; what stays
-- is the row here, and its places in the global order, which refer to nothing: stream = tenant, version = -position.

create table engine.purged (
  tenant_id   uuid        not null primary key,
  begun_at    timestamptz not null default now(),
  finished_at timestamptz
);
call engine.protect('engine.purged');
grant select on engine.purged to fairlead_engine;

-- The organizations there are. An organization's stream has the tenant's id.
create index streams_organizations on engine.streams (stream_id) where aggregate = 'organization';

-- Deletes the events of some streams of a tenant that have a place in the order, p_limit at most, and empties the places. Those
-- without one are the sequencer's still. p_own: of the organization's stream; otherwise of all others.
create function engine.purge_stamped(p_tenant uuid, p_own boolean, p_limit bigint) returns bigint
language plpgsql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  v_count bigint;
begin
  with batch as materialized (
    select e.stream_id, e.version from engine.events e
     where e.tenant_id = p_tenant and (e.stream_id = p_tenant) = p_own limit p_limit
  ), emptied as (
    update engine.outbox o
       set stream_id = p_tenant, version = -o.position, slot = engine.slot(p_tenant, p_tenant)
      from batch s
     where o.tenant_id = p_tenant and o.stream_id = s.stream_id and o.version = s.version
    returning s.stream_id, s.version
  )
  delete from engine.events e using emptied s
   where e.tenant_id = p_tenant and e.stream_id = s.stream_id and e.version = s.version;
  get diagnostics v_count = row_count;
  return v_count;
end $$;

-- Deletes p_limit rows of an organization that has ended, and tells how many there were: keys first, with which all that is
-- sealed becomes unreadable. Called again until it is 0. The organization's own stream stays, see engine.finish_purge.
create function engine.purge(p_tenant uuid, p_limit bigint) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
declare
  v_table regclass;
  v_left  bigint := p_limit;
  v_count bigint;
begin
  perform pg_advisory_xact_lock(hashtextextended(p_tenant::text, 3));
  if not exists (select from engine.purged p where p.tenant_id = p_tenant) then
    insert into engine.purged (tenant_id)
    select s.tenant_id from engine.streams s
     where s.tenant_id = p_tenant and s.stream_id = p_tenant and s.aggregate = 'organization'
       and (s.state ->> 'purged')::boolean;
    if not found then
      raise exception 'the organization % has not ended', p_tenant;
    end if;
  end if;
  for v_table in
    select c.oid from pg_class c
      join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
     where c.relkind = 'r' and pg_get_userbyid(c.relowner) = 'fairlead_owner'
       and c.oid <> all (array['engine.purged', 'engine.outbox', 'engine.events']::regclass[])
     order by c.oid <> 'engine.subject_keys'::regclass, c.oid <> 'engine.tenant_keys'::regclass,
              c.oid <> 'engine.secrets'::regclass, c.oid
  loop
    exit when v_left <= 0;
    execute format('delete from %s where ctid = any (array(select ctid from %1$s where tenant_id = $1 %s limit $2))',
                   v_table, case v_table when 'engine.streams'::regclass then 'and stream_id <> $1' else '' end)
      using p_tenant, v_left;
    get diagnostics v_count = row_count;
    v_left := v_left - v_count;
  end loop;
  if v_left > 0 then
    v_left := v_left - engine.purge_stamped(p_tenant, false, v_left);
  end if;
  return p_limit - v_left;
end $$;

-- Deletes the organization's own stream as well, once every reader of the log has handled its end, and with it all that could
-- bring a row back; tells who has not, and nobody when it is done. Rebuilds tell nobody of events, and what they bring back is
-- found by purging again.
create function engine.finish_purge(p_tenant uuid) returns text[]
language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
declare
  v_behind text[];
begin
  perform pg_advisory_xact_lock(hashtextextended(p_tenant::text, 3));
  if exists (select from engine.events e
              where e.tenant_id = p_tenant
                and not exists (select from engine.outbox o
                                 where o.tenant_id = p_tenant and o.stream_id = e.stream_id and o.version = e.version)) then
    return array['sequencer'];
  end if;
  v_behind := array(
    select distinct s.name from engine.subscriptions s
      left join lateral (select c.position from engine.checkpoints c
                          where c.name = s.name and c.partition = s.partition order by c.number desc limit 1) c on true
     where s.name not like '%.rebuild'
       and coalesce(c.position, 0) < (select o.position from engine.outbox o
                                       where o.tenant_id = p_tenant order by o.position desc limit 1)
     order by s.name);
  if cardinality(v_behind) = 0 and exists (select from engine.purged p where p.tenant_id = p_tenant) then
    delete from engine.streams s where s.tenant_id = p_tenant;
    perform engine.purge_stamped(p_tenant, true, 9223372036854775807);
    update engine.purged p set finished_at = coalesce(p.finished_at, now()) where p.tenant_id = p_tenant;
  end if;
  return v_behind;
end $$;

revoke execute on function engine.purge, engine.purge_stamped, engine.finish_purge from public;
grant execute on function engine.purge, engine.finish_purge to fairlead_engine;
