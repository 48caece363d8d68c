-- The read model behind lists of pipelines.

create table crm.pipelines (
  tenant_id  uuid        not null,
  id         uuid        not null,
  subject_id uuid        not null,  -- whose personal data the row would hold
  version    bigint      not null,
  name       text        not null collate "C",  -- in lower case
  created_at timestamptz not null,
  updated_at timestamptz not null,
  state      jsonb       not null,
  words      tsvector    not null default '',  -- as in crm.contacts
  primary key (tenant_id, id)
);
create index pipelines_created on crm.pipelines (tenant_id, created_at, id);
create index pipelines_updated on crm.pipelines (tenant_id, updated_at, id);
create index pipelines_name on crm.pipelines (tenant_id, name, id);

call engine.protect('crm.pipelines');
grant select on crm.pipelines to fairlead_app;
grant select, insert, update, delete on crm.pipelines to fairlead_engine;

-- Search, as over contacts, and for the same reasons above the policies.
create index pipelines_search on crm.pipelines
  using gin (tenant_id, words, name public.gin_trgm_ops)
  with (gin_pending_list_limit = 1024);

-- The ids of the tenant's rows that meet everything that is not null; null itself when there are more than p_most, or
-- when the index knows nothing of what is asked. p_name: the name has this part, in lower case.
create function crm.pipeline_ids(p_words tsquery, p_name text, p_most integer)
returns uuid[] language plpgsql stable security definer cost 10000
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan set enable_seqscan = off
as $$
declare
  v_tenant constant uuid    := nullif(current_setting('app.tenant_id', true), '')::uuid;
  v_most   constant integer := least(greatest(coalesce(p_most, 0), 0), 10000);
  v_name   constant text    := '%' || regexp_replace(p_name, '([\\%_])', '\\\1', 'g') || '%';
  v_ids    uuid[];
begin
  if num_nonnulls(p_words, v_name) = 0 then
    return null;
  end if;
  v_ids := array(
    select p.id from crm.pipelines p
     where p.tenant_id = v_tenant
       and (p_words is null or p.words @@ p_words)
       and (v_name is null or p.name like v_name)
     limit v_most + 1);
  return case when cardinality(v_ids) <= v_most then v_ids end;
end $$;

revoke execute on function crm.pipeline_ids from public;
grant execute on function crm.pipeline_ids to fairlead_app;
-- Whoever is to own a function must be able to make one there.
grant create on schema crm to fairlead_engine;
alter function crm.pipeline_ids owner to fairlead_engine;
revoke create on schema crm from fairlead_engine;
