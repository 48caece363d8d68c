-- Custom attributes refer to records, too, and contact lists to those who are on them, which their events tell alone.

-- Notes what is referred to and was not noted: what was there before, and what programs wrote meanwhile that did not note it.
-- States that were merged or erased refer to nothing. Of contact lists the last event about a contact counts.
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
         select s.state ->> 'activity_id' where s.aggregate = 'comment'
         union all
         select a.value ->> 'id' from jsonb_each(s.state -> 'attributes') a
          where s.aggregate in ('contact', 'company', 'deal') and a.value ? 'type') t (id)
 where s.aggregate in ('deal', 'contact', 'company', 'activity', 'comment')
   and t.id is not null
   and s.state ->> 'merged_into' is null and (s.state ->> 'erased')::boolean is not true
on conflict do nothing;

insert into engine.record_references (tenant_id, target_id, aggregate, stream_id)
select n.tenant_id, n.contact_id, 'contact_list', n.stream_id
  from (select distinct on (e.tenant_id, e.stream_id, t.contact_id)
               e.tenant_id, e.stream_id, t.contact_id, t.is_member
          from engine.events e
         cross join lateral (
                 select jsonb_array_elements_text(e.data -> 'contact_ids')::uuid, e.type = 'contact_list.members_added'
                 union all
                 select (e.data ->> 'loser_id')::uuid, false where e.type = 'contact_list.member_replaced'
                 union all
                 select (e.data ->> 'winner_id')::uuid, true where e.type = 'contact_list.member_replaced'
               ) t (contact_id, is_member)
         where e.type in ('contact_list.members_added', 'contact_list.members_removed', 'contact_list.member_replaced')
         order by e.tenant_id, e.stream_id, t.contact_id, e.version desc) n
 where n.is_member
on conflict do nothing
$$;

select engine.note_references();
