-- History for those who reach some records alone: own ones, or those of projects. Whose a record is, its state says now.

-- Whether a record in this state belongs to p_owner and to one of p_projects; what is null is not asked.
create function engine.belongs(p_state jsonb, p_owner uuid, p_projects uuid[]) returns boolean
language sql immutable as $$
  select (p_owner is null or p_state ->> 'owner_id' = p_owner::text)
         and (p_projects is null or (p_state ->> 'project_id')::uuid = any (p_projects))
$$;

-- As engine.read_log, for a caller who reaches every record of p_aggregates, those in p_projects of p_parts, and those of
-- p_owner in p_projects of p_own. Which it is costs a look at the record's state for each event that may be wanted.
create function engine.read_log_within(
  p_tenant uuid, p_after bigint, p_until bigint, p_span integer, p_limit integer, p_aggregates text[], p_type text,
  p_parts text[], p_own text[], p_owner uuid, p_projects uuid[]
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
        cross join lateral (select split_part(e.type, '.', 1) as name) aggregate
       where o.tenant_id = p_tenant and o.position > p_after and o.position <= v_end
         and (p_type is null or e.type = p_type)
         and (aggregate.name = any (p_aggregates)
              or aggregate.name = any (p_parts || p_own)
                 and exists (select from engine.streams s
                              where s.tenant_id = p_tenant and s.stream_id = o.stream_id
                                and engine.belongs(s.state, case when aggregate.name = any (p_own) then p_owner end,
                                                   p_projects)))
       order by o.position limit p_limit;
  end if;
  return query
    select coalesce(v_end, p_after), null::integer, null::uuid, null::uuid, null::bigint, null::text, null::smallint,
           null::jsonb, null::jsonb, null::timestamptz, v_count = p_span;
end $$;

-- As engine.read_record, for a caller who reaches the record only if it belongs to p_owner and to one of p_projects.
create function engine.read_record_within(
  p_tenant uuid, p_stream uuid, p_aggregate text, p_after bigint, p_limit integer, p_owner uuid, p_projects uuid[]
)
returns table (
  event_id uuid, version bigint, type text, schema_version smallint, data jsonb, metadata jsonb, occurred_at timestamptz
)
language plpgsql as $$
begin
  perform engine.enter(p_tenant);
  if exists (select from engine.streams s
              where s.tenant_id = p_tenant and s.stream_id = p_stream
                and engine.belongs(s.state, p_owner, p_projects)) then
    return query select * from engine.read_record(p_tenant, p_stream, p_aggregate, p_after, p_limit);
  end if;
end $$;

revoke execute on function engine.belongs, engine.read_log_within, engine.read_record_within from public;
grant execute on function engine.belongs, engine.read_log_within, engine.read_record_within to fairlead_app;
