drop function engine.load(uuid, uuid[], text, text);
drop function engine.append(uuid, text, text, bytea, jsonb, timestamptz, jsonb, uuid[], text[], bigint[], bigint[], jsonb[],
  smallint[], boolean[], text[], text[], text[], text[], uuid[], uuid[], bigint[], uuid[], text[], smallint[], jsonb[],
  integer, bigint);

-- The present of some streams, one row each, with the key of the person of the same id; and, in a row without stream_id,
-- what the idempotency key was answered.
create function engine.load(p_tenant uuid, p_streams uuid[], p_principal text, p_key text)
returns table (
  stream_id uuid, aggregate text, version bigint, state_version smallint, state jsonb,
  created_at timestamptz, updated_at timestamptz, incarnation integer, xid bigint, fingerprint bytea, receipts jsonb,
  has_subject_key boolean, wrapped bytea, tenant_key integer
)
language plpgsql rows 1 as $$
begin
  perform engine.enter(p_tenant);
  return query
    select s.stream_id, s.aggregate, s.version, s.state_version, s.state,
           s.created_at, s.updated_at, s.incarnation, s.xid::text::bigint, null::bytea, null::jsonb,
           k.subject_id is not null, k.wrapped, k.tenant_key
      from engine.streams s
      -- The limit keeps the planner from reading all of the tenant's keys.
      left join lateral (select * from engine.subject_keys k
                          where k.tenant_id = p_tenant and k.subject_id = s.stream_id limit 1) k on true
     where s.tenant_id = p_tenant and s.stream_id = any (p_streams);
  if p_key is not null then
    return query
      select null::uuid, null::text, null::bigint, null::smallint, null::jsonb,
             null::timestamptz, null::timestamptz, r.incarnation, r.xid::text::bigint, r.fingerprint, r.receipts,
             false, null::bytea, null::integer
        from engine.command_results r
       where r.tenant_id = p_tenant and r.principal = p_principal and r.key = p_key
       order by r.created_at desc limit 1;
  end if;
end $$;

-- Stores everything a command changes, or raises and stores nothing:
--   FL001  streams are not at the expected version (0: must not exist); the detail lists them all: ["…", …]
--   FL002  keys are taken; the detail lists who claims what: [{"stream": "…", "scope": "…"}, …]
--   FL004  a command with the same idempotency key is still at work
--   FL005  the keys under which personal data is sealed are others by now: look again, and seal again
-- Where the idempotency key was answered already, nothing is stored and the answer of then is returned. Where nothing
-- changes, the answer refers to p_seen, the last write that the command has seen, instead of this transaction.
--
-- Personal data in p_data is sealed under keys of people: p_new_subjects get p_new_keys, wrapped by the tenant's key
-- p_tenant_key; those of p_used_subjects must be there, and are held until the transaction ends; those of p_erased_subjects
-- are destroyed.
--
-- Locks are taken in one order by all: the idempotency key; streams that exist, new streams, people's keys, each in ascending
-- order of id, in which p_streams must be given; unique keys in sorted order.
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
  p_new_subjects uuid[] default '{}', p_new_keys bytea[] default '{}', p_tenant_key integer default null,
  p_used_subjects uuid[] default '{}', p_erased_subjects uuid[] default '{}',
  out answered boolean, out incarnation integer, out xid bigint, out fingerprint bytea, out receipts jsonb
)
language plpgsql as $$
#variable_conflict use_column
declare
  v_incarnation integer;
  v_count       bigint;
  v_lock        bigint;
  v_made        uuid[] := '{}';
  v_stale       uuid[];
  v_taken       jsonb;
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
  if cardinality(p_streams) = 1 then
    -- What nearly every command is, without the cost of sets.
    if p_expected[1] = 0 then
      insert into engine.streams (tenant_id, stream_id, aggregate, version, state, state_version,
                                  created_at, updated_at, deleted_at, incarnation, xid)
      values (p_tenant, p_streams[1], p_aggregates[1], p_versions[1], p_states[1], p_state_versions[1],
              p_at, p_at, case when p_deleted[1] then p_at end, v_incarnation, pg_current_xact_id())
      on conflict do nothing;
    else
      update engine.streams s
         set version = p_versions[1], state = p_states[1], state_version = p_state_versions[1], updated_at = p_at,
             deleted_at = case when p_deleted[1] then coalesce(s.deleted_at, p_at) end,
             incarnation = v_incarnation, xid = pg_current_xact_id()
       where s.tenant_id = p_tenant and s.stream_id = p_streams[1]
         and s.aggregate = p_aggregates[1] and s.version = p_expected[1];
    end if;
    if not found then
      v_stale := p_streams;
    end if;
  elsif cardinality(p_streams) > 1 then
    -- What is bounded by `any` is looked up by index, whatever joins the planner finds cheap.
    perform from engine.streams s
      where s.tenant_id = p_tenant and s.stream_id = any (p_streams) order by s.stream_id for no key update;
    with made as (
      insert into engine.streams (tenant_id, stream_id, aggregate, version, state, state_version,
                                  created_at, updated_at, deleted_at, incarnation, xid)
      select p_tenant, w.stream_id, w.aggregate, w.version, w.state, w.state_version,
             p_at, p_at, case when w.deleted then p_at end, v_incarnation, pg_current_xact_id()
        from unnest(p_streams, p_aggregates, p_expected, p_versions, p_states, p_state_versions, p_deleted)
             as w (stream_id, aggregate, expected, version, state, state_version, deleted)
       where w.expected = 0 order by w.stream_id
      on conflict do nothing returning stream_id)
    select coalesce(array_agg(m.stream_id), '{}') into v_made from made m;
    -- The rows are locked, so what a statement of its own sees here stays so.
    select array_agg(w.stream_id order by w.stream_id) into v_stale
      from unnest(p_streams, p_aggregates, p_expected) as w (stream_id, aggregate, expected)
     where case when w.expected = 0 then w.stream_id <> all (v_made)
                else not exists (select from engine.streams s
                                  where s.tenant_id = p_tenant and s.stream_id = any (p_streams)
                                    and s.stream_id = w.stream_id and s.aggregate = w.aggregate and s.version = w.expected) end;
    if v_stale is null and cardinality(v_made) < cardinality(p_streams) then
      update engine.streams s
         set version = w.version, state = w.state, state_version = w.state_version, updated_at = p_at,
             deleted_at = case when w.deleted then coalesce(s.deleted_at, p_at) end,
             incarnation = v_incarnation, xid = pg_current_xact_id()
        from unnest(p_streams, p_expected, p_versions, p_states, p_state_versions, p_deleted)
             as w (stream_id, expected, version, state, state_version, deleted)
       where s.tenant_id = p_tenant and s.stream_id = any (p_streams)
         and s.stream_id = w.stream_id and w.expected > 0;
    end if;
  end if;
  if v_stale is not null then
    raise exception '% streams are not at the expected version', cardinality(v_stale)
      using errcode = 'FL001', detail = to_json(v_stale)::text;
  end if;

  if cardinality(p_new_subjects) > 0 then
    -- Shared by all who use the tenant's key; whoever retires it takes it alone.
    perform pg_advisory_xact_lock_shared(hashtextextended(p_tenant::text, 2));
    if not exists (select from engine.tenant_keys k where k.tenant_id = p_tenant and k.number = p_tenant_key) then
      raise exception 'the key of the tenant is retired' using errcode = 'FL005';
    end if;
    insert into engine.subject_keys (tenant_id, subject_id, wrapped, tenant_key)
    select p_tenant, k.subject_id, k.wrapped, p_tenant_key
      from unnest(p_new_subjects, p_new_keys) as k (subject_id, wrapped) order by k.subject_id
    on conflict do nothing;
    get diagnostics v_count = row_count;
    if v_count < cardinality(p_new_subjects) then
      raise exception 'a person has a key already' using errcode = 'FL005';
    end if;
  end if;
  if cardinality(p_used_subjects) > 0 then
    -- Wrapping a key anew goes on beside this lock; destroying it waits.
    perform from engine.subject_keys k
      where k.tenant_id = p_tenant and k.subject_id = any (p_used_subjects) and k.wrapped is not null
      order by k.subject_id for key share;
    get diagnostics v_count = row_count;
    if v_count < cardinality(p_used_subjects) then
      raise exception 'a key is not there, or was destroyed' using errcode = 'FL005';
    end if;
  end if;
  if cardinality(p_erased_subjects) > 0 then
    -- The full lock, which an update of these columns would not take, waits for all who write under the key.
    insert into engine.subject_keys (tenant_id, subject_id, destroyed_at)
    select p_tenant, k.subject_id, p_at from unnest(p_erased_subjects) as k (subject_id) order by k.subject_id
    on conflict do nothing;
    perform from engine.subject_keys k
      where k.tenant_id = p_tenant and k.subject_id = any (p_erased_subjects) order by k.subject_id for update;
    update engine.subject_keys k set wrapped = null, tenant_key = null, destroyed_at = p_at
     where k.tenant_id = p_tenant and k.subject_id = any (p_erased_subjects) and k.wrapped is not null;
  end if;

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
     where r.tenant_id = p_tenant and r.scope = any (p_released_scopes) and r.key = any (p_released_keys)
       and r.scope = k.scope and r.key = k.key and r.stream_id = any (p_streams);
  end if;
  if cardinality(p_claimed_scopes) > 0 then
    -- Of two streams that claim the same key here, the first one gets it, and the other one is named.
    insert into engine.reservations (tenant_id, scope, key, stream_id)
    select p_tenant, k.scope, k.key, k.stream_id
      from unnest(p_claimed_scopes, p_claimed_keys, p_claimed_streams) as k (scope, key, stream_id)
     order by k.scope, k.key, k.stream_id
    on conflict do nothing;
    get diagnostics v_count = row_count;
    if v_count < cardinality(p_claimed_scopes) then
      select jsonb_agg(distinct jsonb_build_object('stream', k.stream_id, 'scope', k.scope)) into v_taken
        from unnest(p_claimed_scopes, p_claimed_keys, p_claimed_streams) as k (scope, key, stream_id)
       where not exists (select from engine.reservations r
                          where r.tenant_id = p_tenant
                            and r.scope = any (p_claimed_scopes) and r.key = any (p_claimed_keys)
                            and r.scope = k.scope and r.key = k.key and r.stream_id = k.stream_id);
      if v_taken is not null then
        raise exception 'unique keys are taken' using errcode = 'FL002', detail = v_taken::text;
      end if;
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

revoke execute on all routines in schema engine from public;
grant execute on function engine.load, engine.append, engine.tenant_key, engine.key_round, engine.make_tenant_key,
  engine.subject_keys_of to fairlead_app;
