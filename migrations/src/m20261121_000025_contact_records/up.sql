-- What contacts are besides their names: several addresses and numbers, stages, companies; and who may be the same person.
--
-- Rows that are there already hold none of it: after this migration `fairlead subscriptions rebuild crm.contacts`.

drop function crm.contact_ids;
drop index crm.contacts_search;
alter table crm.contacts
  drop column email,
  drop column phone,
  add column job_title       text collate "C",  -- in lower case
  add column lifecycle_stage text collate "C",
  add column source          text collate "C",  -- in lower case
  add column birthday        date,
  add column language        text collate "C",  -- in lower case
  add column emails          text[] not null default '{}',  -- in lower case
  add column phones          text[] not null default '{}',
  add column countries       text[] not null default '{}',  -- in lower case
  add column consents        text[] not null default '{}',  -- channel:status
  add column external_ids    text[] not null default '{}',  -- source:id, in lower case
  add column company_ids     uuid[] not null default '{}',
  add column parts           text   not null default '',    -- name and addresses, of which parts are looked for
  add column twins           text[] not null default '{}';  -- by what contacts are found that may be the same person

create index contacts_job_title on crm.contacts (tenant_id, job_title, id);
create index contacts_lifecycle_stage on crm.contacts (tenant_id, lifecycle_stage, id);
create index contacts_source on crm.contacts (tenant_id, source, id);
create index contacts_birthday on crm.contacts (tenant_id, birthday, id);
create index contacts_language on crm.contacts (tenant_id, language, id);

-- Names and addresses share most of their trigrams. Entries that wait to be sorted in are read by every search, so not too many
-- may wait.
create index contacts_search on crm.contacts
  using gin (tenant_id, words, tags, emails, phones, countries, consents, external_ids, company_ids, twins,
             parts public.gin_trgm_ops)
  with (gin_pending_list_limit = 1024);

-- The ids of the tenant's rows that meet everything that is not null; null itself when there are more than p_most, or
-- when the index knows nothing of what is asked. Of arrays all must be there. p_name, p_email_part, p_phone_part: the text has
-- this part, in lower case. Parts of a telephone number are found by its endings among the words.
--
-- The tenant comes from the setting that the policies read, and from nowhere else; without it nothing is found. The texts
-- are values, never SQL and never patterns. Planned anew each time, since only then is what is null left out of the plan.
create function crm.contact_ids(
  p_words tsquery, p_tag text[], p_name text, p_email_part text, p_phone_part text, p_most integer,
  p_email text[] default null, p_phone text[] default null, p_country text[] default null, p_consent text[] default null,
  p_external_id text[] default null, p_company uuid[] default null)
returns uuid[] language plpgsql stable security definer cost 10000
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan set enable_seqscan = off
as $$
declare
  v_tenant  constant uuid    := nullif(current_setting('app.tenant_id', true), '')::uuid;
  v_most    constant integer := least(greatest(coalesce(p_most, 0), 0), 10000);
  v_name    constant text    := '%' || regexp_replace(p_name, '([\\%_])', '\\\1', 'g') || '%';
  v_email   constant text    := '%' || regexp_replace(p_email_part, '([\\%_])', '\\\1', 'g') || '%';
  v_digits  constant text    := regexp_replace(p_phone_part, '[^0-9]', '', 'g');
  -- As the projection writes words.
  v_letters constant text    := translate(encode(substr(uuid_send(v_tenant), 14), 'base64'), '+/', '-_');
  v_ending  constant tsquery := case when length(v_digits) >= 4 then format('%L:*', v_letters || v_digits)::tsquery end;
  v_ids     uuid[];
begin
  if num_nonnulls(p_words, v_name, p_email, v_email, p_phone, v_ending, p_tag, p_country, p_consent, p_external_id,
                  p_company) = 0 then
    return null;
  end if;
  v_ids := array(
    select c.id from crm.contacts c
     where c.tenant_id = v_tenant
       and (p_words is null or c.words @@ p_words)
       and (v_ending is null or c.words @@ v_ending)
       and (p_tag is null or c.tags @> p_tag)
       and (p_email is null or c.emails @> p_email)
       and (p_phone is null or c.phones @> p_phone)
       and (p_country is null or c.countries @> p_country)
       and (p_consent is null or c.consents @> p_consent)
       and (p_external_id is null or c.external_ids @> p_external_id)
       and (p_company is null or c.company_ids @> p_company)
       and (v_name is null or c.parts like v_name)
       and (v_email is null or c.parts like v_email)
       and (p_name is null or strpos(c.name, p_name) > 0)
       and (p_email_part is null or exists (select from unnest(c.emails) as e where strpos(e, p_email_part) > 0))
       and (p_phone_part is null or exists (select from unnest(c.phones) as p where strpos(p, p_phone_part) > 0))
     limit v_most + 1);
  return case when cardinality(v_ids) <= v_most then v_ids end;
end $$;

-- Who may be the same person as a contact: by addresses and numbers in the form that `twins` has, by names of the same words in
-- any order, and by names that are spelled alike (similarity: from 0 to 1, by trigrams); with the companies that both have.
-- The tenant is applied as above. p_most: how many at most, those with the most reasons first.
create function crm.contact_twins(p_id uuid, p_most integer)
returns table (id uuid, shared text[], companies uuid[], similarity real)
language plpgsql stable security definer cost 10000
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan set enable_seqscan = off
set pg_trgm.word_similarity_threshold = 0.7
as $$
declare
  v_tenant constant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
  v_own    crm.contacts;
begin
  select * into v_own from crm.contacts c where c.tenant_id = v_tenant and c.id = p_id;
  if not found then
    return;
  end if;
  return query
    with alike as (
      select c.id, c.twins, c.company_ids, c.name from crm.contacts c
       where c.tenant_id = v_tenant and c.id <> p_id and c.twins && v_own.twins
      union
      (select c.id, c.twins, c.company_ids, c.name from crm.contacts c
        where c.tenant_id = v_tenant and c.id <> p_id and length(v_own.name) >= 3
          and v_own.name operator(public.<%) c.parts
        limit 1000)
    ), found as (
      select a.id,
             array(select unnest(a.twins) intersect select unnest(v_own.twins) order by 1) as shared,
             array(select unnest(a.company_ids) intersect select unnest(v_own.company_ids) order by 1) as companies,
             public.similarity(a.name, v_own.name) as similarity
        from alike a
    )
    select f.id, f.shared, f.companies, f.similarity from found f
     where cardinality(f.shared) > 0 or f.similarity >= 0.5
     order by cardinality(f.shared) desc, f.similarity desc, f.id
     limit least(greatest(coalesce(p_most, 0), 0), 1000);
end $$;

revoke execute on function crm.contact_ids, crm.contact_twins from public;
grant execute on function crm.contact_ids, crm.contact_twins to fairlead_app;
-- Whoever is to own a function must be able to make one there.
grant create on schema crm to fairlead_engine;
alter function crm.contact_ids owner to fairlead_engine;
alter function crm.contact_twins owner to fairlead_engine;
revoke create on schema crm from fairlead_engine;
