-- Organizations and people: what is kept beside streams, registers, and who belongs where.

create schema identity;
grant usage on schema identity to fairlead_app, fairlead_engine;

-- Secrets kept beside streams, such as the hash of a password: in no event and in no state, so that none is published,
-- listed or exported. Sealed under the key of the person of the stream's id, with which they become unreadable.
create table engine.secrets (
  tenant_id uuid  not null,
  stream_id uuid  not null,
  name      text  not null,
  sealed    bytea not null,
  primary key (tenant_id, stream_id, name)
);
call engine.protect('engine.secrets');
grant select, insert, update (sealed), delete on engine.secrets to fairlead_app;

-- As engine.append, and in the same transaction keeps secrets beside streams; those that are null are forgotten, and all of
-- those who are erased.
create function engine.append_with_secrets(
  p_tenant uuid, p_principal text, p_key text, p_fingerprint bytea, p_receipts jsonb,
  p_at timestamptz, p_metadata jsonb,
  p_streams uuid[], p_aggregates text[], p_expected bigint[], p_versions bigint[],
  p_states jsonb[], p_state_versions smallint[], p_deleted boolean[],
  p_released_scopes text[], p_released_keys text[],
  p_claimed_scopes text[], p_claimed_keys text[], p_claimed_streams uuid[],
  p_event_streams uuid[], p_event_versions bigint[], p_event_ids uuid[], p_types text[],
  p_schema_versions smallint[], p_data jsonb[],
  p_seen_incarnation integer, p_seen_xid bigint,
  p_new_subjects uuid[], p_new_keys bytea[], p_tenant_key integer,
  p_used_subjects uuid[], p_erased_subjects uuid[],
  p_secret_streams uuid[], p_secret_names text[], p_secrets bytea[],
  out answered boolean, out incarnation integer, out xid bigint, out fingerprint bytea, out receipts jsonb
)
language plpgsql as $$
#variable_conflict use_column
begin
  select a.answered, a.incarnation, a.xid, a.fingerprint, a.receipts
    into answered, incarnation, xid, fingerprint, receipts
    from engine.append(
      p_tenant, p_principal, p_key, p_fingerprint, p_receipts, p_at, p_metadata, p_streams, p_aggregates,
      p_expected, p_versions, p_states, p_state_versions, p_deleted, p_released_scopes, p_released_keys,
      p_claimed_scopes, p_claimed_keys, p_claimed_streams, p_event_streams, p_event_versions, p_event_ids, p_types,
      p_schema_versions, p_data, p_seen_incarnation, p_seen_xid, p_new_subjects, p_new_keys, p_tenant_key,
      p_used_subjects, p_erased_subjects) a;
  if answered then
    return;
  end if;
  delete from engine.secrets s
   where s.tenant_id = p_tenant and s.stream_id = any (p_secret_streams || p_erased_subjects)
     and (s.stream_id = any (p_erased_subjects)
          or exists (select from unnest(p_secret_streams, p_secret_names, p_secrets) as w (stream_id, name, sealed)
                      where w.stream_id = s.stream_id and w.name = s.name and w.sealed is null));
  -- Streams were locked by the append, so that nobody else writes beside them.
  insert into engine.secrets (tenant_id, stream_id, name, sealed)
  select p_tenant, w.stream_id, w.name, w.sealed
    from unnest(p_secret_streams, p_secret_names, p_secrets) as w (stream_id, name, sealed)
   where w.sealed is not null and w.stream_id <> all (p_erased_subjects)
  on conflict (tenant_id, stream_id, name) do update set sealed = excluded.sealed;
end $$;

-- What is kept beside a stream, with the key under which it is sealed.
create function engine.secrets_of(p_tenant uuid, p_stream uuid)
returns table (name text, sealed bytea, wrapped bytea, tenant_key integer)
language plpgsql as $$
begin
  perform engine.enter(p_tenant);
  return query
    select s.name, s.sealed, k.wrapped, k.tenant_key
      from engine.secrets s
      join engine.subject_keys k on k.tenant_id = p_tenant and k.subject_id = s.stream_id
     where s.tenant_id = p_tenant and s.stream_id = p_stream;
end $$;

-- Aggregates of which a tenant has few, or a user, are listed from their streams. A new one of the kind enters these indexes by
-- a migration that makes them anew.
create index streams_register on engine.streams (tenant_id, aggregate, stream_id)
  where deleted_at is null and aggregate in ('project', 'membership', 'role', 'api_key');
-- A column of its own: an index over what is computed from the state would be written anew with every change of any stream.
alter table engine.streams
  add column user_id text generated always as (case when aggregate = 'session' then state ->> 'user_id' end) stored;
create index streams_of_user on engine.streams (tenant_id, aggregate, user_id, stream_id)
  where deleted_at is null and aggregate in ('session');

-- The living streams of an aggregate, or those of a user, behind one of them.
create function engine.register(p_tenant uuid, p_aggregate text, p_user text, p_after uuid, p_limit integer)
returns table (
  stream_id uuid, aggregate text, version bigint, state_version smallint, state jsonb,
  created_at timestamptz, updated_at timestamptz, incarnation integer, xid bigint
)
language plpgsql as $$
begin
  perform engine.enter(p_tenant);
  -- Told apart here, so that each has a plan of its own; the aggregate is put into the text for the sake of the indexes.
  return query execute format(
    'select s.stream_id, s.aggregate, s.version, s.state_version, s.state, s.created_at, s.updated_at, s.incarnation,
            s.xid::text::bigint
       from engine.streams s
      where s.tenant_id = $1 and s.aggregate = %L and s.deleted_at is null
        and ($2 is null or s.stream_id > $2) %s
      order by s.stream_id limit $3',
    p_aggregate, case when p_user is null then '' else 'and s.user_id = $4' end)
    using p_tenant, p_after, p_limit, p_user;
end $$;

-- In which tenants a user is a member, or is invited. What must be known before a tenant is; tells ids only. A membership's
-- stream has the user's id.
create index streams_memberships on engine.streams (stream_id) where deleted_at is null and aggregate = 'membership';
create function identity.organizations_of(p_user uuid) returns setof uuid
language sql stable security definer set search_path = '' as $$
  select s.tenant_id from engine.streams s
   where s.stream_id = p_user and s.aggregate = 'membership' and s.deleted_at is null order by s.tenant_id
$$;

-- When each key was used last, and from where. Noted now and then, by several processes in any order.
create table identity.api_key_uses (
  tenant_id uuid        not null,
  key_id    uuid        not null,
  used_at   timestamptz not null,
  address   inet,
  primary key (tenant_id, key_id)
);
call engine.protect('identity.api_key_uses');
grant select, insert, update (used_at, address) on identity.api_key_uses to fairlead_app;

create function identity.note_key_uses(p_tenant uuid, p_keys uuid[], p_at timestamptz[], p_addresses inet[])
returns void language plpgsql as $$
begin
  perform engine.enter(p_tenant);
  insert into identity.api_key_uses as known (tenant_id, key_id, used_at, address)
  select p_tenant, u.key_id, u.used_at, u.address from unnest(p_keys, p_at, p_addresses) as u (key_id, used_at, address)
  on conflict (tenant_id, key_id) do update set used_at = excluded.used_at, address = excluded.address
    where known.used_at < excluded.used_at;
end $$;

create function identity.key_uses(p_tenant uuid, p_keys uuid[])
returns table (key_id uuid, used_at timestamptz, address inet) language plpgsql as $$
begin
  perform engine.enter(p_tenant);
  return query select u.key_id, u.used_at, u.address from identity.api_key_uses u
                where u.tenant_id = p_tenant and u.key_id = any (p_keys);
end $$;

revoke execute on function identity.note_key_uses, identity.key_uses from public;
grant execute on function identity.note_key_uses, identity.key_uses to fairlead_app;

revoke execute on function engine.append_with_secrets, engine.secrets_of, engine.register, identity.organizations_of
  from public;
grant execute on function engine.append_with_secrets, engine.secrets_of, engine.register, identity.organizations_of
  to fairlead_app;
-- Whoever is to own a function must be able to make one there.
grant create on schema identity to fairlead_engine;
alter function identity.organizations_of owner to fairlead_engine;
revoke create on schema identity from fairlead_engine;
