-- The read model behind lists of companies: what they are filtered, sorted and found by, and the profile that they show.

create table crm.companies (
  tenant_id  uuid        not null,
  id         uuid        not null,
  subject_id uuid        not null,  -- whose personal data the row would hold
  version    bigint      not null,
  name       text        not null collate "C",  -- in lower case
  domains    text[]      not null,
  industry   text        collate "C",           -- in lower case
  lifecycle_stage text   collate "C",
  employees  bigint,
  tags       text[]      not null,
  parent_id  uuid,
  owner_id   uuid,
  project_id uuid,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  state      jsonb       not null,
  words      tsvector    not null default '',  -- as in crm.contacts
  primary key (tenant_id, id)
);
create index companies_created on crm.companies (tenant_id, created_at, id);
create index companies_updated on crm.companies (tenant_id, updated_at, id);
create index companies_name on crm.companies (tenant_id, name, id);
create index companies_employees on crm.companies (tenant_id, employees, id);
create index companies_stage on crm.companies (tenant_id, lifecycle_stage, created_at, id);
create index companies_parent on crm.companies (tenant_id, parent_id, created_at, id);
create index companies_owner on crm.companies (tenant_id, owner_id, created_at, id);
create index companies_project on crm.companies (tenant_id, project_id, created_at, id);

call engine.protect('crm.companies');
grant select on crm.companies to fairlead_app;
grant select, insert, update, delete on crm.companies to fairlead_engine;

-- Search, as over contacts, and for the same reasons above the policies.
create index companies_search on crm.companies
  using gin (tenant_id, words, tags, domains, (name || ' ' || coalesce(industry, '')) public.gin_trgm_ops)
  with (gin_pending_list_limit = 1024);

-- The ids of the tenant's rows that meet everything that is not null; null itself when there are more than p_most, or
-- when the index knows nothing of what is asked. p_tag, p_domain: all of them. p_name, p_industry: the text has this part,
-- in lower case.
create function crm.company_ids(
  p_words tsquery, p_name text, p_domain text[], p_industry text, p_tag text[], p_most integer
)
returns uuid[] language plpgsql stable security definer cost 10000
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan set enable_seqscan = off
as $$
declare
  v_tenant   constant uuid    := nullif(current_setting('app.tenant_id', true), '')::uuid;
  v_most     constant integer := least(greatest(coalesce(p_most, 0), 0), 10000);
  v_name     constant text    := '%' || regexp_replace(p_name, '([\\%_])', '\\\1', 'g') || '%';
  v_industry constant text    := '%' || regexp_replace(p_industry, '([\\%_])', '\\\1', 'g') || '%';
  v_ids      uuid[];
begin
  if num_nonnulls(p_words, p_tag, p_domain, v_name, v_industry) = 0 then
    return null;
  end if;
  v_ids := array(
    select c.id from crm.companies c
     where c.tenant_id = v_tenant
       and (p_words is null or c.words @@ p_words)
       and (p_tag is null or c.tags @> p_tag)
       and (p_domain is null or c.domains @> p_domain)
       and (v_name is null or (c.name || ' ' || coalesce(c.industry, '')) like v_name)
       and (v_industry is null or (c.name || ' ' || coalesce(c.industry, '')) like v_industry)
       and (p_name is null or strpos(c.name, p_name) > 0)
       and (p_industry is null or strpos(c.industry, p_industry) > 0)
     limit v_most + 1);
  return case when cardinality(v_ids) <= v_most then v_ids end;
end $$;

revoke execute on function crm.company_ids from public;
grant execute on function crm.company_ids to fairlead_app;
-- Whoever is to own a function must be able to make one there.
grant create on schema crm to fairlead_engine;
alter function crm.company_ids owner to fairlead_engine;
revoke create on schema crm from fairlead_engine;
