drop function crm.contact_ids;
drop function crm.contact_twins;
drop index crm.contacts_search;
alter table crm.contacts
  drop column job_title, drop column lifecycle_stage, drop column source, drop column birthday, drop column language,
  drop column emails, drop column phones, drop column countries, drop column consents, drop column external_ids,
  drop column company_ids, drop column parts, drop column twins,
  add column email text collate "C",
  add column phone text collate "C";
create index contacts_phone on crm.contacts (tenant_id, phone);
create index contacts_email on crm.contacts (tenant_id, email);

-- As it was before.
create index contacts_search on crm.contacts
  using gin (tenant_id, words, tags, (name || ' ' || coalesce(email, '')) public.gin_trgm_ops)
  with (gin_pending_list_limit = 1024);

create function crm.contact_ids(p_words tsquery, p_tag text[], p_name text, p_email text, p_phone text, p_most integer)
returns uuid[] language plpgsql stable security definer cost 10000
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan set enable_seqscan = off
as $$
declare
  v_tenant  constant uuid    := nullif(current_setting('app.tenant_id', true), '')::uuid;
  v_most    constant integer := least(greatest(coalesce(p_most, 0), 0), 10000);
  v_name    constant text    := '%' || regexp_replace(p_name, '([\\%_])', '\\\1', 'g') || '%';
  v_email   constant text    := '%' || regexp_replace(p_email, '([\\%_])', '\\\1', 'g') || '%';
  v_digits  constant text    := regexp_replace(p_phone, '[^0-9]', '', 'g');
  -- As the projection writes words.
  v_letters constant text    := translate(encode(substr(uuid_send(v_tenant), 14), 'base64'), '+/', '-_');
  v_ending  constant tsquery := case when length(v_digits) >= 4 then format('%L:*', v_letters || v_digits)::tsquery end;
  v_ids     uuid[];
begin
  if num_nonnulls(p_words, p_tag, v_name, v_email, v_ending) = 0 then
    return null;
  end if;
  v_ids := array(
    select c.id from crm.contacts c
     where c.tenant_id = v_tenant
       and (p_words is null or c.words @@ p_words)
       and (v_ending is null or c.words @@ v_ending)
       and (p_tag is null or c.tags @> p_tag)
       and (v_name is null or (c.name || ' ' || coalesce(c.email, '')) like v_name)
       and (v_email is null or (c.name || ' ' || coalesce(c.email, '')) like v_email)
       and (p_name is null or strpos(c.name, p_name) > 0)
       and (p_email is null or strpos(c.email, p_email) > 0)
       and (p_phone is null or strpos(c.phone, p_phone) > 0)
     limit v_most + 1);
  return case when cardinality(v_ids) <= v_most then v_ids end;
end $$;

revoke execute on function crm.contact_ids from public;
grant execute on function crm.contact_ids to fairlead_app;
-- Whoever is to own a function must be able to make one there.
grant create on schema crm to fairlead_engine;
alter function crm.contact_ids owner to fairlead_engine;
revoke create on schema crm from fairlead_engine;
