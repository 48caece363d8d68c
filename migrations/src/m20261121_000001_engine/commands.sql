-- What a command calls: load, then append. Each is one statement, so the tenant can't leak to a connection's next user.
--
-- PL/pgSQL, because plans are kept for the session and because set_config is sure to run before a policy reads the
-- setting. Security invoker, so that the policies apply to the caller.

-- Sets the tenant for the transaction. A transaction concerns one tenant.
create function engine.enter(p_tenant uuid) returns void language plpgsql as $$
begin
  if nullif(current_setting('app.tenant_id', true), '') <> p_tenant::text then
    raise exception 'a transaction concerns one tenant' using errcode = 'FL003';
  end if;
  perform set_config('app.tenant_id', p_tenant::text, true);
end $$;

-- The present of some streams, one row each; and, in a row without stream_id, what the key was answered.
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

-- A stream's events, oldest first.
create function engine.history(p_tenant uuid, p_stream uuid)
returns table (
  event_id uuid, version bigint, type text, schema_version smallint, data jsonb, metadata jsonb, occurred_at timestamptz
)
language plpgsql as $$
begin
  perform engine.enter(p_tenant);
  return query
    select e.event_id, e.version, e.type, e.schema_version, e.data, e.metadata, e.occurred_at
      from engine.events e where e.tenant_id = p_tenant and e.stream_id = p_stream order by e.version;
end $$;

-- Stores everything a command changes, or raises and stores nothing:
--   FL001  a stream is not at the expected version (0: must not exist)
--   FL002  a key is taken; the detail is its scope
--   FL004  a command with the same idempotency key is still at work
-- Where the idempotency key was answered already, nothing is stored and the answer of then is returned. Where nothing
-- changes, the answer refers to p_seen, the last write that the command has seen, instead of this transaction.
--
-- Locks are taken in one order by all: the idempotency key, streams in the order given (ascending), keys in sorted order.
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

-- Whether a subscription has seen a write, on all its partitions.
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

-- Makes room for the coming weeks' answers, and drops those older than p_keep. A week whose answers went to the default
-- partition already, because nobody made room in time, is passed over.
create function engine.rotate_command_results(p_keep interval) returns void
language plpgsql security definer set search_path = engine, pg_temp set timezone = 'UTC' set lock_timeout = '200ms' as $$
declare
  v_week timestamptz;
  v_name text;
begin
  for v_week in select generate_series(date_trunc('week', now()), now() + interval '2 weeks', interval '1 week') loop
    v_name := 'command_results_' || to_char(v_week, 'YYYYMMDD');
    if to_regclass('engine.' || v_name) is null then
      begin
        execute format('create table engine.%I partition of engine.command_results for values from (%L) to (%L)',
                       v_name, v_week, v_week + interval '1 week');
        execute format('call engine.protect(%L)', 'engine.' || v_name);
      exception when check_violation then
        raise notice 'the answers of the week of % are in the default partition', v_week::date;
      end;
    end if;
  end loop;
  for v_name in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'engine.command_results'::regclass and c.relname ~ '^command_results_[0-9]{8}$'
       and to_date(right(c.relname, 8), 'YYYYMMDD') + 7 < (now() - p_keep)::date
  loop
    execute format('drop table engine.%I', v_name);
  end loop;
end $$;
select engine.rotate_command_results(interval '1 week');

revoke execute on all routines in schema engine from public;
grant execute on function engine.enter, engine.load, engine.history, engine.append, engine.covers to fairlead_app;
grant execute on function engine.rotate_command_results to fairlead_engine;
