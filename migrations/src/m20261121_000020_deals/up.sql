-- The read model behind lists of deals, and behind the boards of pipelines.

create table crm.deals (
  tenant_id   uuid        not null,
  id          uuid        not null,
  subject_id  uuid        not null,  -- whose personal data the row would hold
  version     bigint      not null,
  name        text        not null collate "C",  -- in lower case
  status      text        not null collate "C",
  pipeline_id uuid        not null,
  stage_id    uuid        not null,
  stage_entered_at timestamptz not null,
  value       bigint,                     -- in minor units
  currency    text        collate "C",    -- in lower case; there with a value
  expected_close date,
  closed_at   timestamptz,
  reason      text        collate "C",    -- in lower case
  source      text        collate "C",    -- in lower case
  contact_ids uuid[]      not null,
  company_ids uuid[]      not null,
  tags        text[]      not null,
  owner_id    uuid,
  project_id  uuid,
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  state       jsonb       not null,
  words       tsvector    not null default '',  -- as in crm.contacts
  primary key (tenant_id, id)
);
create index deals_created on crm.deals (tenant_id, created_at, id);
create index deals_updated on crm.deals (tenant_id, updated_at, id);
create index deals_name on crm.deals (tenant_id, name, id);
create index deals_value on crm.deals (tenant_id, value, id);
create index deals_expected_close on crm.deals (tenant_id, expected_close, id);
create index deals_closed on crm.deals (tenant_id, closed_at, id);
create index deals_status on crm.deals (tenant_id, status, created_at, id);
create index deals_pipeline on crm.deals (tenant_id, pipeline_id, created_at, id);
create index deals_stage on crm.deals (tenant_id, stage_id, created_at, id);
create index deals_owner on crm.deals (tenant_id, owner_id, created_at, id);
create index deals_project on crm.deals (tenant_id, project_id, created_at, id);
-- Many deals have neither, and nobody looks for those by an index.
create index deals_source on crm.deals (tenant_id, source, created_at, id) where source is not null;
create index deals_reason on crm.deals (tenant_id, reason, created_at, id) where reason is not null;
-- A board needs nothing of a row but what stands here.
create index deals_board on crm.deals (tenant_id, pipeline_id, stage_id)
  include (currency, value, stage_entered_at, owner_id, project_id) where status = 'open';

call engine.protect('crm.deals');
grant select on crm.deals to fairlead_app;
grant select, insert, update, delete on crm.deals to fairlead_engine;

-- Search, as over contacts, and for the same reasons above the policies.
create index deals_search on crm.deals
  using gin (tenant_id, words, tags, contact_ids, company_ids, name public.gin_trgm_ops)
  with (gin_pending_list_limit = 1024);

-- The ids of the tenant's rows that meet everything that is not null; null itself when there are more than p_most, or
-- when the index knows nothing of what is asked. p_tag, p_contact, p_company: all of them. p_name: the name has this part,
-- in lower case.
create function crm.deal_ids(
  p_words tsquery, p_name text, p_contact uuid[], p_company uuid[], p_tag text[], p_most integer
)
returns uuid[] language plpgsql stable security definer cost 10000
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan set enable_seqscan = off
as $$
declare
  v_tenant constant uuid    := nullif(current_setting('app.tenant_id', true), '')::uuid;
  v_most   constant integer := least(greatest(coalesce(p_most, 0), 0), 10000);
  v_name   constant text    := '%' || regexp_replace(p_name, '([\\%_])', '\\\1', 'g') || '%';
  v_ids    uuid[];
begin
  if num_nonnulls(p_words, p_contact, p_company, p_tag, v_name) = 0 then
    return null;
  end if;
  v_ids := array(
    select d.id from crm.deals d
     where d.tenant_id = v_tenant
       and (p_words is null or d.words @@ p_words)
       and (p_tag is null or d.tags @> p_tag)
       and (p_contact is null or d.contact_ids @> p_contact)
       and (p_company is null or d.company_ids @> p_company)
       and (v_name is null or d.name like v_name)
     limit v_most + 1);
  return case when cardinality(v_ids) <= v_most then v_ids end;
end $$;

revoke execute on function crm.deal_ids from public;
grant execute on function crm.deal_ids to fairlead_app;
-- Whoever is to own a function must be able to make one there.
grant create on schema crm to fairlead_engine;
alter function crm.deal_ids owner to fairlead_engine;
revoke create on schema crm from fairlead_engine;
