drop function engine.load, engine.append, engine.tenant_key, engine.key_round, engine.make_tenant_key, engine.subject_keys_of;
drop table engine.subject_keys, engine.tenant_keys, engine.key_rounds;

-- As they were before.
create function engine.load(p_tenant uuid, p_streams uuid[], p_principal text, p_key text)
returns table (
  stream_id uuid, aggregate text, version bigint, state_version smallint, state jsonb,
  created_at timestamptz, updated_at timestamptz, incarnation integer, xid bigint, fingerprint bytea, receipts jsonb
)
language plpgsql rows 1 as $$
begin
  perform engine.enter(p_tenant);
  return query
    select s.stream_id, s.aggregate, s.version, s.state_version, s.state,
           s.created_at, s.updated_at, s.incarnation, s.xid::text::bigint, null::bytea, null::jsonb
      from engine.streams s where s.tenant_id = p_tenant and s.stream_id = any (p_streams);
  if p_key is not null then
    return query
      select null::uuid, null::text, null::bigint, null::smallint, null::jsonb,
             null::timestamptz, null::timestamptz, r.incarnation, r.xid::text::bigint, r.fingerprint, r.receipts
        from engine.command_results r
       where r.tenant_id = p_tenant and r.principal = p_principal and r.key = p_key
       order by r.created_at desc limit 1;
  end if;
end $$;

create function engine.append(
  p_tenant uuid, p_principal text, p_key text, p_fingerprint bytea, p_receipts jsonb,
  p_at timestamptz, p_metadata jsonb,
  p_streams uuid[], p_aggregates text[], p_expected bigint[], p_versions bigint[],
  p_states jsonb[], p_state_versions smallint[], p_deleted boolean[],
  p_released_scopes text[], p_released_keys text[],
  p_claimed_scopes text[], p_claimed_keys text[], p_claimed_streams uuid[],
  p_event_streams uuid[], p_event_versions bigint[], p_event_ids uuid[], p_types text[],
  p_schema_versions smallint[], p_data jsonb[],
  p_seen_incarnation integer default null, p_seen_xid bigint default null,
  out answered boolean, out incarnation integer, out xid bigint, out fingerprint bytea, out receipts jsonb
)
language plpgsql as $$
#variable_conflict use_column
declare
  v_incarnation integer;
  v_count       bigint;
  v_scope       text;
  v_lock        bigint;
begin
  perform engine.enter(p_tenant);
  select s.incarnation into v_incarnation from engine.sequencer s;

  if p_key is not null then
    -- A lock rather than a unique index makes duplicates wait for one another, since no index spans the partitions.
    v_lock := hashtextextended(concat_ws(chr(31), p_tenant, p_principal, p_key), 0);
    if not pg_try_advisory_xact_lock(v_lock) then
      begin
        perform pg_advisory_xact_lock(v_lock);
      exception when lock_not_available then
        raise exception 'a command with the same idempotency key is at work' using errcode = 'FL004';
      end;
    end if;
    select true, r.incarnation, r.xid::text::bigint, r.fingerprint, r.receipts
      into answered, incarnation, xid, fingerprint, receipts
      from engine.command_results r
     where r.tenant_id = p_tenant and r.principal = p_principal and r.key = p_key
     order by r.created_at desc limit 1;
    if answered then
      return;
    end if;
    insert into engine.command_results (tenant_id, principal, key, fingerprint, receipts, incarnation, xid)
    values (p_tenant, p_principal, p_key, p_fingerprint, p_receipts, coalesce(p_seen_incarnation, v_incarnation),
            coalesce(p_seen_xid::text::xid8, pg_current_xact_id()));
  end if;

  -- The stream rows come before the events: their locks make writers of one stream queue up before they draw a seq, so
  -- that seq follows version within a stream.
  for i in 1 .. cardinality(p_streams) loop
    if p_expected[i] = 0 then
      insert into engine.streams (tenant_id, stream_id, aggregate, version, state, state_version,
                                  created_at, updated_at, deleted_at, incarnation, xid)
      values (p_tenant, p_streams[i], p_aggregates[i], p_versions[i], p_states[i], p_state_versions[i],
              p_at, p_at, case when p_deleted[i] then p_at end, v_incarnation, pg_current_xact_id())
      on conflict do nothing;
    else
      update engine.streams s
         set version = p_versions[i], state = p_states[i], state_version = p_state_versions[i], updated_at = p_at,
             deleted_at = case when p_deleted[i] then coalesce(s.deleted_at, p_at) end,
             incarnation = v_incarnation, xid = pg_current_xact_id()
       where s.tenant_id = p_tenant and s.stream_id = p_streams[i]
         and s.aggregate = p_aggregates[i] and s.version = p_expected[i];
    end if;
    if not found then
      raise exception 'stream % is not at version %', p_streams[i], p_expected[i] using errcode = 'FL001';
    end if;
  end loop;

  if cardinality(p_released_scopes) + cardinality(p_claimed_scopes) > 1 then
    -- Releasing comes before claiming, whatever the order of the keys: so their order is kept by these locks.
    perform pg_advisory_xact_lock(hashtextextended(concat_ws(chr(31), p_tenant, k.scope, k.key), 1))
       from (select * from unnest(p_released_scopes, p_released_keys) as r (scope, key)
             union select * from unnest(p_claimed_scopes, p_claimed_keys) as c (scope, key)
             order by 1, 2) k;
  end if;
  if cardinality(p_released_scopes) > 0 then
    delete from engine.reservations r
     using unnest(p_released_scopes, p_released_keys) as k (scope, key)
     where r.tenant_id = p_tenant and r.scope = k.scope and r.key = k.key and r.stream_id = any (p_streams);
  end if;
  if cardinality(p_claimed_scopes) > 0 then
    insert into engine.reservations (tenant_id, scope, key, stream_id)
    select p_tenant, k.scope, k.key, k.stream_id
      from unnest(p_claimed_scopes, p_claimed_keys, p_claimed_streams) as k (scope, key, stream_id)
     order by k.scope, k.key
    on conflict do nothing;
    get diagnostics v_count = row_count;
    if v_count < cardinality(p_claimed_scopes) then
      select k.scope into v_scope
        from unnest(p_claimed_scopes, p_claimed_keys, p_claimed_streams) as k (scope, key, stream_id)
       where not exists (select from engine.reservations r
                          where r.tenant_id = p_tenant and r.scope = k.scope and r.key = k.key
                            and r.stream_id = k.stream_id)
       limit 1;
      raise exception 'a unique key is taken'
        using errcode = 'FL002', detail = coalesce(v_scope, p_claimed_scopes[1]);
    end if;
  end if;

  insert into engine.events (tenant_id, stream_id, version, event_id, type, schema_version, data, metadata, occurred_at)
  select p_tenant, e.stream_id, e.version, e.event_id, e.type, e.schema_version, e.data, p_metadata, p_at
    from unnest(p_event_streams, p_event_versions, p_event_ids, p_types, p_schema_versions, p_data)
         with ordinality as e (stream_id, version, event_id, type, schema_version, data, ordinal)
   order by e.ordinal;

  answered := false;
  incarnation := coalesce(p_seen_incarnation, v_incarnation);
  xid := coalesce(p_seen_xid, pg_current_xact_id()::text::bigint);
end $$;

revoke execute on function engine.load, engine.append from public;
grant execute on function engine.load, engine.append to fairlead_app;
