drop function crm.activity_ids;
drop table crm.activities;
drop index crm.timeline_subject;
delete from crm.timeline where stream_id is not null;
alter table crm.timeline drop column stream_id;
drop function engine.append_about_people, engine.streams_about;
drop table engine.subject_streams;
