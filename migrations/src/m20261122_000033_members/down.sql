-- Notes what states refer to that was not noted: what was there before, and what programs wrote meanwhile that did not note it.
-- States that were merged or erased refer to nothing.
create or replace function engine.note_references() returns void language sql as $$
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

delete from engine.record_references;
select engine.note_references();
