-- Search over contacts: an index for words, labels and parts of texts, and the one way to it that is open to requests.
--
-- The operators of such indexes are not leakproof, so under row-level security the planner may not use them: it would have
-- to show other tenants' values to them first. The function below stands above the policies, as a function of the
-- engine's role, and applies the tenant itself.

-- Both are trusted: the database's owner may make them.
create extension if not exists btree_gin with schema public;
create extension if not exists pg_trgm with schema public;

-- What the row is found by: the words of its texts, written by the projection. Each begins with letters made of the
-- tenant's id, so that looking for all words with a common beginning meets those of one tenant alone.
alter table crm.contacts add column words tsvector not null default '';

-- Parts of names and addresses are found in both texts at once: they share most of their trigrams. Entries that wait to be
-- sorted in are read by every search, so not too many may wait.
create index contacts_search on crm.contacts
  using gin (tenant_id, words, tags, (name || ' ' || coalesce(email, '')) public.gin_trgm_ops)
  with (gin_pending_list_limit = 1024);

-- The ids of the tenant's rows that meet everything that is not null; null itself when there are more than p_most, or
-- when the index knows nothing of what is asked. p_tag: all of them. p_name, p_email, p_phone: the text has this part, in
-- lower case. Parts of a telephone number are found by its endings among the words.
--
-- The tenant comes from the setting that the policies read, and from nowhere else; without it nothing is found. The texts
-- are values, never SQL and never patterns. Planned anew each time, since only then is what is null left out of the plan.
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
