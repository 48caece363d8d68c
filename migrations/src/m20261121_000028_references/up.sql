-- What refers to what: of each record, the streams whose present state names it. Written with the events that make it so, so
-- that whoever has to do something about a record misses nobody who names it, however far behind read models are.

create table engine.record_references (
  tenant_id uuid not null,
  target_id uuid not null,                    -- the record that is named
  aggregate text not null collate "C",        -- of the stream that names it
  stream_id uuid not null,
  primary key (tenant_id, target_id, aggregate, stream_id)
);
call engine.protect('engine.record_references');
grant select, insert, delete on engine.record_references to fairlead_app;
grant select on engine.record_references to fairlead_engine;

-- As engine.append_about_people, for states that refer to other records than before: p_unreferring no more to p_unreferred, and
-- p_referring from now on to p_referred. The stream's row, which is locked, keeps others from changing the same references.
create function engine.append_with_references(
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
  p_unreferring uuid[], p_unreferred uuid[], p_referring uuid[], p_referred uuid[],
  out answered boolean, out incarnation integer, out xid bigint, out fingerprint bytea, out receipts jsonb
)
language plpgsql as $$
#variable_conflict use_column
begin
  select a.answered, a.incarnation, a.xid, a.fingerprint, a.receipts
    into answered, incarnation, xid, fingerprint, receipts
    from engine.append_about_people(
      p_tenant, p_principal, p_key, p_fingerprint, p_receipts, p_at, p_metadata, p_streams, p_aggregates,
      p_expected, p_versions, p_states, p_state_versions, p_deleted, p_released_scopes, p_released_keys,
      p_claimed_scopes, p_claimed_keys, p_claimed_streams, p_event_streams, p_event_versions, p_event_ids, p_types,
      p_schema_versions, p_data, p_seen_incarnation, p_seen_xid, p_new_subjects, p_new_keys, p_tenant_key,
      p_used_subjects, p_erased_subjects, p_secret_streams, p_secret_names, p_secrets,
      p_told_subjects, p_told_streams) a;
  if answered then
    return;
  end if;
  if cardinality(p_unreferred) > 0 then
    delete from engine.record_references r
     using unnest(p_unreferring, p_unreferred) as d (stream_id, target_id),
           unnest(p_streams, p_aggregates) as s (stream_id, aggregate)
     where r.tenant_id = p_tenant and r.target_id = any (p_unreferred) and r.target_id = d.target_id
       and r.stream_id = d.stream_id and s.stream_id = d.stream_id and r.aggregate = s.aggregate;
  end if;
  insert into engine.record_references (tenant_id, target_id, aggregate, stream_id)
  select p_tenant, n.target_id, s.aggregate, n.stream_id
    from unnest(p_referring, p_referred) as n (stream_id, target_id)
    join unnest(p_streams, p_aggregates) as s (stream_id, aggregate) on s.stream_id = n.stream_id
   order by 2, 3, 4
  on conflict do nothing;
end $$;

-- The streams of an aggregate that refer to a record, in ascending order behind one of them.
create function engine.referrers(p_tenant uuid, p_target uuid, p_aggregate text, p_after uuid, p_limit integer)
returns table (stream_id uuid)
language plpgsql as $$
begin
  perform engine.enter(p_tenant);
  return query
    select r.stream_id
      from engine.record_references r
     where r.tenant_id = p_tenant and r.target_id = p_target and r.aggregate = p_aggregate
       and (p_after is null or r.stream_id > p_after)
     order by r.stream_id limit p_limit;
end $$;

revoke execute on function engine.append_with_references, engine.referrers from public;
grant execute on function engine.append_with_references, engine.referrers to fairlead_app;

-- Notes what states refer to that was not noted: what was there before, and what programs wrote meanwhile that did not note it.
-- States that were merged or erased refer to nothing.
create function engine.note_references() returns void language sql as $$
insert into engine.record_references (tenant_id, target_id, aggregate, stream_id)
select distinct s.tenant_id, t.id::uuid, s.aggregate, s.stream_id
  from engine.streams s
 cross join lateral (
         select jsonb_array_elements_text(s.state -> 'contact_ids') where s.aggregate = 'deal'
         union all
         select jsonb_array_elements_text(s.state -> 'company_ids') where s.aggregate = 'deal'
         union all
         select s.state ->> 'stage_id' where s.aggregate = 'deal' and s.state ->> 'status' = 'open'
         union all
         select jsonb_object_keys(s.state -> 'companies') where s.aggregate = 'contact'
         union all
         select s.state ->> 'parent_id' where s.aggregate = 'company'
         union all
         select a ->> 'id' from jsonb_array_elements(s.state -> 'about') a where s.aggregate = 'activity'
         union all
         select s.state ->> 'activity_id' where s.aggregate = 'comment') t (id)
 where s.aggregate in ('deal', 'contact', 'company', 'activity', 'comment')
   and t.id is not null
   and s.state ->> 'merged_into' is null and (s.state ->> 'erased')::boolean is not true
on conflict do nothing
$$;
revoke execute on function engine.note_references from public;
select engine.note_references();
