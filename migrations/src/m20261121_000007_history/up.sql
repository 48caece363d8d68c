-- What a tenant may read of the log: its own stretch of the global order, found by index however long the log is.

-- Holds all that is read of the order, so that its rows are not visited.
create index outbox_tenant on engine.outbox (tenant_id, position) include (incarnation, stream_id, version);
grant select on engine.outbox to fairlead_app;

-- The wanted events of p_tenant behind p_after and up to p_until, in order, p_limit at most; p_span of the tenant's events
-- are looked through at most, so that a rare type costs no more than a common one. The last row has no event: it tells up to
-- where was looked, and whether the span was used up.
--
-- The span is measured first. Positions become visible in their order, so that whatever is at or before its end is
-- visible to the second statement.
create function engine.read_log(
  p_tenant uuid, p_after bigint, p_until bigint, p_span integer, p_limit integer, p_aggregates text[], p_type text
)
returns table (
  at bigint, incarnation integer, stream_id uuid, event_id uuid, version bigint, type text, schema_version smallint,
  data jsonb, metadata jsonb, occurred_at timestamptz, used_up boolean
)
language plpgsql set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  v_end   bigint;
  v_count bigint;
begin
  perform engine.enter(p_tenant);
  select max(span.position), count(*) into v_end, v_count
    from (select o.position from engine.outbox o
           where o.tenant_id = p_tenant and o.position > p_after
             and o.position <= coalesce(p_until, 9223372036854775807)
           order by o.position limit p_span) span;
  if v_count > 0 then
    return query
      select o.position, o.incarnation, o.stream_id, e.event_id, e.version, e.type, e.schema_version, e.data, e.metadata,
             e.occurred_at, null::boolean
        from engine.outbox o
        join engine.events e on e.tenant_id = p_tenant and e.stream_id = o.stream_id and e.version = o.version
       where o.tenant_id = p_tenant and o.position > p_after and o.position <= v_end
         and split_part(e.type, '.', 1) = any (p_aggregates) and (p_type is null or e.type = p_type)
       order by o.position limit p_limit;
  end if;
  return query
    select coalesce(v_end, p_after), null::integer, null::uuid, null::uuid, null::bigint, null::text, null::smallint,
           null::jsonb, null::jsonb, null::timestamptz, v_count = p_span;
end $$;

-- The events of one record behind a version, after a row without event that says that there is such a record.
create function engine.read_record(p_tenant uuid, p_stream uuid, p_aggregate text, p_after bigint, p_limit integer)
returns table (
  event_id uuid, version bigint, type text, schema_version smallint, data jsonb, metadata jsonb, occurred_at timestamptz
)
language plpgsql as $$
begin
  perform engine.enter(p_tenant);
  if not exists (select from engine.streams s
                  where s.tenant_id = p_tenant and s.stream_id = p_stream and s.aggregate = p_aggregate) then
    return;
  end if;
  return query
    select null::uuid, null::bigint, null::text, null::smallint, null::jsonb, null::jsonb, null::timestamptz;
  return query
    select e.event_id, e.version, e.type, e.schema_version, e.data, e.metadata, e.occurred_at
      from engine.events e
     where e.tenant_id = p_tenant and e.stream_id = p_stream and e.version > p_after order by e.version limit p_limit;
end $$;

-- How many events a reader missed who has seen everything up to a place, counted up to p_limit. The place is known when
-- the log has got there, and the tenant has no event of a later life at or before it. Null when it is not.
create function engine.gap(p_tenant uuid, p_incarnation integer, p_position bigint, p_limit integer) returns bigint
language plpgsql as $$
declare
  v_known boolean;
begin
  perform engine.enter(p_tenant);
  select p_incarnation <= t.incarnation and p_position <= t.position
         and not exists (select from (select o.incarnation from engine.outbox o
                                       where o.tenant_id = p_tenant and o.position <= p_position
                                       order by o.position desc limit 1) last
                          where last.incarnation > p_incarnation)
    into v_known
    from engine.ticks t order by t.number desc limit 1;
  if not coalesce(v_known, false) then
    return null;
  end if;
  return (select count(*) from (select from engine.outbox o
                                 where o.tenant_id = p_tenant and o.position > p_position limit p_limit) missed);
end $$;

-- Whether the log holds a write.
create function engine.stamped(p_incarnation integer, p_xid bigint) returns boolean
language sql stable as $$
  select t.incarnation > p_incarnation
         or t.incarnation = p_incarnation and pg_visible_in_snapshot(p_xid::text::xid8, t.snapshot)
    from engine.ticks t order by t.number desc limit 1
$$;

-- Who holds which keys at present; null for those that are free. For batches, which find out beforehand what is in the way
-- of which of their commands.
create function engine.holders(p_tenant uuid, p_scopes text[], p_keys text[])
returns table (ordinal bigint, stream_id uuid)
language plpgsql set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  perform engine.enter(p_tenant);
  return query
    select k.ordinal, r.stream_id
      from unnest(p_scopes, p_keys) with ordinality k (scope, key, ordinal)
      left join engine.reservations r on r.tenant_id = p_tenant and r.scope = k.scope and r.key = k.key
     order by k.ordinal;
end $$;

revoke execute on function engine.read_log, engine.read_record, engine.gap, engine.stamped, engine.holders from public;
grant execute on function engine.read_log, engine.read_record, engine.gap, engine.stamped, engine.holders to fairlead_app;
