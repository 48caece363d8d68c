-- Which records became part of a contact or a company: its timeline shows their history, too. Few rows of the timelines tell of
-- that.
create index timeline_absorbed on crm.timeline (tenant_id, record_id)
  where stream_id is null and type in ('contact.absorbed', 'company.absorbed');
