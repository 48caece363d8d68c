-- Activities: in which streams something about a person stands, the list of activities, and their events in the timelines
-- of what they are about.

-- ------------------------------------------------------------------ what was told about whom ----

-- The streams that hold something about a person to whom they don't belong. Written with the events that hold it, so that
-- whoever has to act on an erasure misses none, however far behind read models are.
create table engine.subject_streams (
  tenant_id  uuid not null,
  subject_id uuid not null,
  stream_id  uuid not null,
  primary key (tenant_id, subject_id, stream_id)
);
call engine.protect('engine.subject_streams');
grant select, insert on engine.subject_streams to fairlead_app;
grant select on engine.subject_streams to fairlead_engine;

-- As engine.append_with_secrets, for events that tell something about people of other streams: these are noted.
create function engine.append_about_people(
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
  p_told_subjects uuid[], p_told_streams uuid[],
  out answered boolean, out incarnation integer, out xid bigint, out fingerprint bytea, out receipts jsonb
)
language plpgsql as $$
#variable_conflict use_column
begin
  select a.answered, a.incarnation, a.xid, a.fingerprint, a.receipts
    into answered, incarnation, xid, fingerprint, receipts
    from engine.append_with_secrets(
      p_tenant, p_principal, p_key, p_fingerprint, p_receipts, p_at, p_metadata, p_streams, p_aggregates,
      p_expected, p_versions, p_states, p_state_versions, p_deleted, p_released_scopes, p_released_keys,
      p_claimed_scopes, p_claimed_keys, p_claimed_streams, p_event_streams, p_event_versions, p_event_ids, p_types,
      p_schema_versions, p_data, p_seen_incarnation, p_seen_xid, p_new_subjects, p_new_keys, p_tenant_key,
      p_used_subjects, p_erased_subjects, p_secret_streams, p_secret_names, p_secrets) a;
  if answered then
    return;
  end if;
  -- The keys of these people are held, so that an erasure that comes behind finds what stands here.
  insert into engine.subject_streams (tenant_id, subject_id, stream_id)
  select distinct p_tenant, t.subject_id, t.stream_id
    from unnest(p_told_subjects, p_told_streams) as t (subject_id, stream_id) order by 2, 3
  on conflict do nothing;
end $$;

-- The streams of an aggregate that hold something about a person to whom they don't belong, in ascending order behind one of
-- them.
create function engine.streams_about(p_tenant uuid, p_subject uuid, p_aggregate text, p_after uuid, p_limit integer)
returns table (stream_id uuid)
language plpgsql as $$
begin
  perform engine.enter(p_tenant);
  return query
    select t.stream_id
      from engine.subject_streams t
      join engine.streams s on s.tenant_id = p_tenant and s.stream_id = t.stream_id
     where t.tenant_id = p_tenant and t.subject_id = p_subject and s.aggregate = p_aggregate
       and (p_after is null or t.stream_id > p_after)
     order by t.stream_id limit p_limit;
end $$;

revoke execute on function engine.append_about_people, engine.streams_about from public;
grant execute on function engine.append_about_people, engine.streams_about to fairlead_app;

-- ------------------------------------------------------------------ timelines ----

-- Where it happened, when that is not the record itself. Programs of before write of records themselves alone.
alter table crm.timeline add column stream_id uuid;
create index timeline_subject on crm.timeline (tenant_id, subject_id);

-- ------------------------------------------------------------------ the list ----

create table crm.activities (
  tenant_id    uuid        not null,
  id           uuid        not null,
  subject_id   uuid        not null,  -- whom the words are about; the activity itself when that is nobody
  version      bigint      not null,
  kind         text        not null collate "C",
  about        uuid[]      not null,
  due_at       timestamptz,
  completed    boolean     not null,
  completed_at timestamptz,
  pinned       boolean     not null,
  priority     text        collate "C",
  assignee_id  uuid,
  mentions     uuid[]      not null,
  owner_id     uuid,
  project_id   uuid,
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  state        jsonb       not null,
  words        tsvector    not null,
  primary key (tenant_id, id)
);
create index activities_created on crm.activities (tenant_id, created_at, id);
create index activities_updated on crm.activities (tenant_id, updated_at, id);
create index activities_due on crm.activities (tenant_id, due_at, id);
create index activities_owner on crm.activities (tenant_id, owner_id, created_at, id);
create index activities_project on crm.activities (tenant_id, project_id, created_at, id);
create index activities_assignee on crm.activities (tenant_id, assignee_id, created_at, id);
create index activities_subject on crm.activities (tenant_id, subject_id);
create index activities_search on crm.activities using gin (tenant_id, words, about, mentions)
  with (gin_pending_list_limit = 1024);
-- What somebody has to do, the most urgent first.
create index activities_agenda on crm.activities (tenant_id, assignee_id, due_at, id)
  where not completed and due_at is not null;
create index activities_open on crm.activities (tenant_id, due_at, id) where not completed and due_at is not null;

-- The ids of the tenant's rows that meet everything that is not null; null itself when there are more than p_most, or when
-- nothing is asked. As crm.contact_ids, and above the policies for the same reason. p_about, p_mention: all of them.
create function crm.activity_ids(p_words tsquery, p_about uuid[], p_mention uuid[], p_most integer)
returns uuid[] language plpgsql stable security definer cost 10000
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan set enable_seqscan = off
as $$
declare
  v_tenant constant uuid    := nullif(current_setting('app.tenant_id', true), '')::uuid;
  v_most   constant integer := least(greatest(coalesce(p_most, 0), 0), 10000);
  v_ids    uuid[];
begin
  if num_nonnulls(p_words, p_about, p_mention) = 0 then
    return null;
  end if;
  v_ids := array(
    select a.id from crm.activities a
     where a.tenant_id = v_tenant
       and (p_words is null or a.words @@ p_words)
       and (p_about is null or a.about @> p_about)
       and (p_mention is null or a.mentions @> p_mention)
     limit v_most + 1);
  return case when cardinality(v_ids) <= v_most then v_ids end;
end $$;

revoke execute on function crm.activity_ids from public;
grant execute on function crm.activity_ids to fairlead_app;
grant create on schema crm to fairlead_engine;
alter function crm.activity_ids owner to fairlead_engine;
revoke create on schema crm from fairlead_engine;

call engine.protect('crm.activities');
grant select on crm.activities to fairlead_app;
grant select, insert, update, delete on crm.activities to fairlead_engine;
